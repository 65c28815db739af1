//! Takes secrets out of texts that others will read: those that are known, and whatever looks like one.
//!
//! It would rather take too much: what is left is read by people who look for a mistake, and not by programs.

use regex_lite::Captures;
use regex_lite::Regex;

use super::Redacted;

/// What stands in the place of a secret.
pub const REMOVED: &str = "(removed)";

/// A known text that is shorter than this is left to the patterns: it would be found everywhere.
const KNOWN_MIN: usize = 6;

/// A line of a known secret that is shorter than this is no secret by itself.
const LINE_MIN: usize = 12;

/// Words in names whose values are secret. `key` alone is not one: most keys are public, or of a map.
const NAMES: &str = "password|passwd|passphrase|passwort|secret|token|credential|client-key-data|client-certificate-data|\
    private[-_]?key|secret[-_]?key|access[-_]?key|api[-_]?key|encryption[-_]?key|preshared[-_]?key|authorization|cookie|htpasswd|pass\\b|pwd\\b";

/// A value in quotes, as JSON has it within JSON, as JSON and as YAML have it.
const QUOTED: &str = r#"\\"(?:[^"\\]|\\[^"])*\\"|"(?:[^"\\]|\\.)*"|'[^']*'"#;

/// Whatever looks like a secret, and what is left of it: `$1` and `$3` stay.
const PATTERNS: &[&str] = &[
    // k3s: K10, the digest of its certificate authority, who and the password. Also without the digest.
    r#"()(K10[0-9A-Za-z]{8,}(?:::(?:\\.|[^\s"\\])*)?)()"#,
    r#"()([A-Za-z0-9]*::(?:server|node|agent):(?:\\.|[^\s"\\])+)()"#,
    // Tokens of kubeadm.
    r"(^|[^A-Za-z0-9.])([a-z0-9]{6}\.[a-z0-9]{16})($|[^A-Za-z0-9])",
    // JSON Web Tokens, of service accounts for example.
    r"()(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?)()",
    // Identities of age.
    r"()((?i:AGE-SECRET-KEY-|AGE-PLUGIN-)[A-Za-z0-9-]+)()",
    // Base64 of anything in PEM.
    r"()(LS0tLS1CRUdJTi[A-Za-z0-9+/=]+)()",
    // Passwords as crypt(5) keeps them.
    r#"()(\$(?:1|2[abxy]?|5|6|7|y|gy|argon2[a-z]*)\$[^\s"':]+)()"#,
    // GitHub, GitLab, Slack, AWS.
    r"()((?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AKIA|ASIA)[A-Za-z0-9_-]{12,})()",
    // Arguments of curl and sshpass, and what keepalived's machines know each other by.
    r#"((?:-u|--user)[ \t=]+["']?[^\s:"']+:)([^\s"']+)()"#,
    r#"((?:sshpass[ \t]+-p|auth_pass)[ \t]*["']?)([^\s"']+)()"#,
    // Whoever logs in by a header.
    r"((?i:bearer|basic)[ \t]+)([A-Za-z0-9._~+/-]{6,}=*)()",
    // user:password@ in an address, and whatever stands before @ where that is no login.
    r#"([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#@:"]*:[^\s/?#"]*)(@)"#,
    r#"((?i:https?)://)([^\s/?#@"]+)(@)"#,
];

/// Takes secrets out.
pub struct Scrubber {
    known: Vec<Redacted>,
    patterns: Vec<Regex>,
    private_key: Regex,
    /// A name and what follows it in YAML or in a sentence, where nothing says how long a value is.
    rest: Regex,
    named: Regex,
    flag: Regex,
    block: Regex,
}

impl Scrubber {
    /// Takes these out, however they are written, and whatever looks like a secret.
    pub fn new<'a>(known: impl IntoIterator<Item = &'a Redacted>) -> Self {
        let regex = |text: &str| Regex::new(text).expect("a test compiles it");
        let mut forms: Vec<String> = known.into_iter().flat_map(|known| forms(known.expose())).collect();
        // The longest first: one may be a part of another.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self {
            known: forms.into_iter().map(Redacted::new).collect(),
            patterns: PATTERNS.iter().map(|text| regex(text)).collect(),
            private_key: regex(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
            rest: regex(&format!(
                r#"((?i)[a-z0-9_.-]*(?:{NAMES})[a-z0-9_.-]*[ \t]*:[ \t]+)([^\s"'{{\[|>&*!][^"\n\\]*)()"#
            )),
            named: regex(&format!(
                r#"((?i)[a-z0-9_.-]*(?:{NAMES})[a-z0-9_.-]*(?:\\?["'])?[ \t]*[:=][ \t]*)({QUOTED}|[^\s,}}\]&"'\\]+)()"#
            )),
            flag: regex(&format!(
                r#"((?im)(?:^|[\s"'\[(,=])--?[a-z0-9-]*(?:{NAMES})(?:\\?["'])?(?:,\s*|\s+))({QUOTED}|[^\s"'\\-][^\s"'\\]*)()"#
            )),
            block: regex(&format!(
                r#"^([ \t-]*)["']?(?i)[A-Za-z0-9_.-]*(?:{NAMES})[A-Za-z0-9_.-]*["']?[ \t]*:[ \t]*[|>][0-9+-]*[ \t]*$"#
            )),
        }
    }

    /// The text without secrets.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for known in &self.known {
            if text.contains(known.expose()) {
                text = text.replace(known.expose(), REMOVED);
            }
        }
        let mut out = self.without_private_keys(&text);
        out = self.without_blocks(&out);
        for pattern in &self.patterns {
            let replaced = pattern
                .replace_all(&out, |found: &Captures<'_>| format!("{}{REMOVED}{}", &found[1], &found[3]));
            out = replaced.into_owned();
        }
        for pattern in [&self.rest, &self.named, &self.flag] {
            let replaced = pattern.replace_all(&out, |found: &Captures<'_>| {
                format!("{}{}{}", &found[1], instead(&found[2]), &found[3])
            });
            out = replaced.into_owned();
        }
        out
    }

    /// From the beginning of a private key in PEM to its end, whatever stands before its lines, or to the end of the text.
    fn without_private_keys(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(begin) = self.private_key.find(rest) {
            out.push_str(&rest[..begin.start()]);
            out.push_str(REMOVED);
            rest = &rest[begin.end()..];
            // What ends it begins as it does.
            let Some(end) = rest.find("-----END ") else { return out };
            let after = &rest[end + "-----END ".len()..];
            rest = after.find("-----").map_or("", |at| &after[at + "-----".len()..]);
        }
        out.push_str(rest);
        out
    }

    /// Texts of several lines in YAML below a name whose value is secret.
    fn without_blocks(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut within: Option<usize> = None;
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\n', '\r']);
            let indent = bare.len() - bare.trim_start().len();
            if let Some(outer) = within {
                if bare.trim().is_empty() || indent > outer {
                    continue;
                }
                within = None;
            }
            out.push_str(line);
            if let Some(found) = self.block.captures(bare) {
                within = Some(found[1].len());
                out.push_str(&format!("{}  {REMOVED}\n", &found[1].replace('-', " ")));
            }
        }
        out
    }
}

/// A value's quotes stay, so that JSON stays JSON; numbers, truths and structures are no secrets.
fn instead(value: &str) -> String {
    /// What is as good as nothing, and what stands for a secret already.
    const PLAIN: [&str; 10] =
        ["", "true", "false", "null", "~", "|", ">", "|-", REMOVED, super::redacted::MARK];
    let quote = ["\\\"", "\"", "'"].into_iter().find(|quote| value.starts_with(quote)).unwrap_or_default();
    let bare = value.strip_prefix(quote).unwrap_or(value);
    let bare = bare.strip_suffix(quote).unwrap_or(bare);
    let is_number = bare.len() < KNOWN_MIN && bare.parse::<f64>().is_ok();
    if is_number || PLAIN.contains(&bare) || bare.starts_with(['{', '[']) {
        return value.to_owned();
    }
    format!("{quote}{REMOVED}{quote}")
}

/// How a known secret may be written: as it is, line by line, as JSON has it, in an address, and in base64.
fn forms(text: &str) -> Vec<String> {
    let bare = text.trim();
    if bare.len() < KNOWN_MIN {
        return Vec::new();
    }
    let json = serde_json::to_string(bare).unwrap_or_default();
    let percent: String = bare
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let mut all =
        vec![bare.to_owned(), json.trim_matches('"').to_owned(), percent, base64(bare), base64(text)];
    let lines =
        bare.lines().map(str::trim).filter(|line| line.len() >= LINE_MIN && !line.starts_with("-----"));
    all.extend(lines.map(str::to_owned));
    all
}

/// RFC 4648, without what pads the end: it is found whether or not that is there.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(text: &str) -> String {
        Scrubber::new([]).scrub(text)
    }

    #[test]
    fn known_secrets_are_found_however_they_are_written() {
        let secret = Redacted::new("pa\"ss wörd/of prod");
        let key = Redacted::new("-----BEGIN X-----\nAAAABBBBCCCCDDDD\nEEEE\n-----END X-----\n");
        let scrubber = Scrubber::new([&secret, &key]);
        for text in [
            "it is pa\"ss wörd/of prod",
            r#"{"a":"pa\"ss wörd/of prod"}"#,
            "https://x/?q=pa%22ss%20w%C3%B6rd%2Fof%20prod",
            "data: cGEic3Mgd8O2cmQvb2YgcHJvZA==",
            "Nov 21 k3s[1]: AAAABBBBCCCCDDDD",
            "LS0tLS1CRUdJTiBYLS0tLS0KQUFBQUJCQkJDQ0NDREREREQK",
        ] {
            let out = scrubber.scrub(text);
            assert!(out.contains(REMOVED), "{text}: {out}");
            for part in ["pa\"ss", "wörd", "cGEic", "AAAABBBB", "pa%22", "QUFBQ"] {
                assert!(!out.contains(part), "{text}: {out}");
            }
        }
        assert_eq!(
            Scrubber::new([&Redacted::new("abc")]).scrub("abcdef"),
            "abcdef",
            "too short to be looked for"
        );
        for (text, coded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text), coded);
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_one() {
        let digest = "0123456789abcdef".repeat(4);
        for (text, left) in [
            (format!("token K10{digest}::server:hunter2 is used"), "token (removed) is used"),
            ("joined with abcdef.0123456789abcdef.".to_owned(), "joined with (removed)."),
            ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrM3MifQ.c2lnbmF0dXJl".to_owned(), "(removed)"),
            ("# AGE-SECRET-KEY-1QQPZRY9 #".to_owned(), "# (removed) #"),
            ("client-key-data: R0hJSktM".to_owned(), "client-key-data: (removed)"),
            ("ca: LS0tLS1CRUdJTiBFQyBQUklWQVRF".to_owned(), "ca: (removed)"),
            ("hash $6$salt$abc/def. end".to_owned(), "hash (removed) end"),
            (
                "git clone https://me:hunter2@git.example.org/x".to_owned(),
                "git clone https://(removed)@git.example.org/x",
            ),
            ("https://hunter2@git.example.org/x".to_owned(), "https://(removed)@git.example.org/x"),
            ("Authorization: Bearer abc.def-ghi".to_owned(), "Authorization: (removed)"),
            ("DB_PASSWORD=hunter2 run".to_owned(), "DB_PASSWORD=(removed) run"),
            (r#"{"password":"hunter \"2\"","a":1}"#.to_owned(), r#"{"password":"(removed)","a":1}"#),
            (r#"say "{\"token\":\"hunter2\"}""#.to_owned(), r#"say "{\"token\":\"(removed)\"}""#),
            ("k3s agent --token hunter2 --server x".to_owned(), "k3s agent --token (removed) --server x"),
            (r#"["k3s","--token","hunter2"]"#.to_owned(), r#"["k3s","--token","(removed)"]"#),
            ("/login?user=a&password=hunter2&x=1".to_owned(), "/login?user=a&password=(removed)&x=1"),
            ("dbPassword: 'hunter2'".to_owned(), "dbPassword: '(removed)'"),
            ("  - password: hunter2 and, more\n    b: 1".to_owned(), "  - password: (removed)\n    b: 1"),
            ("2026 k3s: token: hunter2 of hunter2".to_owned(), "2026 k3s: token: (removed)"),
            (r#"{"said":"token: hunter2 of hunter2"}"#.to_owned(), r#"{"said":"token: (removed)"}"#),
            ("run --password 'hunter2 hunter2' --x".to_owned(), "run --password '(removed)' --x"),
            (r#"["--token", "hunter2 hunter2", "-x"]"#.to_owned(), r#"["--token", "(removed)", "-x"]"#),
            ("curl -u me:hunter2 https://x".to_owned(), "curl -u me:(removed) https://x"),
            ("auth_pass hunter2".to_owned(), "auth_pass (removed)"),
            ("DB_PASS=hunter2".to_owned(), "DB_PASS=(removed)"),
            ("Cookie: session=hunter2; other=hunter2".to_owned(), "Cookie: (removed)"),
        ] {
            assert_eq!(scrubbed(&text), left, "{text}");
        }
    }

    #[test]
    fn private_keys_go_whole_whatever_stands_before_their_lines() {
        let key = "a\nNov 21 k3s: -----BEGIN EC PRIVATE KEY-----\nNov 21 k3s: AAAA\nNov 21 k3s: -----END EC PRIVATE KEY-----\nb";
        assert_eq!(scrubbed(key), "a\nNov 21 k3s: (removed)\nb");
        let json =
            r#"{"k":"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n","l":1}"#;
        assert_eq!(scrubbed(json), r#"{"k":"(removed)\n","l":1}"#);
        assert_eq!(scrubbed("a -----BEGIN PRIVATE KEY-----\nAAAA\nBBBB"), "a (removed)", "it was cut off");
        let block = "x:\n  dbPassword: |\n    hunter2\n    more\n\n  y: 1\n";
        assert_eq!(scrubbed(block), "x:\n  dbPassword: |\n    (removed)\n  y: 1\n");
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(scrubbed(certificate), certificate);
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "prod-w1 answers at 10.0.0.21 (NixOS 26.05)",
            "ssh -l root -- 10.0.0.21, ssh://root@10.0.0.21",
            "/nix/store/6d5q1gq3p1b0m0v8zrhn9bq6a7kzvj3n-nixos-system-w1-26.05",
            "SHA256:uNiVztksCsDhcc0u9e8BrQXVUpKZIDTMczCvj3tD2vk ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ",
            r#"{"secrets":{"provider":"age"},"token":null,"tokens":2,"secret":true}"#,
            "  \"token\": null,\n  \"tokens\": 2,\n  \"secrets\": {\n  \"passed\": true",
            "1 passed, 2 failed, bypass of nothing",
            r#"{"missing":["token","agent-token","deploy-key"]}"#,
            "version v1.34.3+k3s1, token: (redacted)",
        ] {
            assert_eq!(scrubbed(text), text);
        }
    }
}
