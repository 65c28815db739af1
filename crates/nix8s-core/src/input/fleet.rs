//! Builds the fleet from a checked document.

pub mod anywhere;
pub mod cluster;
pub mod late;
pub mod machine;
pub mod parts;
pub mod script;
pub mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::identity::Macs;
use super::code;
use super::get;
use super::report::Path;
use super::report::Problem;
use super::report::Report;
use super::resolve::Templates;
use super::tree::Tree;
use crate::model::ClusterName;
use crate::model::Concurrency;
use crate::model::Fleet;
use crate::model::Policy;
use crate::model::ReconcilerSettings;
use settings::Settings;

/// What all clusters share while they are built.
#[derive(Debug)]
pub struct Cx<'d> {
    /// The document.
    pub document: &'d Tree,
    /// The templates with all that they extend.
    pub templates: &'d Templates,
    /// The templates' settings, read once.
    pub settings: BTreeMap<&'d str, Arc<Settings>>,
    /// How often each MAC address is used.
    pub macs: Macs,
    /// The loop's settings.
    pub reconciler: ReconcilerSettings,
    /// The fleet's policy.
    pub policy: Policy,
}

/// Builds the fleet; it means something only when nothing was reported as an error.
pub fn build(document: &Tree, templates: &Templates, report: &mut Report) -> Fleet {
    let settings = templates.iter().map(|(name, tree)| (name, Arc::new(Settings::read(tree)))).collect();
    let macs = super::check::identity::count(document, templates);
    let cx = Cx {
        document,
        templates,
        settings,
        macs,
        reconciler: reconciler(document),
        policy: policy(document),
    };
    let mut clusters = BTreeMap::new();
    let mut names = BTreeMap::new();
    let empty = Tree::empty(document.span);
    for entry in document.get("clusters").unwrap_or(&empty).entries() {
        if super::schema::walk::is_extension(&entry.key) || entry.tree.value == super::tree::Value::Null {
            continue;
        }
        let above = Path::Root.key("clusters");
        let built = cluster::build(&cx, entry, &above.key(&entry.key), &mut names, report);
        if let Ok(name) = entry.key.parse::<ClusterName>()
            && let Some(cluster) = built
        {
            clusters.insert(name, Arc::new(cluster));
        }
    }
    without_effect(document, report);
    let nixpkgs = get::text(document, &["nixpkgs"]);
    Fleet { clusters, reconciler: cx.reconciler, policy: cx.policy, nixpkgs }
}

/// Naming a machine is the word that erasing it needs, whatever policy says, and nothing is erased without it.
fn without_effect(document: &Tree, report: &mut Report) {
    let Some(erase) = document.at(&["policy", "erase"]).filter(|tree| tree.truth() == Some(true)) else {
        return;
    };
    let above = Path::Root.key("policy");
    let message = "has no effect: a machine is erased when it is named, and not otherwise".to_owned();
    let help = Some("name it with --erase NODE, or with nix8s node reinstall NODE".to_owned());
    let path = &above.key("erase");
    report.warning(Problem { code: code::NO_EFFECT, span: erase.span, path, message, help });
}

fn reconciler(document: &Tree) -> ReconcilerSettings {
    let default = ReconcilerSettings::default();
    let lane =
        |name: &str, default| get::number(document, &["reconciler", "concurrency", name]).unwrap_or(default);
    ReconcilerSettings {
        interval: get::duration(document, &["reconciler", "interval"]).unwrap_or(default.interval),
        timeout: get::duration(document, &["reconciler", "timeout"]).unwrap_or(default.timeout),
        concurrency: Concurrency {
            observe: lane("observe", default.concurrency.observe),
            build: lane("build", default.concurrency.build),
            copy: lane("copy", default.concurrency.copy),
            install: lane("install", default.concurrency.install),
            join: lane("join", default.concurrency.join),
        },
    }
}

fn policy(document: &Tree) -> Policy {
    let default = Policy::default();
    let flag = |name: &str, default| get::flag(document, &["policy", name]).unwrap_or(default);
    Policy {
        interrupt: flag("interrupt", default.interrupt),
        remove: flag("remove", default.remove),
        erase: flag("erase", default.erase),
        max_affected: get::number(document, &["policy", "maxAffected"]),
    }
}
