//! The model of reality: machines, etcd, the API server's objects, the operator's own computer, and what will happen
//! when. Every change goes through a `…_mut` method, which notes the record for the journal.

pub mod due;
pub mod etcd;
pub mod kubernetes;
pub mod metal;
pub mod node;
pub mod pod;
pub mod power;
pub mod system;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::model::StorePath;
use nix8s_core::observed::Secret;
use serde::Deserialize;
use serde::Serialize;

use crate::check::Check;
use crate::explore::tape::Tape;
use crate::random::Random;
use crate::watch::Watch;
use due::Due;
use etcd::Etcd;
use metal::Metal;
use node::Node;
use pod::Workload;
use pod::WorldPod;
use system::Kind;

/// Milliseconds since 1970: cheap to compare and to keep.
pub type Ms = i64;

/// A second in [`Ms`].
pub const SECOND: Ms = 1000;

/// For ever, for what somebody has to end by hand.
pub const FOR_EVER: Ms = i64::MAX;

/// Everything there is. A clone is another world that was the same until now.
#[derive(Debug, Clone)]
pub struct World {
    /// The configuration that `nix eval` answers from.
    pub fleet: Arc<Cluster>,
    /// The seed of everything random.
    pub seed: u64,
    /// Now.
    pub now: Ms,
    /// Computers, by the name of the machine that the configuration means.
    pub metal: BTreeMap<MachineName, Metal>,
    /// Node objects.
    pub nodes: BTreeMap<MachineName, Node>,
    /// Pods by name.
    pub pods: BTreeMap<String, WorldPod>,
    /// Systems that were ever evaluated or installed.
    pub systems: BTreeMap<StorePath, Kind>,
    /// What is not per machine.
    pub common: Common,
    /// What will happen.
    pub dues: BTreeMap<(Ms, u64), Due>,
    /// Watches from outside.
    pub check: Check,
    /// Takes note of interruptions, where somebody wants to know of them.
    pub watch: Option<Box<Watch>>,
    /// Says which faults happen, in a life that is lived again.
    pub tape: Option<Arc<Tape>>,
    changed: BTreeSet<Key>,
    addresses: BTreeMap<String, MachineName>,
    evaluated: BTreeMap<String, Arc<str>>,
}

/// What is not per machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Common {
    /// The etcd cluster, once there is one.
    pub etcd: Option<Etcd>,
    /// Secrets that exist. There is one for each machine: a record of its own in the journal.
    #[serde(skip)]
    pub secrets: BTreeSet<Secret>,
    /// Systems that are in the operator's store: a record of its own for each in the journal.
    #[serde(skip)]
    pub built: BTreeSet<StorePath>,
    /// Releases of platforms that run.
    pub platforms: BTreeMap<String, String>,
    /// kubeadm's bootstrap tokens and certificate keys, and when each expires.
    pub tokens: BTreeMap<String, Ms>,
    /// What runs on the cluster.
    pub workloads: Vec<Workload>,
    /// Until when the API server fails.
    pub api_failing: Ms,
    /// Until when the operator's disk is full.
    pub here_full: Ms,
    /// Systems that are no good, and how.
    pub poison: BTreeMap<StorePath, system::Poison>,
    /// How many of a thousand systems that are evaluated from now on are no good.
    pub poison_permille: u64,
    /// Counts random draws, ids and timers.
    pub count: u64,
    /// After this no fault begins.
    pub faults_until: Ms,
    /// Contents of users' scripts that ran here, as far as running goes here.
    #[serde(default)]
    pub ran: BTreeSet<String>,
}

/// Names a record of the journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// [`World::common`], without what has keys of its own.
    Common,
    /// [`Common::count`].
    Count,
    /// [`Common::secrets`].
    Secrets,
    /// One of [`Common::built`].
    Built(StorePath),
    /// One of [`World::metal`].
    Metal(MachineName),
    /// One of [`World::nodes`].
    Node(MachineName),
    /// One of [`World::pods`].
    Pod(String),
    /// One of [`World::systems`].
    System(StorePath),
    /// One of [`World::dues`].
    Due((Ms, u64)),
}

impl World {
    /// A world without a machine.
    pub fn new(fleet: Arc<Cluster>, seed: u64, now: Ms) -> Self {
        Self {
            check: Check::new(Arc::clone(&fleet)),
            watch: None,
            tape: None,
            fleet,
            seed,
            now,
            metal: BTreeMap::new(),
            nodes: BTreeMap::new(),
            pods: BTreeMap::new(),
            systems: BTreeMap::new(),
            common: Common { faults_until: now, ..Common::default() },
            dues: BTreeMap::new(),
            changed: BTreeSet::new(),
            addresses: BTreeMap::new(),
            evaluated: BTreeMap::new(),
        }
    }

    /// Another configuration: what `nix eval` answers from now on.
    pub fn set_fleet(&mut self, fleet: Arc<Cluster>) {
        self.check.new_fleet(Arc::clone(&fleet), self.now);
        self.fleet = fleet;
        self.evaluated.clear();
    }

    /// Random numbers for one purpose; every call draws new ones.
    pub fn random(&mut self, purpose: &str) -> Random {
        self.common.count += 1;
        Random::new(self.seed ^ self.common.count.wrapping_mul(0x2545_f491_4f6c_dd1d), purpose)
    }

    /// A number that was not used before.
    pub fn fresh(&mut self) -> u64 {
        self.changed.insert(Key::Count);
        self.common.count += 1;
        self.common.count
    }

    /// Secrets that exist from now on.
    pub fn add_secrets(&mut self, secrets: BTreeSet<Secret>) {
        self.changed.insert(Key::Secrets);
        self.common.secrets.extend(secrets);
    }

    /// A system that is in the operator's store from now on.
    pub fn add_built(&mut self, path: StorePath) {
        self.changed.insert(Key::Built(path.clone()));
        self.common.built.insert(path);
    }

    /// A duration of so many seconds, more or less.
    pub fn seconds(&mut self, purpose: &str, low: u64, high: u64) -> Ms {
        self.random(purpose).between(low * 1000, high * 1000) as Ms
    }

    /// What is not per machine, to be changed.
    pub fn common_mut(&mut self) -> &mut Common {
        self.changed.insert(Key::Common);
        &mut self.common
    }

    /// A computer, to be changed.
    pub fn metal_mut(&mut self, name: &MachineName) -> Option<&mut Metal> {
        let found = self.metal.get_mut(name)?;
        self.changed.insert(Key::Metal(name.clone()));
        Some(found)
    }

    /// A Node object, to be changed.
    pub fn node_mut(&mut self, name: &MachineName) -> Option<&mut Node> {
        let found = self.nodes.get_mut(name)?;
        self.changed.insert(Key::Node(name.clone()));
        Some(found)
    }

    /// A pod, to be changed.
    pub fn pod_mut(&mut self, name: &str) -> Option<&mut WorldPod> {
        let found = self.pods.get_mut(name)?;
        self.changed.insert(Key::Pod(name.to_owned()));
        Some(found)
    }

    /// Puts a computer into the world.
    pub fn add_metal(&mut self, metal: Metal) {
        self.changed.insert(Key::Metal(metal.name.clone()));
        self.addresses.insert(metal.address.clone(), metal.name.clone());
        self.metal.insert(metal.name.clone(), metal);
    }

    /// Takes a computer out of the world: it is scrap.
    pub fn remove_metal(&mut self, name: &MachineName) {
        if let Some(metal) = self.metal.remove(name) {
            self.addresses.remove(&metal.address);
            self.changed.insert(Key::Metal(name.clone()));
        }
    }

    /// Puts a Node object into the API server.
    pub fn add_node(&mut self, name: &MachineName, node: Node) {
        self.changed.insert(Key::Node(name.clone()));
        self.nodes.insert(name.clone(), node);
    }

    /// Takes a Node object out.
    pub fn remove_node(&mut self, name: &MachineName) {
        self.nodes.remove(name);
        self.changed.insert(Key::Node(name.clone()));
    }

    /// Puts a pod in.
    pub fn add_pod(&mut self, pod: WorldPod) {
        self.changed.insert(Key::Pod(pod.name.clone()));
        self.pods.insert(pod.name.clone(), pod);
    }

    /// Takes a pod out.
    pub fn remove_pod(&mut self, name: &str) {
        self.pods.remove(name);
        self.changed.insert(Key::Pod(name.to_owned()));
    }

    /// Whoever answers at an address.
    pub fn at_address(&self, address: &str) -> Option<&MachineName> {
        self.addresses.get(address)
    }

    /// The records that changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.changed)
    }

    /// Whether any record changed.
    pub(crate) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    pub(crate) fn note_changed(&mut self, key: Key) {
        self.changed.insert(key);
    }
}
