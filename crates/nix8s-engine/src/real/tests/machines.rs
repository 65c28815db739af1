//! Commands on a machine: a real SSH server on loopback, with keys of its own and a /var/lib of its own.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nix8s_core::model::MachineName;
use nix8s_core::model::Ssh;
use nix8s_core::model::Sudo;
use nix8s_core::secret::Redacted;
use nix8s_core::tool::Command;
use nix8s_core::tool::File;
use nix8s_core::tool::Host;
use nix8s_core::tool::nixos_anywhere;
use nix8s_core::tool::secrets;
use nix8s_core::tool::ssh::SUDO_ASKS;
use nix8s_core::tool::ssh::SUDO_REFUSES;
use tempfile::TempDir;

use super::super::Given;
use super::super::Machines;
use super::super::NotAccepted;
use super::super::Processes;
use crate::port::Exec;
use crate::port::ExecError;

const SSHD: &str = "/usr/sbin/sshd";

/// An SSH server that knows one key.
struct Server {
    sshd: Child,
    folder: TempDir,
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn key(path: &Path) {
    let _ = std::fs::remove_file(path);
    let mut made = std::process::Command::new("ssh-keygen");
    made.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path);
    assert!(made.status().unwrap().success());
}

impl Server {
    /// `None`, said aloud: there is no SSH server on this computer, or we may not start one.
    fn start() -> Option<Self> {
        if !Path::new(SSHD).exists() || !rustix::process::getuid().is_root() {
            println!("SKIPPED: {SSHD} as root is needed (Debian: openssh-server)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["id", "host"] {
            key(&folder.path().join(name));
        }
        std::fs::create_dir_all("/run/sshd").unwrap();
        // The kernel chooses a port that is free; it stays so until the server takes it a moment later.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (sshd, said) = serve(folder.path(), port);
        Some(Self { sshd, folder, port, said })
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The same machine with another host key.
    fn lie(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
        key(&self.folder.path().join("host"));
        (self.sshd, self.said) = serve(self.folder.path(), self.port);
    }

    /// How it is reached; `is_known`: its host key stands in the configuration.
    fn ssh(&self, is_known: bool) -> Ssh {
        let host_key = is_known.then(|| std::fs::read_to_string(self.at("host.pub")).unwrap());
        Ssh {
            port: self.port,
            key_file: Some(self.at("id")),
            host_key,
            ..Ssh::root_at(Some("127.0.0.1".to_owned()))
        }
    }

    fn machines(&self) -> Machines {
        Machines::new(Processes::in_folder(self.folder.path().to_owned()), self.folder.path().join("state"))
    }

    fn fingerprint(&self) -> String {
        let listed =
            std::process::Command::new("ssh-keygen").args(["-l", "-f", &self.at("host.pub")]).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        listed.split_whitespace().nth(1).unwrap().to_owned()
    }

    fn logins(&self) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains("Accepted publickey")).count()
    }
}

/// Its own /var/lib is in memory, so that nothing is put on the computer that runs the test.
fn serve(folder: &Path, port: u16) -> (Child, Arc<Mutex<Vec<String>>>) {
    let at = |name: &str| folder.join(name).display().to_string();
    let settings = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
         SetEnv PATH={}:/usr/sbin:/usr/bin:/sbin:/bin\n",
        at("host"),
        at("id.pub"),
        at("programs")
    );
    std::fs::write(folder.join("sshd_config"), settings).unwrap();
    let own = "mount -t tmpfs none /var/lib && exec \"$@\"";
    let mut sshd = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", own, "sh", SSHD, "-D", "-e", "-f", &at("sshd_config")])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(sshd.stderr.take().unwrap()).lines().map_while(Result::ok);
    let listens = lines.any(|line| line.contains("Server listening"));
    assert!(listens, "the SSH server does not start");
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    std::thread::spawn(move || lines.for_each(|line| heard.lock().unwrap().push(line)));
    (sshd, said)
}

fn name() -> MachineName {
    "w1".parse().unwrap()
}

fn on(ssh: &Ssh, argv: &[&str]) -> Command {
    let on = Host::Machine { name: name(), ssh: ssh.clone() };
    Command { on, ..Command::here(argv.iter().copied(), Duration::from_secs(60)) }
}

#[tokio::test]
async fn n_04_what_is_sent_arrives_as_it_is() {
    let Some(server) = Server::start() else { return };
    let (machines, ssh) = (server.machines(), server.ssh(true));
    let payloads = [
        "it's",
        "$(touch /tmp/evil)",
        "`id`",
        "a\nb\n",
        "\\",
        "${x}",
        "*",
        "",
        "-n",
        "ü \u{1F600}",
        "\t; exit 9",
    ];
    let argv: Vec<&str> = ["printf", "<%s>"].into_iter().chain(payloads).collect();
    let output = machines.run(&on(&ssh, &argv)).await.unwrap();
    let expected: String = payloads.iter().map(|payload| format!("<{payload}>")).collect();
    assert_eq!((output.status, output.stdout.as_str(), output.stderr.trim()), (0, expected.as_str(), ""));

    // What it reads, which may be long, and its files.
    let long = "secret \u{2713}\n".repeat(50_000);
    let output = machines.run(&on(&ssh, &["cat"]).reading(long.clone())).await.unwrap();
    assert!(output.stdout == long, "{} bytes of {}", output.stdout.len(), long.len());
    let mut script = on(&ssh, &["bash", "{files}/a folder/script", "it's"]).reading("in".to_owned());
    let text = "stat -c %a \"$0\"; cat; echo \" $1\"; echo no >&2; exit 255\n".to_owned();
    script.files.insert("a folder/script".to_owned(), File::private(text));
    let output = machines.run(&script).await.unwrap();
    assert_eq!((output.status, output.stdout.as_str()), (255, "600\nin it's\n"));
    assert_eq!(output.stderr.trim(), "no");
    let output = machines.run(&on(&ssh, &["no-such-program"])).await.unwrap();
    assert_eq!(output.status, 127, "{}", output.stderr);
    // One connection was made for all of that, and another only where it is the point.
    assert_eq!(server.logins(), 1);
    machines.run(&on(&ssh, &["true"]).over_new_connection()).await.unwrap();
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn x_12_a_host_key_counts_only_when_it_is_known_or_a_person_accepts_it() {
    let Some(mut server) = Server::start() else { return };
    let (machines, ssh) = (server.machines(), server.ssh(false));
    let hello = on(&ssh, &["echo", "hello"]);
    let fingerprint = server.fingerprint();
    let unknown = ExecError::UnknownKey { fingerprint: fingerprint.clone() };
    assert_eq!(machines.run(&hello).await, Err(unknown));

    let other = machines.accept(&name(), &ssh, "SHA256:another").await.unwrap_err();
    assert!(
        matches!(&other, NotAccepted::Other { fingerprint: shown } if *shown == fingerprint),
        "{other:?}"
    );
    machines.accept(&name(), &ssh, &fingerprint).await.unwrap();
    assert_eq!(machines.run(&hello).await.unwrap().stdout, "hello\n");

    // Another key is another machine, until somebody says that it is not.
    server.lie();
    let changed = server.fingerprint();
    let wrong = ExecError::WrongKey { fingerprint: changed.clone() };
    let anew = hello.clone().over_new_connection();
    assert_eq!(machines.run(&anew).await, Err(wrong));
    machines.accept(&name(), &ssh, &changed).await.unwrap();
    assert_eq!(machines.run(&anew).await.unwrap().stdout, "hello\n");

    let configured = machines.accept(&name(), &server.ssh(true), &changed).await.unwrap_err();
    assert!(matches!(configured, NotAccepted::Configured), "{configured:?}");
}

#[tokio::test]
async fn what_is_in_the_way_has_a_name() {
    let Some(mut server) = Server::start() else { return };
    let (machines, ssh) = (server.machines(), server.ssh(true));
    std::fs::write(server.at("id.pub"), "").unwrap();
    let denied = machines.run(&on(&ssh, &["true"])).await.unwrap_err();
    assert!(
        matches!(&denied, ExecError::Denied { said } if said.contains("Permission denied")),
        "{denied:?}"
    );
    let _ = server.sshd.kill();
    let _ = server.sshd.wait();
    assert_eq!(machines.run(&on(&ssh, &["true"])).await, Err(ExecError::Refused));
    let nowhere = Ssh { host: Some("nowhere.invalid".to_owned()), ..ssh.clone() };
    assert_eq!(machines.run(&on(&nowhere, &["true"])).await, Err(ExecError::NoAddress));
    assert_eq!(machines.run(&on(&Ssh { host: None, ..ssh }, &["true"])).await, Err(ExecError::NoAddress));
}

#[tokio::test]
async fn a_command_that_is_dropped_leaves_nothing_running_on_the_machine() {
    let Some(server) = Server::start() else { return };
    let (machines, ssh) = (server.machines(), server.ssh(true));
    let pid = server.folder.path().join("pid");
    let text = format!("sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", pid.display());
    let command = on(&ssh, &["sh", "-c", &text]);
    let written = async {
        while !pid.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        came = machines.run(&command) => panic!("it waits for its child: {came:?}"),
        () = written => {}
    }
    let child = std::fs::read_to_string(&pid).unwrap();
    while super::lives(child.trim()) {
        tokio::task::yield_now().await;
    }
    // The connection is doubted and made anew.
    assert_eq!(machines.run(&on(&ssh, &["echo", "on"])).await.unwrap().stdout, "on\n");
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn what_a_command_leaves_running_on_a_machine_goes_with_it() {
    let Some(server) = Server::start() else { return };
    let (machines, ssh) = (server.machines(), server.ssh(true));
    let left = machines.run(&on(&ssh, &["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"])).await.unwrap();
    while super::lives(left.stdout.trim()) {
        tokio::task::yield_now().await;
    }
}

/// This test's own program stands in for nix8s: it says what it is asked.
#[tokio::test]
async fn our_own_program_is_put_on_a_machine_that_does_not_have_it() {
    let Some(server) = Server::start() else { return };
    let (machines, ssh) = (server.machines(), server.ssh(true));
    let list = on(&ssh, &["nix8s", "--list"]);
    let instead = Command { instead: Some("echo instead of nix8s: \"$*\""), ..list.clone() };
    assert_eq!(machines.run(&instead).await.unwrap().stdout, "instead of nix8s: \n");
    let output = machines.run(&list).await.unwrap();
    assert!(output.stdout.contains("our_own_program_is_put"), "{output:?}");
    let output = machines.run(&instead).await.unwrap();
    assert!(output.stdout.contains("our_own_program_is_put"), "{output:?}");
    let there = machines.run(&on(&ssh, &["sh", "-c", "ls -A /var/lib/nix8s/bin"])).await.unwrap().stdout;
    assert_eq!(there.lines().count(), 1, "{there}");
}

/// A sudo that wants a password, and takes one line for it.
const SUDO: &str = "#!/bin/sh\necho \"$*\" >> \"${0%/*}/called\"\n[ \"$1\" = -S ] || { echo 'sudo: a password is required' >&2; exit 1; }\n\
    IFS= read -r password\n[ \"$password\" = hunter2 ] || { echo 'sudo: 1 incorrect password attempt' >&2; exit 1; }\n\
    shift 4\nexec \"$@\"\n";

fn with_sudo(server: &Server) {
    let folder = server.folder.path().join("programs");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("sudo");
    std::fs::write(&path, SUDO).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_password_for_sudo_goes_by_standard_input_and_is_not_tried_twice_when_it_is_wrong() {
    let Some(server) = Server::start() else { return };
    with_sudo(&server);
    let ssh = Ssh { sudo: Sudo::Password, ..server.ssh(true) };
    let machines = |password: Option<&str>| {
        server.machines().logging_in(Given { keys: None, password: password.map(Into::into) })
    };
    let calls = || std::fs::read_to_string(server.at("programs/called")).unwrap_or_default();
    let hello = on(&ssh, &["cat"]).reading("hello");

    let denied = machines(None).run(&hello).await.unwrap_err();
    assert_eq!(denied, ExecError::Denied { said: SUDO_ASKS.to_owned() });
    assert_eq!(calls(), "", "nobody was asked for it, so sudo is not");
    let without = on(&Ssh { sudo: Sudo::Passwordless, ..ssh.clone() }, &["true"]);
    let denied = machines(None).run(&without).await.unwrap_err();
    assert!(matches!(&denied, ExecError::Denied { said } if said.starts_with(SUDO_ASKS)), "{denied:?}");

    let right = machines(Some("hunter2"));
    for _ in 0..2 {
        assert_eq!(right.run(&hello).await.unwrap().stdout, "hello");
    }
    assert!(!calls().contains("hunter2"), "{}", calls());

    let (wrong, before) = (machines(Some("hunter3")), calls().lines().count());
    for _ in 0..3 {
        let denied = wrong.run(&hello).await.unwrap_err();
        assert!(
            matches!(&denied, ExecError::Denied { said } if said.starts_with(SUDO_REFUSES)),
            "{denied:?}"
        );
    }
    assert_eq!(calls().lines().count(), before + 1);
}

/// What prints the keys to log in with: those of a file.
fn keys(server: &Server, names: &[&str]) -> Given {
    let keys: Vec<Redacted> =
        names.iter().map(|name| std::fs::read_to_string(server.at(name)).unwrap().into()).collect();
    std::fs::write(server.at("keys.json"), secrets::print_logins(&keys).expose()).unwrap();
    Given {
        keys: Some(Command::here(["cat".to_owned(), server.at("keys.json")], Duration::from_secs(60))),
        password: None,
    }
}

#[tokio::test]
async fn the_deploy_key_lets_in_and_the_users_own_keys_still_do() {
    let Some(server) = Server::start() else { return };
    let without = Ssh { key_file: None, ..server.ssh(true) };
    let denied = server.machines().run(&on(&without, &["true"])).await;
    assert!(matches!(denied, Err(ExecError::Denied { .. })), "{denied:?}");
    let machines = server.machines().logging_in(keys(&server, &["id"]));
    assert_eq!(machines.run(&on(&without, &["echo", "in"])).await.unwrap().stdout, "in\n");
    // A program that reaches the machine by itself finds the agent.
    let command = Command::here(["ssh-add", "-l"], Duration::from_secs(60));
    let command = Command { reaches: Some((name(), without.clone())), ..command };
    assert!(machines.run(&command).await.unwrap().stdout.contains("ED25519"));

    // A machine that does not know it yet is reached as before.
    key(&server.folder.path().join("other"));
    let machines = server.machines().logging_in(keys(&server, &["other"]));
    assert_eq!(machines.run(&on(&server.ssh(true), &["echo", "in"])).await.unwrap().stdout, "in\n");
    let broken = Given { keys: Some(Command::here(["false"], Duration::from_secs(60))), password: None };
    std::fs::write(server.at("keys.json"), "no keys, and maybe a secret").unwrap();
    for given in [broken, Given { password: None, keys: keys_of(&server) }] {
        let machines = server.machines().logging_in(given);
        let denied = machines.run(&on(&without, &["true"]).over_new_connection()).await.unwrap_err();
        assert!(denied.to_string().contains("the deploy key could not be used"), "{denied}");
        assert!(!denied.to_string().contains("maybe a secret"), "{denied}");
    }
}

fn keys_of(server: &Server) -> Option<Command> {
    Some(Command::here(["cat".to_owned(), server.at("keys.json")], Duration::from_secs(60)))
}

/// N-24: nixos-anywhere says that no host key shall be checked.
#[tokio::test]
async fn n_24_a_program_that_checks_no_host_key_is_made_to() {
    let Some(mut server) = Server::start() else { return };
    let ssh = server.ssh(true);
    let careless = |ssh: &Ssh| {
        let port = server.port.to_string();
        let id = server.at("id");
        let options = ["-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"];
        let target = ["-p", &port, "-i", &id, "root@127.0.0.1", "echo", "in"];
        let argv = ["ssh"].into_iter().chain(options).chain(target);
        let mut command = Command::here(argv, Duration::from_secs(60));
        command.files.insert("bin/ssh".to_owned(), nixos_anywhere::wrapper(ssh));
        Command { reaches: Some((name(), ssh.clone())), ..command }
    };
    let (before, machines) = (careless(&ssh), server.machines());
    let output = machines.run(&before).await.unwrap();
    assert_eq!((output.status, output.stdout.as_str()), (0, "in\n"), "{output:?}");
    server.lie();
    let output = machines.run(&before).await.unwrap();
    assert_eq!((output.status, output.stdout.as_str()), (255, ""), "{output:?}");
    assert!(output.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{output:?}");
}
