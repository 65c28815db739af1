//! Where secrets are worked with: a project, and the home of whoever works.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::project::Project;
use crate::project::Ran;
use crate::project::SMALL;

/// A project, somebody's home with an identity, and a runtime directory.
pub struct Desk {
    pub project: Project,
    pub home: TempDir,
}

pub const FILE: &str = "secrets/prod.yaml";

impl Desk {
    pub fn new(secrets: &str) -> Self {
        let yaml = SMALL.replace("    members:\n", &format!("    secrets: {{ {secrets} }}\n    members:\n"));
        let desk = Self { project: Project::new(&yaml), home: TempDir::new().unwrap() };
        std::fs::create_dir(desk.home.path().join("run")).unwrap();
        // The identity is what is wanted here.
        let other = TempDir::new().unwrap();
        let ran = desk.run(&["init", other.path().to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        desk
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.project.command(args);
        command.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path().join("run"));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.home.path().join("bin").display()));
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    pub fn well(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.all());
        ran
    }

    pub fn file(&self) -> PathBuf {
        self.project.path().join(FILE)
    }

    pub fn identity(&self) -> PathBuf {
        self.home.path().join(".config/nix8s/age/keys.txt")
    }

    /// A program on the PATH.
    pub fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join("bin").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Every value, by name.
    pub fn values(&self) -> Vec<(String, String)> {
        let ran = self.well(&["-o", "json", "secrets", "show", "--reveal"]);
        let all = ran.json()["secrets"].as_array().unwrap().clone();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        all.iter().map(|secret| (text(&secret["name"]), text(&secret["value"]))).collect()
    }

    pub fn runtime_is_empty(&self) -> bool {
        std::fs::read_dir(self.home.path().join("run")).unwrap().next().is_none()
    }

    /// An editor that runs a line of shell, in which `$1` is the file.
    pub fn edit(&self, line: &str) -> Command {
        let editor = self.program("editor", &format!("#!/bin/sh\n{line}\n"));
        let mut command = self.command(&["secrets", "edit"]);
        command.env("EDITOR", editor);
        command
    }
}

pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
