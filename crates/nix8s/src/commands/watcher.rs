//! Watches what a loop depends on: the files of the configuration, and markers in the state directory.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix8s_core::model::Cluster;
use nix8s_engine::state::layout;
use nix8s_engine::wake::Caller;
use notify::EventKind;
use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher as _;

use crate::error::CliError;
use crate::error::Exit;

/// Editors and version control write a file in several steps: it is read when nothing has come for this long.
const SETTLE: Duration = Duration::from_millis(300);

/// What a change means for the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A file of the configuration changed, or a person asked for something: the loop begins anew.
    Configuration,
    /// A person left a marker.
    Marker,
}

/// Watches as long as the returned value lives. Folders are watched and not files, because editors replace files.
pub fn watch(sources: &[PathBuf], state: &Path, caller: &Caller) -> Result<RecommendedWatcher, CliError> {
    let (tell, hear) = mpsc::channel();
    let wake = state.join(layout::WAKE);
    let mut watcher = notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
        let Ok(event) = event else { return };
        if let Some(news) = news(&event, &wake) {
            // Nobody hears when the process ends.
            let _ = tell.send(news);
        }
    })
    .map_err(unwatchable)?;
    for folder in folders(sources, state).iter().map(PathBuf::as_path).chain([state]) {
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(unwatchable)?;
    }
    let caller = caller.clone();
    // Ends with the watcher, which holds the other side.
    thread::spawn(move || {
        while let Ok(first) = hear.recv() {
            let mut all = vec![first];
            while let Ok(more) = hear.recv_timeout(SETTLE) {
                all.push(more);
            }
            if all.contains(&News::Configuration) {
                caller.reload();
            } else {
                caller.look();
            }
        }
    });
    Ok(watcher)
}

/// Watches what users' reconcilers watch, as long as the returned value lives. A path that is not there yet is watched
/// by way of the nearest folder above it that is.
pub fn watch_paths(
    folder: &Path,
    cluster: &Cluster,
    caller: &Caller,
) -> Result<Option<RecommendedWatcher>, CliError> {
    let mut paths: Vec<(PathBuf, String)> = Vec::new();
    for (name, reconciler) in cluster.bootstrap.reconcilers.iter().filter(|(_, it)| it.enable) {
        let own = reconciler.watch_paths.iter().map(|path| (folder.join(path), name.clone()));
        paths.extend(own);
    }
    if paths.is_empty() {
        return Ok(None);
    }
    let watched: BTreeSet<PathBuf> = paths.iter().map(|(path, _)| there(path)).collect();
    let caller = caller.clone();
    let mut watcher = notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        let touched = paths.iter().filter(|(path, _)| event.paths.iter().any(|at| at.starts_with(path)));
        let names: BTreeSet<&str> = touched.map(|(_, name)| name.as_str()).collect();
        names.into_iter().for_each(|name| caller.touch(name));
    })
    .map_err(unwatchable)?;
    for path in watched {
        watcher.watch(&path, RecursiveMode::Recursive).map_err(unwatchable)?;
    }
    Ok(Some(watcher))
}

/// The folder to watch for a path: the one that it is or is in, or else the nearest above it. Files are replaced by
/// editors, folders are not.
fn there(path: &Path) -> PathBuf {
    let folder = path.ancestors().find(|above| above.is_dir());
    folder.map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

/// The folders in which files of the configuration are, or may come to be.
fn folders(sources: &[PathBuf], state: &Path) -> BTreeSet<PathBuf> {
    let here = |path: &Path| if path == Path::new("") { PathBuf::from(".") } else { path.to_owned() };
    let mut folders: BTreeSet<PathBuf> = sources.iter().filter_map(|file| file.parent()).map(here).collect();
    // A folder's other parts may be empty as yet.
    for folder in folders.clone() {
        let beside = ["nodes", "clusters", "nix8s.d"].map(|name| folder.join(name));
        folders.extend(beside.into_iter().filter(|path| path.is_dir()));
        let above = folder.parent().filter(|_| {
            matches!(folder.file_name().and_then(OsStr::to_str), Some("nodes" | "clusters" | "nix8s.d"))
        });
        folders.extend(above.map(here));
    }
    // What a flake reads is anywhere below it.
    for flake in sources.iter().filter(|file| file.extension().is_some_and(|end| end == "nix")) {
        below(&here(flake.parent().unwrap_or(flake)), state, &mut folders);
    }
    folders
}

/// Folders of a project, without hidden ones, links (`result` leads into the store) and state.
fn below(folder: &Path, state: &Path, folders: &mut BTreeSet<PathBuf>) {
    /// A project has dozens. What is in the others is taken up with the next change that is noticed.
    const FOLDERS_MAX: usize = 1000;
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let holds_state = state.parent().is_some_and(
            |base| matches!((base.canonicalize(), path.canonicalize()), (Ok(base), Ok(path)) if base == path),
        );
        if is_folder && !is_hidden && !holds_state && folders.len() < FOLDERS_MAX {
            folders.insert(path.clone());
            below(&path, state, folders);
        }
    }
}

/// What an event means, if anything: nix8s itself writes a lot into its state directory.
pub fn news(event: &notify::Event, wake: &Path) -> Option<News> {
    if matches!(event.kind, EventKind::Access(_)) {
        return None;
    }
    let is_configuration = |path: &PathBuf| {
        let ending = path.extension().and_then(OsStr::to_str);
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        matches!(ending, Some("yaml" | "yml" | "nix" | "lock")) && !hidden
            || ending == Some("json") && !hidden && path.parent() != wake.parent()
    };
    if event.paths.iter().any(is_configuration) {
        return Some(News::Configuration);
    }
    // What was asked may be a permit, which a loop takes up when it begins.
    if event.paths.iter().any(|path| path.parent() == wake.parent() && path.ends_with(layout::WAKE_ASKED)) {
        return Some(News::Configuration);
    }
    event.paths.iter().any(|path| path == wake).then_some(News::Marker)
}

fn unwatchable(error: notify::Error) -> CliError {
    CliError::new(Exit::Failed, "could not watch the configuration and the state directory")
        .because(error)
        .hint("Too many watches may be in use (fs.inotify.max_user_watches, fs.inotify.max_user_instances).")
}

#[cfg(test)]
mod tests {
    use notify::event::AccessKind;
    use notify::event::CreateKind;
    use notify::event::ModifyKind;

    use super::*;

    fn of(kind: EventKind, path: &str) -> Option<News> {
        news(&notify::Event::new(kind).add_path(PathBuf::from(path)), Path::new("/state/prod/wake"))
    }

    #[test]
    fn files_of_the_configuration_and_markers_are_news_and_nothing_else() {
        let written = EventKind::Modify(ModifyKind::Any);
        let made = EventKind::Create(CreateKind::File);
        assert_eq!(of(written, "/project/nix8s.yaml"), Some(News::Configuration));
        assert_eq!(of(made, "/project/clusters/prod.json"), Some(News::Configuration));
        assert_eq!(of(written, "/project/modules/disks.nix"), Some(News::Configuration));
        assert_eq!(of(written, "/project/flake.lock"), Some(News::Configuration));
        assert_eq!(of(EventKind::Access(AccessKind::Any), "/project/nix8s.yaml"), None);
        assert_eq!(of(written, "/project/.nix8s.yaml.swp"), None);
        assert_eq!(of(written, "/project/.hidden.yaml"), None);
        assert_eq!(of(written, "/state/prod/overview.json"), None);
        assert_eq!(of(written, "/state/prod/events.jsonl"), None);
        assert_eq!(of(made, "/state/prod/wake"), Some(News::Marker));
        assert_eq!(of(made, "/state/prod/wake-asked"), Some(News::Configuration));
    }

    #[test]
    fn the_folders_of_a_configuration_are_watched() {
        let of = |names: &[&str]| {
            folders(&names.iter().map(PathBuf::from).collect::<Vec<_>>(), Path::new("/state/prod"))
        };
        assert_eq!(of(&["nix8s.yaml"]), BTreeSet::from([PathBuf::from(".")]));
        let both = BTreeSet::from([PathBuf::from("x"), PathBuf::from("x/nodes")]);
        assert_eq!(of(&["x/nodes/w.yaml"]), both);
    }

    #[test]
    fn all_folders_of_a_flake_are_watched_but_for_state_and_hidden_ones() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["modules/deep", ".git/refs", "state/prod/nodes"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let found = folders(&[dir.path().join("flake.nix")], &dir.path().join("state/prod"));
        let expected = ["", "modules", "modules/deep"].map(|name| dir.path().join(name));
        assert_eq!(found, BTreeSet::from(expected.map(|path| path.components().collect())));
    }
}
