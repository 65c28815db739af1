//! OpenSSH: how a machine is reached (ssh(1), `ssh_config`(5)), and what came in the way when it was not.
//!
//! The user's own configuration, agent, jump hosts and hardware keys stay in force: only what must hold for every
//! connection of nix8s is said on the command line, which comes before the configuration.

pub mod known_hosts;
pub mod remote;

use crate::digest;
use crate::model::Ssh;
use crate::model::Sudo;

use super::Connection;
use super::FILES;
use super::KNOWN_HOSTS;
use super::Output;

/// Where nix8s keeps what its connections need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The host keys that nix8s knows.
    pub known_hosts: String,
    /// Whether these are all that count; else the user's own `known_hosts` does too.
    pub is_all: bool,
    /// A folder for the sockets over which connections are shared; `None`: each command connects anew.
    pub sockets: Option<String>,
}

/// Who answers when OpenSSH asks for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// A person at a terminal: a passphrase, or whether a host key that nobody knows is right.
    Person,
    /// Nobody: what would be asked fails.
    Nobody,
}

/// The longest path of a socket (`sun_path` of unix(7), less its end and the name that ssh gives it while it is made).
const SOCKET_MAX: usize = 107 - 18;

/// `ssh` and its arguments up to the destination. What shall run there comes after it, as [`shell`] writes it.
///
/// Host keys are always verified, and one that is known and differs is never accepted (X-12).
pub fn connect(ssh: &Ssh, host: &str, kept: &Kept, asks: Asks, connection: Connection) -> Vec<String> {
    let mut argv = vec!["ssh".to_owned()];
    let (batch, strict) = match asks {
        Asks::Person => ("no", "ask"),
        Asks::Nobody => ("yes", "yes"),
    };
    let strict = if kept.is_all { "yes" } else { strict };
    let users = if kept.is_all { "" } else { " ~/.ssh/known_hosts ~/.ssh/known_hosts2" };
    let hosts = format!("UserKnownHostsFile={}{users}", quoted(&kept.known_hosts));
    let mut options = vec![
        format!("BatchMode={batch}"),
        format!("StrictHostKeyChecking={strict}"),
        hosts,
        "UpdateHostKeys=no".to_owned(),
        "ConnectTimeout=10".to_owned(),
        "ServerAliveInterval=15".to_owned(),
        "ServerAliveCountMax=3".to_owned(),
    ];
    if kept.is_all {
        options.push("GlobalKnownHostsFile=/dev/null".to_owned());
    }
    if asks == Asks::Nobody {
        // What the user's configuration may say for people who log in.
        options.extend(["RequestTTY=no", "RemoteCommand=none", "ClearAllForwardings=yes"].map(str::to_owned));
    }
    // `%C` is a digest of 40 characters: who connects to whom, by which way. A connection to a machine of another host key than
    // the one that counts now is none to this one.
    let key = ssh
        .host_key
        .as_ref()
        .map(|key| digest::of(key.trim().as_bytes())[..8].to_owned())
        .unwrap_or_default();
    let sockets = kept.sockets.as_ref().filter(|folder| folder.len() + 1 + key.len() + 40 <= SOCKET_MAX);
    match (connection, sockets) {
        (Connection::Shared, Some(folder)) => options.extend([
            "ControlMaster=auto".to_owned(),
            format!("ControlPath={}", quoted(&format!("{}/{key}%C", folder.replace('%', "%%")))),
            "ControlPersist=60".to_owned(),
        ]),
        (Connection::Shared, None) => {}
        (Connection::New, _) => options.extend(["ControlMaster=no", "ControlPath=none"].map(str::to_owned)),
    }
    for option in options {
        argv.extend(["-o".to_owned(), option]);
    }
    // The usual port is left to the user's configuration, which may know another.
    if ssh.port != 22 {
        argv.extend(["-p".to_owned(), ssh.port.to_string()]);
    }
    if let Some(jump) = &ssh.jump {
        argv.extend(["-J".to_owned(), jump.clone()]);
    }
    if let Some(key) = &ssh.key_file {
        argv.extend(["-i".to_owned(), key.clone()]);
    }
    argv.extend(["-l".to_owned(), ssh.user.clone(), "--".to_owned(), host.to_owned()]);
    argv
}

/// The option that names an agent.
pub fn agent(socket: &str) -> String {
    format!("IdentityAgent={}", quoted(socket))
}

/// A value of an option that may hold spaces (`ssh_config`(5), "Arguments may optionally be enclosed in double quotes").
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Options for a program that runs ssh by itself, as `ssh_config`(5) has them: host keys are verified there too (X-12, N-24).
pub fn options(ssh: &Ssh) -> Vec<String> {
    let mut options = vec![
        format!("UserKnownHostsFile={FILES}/{KNOWN_HOSTS}"),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "BatchMode=yes".to_owned(),
        "ConnectTimeout=10".to_owned(),
        "ServerAliveInterval=15".to_owned(),
        "ServerAliveCountMax=3".to_owned(),
    ];
    options.extend(ssh.jump.iter().map(|jump| format!("ProxyJump={jump}")));
    options
}

/// Arguments as one line for the login shell at the other end, each in single quotes (POSIX shell, 2.2.2).
pub fn shell<S: AsRef<str>>(argv: impl IntoIterator<Item = S>) -> String {
    let words: Vec<String> =
        argv.into_iter().map(|word| format!("'{}'", word.as_ref().replace('\'', r"'\''"))).collect();
    words.join(" ")
}

/// The same as root.
pub fn as_root<'a>(sudo: Sudo, argv: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let before: &[&str] = match sudo {
        Sudo::None => &[],
        Sudo::Passwordless => &["sudo", "-n", "--"],
        Sudo::Password => &["sudo", "--"],
    };
    before.iter().copied().chain(argv).collect()
}

/// Why a machine was not reached, and what to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// What is in the way.
    pub why: Why,
    /// The line in which ssh says so.
    pub said: String,
}

/// What is in the way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody listens.
    Refused,
    /// Silence, or no way there.
    TimedOut,
    /// The name has no address.
    NoAddress,
    /// It shows another host key than the one that is known.
    WrongKey,
    /// Nobody knows its host key.
    UnknownKey,
    /// It does not let us in.
    Denied,
    /// The connection broke.
    Lost,
}

/// What ssh says, and what that means. The first that is found counts.
const SAYS: &[(&str, Why)] = &[
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Why::WrongKey),
    ("Host key verification failed", Why::UnknownKey),
    ("Could not resolve hostname", Why::NoAddress),
    ("Connection refused", Why::Refused),
    ("Permission denied (", Why::Denied),
    ("Too many authentication failures", Why::Denied),
    ("Connection timed out", Why::TimedOut),
    ("Operation timed out", Why::TimedOut),
    ("No route to host", Why::TimedOut),
    ("Network is unreachable", Why::TimedOut),
    ("not responding", Why::Lost),
    ("Connection reset", Why::Lost),
    ("closed by remote host", Why::Lost),
    ("Connection closed by", Why::Lost),
    ("Broken pipe", Why::Lost),
];

impl Why {
    /// What to try.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Refused => {
                "the machine is there and no SSH server listens: is this the port, and has it started?"
            }
            Self::TimedOut => "is the machine on, and is this its address?",
            Self::NoAddress => "give the member an `ip`, or its name to your resolver",
            Self::WrongKey => {
                "if you changed it, remove the old line with `ssh-keygen -R`; if not, somebody else answers at its address"
            }
            Self::UnknownKey => "log in once with `nix8s ssh` and compare the fingerprint that is shown",
            Self::Denied => "is your key among its authorized keys, and `ssh.user` the right one?",
            Self::Lost => "try again; if it stays so, look at the machine's console",
        }
    }
}

/// What is said of a machine whose sudo wants a password that nobody was asked for.
pub const SUDO_ASKS: &str = "sudo wants a password";

/// What is said of a machine whose sudo did not take the password.
pub const SUDO_REFUSES: &str = "sudo did not take the password";

/// What to try when a machine does not let us in and says this.
pub fn denied_advice(said: &str) -> &'static str {
    if said.starts_with(SUDO_ASKS) {
        "run again with `--ask-sudo-password`, or let sudo ask nothing and set `ssh.sudo: passwordless`"
    } else if said.starts_with(SUDO_REFUSES) {
        "it is not tried again in this run, so that no account is locked: run again with the right one"
    } else {
        Why::Denied.advice()
    }
}

/// Whether a command was not run because ssh itself failed: it exits with 255 then, as a command may too.
pub fn unreached(output: &Output) -> Option<Unreached> {
    if output.status != 255 {
        return None;
    }
    let (says, why) = SAYS.iter().find(|(says, _)| output.stderr.contains(says))?;
    let line = output.stderr.lines().find(|line| line.contains(says)).unwrap_or_default();
    let said = line.trim_matches(|c: char| c == '@' || c.is_whitespace()).to_owned();
    Some(Unreached { why: *why, said })
}

/// What ssh says when an SSH server has no room for one more who has not logged in yet (`MaxStartups`, `sshd_config`(5)),
/// or is just beginning. Nothing was run.
const TURNED_AWAY: [&str; 3] =
    ["kex_exchange_identification:", "Exceeded MaxStartups", "Not allowed at this time"];

/// Whether a connection was turned away before anybody logged in.
pub fn is_turned_away(output: &Output) -> bool {
    output.status == 255 && TURNED_AWAY.iter().any(|says| output.stderr.contains(says))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn kept() -> Kept {
        Kept {
            known_hosts: "/state/of me/known_hosts".to_owned(),
            is_all: false,
            sockets: Some("/run/user/0/nix8s".to_owned()),
        }
    }

    #[test]
    fn what_nix8s_needs_is_said_and_the_rest_is_the_users() {
        let ssh = Ssh::root_at(None);
        assert_snapshot!(connect(&ssh, "192.168.1.10", &kept(), Asks::Nobody, Connection::Shared).join("\n"), @r#"
        ssh
        -o
        BatchMode=yes
        -o
        StrictHostKeyChecking=yes
        -o
        UserKnownHostsFile="/state/of me/known_hosts" ~/.ssh/known_hosts ~/.ssh/known_hosts2
        -o
        UpdateHostKeys=no
        -o
        ConnectTimeout=10
        -o
        ServerAliveInterval=15
        -o
        ServerAliveCountMax=3
        -o
        RequestTTY=no
        -o
        RemoteCommand=none
        -o
        ClearAllForwardings=yes
        -o
        ControlMaster=auto
        -o
        ControlPath="/run/user/0/nix8s/%C"
        -o
        ControlPersist=60
        -l
        root
        --
        192.168.1.10
        "#);
    }

    #[test]
    fn port_jump_host_key_and_user_are_those_of_the_configuration() {
        let ssh = Ssh {
            port: 2222,
            user: "admin".to_owned(),
            key_file: Some("keys/id".to_owned()),
            jump: Some("me@gate:22".to_owned()),
            ..Ssh::root_at(None)
        };
        let kept = Kept { sockets: Some("x".repeat(60)), ..kept() };
        let argv = connect(&ssh, "-oProxyCommand=evil", &kept, Asks::Person, Connection::Shared);
        let end = argv.len() - 10;
        assert_eq!(
            argv[end..],
            ["-p", "2222", "-J", "me@gate:22", "-i", "keys/id", "-l", "admin", "--", "-oProxyCommand=evil"]
        );
        assert!(argv.contains(&"StrictHostKeyChecking=ask".to_owned()));
        assert!(!argv.iter().any(|word| word.starts_with("Control")), "the socket's path would be too long");
    }

    #[test]
    fn a_configured_host_key_is_the_only_one_that_counts() {
        let argv = connect(
            &Ssh::root_at(None),
            "h",
            &Kept { is_all: true, ..kept() },
            Asks::Person,
            Connection::Shared,
        );
        assert!(argv.contains(&"StrictHostKeyChecking=yes".to_owned()), "there is nothing to ask a person");
        assert!(argv.contains(&"UserKnownHostsFile=\"/state/of me/known_hosts\"".to_owned()));
        assert!(argv.contains(&"GlobalKnownHostsFile=/dev/null".to_owned()));
    }

    #[test]
    fn a_connection_is_not_shared_across_a_change_of_the_configured_host_key() {
        let path = |key: Option<&str>| {
            let ssh = Ssh { host_key: key.map(str::to_owned), ..Ssh::root_at(None) };
            let argv = connect(&ssh, "h", &kept(), Asks::Nobody, Connection::Shared);
            argv.into_iter().find(|word| word.starts_with("ControlPath=")).unwrap()
        };
        assert_eq!(path(None), "ControlPath=\"/run/user/0/nix8s/%C\"");
        assert_ne!(path(Some("ssh-ed25519 A")), path(Some("ssh-ed25519 B")));
        assert_eq!(path(Some("ssh-ed25519 A")), path(Some("ssh-ed25519 A\n")));
    }

    /// N-04: a text that reaches a machine is one argument there, whatever it holds.
    #[test]
    fn n_04_no_argument_is_shell_text() {
        assert_eq!(shell(["echo", "it's"]), r"'echo' 'it'\''s'");
        assert_eq!(shell(["a b", "$(id)", "`id`", "x;y\nz", ""]), "'a b' '$(id)' '`id`' 'x;y\nz' ''");
    }

    #[test]
    fn root_is_reached_as_the_configuration_says() {
        assert_eq!(as_root(Sudo::None, ["id"]), ["id"]);
        assert_eq!(as_root(Sudo::Passwordless, ["id"]), ["sudo", "-n", "--", "id"]);
        assert_eq!(as_root(Sudo::Password, ["id"]), ["sudo", "--", "id"]);
    }

    fn why(status: i32, stderr: &str) -> Option<Why> {
        let output = Output { status, stdout: String::new(), stderr: stderr.to_owned() };
        unreached(&output).map(|unreached| unreached.why)
    }

    #[test]
    fn what_ssh_says_tells_what_is_in_the_way() {
        let cases = [
            ("ssh: connect to host 10.0.0.9 port 22: Connection refused\r\n", Why::Refused),
            ("ssh: connect to host 10.0.0.9 port 22: Connection timed out\r\n", Why::TimedOut),
            ("ssh: connect to host 10.0.0.9 port 22: No route to host\r\n", Why::TimedOut),
            ("ssh: Could not resolve hostname nowhere: Name or service not known\r\n", Why::NoAddress),
            ("root@10.0.0.9: Permission denied (publickey,password).\r\n", Why::Denied),
            ("Connection to 10.0.0.9 closed by remote host.\r\n", Why::Lost),
            ("client_loop: send disconnect: Broken pipe\r\n", Why::Lost),
            (
                "No ED25519 host key is known for 10.0.0.9 and you have requested strict checking.\r\nHost key \
                 verification failed.\r\n",
                Why::UnknownKey,
            ),
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key verification failed.\r\n",
                Why::WrongKey,
            ),
        ];
        for (stderr, expected) in cases {
            assert_eq!(why(255, stderr), Some(expected), "{stderr}");
        }
        assert_eq!(why(255, "my own trouble"), None, "the command itself exited with 255");
        assert_eq!(why(1, "Connection refused"), None, "the command speaks of a connection of its own");
    }

    #[test]
    fn who_is_turned_away_at_the_door_may_knock_again() {
        let output =
            |status, stderr: &str| Output { status, stdout: String::new(), stderr: stderr.to_owned() };
        let closed = "kex_exchange_identification: Connection closed by remote host\r\n";
        assert!(is_turned_away(&output(255, closed)));
        assert!(!is_turned_away(&output(1, closed)), "the command speaks of a connection of its own");
        assert!(!is_turned_away(&output(255, "Connection to 10.0.0.9 closed by remote host.\r\n")));
    }
}
