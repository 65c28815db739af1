//! `clusters.<name>` as the model has it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::check;
use super::super::code;
use super::super::get;
use super::super::json;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::schema::Kind;
use super::super::tree::Entry;
use super::super::tree::Span;
use super::super::tree::Tree;
use super::Cx;
use super::late::Features;
use super::machine::Member;
use super::machine::Members;
use super::script;
use crate::digest;
use crate::model::Cluster;
use crate::model::ClusterName;
use crate::model::ClusterNetwork;
use crate::model::Distribution;
use crate::model::Gates;
use crate::model::Ha;
use crate::model::HaMode;
use crate::model::HttpGate;
use crate::model::MachineName;
use crate::model::Mesh;
use crate::model::Platform;
use crate::model::Provisioner;
use crate::model::Reboot;
use crate::model::Role;
use crate::model::SecretProvider;
use crate::model::SecretSettings;
use crate::model::Strategy;
use crate::model::Upgrade;
use crate::model::Version;
use crate::secret::Redacted;

/// The Kubernetes release of clusters that name none, which is a warning.
const VERSION_DEFAULT: &str = "1.34";
/// Releases of Cozystack that this nix8s knows how to install, newest first.
pub const COZYSTACK_KNOWN: &[&str] = &["1.6.2"];

/// Machine names of the whole fleet, and where each stands.
pub type Names = BTreeMap<MachineName, Span>;

/// Builds a cluster; `None` when its name is not one, which has been reported.
pub fn build(
    cx: &Cx<'_>,
    entry: &Entry,
    path: &Path<'_>,
    names: &mut Names,
    report: &mut Report,
) -> Option<Cluster> {
    let tree = &entry.tree;
    let name: ClusterName = entry.key.parse().ok()?;
    let distribution = distribution(tree);
    let version = version(tree, distribution, entry, path, report);
    let addresses = network(tree);
    let cluster = check::cluster::Cx { tree, entry, path, distribution, network: &addresses };
    let members = Members::build(cx, &cluster, &name, &version, report);
    let ha = ha(tree, distribution, &name, &members.all);
    check::cluster::check(&cluster, &ha, &members.all, report);
    check::address::check(&cluster, &ha, &members.all, cx.document, report);
    check::identity::check(&cluster, &members.all, &cx.macs, names, report);
    check::script::check(cx.document, &cluster, &members.all, report);
    let gates = gates(tree);
    let platform = platform(tree, path, report);
    let bootstrap = script::read(cx.document, tree, path, &members.all, &ha.first_server, report);
    let mut features = members.features;
    note_features(tree, path, &mut features);
    let kinds: BTreeSet<Provisioner> = members.all.iter().map(|member| member.machine.provisioner).collect();
    // Those that come later are said so as a whole.
    for kind in kinds.into_iter().filter(|kind| kind.is_planned_now()) {
        features.of_provisioning(cx.document, kind);
    }
    Some(Cluster {
        secrets: secrets(tree, &name),
        name,
        distribution,
        version,
        domain: get::text(tree, &["domain"]),
        cluster_domain: get::text(tree, &["clusterDomain"]).unwrap_or_else(|| "cluster.local".to_owned()),
        network: addresses.clone(),
        ha,
        upgrade: upgrade(tree),
        gates,
        platform,
        anywhere: super::anywhere::read(cx.document, tree),
        bootstrap,
        later: features.all(),
        machines: members.all.into_iter().map(|m| (m.machine.name.clone(), Arc::new(m.machine))).collect(),
        reconciler: cx.reconciler.clone(),
        policy: cx.policy,
    })
}

fn note_features(tree: &Tree, path: &Path<'_>, features: &mut Features) {
    if let Kind::Table(tables) = super::super::schema::cluster::CLUSTER {
        features.in_tables(tree, tables, path);
    }
    features.of_values(tree, path);
}

fn distribution(tree: &Tree) -> Distribution {
    let words = [("k3s", Distribution::K3s), ("kubeadm", Distribution::Kubeadm), ("k0s", Distribution::K0s)];
    get::word(tree, &["distribution"], &words).unwrap_or(Distribution::K3s)
}

fn version(
    tree: &Tree,
    distribution: Distribution,
    entry: &Entry,
    path: &Path<'_>,
    report: &mut Report,
) -> Version {
    let default = || VERSION_DEFAULT.parse().expect("the constant is a version");
    let Some(written) = tree.get("version") else {
        let message = format!("no version is given; {VERSION_DEFAULT} is taken");
        let help =
            Some(format!("write version: \"{VERSION_DEFAULT}\", so that a newer nix8s changes nothing"));
        report.warning(Problem { code: code::NO_VERSION, span: entry.key_span, path, message, help });
        return default();
    };
    match check::version::read(&written.text().unwrap_or_default(), distribution) {
        Ok(version) => version,
        Err((message, help)) => {
            let path = &path.key("version");
            report.error(Problem { code: code::VERSION, span: written.span, path, message, help });
            default()
        }
    }
}

fn network(tree: &Tree) -> ClusterNetwork {
    let net = |key: &str, default: &str| {
        get::parsed(tree, &["network", key])
            .unwrap_or_else(|| default.parse().expect("the defaults are networks"))
    };
    let service_cidr: ipnet::IpNet = net("serviceCidr", "10.43.0.0/16");
    let mesh = get::word(tree, &["network", "mesh"], &[("none", Mesh::None), ("wireguard", Mesh::Wireguard)]);
    ClusterNetwork {
        pod_cidr: net("podCidr", "10.42.0.0/16"),
        service_cidr,
        cluster_dns: get::parsed(tree, &["network", "clusterDns"]).unwrap_or_else(|| tenth(service_cidr)),
        mesh: mesh.unwrap_or(Mesh::None),
    }
}

/// The tenth address, where DNS is by convention; the network's own if it is that small, which is reported.
fn tenth(net: ipnet::IpNet) -> IpAddr {
    let tenth = match net.network() {
        IpAddr::V4(ip) => IpAddr::V4(u32::from(ip).saturating_add(10).into()),
        IpAddr::V6(ip) => IpAddr::V6(u128::from(ip).saturating_add(10).into()),
    };
    if net.contains(&tenth) { tenth } else { net.network() }
}

fn ha(tree: &Tree, distribution: Distribution, cluster: &ClusterName, members: &[Member<'_>]) -> Ha {
    let modes = [
        ("keepalived", HaMode::Keepalived),
        ("kube-vip", HaMode::KubeVip),
        ("haproxy", HaMode::Haproxy),
        ("external", HaMode::External),
        ("none", HaMode::None),
    ];
    let vip: Option<IpAddr> = get::parsed(tree, &["ha", "vip"]);
    let by_default = match (vip, distribution) {
        (None, _) => HaMode::None,
        (Some(_), Distribution::Kubeadm) => HaMode::KubeVip,
        (Some(_), Distribution::K3s | Distribution::K0s) => HaMode::Keepalived,
    };
    let mode = get::word(tree, &["ha", "mode"], &modes).unwrap_or(by_default);
    let port_by_default = if mode == HaMode::Haproxy { 8443 } else { 6443 };
    Ha {
        mode,
        vip: vip.filter(|_| mode != HaMode::None),
        interface: get::text(tree, &["ha", "interface"]),
        port: get::number(tree, &["ha", "port"]).unwrap_or(port_by_default),
        vrrp_id: get::number(tree, &["ha", "vrrpId"]).unwrap_or_else(|| vrrp_id(cluster)),
        first_server: first_server(tree, cluster, members),
    }
}

/// From 1 to 255, the same for a name for ever, so that two clusters on one network rarely meet.
fn vrrp_id(cluster: &ClusterName) -> u8 {
    let hash = digest::of(cluster.as_str().as_bytes());
    u8::from_str_radix(&hash[..2], 16).expect("digests are hexadecimal").max(1)
}

/// The one that is named, else the first control plane by name. A cluster without control planes has a name here that
/// nothing asks for: its own.
fn first_server(tree: &Tree, cluster: &ClusterName, members: &[Member<'_>]) -> MachineName {
    let named = get::text(tree, &["ha", "firstServer"]);
    let is_named = |m: &&Member<'_>| {
        named.as_deref().is_some_and(|n| m.machine.member.as_str() == n || m.machine.name.as_str() == n)
    };
    let control_planes = || members.iter().filter(|m| m.machine.role == Role::ControlPlane);
    let found = control_planes().find(is_named).or_else(|| control_planes().min_by_key(|m| &m.machine.name));
    match found {
        Some(member) => member.machine.name.clone(),
        None => cluster.as_str().parse().expect("the name of a cluster is a label"),
    }
}

fn upgrade(tree: &Tree) -> Upgrade {
    let at = |key: &'static str| ["upgrade", key];
    let strategies = [("rolling", Strategy::Rolling), ("parallel", Strategy::Parallel)];
    let reboots = [("auto", Reboot::Auto), ("never", Reboot::Never), ("always", Reboot::Always)];
    Upgrade {
        strategy: get::word(tree, &at("strategy"), &strategies).unwrap_or(Strategy::Rolling),
        max_unavailable: get::number(tree, &at("maxUnavailable")).unwrap_or(1),
        control_planes_first: get::flag(tree, &at("controlPlanesFirst")).unwrap_or(false),
        drain_timeout: get::duration(tree, &at("drainTimeout")).unwrap_or(Duration::from_secs(300)),
        pause: get::duration(tree, &at("pause")).unwrap_or(Duration::from_secs(10)),
        reboot: get::word(tree, &at("reboot"), &reboots).unwrap_or(Reboot::Auto),
        rollback: get::flag(tree, &at("rollback")).unwrap_or(true),
        failure_budget: get::number(tree, &at("failureBudget")).unwrap_or(0),
    }
}

fn gates(tree: &Tree) -> Gates {
    let at = |key: &'static str| ["gates", key];
    let items = |key: &'static str| tree.at(&["gates", key]).map(Tree::items).unwrap_or_default();
    let http = |gate: &Tree| {
        Some(HttpGate {
            url: get::text(gate, &["url"])?,
            expect: get::number(gate, &["expect"]).unwrap_or(200),
        })
    };
    Gates {
        ready: get::flag(tree, &at("ready")).unwrap_or(true),
        units: get::texts(tree, &at("units")),
        http: items("http").iter().filter_map(http).collect(),
        later: items("script")
            .iter()
            .chain(items("promql"))
            .map(|gate| json::value(gate).to_string())
            .collect(),
        soak: get::duration(tree, &at("soak")).unwrap_or(Duration::from_secs(30)),
        retries: get::number(tree, &at("retries")).unwrap_or(3),
        timeout: get::duration(tree, &at("timeout")).unwrap_or(Duration::from_secs(180)),
    }
}

fn secrets(tree: &Tree, cluster: &ClusterName) -> SecretSettings {
    let at = |key: &'static str| ["secrets", key];
    let providers = [
        ("age", SecretProvider::Age),
        ("sops", SecretProvider::Sops),
        ("env", SecretProvider::Env),
        ("sops-nix", SecretProvider::SopsNix),
        ("agenix", SecretProvider::Agenix),
    ];
    let usual = SecretSettings::of(cluster);
    SecretSettings {
        provider: get::word(tree, &at("provider"), &providers).unwrap_or(usual.provider),
        file: get::text(tree, &at("file")).unwrap_or(usual.file),
        recipients: get::texts(tree, &at("recipients")),
        token: get::text(tree, &at("token")).map(Redacted::new),
        agent_token: get::text(tree, &at("agentToken")).map(Redacted::new),
        ssh_pub_key: get::text(tree, &at("sshPubKey")),
    }
}

fn platform(tree: &Tree, path: &Path<'_>, report: &mut Report) -> Option<Platform> {
    let cozystack = tree.get("cozystack")?;
    if get::flag(cozystack, &["enable"]) == Some(false) || cozystack.entries().is_empty() {
        return None;
    }
    let written = cozystack.get("version").and_then(Tree::text).unwrap_or_else(|| "latest".into());
    let bare = written.strip_prefix('v').unwrap_or(&written);
    let version = if bare == "latest" { COZYSTACK_KNOWN[0] } else { bare };
    if !COZYSTACK_KNOWN.contains(&version) {
        let message = format!("Cozystack {version} is not known to this nix8s");
        let help = Some(format!("there are: {}, or latest", COZYSTACK_KNOWN.join(", ")));
        let span = cozystack.get("version").map_or(cozystack.span, |tree| tree.span);
        let path = path.key("cozystack");
        report.error(Problem {
            code: code::COZYSTACK_VERSION,
            span,
            path: &path.key("version"),
            message,
            help,
        });
    }
    Some(Platform { name: "cozystack".to_owned(), version: version.to_owned() })
}
