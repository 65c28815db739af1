//! `clusters.<name>`.

use super::super::form;
use super::Key;
use super::Kind;
use super::TEXTS;
use super::WORDS;
use super::key;
use super::later;
use super::node;
use super::older;
use super::platform;
use super::provisioning::KINDS;
use super::script::COMMAND;
use super::script::SCRIPTS;
use super::secret;

/// A cluster.
pub const CLUSTER: Kind = Kind::Table(&[
    &[
        key("distribution", Kind::Words(&["k3s", "kubeadm", "k0s"], &[])),
        key("version", Kind::Text(&form::TEXT)),
        key("domain", Kind::Text(&form::DOMAIN)),
        key("clusterDomain", Kind::Text(&form::DOMAIN)),
        key("network", NETWORK),
        key("k3s", Kind::Table(&[FLAGS, K3S])),
        key("kubeadm", Kind::Table(&[FLAGS])),
        key("k0s", Kind::Table(&[FLAGS])),
        older("kubernetes", KUBERNETES, "version and network"),
        key("ha", HA),
        older("firstServer", Kind::Text(&form::TEXT), "ha.firstServer"),
        key("secrets", SECRETS),
        key("pki", PKI),
        key("members", Kind::Named(&form::LABEL, &MEMBER)),
        key("provisioner", Kind::Words(KINDS, &[])),
        key("build", Kind::Words(&["auto", "local", "remote"], &[])),
        key("upgrade", UPGRADE),
        key("gates", GATES),
        key("etcd", ETCD),
    ],
    &[
        key("cozystack", platform::COZYSTACK),
        later("linstor", platform::LINSTOR, "LINSTOR storage"),
        later("metallb", platform::METALLB, "MetalLB address pools"),
        later("helm", platform::HELM, "Helm charts"),
        older("helmPackages", platform::HELM, "helm"),
        later("manifests", platform::MANIFESTS, "manifests"),
        key("scripts", SCRIPTS),
    ],
]);

/// A member.
pub const MEMBER: Kind = Kind::Table(&[
    &[
        key("node", Kind::Either(&[Kind::Text(&form::TEXT), node::NODE])),
        key("role", node::ROLE),
        key("ip", Kind::Text(&form::IP_OR_AUTO)),
        key("provisioner", Kind::Words(KINDS, &[])),
        key("name", Kind::Text(&form::LABEL)),
        key("skip", Kind::Flag),
        key("scripts", SCRIPTS),
    ],
    node::SETTINGS,
]);

const NETWORK: Kind = Kind::Table(&[&[
    key("podCidr", Kind::Text(&form::CIDR)),
    key("serviceCidr", Kind::Text(&form::CIDR)),
    key("clusterDns", Kind::Text(&form::IP)),
    key("mesh", Kind::Words(&["none", "wireguard"], &[])),
]]);

/// What every distribution takes.
const FLAGS: &[Key] = &[
    key(
        "extraArgs",
        Kind::Table(&[&[
            key("control-plane", TEXTS),
            key("worker", TEXTS),
            older("server", TEXTS, "extraArgs.control-plane"),
            older("agent", TEXTS, "extraArgs.worker"),
        ]]),
    ),
    key("disable", WORDS),
    key("config", Kind::AnyMap),
    key("apiServerAddresses", Kind::List(&Kind::Text(&form::HOST))),
];

const K3S: &[Key] = &[
    older("version", Kind::Text(&form::TEXT), "version"),
    older(
        "network",
        Kind::Table(&[&[
            older("clusterCidr", Kind::Text(&form::CIDR), "network.podCidr"),
            older("serviceCidr", Kind::Text(&form::CIDR), "network.serviceCidr"),
            older("clusterDns", Kind::Text(&form::IP), "network.clusterDns"),
        ]]),
        "network",
    ),
];

const KUBERNETES: Kind = Kind::Table(&[&[
    older("version", Kind::Text(&form::TEXT), "version"),
    older("podCidr", Kind::Text(&form::CIDR), "network.podCidr"),
    older("serviceCidr", Kind::Text(&form::CIDR), "network.serviceCidr"),
]]);

const HA: Kind = Kind::Table(&[&[
    key("vip", Kind::Text(&form::IP)),
    key("mode", Kind::Words(&["keepalived", "kube-vip", "haproxy", "external", "none"], &[])),
    key("interface", Kind::Text(&form::INTERFACE)),
    key("port", Kind::Int(1, 65_535)),
    key("vrrpId", Kind::Int(1, 255)),
    key("firstServer", Kind::Text(&form::TEXT)),
    older("enable", Kind::Flag, "ha.mode"),
    older(
        "haproxy",
        Kind::Table(&[&[
            older("enable", Kind::Flag, "ha.mode: haproxy"),
            older("vip", Kind::Text(&form::IP), "ha.vip"),
            older("interface", Kind::Text(&form::INTERFACE), "ha.interface"),
            older("port", Kind::Int(1, 65_535), "ha.port"),
        ]]),
        "ha.mode: haproxy",
    ),
]]);

const SECRETS: Kind = Kind::Table(&[&[
    key("file", Kind::Text(&form::FILE)),
    key("provider", Kind::Words(&["age", "sops", "env", "sops-nix", "agenix"], &[])),
    key("recipients", TEXTS),
    secret("token", Kind::Text(&form::TEXT)),
    secret("agentToken", Kind::Text(&form::TEXT)),
    key("sshPubKey", Kind::Text(&form::PUBLIC_KEY)),
    key("encryptionAtRest", Kind::Flag),
]]);

const PKI: Kind = Kind::Table(&[&[
    key("external", Kind::Flag),
    key("caCert", Kind::Text(&form::FILE)),
    key("caKey", Kind::Text(&form::FILE)),
]]);

const UPGRADE: Kind = Kind::Table(&[&[
    key("strategy", Kind::Words(&["rolling", "parallel"], &[])),
    key("maxUnavailable", Kind::Int(1, 100_000)),
    key("controlPlanesFirst", Kind::Flag),
    key("drainTimeout", Kind::Text(&form::DURATION)),
    key("pause", Kind::Text(&form::PAUSE)),
    key("reboot", Kind::Words(&["auto", "never", "always"], &[])),
    key("rollback", Kind::Flag),
    key("failureBudget", Kind::Int(0, 100_000)),
    older("maxParallel", Kind::Int(1, 100_000), "upgrade.maxUnavailable"),
    older("serversFirst", Kind::Flag, "upgrade.controlPlanesFirst"),
    older("rollbackOnFailure", Kind::Flag, "upgrade.rollback"),
    older("pauseBetweenNodes", Kind::Text(&form::PAUSE), "upgrade.pause"),
    older("healthCheckTimeout", Kind::Text(&form::DURATION), "gates.timeout"),
]]);

const GATES: Kind = Kind::Table(&[&[
    key("ready", Kind::Flag),
    key("units", WORDS),
    key(
        "http",
        Kind::List(&Kind::Table(&[&[
            key("url", Kind::Text(&form::URL)),
            key("expect", Kind::Int(100, 599)),
        ]])),
    ),
    later(
        "script",
        Kind::List(&Kind::Table(&[&[
            key("run", COMMAND),
            key("where", Kind::Words(&["local", "node"], &[])),
        ]])),
        "gates that run scripts",
    ),
    later(
        "promql",
        Kind::List(&Kind::Table(&[&[
            key("url", Kind::Text(&form::URL)),
            key("query", Kind::Text(&form::PROSE)),
            key("below", Kind::Number(f64::MIN, f64::MAX)),
            key("above", Kind::Number(f64::MIN, f64::MAX)),
        ]])),
        "gates that ask Prometheus",
    ),
    key("soak", Kind::Text(&form::PAUSE)),
    key("retries", Kind::Int(1, 100)),
    key("timeout", Kind::Text(&form::DURATION)),
]]);

const ETCD: Kind = Kind::Table(&[&[key(
    "snapshot",
    Kind::Table(&[&[
        key("interval", Kind::Text(&form::DURATION)),
        key("retention", Kind::Int(1, 1000)),
        key("dir", Kind::Text(&form::ABSOLUTE)),
        key(
            "s3",
            Kind::Table(&[&[
                key("endpoint", Kind::Text(&form::HOST)),
                key("bucket", Kind::Text(&form::NAME)),
                key("region", Kind::Text(&form::PLAIN)),
                key("folder", Kind::Text(&form::NAME)),
                secret("accessKey", Kind::Text(&form::TEXT)),
                secret("secretKey", Kind::Text(&form::TEXT)),
                key("insecure", Kind::Flag),
            ]]),
        ),
    ]]),
)]]);
