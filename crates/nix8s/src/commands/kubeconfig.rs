//! `nix8s kubeconfig`.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;
use nix8s_core::model::Cluster;
use nix8s_core::observed::KubeconfigSeen;
use nix8s_core::permit::Permit;
use nix8s_engine::execute;
use nix8s_engine::kubeconfig;
use nix8s_engine::port::Store;
use nix8s_engine::real;
use nix8s_engine::state::dir::Durability;
use nix8s_engine::state::file;
use nix8s_engine::state::layout::KUBECONFIG;
use nix8s_engine::world::World;
use serde_json::json;

use crate::commands::Cx;
use crate::commands::complete;
use crate::commands::here;
use crate::commands::project;
use crate::commands::reach;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  nix8s kubeconfig                       fetch it, and say how kubectl finds it
  nix8s kubeconfig prod --merge          into ~/.kube/config, beside what is there
  nix8s kubeconfig prod --out prod.yaml
  nix8s kubeconfig prod --check          does the one that is here work?";

/// Fetch an admin kubeconfig that works from here
///
/// It is read from the first control plane that answers, and kept in the state directory. A file that is there is replaced
/// whole, readable by its owner alone, or stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct KubeconfigArgs {
    /// The cluster [default: the only one]
    #[arg(add = ArgValueCandidates::new(complete::clusters))]
    cluster: Option<String>,
    /// Put it into $KUBECONFIG or ~/.kube/config, of which a backup is made; the current context stays
    #[arg(long, conflicts_with = "out")]
    merge: bool,
    /// Write it to this file; `-` is stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Fetch nothing; say whether the one that is kept is missing, stale, or works
    #[arg(long, conflicts_with_all = ["merge", "out"])]
    check: bool,
}

/// Fetches it, or looks at the one that is there.
pub fn run(cx: &Cx<'_>, args: &KubeconfigArgs) -> Result<Exit, CliError> {
    let KubeconfigArgs { cluster, merge, out, check } = args;
    reach::refuse_simulated(cx, "kubeconfig")?;
    let cluster = project::changing(&project::fleet(cx)?, cluster.as_deref())?;
    if *check {
        return self::check(cx, &cluster);
    }
    if out.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        reach::refuse_json(cx, "kubeconfig --out -")?;
    }
    // Where it shall go is found out before anybody is asked for it.
    let merged = if *merge { Some(users_own()?) } else { None };
    let elsewhere = *merge || out.is_some();
    let keeper = if elsewhere {
        world::try_to_plan(cx, &cluster.name, "kubeconfig")?
    } else {
        Some(world::open_to_plan(cx, &cluster.name, "kubeconfig")?)
    };
    let reader = world::open_to_read(cx, &cluster.name)?;
    let text = fetch(cx, &world::look_at(cx, &cluster, &reader, Permit::default())?)?;
    // A run that holds the lock keeps its own.
    if let Some(state) = &keeper {
        let kept = state.write(KUBECONFIG, text.as_bytes());
        kept.map_err(|error| not_written(&state.root().join(KUBECONFIG), error))?;
    }
    if let Some(path) = merged {
        return merge_into(cx, &cluster, &path, &text);
    }
    match out {
        Some(path) if path.as_os_str() == "-" => cx.out.data(&text),
        Some(path) => {
            write(path, &text)?;
            tell(cx, &cluster, path, &[format!("Written to {}.", path.display())]);
        }
        None => {
            let path = reader.root().join(KUBECONFIG);
            tell(cx, &cluster, &path, &[format!("export KUBECONFIG={}", path.display())]);
        }
    }
    Ok(Exit::Done)
}

/// Asks one control plane after the other.
fn fetch(cx: &Cx<'_>, world: &World) -> Result<String, CliError> {
    let runtime = world::runtime(cx.global)?;
    let mut failures = Vec::new();
    let mut hints = Vec::new();
    for machine in kubeconfig::control_planes(&world.cluster) {
        match runtime.block_on(execute::fetched_kubeconfig(world, &machine.name)) {
            Ok(text) => return Ok(text),
            Err(failure) => {
                failures.push(format!("{}: {}", machine.name, failure.message));
                hints.extend(failure.hint.filter(|hint| !hints.contains(hint)));
            }
        }
    }
    let name = &world.cluster.name;
    if failures.is_empty() {
        let message = format!("{name} has no control plane that could be asked for its kubeconfig");
        return Err(CliError::new(Exit::Failed, message));
    }
    let error = CliError::new(Exit::Failed, format!("no control plane of {name} gave its kubeconfig"));
    Err(hints.into_iter().fold(error.said(failures), CliError::hint))
}

/// Whether the kept one works, in the words that planning reads.
fn check(cx: &Cx<'_>, cluster: &Cluster) -> Result<Exit, CliError> {
    let state = world::open_to_read(cx, &cluster.name)?;
    let kept = state.read(KUBECONFIG).map_err(|error| world::unreadable(&state, error))?;
    let seen = here::wait(real::check_kubeconfig(kept.as_deref(), cluster))?.map_err(|error| {
        let message = format!("whether the kubeconfig of {} works could not be found out", cluster.name);
        CliError::new(Exit::Failed, message).because(error)
    })?;
    let text = match seen {
        KubeconfigSeen::Missing => "missing: `nix8s kubeconfig` fetches one",
        KubeconfigSeen::Stale => {
            "stale: it is not for this cluster as it is now; `nix8s kubeconfig` fetches a new one"
        }
        KubeconfigSeen::Works => "works",
    };
    match cx.out.format {
        Format::Json => cx.out.json(&seen),
        Format::Text => cx.out.data(&format!("{text}\n")),
    }
    Ok(Exit::Done)
}

/// The kubeconfig that kubectl would change.
fn users_own() -> Result<PathBuf, CliError> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(list) = from("KUBECONFIG") {
        let paths: Vec<PathBuf> =
            std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect();
        if let [path] = paths.as_slice() {
            return Ok(path.clone());
        }
        let message = format!("$KUBECONFIG names {} files", paths.len());
        return Err(CliError::new(Exit::Usage, message).hint("Name the one to merge into: KUBECONFIG=FILE."));
    }
    from("HOME").map(|home| PathBuf::from(home).join(".kube/config")).ok_or_else(|| {
        CliError::new(Exit::Failed, "there is no file to merge into: neither $KUBECONFIG nor $HOME is given")
    })
}

fn merge_into(cx: &Cx<'_>, cluster: &Cluster, path: &Path, ours: &str) -> Result<Exit, CliError> {
    let theirs = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let message = format!("could not read {}", path.display());
            return Err(CliError::new(Exit::Failed, message).because(error));
        }
    };
    let merged = kubeconfig::merged(&theirs, ours).map_err(|error| {
        let message = format!("could not merge into {}, which is left as it is", path.display());
        let hint = "`--out FILE` writes a file of its own; kubectl reads several: KUBECONFIG=A:B.";
        CliError::new(Exit::Failed, message).because(error).hint(hint)
    })?;
    let mut lines = Vec::new();
    if merged == theirs {
        lines.push(format!("{} has it already.", path.display()));
    } else {
        if !theirs.is_empty() {
            let backup = backup(path);
            write(&backup, &theirs)?;
            lines.push(format!("What was there is kept in {}.", backup.display()));
        }
        write(path, &merged)?;
        lines.push(format!("Merged into {}.", path.display()));
    }
    lines.push(format!("kubectl --context {} get nodes", cluster.name));
    tell(cx, cluster, path, &lines);
    Ok(Exit::Done)
}

/// A kubeconfig of the user's own that has the entries of a cluster, and what is left of it without them.
pub struct Merged {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
    /// What it says without them.
    pub without: String,
}

/// Where the kept kubeconfig was merged into, as far as that can be told: files that cannot be read are not the user's to kubectl
/// either.
pub fn merged_into(kept: &str) -> Vec<Merged> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let paths: Vec<PathBuf> = match from("KUBECONFIG") {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => from("HOME").map(|home| PathBuf::from(home).join(".kube/config")).into_iter().collect(),
    };
    let merged = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let without = kubeconfig::without(&text, kept).ok()??;
        Some(Merged { path, text, without })
    };
    paths.into_iter().filter_map(merged).collect()
}

/// A name beside the file that no earlier backup has.
fn backup(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.{}.backup", Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S%.6fZ")))
}

/// Replaces a file whole, or what a link leads to.
pub fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let target = fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    let written = target.and_then(|target| file::replace(&[(target, text.as_bytes())], Durability::Fsync));
    written.map_err(|error| not_written(path, error))
}

fn not_written(path: &Path, error: io::Error) -> CliError {
    let message = format!("could not write {}; what was there is left as it is", path.display());
    CliError::new(Exit::Failed, message).because(error)
}

fn tell(cx: &Cx<'_>, cluster: &Cluster, path: &Path, lines: &[String]) {
    match cx.out.format {
        Format::Json => cx.out.json(&json!({ "cluster": cluster.name, "path": path })),
        Format::Text => lines.iter().for_each(|line| cx.out.data(&format!("{line}\n"))),
    }
}
