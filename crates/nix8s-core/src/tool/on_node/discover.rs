//! What a machine is made of, from what its kernel shows below `/proc` and `/sys`: for machines that nobody knows yet.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use super::super::NotUnderstood;
use crate::model::MacAddr;

/// Files that are read, below the root; a `*` stands for each entry of a folder. Of links that end in `*` the target counts.
pub const WANTED: &[&str] = &[
    "proc/cpuinfo",
    "proc/meminfo",
    "sys/block/*/device/model",
    "sys/block/*/device/serial",
    "sys/block/*/device/uevent",
    "sys/block/*/queue/rotational",
    "sys/block/*/removable",
    "sys/block/*/serial",
    "sys/block/*/size",
    "sys/bus/pci/devices/*/class",
    "sys/bus/pci/devices/*/device",
    "sys/bus/pci/devices/*/vendor",
    "sys/class/dmi/id/product_name",
    "sys/class/dmi/id/product_serial",
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/sys_vendor",
    "sys/class/net/*/address",
    "sys/class/net/*/device/uevent",
    "sys/class/net/*/operstate",
    "sys/class/net/*/speed",
    "sys/firmware/efi/fw_platform_size",
];

/// Links that are read, not followed.
pub const LINKS: &[&str] = &["dev/disk/by-id/*"];

/// Content of files and targets of links by path, without a slash before it.
pub type Tree = BTreeMap<String, String>;

/// What a machine is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovered {
    /// As Nix calls it: `x86_64-linux`.
    pub system: String,
    /// How it was started.
    pub firmware: Firmware,
    /// Who made it, which model it is, its serial number and UUID; empty where its firmware does not say.
    pub vendor: String,
    /// See `vendor`.
    pub product: String,
    /// See `vendor`.
    pub serial: String,
    /// In lower case.
    pub uuid: String,
    /// Its processors.
    pub cpu: Cpu,
    /// Bytes that its kernel has, which are a little fewer than what is built in.
    pub memory: u64,
    /// Disks that stay, the largest last.
    pub disks: Vec<Disk>,
    /// Network interfaces that are hardware, those with a link first.
    pub nics: Vec<Nic>,
    /// GPUs whose drivers nix8s knows.
    pub gpus: Vec<Gpu>,
}

/// How a machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// By UEFI.
    Uefi,
    /// By a BIOS, or a UEFI that acts as one.
    Bios,
}

/// A machine's processors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// `hardware.cpu.vendor`: intel or amd; empty: another.
    pub vendor: String,
    /// As it calls itself.
    pub model: String,
    /// Processors one can hold.
    pub sockets: usize,
    /// Cores of all of them.
    pub cores: usize,
    /// What the kernel counts.
    pub threads: usize,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// What the kernel calls it now.
    pub device: String,
    /// Names that stay, below /dev/disk/by-id; the first is the one to write down.
    pub by_id: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// Its model; empty: it does not say.
    pub model: String,
    /// Its serial number; empty: it does not say.
    pub serial: String,
    /// Whether something in it turns.
    pub rotational: bool,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Nic {
    /// What the kernel calls it.
    pub name: String,
    /// Its address.
    pub mac: String,
    /// Its driver.
    pub driver: String,
    /// Whether something is at the other end.
    pub link: bool,
    /// Megabits per second, where there is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<u64>,
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// `extensions.gpu.vendor`.
    pub vendor: String,
    /// Its number among its vendor's devices.
    pub device: String,
}

/// Reads what was found. `arch` is what the program was built for, which is the machine's.
///
/// # Errors
/// When it is no machine: without processors, or without memory.
pub fn discovered(tree: &Tree, arch: &str) -> Result<Discovered, NotUnderstood> {
    let wrong = |why: &str| NotUnderstood { program: "/proc", why: why.to_owned() };
    let file = |path: &str| tree.get(path).map(|text| text.trim()).unwrap_or_default();
    let kib = |line: &str| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok();
    let memory = file("proc/meminfo").lines().find_map(kib);
    let memory = memory.and_then(|kib| kib.checked_mul(1024));
    let cpu = cpu(file("proc/cpuinfo"));
    if cpu.threads == 0 {
        return Err(wrong("cpuinfo names no processor"));
    }
    let is_uefi = tree.contains_key("sys/firmware/efi/fw_platform_size");
    Ok(Discovered {
        system: format!("{arch}-linux"),
        firmware: if is_uefi { Firmware::Uefi } else { Firmware::Bios },
        vendor: file("sys/class/dmi/id/sys_vendor").to_owned(),
        product: file("sys/class/dmi/id/product_name").to_owned(),
        serial: file("sys/class/dmi/id/product_serial").to_owned(),
        uuid: file("sys/class/dmi/id/product_uuid").to_lowercase(),
        cpu,
        memory: memory.ok_or_else(|| wrong("meminfo has no MemTotal"))?,
        disks: disks(tree),
        nics: nics(tree),
        gpus: gpus(tree),
    })
}

/// On ARM there is neither a model nor a socket.
fn cpu(cpuinfo: &str) -> Cpu {
    let fields =
        || cpuinfo.lines().filter_map(|line| line.split_once(':')).map(|(k, v)| (k.trim(), v.trim()));
    let first =
        |name: &str| fields().find(|(key, _)| *key == name).map(|(_, value)| value).unwrap_or_default();
    let threads = fields().filter(|(key, _)| *key == "processor").count();
    let (mut sockets, mut cores, mut socket) = (BTreeSet::new(), BTreeSet::new(), "0");
    for (key, value) in fields() {
        match key {
            "physical id" => {
                socket = value;
                sockets.insert(value);
            }
            "core id" => {
                cores.insert((socket, value));
            }
            _ => {}
        }
    }
    let vendor = match first("vendor_id") {
        "GenuineIntel" => "intel",
        "AuthenticAMD" => "amd",
        _ => "",
    };
    Cpu {
        vendor: vendor.to_owned(),
        model: first("model name").to_owned(),
        sockets: sockets.len().max(1),
        cores: if cores.is_empty() { threads } else { cores.len() },
        threads,
    }
}

/// Entries of a folder, of which something was read.
fn entries<'a>(tree: &'a Tree, folder: &str) -> BTreeSet<&'a str> {
    let name = |path: &'a String| path.strip_prefix(folder)?.split('/').next();
    tree.keys().filter_map(name).collect()
}

fn disks(tree: &Tree) -> Vec<Disk> {
    let disk = |name: &str| {
        let file = |file: &str| tree.get(&format!("sys/block/{name}/{file}")).map(|text| text.trim());
        let any = |files: [&str; 2]| files.into_iter().find_map(file).unwrap_or_default().to_owned();
        // Sectors of 512 bytes, whatever the disk has. What is no hardware has no device; sticks can be taken out.
        let size = file("size")?.parse::<u64>().ok()?.checked_mul(512)?;
        let stays = file("removable") == Some("0") && file("device/uevent").is_some();
        (size > 0 && stays).then(|| Disk {
            device: format!("/dev/{name}"),
            by_id: by_id(tree, name),
            size,
            model: file("device/model").unwrap_or_default().to_owned(),
            serial: any(["device/serial", "serial"]),
            rotational: file("queue/rotational") == Some("1"),
        })
    };
    let mut disks: Vec<Disk> = entries(tree, "sys/block/").into_iter().filter_map(disk).collect();
    disks.sort_by(|a, b| (a.size, &a.device).cmp(&(b.size, &b.device)));
    disks
}

/// Names that say what a disk is come before those that only number it.
fn by_id(tree: &Tree, disk: &str) -> Vec<String> {
    const FOLDER: &str = "dev/disk/by-id/";
    let rank = |name: &str| {
        let kinds = ["nvme-eui.", "nvme-uuid.", "nvme-nvme.", "wwn-", "dm-", "lvm-"];
        (kinds.iter().any(|kind| name.starts_with(kind)), name.len())
    };
    let of_disk = |(path, target): (&String, &String)| {
        let name = path.strip_prefix(FOLDER)?;
        (target.trim().rsplit('/').next()? == disk).then(|| name.to_owned())
    };
    let mut names: Vec<String> = tree.iter().filter_map(of_disk).collect();
    names.sort_by(|a, b| (rank(a), a).cmp(&(rank(b), b)));
    names.into_iter().map(|name| format!("/{FOLDER}{name}")).collect()
}

fn nics(tree: &Tree) -> Vec<Nic> {
    let nic = |name: &str| {
        let file = |file: &str| tree.get(&format!("sys/class/net/{name}/{file}")).map(|text| text.trim());
        let mac: MacAddr = file("address")?.parse().ok()?;
        let driver = file("device/uevent")?.lines().find_map(|line| line.strip_prefix("DRIVER="));
        let link = file("operstate") == Some("up");
        Some(Nic {
            name: name.to_owned(),
            mac: mac.to_string(),
            driver: driver.unwrap_or_default().to_owned(),
            link,
            // -1 where it does not know.
            speed: file("speed").filter(|_| link).and_then(|speed| speed.parse().ok()),
        })
    };
    let mut nics: Vec<Nic> = entries(tree, "sys/class/net/").into_iter().filter_map(nic).collect();
    nics.sort_by(|a, b| (!a.link, &a.name).cmp(&(!b.link, &b.name)));
    nics
}

fn gpus(tree: &Tree) -> Vec<Gpu> {
    /// ATI's chips for the screen of servers.
    const SCREENS: [&str; 2] = ["515e", "5969"];
    let gpu = |slot: &str| {
        let file = |file: &str| {
            let text = tree.get(&format!("sys/bus/pci/devices/{slot}/{file}"))?;
            text.trim().strip_prefix("0x")
        };
        let vendor = match file("vendor")? {
            "10de" => "nvidia",
            "1002" => "amd",
            _ => return None,
        };
        let device = file("device")?;
        // Display controllers, and AMD's accelerators without one.
        let draws = ["0300", "0302", "0380", "1200"]
            .iter()
            .any(|class| file("class").is_some_and(|c| c.starts_with(class)));
        (draws && !SCREENS.contains(&device))
            .then(|| Gpu { vendor: vendor.to_owned(), device: device.to_owned() })
    };
    entries(tree, "sys/bus/pci/devices/").into_iter().filter_map(gpu).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9354P 32-Core Processor\n";

    fn tree(files: &[(&str, &str)]) -> Tree {
        let least = [("proc/cpuinfo", ONE), ("proc/meminfo", "MemTotal:  1024 kB\n")];
        least.iter().chain(files).map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    fn read(files: &[(&str, &str)]) -> Discovered {
        discovered(&tree(files), "x86_64").unwrap()
    }

    #[test]
    fn a_machine_is_more_than_nothing() {
        let found = read(&[]);
        assert_eq!(
            (found.memory, found.firmware, found.system.as_str()),
            (1 << 20, Firmware::Bios, "x86_64-linux")
        );
        assert_eq!((found.cpu.vendor.as_str(), found.cpu.cores, found.cpu.sockets), ("amd", 1, 1));
        for without in ["proc/cpuinfo", "proc/meminfo"] {
            let mut tree = tree(&[]);
            tree.remove(without);
            let said = discovered(&tree, "x86_64").unwrap_err().to_string();
            assert!(said.contains(without.trim_start_matches("proc/")), "{said}");
        }
    }

    /// A virtual machine of QEMU 7.2 with Linux 6.1, as its kernel showed it: each path, and below it what was there.
    const QEMU: &str = include_str!("../../../tests/discover/qemu.txt");

    #[test]
    fn a_captured_machine_is_read() {
        let part = |part: &str| part.split_once('\n').map(|(path, text)| (path.to_owned(), text.to_owned()));
        let tree: Tree = QEMU.trim_start_matches("= ").split("\n= ").filter_map(part).collect();
        let found = discovered(&tree, "x86_64").unwrap();
        assert_eq!((found.vendor.as_str(), found.firmware), ("QEMU", Firmware::Bios));
        assert_eq!((found.cpu.sockets, found.cpu.cores, found.cpu.threads), (1, 2, 2));
        assert!(found.memory > 2 << 30 && found.memory < 3 << 30, "{}", found.memory);
        let first = |disk: &Disk| format!("{} {} {}", disk.device, disk.size >> 20, disk.by_id[0]);
        let disks: Vec<_> = found.disks.iter().map(first).collect();
        assert_eq!(
            disks,
            [
                "/dev/sda 256 /dev/disk/by-id/ata-QEMU-HDD_SATA0001",
                "/dev/nvme0n1 512 /dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_NVME0001",
                "/dev/vdc 1024 /dev/disk/by-id/virtio-etcd",
                "/dev/vde 1024 /dev/disk/by-id/virtio-d1",
                "/dev/vda 3072 /dev/disk/by-id/virtio-root",
                "/dev/vdb 6144 /dev/disk/by-id/virtio-main",
                "/dev/vdd 6144 /dev/disk/by-id/virtio-d0",
            ]
        );
        let nics: Vec<_> = found.nics.iter().map(|nic| (nic.name.as_str(), nic.driver.as_str())).collect();
        assert_eq!(nics, [("ens3", "e1000")]);
        assert_eq!(found.gpus, []);
    }

    #[test]
    fn processors_are_counted_by_what_holds_them() {
        let thread = |processor: u32, socket: u32, core: u32| {
            format!(
                "processor : {processor}\nvendor_id : GenuineIntel\nphysical id : {socket}\ncore id : {core}\n\n"
            )
        };
        let two: String = (0..8).map(|processor| thread(processor, processor / 4, processor % 2)).collect();
        let cpu = read(&[("proc/cpuinfo", &two)]).cpu;
        assert_eq!((cpu.vendor.as_str(), cpu.sockets, cpu.cores, cpu.threads), ("intel", 2, 4, 8));
        let arm = "processor\t: 0\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nCPU part\t: 0xd0c\n";
        let cpu = read(&[("proc/cpuinfo", arm)]).cpu;
        assert_eq!(cpu, Cpu { sockets: 1, cores: 2, threads: 2, ..Cpu::default() });
    }

    #[test]
    fn disks_are_those_that_stay_under_names_that_stay() {
        let disk = |name: &str, size: &str, removable: &str| {
            [("size", size), ("removable", removable), ("device/uevent", "")]
                .map(|(file, text)| (format!("sys/block/{name}/{file}"), text.to_owned()))
        };
        let mut files = tree(&[
            ("sys/block/nvme0n1/device/model", "Samsung SSD 980 PRO 2TB                 \n"),
            ("sys/block/nvme0n1/device/serial", "S6B0NL0T123456      \n"),
            ("sys/block/nvme0n1/queue/rotational", "0\n"),
            ("sys/block/sda/queue/rotational", "1\n"),
            ("sys/block/dm-0/size", "99\n"),
            ("sys/block/dm-0/removable", "0\n"),
            ("dev/disk/by-id/nvme-eui.0025385b01234567", "../../nvme0n1"),
            ("dev/disk/by-id/nvme-Samsung_SSD_980_PRO_2TB_S6B0NL0T123456_1", "../../nvme0n1"),
            ("dev/disk/by-id/nvme-Samsung_SSD_980_PRO_2TB_S6B0NL0T123456", "../../nvme0n1"),
            ("dev/disk/by-id/nvme-Samsung_SSD_980_PRO_2TB_S6B0NL0T123456-part1", "../../nvme0n1p1"),
            ("dev/disk/by-id/wwn-0x5000c500a1b2c3d4", "../../sda"),
        ]);
        for (name, size, removable) in [
            ("nvme0n1", "3907029168\n", "0\n"),
            ("sda", "2048\n", "0\n"),
            ("sdb", "2048\n", "1\n"),
            ("sdc", "0\n", "0\n"),
        ] {
            files.extend(disk(name, size, removable));
        }
        let disks = discovered(&files, "x86_64").unwrap().disks;
        let told: Vec<_> = disks.iter().map(|d| (d.device.as_str(), d.size, d.rotational)).collect();
        assert_eq!(told, [("/dev/sda", 1 << 20, true), ("/dev/nvme0n1", 2_000_398_934_016, false)]);
        assert_eq!(disks[0].by_id, ["/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"]);
        assert_eq!(
            disks[1].by_id,
            [
                "/dev/disk/by-id/nvme-Samsung_SSD_980_PRO_2TB_S6B0NL0T123456",
                "/dev/disk/by-id/nvme-Samsung_SSD_980_PRO_2TB_S6B0NL0T123456_1",
                "/dev/disk/by-id/nvme-eui.0025385b01234567",
            ]
        );
        assert_eq!(
            (disks[1].model.as_str(), disks[1].serial.as_str()),
            ("Samsung SSD 980 PRO 2TB", "S6B0NL0T123456")
        );
    }

    #[test]
    fn interfaces_are_hardware_and_those_with_a_link_come_first() {
        let nics = read(&[
            ("sys/class/net/lo/address", "00:00:00:00:00:00\n"),
            ("sys/class/net/bond0/address", "aa:bb:cc:dd:ee:02\n"),
            ("sys/class/net/ib0/address", "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0e:2b:11\n"),
            ("sys/class/net/ib0/device/uevent", "DRIVER=mlx4_core\n"),
            ("sys/class/net/eno1/address", "AA:BB:CC:DD:EE:01\n"),
            ("sys/class/net/eno1/device/uevent", "DRIVER=igb\nPCI_CLASS=20000\n"),
            ("sys/class/net/eno1/operstate", "down\n"),
            ("sys/class/net/eno1/speed", "-1\n"),
            ("sys/class/net/eno2/address", "aa:bb:cc:dd:ee:02\n"),
            ("sys/class/net/eno2/device/uevent", "DRIVER=igb\n"),
            ("sys/class/net/eno2/operstate", "up\n"),
            ("sys/class/net/eno2/speed", "10000\n"),
        ])
        .nics;
        let nic = |name: &str, mac: &str, speed: Option<u64>| Nic {
            name: name.to_owned(),
            mac: mac.to_owned(),
            driver: "igb".to_owned(),
            link: speed.is_some(),
            speed,
        };
        assert_eq!(
            nics,
            [nic("eno2", "aa:bb:cc:dd:ee:02", Some(10_000)), nic("eno1", "aa:bb:cc:dd:ee:01", None)]
        );
    }

    #[test]
    fn gpus_are_those_that_there_are_drivers_for() {
        let device = |slot: &str, class: &str, vendor: &str, device: &str| {
            [("class", class), ("vendor", vendor), ("device", device)]
                .map(|(file, text)| (format!("sys/bus/pci/devices/{slot}/{file}"), format!("0x{text}\n")))
        };
        let mut files = tree(&[]);
        files.extend(device("0000:01:00.0", "030200", "10de", "20b5"));
        files.extend(device("0000:01:00.1", "040300", "10de", "22ba"));
        files.extend(device("0000:02:00.0", "120000", "1002", "74a1"));
        files.extend(device("0000:03:00.0", "030000", "1a03", "2000"));
        files.extend(device("0000:04:00.0", "030000", "1002", "515e"));
        let gpus = discovered(&files, "x86_64").unwrap().gpus;
        let told: Vec<_> = gpus.iter().map(|gpu| (gpu.vendor.as_str(), gpu.device.as_str())).collect();
        assert_eq!(told, [("nvidia", "20b5"), ("amd", "74a1")]);
    }
}
