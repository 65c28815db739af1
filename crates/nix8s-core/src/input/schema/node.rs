//! `nodes.<template>`, and what a member may override.

use super::super::form;
use super::Key;
use super::Kind;
use super::WORDS;
use super::key;
use super::later;
use super::older;
use super::provisioning::LIMA_MACHINE;

/// A template.
pub const NODE: Kind =
    Kind::Table(&[&[key("extends", Kind::Text(&form::TEXT)), key("role", ROLE)], SETTINGS]);

/// What a machine does.
pub const ROLE: Kind = Kind::Words(&["control-plane", "worker", "none"], &["server", "agent"]);

/// The keys that templates and members share.
pub const SETTINGS: &[Key] = &[
    key("system", Kind::Words(&["x86_64-linux", "aarch64-linux"], &[])),
    key("network", NETWORK),
    key("install", INSTALL),
    key("disko", Kind::AnyMap),
    key("extensions", EXTENSIONS),
    key(
        "boot",
        Kind::Table(&[&[
            key("loader", Kind::Words(&["systemd-boot", "grub"], &[])),
            key("kernelParams", WORDS),
            key("kernelModules", WORDS),
        ]]),
    ),
    key(
        "hardware",
        Kind::Table(&[&[key(
            "cpu",
            Kind::Table(&[&[
                key("vendor", Kind::Words(&["intel", "amd"], &[])),
                key("updateMicrocode", Kind::Flag),
            ]]),
        )]]),
    ),
    key("profiles", Kind::List(&Kind::Text(&form::PLAIN))),
    key("ssh", SSH),
    key("kubernetes", KUBERNETES),
    key("nixos", Kind::AnyMap),
    key("nixosModules", Kind::List(&Kind::Text(&form::FILE))),
    key("stateVersion", Kind::Text(&form::STATE_VERSION)),
    key("terraform", Kind::AnyMap),
    key("lima", Kind::Table(&[LIMA_MACHINE])),
    older("linstor", LINSTOR, "extensions.linstor"),
];

/// `network`.
const NETWORK: Kind = Kind::Table(&[&[
    key("mac", Kind::Text(&form::MAC)),
    key("interface", Kind::Text(&form::INTERFACE)),
    key("dhcp", Kind::Flag),
    key("prefixLength", Kind::Int(1, 128)),
    key("gateway", Kind::Text(&form::IP)),
    key("nameservers", Kind::List(&Kind::Text(&form::IP))),
    key(
        "vlans",
        Kind::Named(
            &form::INTERFACE,
            &Kind::Table(&[&[
                key("id", Kind::Int(1, 4094)),
                key("interface", Kind::Text(&form::INTERFACE)),
                key("addresses", Kind::List(&Kind::Text(&form::ADDRESS))),
            ]]),
        ),
    ),
    key(
        "bonds",
        Kind::Named(
            &form::INTERFACE,
            &Kind::Table(&[&[
                key("interfaces", Kind::List(&Kind::Text(&form::INTERFACE))),
                key(
                    "mode",
                    Kind::Words(
                        &[
                            "balance-rr",
                            "active-backup",
                            "balance-xor",
                            "broadcast",
                            "802.3ad",
                            "balance-tlb",
                            "balance-alb",
                        ],
                        &[],
                    ),
                ),
                key("options", Kind::Named(&form::PLAIN, &Kind::Text(&form::WORD))),
                key("addresses", Kind::List(&Kind::Text(&form::ADDRESS))),
            ]]),
        ),
    ),
]]);

const DEVICES: Kind = Kind::List(&Kind::Text(&form::DEVICE));

/// `install`.
const INSTALL: Kind = Kind::Table(&[&[
    key("enable", Kind::Flag),
    key("disk", Kind::Text(&form::DEVICE)),
    key(
        "disks",
        Kind::Table(&[&[
            key("main", Kind::Text(&form::DEVICE)),
            key("etcd", Kind::Text(&form::DEVICE)),
            key("data", DEVICES),
        ]]),
    ),
    key("profile", Kind::Words(&["simple", "lvm", "zfs", "raid", "etcd-optimized", "thin", "custom"], &[])),
    key("bootSize", Kind::Text(&form::BOOT_SIZE)),
    key("swapSize", Kind::Text(&form::SIZE_OR_NONE)),
    key("rootSize", Kind::Text(&form::SIZE_OR_REST)),
    key(
        "filesystem",
        Kind::Table(&[&[key("type", Kind::Words(&["ext4", "xfs", "btrfs"], &[])), key("options", WORDS)]]),
    ),
    key("encryption", Kind::Table(&[&[key("enable", Kind::Flag), key("keyFile", Kind::Text(&form::FILE))]])),
]]);

const GPU: &[Key] = &[
    key("enable", Kind::Flag),
    key("vendor", Kind::Words(&["nvidia", "amd"], &[])),
    key("package", Kind::Words(&["stable", "beta", "production"], &[])),
    key("containerRuntime", Kind::Flag),
];

const LINSTOR: Kind = Kind::Table(&[&[
    key("disk", Kind::Text(&form::DEVICE)),
    key("disks", DEVICES),
    key("partitionFromRoot", Kind::Either(&[Kind::Flag, Kind::Text(&form::SIZE)])),
]]);

/// `extensions`.
const EXTENSIONS: Kind = Kind::Table(&[&[
    key("drbd", Kind::Table(&[&[key("enable", Kind::Flag), key("devices", DEVICES)]])),
    key("gpu", Kind::Table(&[GPU])),
    older("nvidia", Kind::Table(&[GPU]), "extensions.gpu with vendor: nvidia"),
    key("zfs", Kind::Table(&[&[key("enable", Kind::Flag), key("hostId", Kind::Text(&form::HOST_ID))]])),
    key("monitoring", Kind::Table(&[&[key("enable", Kind::Flag), key("nodeExporter", Kind::Flag)]])),
    key("storage", Kind::Table(&[&[key("enable", Kind::Flag)]])),
    later("linstor", LINSTOR, "disks for LINSTOR"),
]]);

/// `ssh`, of machines.
const SSH: Kind = Kind::Table(&[
    // These two are one machine's, and would be wrong for any other.
    &[key("host", Kind::Text(&form::HOST))],
    SSH_LOGIN,
    &[key("hostKey", Kind::Text(&form::PUBLIC_KEY))],
]);

/// What of `ssh` provisioners may say for all of their machines.
pub const SSH_LOGIN: &[Key] = &[
    key("port", Kind::Int(1, 65_535)),
    key("user", Kind::Text(&form::USER)),
    key("sudo", Kind::Words(&["none", "passwordless", "password"], &[])),
    key("keyFile", Kind::Text(&form::FILE)),
    key("jump", Kind::Text(&form::JUMP)),
    key("authorizedKeys", Kind::List(&Kind::Text(&form::PUBLIC_KEY))),
    key("rootLogin", Kind::Words(&["key", "no"], &["false"])),
];

/// `kubernetes`.
const KUBERNETES: Kind = Kind::Table(&[&[
    key("labels", Kind::Named(&form::LABEL_KEY, &Kind::Text(&form::LABEL_VALUE))),
    key("taints", Kind::List(&Kind::Text(&form::TAINT))),
    key("annotations", Kind::Named(&form::LABEL_KEY, &Kind::Text(&form::PROSE))),
]]);
