//! `provisioning`: how machines get their first system.

use super::super::form;
use super::Key;
use super::Kind;
use super::TEXTS;
use super::key;
use super::node::ROLE;
use super::node::SSH_LOGIN;
use super::older;

/// The kinds of provisioners, for members and clusters.
pub const KINDS: &[&str] = &["nixos-anywhere", "nixos-rebuild", "manual", "pxe", "lima", "terraform", "iso"];

const ALL: &[Key] = &[
    key("ssh", Kind::Table(&[SSH_LOGIN])),
    key("hardwareConfig", Kind::Either(&[Kind::Flag, Kind::Text(&form::FILE)])),
];

/// `provisioning`.
pub const PROVISIONING: Kind = Kind::Table(&[&[
    key("nixos-anywhere", Kind::Table(&[ALL, NIXOS_ANYWHERE])),
    key("pxe", Kind::Table(&[ALL, PXE])),
    key("nixos-rebuild", Kind::Table(&[ALL, NIXOS_REBUILD])),
    key("manual", Kind::Table(&[ALL, MANUAL])),
    key("lima", Kind::Table(&[ALL, LIMA_MACHINE, LIMA])),
    key("terraform", Kind::Table(&[ALL, TERRAFORM])),
    key("iso", Kind::Table(&[ALL, ISO])),
]]);

const NIXOS_ANYWHERE: &[Key] = &[
    key(
        "kexec",
        Kind::Either(&[
            Kind::Flag,
            Kind::Text(&form::FILE),
            Kind::Table(&[&[older("enable", Kind::Flag, "provisioning.nixos-anywhere.kexec")]]),
        ]),
    ),
    key("copyHostKeys", Kind::Flag),
    key("phases", Kind::List(&Kind::Words(&["kexec", "disko", "install", "reboot"], &[]))),
    key("extraFlags", TEXTS),
    key("build", Kind::Words(&["auto", "local", "remote"], &[])),
    older("buildOnRemote", Kind::Flag, "provisioning.nixos-anywhere.build: remote"),
];

const DHCP: Kind = Kind::Table(&[&[
    key("mode", Kind::Words(&["full", "proxy", "off"], &["false"])),
    key("range", Kind::Text(&form::IP_RANGE)),
    key("subnet", Kind::Text(&form::CIDR)),
    key("gateway", Kind::Text(&form::IP)),
    key("dns", Kind::Either(&[Kind::Text(&form::IP), Kind::List(&Kind::Text(&form::IP))])),
    key("lease", Kind::Text(&form::DURATION)),
]]);

const PORT: Kind = Kind::Int(1, 65_535);

const PXE: &[Key] = &[
    key(
        "server",
        Kind::Table(&[&[
            key("ip", Kind::Text(&form::IP)),
            key("interface", Kind::Text(&form::INTERFACE)),
            older("dhcp", DHCP, "provisioning.pxe.dhcp"),
        ]]),
    ),
    key("dhcp", DHCP),
    key("tftp", Kind::Table(&[&[key("enable", Kind::Flag)]])),
    key("http", Kind::Table(&[&[key("port", PORT), key("tlsPort", PORT)]])),
    key("bootTimeout", Kind::Text(&form::DURATION)),
    key("discovery", DISCOVERY),
];

const DISCOVERY: Kind = Kind::Table(&[&[
    key("enable", Kind::Flag),
    key("autoApprove", Kind::Flag),
    key("ttl", Kind::Text(&form::DURATION)),
    key(
        "heartbeat",
        Kind::Table(&[&[
            key("interval", Kind::Text(&form::DURATION)),
            key("timeout", Kind::Text(&form::DURATION)),
        ]]),
    ),
    key(
        "rules",
        Kind::List(&Kind::Table(&[&[key("match", Kind::AnyMap), key("assign", Kind::Text(&form::TEXT))]])),
    ),
    key("defaults", Kind::Table(&[&[key("role", ROLE)]])),
]]);

const NIXOS_REBUILD: &[Key] = &[
    key("flakeRef", Kind::Text(&form::FLAKE)),
    key("action", Kind::Words(&["switch", "boot", "test"], &[])),
];

const MANUAL: &[Key] = &[
    key("waitForSsh", Kind::Flag),
    key("validateNixos", Kind::Flag),
    key("expectedNixosVersion", Kind::Text(&form::STATE_VERSION)),
];

/// What a Lima machine may set for itself.
pub const LIMA_MACHINE: &[Key] = &[
    key("cpus", Kind::Int(1, 512)),
    key("memory", Kind::Text(&form::SIZE)),
    key("disk", Kind::Text(&form::SIZE)),
    key("vmType", Kind::Words(&["qemu", "vz"], &[])),
    key("image", Kind::Text(&form::WORD)),
];

const LIMA: &[Key] = &[key("network", Kind::Text(&form::CIDR))];

const TERRAFORM: &[Key] = &[
    key("dir", Kind::Text(&form::FILE)),
    key("provider", Kind::Text(&form::PLAIN)),
    key("backend", Kind::AnyMap),
    key("defaults", Kind::AnyMap),
    key("binary", Kind::Words(&["terraform", "tofu"], &[])),
];

const ISO: &[Key] = &[
    key(
        "admin",
        Kind::Table(&[&[
            key("user", Kind::Text(&form::USER)),
            key("authorizedKeys", Kind::List(&Kind::Text(&form::PUBLIC_KEY))),
        ]]),
    ),
    key(
        "scripts",
        Kind::Table(&[&[
            key("before", Kind::List(&Kind::Text(&form::FILE))),
            key("after", Kind::List(&Kind::Text(&form::FILE))),
        ]]),
    ),
    key("files", Kind::Named(&form::ABSOLUTE, &Kind::Text(&form::FILE))),
];
