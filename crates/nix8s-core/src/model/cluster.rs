//! A cluster: which machines do what, and how it is kept.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde::Serialize;

use super::Anywhere;
use super::Bootstrap;
use super::ClusterName;
use super::Concurrency;
use super::Machine;
use super::MachineName;
use super::Policy;
use super::Provisioner;
use super::ReconcilerSettings;
use super::Role;
use super::SecretSettings;
use super::Version;

/// A resolved cluster.
#[derive(Debug, Clone, Serialize)]
pub struct Cluster {
    /// The key in `clusters`.
    pub name: ClusterName,
    /// What runs Kubernetes.
    pub distribution: Distribution,
    /// The wanted Kubernetes version.
    pub version: Version,
    /// `networking.domain`, a tls-san and the suffix in hosts.
    pub domain: Option<String>,
    /// Kubernetes' own domain. cluster.local.
    pub cluster_domain: String,
    /// Addresses inside the cluster.
    pub network: ClusterNetwork,
    /// How the API is reached when a control plane is away.
    pub ha: Ha,
    /// How changes roll.
    pub upgrade: Upgrade,
    /// What must hold after install and update.
    pub gates: Gates,
    /// Where secrets are.
    pub secrets: SecretSettings,
    /// The Cozystack release to run, if any.
    pub platform: Option<Platform>,
    /// How nixos-anywhere installs its machines.
    pub anywhere: Anywhere,
    /// Users' scripts, phases and reconcilers.
    pub bootstrap: Bootstrap,
    /// What the document asks for and this version of nix8s only checks; each becomes a Wait in the plan.
    pub later: Vec<Later>,
    /// Every member by its machine's name.
    pub machines: BTreeMap<MachineName, Arc<Machine>>,
    /// The fleet's loop settings, at hand for planning.
    pub reconciler: ReconcilerSettings,
    /// The fleet's policy, at hand for planning.
    pub policy: Policy,
}

impl Cluster {
    /// Control planes by name, `skip`ped ones too.
    pub fn control_planes(&self) -> impl Iterator<Item = &Arc<Machine>> {
        self.machines.values().filter(|m| m.role == Role::ControlPlane)
    }

    /// Whether a machine's SSH host key is the one that it has, and none is made for it: it was not installed by us, its key
    /// stands in the configuration, or nixos-anywhere is to keep it.
    pub fn keeps_host_key(&self, machine: &Machine) -> bool {
        let by_provisioner = match machine.provisioner {
            Provisioner::NixosAnywhere => self.anywhere.copy_host_keys,
            Provisioner::NixosRebuild | Provisioner::Manual => true,
            Provisioner::Pxe | Provisioner::Lima | Provisioner::Terraform | Provisioner::Iso => false,
        };
        by_provisioner || machine.ssh.host_key.is_some()
    }

    /// Steps at once per lane.
    pub fn concurrency(&self) -> Concurrency {
        self.reconciler.concurrency
    }
}

/// `distribution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// k3s with embedded etcd.
    K3s,
    /// kubeadm with stacked etcd.
    Kubeadm,
    /// k0s: checked now, planned in a later version.
    K0s,
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::K3s => "k3s",
            Self::Kubeadm => "kubeadm",
            Self::K0s => "k0s",
        })
    }
}

/// `network` of a cluster.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterNetwork {
    /// Addresses of pods. 10.42.0.0/16.
    pub pod_cidr: IpNet,
    /// Addresses of services. 10.43.0.0/16.
    pub service_cidr: IpNet,
    /// The DNS service. The tenth address of `service_cidr`.
    pub cluster_dns: IpAddr,
    /// Encryption between machines.
    pub mesh: Mesh,
}

/// `network.mesh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mesh {
    /// None.
    None,
    /// WireGuard between all machines.
    Wireguard,
}

/// `ha`.
#[derive(Debug, Clone, Serialize)]
pub struct Ha {
    /// How the virtual address is held.
    pub mode: HaMode,
    /// The virtual address.
    pub vip: Option<IpAddr>,
    /// The interface that carries it.
    pub interface: Option<String>,
    /// Port of the API for clients. 6443; haproxy 8443 on servers.
    pub port: u16,
    /// VRRP router id, 1 to 255 (RFC 5798), from the cluster's name unless given.
    pub vrrp_id: u8,
    /// The control plane that initialises the cluster, if nothing was elected before.
    pub first_server: MachineName,
}

/// `ha.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaMode {
    /// VRRP by keepalived on the control planes.
    Keepalived,
    /// kube-vip as a static pod.
    KubeVip,
    /// HAProxy on the control planes, with the vip.
    Haproxy,
    /// Something that is not ours holds the vip.
    External,
    /// No vip.
    None,
}

/// `upgrade`: how changes roll.
#[derive(Debug, Clone, Serialize)]
pub struct Upgrade {
    /// Rolling, or all workers at once.
    pub strategy: Strategy,
    /// Workers down at once, counting those that are down already. 1.
    pub max_unavailable: u32,
    /// For changes within a version: control planes before workers. false.
    pub control_planes_first: bool,
    /// How long a drain may take. 5m.
    pub drain_timeout: Duration,
    /// Between one machine and the next. 10s.
    pub pause: Duration,
    /// Whether a switch may, must or must not reboot.
    pub reboot: Reboot,
    /// A machine that fails its gates goes back to the system before. true.
    pub rollback: bool,
    /// How many machines may fail their gates before the roll halts. 0.
    pub failure_budget: u32,
}

/// `upgrade.strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// At most `max_unavailable` workers at once.
    Rolling,
    /// All workers at once; control planes still one by one.
    Parallel,
}

/// `upgrade.reboot`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reboot {
    /// When kernel, initrd or systemd ask for it.
    Auto,
    /// Never; the plan says when one is due.
    Never,
    /// After every switch.
    Always,
}

/// `gates`: what must hold after install and update.
#[derive(Debug, Clone, Serialize)]
pub struct Gates {
    /// The Kubernetes node is Ready. true.
    pub ready: bool,
    /// systemd units that must be active.
    pub units: Vec<String>,
    /// Addresses that must answer as expected.
    pub http: Vec<HttpGate>,
    /// `gates.script` and `gates.promql`, as written: carried out from a later version on.
    pub later: Vec<String>,
    /// How long all of it must hold. 30s.
    pub soak: Duration,
    /// Tries before a gate has failed. 3.
    pub retries: u32,
    /// How long one try may take. 3m.
    pub timeout: Duration,
}

/// One of `gates.http`.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct HttpGate {
    /// The address, `http://` or `https://`.
    pub url: String,
    /// The expected status code. 200.
    pub expect: u16,
}

/// A platform on top of Kubernetes, compared live with what runs.
#[derive(Debug, Clone, Serialize)]
pub struct Platform {
    /// `cozystack`.
    pub name: String,
    /// The wanted release, for example `1.6.2`.
    pub version: String,
}

/// Something the document asks for that a later version of nix8s carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Later {
    /// Where it stands in the document, for example `clusters.prod.metallb`.
    pub path: String,
    /// What it is, for people: `MetalLB address pools`.
    pub what: String,
}
