//! What a machine must find itself to be before a disk is erased (rules 2 and 15).

use serde::Deserialize;
use serde::Serialize;

use crate::observed::DiskContent;
use crate::observed::Hardware;
use crate::observed::Mark;
use crate::observed::Probe;

/// What was planned on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The machine that was observed.
    pub hardware: Hardware,
    /// Device paths that will be erased.
    pub erase: Vec<String>,
    /// Whether there may be foreign data on them.
    pub foreign: bool,
    /// The mark that may be there: none on a machine that was never provisioned.
    pub mark: Option<Mark>,
    /// Any mark of ours may be there: the user named this machine with `--erase`.
    pub any_mark: bool,
}

impl Expected {
    /// What differs between the planned machine and the one that is there; nothing: it is the planned one.
    pub fn differs(&self, found: &Probe) -> Vec<String> {
        let here = &found.hardware;
        let mut differs = Vec::new();
        if here.uuid != self.hardware.uuid {
            differs.push(format!("this machine's UUID is {}, not {}", here.uuid, self.hardware.uuid));
        }
        // Network cards come and go; a machine that shares none with the planned one is another.
        let shares = here.macs.iter().any(|mac| self.hardware.macs.contains(mac));
        if !shares && !self.hardware.macs.is_empty() {
            differs.push("this machine has none of the planned machine's network cards".to_owned());
        }
        if !self.any_mark && found.mark.is_some() && found.mark != self.mark {
            differs.push("there is an installation of nix8s on this machine".to_owned());
        }
        for path in &self.erase {
            differs.extend(self.disk_differs(path, here));
        }
        differs
    }

    fn disk_differs(&self, path: &str, here: &Hardware) -> Option<String> {
        let at =
            |hardware: &Hardware| hardware.disks.iter().find(|d| d.paths.iter().any(|p| p == path)).cloned();
        let Some(found) = at(here) else { return Some(format!("there is no disk {path}")) };
        let Some(planned) = at(&self.hardware) else {
            return Some(format!("there was no disk {path} when it was planned, and there is one now"));
        };
        if found.serial != planned.serial {
            return Some(format!("{path} is the disk {:?}, not {:?}", found.serial, planned.serial));
        }
        if found.size != planned.size {
            return Some(format!("{path} has {} bytes, not {}", found.size, planned.size));
        }
        if found.content == DiskContent::Foreign && !self.foreign {
            return Some(format!("there is foreign data on {path}"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Disk;
    use crate::observed::Os;

    fn disk(serial: &str, content: DiskContent) -> Disk {
        let paths = vec!["/dev/sda".to_owned(), "/dev/disk/by-id/ata".to_owned()];
        Disk { paths, serial: serial.to_owned(), size: 1000, content }
    }

    fn hardware(disk: Disk) -> Hardware {
        Hardware {
            uuid: "u1".to_owned(),
            macs: vec!["aa:bb:cc:dd:ee:01".parse().unwrap()],
            disks: vec![disk],
        }
    }

    fn found(hardware: Hardware, mark: Option<Mark>) -> Probe {
        Probe { mark, ..Probe::bare(Os::Installer, hardware) }
    }

    fn expected() -> Expected {
        Expected {
            hardware: hardware(disk("S1", DiskContent::Empty)),
            erase: vec!["/dev/disk/by-id/ata".to_owned()],
            foreign: false,
            mark: None,
            any_mark: false,
        }
    }

    fn mark() -> Mark {
        let text = || "x".to_owned();
        Mark { cluster: text(), machine: text(), installation: text(), booted: true }
    }

    #[test]
    fn rule_15_a_disk_is_erased_only_if_it_is_the_planned_one() {
        let differs = |disk: Disk| expected().differs(&found(hardware(disk), None)).join("; ");
        assert_eq!(differs(disk("S1", DiskContent::Empty)), "");
        assert_eq!(
            differs(disk("S2", DiskContent::Empty)),
            "/dev/disk/by-id/ata is the disk \"S2\", not \"S1\""
        );
        assert_eq!(
            differs(Disk { size: 1, ..disk("S1", DiskContent::Empty) }),
            "/dev/disk/by-id/ata has 1 bytes, not 1000"
        );
        assert_eq!(differs(disk("S1", DiskContent::Foreign)), "there is foreign data on /dev/disk/by-id/ata");
        let renamed = Disk { paths: vec!["/dev/sda".to_owned()], ..disk("S1", DiskContent::Empty) };
        assert_eq!(differs(renamed), "there is no disk /dev/disk/by-id/ata");
        let foreign = Expected { foreign: true, ..expected() };
        assert!(foreign.differs(&found(hardware(disk("S1", DiskContent::Foreign)), None)).is_empty());
    }

    #[test]
    fn rule_2_a_machine_is_installed_only_if_it_is_the_planned_one_and_nobody_was_there_before() {
        let here = hardware(disk("S1", DiskContent::Empty));
        let other = Hardware { uuid: "u2".to_owned(), ..here.clone() };
        assert_eq!(expected().differs(&found(other, None)), ["this machine's UUID is u2, not u1"]);
        let cards = Hardware { macs: vec!["aa:bb:cc:dd:ee:02".parse().unwrap()], ..here.clone() };
        let none = ["this machine has none of the planned machine's network cards"];
        assert_eq!(expected().differs(&found(cards, None)), none);
        let marked = found(here, Some(mark()));
        assert_eq!(expected().differs(&marked), ["there is an installation of nix8s on this machine"]);
        assert!(Expected { any_mark: true, ..expected() }.differs(&marked).is_empty());
        assert!(Expected { mark: Some(mark()), ..expected() }.differs(&marked).is_empty());
    }
}
