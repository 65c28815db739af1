//! Exports for people and their own programs: what is wanted and what is, in files. Nothing here is read for planning,
//! except how to reach machines that have left the configuration.
//!
//! Only what changed is written. Nothing is ever removed but files of machines by the names that nix8s gives them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use nix8s_core::digest;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::StorePath;
use nix8s_core::model::Version;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::Observed;
use nix8s_core::observed::Os;
use nix8s_core::observed::Reach;
use nix8s_core::past::MachinePast;
use nix8s_core::past::Past;
use serde::Deserialize;
use serde::Serialize;

use super::layout;
use crate::port::Store;

/// The version of every export's shape.
const SCHEMA: u32 = 1;

/// `nodes/<node>/config.json`.
#[derive(Serialize, Deserialize)]
struct Config<M> {
    schema: u32,
    machine: M,
}

/// `desired/<node>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Desired<'a> {
    schema: u32,
    role: Role,
    system: &'a StorePath,
    version: Option<&'a Version>,
}

/// `nodes/<node>/state.json`. No times of looks in it: it changes when the machine does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    schema: u32,
    /// How it answered.
    pub reach: Reach,
    os: Option<Os>,
    system: Option<StorePath>,
    /// Its Node.
    pub node: Option<NodeState>,
    installation: Option<String>,
    joined: Option<Role>,
    removed: bool,
    errors: Vec<String>,
    /// What `config-hash` says; the file was removed by somebody if this is here and it is not.
    #[serde(rename = "configHash")]
    config_hash: Option<String>,
}

/// A Node as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// The Ready condition.
    pub ready: bool,
    /// Who cordoned it.
    pub cordon: Cordon,
    /// The kubelet's version.
    pub version: Version,
}

/// `k8s/members/<node>`.
#[derive(Serialize, Deserialize)]
struct Member {
    schema: u32,
    machine: MachineName,
    role: Role,
}

/// Writes exports and remembers what it wrote.
#[derive(Debug, Default)]
pub struct Exporter {
    machines: BTreeMap<MachineName, Written>,
    files: BTreeMap<String, String>,
    /// Member files that are as they should be.
    members: BTreeMap<MachineName, Role>,
    members_were_listed: bool,
}

#[derive(Debug, Default)]
struct Written {
    machine: Option<Arc<Machine>>,
    system: Option<StorePath>,
    desired_hash: Option<String>,
    state: Option<State>,
}

/// Machines that were configured once and are no longer, as they were.
///
/// # Errors
/// When the state directory could not be read. What cannot be understood is left out: its machine's address is then
/// unknown, and a removal says so.
pub fn former(store: &dyn Store, cluster: &Cluster) -> io::Result<BTreeMap<MachineName, Arc<Machine>>> {
    let mut former = BTreeMap::new();
    for name in store.list(layout::NODES)? {
        let Ok(name) = name.parse::<MachineName>() else { continue };
        if cluster.machines.contains_key(&name) {
            continue;
        }
        let Some(bytes) = store.read(&layout::config(&name))? else { continue };
        let Ok(config) = serde_json::from_slice::<Config<Machine>>(&bytes) else { continue };
        if config.schema == SCHEMA && config.machine.name == name {
            former.insert(name, Arc::new(config.machine));
        }
    }
    Ok(former)
}

/// What was last recorded of a machine.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// As it was last configured.
    pub machine: Option<Machine>,
    /// As it was last seen.
    pub state: Option<State>,
}

/// Reads what was last recorded of a machine. What cannot be understood counts as not recorded.
///
/// # Errors
/// When the state directory could not be read.
pub fn recorded(store: &dyn Store, name: &MachineName) -> io::Result<Recorded> {
    let config = store.read(&layout::config(name))?;
    let config = config.and_then(|bytes| serde_json::from_slice::<Config<Machine>>(&bytes).ok());
    let state = store.read(&layout::seen(name))?;
    let state = state.and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
    Ok(Recorded {
        machine: config.filter(|config| config.schema == SCHEMA).map(|config| config.machine),
        state: state.filter(|state| state.schema == SCHEMA),
    })
}

/// The digest to put back, if somebody removed a machine's `config-hash`.
///
/// # Errors
/// When the state directory could not be read.
pub fn removed_hash(store: &dyn Store, name: &MachineName) -> io::Result<Option<(MachineName, String)>> {
    if store.exists(&layout::config_hash(name))? {
        return Ok(None);
    }
    let Some(bytes) = store.read(&layout::seen(name))? else { return Ok(None) };
    let state: Option<State> = serde_json::from_slice(&bytes).ok();
    Ok(state.and_then(|state| state.config_hash).map(|hash| (name.clone(), hash)))
}

impl Exporter {
    /// Writes what changed since the last time, and removes the files of machines that are forgotten.
    ///
    /// # Errors
    /// When a file could not be written; the next call tries again.
    pub fn export(
        &mut self,
        store: &dyn Store,
        cluster: &Cluster,
        former: &BTreeMap<MachineName, Arc<Machine>>,
        seen: &Observed,
    ) -> io::Result<()> {
        let mut out = Vec::new();
        for machine in cluster.machines.values() {
            self.recall(store, machine)?;
            self.machine(machine, seen, &mut out);
        }
        self.cluster(seen, &mut out);
        let out = self.changed(store, out)?;
        if !out.is_empty() {
            store.write_all(&out)?;
        }
        for (path, bytes) in &out {
            self.files.insert(path.clone(), digest::of(bytes));
        }
        let joined =
            seen.past.machines.iter().filter_map(|(name, past)| Some((name, past.joined.as_ref()?.role)));
        self.members.extend(joined.map(|(name, role)| (name.clone(), role)));
        self.members_that_left(store, &seen.past)?;
        platform_that_left(store, seen)?;
        forget(store, former, &seen.past)
    }

    /// What an earlier run wrote of a machine.
    fn recall(&mut self, store: &dyn Store, machine: &Machine) -> io::Result<()> {
        if !self.machines.contains_key(&machine.name) {
            let bytes = store.read(&layout::seen(&machine.name))?;
            let state = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            self.machines.insert(machine.name.clone(), Written { state, ..Written::default() });
        }
        Ok(())
    }

    /// Adds a machine's files as far as they may have changed.
    fn machine(&mut self, machine: &Arc<Machine>, seen: &Observed, out: &mut Vec<(String, Vec<u8>)>) {
        let name = &machine.name;
        let written = self.machines.entry(name.clone()).or_default();
        if !written.machine.as_ref().is_some_and(|before| Arc::ptr_eq(before, machine)) {
            out.push((layout::config(name), json(&Config { schema: SCHEMA, machine: &**machine })));
            written.machine = Some(machine.clone());
        }
        let wanted = seen.wanted.known().and_then(|systems| systems.get(name));
        if let Some(wanted) = wanted
            && written.system.as_ref() != Some(&wanted.path)
        {
            let desired = Desired {
                schema: SCHEMA,
                role: machine.role,
                system: &wanted.path,
                version: wanted.version.as_ref(),
            };
            let bytes = json(&desired);
            written.desired_hash = Some(digest::of(&bytes));
            written.system = Some(wanted.path.clone());
            out.push((layout::desired(name), bytes));
        }
        let running = seen.machines.get(name).and_then(|m| m.probe.as_ref()?.running.as_ref());
        let runs_wanted =
            running.is_some_and(|running| wanted.is_some_and(|wanted| wanted.path == running.path));
        let before = written.state.as_ref().and_then(|state| state.config_hash.clone());
        let hash = if runs_wanted { written.desired_hash.clone() } else { before };
        let state = state(seen, name, hash);
        if written.state.as_ref() != Some(&state) {
            out.push((layout::seen(name), json(&state)));
            out.extend(state.config_hash.clone().map(|hash| (layout::config_hash(name), hash.into_bytes())));
            written.state = Some(state);
        }
    }

    fn cluster(&mut self, seen: &Observed, out: &mut Vec<(String, Vec<u8>)>) {
        let past = &seen.past;
        out.extend(past.initialized.map(|at| (layout::INITIALIZED.to_owned(), at.to_string().into_bytes())));
        let first = past.first_server.as_ref();
        out.extend(first.map(|name| (layout::FIRST_SERVER.to_owned(), name.to_string().into_bytes())));
        let bad: BTreeMap<&MachineName, _> = past
            .machines
            .iter()
            .filter(|(_, past)| !past.bad.is_empty())
            .map(|(name, past)| (name, &past.bad))
            .collect();
        if !bad.is_empty() || self.files.contains_key(layout::BAD_SYSTEMS) {
            let content = serde_json::json!({ "schema": SCHEMA, "machines": bad });
            out.push((layout::BAD_SYSTEMS.to_owned(), json(&content)));
        }
        for (machine, past) in &past.machines {
            if let Some(joined) = past.joined.as_ref().filter(|j| self.members.get(machine) != Some(&j.role))
            {
                let member = Member { schema: SCHEMA, machine: machine.clone(), role: joined.role };
                out.push((layout::member(machine), json(&member)));
            }
        }
        if let Some(version) = seen.api.known().and_then(|api| api.platforms.get("cozystack")) {
            out.push((layout::platform("cozystack", "installed"), b"true".to_vec()));
            out.push((layout::platform("cozystack", "version"), version.clone().into_bytes()));
        }
    }

    /// What differs from what was written, or from what stands there from an earlier run.
    fn changed(
        &mut self,
        store: &dyn Store,
        out: Vec<(String, Vec<u8>)>,
    ) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut changed = Vec::new();
        for (path, bytes) in out {
            let hash = digest::of(&bytes);
            let is_same = match self.files.get(&path) {
                Some(before) => *before == hash,
                None => store.read(&path)?.is_some_and(|there| there == bytes),
            };
            if is_same {
                self.files.insert(path, hash);
            } else {
                changed.push((path, bytes));
            }
        }
        Ok(changed)
    }

    /// Removes member files of machines that are members no more: only files that say so themselves.
    fn members_that_left(&mut self, store: &dyn Store, past: &Past) -> io::Result<()> {
        let is_member =
            |name: &MachineName| past.machines.get(name).is_some_and(|past| past.joined.is_some());
        let left: Vec<MachineName> = if self.members_were_listed {
            self.members.keys().filter(|name| !is_member(name)).cloned().collect()
        } else {
            let listed = store.list(layout::MEMBERS)?;
            let names = listed.iter().filter_map(|name| name.parse().ok());
            names.filter(|name| !is_member(name)).collect()
        };
        self.members_were_listed = true;
        for name in left {
            let path = layout::member(&name);
            let is_ours = store.read(&path)?.and_then(|bytes| serde_json::from_slice::<Member>(&bytes).ok());
            if is_ours.is_some_and(|member| member.machine == name) {
                store.remove(&path)?;
            }
            self.files.remove(&path);
            self.members.remove(&name);
        }
        Ok(())
    }
}

/// Removes what an export says of Cozystack when the API server says that it is not there.
fn platform_that_left(store: &dyn Store, seen: &Observed) -> io::Result<()> {
    let is_absent = seen.api.known().is_some_and(|api| !api.platforms.contains_key("cozystack"));
    let installed = layout::platform("cozystack", "installed");
    if is_absent && store.read(&installed)?.is_some_and(|bytes| bytes == b"true") {
        store.remove(&layout::platform("cozystack", "version"))?;
        store.remove(&installed)?;
    }
    Ok(())
}

/// Removes the files of machines that have left the configuration and are forgotten, each by its name; whatever else
/// is in their folders stays, and so do the folders then.
fn forget(store: &dyn Store, former: &BTreeMap<MachineName, Arc<Machine>>, past: &Past) -> io::Result<()> {
    for name in former.keys().filter(|name| !past.machines.contains_key(*name)) {
        if store.read(&layout::config(name))?.is_none() {
            continue;
        }
        store.remove(&layout::desired(name))?;
        store.remove(&layout::seen(name))?;
        store.remove(&layout::config_hash(name))?;
        store.remove(&layout::delete(name))?;
        store.remove(&layout::undelete(name))?;
        // Last: it is what says that the others are ours.
        store.remove(&layout::config(name))?;
        if store.list(&layout::node(name))?.is_empty() {
            store.remove(&layout::node(name))?;
        }
    }
    Ok(())
}

fn state(seen: &Observed, name: &MachineName, config_hash: Option<String>) -> State {
    static NO_PAST: std::sync::LazyLock<MachinePast> = std::sync::LazyLock::new(MachinePast::default);
    let machine = seen.machines.get(name);
    let probe = machine.and_then(|m| m.probe.as_ref());
    let past = seen.past.machines.get(name).unwrap_or(&NO_PAST);
    let node = seen.api.known().and_then(|api| api.nodes.get(name));
    let errors =
        past.failures.iter().map(|(kind, failures)| format!("{}: {}", kind.as_str(), failures.message));
    State {
        schema: SCHEMA,
        reach: machine.map_or(Reach::Unknown, |m| m.reach.clone()),
        os: probe.map(|p| p.os.clone()),
        system: probe.and_then(|p| p.running.as_ref()).map(|s| s.path.clone()),
        node: node.map(|n| NodeState { ready: n.ready, cordon: n.cordon, version: n.version.clone() }),
        installation: past.provisioned.as_ref().map(|p| p.installation.clone()),
        joined: past.joined.as_ref().map(|j| j.role),
        removed: past.removed,
        errors: errors.collect(),
        config_hash,
    }
}

fn json<T: Serialize>(content: &T) -> Vec<u8> {
    serde_json::to_vec_pretty(content).expect("exports have string keys")
}
