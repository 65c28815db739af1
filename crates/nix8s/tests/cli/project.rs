//! A configuration and a state directory in a temporary folder, and the binary run in it.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use tempfile::TempDir;

/// A temporary folder with a configuration.
pub struct Project {
    dir: TempDir,
}

/// One control plane, two workers.
pub const SMALL: &str = "\
nodes:
  metal:
    install: { disk: /dev/sda }
    network: { interface: eth0 }
clusters:
  prod:
    version: '1.34'
    provisioner: nixos-anywhere
    members:
      cp1: { node: metal, role: control-plane, ip: 10.0.0.11 }
      w1: { node: metal, role: worker, ip: 10.0.0.21 }
      w2: { node: metal, role: worker, ip: 10.0.0.22 }
provisioning:
  nixos-anywhere: {}
";

impl Project {
    /// A folder with this `nix8s.yaml`.
    pub fn new(yaml: &str) -> Self {
        let project = Self { dir: TempDir::new().unwrap() };
        project.write("nix8s.yaml", yaml.as_bytes());
        project
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Programs in `bin` that answer as these scripts for sh(1) say.
    pub fn programs(&self, programs: &[(&str, &str)]) {
        for (name, script) in programs {
            let path = format!("bin/{name}");
            self.write(&path, format!("#!/bin/sh\n{script}\n").as_bytes());
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(self.path().join(path), mode).unwrap();
        }
    }

    /// The binary in this folder, with state in `state`, and nothing else from the environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nix8s"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("NIX8S_STATE_DIR", self.path().join("state"));
        command.stdin(Stdio::null());
        command
    }

    /// Every file of a cluster's state, with its bytes.
    pub fn state(&self, cluster: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut files, mut left) = (BTreeMap::new(), vec![self.path().join("state").join(cluster)]);
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    drop(files.insert(path.clone(), std::fs::read(path).unwrap()));
                }
            }
        }
        files
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// Runs it to its end with something to read.
    pub fn run_reading(&self, args: &[&str], stdin: &[u8]) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let bytes = stdin.to_vec();
        let writer = std::thread::spawn(move || {
            // The binary may rightly stop reading before the end.
            let _ = pipe.write_all(&bytes);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran::from(output)
    }
}

/// What a run left.
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Ran {
    /// What a process left.
    pub fn from(output: Output) -> Self {
        let code = output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// All of it, for a snapshot.
    pub fn all(&self) -> String {
        let mut out = format!("exit {}\n", self.code);
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                out.push_str(&format!("--- {name}\n{text}"));
            }
        }
        out
    }

    /// All of it, without what depends on how fast the computer is, where the test runs, or the made-up systems.
    pub fn steady(&self) -> String {
        let words = |line: &str| {
            let mut words: Vec<String> = line.split(' ').map(steady_word).collect();
            // However long it took on this computer.
            if let [.., took, here] = words.as_mut_slice()
                && here == "here."
                && took.starts_with(|first: char| first.is_ascii_digit())
            {
                "[ms]".clone_into(took);
            }
            words.join(" ")
        };
        self.all().lines().map(words).collect::<Vec<_>>().join("\n")
    }

    /// The document on stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }
}

fn steady_word(word: &str) -> String {
    let bare = word.trim_end_matches([',', '.', ')', ':']);
    let rest = &word[bare.len()..];
    let is_real_time =
        rest.is_empty() && bare.ends_with("ms") && bare[..bare.len() - 2].bytes().all(|b| b.is_ascii_digit());
    if let Some((_, path)) = bare.split_once("/state/") {
        format!("[state]/{path}{rest}")
    } else if is_real_time {
        format!("[ms]{rest}")
    } else {
        word.to_owned()
    }
}
