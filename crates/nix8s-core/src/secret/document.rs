//! The document inside of the encrypted file: YAML that people may edit.
//!
//! What is wrong with it is told by line and never by its text, which is secret.

use std::fmt::Write;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::Kept;
use super::Redacted;
use super::Value;
use super::is_key;
use crate::input::parse;
use crate::input::report::Report;
use crate::input::tree;
use crate::input::tree::Entry;
use crate::input::tree::Tree;
use crate::model::ClusterName;
use crate::model::MachineName;
use crate::observed::Secret;

/// The version of this layout.
const VERSION: i64 = 1;

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Wrong {
    /// Counts from 1; 0: the whole.
    pub line: u32,
    /// What.
    pub what: String,
}

/// The document of a cluster's secrets.
pub fn write(cluster: &ClusterName, kept: &Kept) -> Redacted {
    let mut out = Zeroizing::new(String::with_capacity(1024 + 1024 * kept.values.len()));
    let _ = writeln!(
        out,
        "# The secrets of {cluster}. `nix8s secrets edit {cluster}` opens this, checks it and encrypts it again."
    );
    let _ = writeln!(out, "version: {VERSION}\ncluster: {cluster}");
    if !kept.recipients.is_empty() {
        out.push_str("recipients:\n");
        for recipient in &kept.recipients {
            let _ = writeln!(out, "  - {}", quoted(recipient));
        }
    }
    let mut in_hosts = false;
    for (secret, value) in &kept.values {
        let (key, indent) = match secret {
            Secret::Token => ("token", ""),
            Secret::AgentToken => ("agentToken", ""),
            Secret::DeployKey => ("deployKey", ""),
            Secret::HostKey(machine) => {
                if !in_hosts {
                    out.push_str("hostKeys:\n");
                    in_hosts = true;
                }
                (machine.as_str(), "  ")
            }
        };
        let _ = writeln!(out, "{indent}{}:", if in_hosts { quoted(key) } else { key.to_owned() });
        text(&mut out, indent, "value", &value.text);
        if let Some(made) = value.made {
            let _ = writeln!(out, "{indent}  made: {made:.0}");
        }
        if let Some(before) = &value.before {
            text(&mut out, indent, "before", before);
        }
    }
    Redacted::new(std::mem::take(&mut *out))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// Lines as a literal block, anything else between quotes.
fn text(out: &mut String, indent: &str, key: &str, text: &Redacted) {
    let text = text.expose();
    let is_block = text.ends_with('\n')
        && !text.ends_with("\n\n")
        && text
            .lines()
            .all(|line| !line.is_empty() && line.bytes().all(|b| b.is_ascii_graphic() || b == b' '))
        && !text.starts_with(' ');
    if is_block {
        let _ = writeln!(out, "{indent}  {key}: |");
        for line in text.lines() {
            let _ = writeln!(out, "{indent}    {line}");
        }
    } else {
        let _ = writeln!(out, "{indent}  {key}: {}", *Zeroizing::new(quoted(text)));
    }
}

/// Reads a document.
///
/// # Errors
/// With everything that is wrong with it.
pub fn read(cluster: &ClusterName, text: &Redacted) -> Result<Kept, Vec<Wrong>> {
    let mut report = Report::on(vec![Some("secrets".to_owned())]);
    let tree = parse::parse(0, text.expose().as_bytes(), &mut report);
    let problems = report.into_diagnostics();
    let Some(tree) = tree.filter(|_| problems.is_empty()) else {
        // Its message may quote the document; its title does not.
        let wrong = problems.iter().map(|problem| Wrong {
            line: problem.place.as_ref().map_or(0, |place| place.line),
            what: crate::input::code::find(problem.code).map_or(problem.code, |code| code.title).to_owned(),
        });
        let wrong: Vec<Wrong> = wrong.collect();
        return Err(if wrong.is_empty() {
            vec![Wrong { line: 1, what: "it is empty".to_owned() }]
        } else {
            wrong
        });
    };
    let mut reader = Reader { kept: Kept::default(), wrong: Vec::new() };
    reader.document(cluster, &tree);
    if reader.wrong.is_empty() { Ok(reader.kept) } else { Err(reader.wrong) }
}

struct Reader {
    kept: Kept,
    wrong: Vec<Wrong>,
}

impl Reader {
    fn wrong(&mut self, tree: &Tree, what: impl Into<String>) {
        self.wrong.push(Wrong { line: tree.span.line, what: what.into() });
    }

    fn document(&mut self, cluster: &ClusterName, tree: &Tree) {
        if tree.get("version").and_then(Tree::integer) != Some(VERSION) {
            self.wrong(tree, format!("it has no `version: {VERSION}`, or that of another nix8s"));
        }
        if tree.get("cluster").and_then(Tree::text).as_deref() != Some(cluster.as_str()) {
            self.wrong(
                tree,
                format!("it does not say `cluster: {cluster}`: are these the secrets of another cluster?"),
            );
        }
        for Entry { key, tree, key_span } in tree.entries() {
            match &**key {
                "version" | "cluster" => {}
                "recipients" => {
                    let texts = tree.items().iter().filter_map(Tree::text).map(|text| text.into_owned());
                    self.kept.recipients = texts.collect();
                }
                "token" => self.secret(Secret::Token, tree),
                "agentToken" => self.secret(Secret::AgentToken, tree),
                "deployKey" => self.secret(Secret::DeployKey, tree),
                "hostKeys" => {
                    for entry in tree.entries() {
                        match entry.key.parse::<MachineName>() {
                            Ok(machine) => self.secret(Secret::HostKey(machine), &entry.tree),
                            Err(_) => self.wrong(&entry.tree, "this is no name of a machine"),
                        }
                    }
                }
                _ => {
                    let what = "there is no such key here; there are version, cluster, recipients, token, agentToken, deployKey and hostKeys";
                    self.wrong.push(Wrong { line: key_span.line, what: what.to_owned() });
                }
            }
        }
    }

    fn secret(&mut self, secret: Secret, tree: &Tree) {
        let known = ["value", "made", "before"];
        if let Some(entry) = tree.entries().iter().find(|entry| !known.contains(&&*entry.key)) {
            let what = "there is no such key here; there are value, made and before";
            self.wrong.push(Wrong { line: entry.key_span.line, what: what.to_owned() });
        }
        let Some(text) = self.value(&secret, tree.get("value").unwrap_or(tree)) else { return };
        let before = tree.get("before").and_then(|tree| self.value(&secret, tree));
        let made = tree.get("made").and_then(|made| {
            let at = made.text().and_then(|text| text.parse::<Timestamp>().ok());
            if at.is_none() {
                self.wrong(made, "this is no time such as 2026-01-31T12:00:00Z");
            }
            at
        });
        self.kept.values.insert(secret, Value { text, made, before });
    }

    fn value(&mut self, secret: &Secret, tree: &Tree) -> Option<Redacted> {
        let text = match &tree.value {
            tree::Value::Text(text) => Some(Redacted::new(&**text)),
            tree::Value::Null
            | tree::Value::Bool(_)
            | tree::Value::Integer(_)
            | tree::Value::Float(..)
            | tree::Value::List(_)
            | tree::Value::Map(_) => None,
        };
        let what = match (&text, is_key(secret)) {
            (None, _) => Some(format!("{secret} is no text; a number needs quotes to be one")),
            (Some(text), true) => (!is_private_key(text.expose()))
                .then(|| format!("{secret} is no private key in the format of OpenSSH")),
            (Some(text), false) => token_problem(text.expose()).map(|what| format!("{secret} {what}")),
        };
        match what {
            None => text,
            Some(what) => {
                self.wrong(tree, what);
                None
            }
        }
    }
}

fn is_private_key(text: &str) -> bool {
    text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n")
        && text.trim_end().ends_with("-----END OPENSSH PRIVATE KEY-----")
}

/// What k3s would make something else of (facts: the full form pins a certificate authority and is not for servers).
pub fn token_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.contains(':') {
        Some("has a colon: k3s wants the short form here, the password at its end")
    } else if !text.bytes().all(|b| b.is_ascii_graphic()) {
        Some("has blanks or characters that are not ASCII")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";

    fn prod() -> ClusterName {
        "prod".parse().unwrap()
    }

    fn kept() -> Kept {
        let mut kept = Kept { recipients: vec!["age1x".to_owned()], ..Kept::default() };
        kept.add(Secret::Token, "1234".into(), Timestamp::UNIX_EPOCH);
        kept.add(Secret::DeployKey, KEY.into(), Timestamp::UNIX_EPOCH);
        kept.add(Secret::HostKey("prod-cp1".parse().unwrap()), KEY.into(), Timestamp::UNIX_EPOCH);
        kept.add(Secret::HostKey("1".parse().unwrap()), KEY.into(), Timestamp::UNIX_EPOCH);
        kept.rotate(&Secret::Token, "a\"b#c".into(), Timestamp::UNIX_EPOCH).unwrap();
        kept
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let written = write(&prod(), &kept());
        assert_snapshot!(written.expose());
        assert_eq!(read(&prod(), &written), Ok(kept()));
    }

    #[test]
    fn a_value_may_stand_alone() {
        let read = read(&prod(), &"version: 1\ncluster: prod\ntoken: abc\n".into()).unwrap();
        assert_eq!(read.values[&Secret::Token], Value { text: "abc".into(), made: None, before: None });
    }

    /// Each has the word that nobody may see where it is easily quoted.
    #[test]
    fn what_is_wrong_is_told_without_what_stands_there() {
        let head = "version: 1\ncluster: prod\n";
        let mut all = String::new();
        for body in [
            "token: \"hunter2",
            "token: hunter2\ntoken: hunter2",
            "hunter2: x",
            "token: { hunter2: x, value: y }",
            "token: [hunter2]",
            "token: K10hunter2::server:x",
            "token: hunter2 hunter2",
            "token: 12345",
            "deployKey: hunter2",
            "hostKeys: { hunter2!: x }",
            "hostKeys: { cp1: hunter2 }",
            "token: { value: x, made: hunter2 }",
            "token: *hunter2",
        ] {
            let wrong = read(&prod(), &format!("{head}{body}\n").into()).unwrap_err();
            let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            let _ = writeln!(all, "{}", said.join("; "));
        }
        for whole in ["", "hunter2", "version: 2\ncluster: hunter2\n"] {
            let wrong = read(&prod(), &whole.into()).unwrap_err();
            let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            let _ = writeln!(all, "{}", said.join("; "));
        }
        assert!(!all.contains("hunter"), "{all}");
        assert_snapshot!(all);
    }
}
