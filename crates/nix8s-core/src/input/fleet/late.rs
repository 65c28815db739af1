//! What a document asks for and a later version of nix8s carries out: checked now, said in the plan.

use super::super::get;
use super::super::report::Path;
use super::super::schema::Key;
use super::super::schema::Kind;
use super::super::schema::Note;
use super::super::schema::walk::is_extension;
use super::super::tree::Tree;
use crate::model::Later;
use crate::model::Machine;
use crate::model::Provisioner;

/// Collects features, each once, at its first place.
#[derive(Debug, Default)]
pub struct Features {
    found: Vec<Later>,
}

impl Features {
    /// Notes a feature.
    pub fn note(&mut self, path: &Path<'_>, what: &str) {
        if !self.found.iter().any(|known| known.what == what) {
            self.found.push(Later { path: path.to_string(), what: what.to_owned() });
        }
    }

    /// Notes the features among the keys of a map, and deeper.
    pub fn in_tables(&mut self, tree: &Tree, tables: &[&[Key]], path: &Path<'_>) {
        for entry in tree.entries().iter().filter(|entry| &*entry.key != "members") {
            let Some(key) = tables.iter().flat_map(|t| t.iter()).find(|key| *key.name == *entry.key) else {
                continue;
            };
            let path = &path.key(&entry.key);
            if let (Note::Later(what), true) = (key.note, is_asked_for(&entry.tree)) {
                self.note(path, what);
            } else if let Kind::Table(below) = key.kind {
                self.in_tables(&entry.tree, below, path);
            }
        }
    }

    /// Notes how the machine is installed, if that comes later.
    pub fn of_machine(&mut self, machine: &Machine, settings: &Tree, path: &Path<'_>) {
        if !machine.provisioner.is_planned_now() {
            let what = format!("installing machines by {}", machine.provisioner.as_str());
            self.note(&Path::Root.key("provisioning").key(machine.provisioner.as_str()), &what);
        }
        if settings.at(&["extensions", "linstor"]).is_some_and(is_asked_for) {
            self.note(&path.key("extensions").key("linstor"), "disks for LINSTOR");
        }
    }

    /// Notes how machines of a provisioner are to be installed, where that is not how they are installed today.
    pub fn of_provisioning(&mut self, document: &Tree, kind: Provisioner) {
        let name = kind.as_str();
        let settings = document.at(&["provisioning", name]).map(Tree::entries).unwrap_or_default();
        for entry in settings.iter().filter(|entry| &*entry.key != "ssh" && !is_extension(&entry.key)) {
            let holds_already = match (kind, &*entry.key) {
                (Provisioner::Manual, "waitForSsh" | "validateNixos") => entry.tree.truth() == Some(true),
                (Provisioner::Manual, "expectedNixosVersion") | (Provisioner::NixosRebuild, "action") => true,
                (Provisioner::NixosAnywhere, key) => key != "hardwareConfig",
                _ => false,
            };
            if is_asked_for(&entry.tree) && !holds_already {
                let path = Path::Root.key("provisioning");
                let path = path.key(name);
                self.note(&path.key(&entry.key), &format!("{} of {name}", entry.key));
            }
        }
    }

    /// Notes what the cluster asks for in the values of keys that are otherwise carried out.
    pub fn of_values(&mut self, cluster: &Tree, path: &Path<'_>) {
        if get::text(cluster, &["network", "mesh"]).as_deref() == Some("wireguard") {
            self.note(&path.key("network").key("mesh"), "encryption between machines by WireGuard");
        }
        if get::text(cluster, &["build"]).as_deref() == Some("remote") {
            self.note(&path.key("build"), "building updates on the machines");
        }
        if get::text(cluster, &["distribution"]).as_deref() == Some("k0s") {
            self.note(&path.key("distribution"), "k0s");
        }
        if let Some(provider @ ("sops-nix" | "agenix")) =
            get::text(cluster, &["secrets", "provider"]).as_deref()
        {
            self.note(&path.key("secrets").key("provider"), &format!("secrets by {provider}"));
        }
        let inside = ["host", "variant", "network", "maxPods", "autoBootstrap"];
        let cozystack = cluster.get("cozystack").filter(|cozystack| is_asked_for(cozystack));
        if cozystack.is_some_and(|cozystack| inside.iter().any(|key| cozystack.get(key).is_some())) {
            self.note(&path.key("cozystack"), "settings inside Cozystack");
        }
    }

    /// All of them, by path.
    pub fn all(mut self) -> Vec<Later> {
        self.found.sort_by(|a, b| a.path.cmp(&b.path));
        self.found
    }
}

/// Whether something is there that is not switched off or empty.
pub fn is_asked_for(tree: &Tree) -> bool {
    use super::super::tree::Value;
    match &tree.value {
        Value::Null => false,
        Value::Map(entries) => !entries.is_empty() && get::flag(tree, &["enable"]) != Some(false),
        Value::List(items) => !items.is_empty(),
        Value::Bool(_) | Value::Integer(_) | Value::Float(..) | Value::Text(_) => true,
    }
}
