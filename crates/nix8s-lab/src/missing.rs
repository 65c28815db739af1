//! Can this computer have a lab, and if not, what does it lack?

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// Programs that a lab is made with, and the Debian packages that have them.
const PROGRAMS: &[(&str, &str)] = &[
    ("curl", "curl"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("ssh-keygen", "openssh-client"),
    ("systemd-nspawn", "systemd-container"),
    ("unshare", "util-linux"),
];

/// What this computer lacks, as a sentence.
pub fn what() -> Option<String> {
    if !rustix::process::getuid().is_root() {
        return Some("only root can make namespaces and mounts".to_owned());
    }
    if let Some((program, package)) = PROGRAMS.iter().find(|(program, _)| !is_there(program)) {
        return Some(format!("there is no {program} (Debian: {package})"));
    }
    // As a lab does it: an overlay over memory, a bridge with a card in another network, control groups.
    const TRY: &str = "mount -t tmpfs tmpfs /run && mkdir /run/a /run/b /run/c /run/netns && \
        mount -t overlay overlay -o lowerdir=/run/a,upperdir=/run/b,workdir=/run/c /run/a && \
        ip netns add x && ip link add lab type bridge && ip link add y type veth peer name eth0 netns x && \
        mount -t cgroup2 cgroup2 /sys/fs/cgroup";
    let tried = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "sh", "-c", TRY])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!(
                "this kernel or its keeper does not let us make overlays and networks: {}",
                said.trim()
            ))
        }
        Err(why) => Some(format!("unshare does not run: {why}")),
    }
}

/// Whether a program is on the PATH.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .any(|dir| dir.join(program).exists())
}
