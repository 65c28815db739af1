//! Users' scripts: command lines with their environment, and what bash is given besides their text.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Command;
use super::FILES;
use super::File;
use super::Host;
use crate::model::Body;
use crate::model::Cluster;
use crate::model::Distribution;
use crate::model::Machine;
use crate::model::MachineName;
use crate::model::Place;
use crate::model::Role;
use crate::model::Script;

/// What stands before every text: a failing command ends it, and there are functions to say something.
pub const PRELUDE: &str = "\
set -euo pipefail
log() { printf '%s\\n' \"$*\"; }
warn() { printf 'warning: %s\\n' \"$*\" >&2; }
error() { printf 'error: %s\\n' \"$*\" >&2; exit 1; }
";

/// Where machines keep nix8s's state: what `STATE_DIR` says there.
pub const STATE_DIR_ON_MACHINE: &str = "/var/lib/nix8s";

/// The variable that names the script that runs.
pub const SCRIPT: &str = "NIX8S_SCRIPT";

/// The variable that names the script whose condition is asked.
pub const CONDITION_OF: &str = "NIX8S_CONDITION_OF";

/// The variable that names the user's reconciler that runs.
pub const RECONCILER: &str = "NIX8S_RECONCILER";

/// How long a condition may take: it only asks.
const CONDITION: Duration = Duration::from_secs(60);

/// Whom a script is about, and where state is kept here.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The name of the machine, if it is about one.
    pub name: Option<&'a MachineName>,
    /// That machine; `None`: nothing is known of it but its name.
    pub machine: Option<&'a Machine>,
    /// The state directory here.
    pub state_dir: &'a str,
}

/// Runs a script; `None`: it runs on a machine, and there is none or nothing is known of it.
pub fn run(script: &Script, about: About<'_>) -> Option<Command> {
    let named = [(SCRIPT, script.name.clone()), ("NIX8S_WHEN", script.when.to_string())];
    command(&script.body, script.place, about, named, script.timeout)
}

/// Asks a condition where it is to be asked.
pub fn condition(script: &Script, condition: &Body, place: Place, about: About<'_>) -> Option<Command> {
    let named = [(CONDITION_OF, script.name.clone()), ("NIX8S_WHEN", script.when.to_string())];
    command(condition, place, about, named, CONDITION)
}

/// Runs a user's reconciler here, for ever or until it ends.
pub fn reconciler(name: &str, argv: &[String], interval: Duration, about: About<'_>) -> Command {
    let interval = ("RECONCILE_INTERVAL", interval.as_secs().to_string());
    let named = [(RECONCILER, name.to_owned()), interval];
    let body = Body::Run(argv.to_vec());
    command(&body, Place::Local, about, named, Duration::MAX).expect("it runs here, whomever it is about")
}

fn command(
    body: &Body,
    place: Place,
    about: About<'_>,
    named: [(&str, String); 2],
    timeout: Duration,
) -> Option<Command> {
    let mut argv = vec!["env".to_owned()];
    let variables = named.into_iter().chain(environment(place, about));
    argv.extend(variables.map(|(name, value)| format!("{name}={value}")));
    let mut files = BTreeMap::new();
    match body {
        Body::Run(own) => argv.extend(own.iter().cloned()),
        Body::Text(text) => {
            argv.extend(["bash".to_owned(), format!("{FILES}/script")]);
            files.insert("script".to_owned(), File::private(format!("{PRELUDE}{text}\n")));
        }
    }
    let command = match (place, about.machine) {
        (Place::Local, _) => Command::here(argv, timeout),
        (Place::Node, Some(machine)) => Command::on(machine, argv, timeout),
        (Place::Node, None) => return None,
    };
    Some(Command { files, ..command })
}

/// What every script finds in its environment.
fn environment(place: Place, about: About<'_>) -> Vec<(&'static str, String)> {
    let About { cluster, name, machine, state_dir } = about;
    let (state_dir, kubeconfig) = match place {
        Place::Local => (state_dir.to_owned(), format!("{state_dir}/k8s/kubeconfig")),
        Place::Node => {
            let control_plane = machine.is_some_and(|machine| machine.role == Role::ControlPlane);
            (STATE_DIR_ON_MACHINE.to_owned(), if control_plane { kubeconfig(cluster) } else { String::new() })
        }
    };
    let ip = machine.and_then(|machine| machine.ip).map(|ip| ip.to_string());
    vec![
        ("STATE_DIR", state_dir),
        ("CLUSTER", cluster.name.to_string()),
        ("NODE", name.map(|name| name.to_string()).unwrap_or_default()),
        ("NODE_IP", ip.unwrap_or_default()),
        ("KUBECONFIG", kubeconfig),
        ("DRY_RUN", "0".to_owned()),
    ]
}

/// The admin kubeconfig on a control plane.
fn kubeconfig(cluster: &Cluster) -> String {
    match cluster.distribution {
        Distribution::K3s => super::k3s::KUBECONFIG,
        Distribution::Kubeadm => super::kubeadm::KUBECONFIG,
        Distribution::K0s => "/var/lib/k0s/pki/admin.conf",
    }
    .to_owned()
}

/// Whether a command is a user's own: it is never run in a simulated world.
pub fn is_users(command: &Command) -> bool {
    let first = command.argv.get(1).map(String::as_str).unwrap_or_default();
    let mut names = [SCRIPT, CONDITION_OF, RECONCILER].into_iter();
    command.argv.first().is_some_and(|program| program == "env")
        && names.any(|name| first.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
        && matches!(command.on, Host::Here | Host::Machine { .. })
}
