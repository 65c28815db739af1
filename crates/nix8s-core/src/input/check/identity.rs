//! What tells machines apart: names across the fleet, MAC addresses across the fleet.

use std::collections::BTreeMap;

use super::super::code;
use super::super::fleet::cluster::Names;
use super::super::fleet::machine::Member;
use super::super::get;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::resolve::Templates;
use super::super::tree::Tree;
use super::cluster::Cx;
use crate::model::MacAddr;
use crate::model::Provisioner;

/// How many members of the whole document have a MAC address, and how many set it themselves.
#[derive(Debug, Default, Clone, Copy)]
pub struct Uses {
    /// Members that have it, from their template too.
    pub all: u32,
    /// Members that set it.
    pub own: u32,
}

/// MAC addresses and their uses.
pub type Macs = BTreeMap<MacAddr, Uses>;

/// Counts the uses of MAC addresses in the whole document.
pub fn count(document: &Tree, templates: &Templates) -> Macs {
    let mut macs = Macs::new();
    let clusters = document.get("clusters").map(Tree::entries).unwrap_or_default();
    let members = clusters.iter().filter_map(|c| c.tree.get("members")).flat_map(|members| members.entries());
    for member in members {
        let own: Option<MacAddr> = own_mac(&member.tree);
        let from_template = || {
            let node = &["node", "extends"];
            let name = get::text(&member.tree, &node[..1]).or_else(|| get::text(&member.tree, node))?;
            get::parsed(templates.get(&name)?, &["network", "mac"])
        };
        if let Some(mac) = own.or_else(from_template) {
            let uses = macs.entry(mac).or_default();
            uses.all += 1;
            uses.own += u32::from(own.is_some());
        }
    }
    macs
}

fn own_mac(member: &Tree) -> Option<MacAddr> {
    get::parsed(member, &["network", "mac"]).or_else(|| get::parsed(member, &["node", "network", "mac"]))
}

/// Checks the members of a cluster against the whole fleet.
pub fn check(cx: &Cx<'_>, members: &[Member<'_>], macs: &Macs, names: &mut Names, report: &mut Report) {
    let above = cx.path.key("members");
    for member in members {
        let path = above.key(&member.entry.key);
        let span = member.entry.key_span;
        if let Some(first) = names.insert(member.machine.name.clone(), span) {
            let message = format!("the machine name {} is taken {}", member.machine.name, report.show(first));
            let help = Some("host names are the same in no two places of a fleet: set name".to_owned());
            report.error(Problem { code: code::DUPLICATE_NAME, span, path: &path, message, help });
        }
        let Some(mac) = member.settings.mac else {
            if member.machine.provisioner == Provisioner::Pxe {
                let message = "is installed by network boot, which needs its MAC address".to_owned();
                let help = Some("set network.mac".to_owned());
                report.error(Problem { code: code::NO_MAC, span, path: &path, message, help });
            }
            continue;
        };
        let uses = macs.get(&mac).copied().unwrap_or_default();
        if uses.all < 2 {
            continue;
        }
        let owner = member.owner(&path, &["network"]);
        let owner = owner.as_path();
        let network = owner.key("network");
        let span = member.settings.tree.at(&["network", "mac"]).map_or(span, |tree| tree.span);
        let path = &network.key("mac");
        if own_mac(&member.entry.tree).is_some() || member.machine.provisioner == Provisioner::Pxe {
            let message = format!("{mac} is the MAC address of {} members", uses.all);
            let help = Some("a network card is in one machine: set network.mac on each member".to_owned());
            report.error(Problem { code: code::DUPLICATE_MAC, span, path, message, help });
        } else {
            let message =
                format!("{mac} comes from a template that {} members use, so it is not used", uses.all);
            let help = Some("set network.mac on the members".to_owned());
            report.warning(Problem { code: code::SHARED_MAC, span, path, message, help });
        }
    }
}
