//! k3s: its unit waits for `/var/lib/nix8s/k3s.yaml`, which says init or join.

use super::Command;
use crate::model::Machine;
use crate::model::Role;
use crate::secret::Redacted;

/// Where the role of a k3s machine is written when it is its turn.
pub const ROLE_FILE: &str = "/var/lib/nix8s/k3s.yaml";

/// Where the admin kubeconfig is.
pub const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";

/// Lets the first server initialise the cluster.
pub fn init(machine: &Machine) -> Command {
    super::on_node::write(machine, ROLE_FILE, "cluster-init: true\n".to_owned())
}

/// Lets a machine join by way of another server.
pub fn join(machine: &Machine, role: Role, server: &str) -> Command {
    let _ = role; // server or agent is the unit's, from the system; only the address is the moment's
    super::on_node::write(machine, ROLE_FILE, format!("server: https://{server}:6443\n"))
}

/// Restarts k3s.
pub fn restart(machine: &Machine) -> Command {
    Command::on(machine, ["systemctl", "restart", "k3s.service"], super::SHORT)
}

/// The server's answer to what a server asks with its token, in `curl`'s words: the address is one that its certificate names.
const SUPERVISOR: &str = "https://127.0.0.1:6443/v1-k3s";

/// Asks this server to put another server token in the place of the one that counts: what the datastore keeps is encrypted with it.
/// `PUT /v1-k3s/token` is what `k3s token rotate` sends (k3s 1.28 and newer); that would want the new token as an argument, where
/// everybody on the machine reads it. The output is the HTTP status; what the server says is in stderr.
pub fn rotate_token(machine: &Machine, before: &Redacted, now: &Redacted) -> Command {
    ask(machine, before, "/token", &put(now))
}

fn put(now: &Redacted) -> String {
    let body = serde_json::json!({ "newToken": password(now) }).to_string();
    format!("request = \"PUT\"\ndata = {}\n", curl_quoted(&body))
}

/// Asks this server whether a server token is the one that counts: 200 if it is.
pub fn accepts_token(machine: &Machine, token: &Redacted) -> Command {
    ask(machine, token, "/config", "output = \"/dev/null\"\n")
}

fn ask(machine: &Machine, token: &Redacted, path: &str, more: &str) -> Command {
    // The whole request is in the configuration that curl reads from standard input.
    Command::on(machine, ["curl", "--config", "-"], super::SHORT).reading(request(token, path, more))
}

fn request(token: &Redacted, path: &str, more: &str) -> String {
    let user = curl_quoted(&format!("server:{}", password(token)));
    format!(
        "url = \"{SUPERVISOR}{path}\"\nuser = {user}\ncacert = \"/var/lib/rancher/k3s/server/tls/server-ca.crt\"\n\
         silent\nshow-error\noutput = \"/dev/stderr\"\nwrite-out = \"%{{http_code}}\"\n{more}"
    )
}

/// A token without what names its user and its authority's certificate: `K10HASH::server:PASSWORD`.
fn password(token: &Redacted) -> &str {
    let text = token.expose().trim();
    text.strip_prefix("K10")
        .and_then(|rest| rest.split_once("::server:"))
        .map_or(text, |(_, password)| password)
}

/// A value of curl's configuration (curl(1), `--config`).
fn curl_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// Says `yes` when k3s on this machine runs, or tries to, with tokens older than those in its files.
pub fn reads_older_tokens(machine: &Machine) -> Command {
    const SCRIPT: &str = r#"export TZ=UTC
case $(systemctl show --property=ActiveState --value k3s.service) in inactive) echo no; exit ;; esac
began=$(date -d "$(systemctl show --property=ExecMainStartTimestamp --value k3s.service)" +%s) || exit
for file in /var/lib/nix8s/secrets/token /var/lib/nix8s/secrets/agent-token; do
  if [ -e "$file" ] && [ "$(stat -c %Y "$file")" -ge "$began" ]; then echo yes; exit; fi
done
echo no"#;
    Command::on(machine, ["sh", "-c", SCRIPT], super::SHORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curl_reads_every_token_as_it_is() {
        let (before, now) = (Redacted::new("K10abc::server:old\"\\"), Redacted::new("new\"\n!"));
        insta::assert_snapshot!(request(&before, "/token", &put(&now)), @r#"
        url = "https://127.0.0.1:6443/v1-k3s/token"
        user = "server:old\"\\"
        cacert = "/var/lib/rancher/k3s/server/tls/server-ca.crt"
        silent
        show-error
        output = "/dev/stderr"
        write-out = "%{http_code}"
        request = "PUT"
        data = "{\"newToken\":\"new\\\"\\n!\"}"
        "#);
    }
}
