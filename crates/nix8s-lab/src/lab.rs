//! A lab: hosts, a network, and somebody who operates them.

use std::fmt::Write as _;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::base;
use crate::error::LabError;
use crate::error::file;
use crate::host::Host;
use crate::host::Machine;
use crate::key;
use crate::missing;
use crate::operator;
use crate::space::Space;
use crate::toy;

/// What every address begins with. The lab's network leads nowhere, so that it can be the same in every lab.
const NETWORK: &str = "10.80.0.";

/// The operator's number in the network.
const OPERATOR: usize = 2;

/// The first host's number in the network.
const HOSTS: usize = 11;

/// Hosts on a network of their own. Everything ends with the value, or with the program that has it.
#[derive(Debug)]
pub struct Lab {
    // First, so that it goes first: hosts are waited for when nothing of them runs any more.
    space: Space,
    machines: Vec<Machine>,
    home: PathBuf,
    /// Held for as long as the lab is there: what finds it free may remove the folder.
    _lock: File,
}

impl Lab {
    /// Starts hosts of these names and waits until they have booted.
    ///
    /// # Errors
    /// [`LabError::Missing`] on a computer that cannot have a lab.
    pub fn start(names: &[&str]) -> Result<Self, LabError> {
        if let Some(missing) = missing::what() {
            return Err(LabError::Missing(missing));
        }
        let base = base::root()?;
        let (folder, lock) = folder()?;
        // From here on the guard removes the folder.
        let space = Space::new(&folder, &base)?;
        let home = folder.join("home");
        let ssh = home.join(".ssh");
        file(|| format!("make {}", ssh.display()), fs::create_dir_all(&ssh))?;
        let user_key = ssh.join("id_ed25519");
        key::make(&user_key)?;

        let mut names_and_addresses = "127.0.0.1 localhost\n".to_owned();
        for (name, number) in names.iter().zip(HOSTS..) {
            let _ = writeln!(names_and_addresses, "{NETWORK}{number} {name}");
        }
        let list = folder.join("hosts");
        file(|| format!("write {}", list.display()), fs::write(&list, names_and_addresses))?;

        let mut lab = Self { space, machines: Vec::new(), home, _lock: lock };
        lab.plug("operator", OPERATOR)?;
        operator::make(&lab.space, &lab.home, &list)?;
        let mut known = String::new();
        let authorised = user_key.with_extension("pub");
        for (name, number) in names.iter().zip(HOSTS..) {
            let host_key = folder.join(format!("{name}.key"));
            let public_key = key::make(&host_key)?;
            let address = lab.plug(name, number)?;
            let _ = writeln!(known, "{name},{address} {public_key}");
            let keys = [text(&host_key)?, text(&authorised)?];
            let arguments = [name, keys[0], keys[1], text(&list)?, include_str!("toy/lsblk.sh")];
            lab.space.script(
                &format!("make {name}'s disk"),
                include_str!("script/disk.sh"),
                &[name, "512m"],
            )?;
            lab.space.script(&format!("make {name}"), include_str!("script/host.sh"), &arguments)?;
            lab.machines.push(Machine::start(&lab.space, &folder, name, address, public_key)?);
        }
        let known_hosts = ssh.join("known_hosts");
        file(|| format!("write {}", known_hosts.display()), fs::write(&known_hosts, known))?;
        for machine in &lab.machines {
            machine.wait_for_boot()?;
        }
        Ok(lab)
    }

    /// Like [`Lab::start`], for a test: where there can be no lab it says so, and there is none.
    ///
    /// # Panics
    /// When there could be a lab and it did not start.
    pub fn start_or_skip(names: &[&str]) -> Option<Self> {
        match Self::start(names) {
            Ok(lab) => Some(lab),
            Err(LabError::Missing(missing)) => {
                println!("SKIPPED: {missing}");
                None
            }
            Err(why) => panic!("the lab did not start: {}", why.chain()),
        }
    }

    /// A host.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn host(&self, name: &str) -> Host<'_> {
        let machine = self.machines.iter().find(|machine| machine.name == name);
        Host { space: &self.space, machine: machine.unwrap_or_else(|| panic!("there is no host {name}")) }
    }

    /// Every host, in order.
    pub fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        self.machines.iter().map(|machine| Host { space: &self.space, machine })
    }

    /// The operator's home: the same folder inside and outside, with a key that the hosts know, and theirs.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A command as the operator runs it: on the lab's network, with the operator's home, root and PATH. Killing it
    /// kills the program.
    pub fn operator(&self, command: &Command) -> Command {
        operator::enter(&self.space, "operator", &self.home, command)
    }

    /// A flake in the operator's home with systems that look like NixOS from outside. `clusters` is JSON:
    ///
    /// ```json
    /// { "prod": { "versions": ["1.34.2"], "machines": { "w1": { "release": "26.05" } } } }
    /// ```
    ///
    /// `toy/system.nix` says what a machine may have. Writing it again changes the systems.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn flake(&self, clusters: &str) -> PathBuf {
        let folder = self.home.join("flake");
        toy::write(&folder, clusters).unwrap_or_else(|why| panic!("{}", why.chain()));
        folder
    }

    /// A cluster `prod` of the lab's hosts, in a flake as of [`Lab::flake`] with the configuration of nix8s beside it. Hosts
    /// whose names begin with `cp` are control planes. `settings` are of members' systems: `("w1", r#""release": "26.11""#)`.
    /// What the configuration says already stays.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn cluster(&self, settings: &[(&str, &str)]) -> PathBuf {
        let hosts: Vec<(&str, &str)> =
            self.machines.iter().map(|machine| (machine.name.as_str(), machine.address.as_str())).collect();
        let folder = self.flake(&toy::fleet(&hosts, settings));
        let configuration = folder.join("nix8s.yaml");
        if !configuration.exists() {
            let written = fs::write(&configuration, toy::configuration(&hosts));
            let written = file(|| format!("write {}", configuration.display()), written);
            written.unwrap_or_else(|why| panic!("{}", why.chain()));
        }
        folder
    }

    /// The first process of the lab's namespaces, by its number outside of them.
    pub fn init(&self) -> u32 {
        self.space.init()
    }

    /// What it lives in.
    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    /// Gives a namespace of this name an address.
    pub(crate) fn plug(&self, name: &str, number: usize) -> Result<String, LabError> {
        let address = format!("{NETWORK}{number}");
        let (link, mac) = (format!("host{number}"), format!("02:00:00:80:00:{number:02x}"));
        let arguments = [name, &link, &address, &mac];
        self.space.script(&format!("connect {name}"), include_str!("script/plug.sh"), &arguments)?;
        Ok(address)
    }
}

/// A folder for a lab, and its lock.
fn folder() -> Result<(PathBuf, File), LabError> {
    let folder = tempfile::Builder::new().prefix("nix8s-lab-").tempdir();
    let folder = file(|| "make a temporary folder".to_owned(), folder)?.keep();
    // It gets its name when it is locked, so that nobody finds it free.
    let (new, lock) = (folder.join("lock.new"), folder.join("lock"));
    let held = file(|| format!("make {}", new.display()), File::create(&new))?;
    file(|| format!("lock {}", new.display()), held.lock())?;
    file(|| format!("make {}", lock.display()), fs::rename(&new, &lock))?;
    Ok((folder, held))
}

/// A path as text.
fn text(path: &Path) -> Result<&str, LabError> {
    path.to_str().ok_or_else(|| LabError::Missing(format!("{} is not UTF-8", path.display())))
}
