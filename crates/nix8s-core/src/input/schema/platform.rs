//! What runs on top of Kubernetes: Cozystack, LINSTOR, MetalLB, charts and manifests.

use super::super::form;
use super::Kind;
use super::key;
use super::older;

/// `cozystack`.
pub const COZYSTACK: Kind = Kind::Table(&[&[
    key("enable", Kind::Flag),
    key("version", Kind::Text(&form::RELEASE_VERSION)),
    key("host", Kind::Text(&form::DOMAIN)),
    key("variant", Kind::Text(&form::PLAIN)),
    key(
        "network",
        Kind::Table(&[&[
            key("podCidr", Kind::Text(&form::CIDR)),
            key("serviceCidr", Kind::Text(&form::CIDR)),
            key("joinCidr", Kind::Text(&form::CIDR)),
        ]]),
    ),
    key("maxPods", Kind::Int(10, 1000)),
    key("autoBootstrap", Kind::Flag),
    older("linstor", LINSTOR, "linstor"),
    older("metallb", METALLB, "metallb"),
    older("clusterDomain", Kind::Text(&form::DOMAIN), "clusterDomain"),
]]);

/// `linstor`.
pub const LINSTOR: Kind = Kind::Table(&[&[
    key("enable", Kind::Flag),
    key(
        "storage",
        Kind::Table(&[&[
            key("poolName", Kind::Text(&form::LABEL)),
            key("type", Kind::Words(&["lvm", "zfs"], &[])),
        ]]),
    ),
]]);

/// `metallb`.
pub const METALLB: Kind = Kind::Table(&[&[
    key("enable", Kind::Flag),
    key("addresses", Kind::List(&Kind::Text(&form::IP_POOL))),
    key("mode", Kind::Words(&["l2", "bgp"], &[])),
    key(
        "peers",
        Kind::List(&Kind::Table(&[&[
            key("address", Kind::Text(&form::IP)),
            key("asn", Kind::Int(1, 4_294_967_295)),
            key("myAsn", Kind::Int(1, 4_294_967_295)),
        ]])),
    ),
    key("poolName", Kind::Text(&form::LABEL)),
]]);

/// `helm`.
pub const HELM: Kind = Kind::Table(&[&[
    key("repos", Kind::Named(&form::LABEL, &Kind::Text(&form::REPO))),
    key(
        "charts",
        Kind::Named(
            &form::LABEL,
            &Kind::Table(&[&[
                key("chart", Kind::Text(&form::CHART)),
                key("version", Kind::Text(&form::RELEASE_VERSION)),
                key("namespace", Kind::Text(&form::LABEL)),
                key("createNamespace", Kind::Flag),
                key("values", Kind::AnyMap),
                key("valuesFile", Kind::Text(&form::FILE)),
                key("wait", Kind::Flag),
                key("timeout", Kind::Text(&form::DURATION)),
            ]]),
        ),
    ),
    key("order", Kind::List(&Kind::Text(&form::LABEL))),
]]);

/// `manifests`.
pub const MANIFESTS: Kind = Kind::Table(&[&[
    key(
        "resources",
        Kind::Named(
            &form::LABEL,
            &Kind::Table(&[&[
                key("file", Kind::Text(&form::FILE)),
                key("dir", Kind::Text(&form::FILE)),
                key("url", Kind::Text(&form::URL)),
                key(
                    "content",
                    Kind::Either(&[Kind::AnyMap, Kind::List(&Kind::AnyMap), Kind::Text(&form::PROSE)]),
                ),
                key("kustomize", Kind::Text(&form::FILE)),
                key("namespace", Kind::Text(&form::LABEL)),
                key("serverSide", Kind::Flag),
                key("forceConflicts", Kind::Flag),
                key("prune", Kind::Flag),
                key("wait", Kind::Flag),
                key("timeout", Kind::Text(&form::DURATION)),
            ]]),
        ),
    ),
    key("order", Kind::List(&Kind::Text(&form::LABEL))),
]]);
