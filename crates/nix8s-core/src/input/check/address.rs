//! Addresses: networks that overlap, machines inside them, the virtual address, the range that DHCP hands out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::super::code;
use super::super::fleet::late::is_asked_for;
use super::super::fleet::machine::Member;
use super::super::form;
use super::super::get;
use super::super::report::Path;
use super::super::report::Problem;
use super::super::report::Report;
use super::super::tree::Span;
use super::super::tree::Tree;
use super::cluster::Cx;
use crate::model::Ha;

/// Checks the addresses of a cluster.
pub fn check(cx: &Cx<'_>, ha: &Ha, members: &[Member<'_>], document: &Tree, report: &mut Report) {
    let networks = networks(cx);
    overlaps(cx, &networks, report);
    dns(cx, report);
    let mut seen: BTreeMap<IpAddr, &str> = BTreeMap::new();
    let (above, high) = (cx.path.key("members"), cx.path.key("ha"));
    if let Some(vip) = ha.vip {
        inside(vip, cx.span(&["ha", "vip"]), &high.key("vip"), &networks, report);
    }
    for member in members {
        let Some(ip) = member.machine.ip else { continue };
        let span = member.entry.tree.get("ip").map_or(member.entry.key_span, |tree| tree.span);
        let path = above.key(&member.entry.key);
        inside(ip, span, &path.key("ip"), &networks, report);
        if ha.vip == Some(ip) {
            let message = format!("the vip {ip} is the address of {}", member.entry.key);
            let help = Some("the vip moves between machines: it needs an address of its own".to_owned());
            let (span, path) = (cx.span(&["ha", "vip"]), &high.key("vip"));
            report.error(Problem { code: code::VIP_IS_MACHINE, span, path, message, help });
        }
        if let Some(first) = seen.insert(ip, &member.entry.key) {
            let message = format!("{ip} is the address of {first} as well");
            report.error(Problem {
                code: code::DUPLICATE_IP,
                span,
                path: &path.key("ip"),
                message,
                help: None,
            });
        }
    }
    dhcp_range(cx, ha, members, document, report);
}

/// A network, what it is called and where it is given.
struct Net {
    name: &'static str,
    net: IpNet,
    span: Span,
}

fn networks(cx: &Cx<'_>) -> Vec<Net> {
    let mut all = vec![
        Net { name: "network.podCidr", net: cx.network.pod_cidr, span: cx.span(&["network", "podCidr"]) },
        Net {
            name: "network.serviceCidr",
            net: cx.network.service_cidr,
            span: cx.span(&["network", "serviceCidr"]),
        },
    ];
    let cozystack = cx.tree.get("cozystack").filter(|cozystack| is_asked_for(cozystack));
    if cozystack.is_some() {
        let path = ["cozystack", "network", "joinCidr"];
        let net = get::parsed(cx.tree, &path).unwrap_or_else(|| "100.64.0.0/16".parse().expect("a network"));
        all.push(Net { name: "cozystack.network.joinCidr", net, span: cx.span(&path) });
    }
    all
}

fn overlaps(cx: &Cx<'_>, networks: &[Net], report: &mut Report) {
    for (index, one) in networks.iter().enumerate() {
        for other in &networks[index + 1..] {
            if one.net.contains(&other.net) || other.net.contains(&one.net) {
                let message =
                    format!("{} ({}) and {} ({}) overlap", one.name, one.net, other.name, other.net);
                let help = Some("give each a network of its own".to_owned());
                let span = if other.span == cx.entry.key_span { one.span } else { other.span };
                let path = format!("{}.{}", cx.path, if span == one.span { one.name } else { other.name });
                report.error(Problem {
                    code: code::OVERLAP,
                    span,
                    path: &Path::Printed(&path),
                    message,
                    help,
                });
            }
        }
    }
}

fn dns(cx: &Cx<'_>, report: &mut Report) {
    let above = cx.path.key("network");
    let dns = cx.network.cluster_dns;
    if cx.tree.at(&["network", "clusterDns"]).is_some() && !cx.network.service_cidr.contains(&dns) {
        let message = format!("{dns} is not inside serviceCidr ({})", cx.network.service_cidr);
        let (span, path) = (cx.span(&["network", "clusterDns"]), &above.key("clusterDns"));
        let help = Some("leave it out for the tenth address of serviceCidr".to_owned());
        report.error(Problem { code: code::DNS_OUTSIDE, span, path, message, help });
    } else if dns == cx.network.service_cidr.network() {
        let message = format!("{} is too small for services", cx.network.service_cidr);
        let (span, path) = (cx.span(&["network", "serviceCidr"]), &above.key("serviceCidr"));
        report.error(Problem { code: code::RANGE, span, path, message, help: Some("use a /16".to_owned()) });
    }
}

fn inside(ip: IpAddr, span: Span, path: &Path<'_>, networks: &[Net], report: &mut Report) {
    for net in networks.iter().filter(|net| net.net.contains(&ip)) {
        let message = format!("{ip} is inside {} ({})", net.name, net.net);
        let help = Some("machines need addresses outside the cluster's own networks".to_owned());
        report.error(Problem { code: code::INSIDE, span, path, message, help });
    }
}

fn dhcp_range(cx: &Cx<'_>, ha: &Ha, members: &[Member<'_>], document: &Tree, report: &mut Report) {
    let dhcp = ["provisioning", "pxe", "dhcp"];
    let mode = document.at(&dhcp).and_then(|dhcp| get::text(dhcp, &["mode"]));
    let Some(range) = document.at(&[dhcp[0], dhcp[1], dhcp[2], "range"]) else { return };
    let Some((from, to)) = range.text().and_then(|text| form::range(&text)) else { return };
    if matches!(mode.as_deref(), Some("proxy" | "off")) {
        return;
    }
    let mut warn = |ip: IpAddr, span: Span, path: &Path<'_>| {
        let same_family = ip.is_ipv4() == from.is_ipv4();
        if same_family && from <= ip && ip <= to {
            let message =
                format!("{ip} is inside the DHCP range {from}-{to}: another machine may be given it");
            let help = Some("take it out of provisioning.pxe.dhcp.range".to_owned());
            report.warning(Problem { code: code::IN_DHCP_RANGE, span, path, message, help });
        }
    };
    if let Some(vip) = ha.vip {
        warn(vip, cx.span(&["ha", "vip"]), &cx.path.key("ha").key("vip"));
    }
    let above = cx.path.key("members");
    for member in members {
        if let (Some(ip), Some(written)) = (member.machine.ip, member.entry.tree.get("ip")) {
            warn(ip, written.span, &above.key(&member.entry.key).key("ip"));
        }
    }
}
