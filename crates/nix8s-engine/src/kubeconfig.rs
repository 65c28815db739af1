//! Kubeconfigs: how one from a control plane becomes one that works from here, and part of a user's own.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::Role;
use serde_json::Value;
use serde_json::json;
use x509_cert::Certificate;

/// Why a text cannot be used as a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUsable {
    /// It is no YAML, or none of this form.
    #[error("it is no kubeconfig: {0}")]
    NotAKubeconfig(String),
    /// Something is missing in it.
    #[error("it has no {0}")]
    Lacks(&'static str),
    /// Written again, it would not say the same.
    #[error("it has something in it that nix8s cannot write again without changing it")]
    NotTheSame,
}

/// The API server's address for clients here: the virtual address, or else the control plane's own; `None` where neither
/// is known.
pub fn server(cluster: &Cluster, via: &Machine) -> Option<String> {
    match cluster.ha.vip {
        Some(vip) => Some(format!("https://{}:{}", bracketed(&vip.to_string()), cluster.ha.port)),
        None => address(via).map(|address| format!("https://{}:6443", bracketed(&address))),
    }
}

/// Every address that [`server`] gives for this cluster: a kubeconfig with another one is not for it.
pub fn servers(cluster: &Cluster) -> BTreeSet<String> {
    control_planes(cluster).filter_map(|machine| server(cluster, machine)).collect()
}

/// The control planes of a cluster, except those that are left alone.
pub fn control_planes(cluster: &Cluster) -> impl Iterator<Item = &Machine> {
    let machines = cluster.machines.values().map(AsRef::as_ref);
    machines.filter(|machine: &&Machine| machine.role == Role::ControlPlane && !machine.skip)
}

/// A machine's address in the cluster's network, or else the one that SSH uses.
pub fn address(machine: &Machine) -> Option<String> {
    machine.ip.map(|ip| ip.to_string()).or_else(|| machine.ssh.host.clone())
}

/// An address as it stands in a URL: IPv6 in brackets (RFC 3986).
pub fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// What a control plane's kubeconfig is current for, at an address that is reachable from here (C-10); cluster, user and
/// context have this name.
///
/// # Errors
/// When it is no kubeconfig, or something is missing in it.
pub fn prepared(fetched: &str, server: &str, name: &str) -> Result<String, NotUsable> {
    let found = read(fetched)?;
    let context = found["current-context"].as_str().ok_or(NotUsable::Lacks("current-context"))?;
    let context = &entry(&found, "contexts", context).ok_or(NotUsable::Lacks("such context"))?["context"];
    let part = |list: &str, key: &str| -> Option<Value> {
        let name = context[key].as_str()?;
        entry(&found, list, name).map(|entry| entry[key].clone()).filter(Value::is_object)
    };
    let mut cluster = part("clusters", "cluster").ok_or(NotUsable::Lacks("such cluster"))?;
    let user = part("users", "user").ok_or(NotUsable::Lacks("such user"))?;
    cluster["server"] = json!(server);
    write(&json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "cluster": cluster, "name": name }],
        "contexts": [{ "context": { "cluster": name, "user": name }, "name": name }],
        "current-context": name,
        "users": [{ "name": name, "user": user }],
    }))
}

/// A user's own kubeconfig with what is in `ours` in place of entries of the same names, or else behind the others. The
/// current context stays what it is, if there is one.
///
/// # Errors
/// When the user's is no kubeconfig, or would lose something.
pub fn merged(theirs: &str, ours: &str) -> Result<String, NotUsable> {
    let (mut all, ours) = (read(theirs)?, read(ours)?);
    if all.is_null() {
        return write(&ours);
    }
    for list in ["clusters", "contexts", "users"] {
        let mut entries = match &all[list] {
            Value::Null => Vec::new(),
            Value::Array(entries) => entries.clone(),
            _ => return Err(NotUsable::NotAKubeconfig(format!("{list} is not a list"))),
        };
        for entry in ours[list].as_array().into_iter().flatten() {
            match entries.iter_mut().find(|there| there["name"] == entry["name"]) {
                Some(there) => *there = entry.clone(),
                None => entries.push(entry.clone()),
            }
        }
        all[list] = Value::Array(entries);
    }
    if all["current-context"].as_str().unwrap_or_default().is_empty() {
        all["current-context"] = ours["current-context"].clone();
    }
    for key in ["apiVersion", "kind"] {
        if all[key].is_null() {
            all[key] = ours[key].clone();
        }
    }
    write(&all)
}

/// A user's own kubeconfig without the entries of `ours`; `None`: they are not all there as they are in it, and what has the same
/// name and says something else is not ours.
///
/// # Errors
/// When the user's is no kubeconfig, or would lose something else.
pub fn without(theirs: &str, ours: &str) -> Result<Option<String>, NotUsable> {
    let (mut all, ours) = (read(theirs)?, read(ours)?);
    let mut changed = Vec::new();
    for list in ["clusters", "contexts", "users"] {
        let (Some(entries), Some(same)) = (all[list].as_array(), ours[list].as_array()) else {
            return Ok(None);
        };
        if same.is_empty() || !same.iter().all(|entry| entries.contains(entry)) {
            return Ok(None);
        }
        let left: Vec<Value> = entries.iter().filter(|entry| !same.contains(entry)).cloned().collect();
        changed.push((list, left));
    }
    for (list, left) in changed {
        all[list] = Value::Array(left);
    }
    if all["current-context"] == ours["current-context"] {
        all["current-context"] = json!("");
    }
    write(&all).map(Some)
}

/// The address of the cluster that a kubeconfig is current for.
///
/// # Errors
/// When it is no kubeconfig, or has none.
pub fn server_in(text: &str) -> Result<String, NotUsable> {
    let found = read(text)?;
    let lacks = || NotUsable::Lacks("server");
    let context = found["current-context"].as_str().ok_or_else(lacks)?;
    let cluster = entry(&found, "contexts", context).and_then(|entry| entry["context"]["cluster"].as_str());
    let cluster = cluster.and_then(|name| entry(&found, "clusters", name)).ok_or_else(lacks)?;
    cluster["cluster"]["server"].as_str().map(str::to_owned).ok_or_else(lacks)
}

/// When the certificate ends with which a kubeconfig logs in; `None` where there is none, or none that can be read.
pub fn ends(text: &str) -> Option<Timestamp> {
    let found = read(text).ok()?;
    let context = entry(&found, "contexts", found["current-context"].as_str()?)?;
    let user = entry(&found, "users", context["context"]["user"].as_str()?)?;
    let pem = BASE64_STANDARD.decode(user["user"]["client-certificate-data"].as_str()?).ok()?;
    // The first one is its own; others are authorities.
    let certificate = Certificate::load_pem_chain(&pem).ok()?.into_iter().next()?;
    let ends = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    Timestamp::from_second(i64::try_from(ends.as_secs()).ok()?).ok()
}

fn entry<'a>(all: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    all[list].as_array()?.iter().find(|entry| entry["name"] == name)
}

fn read(text: &str) -> Result<Value, NotUsable> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let wrong = |why: String| NotUsable::NotAKubeconfig(why);
    let value: Value = serde_saphyr::from_str(text).map_err(|why| wrong(first_line(&why.to_string())))?;
    if value.is_object() || value.is_null() { Ok(value) } else { Err(wrong("it is not a map".to_owned())) }
}

/// What a parser shows of the text below its message may be a key.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

fn write(value: &Value) -> Result<String, NotUsable> {
    let text = serde_saphyr::to_string(value).map_err(|_| NotUsable::NotTheSame)?;
    if read(&text)? == *value { Ok(text) } else { Err(NotUsable::NotTheSame) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K3S: &str = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: QUJD\n    \
        server: https://127.0.0.1:6443\n  name: default\ncontexts:\n- context:\n    cluster: default\n    user: default\n  \
        name: default\ncurrent-context: default\nkind: Config\npreferences: {}\nusers:\n- name: default\n  user:\n    \
        client-certificate-data: REVG\n    client-key-data: R0hJ\n";

    #[test]
    fn c_10_the_kubeconfig_points_to_the_address_that_works_from_here() {
        let there = prepared(K3S, "https://10.0.0.1:8443", "prod").unwrap();
        assert_eq!(server_in(&there).unwrap(), "https://10.0.0.1:8443");
        assert!(!there.contains("127.0.0.1") && !there.contains("default"), "{there}");
        let expected = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: QUJD\n    \
            server: https://10.0.0.1:8443\n  name: prod\ncontexts:\n- context:\n    cluster: prod\n    user: prod\n  \
            name: prod\ncurrent-context: prod\nkind: Config\nusers:\n- name: prod\n  user:\n    \
            client-certificate-data: REVG\n    client-key-data: R0hJ\n";
        assert_eq!(read(&there).unwrap(), read(expected).unwrap());
    }

    #[test]
    fn what_is_no_kubeconfig_is_not_used() {
        for (text, why) in [
            ("", "it has no current-context"),
            ("no kubeconfig", "it is no kubeconfig: it is not a map"),
            ("current-context: a\ncontexts: []\n", "it has no such context"),
        ] {
            assert_eq!(
                prepared(text, "https://10.0.0.1:6443", "prod").unwrap_err().to_string(),
                why,
                "{text}"
            );
        }
        let without = K3S.replace("user: default", "user: other");
        assert_eq!(prepared(&without, "https://a:6443", "prod"), Err(NotUsable::Lacks("such user")));
        assert!(matches!(merged("a: [", K3S), Err(NotUsable::NotAKubeconfig(_))));
        assert!(matches!(merged("users: x", K3S), Err(NotUsable::NotAKubeconfig(_))));
    }

    #[test]
    fn what_a_user_has_stays_in_its_place() {
        let theirs = "apiVersion: v1\nkind: Config\ncurrent-context: home\npreferences: { colors: true }\nextra: 'yes'\n\
            clusters:\n- { name: zoo, cluster: { server: 'https://zoo' } }\n- { name: prod, cluster: { server: 'https://old' } }\n\
            - { name: home, cluster: { server: 'https://home' } }\n\
            contexts:\n- { name: home, context: { cluster: home, user: me, namespace: '0123' } }\n\
            users:\n- { name: me, user: { exec: { apiVersion: v1, command: login, args: ['true', '1e3'] } } }\n";
        let ours = prepared(K3S, "https://10.0.0.1:6443", "prod").unwrap();
        let once = merged(theirs, &ours).unwrap();
        let (before, after) = (read(theirs).unwrap(), read(&once).unwrap());
        let names = |list: &str| -> Vec<String> {
            let entries = after[list].as_array().unwrap().iter();
            entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("clusters"), ["zoo", "prod", "home"]);
        assert_eq!(names("contexts"), ["home", "prod"]);
        assert_eq!(names("users"), ["me", "prod"]);
        assert_eq!(after["clusters"][1]["cluster"]["server"], "https://10.0.0.1:6443");
        for (list, at) in [("clusters", 0), ("clusters", 2), ("contexts", 0), ("users", 0)] {
            assert_eq!(after[list][at], before[list][at], "{list} {at}");
        }
        for key in ["current-context", "preferences", "extra"] {
            assert_eq!(after[key], before[key], "{key}");
        }
        assert_eq!(merged(&once, &ours).unwrap(), once);
    }

    #[test]
    fn what_is_ours_goes_and_everything_else_stays() {
        let ours = prepared(K3S, "https://10.0.0.1:6443", "prod").unwrap();
        let theirs = "apiVersion: v1\nkind: Config\ncurrent-context: home\nextra: 'yes'\n\
            clusters:\n- { name: home, cluster: { server: 'https://home' } }\n\
            contexts:\n- { name: home, context: { cluster: home, user: me } }\n\
            users:\n- { name: me, user: { token: '0123' } }\n";
        let both = merged(theirs, &ours).unwrap();
        let left = without(&both, &ours).unwrap().unwrap();
        assert_eq!(read(&left).unwrap(), read(theirs).unwrap());
        assert_eq!(without(&left, &ours), Ok(None));
        // Another cluster of the same name.
        let other = prepared(K3S, "https://10.9.9.9:6443", "prod").unwrap();
        assert_eq!(without(&merged(theirs, &other).unwrap(), &ours), Ok(None));
        let own = read(&without(&ours, &ours).unwrap().unwrap()).unwrap();
        assert_eq!((&own["current-context"], &own["users"]), (&json!(""), &json!([])));
    }

    #[test]
    fn nothing_is_as_good_as_an_empty_file() {
        let ours = prepared(K3S, "https://10.0.0.1:6443", "prod").unwrap();
        assert_eq!(merged("", &ours).unwrap(), ours);
        // As kubectl writes one that is empty.
        let empty = "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: \"\"\nkind: Config\nusers: null\n";
        assert_eq!(read(&merged(empty, &ours).unwrap()).unwrap(), read(&ours).unwrap());
    }

    #[test]
    fn ipv6_addresses_stand_in_brackets() {
        assert_eq!(bracketed("fd00::1"), "[fd00::1]");
        assert_eq!(bracketed("10.0.0.1"), "10.0.0.1");
    }

    /// Self-signed, by `openssl req -x509 -newkey ed25519 -days 3650`.
    const CERTIFICATE: &str = concat!(
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJORENCNTZBREFnRUNBaFFIcVNxSHFVOGNRKzNCc3E3Z1hXWGhyM0dYdVRB",
        "RkJnTXJaWEF3RURFT01Bd0cKQTFVRUF3d0ZZV1J0YVc0d0hoY05Nall4TVRJeE1UazFPVE14V2hjTk16WXhNVEU0TVRrMU9UTXhX",
        "akFRTVE0dwpEQVlEVlFRRERBVmhaRzFwYmpBcU1BVUdBeXRsY0FNaEFIUTV1L1BjSGpvMCtSZWxjdDRVclc0S2RyN3RaYkx5ClJC",
        "RVlFeDhZUTM2T28xTXdVVEFkQmdOVkhRNEVGZ1FVakVwRXVqWUhSd3BaUy9kajdYUDl0bHViaWJ3d0h3WUQKVlIwakJCZ3dGb0FV",
        "akVwRXVqWUhSd3BaUy9kajdYUDl0bHViaWJ3d0R3WURWUjBUQVFIL0JBVXdBd0VCL3pBRgpCZ01yWlhBRFFRQjg3VURUek1hY2ly",
        "eGlLNDc2TlJ2UzJLNHJvTGwyWG1DVHZKNTl3T2xXaC9RamRwV2wxSWpQCldYc1QrM1RlWFFZYUNTYzNzUFk4dVk3ZGQ3UWxxd29D",
        "Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K",
    );

    #[test]
    fn the_certificate_of_a_kubeconfig_says_when_it_ends() {
        let with = |certificate: &str| ends(&K3S.replace("REVG", certificate)).map(|at| at.to_string());
        assert_eq!(with(CERTIFICATE).as_deref(), Some("2036-11-18T19:59:31Z"));
        for broken in ["REVG", "", "!", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="] {
            assert_eq!(with(broken), None, "{broken}");
        }
        assert_eq!(ends("no kubeconfig"), None);
    }
}
