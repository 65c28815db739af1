//! What the text means that `probe.sh` prints on a machine: os-release(5), lsblk(8), systemctl(1), etcd's JSON gateway.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::Parts;
use crate::model::StorePath;
use crate::observed::Disk;
use crate::observed::DiskContent;
use crate::observed::EtcdMember;
use crate::observed::Hardware;
use crate::observed::Os;
use crate::observed::Probe;
use crate::observed::System;
use crate::tool::NotUnderstood;
use crate::tool::df;

/// Its first line.
pub const FIRST: &str = "nix8s facts 1";

/// `VARIANT_ID`s of systems that only install: NixOS's own images, and ours.
const INSTALLERS: [&str; 2] = ["installer", "nix8s-installer"];

/// How labels of partitions and file systems begin that nix8s laid out.
const OURS: &str = "nix8s-";

/// What one look at a machine brought, as sections of lines.
struct Facts<'a> {
    sections: BTreeMap<&'a str, Vec<&'a str>>,
}

/// Reads what `probe.sh` printed.
///
/// # Errors
/// When it is something else, or not all of it.
pub fn read(text: &str) -> Result<Probe, NotUnderstood> {
    let facts = Facts::of(text)?;
    let disks = facts.disks()?;
    let running = facts.running();
    let copied = facts.lines("copied").filter_map(store_path).chain(running.iter().map(|r| r.path.clone()));
    Ok(Probe {
        os: facts.os(),
        hardware: Hardware {
            uuid: facts.lines("uuid").next().unwrap_or_default().trim().to_lowercase(),
            macs: facts.lines("macs").filter_map(|line| line.trim().parse().ok()).collect(),
            disks,
        },
        mark: match facts.whole("mark") {
            Some(text) => {
                // A mark that cannot be read is one all the same: nothing may follow from its absence.
                Some(
                    serde_json::from_str(&text)
                        .map_err(|error| wrong(format!("the identity mark: {error}")))?,
                )
            }
            None => None,
        },
        copied: copied.collect(),
        boots: facts.lines("boots").find_map(store_path),
        armed: facts.has("armed"),
        kubelet: facts.lines("kubelet").any(|state| state == "active"),
        datastore: facts.has("datastore"),
        sqlite: facts.has("sqlite"),
        distribution_state: facts.has("distribution") || facts.has("datastore"),
        membership: facts.lines("membership").next().and_then(|line| line.get(..16)).map(str::to_owned),
        components: facts.lines("components").find_map(component),
        etcd: facts.etcd(),
        clock: facts.lines("clock").find_map(|line| line.trim().parse().ok()),
        space: facts.lines("space").filter_map(df::line).collect(),
        running,
    })
}

fn wrong(why: impl Into<String>) -> NotUnderstood {
    NotUnderstood { program: "the probe of a machine", why: why.into() }
}

impl<'a> Facts<'a> {
    fn of(text: &'a str) -> Result<Self, NotUnderstood> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST) {
            return Err(wrong(format!("it does not begin with {FIRST:?}")));
        }
        let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut section = None;
        for line in lines {
            if let Some(name) = line.strip_prefix("= ") {
                // The first one counts: a machine has one name, whatever an old disk of it says.
                section = (!sections.contains_key(name)).then_some(name);
                sections.entry(name).or_default();
            } else if let (Some(name), Some(line)) = (section, line.strip_prefix(' ')) {
                sections.entry(name).or_default().push(line);
            }
        }
        if sections.contains_key("end") { Ok(Self { sections }) } else { Err(wrong("it ends in the middle")) }
    }

    fn has(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    fn lines(&self, section: &str) -> impl Iterator<Item = &'a str> {
        self.sections.get(section).into_iter().flatten().copied()
    }

    fn whole(&self, section: &str) -> Option<String> {
        let lines = self.sections.get(section)?;
        Some(lines.join("\n"))
    }

    fn os(&self) -> Os {
        let value = |name: &str| {
            let line = self.lines("os-release").find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.map(|value| value.trim_matches(['"', '\'']).to_owned())
        };
        let variant = value("VARIANT_ID").unwrap_or_default();
        if INSTALLERS.contains(&variant.as_str()) {
            return Os::Installer;
        }
        if value("ID").as_deref() == Some("nixos") {
            return Os::NixOs { release: value("VERSION_ID").unwrap_or_default() };
        }
        Os::Foreign(
            value("PRETTY_NAME").or_else(|| value("ID")).unwrap_or_else(|| "something unknown".to_owned()),
        )
    }

    /// The running system. What it is made of it says itself; of one that does not, all parts differ from any other's.
    fn running(&self) -> Option<System> {
        #[derive(Deserialize)]
        struct Says {
            parts: Parts,
            version: Option<crate::model::Version>,
        }
        let path = store_path(self.lines("running").next()?)?;
        let says = self.whole("system").and_then(|text| serde_json::from_str::<Says>(&text).ok());
        let (parts, version) =
            says.map_or_else(|| (Parts::default(), None), |says| (says.parts, says.version));
        Some(System { path, parts, version })
    }

    fn disks(&self) -> Result<Vec<Disk>, NotUnderstood> {
        let text = self.whole("lsblk").unwrap_or_default();
        let devices: BlockDevices = if text.trim().is_empty() {
            BlockDevices::default()
        } else {
            serde_json::from_str(&text).map_err(|error| wrong(format!("lsblk: {error}")))?
        };
        let links: Vec<(&str, &str)> = self.lines("links").filter_map(|line| line.split_once(' ')).collect();
        let unread: Vec<&str> = self.lines("unread").collect();
        let is_disk = |device: &&BlockDevice| device.kind == "disk" && device.size > 0;
        let disk = |device: &BlockDevice| {
            let of =
                links.iter().filter(|(path, _)| *path == device.path).map(|(_, link)| (*link).to_owned());
            Disk {
                paths: std::iter::once(device.path.clone()).chain(of).collect(),
                serial: [&device.serial, &device.wwn]
                    .into_iter()
                    .flatten()
                    .next()
                    .cloned()
                    .unwrap_or_default(),
                size: device.size,
                content: device.content(&unread),
            }
        };
        Ok(devices.blockdevices.iter().filter(is_disk).map(disk).collect())
    }

    fn etcd(&self) -> Option<Vec<EtcdMember>> {
        #[derive(Deserialize)]
        struct List {
            members: Vec<Member>,
        }
        #[derive(Deserialize)]
        struct Member {
            #[serde(rename = "ID")]
            id: String,
            #[serde(default)]
            name: String,
            #[serde(default, rename = "clientURLs")]
            clients: Vec<String>,
        }
        let k3s = self.whole("etcd-k3s");
        let is_k3s = k3s.is_some();
        let list: List = serde_json::from_str(&k3s.or_else(|| self.whole("etcd"))?).ok()?;
        let member = |member: Member| {
            let id = member.id.parse::<u64>().ok()?;
            let name = if is_k3s { without_suffix(&member.name) } else { &member.name };
            let healthy = self.lines("health").any(|url| member.clients.iter().any(|client| client == url));
            Some(EtcdMember { id: format!("{id:x}"), name: name.to_owned(), healthy })
        };
        list.members.into_iter().map(member).collect()
    }
}

/// k3s names a member after its node and eight hexadecimal digits.
fn without_suffix(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((node, digits)) if digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => node,
        Some(_) | None => name,
    }
}

fn store_path(line: &str) -> Option<StorePath> {
    let name = line.strip_prefix("/nix/store/")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b);
    (!name.is_empty() && name.bytes().all(plain)).then(|| StorePath::new(line))
}

/// `k3s version v1.34.1+k3s1 (24fc436e)`, or `kube-apiserver v1.34.1`.
fn component(line: &str) -> Option<crate::model::Version> {
    let version = line.strip_prefix("k3s version ").or_else(|| line.strip_prefix("kube-apiserver "))?;
    version.split_whitespace().next()?.trim_matches('"').parse().ok()
}

#[derive(Default, Deserialize)]
struct BlockDevices {
    blockdevices: Vec<BlockDevice>,
}

#[derive(Deserialize)]
struct BlockDevice {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(deserialize_with = "number")]
    size: u64,
    serial: Option<String>,
    wwn: Option<String>,
    fstype: Option<String>,
    pttype: Option<String>,
    partlabel: Option<String>,
    label: Option<String>,
    #[serde(default)]
    children: Vec<Self>,
}

/// lsblk of util-linux before 2.33 writes numbers as texts.
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

impl BlockDevice {
    fn content(&self, unread: &[&str]) -> DiskContent {
        if self.any(&|device| unread.contains(&device.path.as_str())) {
            return DiskContent::Foreign;
        }
        let is_ours = |label: &Option<String>| label.as_deref().is_some_and(|label| label.starts_with(OURS));
        if self.any(&|device| is_ours(&device.partlabel) || is_ours(&device.label)) {
            return DiskContent::Ours;
        }
        let bare = self.fstype.is_none() && self.pttype.is_none() && self.children.is_empty();
        if bare { DiskContent::Empty } else { DiskContent::Foreign }
    }

    fn any(&self, holds: &dyn Fn(&Self) -> bool) -> bool {
        holds(self) || self.children.iter().any(|child| child.any(holds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(more: &str) -> Probe {
        read(&format!("{FIRST}\n{more}= end\n")).unwrap()
    }

    /// As lsblk 2.38 prints it, with the columns that are asked for.
    const DISKS: &str = r#"= lsblk
 {"blockdevices": [
  {"path":"/dev/loop0","type":"loop","size":1,"serial":null,"wwn":null,"fstype":null,"pttype":null,"partlabel":null,"label":null},
  {"path":"/dev/zram0","type":"disk","size":0,"serial":null,"wwn":null,"fstype":null,"pttype":null,"partlabel":null,"label":null},
  {"path":"/dev/sda","type":"disk","size":480103981056,"serial":"S1","wwn":"0x5","fstype":null,"pttype":"gpt","partlabel":null,"label":null,
   "children":[{"path":"/dev/sda1","type":"part","size":1,"serial":null,"wwn":"0x5","fstype":"vfat","pttype":"gpt","partlabel":"nix8s-ESP","label":null}]},
  {"path":"/dev/sdb","type":"disk","size":"1000","serial":null,"wwn":"0x6","fstype":null,"pttype":null,"partlabel":null,"label":null},
  {"path":"/dev/sdc","type":"disk","size":1000,"serial":"S3","wwn":null,"fstype":"zfs_member","pttype":null,"partlabel":null,"label":"tank"}]}
= links
 /dev/sda /dev/disk/by-id/ata-DISK_S1
 /dev/sda1 /dev/disk/by-id/ata-DISK_S1-part1
 /dev/sda /dev/disk/by-path/pci-0
"#;

    #[test]
    fn disks_have_all_their_names_and_what_is_on_them() {
        let disks = probe(DISKS).hardware.disks;
        let told: Vec<_> =
            disks.iter().map(|d| (d.paths.join(" "), d.serial.as_str(), d.content.clone())).collect();
        let sda = "/dev/sda /dev/disk/by-id/ata-DISK_S1 /dev/disk/by-path/pci-0".to_owned();
        assert_eq!(
            told,
            [
                (sda, "S1", DiskContent::Ours),
                ("/dev/sdb".to_owned(), "0x6", DiskContent::Empty),
                ("/dev/sdc".to_owned(), "S3", DiskContent::Foreign),
            ]
        );
        assert_eq!(disks[1].size, 1000);
    }

    /// A boot partition that cannot be read may hold a mark: its disk counts as somebody's.
    #[test]
    fn what_cannot_be_read_is_not_empty() {
        let disks = probe(&format!("{DISKS}= unread\n /dev/sda1\n")).hardware.disks;
        assert_eq!(disks[0].content, DiskContent::Foreign);
        let torn = read(&format!("{FIRST}\n= mark\n {{\"cluster\":\n= end\n")).unwrap_err();
        assert!(torn.to_string().contains("the identity mark"), "{torn}");
        assert!(read(&format!("{FIRST}\n= uuid\n 1\n")).is_err(), "it ends in the middle");
        assert!(read("Welcome!\n").is_err());
    }

    #[test]
    fn what_runs_is_told_by_os_release() {
        let os = |text: &str| probe(&format!("= os-release\n{text}")).os;
        assert_eq!(
            os(" ID=debian\n PRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
            Os::Foreign("Debian GNU/Linux 12".into())
        );
        assert_eq!(os(" ID=nixos\n VERSION_ID=\"26.05\"\n"), Os::NixOs { release: "26.05".to_owned() });
        assert_eq!(os(" ID=nixos\n VARIANT_ID=installer\n"), Os::Installer);
        assert_eq!(os(""), Os::Foreign("something unknown".to_owned()));
    }

    #[test]
    fn a_system_says_what_it_is_made_of_and_one_that_does_not_differs_in_everything() {
        let running =
            "= running\n /nix/store/abc-nixos-system-w1\n= copied\n /nix/store/def-nixos-system-w1\n";
        let bare = probe(running);
        let system = bare.running.unwrap();
        assert_eq!((system.path.as_str(), system.version), ("/nix/store/abc-nixos-system-w1", None));
        assert_eq!(system.parts, Parts::default());
        assert_eq!(bare.copied.len(), 2);
        let parts = r#"{"kernel":"a","initrd":"b","kubernetes":"c","disks":"d","network":"e","rest":"f"}"#;
        let told = probe(&format!("{running}= system\n {{\"parts\":{parts},\"version\":\"1.34.1\"}}\n"));
        assert_eq!(told.running.unwrap().parts.kernel, "a");
        assert_eq!(probe("= running\n /nix/store/../etc\n").running, None);
    }

    #[test]
    fn a_kubelet_that_starts_is_not_one_that_runs() {
        assert!(probe("= kubelet\n inactive\n active\n").kubelet);
        assert!(!probe("= kubelet\n activating\n failed\n").kubelet);
        let k3s = probe("= components\n k3s version v1.34.1+k3s1 (24fc436e)\n go version go1.24\n");
        assert_eq!(k3s.components.unwrap().to_string(), "v1.34.1+k3s1");
        assert_eq!(
            probe("= components\n kube-apiserver v1.34.1\n").components.unwrap().to_string(),
            "v1.34.1"
        );
    }

    /// As `df -Pk` of GNU and of busybox print it, each line behind the path that was asked for.
    #[test]
    fn a_machine_tells_the_time_and_where_there_is_room() {
        let asked = probe(
            "= clock\n 1767600000\n= space\n /nix /dev/sda2 960000 500000 460000 53% /\n /boot what\n\
             \x20/tmp tmp fs 1024 0 1024 0% /tmp\n",
        );
        assert_eq!(asked.clock, Some(1_767_600_000));
        let space: Vec<_> = asked.space.iter().map(|s| (s.path.as_str(), s.free, s.size)).collect();
        assert_eq!(space, [("/nix", 471_040_000, 983_040_000), ("/tmp", 1 << 20, 1 << 20)]);
    }

    /// As etcd 3.5 answers to `POST /v3/cluster/member/list`.
    #[test]
    fn members_of_etcd_are_named_after_their_machines_and_healthy_when_they_say_so() {
        let list = r#" {"header":{"cluster_id":"1"},"members":[
 {"ID":"12345678901234567890","name":"cp1-0a1b2c3d","peerURLs":["https://10.0.0.11:2380"],"clientURLs":["https://10.0.0.11:2379"]},
 {"ID":"255","name":"cp2-deadbeef","clientURLs":["https://10.0.0.12:2379"]},{"ID":"1","peerURLs":["x"]}]}"#;
        let health = "= health\n https://10.0.0.11:2379\n";
        let told = |section: &str| {
            let members = probe(&format!("= {section}\n{list}\n{health}")).etcd.unwrap();
            members.into_iter().map(|m| format!("{} {} {}", m.id, m.name, m.healthy)).collect::<Vec<_>>()
        };
        assert_eq!(told("etcd-k3s"), ["ab54a98ceb1f0ad2 cp1 true", "ff cp2 false", "1  false"]);
        assert_eq!(told("etcd")[1], "ff cp2-deadbeef false");
        assert_eq!(probe("").etcd, None);
    }
}
