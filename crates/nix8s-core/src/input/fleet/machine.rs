//! `clusters.<name>.members.<member>` as the model has it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::check;
use super::super::code;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::schema::walk::is_extension;
use super::super::tree::Entry;
use super::super::tree::Tree;
use super::super::tree::Value;
use super::Cx;
use super::late::Features;
use super::parts;
use super::parts::ClusterParts;
use super::settings;
use super::settings::Settings;
use super::settings::SshSettings;
use crate::model::Action;
use crate::model::ClusterName;
use crate::model::Machine;
use crate::model::MachineName;
use crate::model::Parts;
use crate::model::Provisioner;
use crate::model::Role;
use crate::model::Version;

/// The names of provisioners.
const PROVISIONERS: &[(&str, Provisioner)] = &[
    ("nixos-anywhere", Provisioner::NixosAnywhere),
    ("nixos-rebuild", Provisioner::NixosRebuild),
    ("manual", Provisioner::Manual),
    ("pxe", Provisioner::Pxe),
    ("lima", Provisioner::Lima),
    ("terraform", Provisioner::Terraform),
    ("iso", Provisioner::Iso),
];

/// The actions of `nixos-rebuild`.
const ACTIONS: &[(&str, Action)] =
    &[("switch", Action::Switch), ("boot", Action::Boot), ("test", Action::Test)];

/// A member and what became of it.
#[derive(Debug)]
pub struct Member<'d> {
    /// Where it stands.
    pub entry: &'d Entry,
    /// The machine.
    pub machine: Machine,
    /// Its settings; most members share their template's.
    pub settings: Arc<Settings>,
}

/// Where a setting of a machine was written.
#[derive(Debug)]
pub enum Owner<'p> {
    /// On the member.
    Member(&'p Path<'p>),
    /// On its template or on one that this extends.
    Template(String),
}

impl Owner<'_> {
    /// The path of the member or template.
    pub fn as_path(&self) -> Path<'_> {
        match self {
            Self::Member(path) => **path,
            Self::Template(path) => Path::Printed(path),
        }
    }
}

impl Member<'_> {
    /// Who has written what stands under some keys: the member, if it sets one of them, or its template.
    pub fn owner<'p>(&self, path: &'p Path<'p>, keys: &[&str]) -> Owner<'p> {
        let own = &self.entry.tree;
        match own.get("node").and_then(Tree::text) {
            Some(template) if keys.iter().all(|key| own.get(key).is_none()) => {
                Owner::Template(Path::Root.key("nodes").key(&template).to_string())
            }
            _ => Owner::Member(path),
        }
    }
}

/// The members of a cluster.
#[derive(Debug)]
pub struct Members<'d> {
    /// Those that could be built.
    pub all: Vec<Member<'d>>,
    /// What they ask for and a later version carries out.
    pub features: Features,
}

/// What is the same for all members of a cluster.
struct Common<'c, 'd> {
    cx: &'c Cx<'d>,
    cluster: &'c check::cluster::Cx<'d>,
    name: &'c ClusterName,
    parts: ClusterParts,
    ssh: BTreeMap<Provisioner, SshSettings>,
    provisioner: Option<Provisioner>,
    /// How machines of nixos-rebuild come to another system.
    action: Action,
    /// The release that machines of manual are installed with.
    release: Option<String>,
    /// Digests of machines whose settings are their template's: by settings and role.
    shared: BTreeMap<(usize, Role), Arc<Parts>>,
}

impl<'d> Members<'d> {
    /// Builds the machines of a cluster.
    pub fn build(
        cx: &Cx<'d>,
        cluster: &check::cluster::Cx<'d>,
        name: &ClusterName,
        version: &Version,
        report: &mut Report,
    ) -> Self {
        let version = version.to_string();
        let parts = ClusterParts::of(cx.document, cluster.tree, cluster.distribution, &version);
        let ssh = PROVISIONERS
            .iter()
            .map(|(word, kind)| (*kind, SshSettings::read(cx.document.at(&["provisioning", word, "ssh"]))));
        let mut common = Common {
            cx,
            cluster,
            name,
            parts,
            ssh: ssh.collect(),
            provisioner: default_provisioner(cx.document, cluster.tree),
            action: get::word(cx.document, &["provisioning", "nixos-rebuild", "action"], ACTIONS)
                .unwrap_or_default(),
            release: get::text(cx.document, &["provisioning", "manual", "expectedNixosVersion"]),
            shared: BTreeMap::new(),
        };
        let mut built = Self { all: Vec::new(), features: Features::default() };
        let members = cluster.tree.get("members").map(Tree::entries).unwrap_or_default();
        let above = cluster.path.key("members");
        for entry in members {
            // What is no map has been reported as such.
            if is_extension(&entry.key) || !matches!(entry.tree.value, Value::Map(_)) {
                continue;
            }
            let path = above.key(&entry.key);
            if let Some(member) = common.member(entry, &path, report) {
                built.features.of_machine(&member.machine, &member.settings.tree, &path);
                built.all.push(member);
            }
        }
        built
    }
}

/// The cluster's, else the only one that is configured, else nixos-anywhere if that is configured.
fn default_provisioner(document: &Tree, cluster: &Tree) -> Option<Provisioner> {
    if let Some(kind) = get::word(cluster, &["provisioner"], PROVISIONERS) {
        return Some(kind);
    }
    let configured = document.get("provisioning").map(Tree::entries).unwrap_or_default();
    let mut kinds = configured
        .iter()
        .filter_map(|entry| PROVISIONERS.iter().find(|(word, _)| **word == *entry.key))
        .map(|(_, kind)| *kind);
    let first = kinds.next()?;
    if kinds.next().is_none() {
        return Some(first);
    }
    let anywhere = configured.iter().any(|entry| &*entry.key == "nixos-anywhere");
    anywhere.then_some(Provisioner::NixosAnywhere)
}

impl<'d> Common<'_, 'd> {
    fn member(&mut self, entry: &'d Entry, path: &Path<'_>, report: &mut Report) -> Option<Member<'d>> {
        let settings = self.settings(&entry.tree, path, report);
        let role = role(entry, settings.as_deref(), path, report);
        let provisioner = self.provisioner(entry, path, report);
        let name = self.name(entry, path, report);
        let ip = ip(entry, provisioner, path, report);
        let (settings, role, provisioner, name) = (settings?, role?, provisioner?, name?);
        let static_ip = ip.filter(|_| settings.has_static_address).map(|ip| ip.to_string());
        let parts = self.parts(&settings, role, static_ip.as_deref());
        let none = SshSettings::default();
        let machine = Machine {
            member: entry.key.parse().ok()?,
            name,
            role,
            ip,
            provisioner,
            skip: get::flag(&entry.tree, &["skip"]).unwrap_or(false),
            ssh: settings.ssh.over(self.ssh.get(&provisioner).unwrap_or(&none), ip),
            mac: settings.mac.filter(|mac| self.cx.macs.get(mac).is_none_or(|uses| uses.all < 2)),
            node: Arc::clone(&settings.node),
            disks: Arc::clone(&settings.disks),
            install: settings.install,
            release: self.release.clone().filter(|_| provisioner == Provisioner::Manual),
            disk_key: settings.disk_key.clone(),
            parts,
            action: if provisioner == Provisioner::NixosRebuild { self.action } else { Action::Switch },
        };
        let member = Member { entry, machine, settings };
        check::machine::check(self.cluster, &member, path, report);
        Some(member)
    }

    /// The member's settings; `None` when its template is not there, so that what else is missing is not known.
    fn settings(&self, member: &Tree, path: &Path<'_>, report: &mut Report) -> Option<Arc<Settings>> {
        let template = member.get("node").and_then(Tree::text).and_then(|name| self.cx.settings.get(&*name));
        let tree = self.cx.templates.member(member, path, report);
        match (tree, template) {
            (Some(tree), Some(template)) if Arc::ptr_eq(&tree, &template.tree) => Some(Arc::clone(template)),
            (Some(tree), template) => Some(Arc::new(Settings::read(&tree).sharing(template.map(|t| &**t)))),
            (None, _) => None,
        }
    }

    fn parts(&mut self, settings: &Arc<Settings>, role: Role, address: Option<&str>) -> Arc<Parts> {
        let is_shared = address.is_none() && Arc::strong_count(settings) > 1;
        let key = (Arc::as_ptr(settings).addr(), role);
        if let Some(known) = self.shared.get(&key).filter(|_| is_shared) {
            return Arc::clone(known);
        }
        let parts = Arc::new(parts::of(settings, &self.parts, role, address));
        if is_shared {
            self.shared.insert(key, Arc::clone(&parts));
        }
        parts
    }

    fn provisioner(&self, entry: &Entry, path: &Path<'_>, report: &mut Report) -> Option<Provisioner> {
        if entry.tree.get("provisioner").is_some() {
            return get::word(&entry.tree, &["provisioner"], PROVISIONERS);
        }
        if self.provisioner.is_none() && self.cluster.tree.get("provisioner").is_none() {
            let message = "nothing says how this machine is installed".to_owned();
            let help = "set provisioner on the member or its cluster, or configure one under provisioning";
            let help = Some(help.to_owned());
            let tables = [*path, *self.cluster.path, Path::Root.key("provisioning")];
            let span = entry.key_span;
            report.lacking(&tables, Problem { code: code::NO_PROVISIONER, span, path, message, help });
        }
        self.provisioner
    }

    fn name(&self, entry: &Entry, path: &Path<'_>, report: &mut Report) -> Option<MachineName> {
        if entry.tree.get("name").is_some() {
            return get::parsed(&entry.tree, &["name"]);
        }
        let name = format!("{}-{}", self.name, entry.key);
        if name.len() > 63 && entry.key.parse::<MachineName>().is_ok() {
            let message =
                format!("its name {name} has {} characters; a host name has at most 63", name.len());
            let help = Some("set name to something shorter".to_owned());
            report.error(Problem { code: code::NAME, span: entry.key_span, path, message, help });
        }
        name.parse().ok()
    }
}

fn role(entry: &Entry, settings: Option<&Settings>, path: &Path<'_>, report: &mut Report) -> Option<Role> {
    let own = entry.tree.get("role");
    if own.is_some() {
        return settings::role(&entry.tree);
    }
    let settings = settings?;
    let role = settings.role;
    if role.is_none() && settings.tree.get("role").is_none() {
        let message = "has no role, and neither has its template".to_owned();
        let help = Some("set role: control-plane, worker or none".to_owned());
        let template = entry.tree.get("node").and_then(Tree::text).unwrap_or_default();
        let above = Path::Root.key("nodes");
        let (tables, span) = ([*path, above.key(&template)], entry.key_span);
        report.lacking(&tables, Problem { code: code::NO_ROLE, span, path, message, help });
    }
    role
}

fn ip(
    entry: &Entry,
    provisioner: Option<Provisioner>,
    path: &Path<'_>,
    report: &mut Report,
) -> Option<IpAddr> {
    let assigns = provisioner
        .is_none_or(|kind| matches!(kind, Provisioner::Terraform | Provisioner::Lima | Provisioner::Pxe));
    let Some(written) = entry.tree.get("ip") else {
        if !assigns {
            let message = "has no ip".to_owned();
            let help = Some("set ip to its address in the cluster's network".to_owned());
            let span = entry.key_span;
            report.lacking(&[*path], Problem { code: code::NO_IP, span, path, message, help });
        }
        return None;
    };
    if !assigns && written.text().as_deref() == Some("auto") {
        let message = "ip: auto needs a provisioner that learns addresses: terraform, lima or pxe".to_owned();
        report.error(Problem {
            code: code::NO_IP,
            span: written.span,
            path: &path.key("ip"),
            message,
            help: None,
        });
    }
    get::parsed(&entry.tree, &["ip"])
}
