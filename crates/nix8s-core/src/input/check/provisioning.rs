//! `provisioning`: what a kind of installing needs as a whole.

use super::super::code;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::report::quoted;
use super::super::resolve::suggest;
use super::super::tree::Tree;
use super::super::tree::Value;

/// Checks the document's `provisioning`, and that there is a document at all.
pub fn check(document: &Tree, report: &mut Report) {
    let path = Path::Root;
    if document.get("clusters").is_none_or(|clusters| clusters.entries().is_empty()) && report.is_clean() {
        let message = "there are no clusters, so there is nothing to do".to_owned();
        let help = Some("add one under clusters; `nix8s init` writes an example".to_owned());
        report.warning(Problem { code: code::NO_CLUSTERS, span: document.span, path: &path, message, help });
    }
    super::anywhere::check(document, report);
    rules(document, report);
    terraform(document, report);
}

/// Rules of discovery assign templates that exist.
fn rules(document: &Tree, report: &mut Report) {
    let rules =
        document.at(&["provisioning", "pxe", "discovery", "rules"]).map(Tree::items).unwrap_or_default();
    let names =
        || document.get("nodes").map(Tree::entries).unwrap_or_default().iter().map(|entry| &*entry.key);
    let root = Path::Root;
    let pxe = root.key("provisioning");
    let pxe = pxe.key("pxe");
    let discovery = pxe.key("discovery");
    let above = discovery.key("rules");
    for (index, rule) in rules.iter().enumerate() {
        let path = above.item(index);
        super::content::needs(Some(rule), "assign", &path, report);
        let Some(assign) = rule.get("assign") else { continue };
        let Some(name) = assign.text().filter(|name| !names().any(|known| *known == **name)) else {
            continue;
        };
        let message = format!("there is no template {} in nodes", quoted(&name));
        let help = suggest(&name, names());
        let path = &path.key("assign");
        report.error(Problem { code: code::UNKNOWN_TEMPLATE, span: assign.span, path, message, help });
    }
}

/// A folder of one's own, or a provider for which the configuration is generated.
fn terraform(document: &Tree, report: &mut Report) {
    let Some(terraform) = document.at(&["provisioning", "terraform"]) else { return };
    if matches!(terraform.value, Value::Map(_))
        && get::text(terraform, &["dir"]).is_some() == terraform.get("provider").is_some()
    {
        let root = Path::Root;
        super::content::exactly_one(
            terraform,
            &["dir", "provider"],
            &root.key("provisioning").key("terraform"),
            report,
        );
    }
}
