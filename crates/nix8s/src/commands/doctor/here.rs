//! What is known of this computer without asking anybody: the state directory, folders, what lies beside the configuration.

use std::path::Path;
use std::path::PathBuf;

use nix8s_core::doctor::StateSeen;
use nix8s_core::doctor::needed;
use nix8s_core::model::Cluster;
use nix8s_engine::doctor::Here;
use nix8s_engine::real::programs;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::layout;
use nix8s_engine::state::lock;

use crate::commands::Cx;
use crate::commands::project;
use crate::error::CliError;
use crate::error::Exit;

/// Looks at it.
pub fn seen(
    cx: &Cx<'_>,
    cluster: &Cluster,
    state: &StateDir,
    unreadable: Option<String>,
) -> Result<Here, CliError> {
    let folder = project::folder(cx).and_then(std::path::absolute).map_err(|error| {
        CliError::new(Exit::Failed, "could not tell the current directory").because(error)
    })?;
    let in_git = folder.ancestors().any(|folder| folder.join(".git").exists());
    let simulated = cx.global.simulate;
    let folders = if simulated { vec!["/nix".to_owned()] } else { folders(state.root()) };
    Ok(Here {
        programs: needed(cluster, in_git),
        fits_machines: simulated || programs::fits_machines(),
        state: StateSeen {
            path: state.root().display().to_string(),
            unwritable: unwritable(state.root()),
            unreadable,
            held_by: lock::held_by(&state.root().join(layout::LOCK)).ok().flatten(),
        },
        folders,
    })
}

/// The folder, or the nearest above it that there is.
fn there(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn folders(state: &Path) -> Vec<String> {
    let nix = Some(PathBuf::from("/nix")).filter(|nix| nix.is_dir());
    let all = [nix, Some(there(state)), Some(std::env::temp_dir()).filter(|temp| temp.is_dir())];
    let mut folders: Vec<String> = all.into_iter().flatten().map(|path| path.display().to_string()).collect();
    folders.dedup();
    folders
}

/// Why it could not be written, as far as that can be told without writing.
fn unwritable(state: &Path) -> Option<String> {
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    let tried = rustix::fs::access(there(state), access);
    tried.err().map(|error| std::io::Error::from(error).to_string())
}
