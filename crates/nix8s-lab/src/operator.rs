//! Who works with the hosts: a root, a home and an address from which everything is tried.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::error::LabError;
use crate::space::Space;

/// Where the operator finds programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes the operator's root. The folder that the running program was built in is seen in it, and so are its neighbours.
pub fn make(space: &Space, home: &Path, hosts: &Path) -> Result<(), LabError> {
    space.script("make the operator's disk", include_str!("script/disk.sh"), &["operator", "2g"])?;
    let built = built();
    let (home, hosts) = (home.to_string_lossy(), hosts.to_string_lossy());
    let built = built.as_deref().map(Path::to_string_lossy);
    let arguments = [home.as_ref(), hosts.as_ref(), include_str!("toy/nixos-anywhere.sh")];
    let arguments: Vec<&str> = arguments.into_iter().chain(built.as_deref()).collect();
    space.script("make the operator", include_str!("script/operator.sh"), &arguments)?;
    Ok(())
}

/// `target/debug` of the running test, which is in `target/debug/deps`.
fn built() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    let is_test = folder.file_name().is_some_and(|name| name == "deps");
    if is_test { folder.parent().map(Path::to_owned) } else { Some(folder.to_owned()) }
}

/// A command in the operator's root, in one of the lab's networks. It ends when the one that is returned is killed.
pub fn enter(space: &Space, network: &str, home: &Path, command: &Command) -> Command {
    let mut inside = space.command("setpriv");
    inside.args(["--pdeathsig", "KILL", "nsenter", &format!("--net=/run/netns/{network}")]);
    inside.args(["--root=/run/lab/operator/root", "--", "env", "--ignore-environment"]);
    let mut chdir = OsString::from("--chdir=");
    chdir.push(command.get_current_dir().unwrap_or(home));
    inside.arg(chdir);
    let mut setting = |name: &OsStr, value: &OsStr| {
        let mut text = name.to_owned();
        text.push("=");
        text.push(value);
        inside.arg(text);
    };
    // What is built here is found by name as well, after what is real.
    let built = built().map(|folder| format!(":{}", folder.display())).unwrap_or_default();
    setting("PATH".as_ref(), format!("{PATH}{built}").as_ref());
    setting("HOME".as_ref(), home.as_ref());
    setting("USER".as_ref(), "root".as_ref());
    setting("LANG".as_ref(), "C.UTF-8".as_ref());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            setting(name, value);
        }
    }
    inside.arg(command.get_program()).args(command.get_args());
    inside
}
