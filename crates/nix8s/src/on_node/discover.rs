//! What this machine is made of: reads what core wants to see below `/proc`, `/sys` and `/dev`.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use nix8s_core::tool::on_node::discover::LINKS;
use nix8s_core::tool::on_node::discover::Tree;
use nix8s_core::tool::on_node::discover::WANTED;
use nix8s_core::tool::on_node::discover::discovered;

use super::failed;
use super::machine::Machine;
use crate::error::CliError;
use crate::error::Exit;

/// Files there are shorter, but for cpuinfo of a machine with many processors.
const BYTES_MAX: u64 = 4 << 20;

/// Prints it as JSON.
pub fn discover(machine: &Machine) -> Result<Exit, CliError> {
    let root = machine.at("");
    let mut tree = Tree::new();
    for path in WANTED.iter().flat_map(|wanted| matching(&root, wanted)) {
        // What cannot be read is not there: an interface without a link has no speed.
        if let Some(text) = text(&root.join(&path)) {
            tree.insert(path, text);
        }
    }
    for path in LINKS.iter().flat_map(|wanted| matching(&root, wanted)) {
        if let Ok(target) = fs::read_link(root.join(&path)) {
            tree.insert(path, target.display().to_string());
        }
    }
    let found = discovered(&tree, std::env::consts::ARCH).map_err(|error| failed(error.to_string()))?;
    println!("{}", serde_json::to_string_pretty(&found).expect("plain data"));
    Ok(Exit::Done)
}

fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The paths below `root` that a pattern stands for.
fn matching(root: &Path, wanted: &str) -> Vec<String> {
    let mut found = vec![PathBuf::new()];
    for part in wanted.split('/') {
        if part == "*" {
            found = found.iter().flat_map(|folder| names(root, folder)).collect();
        } else {
            for path in &mut found {
                path.push(part);
            }
        }
    }
    found.into_iter().map(|path| path.display().to_string()).collect()
}

fn names(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Vec::new() };
    entries.flatten().map(|entry| folder.join(entry.file_name())).collect()
}
