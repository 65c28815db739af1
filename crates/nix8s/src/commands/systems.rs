//! Which flake has the systems of a cluster: the user's own, or one that is written here from YAML and our own Nix files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use include_dir::Dir;
use include_dir::include_dir;
use nix8s_core::model::Cluster;
use nix8s_core::model::ClusterName;
use nix8s_core::past::Past;
use nix8s_core::project_flake;
use nix8s_core::project_flake::GIVES_SYSTEMS;
use nix8s_core::project_flake::LOCK;
use nix8s_core::project_flake::PROJECT;
use nix8s_core::tool::Command;
use nix8s_core::tool::nix;
use nix8s_engine::observe::looked_at;
use nix8s_engine::port::Exec;
use nix8s_engine::port::ExecError;
use nix8s_engine::state::dir::Durability;
use nix8s_engine::state::dir::Kind;
use nix8s_engine::state::file;
use nix8s_engine::state::layout;

use crate::commands::Cx;
use crate::commands::here;
use crate::commands::project;
use crate::commands::world;
use crate::commands::world::state_base;
use crate::error::CliError;
use crate::error::Exit;

/// Our own Nix files.
static NIX: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../nix");

/// Of these, what only we ourselves need.
const ONLY_OURS: [&str; 1] = ["tests"];

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nix8s update
  git diff nix8s.lock")]
pub struct UpdateArgs {}

/// The flake of the user that has the systems, if there is one.
fn users(cx: &Cx<'_>) -> io::Result<Option<PathBuf>> {
    let folder = std::path::absolute(project::folder(cx)?)?;
    let Ok(text) = fs::read_to_string(folder.join("flake.nix")) else { return Ok(None) };
    let is_read = project::files(cx).is_ok_and(|files| files.iter().any(|file| file.ends_with("flake.nix")));
    let gives = is_read || GIVES_SYSTEMS.iter().any(|word| text.contains(word));
    Ok(gives.then_some(folder))
}

/// Where the flake of a cluster is that is written here.
fn written(cx: &Cx<'_>, cluster: &ClusterName) -> Result<PathBuf, CliError> {
    let dir = state_base(cx.global)?.join(Kind::Real.folder(cluster)).join(layout::FLAKE);
    std::path::absolute(dir).map_err(|error| failed("could not find the state directory", error))
}

/// The flake that Nix is asked for a cluster's systems.
pub fn flake(cx: &Cx<'_>, cluster: &ClusterName) -> Result<String, CliError> {
    let users = users(cx).map_err(|error| failed("could not find the folder of the configuration", error))?;
    match users {
        Some(folder) => Ok(folder.display().to_string()),
        None => Ok(nix::folder(&written(cx, cluster)?.display().to_string())),
    }
}

/// Writes the flake of a cluster, if the user has none, as the configuration has it now. A cluster that is left alone as a whole
/// needs none.
pub fn prepare(cx: &Cx<'_>, cluster: &Cluster, past: &Past) -> Result<(), CliError> {
    if cx.global.simulate || looked_at(cluster, past).is_empty() {
        return Ok(());
    }
    let unfound = |error| failed("could not find the folder of the configuration", error);
    if users(cx).map_err(unfound)?.is_some() {
        return Ok(());
    }
    let project = project(cx)?;
    let dir = written(cx, &cluster.name)?;
    let lock = project.join(LOCK);
    write(cx, cluster, past, &project, &dir)?;
    if lock.is_file() {
        return Ok(());
    }
    run(&nix::lock(&nix::folder(&dir.display().to_string())), "could not look up the inputs of the systems")?;
    let text = fs::read_to_string(dir.join("flake.lock"));
    let written = text.and_then(|text| fs::write(&lock, &text).map(|()| text));
    let text = written.map_err(|error| failed(format!("could not write {}", lock.display()), error))?;
    cx.out.say(&format!("Wrote {LOCK}: {}. Keep it with the configuration.", says(&text)));
    Ok(())
}

/// The lock of a project in YAML, if it has one.
pub fn lock(cx: &Cx<'_>) -> Option<PathBuf> {
    project::folder(cx).ok().map(|folder| folder.join(LOCK)).filter(|lock| lock.is_file())
}

/// The folder of the configuration, which must be one.
fn project(cx: &Cx<'_>) -> Result<PathBuf, CliError> {
    if cx.global.config.as_deref() == Some(Path::new("-")) {
        let message = "systems cannot be made from a configuration that comes by standard input";
        return Err(
            CliError::new(Exit::Usage, message).hint("Write it to a file, and name that with --config.")
        );
    }
    let folder = project::folder(cx).and_then(std::path::absolute);
    folder.map_err(|error| failed("could not find the folder of the configuration", error))
}

/// Makes the folder what it should be; one that is so already is left alone.
fn write(cx: &Cx<'_>, cluster: &Cluster, past: &Past, project: &Path, dir: &Path) -> Result<(), CliError> {
    let sources = project::sources(cx)?;
    let document = nix8s_core::input::systems_document(&sources, cluster.name.as_str());
    let mut document = document.ok_or_else(|| {
        CliError::new(Exit::Configuration, "the configuration has changed, and has problems now")
            .hint("`nix8s validate` shows them.")
    })?;
    releases(&mut document, past, dir)?;
    let named = project_flake::named(&document).map_err(|module| {
        let message =
            format!("the module {module} is not in the folder of the configuration, {}", project.display());
        CliError::new(Exit::Configuration, message).hint("Copy it there, and name it by its path from there.")
    })?;
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (name, text) in project_flake::files(&document) {
        files.insert(name.into(), text.into_bytes());
    }
    for file in ours(&NIX) {
        files.insert(Path::new("nix").join(file.path()), file.contents().to_vec());
    }
    // Nix takes no folder that is not there.
    files
        .insert(Path::new(PROJECT).join("README"), b"What the configuration names of its folder.\n".to_vec());
    for name in named {
        let from = project.join(&name);
        take(&from, &Path::new(PROJECT).join(&name), &mut files)
            .map_err(|error| failed(format!("could not read {}", from.display()), error))?;
    }
    if let Ok(lock) = fs::read(project.join(LOCK)) {
        files.insert("flake.lock".into(), lock);
    }
    lay(dir, &files).map_err(|error| failed(format!("could not write {}", dir.display()), error))
}

/// Fills in with which release each machine was installed, which is remembered beside the flake.
fn releases(document: &mut serde_json::Value, past: &Past, dir: &Path) -> Result<(), CliError> {
    let place = dir.with_file_name(layout::RELEASES);
    let unread = |error| failed(format!("could not read {}", place.display()), error);
    let before = match fs::read(&place) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| unread(error.into()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(unread(error)),
    };
    let mut kept = before.clone();
    project_flake::keep_state_versions(document, &mut kept, |name| {
        let known = past.machines.iter().find(|(known, _)| known.as_str() == name);
        known.is_some_and(|(_, machine)| machine.provisioned.is_some() || machine.installing.is_some())
    });
    if kept == before {
        return Ok(());
    }
    let bytes = serde_json::to_vec_pretty(&kept).expect("a map of texts");
    let made = dir.parent().map_or(Ok(()), fs::create_dir_all);
    let written = made.and_then(|()| file::replace(&[(place.clone(), &bytes)], Durability::Fsync));
    written.map_err(|error| failed(format!("could not write {}", place.display()), error))
}

/// Our Nix files that others need.
fn ours<'d>(dir: &'d Dir<'d>) -> Vec<&'d include_dir::File<'d>> {
    let below = dir.dirs().filter(|dir| !ONLY_OURS.iter().any(|name| dir.path() == Path::new(name)));
    dir.files().chain(below.flat_map(ours)).collect()
}

/// Reads a file, or all files of a folder. Nothing is followed out of it.
fn take(from: &Path, to: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    if fs::symlink_metadata(from)?.is_dir() {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            take(&entry.path(), &to.join(entry.file_name()), files)?;
        }
        return Ok(());
    }
    files.insert(to.to_owned(), fs::read(from)?);
    Ok(())
}

/// Makes a folder hold these files and no others, all at once.
fn lay(dir: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    let mut there = BTreeMap::new();
    // What cannot be read is written anew.
    let read = take(dir, Path::new(""), &mut there);
    let lock = Path::new("flake.lock");
    if !files.contains_key(lock) {
        there.remove(lock);
    }
    if read.is_ok() && there == *files {
        return Ok(());
    }
    let new = dir.with_extension(format!("{}", std::process::id()));
    for (path, bytes) in files {
        let path = new.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&new))?;
        fs::write(path, bytes)?;
    }
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::rename(&new, dir)
}

/// Looks up newer inputs for the systems of a project in YAML.
pub fn run_update(cx: &Cx<'_>, _: &UpdateArgs) -> Result<Exit, CliError> {
    let unfound = |error| failed("could not find the folder of the configuration", error);
    if let Some(folder) = users(cx).map_err(unfound)? {
        let message = format!("the systems are in a flake of your own, {}", folder.display());
        return Err(CliError::new(Exit::Usage, message).hint("`nix flake update` updates its inputs."));
    }
    let fleet = project::fleet(cx)?;
    let Some(cluster) = fleet.clusters.values().next() else {
        return Err(CliError::new(Exit::Configuration, "the configuration has no cluster"));
    };
    let project = project(cx)?;
    let dir = written(cx, &cluster.name)?;
    let past = world::past(&*world::open_to_read(cx, &cluster.name)?)?;
    write(cx, cluster, &past, &project, &dir)?;
    let lock = project.join(LOCK);
    let before = fs::read_to_string(&lock).ok();
    run(&nix::update(&nix::folder(&dir.display().to_string())), "could not look up newer inputs")?;
    let moved = fs::read_to_string(dir.join("flake.lock"));
    let moved = moved.and_then(|text| fs::write(&lock, &text).map(|()| text));
    let text = moved.map_err(|error| failed(format!("could not write {}", lock.display()), error))?;
    cx.out.say(&match before {
        Some(before) if before == text => format!("{LOCK} is as new as it can be: {}.", says(&text)),
        Some(before) => {
            let (had, has) = (says(&before), says(&text));
            format!("{LOCK} had {had}.\nIt has {has}. `nix8s plan` says what that changes.")
        }
        None => format!("Wrote {LOCK}: {}.", says(&text)),
    });
    Ok(Exit::Done)
}

/// What a lock holds, in words.
fn says(lock: &str) -> String {
    let input = |name| {
        let (revision, at) = nix::locked(lock, name)?;
        let day = at.strftime("%Y-%m-%d");
        Some(format!("{name} {} of {day}", revision.get(..12).unwrap_or(&revision)))
    };
    let all: Vec<String> = ["nixpkgs", "disko"].into_iter().filter_map(input).collect();
    if all.is_empty() { "no input that is known".to_owned() } else { all.join(", ") }
}

fn run(command: &Command, doing: &str) -> Result<(), CliError> {
    match here::wait(here::programs().run(command))? {
        Ok(output) if output.status == 0 => Ok(()),
        Ok(output) => {
            let said: Vec<String> = output.stderr.lines().rev().take(6).map(str::to_owned).collect();
            let error = CliError::new(Exit::Failed, doing).said(said.into_iter().rev().collect());
            Err(error.hint("Nix looks up nixpkgs and disko once, at github.com; then nix8s.lock holds them."))
        }
        Err(error @ ExecError::Missing { .. }) => Err(CliError::new(Exit::Program, doing)
            .because(error)
            .hint("Install Nix, 2.18 or newer: https://nixos.org/download, or your system's package `nix`.")
            .hint("`--simulate` does all of it on simulated machines made from your configuration.")),
        Err(error) => Err(CliError::new(Exit::Failed, doing).because(error)),
    }
}

fn failed(message: impl Into<String>, error: io::Error) -> CliError {
    CliError::new(Exit::Failed, message).because(error)
}
