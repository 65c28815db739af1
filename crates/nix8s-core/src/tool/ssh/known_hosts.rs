//! Host keys: which one a machine shows, and how one that a person accepts is written down (sshd(8), "SSH_KNOWN_HOSTS FILE
//! FORMAT"; ssh-keygen(1)).

use crate::model::Ssh;
use crate::tool::Command;
use crate::tool::Output;
use crate::tool::SHORT;

/// The kinds of key that a machine is asked for, the usual one first.
pub const KINDS: [&str; 3] = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512,rsa-sha2-256"];

/// How `known_hosts` names a machine.
pub fn pattern(ssh: &Ssh, host: &str) -> String {
    if ssh.port == 22 { host.to_owned() } else { format!("[{host}]:{}", ssh.port) }
}

/// Lets a machine show its host key of a kind and writes it down in a file that nothing else is in. It logs nobody in: that it
/// fails is as it should be.
pub fn ask(mut connect: Vec<String>, kind: &str, file: &str) -> Command {
    let options = [
        "PreferredAuthentications=none".to_owned(),
        "StrictHostKeyChecking=accept-new".to_owned(),
        format!("UserKnownHostsFile={}", super::quoted(file)),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        "HashKnownHosts=no".to_owned(),
        format!("HostKeyAlgorithms={kind}"),
    ];
    // The first value of an option counts.
    for option in options.into_iter().rev() {
        connect.splice(1..1, ["-o".to_owned(), option]);
    }
    connect.push("true".to_owned());
    Command::here(connect, SHORT)
}

/// Prints the fingerprints of the keys in a file.
pub fn fingerprints(file: &str) -> Command {
    Command::here(["ssh-keygen", "-l", "-E", "sha256", "-f", file], SHORT)
}

/// Removes what a file says about a machine; the file before stays as `FILE.old`.
pub fn forget(pattern: &str, file: &str) -> Command {
    Command::here(["ssh-keygen", "-R", pattern, "-f", file], SHORT)
}

/// The fingerprint that is shown in what a program says, as `SHA256:…`.
pub fn shown(output: &Output) -> Option<String> {
    let said = [&output.stdout, &output.stderr];
    let word =
        said.into_iter().flat_map(|text| text.split_whitespace()).find(|w| w.starts_with("SHA256:"))?;
    Some(word.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(stdout: &str, stderr: &str) -> Output {
        Output { status: 255, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    /// What OpenSSH 9.2 says.
    #[test]
    fn fingerprints_are_found_in_what_programs_say() {
        let changed =
            "The fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc/+1.\nPlease contact";
        assert_eq!(shown(&output("", changed)).as_deref(), Some("SHA256:abc/+1"));
        let listed = "256 SHA256:xyz host (ED25519)\n";
        assert_eq!(shown(&output(listed, "")).as_deref(), Some("SHA256:xyz"));
        assert_eq!(shown(&output("", "Connection refused")), None);
    }

    #[test]
    fn a_key_is_asked_for_without_logging_in_and_nothing_else_counts() {
        let connect = super::super::connect(
            &Ssh::root_at(None),
            "h",
            &super::super::Kept { known_hosts: "/k".to_owned(), is_all: false, sockets: None },
            super::super::Asks::Nobody,
            crate::tool::Connection::New,
        );
        let argv = ask(connect, KINDS[0], "/tmp/a b/keys").argv;
        let first = |name: &str| argv.iter().find(|word| word.starts_with(name)).cloned().unwrap_or_default();
        assert_eq!(first("UserKnownHostsFile"), "UserKnownHostsFile=\"/tmp/a b/keys\"");
        assert_eq!(first("StrictHostKeyChecking"), "StrictHostKeyChecking=accept-new");
        assert_eq!(first("PreferredAuthentications"), "PreferredAuthentications=none");
        assert_eq!(argv[argv.len() - 3..], ["--", "h", "true"]);
    }

    #[test]
    fn another_port_is_a_part_of_a_machines_name() {
        let mut ssh = Ssh::root_at(None);
        assert_eq!(pattern(&ssh, "10.0.0.1"), "10.0.0.1");
        ssh.port = 2222;
        assert_eq!(pattern(&ssh, "10.0.0.1"), "[10.0.0.1]:2222");
    }
}
