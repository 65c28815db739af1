//! The `cluster.nix` of k3s with keepalived: a name, an address for the API, control planes and workers.
//!
//! Everything else of that design is fixed: one layout for all disks, one interface, VRRP router 51. It is written out
//! here, so that the same machines come out.

use serde_json::Value;
use serde_json::json;

use super::draft::Draft;
use super::note::Why;
use super::source::Part;
use super::source::Source;
use crate::input::form;

/// The VRRP router id of that design, which its running clusters use.
const VRRP_ID: u8 = 51;

/// Takes a cluster.
pub fn import(source: &mut Source, draft: &mut Draft) {
    let mut all = source.all();
    let cluster = name(&mut all);
    let at = ["clusters", cluster.as_str()];
    draft.put(&[&at[..], &["distribution"]].concat(), "k3s");
    draft.put(
        &["provisioning", "nixos-anywhere", "ssh"],
        json!({ "user": "root", "keyFile": "./machine-ssh-private-key" }),
    );
    draft.put(&[&at[..], &["provisioner"]].concat(), "nixos-anywhere");
    availability(&mut all, &at, draft);
    let mut addresses = Vec::new();
    for (list, role) in [("controlPlane", "control-plane"), ("workers", "worker")] {
        for (index, machine) in all.items(&[list]).into_iter().enumerate() {
            let key = format!("{list}[{index}]");
            all.put_back(&key, machine);
            let Some(name) = member(&mut all.below(&[&key]), &at, role, draft, &mut addresses) else {
                continue;
            };
            if (role, index) == ("control-plane", 0) {
                draft.put(&[&at[..], &["ha", "firstServer"]].concat(), name);
            }
        }
    }
    draft.put(&["nodes", "metal"], template(&addresses));
    fixed(&mut all, &addresses);
    secrets(&mut all);
}

fn name(all: &mut Part<'_>) -> String {
    let Some(name) = all.text(&["name"]) else {
        let help = "rename clusters.cluster before the first apply";
        all.note(Why::Missing, &["name"], "the cluster has no name and is called cluster", help);
        return "cluster".to_owned();
    };
    if (form::LABEL.check)(&name).is_err() {
        let message = format!("{name:?} is no DNS label; the cluster is called cluster");
        all.note(Why::Changed, &["name"], message, "rename clusters.cluster before the first apply");
        return "cluster".to_owned();
    }
    name
}

fn availability(all: &mut Part<'_>, at: &[&str], draft: &mut Draft) {
    let Some(vip) = all.value(&["vip"]) else {
        let message = "there is no address for the API that several control planes share";
        all.note(Why::Missing, &["vip"], message, "set ha.vip, if there is more than one control plane");
        return;
    };
    let ha = json!({ "vip": vip, "mode": "keepalived", "interface": "eth0", "vrrpId": VRRP_ID });
    draft.put(&[at, &["ha"]].concat(), ha);
}

/// One machine. A name that is no label is an error of the result, because it is the machine's host name.
fn member(
    part: &mut Part<'_>,
    at: &[&str],
    role: &str,
    draft: &mut Draft,
    addresses: &mut Vec<std::net::Ipv4Addr>,
) -> Option<String> {
    let Some(name) = part.text(&["name"]) else {
        for key in part.keys() {
            part.leave(&[&key], "the machine has no name", "give it one");
        }
        return None;
    };
    let to = [at, &["members", &name]].concat();
    if draft.get(&to).is_some() {
        let message = format!("{name} is in the list twice; the first entry holds");
        part.take(&["ip"]);
        part.note(Why::Left, &[], message, "a machine is a control plane or a worker");
        return None;
    }
    draft.put(&to, json!({ "node": "metal", "role": role, "name": name }));
    match part.value(&["ip"]) {
        Some(ip) => {
            addresses.extend(ip.as_str().and_then(|ip| ip.parse::<std::net::Ipv4Addr>().ok()));
            draft.put(&[&to[..], &["ip"]].concat(), ip);
        }
        None => part.note(Why::Missing, &["ip"], "the machine has no address", "set its ip"),
    }
    Some(name)
}

/// The gateway that the design's generator gives to every machine.
const GATEWAY: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 168, 1, 1);

/// Whether every machine is in the network of the design's gateway.
fn is_at_gateway(addresses: &[std::net::Ipv4Addr]) -> bool {
    !addresses.is_empty() && addresses.iter().all(|ip| ip.octets()[..3] == GATEWAY.octets()[..3])
}

fn template(addresses: &[std::net::Ipv4Addr]) -> Value {
    let mut network =
        json!({ "interface": "eth0", "dhcp": false, "prefixLength": 24, "nameservers": ["8.8.8.8"] });
    if is_at_gateway(addresses) {
        network["gateway"] = GATEWAY.to_string().into();
    }
    json!({
        "network": network,
        "install": { "disk": "/dev/sda", "profile": "thin", "bootSize": "512M", "rootSize": "10G", "swapSize": "none" },
    })
}

/// Says what the design fixed elsewhere and what was taken from there.
fn fixed(all: &mut Part<'_>, addresses: &[std::net::Ipv4Addr]) {
    let gateway = if is_at_gateway(addresses) {
        "gateway 192.168.1.1"
    } else {
        "no gateway: its own is of another network"
    };
    let message = format!(
        "stood in other files of that design and was taken as it stands there: disk /dev/sda with 10G for the system and a \
         thin pool on the rest, interface eth0 with /24, {gateway}, DNS 8.8.8.8"
    );
    let help = "look at nodes.metal, and name disks by /dev/disk/by-id/…, before the first apply";
    all.note(Why::Added, &["nodes"], message, help);
    let message = "the machines are reached with the key that stood beside cluster.nix; its path is ./machine-ssh-private-key";
    let help = "keep that file out of the repository, where its key is known to everybody who can read it";
    all.note(Why::Added, &["machine-ssh-private-key"], message, help);
}

/// The running cluster's token is in a file beside this one, or in the document.
fn secrets(all: &mut Part<'_>) {
    for key in all.keys() {
        let Some(text) = all.peek(&[&key]).and_then(|tree| tree.text().map(String::from)) else { continue };
        if super::secret::is_secret(&key, &text) {
            all.take(&[&key]);
            let message = "is a secret that stands in the configuration; its value was not carried over";
            let help =
                "whoever can read that file has it: nix8s makes secrets of its own and keeps them encrypted";
            all.note(Why::Secret, &[&key], message, help);
        }
    }
}
