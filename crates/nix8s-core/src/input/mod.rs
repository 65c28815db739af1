//! The document: read into a tree that knows where everything stands, then decoded by code that collects problems.

pub mod check;
pub mod code;
pub mod diagnostic;
pub mod document;
pub mod fleet;
pub mod form;
pub mod get;
pub mod json;
pub mod merge;
pub mod older;
pub mod parse;
pub mod report;
pub mod resolve;
pub mod schema;
pub mod tree;
pub mod written;

use crate::model::Fleet;
use report::Path;
use report::Report;
use resolve::Templates;
use tree::Tree;

pub use diagnostic::Diagnostic;
pub use diagnostic::Place;
pub use diagnostic::Severity;

/// A text that is part of the document, and where in the document it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file as the user named it; `<stdin>` for standard input.
    pub name: String,
    /// Which part of the document it is.
    pub at: At,
    /// YAML or JSON.
    pub bytes: Vec<u8>,
}

/// The part of the document that a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// All of it, or a fragment with any of the top-level keys.
    Document,
    /// All of it, as Nix printed it: its lines and columns are nothing that a person has written.
    Flake,
    /// `nodes.<name>`.
    Node(String),
    /// `clusters.<name>`.
    Cluster(String),
    /// A top-level key, for example `policy`.
    Key(String),
}

/// What loading gives.
#[derive(Debug)]
pub struct Loaded {
    /// The fleet; `None` when there is at least one error.
    pub fleet: Option<Fleet>,
    /// Every problem, by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a document from its sources.
pub fn load(sources: &[Source]) -> Loaded {
    let (document, mut report) = read(sources);
    let templates = Templates::of(&document, &mut report);
    let fleet = fleet::build(&document, &templates, &mut report);
    let fleet = if report.is_clean() { Some(fleet) } else { None };
    Loaded { fleet, diagnostics: report.into_diagnostics() }
}

/// The document of all sources, checked, in today's spellings.
fn read(sources: &[Source]) -> (Tree, Report) {
    let mut report = Report::on(sources.iter().map(file).collect());
    let mut parts = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let Ok(file) = u16::try_from(index) else { break };
        if let Some(tree) = parse::parse(file, &source.bytes, &mut report) {
            parts.push((source.at.clone(), tree));
        }
    }
    let mut document = merge::merge(parts, &mut report);
    schema::walk::check(&document, &schema::DOCUMENT, &Path::Root, &mut report);
    schema::settle::settle(&mut document, &schema::DOCUMENT);
    older::rewrite(&mut document, &mut report);
    check::level::check(&document, &mut report);
    check::provisioning::check(&document, &mut report);
    (document, report)
}

/// The file that a place of a source is shown in, if a person can look there.
fn file(source: &Source) -> Option<String> {
    match source.at {
        At::Flake => None,
        At::Document | At::Node(_) | At::Cluster(_) | At::Key(_) => Some(source.name.clone()),
    }
}

/// The resolved document for people and for Nix: one entry per member with everything from its template and the
/// defaults of nix8s filled in, secrets redacted. `None` when there is at least one error.
///
/// A function of its own, because it is several times as large as the fleet.
pub fn resolved_document(sources: &[Source]) -> (Option<serde_json::Value>, Vec<Diagnostic>) {
    let (document, mut report) = read(sources);
    let templates = Templates::of(&document, &mut report);
    let fleet = fleet::build(&document, &templates, &mut report);
    let shown = report.is_clean().then(|| document::resolved(&document, &templates, &fleet));
    (shown, report.into_diagnostics())
}

/// What the systems of a cluster are made from: the resolved document without what says nothing about systems, and without
/// secrets. `None` when there is at least one error.
pub fn systems_document(sources: &[Source], cluster: &str) -> Option<serde_json::Value> {
    resolved_document(sources).0.map(|resolved| document::of_systems(&resolved, cluster))
}

/// The document as it was written, of all its sources and in today's spellings. `None` when there is at least one
/// error.
pub fn written_document(sources: &[Source]) -> (Option<written::Written>, Vec<Diagnostic>) {
    let (document, mut report) = read(sources);
    let templates = Templates::of(&document, &mut report);
    drop(fleet::build(&document, &templates, &mut report));
    let written = report.is_clean().then(|| written::written(&document));
    (written, report.into_diagnostics())
}

/// The settings of every member with all of its template and without defaults: `clusters.<name>.<member>`. What
/// `tests/resolve/` pins for Rust and Nix.
pub fn resolved_members(sources: &[Source]) -> (serde_json::Value, Vec<Diagnostic>) {
    let (document, mut report) = read(sources);
    let templates = Templates::of(&document, &mut report);
    let fleet = fleet::build(&document, &templates, &mut report);
    drop(fleet);
    let mut clusters = serde_json::Map::new();
    for cluster in document.get("clusters").map(Tree::entries).unwrap_or_default() {
        let mut members = serde_json::Map::new();
        for member in cluster.tree.get("members").map(Tree::entries).unwrap_or_default() {
            let settings = templates.member(&member.tree, &Path::Root, &mut report);
            let mut settings =
                settings.map_or_else(|| serde_json::json!({}), |settings| json::value(&settings));
            if let Some(role) = member.tree.get("role") {
                settings["role"] = json::value(role);
            }
            members.insert(member.key.to_string(), settings);
        }
        clusters.insert(cluster.key.to_string(), serde_json::Value::Object(members));
    }
    (serde_json::Value::Object(clusters), report.into_diagnostics())
}
