//! What a rehearsal starts from where the machines are real: a world like what their state directory last recorded, and
//! what had to be assumed for it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use nix8s_core::membership;
use nix8s_core::model::Cluster;
use nix8s_core::model::Distribution;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;
use nix8s_core::model::StorePath;
use nix8s_core::observed::CORDON_ANNOTATION;
use nix8s_core::observed::Cordon;
use nix8s_core::observed::Mark;
use nix8s_core::observed::Reach;
use nix8s_core::past::MachinePast;
use nix8s_core::past::Past;
use nix8s_engine::port::Store;
use nix8s_engine::state::export;
use nix8s_engine::state::export::Recorded;
use nix8s_engine::state::memory::Memory;
use nix8s_engine::state::overview;
use nix8s_engine::state::overview::Overview;
use nix8s_engine::state::snapshot;

use crate::BEGINNING;
use crate::make;
use crate::world::Ms;
use crate::world::World;
use crate::world::etcd::Etcd;
use crate::world::metal::Belongs;
use crate::world::metal::Content;
use crate::world::metal::Health;
use crate::world::metal::Installed;
use crate::world::metal::Metal;
use crate::world::metal::Running;
use crate::world::node::Node;
use crate::world::system::Kind;
use crate::world::system::evaluate;

/// What a rehearsal starts from.
pub struct Like {
    /// Machines as they were last recorded.
    pub world: World,
    /// What is remembered of them.
    pub store: Memory,
    /// What nobody recorded and was taken for granted, in sentences.
    pub assumed: Vec<String>,
}

/// How long everything has been as it is: longer than anything that is waited for.
const SETTLED: Ms = 3_600_000;

/// A world like the one that a state directory last recorded; `None`: nothing is remembered of any machine.
///
/// # Errors
/// When the state directory could not be read.
pub fn like(cluster: &Arc<Cluster>, store: &dyn Store, seed: u64) -> io::Result<Option<Like>> {
    let past = snapshot::read(store)?.past;
    if past == Past::default() {
        return Ok(None);
    }
    let overview = overview::read(store)?;
    let events = store.events()?;
    let last = overview.as_ref().map(|overview| overview.at).max(events.last().map(|event| event.at));
    let now = last.map_or(BEGINNING, |at| at.as_millisecond());
    let mut maker = Maker {
        cluster,
        overview,
        world: World::new(Arc::clone(cluster), seed, now),
        past: past.clone(),
        unknown: BTreeMap::new(),
        etcd: None,
    };
    maker.world.common_mut().workloads = make::workloads(cluster);
    let remembered = past.machines.keys().filter(|name| !cluster.machines.contains_key(*name));
    let names: BTreeSet<MachineName> = cluster.machines.keys().chain(remembered).cloned().collect();
    maker.etcd = maker.etcd(&names);
    for name in &names {
        maker.machine(name, &export::recorded(store, name)?);
    }
    maker.cluster_state(store)?;
    let Maker { world, mut past, unknown, .. } = maker;
    // What an earlier run had affected gives this one no limit of its own.
    past.affected.clear();
    past.installed.clear();
    let kept = Memory::new();
    snapshot::keep(&kept, &past)?;
    for name in &names {
        for path in [nix8s_engine::state::layout::config(name), nix8s_engine::state::layout::delete(name)] {
            if let Some(bytes) = store.read(&path)? {
                kept.write(&path, &bytes)?;
            }
        }
    }
    Ok(Some(Like { world, store: kept, assumed: sentences(unknown) }))
}

/// What nobody recorded, and of which machines: `None` is the cluster.
type Unknown = BTreeMap<&'static str, BTreeSet<Option<MachineName>>>;

fn sentences(unknown: Unknown) -> Vec<String> {
    let sentence = |(what, whom): (&'static str, BTreeSet<Option<MachineName>>)| {
        let names: Vec<String> = whom.iter().flatten().map(ToString::to_string).collect();
        match names.as_slice() {
            [] => what.to_owned(),
            [one] => format!("{one}: {what}"),
            [one, two] => format!("{one} and {two}: {what}"),
            [one, two, rest @ ..] => format!("{one}, {two} and {} more: {what}", rest.len()),
        }
    };
    unknown.into_iter().map(sentence).collect()
}

struct Maker<'a> {
    cluster: &'a Arc<Cluster>,
    overview: Option<Overview>,
    world: World,
    past: Past,
    unknown: Unknown,
    etcd: Option<u64>,
}

impl Maker<'_> {
    fn assume(&mut self, name: Option<&MachineName>, what: &'static str) {
        self.unknown.entry(what).or_default().insert(name.cloned());
    }

    /// etcd with everybody who is a control plane as far as anybody recorded.
    fn etcd(&mut self, names: &BTreeSet<MachineName>) -> Option<u64> {
        self.past.initialized?;
        let is_voter = |name: &&MachineName| {
            let joined = self.past.machines.get(*name).and_then(|past| past.joined.as_ref());
            joined.is_some_and(|joined| joined.role == Role::ControlPlane)
        };
        let voters: Vec<MachineName> = names.iter().filter(is_voter).cloned().collect();
        let first = self.past.first_server.clone().or_else(|| voters.first().cloned())?;
        let id = self.world.fresh();
        let members = voters.iter().map(|name| (name.clone(), format!("{:x}", self.world.fresh())));
        let members: BTreeMap<MachineName, String> = members.collect();
        if members.is_empty() {
            return None;
        }
        self.assume(None, "every control plane that answered votes in etcd, and works");
        let version = self.overview.as_ref().map(|overview| overview.version.clone());
        self.world.common_mut().etcd = Some(Etcd { id, members, first, version });
        Some(id)
    }

    fn machine(&mut self, name: &MachineName, recorded: &Recorded) {
        let wanted = self.cluster.machines.get(name).cloned();
        let Some(machine) = wanted.as_deref().or(recorded.machine.as_ref()) else { return };
        let mut metal = make::metal(self.world.seed, machine);
        metal.up_at = 0;
        let past = self.past.machines.get(name).cloned().unwrap_or_default();
        if past.provisioned.is_none() && past.joined.is_none() {
            self.assume(Some(name), "never installed, so its disks are blank and it answers as an installer");
            return self.world.add_metal(metal);
        }
        let Some(kind) = self.runs(name, machine, recorded) else {
            self.assume(Some(name), "what it runs is not known, so it is left out");
            return;
        };
        self.installed(&mut metal, &past, &kind);
        let state = recorded.state.as_ref();
        match state.map(|state| &state.reach) {
            Some(Reach::Answered) => {}
            Some(Reach::Unknown) | None => {
                self.assume(Some(name), "whether it answers was never recorded: it does");
            }
            Some(Reach::Refused | Reach::TimedOut) => metal.power = false,
            Some(Reach::Denied { .. }) => {
                self.assume(Some(name), "it let nobody in when it was last looked at: it does now");
            }
            Some(Reach::WrongKey { .. } | Reach::UnknownKey { .. }) => metal.key_known = false,
        }
        if let Some(id) = self.etcd.filter(|_| past.joined.is_some()) {
            self.joined(&mut metal, &past, &kind, recorded, id);
        }
        let digest = membership::render(self.cluster).digest;
        metal.membership = Some(digest);
        metal.health = Health { well: metal.is_well(self.world.now), since: self.world.now - SETTLED };
        if past.delete {
            self.world.check.leaving.insert(name.clone());
        }
        if past.lost {
            self.world.check.lost.insert(name.clone());
        }
        self.remember(name, recorded, &kind);
        self.world.know_system(kind);
        self.world.add_metal(metal);
    }

    /// What a machine runs: its wanted system where that was so and nothing has changed since, else one that differs in
    /// what is configured otherwise by now.
    fn runs(&mut self, name: &MachineName, machine: &Machine, recorded: &Recorded) -> Option<Kind> {
        let distribution = self.cluster.distribution;
        let is = self.overview.as_ref().and_then(|overview| overview.machines.get(name)).cloned();
        let mut was = recorded.machine.clone().unwrap_or_else(|| machine.clone());
        let as_wanted = is.as_ref().is_some_and(|is| is.system.is_some() && is.system == is.wanted);
        if !as_wanted || recorded.machine.is_none() {
            let mut parts = (*was.parts).clone();
            parts.rest = format!("{} before", parts.rest);
            was.parts = Arc::new(parts);
            self.assume(
                Some(name),
                "in what its system differs from the wanted one is not recorded: packages and settings",
            );
        }
        let node = recorded.state.as_ref().and_then(|state| state.node.as_ref());
        let runs = node.map(|node| &node.version).filter(|version| !self.cluster.version.is_met_by(version));
        evaluate(distribution, &was, runs.unwrap_or(&self.cluster.version))
            .or_else(|| evaluate(distribution, &was, &self.cluster.version))
    }

    fn installed(&mut self, metal: &mut Metal, past: &MachinePast, kind: &Kind) {
        let installation = past.provisioned.as_ref().map_or("recorded", |p| p.installation.as_str());
        if let Some(uuid) = past.provisioned.as_ref().and_then(|provisioned| provisioned.uuid.as_ref()) {
            metal.uuid.clone_from(uuid);
        }
        let path = kind.system.path.clone();
        for disk in metal.disks.iter_mut().filter(|disk| !disk.data) {
            disk.content = Content::Ours(installation.to_owned());
        }
        metal.installed = Some(Installed {
            running: path.clone(),
            default: path.clone(),
            mark: Some(Mark {
                cluster: self.cluster.name.to_string(),
                machine: metal.name.to_string(),
                installation: installation.to_owned(),
                booted: true,
            }),
        });
        metal.store.insert(path, self.world.now - SETTLED);
        (metal.os, metal.lived) = (Running::NixOs, true);
    }

    /// Its membership, and its Node.
    fn joined(&mut self, metal: &mut Metal, past: &MachinePast, kind: &Kind, recorded: &Recorded, id: u64) {
        let Some(joined) = &past.joined else { return };
        let node = recorded.state.as_ref().and_then(|state| state.node.as_ref());
        let control_plane = joined.role == Role::ControlPlane;
        let is_ready = node.is_none_or(|node| node.ready) && metal.power;
        let version = kind.system.version.clone().unwrap_or_else(|| self.cluster.version.clone());
        let kube = &mut metal.kube;
        kube.state = Some(Belongs::Joined(id));
        kube.datastore = control_plane.then_some(id);
        kube.active = is_ready;
        kube.version = Some(version.clone());
        let has_components = control_plane && self.cluster.distribution == Distribution::Kubeadm;
        kube.components = has_components.then(|| version.clone());
        kube.role_file = (self.cluster.distribution == Distribution::K3s).then(|| {
            let first = self.past.first_server.as_ref() == Some(&metal.name);
            if first {
                "cluster-init: true\n".to_owned()
            } else {
                "server: https://recorded:6443\n".to_owned()
            }
        });
        let cordon = node.map_or(Cordon::None, |node| node.cordon);
        let ours = (cordon == Cordon::Ours).then(|| (CORDON_ANNOTATION.to_owned(), "recorded".to_owned()));
        if node.is_none() {
            self.assume(Some(&metal.name), "its Node was not recorded: it is there and Ready");
        }
        self.assume(None, "labels, taints and annotations of Nodes are not recorded: they are set once more");
        let node = Node {
            uid: joined.uid.clone().unwrap_or_else(|| format!("recorded-{}", metal.name)),
            ready: is_ready,
            unschedulable: (cordon != Cordon::None).then_some(self.world.now - SETTLED),
            annotations: ours.into_iter().collect(),
            labels: BTreeMap::new(),
            taints: BTreeSet::new(),
            version,
            control_plane,
        };
        self.world.add_node(&metal.name, node);
    }

    /// What is remembered of its systems is about those of this world.
    fn remember(&mut self, name: &MachineName, recorded: &Recorded, kind: &Kind) {
        let is = self.overview.as_ref().and_then(|overview| overview.machines.get(name)).cloned();
        let unchanged = recorded.machine.as_ref().zip(self.cluster.machines.get(name));
        let unchanged = unchanged.is_some_and(|(was, wanted)| was.parts == wanted.parts);
        let wanted = self.world.system_of(name, &self.cluster.version).filter(|_| unchanged);
        let (system, should) = is.map_or((None, None), |is| (is.system, is.wanted));
        let here = |path: &StorePath| {
            if Some(path) == system.as_ref() {
                kind.system.path.clone()
            } else if Some(path) == should.as_ref() {
                wanted.as_ref().map_or_else(|| path.clone(), |kind| kind.system.path.clone())
            } else {
                path.clone()
            }
        };
        let Some(past) = self.past.machines.get_mut(name) else { return };
        past.good = past.good.as_ref().map(here);
        past.bad = std::mem::take(&mut past.bad).into_iter().map(|(path, why)| (here(&path), why)).collect();
        past.updating = past.updating.as_ref().map(here);
        if let Some(held) = &mut past.held {
            held.system = here(&held.system);
        }
    }

    /// What there is besides machines.
    fn cluster_state(&mut self, store: &dyn Store) -> io::Result<()> {
        if self.past.initialized.is_some() || self.past.machines.values().any(|p| p.provisioned.is_some()) {
            self.world.add_secrets(nix8s_core::secret::wanted(self.cluster));
            self.assume(None, "every secret exists");
            self.assume(None, "membership data on the machines is up to date");
            self.assume(None, "what runs on the cluster is not recorded: some pods with their budgets");
        }
        if let Some(platform) = &self.cluster.platform {
            let path = nix8s_engine::state::layout::platform(&platform.name, "version");
            if let Some(version) = store.read(&path)?.and_then(|bytes| String::from_utf8(bytes).ok()) {
                let version = version.trim().to_owned();
                self.world.common_mut().platforms.insert(platform.name.clone(), version);
            }
        }
        Ok(())
    }
}
