//! The machine that this runs on: its files and its programs.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use nix8s_core::model::StorePath;
use nix8s_core::observed::Probe;
use nix8s_core::switch::Boot;
use nix8s_core::tool::on_node;
use nix8s_engine::state::dir::Durability;
use nix8s_engine::state::file;

use super::failed;
use crate::error::CliError;

/// Where the system that is booted by default is named.
pub const PROFILE: &str = "/nix/var/nix/profiles/system";

/// The system that runs.
const RUNNING: &str = "/run/current-system";

/// The system that was booted.
const BOOTED: &str = "/run/booted-system";

/// This machine.
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// With another root than `/` in tests.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where a path of the machine is.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What it knows about itself.
    pub fn probe(&self) -> Result<Probe, CliError> {
        let root = if self.root == Path::new("/") { "" } else { self.root.to_str().unwrap_or_default() };
        let output =
            Command::new("sh").args(["-c", on_node::PROBE, "probe", root]).stdin(Stdio::null()).output();
        let output = output.map_err(|error| failed("could not run sh").because(error))?;
        on_node::probed(&String::from_utf8_lossy(&output.stdout)).map_err(|error| failed(error.to_string()))
    }

    /// The system that runs.
    pub fn running(&self) -> Result<StorePath, CliError> {
        self.system_at(RUNNING)
            .ok_or_else(|| failed(format!("{RUNNING} leads to no system: this is not NixOS")))
    }

    /// The system that is booted by default, if the profile names one.
    pub fn default(&self) -> Option<StorePath> {
        self.system_at(PROFILE)
    }

    /// Where a link leads in the end; the store is below the same root.
    fn system_at(&self, link: &str) -> Option<StorePath> {
        let found = fs::canonicalize(self.at(link)).ok()?;
        let root = fs::canonicalize(&self.root).ok()?;
        let path = Path::new("/").join(found.strip_prefix(root).ok()?);
        path.starts_with("/nix/store").then(|| StorePath::new(&path.display().to_string()))
    }

    /// Which boot this is.
    pub fn boot_id(&self) -> Result<String, CliError> {
        const PATH: &str = "/proc/sys/kernel/random/boot_id";
        let id = fs::read_to_string(PATH)
            .map_err(|error| failed(format!("could not read {PATH}")).because(error))?;
        Ok(id.trim().to_owned())
    }

    /// What was booted.
    pub fn booted(&self) -> Boot {
        self.boot(&self.at(BOOTED))
    }

    /// What a system would boot.
    pub fn boot_of(&self, system: &StorePath) -> Boot {
        self.boot(&self.at(system.as_str()))
    }

    fn boot(&self, system: &Path) -> Boot {
        let link = |name: &str| {
            let at = system.join(name);
            match fs::read_link(&at) {
                Ok(target) => Some(target.display().to_string()),
                Err(_) => fs::read_to_string(&at).ok(),
            }
        };
        Boot { links: ["kernel", "initrd", "kernel-modules", "kernel-params"].map(link).to_vec() }
    }

    /// Writes a file whole or not at all, mode 0600; it is durable when this returns.
    pub fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        file::replace(&[(self.at(path), bytes)], Durability::Fsync)
    }

    /// Runs a program that must succeed, and gives its exit status.
    pub fn run(&self, argv: &[&str]) -> Result<(), CliError> {
        match self.status(argv)? {
            0 => Ok(()),
            status => Err(failed(format!("{} ended with {status}", argv[0]))),
        }
    }

    /// Runs a program, and gives its exit status. What it prints goes where complaints go: stdout is for answers.
    pub fn status(&self, argv: &[&str]) -> Result<i32, CliError> {
        let cannot = |error| failed(format!("could not run {}", argv[0])).because(error);
        let stdout = rustix::io::dup(rustix::stdio::stderr()).map_err(|error| cannot(error.into()))?;
        let ended = Command::new(argv[0]).args(&argv[1..]).stdin(Stdio::null()).stdout(stdout).status();
        Ok(ended.map_err(cannot)?.code().unwrap_or(137))
    }
}
