//! kubeadm: init, join, upgrade and reset of a node (facts 2.9: day-2 commands of 1.36).

use std::time::Duration;

use super::Command;
use super::NotUnderstood;
use super::known::Known;
use super::known::lasting;
use super::known::passing;
use crate::model::Machine;
use crate::model::Role;
use crate::model::StorePath;
use crate::model::Version;

/// Long enough to pull images over a slow link.
const LONG: Duration = Duration::from_secs(900);

/// Initialises the control plane from the configuration that the NixOS module wrote.
pub fn init(machine: &Machine) -> Command {
    Command::on(machine, ["kubeadm", "init", "--config", "/etc/kubernetes/kubeadm.yaml"], LONG)
}

/// Uploads the control plane certificates under a fresh key, which it prints as its last line; they expire in 2 h.
pub fn upload_certs(via: &Machine) -> Command {
    Command::on(via, ["kubeadm", "init", "phase", "upload-certs", "--upload-certs"], LONG)
}

/// Reads the key that [`upload_certs`] printed.
///
/// # Errors
/// When the last line is not 64 hexadecimal digits.
pub fn certificate_key(stdout: &str) -> Result<String, NotUnderstood> {
    let key = stdout.lines().last().unwrap_or_default().trim();
    if key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(key.to_owned())
    } else {
        let why = "the last line is not a certificate key".to_owned();
        Err(NotUnderstood { program: "kubeadm init phase upload-certs", why })
    }
}

/// Makes a bootstrap token that lives ten minutes and prints the whole join line.
pub fn make_token(via: &Machine) -> Command {
    Command::on(via, ["kubeadm", "token", "create", "--ttl", "10m", "--print-join-command"], super::SHORT)
}

/// Reads the join line that [`make_token`] printed: the arguments after `kubeadm join`.
///
/// # Errors
/// When it is not a join line.
pub fn join_arguments(stdout: &str) -> Result<Vec<String>, NotUnderstood> {
    let line = stdout.lines().find_map(|l| l.trim().strip_prefix("kubeadm join "));
    let line = line.ok_or_else(|| NotUnderstood {
        program: "kubeadm token create",
        why: "there is no line that begins with kubeadm join".to_owned(),
    })?;
    Ok(line.split_whitespace().map(str::to_owned).collect())
}

/// Joins a machine. The join material goes in by stdin, one argument a line, so that it is in no process list.
pub fn join(
    machine: &Machine,
    role: Role,
    mut arguments: Vec<String>,
    certificate_key: Option<&str>,
) -> Command {
    if role == Role::ControlPlane {
        arguments.push("--control-plane".to_owned());
        if let Some(key) = certificate_key {
            arguments.extend(["--certificate-key".to_owned(), key.to_owned()]);
        }
    }
    Command::on(machine, ["nix8s", "on-node", "kubeadm-join"], LONG).reading(arguments.join("\n"))
}

/// The arguments that [`join`] sends, as a JoinConfiguration (kubeadm.k8s.io/v1beta4, or what the base says; JSON is YAML). `base` is what the
/// machine's own system says about how it joins.
///
/// # Errors
/// When the arguments are not those of `kubeadm join`, or the base is not JSON.
pub fn join_configuration(arguments: &[&str], base: Option<&str>) -> Result<String, NotUnderstood> {
    let wrong = |why: &str| NotUnderstood { program: "kubeadm token create", why: why.to_owned() };
    let (mut endpoint, mut token, mut hashes, mut key, mut control_plane) =
        (None, None, Vec::new(), None, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| wrong("an option has no value"));
        match *argument {
            "--token" => token = Some(value()?),
            "--discovery-token-ca-cert-hash" => hashes.push(value()?),
            "--certificate-key" => key = Some(value()?),
            "--control-plane" => control_plane = true,
            other if other.starts_with('-') => {
                return Err(wrong("it has an option that nix8s does not know"));
            }
            other => endpoint = Some(other),
        }
    }
    let (Some(endpoint), Some(token)) = (endpoint, token) else {
        return Err(wrong("there is no address or no token"));
    };
    let mut configuration = match base {
        Some(text) => {
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).map_err(|error| {
                NotUnderstood { program: "the machine's join configuration", why: error.to_string() }
            })?
        }
        None => serde_json::Map::new(),
    };
    // A system of Kubernetes before 1.31 says v1beta3, in which all of this is spelled the same.
    configuration.entry("apiVersion").or_insert_with(|| "kubeadm.k8s.io/v1beta4".into());
    configuration.insert("kind".to_owned(), "JoinConfiguration".into());
    let discovery =
        serde_json::json!({ "apiServerEndpoint": endpoint, "token": token, "caCertHashes": hashes });
    configuration.insert("discovery".to_owned(), serde_json::json!({ "bootstrapToken": discovery }));
    if control_plane {
        let own = configuration.entry("controlPlane").or_insert_with(|| serde_json::json!({}));
        if let (Some(own), Some(key)) = (own.as_object_mut(), key) {
            own.insert("certificateKey".to_owned(), key.into());
        }
    }
    Ok(serde_json::Value::Object(configuration).to_string())
}

/// Upgrades the control plane's components: the whole cluster's configuration on the first, the node's on others. The program is
/// that of the copied system, which does not run yet: kubeadm refuses a minor release above its own.
pub fn upgrade(machine: &Machine, system: &StorePath, version: &Version, apply: bool) -> Command {
    let (program, version) = (format!("{system}/sw/bin/kubeadm"), version.to_string());
    let words: &[&str] = if apply { &["upgrade", "apply", "--yes", &version] } else { &["upgrade", "node"] };
    Command::on(machine, [program.as_str()].into_iter().chain(words.iter().copied()), LONG)
}

/// Takes a member out of etcd, asked of another control plane.
pub fn remove_etcd_member(via: &Machine, member_id: &str) -> Command {
    Command::on(via, ["nix8s", "on-node", "etcdctl", "member", "remove", member_id], super::SHORT)
}

/// Restarts the kubelet.
pub fn restart(machine: &Machine) -> Command {
    Command::on(machine, ["systemctl", "restart", "kubelet.service"], super::SHORT)
}

/// Where the admin kubeconfig is.
pub const KUBECONFIG: &str = "/etc/kubernetes/admin.conf";

/// Messages that kubeadm is known for.
pub const KNOWN: &[Known] = &[
    lasting(
        "[ERROR Swap]",
        "turn swap off on the machine, or let its kubelet bear it, then `nix8s node retry`",
    ),
    lasting("[ERROR NumCPU]", "a control plane needs two processors"),
    lasting("[ERROR Mem]", "a control plane needs 1700 MB of memory"),
    passing("[ERROR ImagePull]", "see whether the machine reaches the image registry"),
    passing(
        "could not find a JWS signature",
        "the join token expired in between: a new one is made next time",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_line_becomes_a_configuration_that_keeps_what_the_machine_says() {
        let hash = "sha256:abc";
        let line =
            ["10.0.0.10:6443", "--token", "abcdef.0123456789abcdef", "--discovery-token-ca-cert-hash", hash];
        let worker = join_configuration(&line, None).unwrap();
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let token = &read(&worker)["discovery"]["bootstrapToken"];
        assert_eq!(
            (&token["apiServerEndpoint"], &token["caCertHashes"][0]),
            (&"10.0.0.10:6443".into(), &hash.into())
        );
        assert_eq!(read(&worker).get("controlPlane"), None);

        let more = [&line[..], &["--control-plane", "--certificate-key", "k"]].concat();
        assert_eq!(read(&worker)["apiVersion"], "kubeadm.k8s.io/v1beta4");
        let earlier = join_configuration(&line, Some(r#"{"apiVersion":"kubeadm.k8s.io/v1beta3"}"#)).unwrap();
        assert_eq!(read(&earlier)["apiVersion"], "kubeadm.k8s.io/v1beta3");

        let base =
            r#"{"nodeRegistration":{"name":"cp2"},"controlPlane":{"localAPIEndpoint":{"bindPort":6443}}}"#;
        let second = read(&join_configuration(&more, Some(base)).unwrap());
        assert_eq!(second["nodeRegistration"]["name"], "cp2");
        assert_eq!(second["controlPlane"]["certificateKey"], "k");
        assert_eq!(second["controlPlane"]["localAPIEndpoint"]["bindPort"], 6443);

        for wrong in [
            &["--token"][..],
            &["10.0.0.10:6443"],
            &["x", "--token", "t", "--ignore-preflight-errors", "all"],
        ] {
            assert!(join_configuration(wrong, None).is_err(), "{wrong:?}");
        }
    }
}
