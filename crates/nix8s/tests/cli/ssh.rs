//! Logging in to a machine: a real SSH server on loopback, with keys of its own.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::project::Project;
use crate::project::Ran;

const SSHD: &str = "/usr/sbin/sshd";

/// An SSH server that knows one user's key.
struct Server {
    sshd: Child,
    port: u16,
    host_key: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn key(path: &Path) -> String {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned()
}

impl Server {
    /// `None`, said aloud: there is no SSH server on this computer, or we may not start one.
    fn start(project: &Project) -> Option<Self> {
        if !Path::new(SSHD).exists() || !rustix::process::getuid().is_root() {
            println!("SKIPPED: {SSHD} as root is needed (Debian: openssh-server)");
            return None;
        }
        let at = |name: &str| project.path().join(name);
        let (user_key, host_key) = (key(&at("id")), key(&at("host")));
        project.write("authorized", user_key.as_bytes());
        std::fs::create_dir_all("/run/sshd").unwrap();
        // The kernel chooses a port that is free; it stays so until the server takes it a moment later.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PidFile none\nPermitRootLogin prohibit-password\n",
            at("host").display(),
            at("authorized").display(),
        );
        project.write("sshd_config", settings.as_bytes());
        let mut sshd = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(sshd.stderr.take().unwrap()).lines();
        let listens = said.by_ref().map_while(Result::ok).any(|line| line.contains("Server listening"));
        assert!(listens, "the SSH server does not start");
        // Whatever else it says is of no interest, and must be read all the same.
        std::thread::spawn(move || said.for_each(drop));
        Some(Self { sshd, port, host_key })
    }

    /// Writes a configuration with this server as `w1`.
    fn configure(&self, project: &Project, more: &str) {
        let yaml = format!(
            "nodes:\n  metal: {{ install: {{ disk: /dev/sda }} }}\nclusters:\n  prod:\n    version: '1.34'\n    \
             provisioner: nixos-anywhere\n    members:\n      cp1: {{ node: metal, role: control-plane, ip: 10.0.0.11 }}\n      \
             w1:\n        node: metal\n        role: worker\n        ip: 10.0.0.21\n        ssh: {{ host: 127.0.0.1, port: {}, \
             keyFile: id{more} }}\nprovisioning:\n  nixos-anywhere: {{}}\n",
            self.port
        );
        project.write("nix8s.yaml", yaml.as_bytes());
    }
}

fn run(project: &Project, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    command.env("PATH", "/usr/bin:/bin").env("XDG_RUNTIME_DIR", project.path());
    Ran::from(command.output().unwrap())
}

#[test]
fn a_machine_is_logged_in_to_only_if_its_host_key_is_known() {
    let project = Project::new("");
    let Some(server) = Server::start(&project) else { return };

    // Nobody knows its key, and nobody is there to be asked.
    server.configure(&project, "");
    let ran = run(&project, &["ssh", "w1", "--", "echo", "in"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (255, ""));
    assert!(ran.stderr.contains("Host key verification failed"), "{}", ran.stderr);

    // A person says which it is: only that one counts, and only if the machine shows it.
    let accept = |key: &str| run(&project, &["apply", "--accept-host-key", &format!("w1={key}")]);
    let ran = accept("SHA256:anothers");
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let shows = ran.stderr.split_whitespace().find(|word| word.starts_with("SHA256:")).unwrap().to_owned();
    assert!(accept(&shows).stderr.contains("counts from now on"));
    let ran = run(&project, &["ssh", "w1", "--", "echo", "in"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "in\n"), "{}", ran.stderr);

    // The configuration knows it. Arguments arrive as they are.
    server.configure(&project, &format!(", hostKey: '{}'", server.host_key));
    let ran = run(&project, &["ssh", "w1", "--", "printf", "<%s>", "it's $HOME; \"x\"", "a\nb", ""]);
    assert_eq!(ran.stderr, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "<it's $HOME; \"x\"><a\nb><>"));

    // The exit code is the command's.
    assert_eq!(run(&project, &["ssh", "prod-w1", "--", "sh", "-c", "exit 7"]).code, 7);

    // On all machines of a role.
    let ran = run(
        &project,
        &["exec", "--role", "worker", "-o", "json", "--", "sh", "-c", "echo out; echo err >&2; exit 3"],
    );
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let machines = &ran.json()["machines"];
    assert_eq!(machines.as_array().unwrap().len(), 1);
    assert_eq!(
        (&machines[0]["machine"], &machines[0]["status"], &machines[0]["stdout"], &machines[0]["stderr"]),
        (&"prod-w1".into(), &3.into(), &"out\n".into(), &"err\n".into())
    );
    let ran = run(&project, &["exec", "prod", "--role", "worker", "--", "echo", "$HOME"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "prod-w1\n  $HOME\n"));

    // Another key in the configuration: somebody else answers. The connection that is shared has ended by then.
    let other = key(&project.path().join("other"));
    server.configure(&project, &format!(", hostKey: '{other}'"));
    let sockets = project.path().join("nix8s");
    for socket in std::fs::read_dir(sockets).unwrap() {
        std::fs::remove_file(socket.unwrap().path()).unwrap();
    }
    let ran = run(&project, &["ssh", "w1", "--", "echo", "in"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (255, ""));
    assert!(ran.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{}", ran.stderr);
}

#[test]
fn what_logging_in_cannot_honour_is_refused() {
    let project = Project::new(crate::project::SMALL);
    for (args, why) in [
        (&["ssh", "w1", "--simulate"][..], "runs no programs"),
        (&["ssh", "w1", "-o", "json"], "not JSON"),
        (&["logs", "w1", "-o", "json"], "not JSON"),
        (&["exec", "--simulate", "--", "id"], "runs no programs"),
        (&["exec", "--role", "none", "--", "id"], "no such machines"),
        (&["exec"], "required"),
        (&["ssh", "wq"], "there is no machine \"wq\""),
    ] {
        let ran = project.run(args);
        assert_eq!(ran.code, 64, "{args:?}");
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
}
