//! Runs commands on machines, over the OpenSSH of whoever runs nix8s: one connection to each machine, shared by its commands.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use nix8s_core::model::MachineName;
use nix8s_core::model::Ssh;
use nix8s_core::model::Sudo;
use nix8s_core::tool::Command;
use nix8s_core::tool::Connection;
use nix8s_core::tool::File;
use nix8s_core::tool::Host;
use nix8s_core::tool::KNOWN_HOSTS;
use nix8s_core::tool::Output;
use nix8s_core::tool::SHORT;
use nix8s_core::tool::ssh;
use nix8s_core::tool::ssh::Asks;
use nix8s_core::tool::ssh::SUDO_ASKS;
use nix8s_core::tool::ssh::SUDO_REFUSES;
use nix8s_core::tool::ssh::Why;
use nix8s_core::tool::ssh::known_hosts;
use nix8s_core::tool::ssh::remote;
use nix8s_core::tool::ssh::remote::Remote;
use tokio::sync::Semaphore;

use super::evaluate;
use super::login::Given;
use super::login::Login;
use super::process::Input;
use super::process::Processes;
use super::process::to_its_end;
use super::programs::Programs;
use super::way::Ways;
use crate::port::Exec;
use crate::port::ExecError;

/// How many connections are made at the same moment to one SSH server, before it has answered: by default sshd begins to
/// refuse at random from the tenth on (`MaxStartups 10:30:100`, `sshd_config`(5)).
const DOOR: usize = 8;

/// How often a connection that was turned away at the door is tried, and how long is waited in between.
const KNOCKS: u32 = 4;

/// Programs here and on machines.
pub struct Machines {
    state: PathBuf,
    pub(super) here: Processes,
    pub(super) ways: Ways,
    links: Mutex<BTreeMap<MachineName, Arc<Link>>>,
    doors: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    own: OnceLock<Programs>,
    told: Vec<(&'static str, String)>,
    login: Login,
}

/// What is known of the connection to a machine.
#[derive(Debug, Default)]
struct Link {
    /// It has answered, and nothing has gone wrong since: a connection that can be shared is open.
    good: AtomicBool,
    /// Something has gone wrong: what is shared may lead nowhere.
    doubtful: AtomicBool,
    /// It lets in whom OpenSSH finds by itself, and not the deploy key.
    is_theirs: AtomicBool,
}

impl Link {
    fn is_good(&self) -> bool {
        self.good.load(Ordering::Relaxed)
    }

    fn answered(&self) {
        self.good.store(true, Ordering::Relaxed);
    }

    fn doubt(&self) {
        self.good.store(false, Ordering::Relaxed);
        self.doubtful.store(true, Ordering::Relaxed);
    }

    fn take_doubt(&self) -> bool {
        self.doubtful.swap(false, Ordering::Relaxed)
    }
}

/// Doubts a link unless it is told that all is well: a command that is dropped in the middle says nothing good of its
/// connection.
struct Watched<'a>(Option<&'a Link>);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.doubt();
        }
    }
}

/// What this process runs, also when another version has been put in its place since it began.
pub(super) fn program() -> io::Result<PathBuf> {
    // By its number: what runs it may be another program, whose `self` that would be.
    let running = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    let is_this = std::fs::read_link(&running).ok() == std::fs::read_link("/proc/self/exe").ok();
    if is_this && running.exists() { Ok(running) } else { std::env::current_exe() }
}

impl Machines {
    /// Programs here are run by `here`, and host keys are known from the state directory `state`.
    pub fn new(here: Processes, state: PathBuf) -> Self {
        Self {
            here,
            ways: Ways::new(state.clone()),
            state,
            links: Mutex::default(),
            doors: Mutex::default(),
            own: OnceLock::new(),
            told: Vec::new(),
            login: Login::default(),
        }
    }

    /// The same, that logs in with these besides what OpenSSH finds.
    pub fn logging_in(self, given: Given) -> Self {
        Self { login: Login::new(given), ..self }
    }

    /// The same; nix8s, where it is run here by itself, finds these in its environment.
    pub fn telling(self, told: Vec<(&'static str, String)>) -> Self {
        Self { told, ..self }
    }

    fn link(&self, name: &MachineName) -> Arc<Link> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(links.entry(name.clone()).or_default())
    }

    /// The SSH server that is knocked at first: a jump host's, which many machines may share, or the machine's own.
    fn door(&self, name: &MachineName, ssh: &Ssh) -> Arc<Semaphore> {
        let key = ssh.jump.clone().unwrap_or_else(|| name.to_string());
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(doors.entry(key).or_insert_with(|| Arc::new(Semaphore::new(DOOR))))
    }

    fn own(&self) -> io::Result<&Programs> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let own = Programs::find(program()?, &std::env::current_exe()?)?;
        Ok(self.own.get_or_init(|| own))
    }

    async fn on_machine(
        &self,
        command: &Command,
        name: &MachineName,
        ssh: &Ssh,
        mut stop: BoxFuture<'_, ()>,
    ) -> Option<Result<Output, ExecError>> {
        let Some(host) = ssh.host.as_deref() else { return Some(Err(ExecError::NoAddress)) };
        let target = Target { name, ssh, host };
        let is_own = command.argv.first().is_some_and(|program| program == "nix8s");
        let program = match self.own() {
            Ok(own) => own.name.as_str(),
            Err(error) => return Some(Ok(cannot("read its own program", &error))),
        };
        let password = match self.login.password(name, ssh) {
            Ok(password) => password,
            Err(error) => return Some(Err(error)),
        };
        let (mut is_put, mut is_tried, link) = (false, false, self.link(name));
        loop {
            let remote = remote::remote(command, program, ssh.sudo, password);
            let came = self.connected(&target, command, &remote, &mut stop).await?;
            if let Err(ExecError::Denied { said }) = &came
                && !is_tried
                && !said.starts_with(SUDO_REFUSES)
                && self.socket().await.is_some()
            {
                // The other way to log in, which is the first one from now on if it leads in.
                is_tried = true;
                link.is_theirs.fetch_xor(true, Ordering::Relaxed);
                continue;
            }
            let lacks = came.as_ref().ok().filter(|_| is_own).and_then(remote::lacks);
            let (Some(architecture), false) = (lacks, is_put) else { return Some(came) };
            is_put = true;
            match self.put(&target, architecture, &mut stop).await? {
                Ok(output) if output.status == 0 => {}
                other => return Some(other),
            }
        }
    }

    /// Where the agent with the deploy key is reached, if there is such a key.
    async fn socket(&self) -> Option<String> {
        self.login.socket(&self.here, |command| self.completed(command).map(Cow::into_owned)).await
    }

    /// A program here that reaches a machine by itself, with the agent that has the deploy key where that lets us in.
    async fn with_agent(&self, command: &mut Cow<'_, Command>) {
        let Some((name, _)) = &command.reaches else { return };
        if self.link(name).is_theirs.load(Ordering::Relaxed) {
            return;
        }
        if let Some(socket) = self.socket().await {
            command.to_mut().environment.insert("SSH_AUTH_SOCK".to_owned(), socket);
        }
    }

    /// A command here with what it cannot know: which host keys count, and where this program is.
    fn completed<'a>(&self, command: &'a Command) -> io::Result<Cow<'a, Command>> {
        let mut command = Cow::Borrowed(command);
        if let Some((name, ssh)) = &command.reaches {
            let host = ssh.host.as_deref().unwrap_or(name.as_str());
            let keys = self.ways.host_keys(ssh, host)?;
            command.to_mut().files.insert(KNOWN_HOSTS.to_owned(), File::private(keys));
        }
        if command.argv.first().is_some_and(|program| program == "nix8s") {
            let program = program()?.display().to_string();
            // What this nix8s was told holds for that one too.
            let told = self.told.iter().map(|(name, value)| format!("{name}={value}"));
            let own: Vec<String> = std::iter::once("env".to_owned()).chain(told).chain([program]).collect();
            command.to_mut().argv.splice(0..1, own);
        }
        Ok(command)
    }

    /// Puts this program on a machine of an architecture.
    async fn put(
        &self,
        target: &Target<'_>,
        architecture: &str,
        stop: &mut BoxFuture<'_, ()>,
    ) -> Option<Result<Output, ExecError>> {
        let own = self.own.get()?;
        let program = match own.of(architecture) {
            Ok(program) => program,
            Err(why) => return Some(Ok(Output { status: 126, stdout: String::new(), stderr: why })),
        };
        let bytes = match std::fs::read(&program.path) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Ok(cannot("read its own program", &error))),
        };
        let password = self.login.password(target.name, target.ssh).ok().flatten();
        let Remote { line, input } = remote::put(&own.name, &program.digest, target.ssh.sudo, password);
        let input = [input.expose().as_bytes().to_vec(), bytes].concat();
        let argv = match self.line_in(target, Connection::Shared).await {
            Ok(argv) => argv,
            Err(error) => return Some(Ok(cannot("write known_hosts", &error))),
        };
        let command = Command::here(argv.into_iter().chain([line]), Duration::from_secs(600));
        let came = self.here.feed(&command, Input::Whole(&input), stop).await?;
        Some(came.and_then(|output| match unreached(&output) {
            Some(why) => Err(why),
            None => Ok(Output {
                stderr: format!("nix8s could not be put into {}: {}", remote::PROGRAMS, output.stderr),
                ..output
            }),
        }))
    }

    pub(super) fn line(&self, target: &Target<'_>, connection: Connection) -> io::Result<Vec<String>> {
        self.ways.line(target.name, target.ssh, target.host, Asks::Nobody, connection)
    }

    /// The same, logging in with the deploy key unless it is known that this does not lead in.
    async fn line_in(&self, target: &Target<'_>, connection: Connection) -> io::Result<Vec<String>> {
        let mut argv = self.line(target, connection)?;
        if !self.link(target.name).is_theirs.load(Ordering::Relaxed)
            && let Some(socket) = self.socket().await
        {
            // What OpenSSH finds as files counts too; the first value of an option is the one that holds.
            argv.splice(1..1, ["-o".to_owned(), ssh::agent(&socket)]);
        }
        Ok(argv)
    }

    /// Runs one command over a connection that is there, or that is made.
    async fn connected(
        &self,
        target: &Target<'_>,
        command: &Command,
        remote: &Remote,
        stop: &mut BoxFuture<'_, ()>,
    ) -> Option<Result<Output, ExecError>> {
        let argv = match self.line_in(target, command.connection).await {
            Ok(argv) => argv,
            Err(error) => return Some(Ok(cannot("write known_hosts", &error))),
        };
        let link = self.link(target.name);
        if link.take_doubt() {
            self.leave(&argv).await;
        }
        let ssh = Command::here(argv.into_iter().chain([remote.line.clone()]), command.timeout);
        let door = self.door(target.name, target.ssh);
        for knock in 1.. {
            let turn = if link.is_good() { None } else { door.acquire().await.ok() };
            let mut watched = Watched(Some(&link));
            let came =
                self.here.feed(&ssh, Input::Open(remote.input.expose().as_bytes()), &mut *stop).await?;
            let left = match came.map(remote::ended) {
                Ok(Ok(output)) => {
                    watched.0 = None;
                    link.answered();
                    return Some(Ok(output));
                }
                Ok(Err(left)) => left,
                Err(error) => return Some(Err(error)),
            };
            if !ssh::is_turned_away(&left) || knock == KNOCKS {
                return Some(self.why(target, left).await);
            }
            // There is room for fewer than was thought.
            if let Some(turn) = turn.filter(|_| door.available_permits() > 0) {
                turn.forget();
            }
            tokio::time::sleep(Duration::from_millis(250) * 2_u32.pow(knock)).await;
        }
        None
    }

    /// Closes what is shared: the next command connects anew.
    async fn leave(&self, argv: &[String]) {
        let mut argv = argv.to_vec();
        argv.splice(1..1, ["-O".to_owned(), "exit".to_owned()]);
        let exit = Command::here(argv, SHORT);
        let never = Box::pin(std::future::pending());
        // If there is nothing to be closed, that is as well.
        let _ = self.here.feed(&exit, Input::None, never).await;
    }

    /// Why a command did not come to its end.
    async fn why(&self, target: &Target<'_>, left: Output) -> Result<Output, ExecError> {
        match unreached(&left) {
            Some(ExecError::UnknownKey { .. }) => {
                let fingerprint = self.shown(target).await.unwrap_or_else(|| "a key".to_owned());
                Err(ExecError::UnknownKey { fingerprint })
            }
            Some(ExecError::Denied { said }) => Err(ExecError::Denied {
                said: match self.login.why_not().await {
                    Some(why) => format!("{said}; the deploy key could not be used: {why}"),
                    None => said,
                },
            }),
            Some(error) => Err(error),
            // The connection broke, and ssh has nothing to say to that.
            None if left.status == 255 => Err(ExecError::Lost),
            None if target.ssh.sudo == Sudo::Password => {
                self.login.refused(target.name);
                let said = format!("{SUDO_REFUSES}: {}", crate::execute::last_lines(&left.stderr));
                Err(ExecError::Denied { said })
            }
            None if target.ssh.sudo == Sudo::Passwordless => {
                let said = format!("{SUDO_ASKS}: {}", crate::execute::last_lines(&left.stderr));
                Err(ExecError::Denied { said })
            }
            // The login shell did not let the command begin.
            None => Err(ExecError::Denied { said: crate::execute::last_lines(&left.stderr) }),
        }
    }
}

/// A machine, as it is reached.
pub(super) struct Target<'a> {
    pub(super) name: &'a MachineName,
    pub(super) ssh: &'a Ssh,
    pub(super) host: &'a str,
}

#[async_trait]
impl Exec for Machines {
    async fn run(&self, command: &Command) -> Result<Output, ExecError> {
        to_its_end(self, command).await
    }

    async fn run_until(
        &self,
        command: &Command,
        stop: BoxFuture<'_, ()>,
    ) -> Option<Result<Output, ExecError>> {
        if let Some(systems) = &command.evaluates {
            return tokio::select! {
                biased;
                came = evaluate::run(&self.here, &self.state, systems) => Some(came),
                () = stop => None,
            };
        }
        match &command.on {
            Host::Here => match self.completed(command) {
                Ok(mut completed) => {
                    self.with_agent(&mut completed).await;
                    let came = self.here.run_until(&completed, stop).await;
                    self.login.noted(command).await;
                    came
                }
                Err(error) => Some(Ok(cannot("read the host keys that it knows", &error))),
            },
            Host::Machine { name, ssh } => self.on_machine(command, name, ssh, stop).await,
        }
    }
}

/// What was in the way, if ssh says so.
fn unreached(output: &Output) -> Option<ExecError> {
    let unreached = ssh::unreached(output)?;
    let fingerprint = || known_hosts::shown(output).unwrap_or_else(|| "another".to_owned());
    Some(match unreached.why {
        Why::Refused => ExecError::Refused,
        Why::TimedOut => ExecError::TimedOut,
        Why::NoAddress => ExecError::NoAddress,
        Why::WrongKey => ExecError::WrongKey { fingerprint: fingerprint() },
        Why::UnknownKey => ExecError::UnknownKey { fingerprint: String::new() },
        Why::Denied => ExecError::Denied { said: unreached.said },
        Why::Lost => ExecError::Lost,
    })
}

fn cannot(what: &str, error: &io::Error) -> Output {
    Output { status: 126, stdout: String::new(), stderr: format!("nix8s could not {what}: {error}") }
}
