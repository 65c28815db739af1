//! The kubeadm design's `clusterConfig`: one cluster, its node configurations, and machines inside provisioners.

mod machine;
mod names;
mod options;
mod provisioner;
mod script;

use serde_json::Value;
use serde_json::json;

use super::draft::Draft;
use super::note::Why;
use super::source::Part;
use super::source::Source;
use names::Names;

/// A setting that only moves: where it stood, and where it stands below the cluster.
type Move = (&'static [&'static str], &'static [&'static str]);

const CLUSTER: &[Move] = &[
    (&["domain"], &["domain"]),
    (&["kubernetes", "version"], &["version"]),
    (&["kubernetes", "podCidr"], &["network", "podCidr"]),
    (&["kubernetes", "serviceCidr"], &["network", "serviceCidr"]),
    (&["kubernetes", "pki", "external"], &["pki", "external"]),
    (&["kubernetes", "pki", "caCert"], &["pki", "caCert"]),
    (&["kubernetes", "pki", "caKey"], &["pki", "caKey"]),
    (&["cozystack", "version"], &["cozystack", "version"]),
    (&["cozystack", "host"], &["cozystack", "host"]),
    (&["cozystack", "variant"], &["cozystack", "variant"]),
    (&["cozystack", "maxPods"], &["cozystack", "maxPods"]),
    (&["reconciler", "update", "strategy"], &["upgrade", "strategy"]),
    (&["reconciler", "update", "maxUnavailable"], &["upgrade", "maxUnavailable"]),
    (&["reconciler", "update", "healthCheck", "retries"], &["gates", "retries"]),
];

/// What the import knows while it goes on.
struct Cx<'d> {
    draft: &'d mut Draft,
    /// The cluster's name.
    cluster: String,
    /// Node configurations and what they are called today.
    templates: Names,
    /// Machines and what they are called today.
    machines: Names,
    /// Names of scripts that are carried over.
    scripts: Vec<String>,
    /// How many hooks have become scripts: they have no names there, and need one today.
    hooks: usize,
}

impl Cx<'_> {
    fn put(&mut self, path: &[&str], value: impl Into<Value>) {
        let at = [&["clusters", self.cluster.as_str()], path].concat();
        self.draft.put(&at, value);
    }

    fn member(&mut self, machine: &str, path: &[&str], value: impl Into<Value>) {
        self.put(&[&["members", machine], path].concat(), value);
    }
}

/// Takes a `clusterConfig`, or a document with one.
pub fn import(source: &mut Source, draft: &mut Draft) {
    let inside = source.all().peek(&["clusterConfig"]).is_some();
    let mut all = source.all();
    let mut part = all.below(if inside { &["clusterConfig"] } else { &[] });
    let cluster = name(&mut part);
    let templates = names::of(&mut part, &["nodeConfigurations"]);
    let machines = names::machines(&mut part);
    let scripts = script::names(&part);
    let mut cx = Cx { draft, cluster, templates, machines, scripts, hooks: 0 };
    identity(&mut part, &mut cx);
    availability(&mut part, &mut cx);
    reconciler(&mut part, &mut cx);
    for key in part.below(&["nodeConfigurations"]).keys() {
        machine::template(&mut part.below(&["nodeConfigurations", &key]), &key, &mut cx);
    }
    provisioner::all(&mut part, &mut cx);
    options::all(&mut part, &mut cx);
    script::hooks(&mut part, &mut cx);
    script::bootstrap(&mut part, &mut cx);
}

fn name(part: &mut Part<'_>) -> String {
    match part.text(&["name"]) {
        Some(name) => {
            let today = names::label(&name);
            if today != name {
                let message = format!("{name:?} is no DNS label; the cluster is called {today}");
                part.note(Why::Changed, &["name"], message, "rename it, if you like, before the first apply");
            }
            today
        }
        None => {
            let help = "rename clusters.cluster before the first apply";
            part.note(Why::Missing, &["name"], "the cluster has no name and is called cluster", help);
            "cluster".to_owned()
        }
    }
}

fn identity(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    cx.put(&["distribution"], "kubeadm");
    if part.peek(&["cozystack"]).is_some() {
        let enable = part.flag(&["cozystack", "enable"]).unwrap_or(true);
        cx.put(&["cozystack", "enable"], enable);
    }
    for (from, to) in CLUSTER {
        if let Some(value) = part.value(from) {
            cx.put(to, value);
        }
    }
    for (key, today) in [("podCIDR", "podCidr"), ("serviceCIDR", "serviceCidr"), ("joinCIDR", "joinCidr")] {
        for key in [key, today] {
            if let Some(value) = part.value(&["cozystack", "network", key]) {
                cx.put(&["cozystack", "network", today], value);
            }
        }
    }
}

/// The design's load balancer is kube-vip.
fn availability(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    const AT: &[&str] = &["ha", "loadBalancer"];
    let enabled = part.flag(&["ha", "enabled"]).or_else(|| part.flag(&["ha", "enable"]));
    if enabled == Some(false) {
        cx.put(&["ha", "mode"], "none");
        for key in part.below(AT).keys() {
            let help = "set ha.vip instead of ha.mode: none to switch high availability on";
            part.below(AT).leave(&[&key], "has no effect: ha.enabled is false", help);
        }
        return;
    }
    if enabled == Some(true) {
        cx.put(&["ha", "mode"], "kube-vip");
    }
    for key in ["vip", "interface"] {
        if let Some(value) = part.below(AT).value(&[key]) {
            cx.put(&["ha", key], value);
        }
    }
    if enabled == Some(true) && cx.draft.get(&["clusters", &cx.cluster, "ha", "vip"]).is_none() {
        let help = "set ha.vip to a free address of the machines' network";
        part.note(Why::Missing, &["ha", "loadBalancer", "vip"], "high availability has no address", help);
    }
}

fn reconciler(part: &mut Part<'_>, cx: &mut Cx<'_>) {
    for key in ["interval", "timeout"] {
        if let Some(value) = seconds(part, &["reconciler", key]) {
            cx.draft.put(&["reconciler", key], value);
        }
    }
    if let Some(wait) = seconds(part, &["reconciler", "update", "healthCheck", "wait"]) {
        cx.put(&["gates", "soak"], wait);
    }
    let boots = part.peek(&["provisioners", "pxe"]).is_some();
    let mut discovery = part.below(&["reconciler", "discovery"]);
    if !boots {
        for key in discovery.keys() {
            let help =
                "discovery finds machines that boot over the network: configure provisioning.pxe first";
            discovery.leave(&[&key], "has no effect without network boot", help);
        }
        return;
    }
    if let Some(ttl) = seconds(&mut discovery, &["ttl"]) {
        cx.draft.put(&["provisioning", "pxe", "discovery", "ttl"], ttl);
    }
    rules(&mut discovery, cx);
}

/// Which template a machine that was found gets: the conditions on its hardware stand side by side today.
fn rules(discovery: &mut Part<'_>, cx: &mut Cx<'_>) {
    const AT: &[&str] = &["autoConfiguration", "rules"];
    for (index, rule) in discovery.items(AT).into_iter().enumerate() {
        let item = format!("rules[{index}]");
        discovery.below(&["autoConfiguration"]).put_back(&item, rule);
        let mut rule = discovery.below(&["autoConfiguration", &item]);
        let Some(assign) = rule.text(&["assign"]) else { continue };
        let Some(template) = cx.templates.today(&assign).map(str::to_owned) else {
            let message = format!("assigns {assign}, which is no node configuration; the rule is left out");
            rule.note(Why::Left, &[], message, "name a template of nodes and add the rule again");
            rule.take(&["match"]);
            continue;
        };
        let mut found = rule.value(&["match", "hardware"]).unwrap_or_else(|| json!({}));
        for key in rule.below(&["match"]).keys() {
            if let Some(value) = rule.value(&["match", &key]) {
                found[key] = value;
            }
        }
        let rules = &["provisioning", "pxe", "discovery", "rules"];
        cx.draft.push(rules, json!({ "match": found, "assign": template }));
    }
}

/// Takes a number of seconds, or a duration as it is written today.
fn seconds(part: &mut Part<'_>, path: &[&str]) -> Option<Value> {
    match part.peek(path)?.integer() {
        Some(seconds) => {
            part.take(path);
            Some(format!("{seconds}s").into())
        }
        None => part.value(path),
    }
}
