//! `nix8s on-node`: what runs on machines. nix8s puts itself there and calls this over SSH; it is no command for people.
//!
//! Each verb is a small thing that a machine does to itself, as root: files that are written whole or not at all, the question
//! whether it is the planned machine, a switch that undoes itself. What to do is decided in core; here it is done.

mod discover;
mod files;
mod kubernetes;
mod machine;
mod switch;

use std::io::Read;
use std::path::PathBuf;

use clap::Subcommand;
use nix8s_core::model::Distribution;
use nix8s_core::model::StorePath;
use nix8s_core::observed::Mark;
use nix8s_core::tool::on_node::Expected;

use crate::error::CliError;
use crate::error::Exit;
use machine::Machine;

const EXAMPLES: &str = "\
Examples:
  nix8s on-node probe                what this machine knows about itself, as JSON
  nix8s on-node discover             what it is made of: disks, interfaces, memory, processors, GPUs";

/// What nix8s runs on machines
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct OnNodeArgs {
    /// Another root than `/`
    #[arg(long, value_name = "DIR", default_value = "/", global = true, hide = true)]
    root: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What this machine knows about itself
    #[command(after_help = EXAMPLES)]
    Probe,
    /// What this machine is made of
    #[command(after_help = EXAMPLES)]
    Discover,
    /// Writes a file below /var/lib/nix8s, whole or not at all, from stdin
    #[command(after_help = EXAMPLES)]
    Write {
        /// The file
        path: String,
    },
    /// Prints a file that nix8s may read
    #[command(after_help = EXAMPLES)]
    Read {
        /// The file
        path: String,
    },
    /// Writes the identity mark, from stdin
    #[command(after_help = EXAMPLES)]
    Adopt,
    /// Writes the files that hold this machine's secrets, from stdin
    #[command(after_help = EXAMPLES)]
    Deliver,
    /// Whether this is the machine on stdin
    #[command(after_help = EXAMPLES)]
    Confirm,
    /// Activates a system, with a way back
    #[command(after_help = EXAMPLES)]
    Switch(switch::SwitchArgs),
    /// Confirms a switch
    #[command(after_help = EXAMPLES)]
    ConfirmSwitch {
        /// The nonce of the switch
        nonce: String,
    },
    /// What the timer of a switch runs
    #[command(after_help = EXAMPLES)]
    RollBack {
        /// The nonce of the switch
        nonce: String,
    },
    /// What the first moments of a boot run
    #[command(after_help = EXAMPLES)]
    Resume,
    /// Asks gates, from stdin
    #[command(after_help = EXAMPLES)]
    Gates,
    /// Keeps k3s, whose member is about to be taken out of etcd, from coming back as another one
    #[command(after_help = EXAMPLES)]
    StayOut,
    /// Stops a distribution of Kubernetes and removes its state
    #[command(after_help = EXAMPLES)]
    Clean {
        /// Which
        #[arg(value_parser = distribution)]
        distribution: Distribution,
    },
    /// Joins with what is on stdin, one argument a line
    #[command(after_help = EXAMPLES)]
    KubeadmJoin,
    /// etcdctl with the keys of this machine's etcd
    #[command(after_help = EXAMPLES)]
    Etcdctl {
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// Does it.
pub fn run(args: &OnNodeArgs) -> Result<Exit, CliError> {
    let machine = Machine::new(args.root.clone());
    match &args.verb {
        Verb::Probe => {
            let probe = serde_json::to_string(&machine.probe()?).expect("plain data");
            println!("{probe}");
            Ok(Exit::Done)
        }
        Verb::Discover => discover::discover(&machine),
        Verb::Write { path } => files::write(&machine, path, stdin()?.as_bytes()),
        Verb::Read { path } => files::read(&machine, path),
        Verb::Adopt => files::adopt(&machine, &from_stdin::<Mark>("an identity mark")?),
        Verb::Deliver => files::deliver(&machine, &stdin()?.into()),
        Verb::Confirm => confirm(&machine),
        Verb::Switch(args) => switch::switch(&machine, args),
        Verb::ConfirmSwitch { nonce } => switch::confirm(&machine, nonce),
        Verb::RollBack { nonce } => switch::roll_back(&machine, nonce),
        Verb::Resume => switch::resume(&machine),
        Verb::Gates => kubernetes::gates(&from_stdin("a list of gates")?),
        Verb::StayOut => kubernetes::stay_out(&machine),
        Verb::Clean { distribution } => kubernetes::clean(&machine, *distribution),
        Verb::KubeadmJoin => kubernetes::join(&machine, &stdin()?),
        Verb::Etcdctl { arguments } => kubernetes::etcdctl(&machine, arguments),
    }
}

fn confirm(machine: &Machine) -> Result<Exit, CliError> {
    let expected = from_stdin::<Expected>("a machine")?;
    let differs = expected.differs(&machine.probe()?);
    if differs.is_empty() {
        return Ok(Exit::Done);
    }
    Err(CliError::new(Exit::Refused, differs.join("; ")))
}

fn stdin() -> Result<String, CliError> {
    let mut text = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| CliError::new(Exit::Failed, "could not read stdin").because(error))?;
    Ok(text)
}

fn from_stdin<T: serde::de::DeserializeOwned>(what: &str) -> Result<T, CliError> {
    // What it was is not told: it may have been meant for another program, and be secret.
    serde_json::from_str(&stdin()?).map_err(|_| CliError::new(Exit::Usage, format!("stdin is not {what}")))
}

fn failed(message: impl Into<String>) -> CliError {
    CliError::new(Exit::Failed, message)
}

fn system(path: &str) -> Result<StorePath, String> {
    let name = path.strip_prefix("/nix/store/").unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b);
    let fits = !name.is_empty() && name.bytes().all(plain);
    if fits { Ok(StorePath::new(path)) } else { Err("it is no path in /nix/store".to_owned()) }
}

fn distribution(text: &str) -> Result<Distribution, String> {
    let all = [Distribution::K3s, Distribution::Kubeadm, Distribution::K0s];
    all.into_iter()
        .find(|one| one.to_string() == text)
        .ok_or_else(|| "there is no such distribution".to_owned())
}
