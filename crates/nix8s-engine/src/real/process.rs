//! Runs programs on this computer: each in a process group of its own, of which nothing is left when it is over.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use nix8s_core::tool::Command;
use nix8s_core::tool::FILES;
use nix8s_core::tool::Host;
use nix8s_core::tool::Output;
use nix8s_core::tool::PROGRAMS;
use nix8s_core::tool::SHORT;
use nix8s_core::tool::script::is_users;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

use super::leftover::OnRecord;
use super::private::Private;
use crate::port::Exec;
use crate::port::ExecError;
use crate::port::Store;
use crate::state::layout;

/// How much is kept of what a program complains about, and of what a user's program prints: the end of it.
pub(super) const TAIL_MAX: usize = 64 * 1024;

/// How much is kept of what a tool prints, which is read: more than any answer that makes sense.
const ANSWER_MAX: usize = 256 * 1024 * 1024;

/// How long a program that was asked to end may take before it is killed.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long output is read on after a program has ended: what still holds its pipes has left its process group.
const PIPES: Duration = Duration::from_secs(1);

/// Programs on this computer.
pub struct Processes {
    folder: PathBuf,
    record: Option<Arc<dyn Store>>,
}

impl Processes {
    /// Programs begin in this folder.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, record: None }
    }

    /// The same; users' programs are on record in a state directory while they run.
    pub fn on_record(folder: PathBuf, store: Arc<dyn Store>) -> Self {
        Self { folder, record: Some(store) }
    }
}

/// Runs a command that nobody asks to stop.
pub(super) async fn to_its_end(exec: &impl Exec, command: &Command) -> Result<Output, ExecError> {
    let never = Box::pin(std::future::pending());
    let ended = exec.run_until(command, never).await;
    ended.expect("only a stop leaves no answer, and none is asked for")
}

#[async_trait]
impl Exec for Processes {
    async fn run(&self, command: &Command) -> Result<Output, ExecError> {
        to_its_end(self, command).await
    }

    async fn run_until(
        &self,
        command: &Command,
        stop: BoxFuture<'_, ()>,
    ) -> Option<Result<Output, ExecError>> {
        let input = match &command.stdin {
            Some(text) => Input::Whole(text.expose().as_bytes()),
            None => Input::None,
        };
        self.feed(command, input, stop).await
    }
}

/// What a program reads.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// Nothing.
    None,
    /// This, and then the end.
    Whole(&'a [u8]),
    /// This, and then nothing for as long as it runs: the end tells it that we are gone.
    Open(&'a [u8]),
}

impl Processes {
    /// Runs a command here, whatever machine it is for.
    pub(super) async fn feed(
        &self,
        command: &Command,
        input: Input<'_>,
        stop: impl Future<Output = ()> + Unpin + Send,
    ) -> Option<Result<Output, ExecError>> {
        let log = match self.log(command) {
            Ok(log) => log,
            Err(error) => return Some(Ok(failed(126, &format!("could not write its log: {error}")))),
        };
        match Running::start(command, input, &self.folder, self.record.as_ref()) {
            Ok(running) => running.end(command, input, log.as_ref(), stop).await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some(Err(ExecError::Missing { program: program(command).to_owned() }))
            }
            Err(error) => Some(Ok(failed(126, &format!("could not start {}: {error}", program(command))))),
        }
    }
}

impl Processes {
    /// The log of a command that has one, begun anew: the user's alone.
    fn log(&self, command: &Command) -> io::Result<Option<File>> {
        let root = self.record.as_ref().and_then(|store| store.root());
        let (Some(root), Some(machine)) = (root, &command.log) else { return Ok(None) };
        let path = root.join(layout::install_log(machine));
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600).open(path).map(Some)
    }
}

fn program(command: &Command) -> &str {
    command.argv.first().map(String::as_str).unwrap_or_default()
}

fn failed(status: i32, stderr: &str) -> Output {
    Output { status, stdout: String::new(), stderr: stderr.to_owned() }
}

/// A program that runs. Dropping it kills its process group and removes its files.
struct Running {
    child: Child,
    group: Group,
    _record: Option<OnRecord>,
    _files: Option<Private>,
}

impl Running {
    fn start(
        command: &Command,
        input: Input<'_>,
        folder: &Path,
        record: Option<&Arc<dyn Store>>,
    ) -> io::Result<Self> {
        let files = if command.files.is_empty() { None } else { Some(Private::holding(&command.files)?) };
        let put = |word: &String| match &files {
            Some(files) => word.replace(FILES, &files.root().display().to_string()),
            None => word.clone(),
        };
        let argv: Vec<String> = command.argv.iter().map(put).collect();
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let input = match input {
            Input::None => Stdio::null(),
            Input::Whole(_) | Input::Open(_) => Stdio::piped(),
        };
        let mut child = tokio::process::Command::new(program);
        if let Some(files) = files.as_ref().filter(|files| files.root().join(PROGRAMS).is_dir()) {
            child.env("PATH", first_on_path(&files.root().join(PROGRAMS)));
        }
        let child = child
            .args(arguments)
            .envs(&command.environment)
            .current_dir(folder)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = Group(id);
        let record = match (id, record) {
            (Some(id), Some(store)) if outlives_us(command) => Some(OnRecord::new(store, id)?),
            _ => None,
        };
        Ok(Self { child, group, _record: record, _files: files })
    }

    /// Waits for its end; `None`: it was asked to stop, and is gone.
    async fn end(
        mut self,
        command: &Command,
        input: Input<'_>,
        log: Option<&File>,
        stop: impl Future<Output = ()> + Unpin + Send,
    ) -> Option<Result<Output, ExecError>> {
        let (printed, complained) = (Tail::new(answer_max(command), log), Tail::new(TAIL_MAX, log));
        let (stdin, stdout, stderr) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let open = Mutex::new(None);
        let write = async {
            let (Some(mut stdin), Input::Whole(text) | Input::Open(text)) = (stdin, input) else { return };
            // A program that does not read all of it has its reasons, and its status tells.
            let _ = stdin.write_all(text).await;
            if let Input::Open(_) = input {
                *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(stdin);
            }
        };
        let read = async {
            tokio::join!(printed.read(stdout), complained.read(stderr), write);
        };
        let mut read = std::pin::pin!(read);
        let mut is_read = false;
        let mut stop = stop;
        let status = loop {
            tokio::select! {
                biased;
                // Each can be dropped and asked again: the child keeps its status, the tails keep what was read.
                status = self.child.wait() => break status,
                () = &mut read, if !is_read => is_read = true,
                () = &mut stop => {
                    self.group.signal(Signal::TERM);
                    let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
                    return None;
                }
            }
        };
        // Whatever it left running goes with it.
        self.group.end();
        if !is_read {
            let _ = tokio::time::timeout(PIPES, read).await;
        }
        Some(match status {
            Ok(status) => {
                Ok(Output { status: code(status), stdout: printed.text(), stderr: complained.text() })
            }
            Err(error) => Ok(failed(126, &format!("could not wait for {}: {error}", program(command)))),
        })
    }
}

/// The PATH with a folder before all others.
fn first_on_path(folder: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = folder.as_os_str().to_owned();
    all.push(":");
    all.push(path);
    all
}

/// Whether a program would go on for long if we were killed. What runs on a machine ends with its connection, of which we
/// hold the other end.
fn outlives_us(command: &Command) -> bool {
    is_users(command) || (command.on == Host::Here && command.timeout > SHORT)
}

fn answer_max(command: &Command) -> usize {
    if is_users(command) { TAIL_MAX } else { ANSWER_MAX }
}

/// The exit status as shells have it: 128 and the signal that killed it.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// A process group; it is killed when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It may be gone already, which is as well.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Kills what is left of it, and forgets it: its number may soon be another's.
    fn end(&mut self) {
        self.signal(Signal::KILL);
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The last bytes of what a program writes.
struct Tail<'a> {
    max: usize,
    bytes: Mutex<Vec<u8>>,
    /// Takes down all of it.
    log: Option<&'a File>,
}

impl<'a> Tail<'a> {
    fn new(max: usize, log: Option<&'a File>) -> Self {
        Self { max, bytes: Mutex::new(Vec::new()), log }
    }

    async fn read(&self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            if let Some(mut log) = self.log {
                // A log that cannot be written is no reason to break off what it is about.
                let _ = log.write_all(&buffer[..read]);
            }
            let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.extend_from_slice(&buffer[..read]);
            // Twice as much is kept, so that not every piece moves all of it.
            if bytes.len() > self.max.saturating_mul(2) {
                let skip = bytes.len() - self.max;
                bytes.drain(..skip);
            }
        }
    }

    fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = bytes.len().saturating_sub(self.max);
        String::from_utf8_lossy(&bytes[skip..]).into_owned()
    }
}
