//! What looks like a secret, so that none is carried from one file into another without a word.

/// Endings of keys whose values are secrets, in lower case without `-` and `_`.
const KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "hashedpwd",
    "token",
    "secret",
    "secretkey",
    "accesskey",
    "secretaccesskey",
    "privatekey",
    "apikey",
    "encryptionkey",
];

/// Whether a text under a key is a secret, as far as can be told.
pub fn is_secret(key: &str, text: &str) -> bool {
    if text.contains("PRIVATE KEY-----") || text.contains("AGE-SECRET-KEY-") {
        return true;
    }
    if has_credentials(text) {
        return true;
    }
    let plain: String =
        key.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect();
    let named = KEYS.iter().any(|ending| plain.ends_with(ending));
    // A path or a variable says where the secret is, not what it is.
    let elsewhere = text.is_empty() || text.starts_with(['/', '.', '~']) || is_variable(text);
    named && !elsewhere
}

/// `$NAME` or `${NAME}`, and not the `$6$…` of a hashed password.
fn is_variable(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `scheme://user:password@host`.
fn has_credentials(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'')).unwrap_or(rest.len());
        let Some((user, _)) = rest[..end].rsplit_once('@') else { return false };
        user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !is_variable(password))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_key_or_by_what_they_look_like() {
        assert!(is_secret("clusterToken", "abc"));
        assert!(is_secret("secret_key", "abc"));
        assert!(is_secret("hashedPassword", "$6$salt$hash"));
        assert!(is_secret("anything", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"));
        assert!(is_secret("url", "https://deploy:hunter2@example.com/x.git"));
    }

    #[test]
    fn where_a_secret_is_kept_is_no_secret() {
        assert!(!is_secret("tokenFile", "/var/lib/token"));
        assert!(!is_secret("token", "/run/secrets/token"));
        assert!(!is_secret("password", "$PASSWORD"));
        assert!(!is_secret("url", "https://example.com:8443/a@b"));
        assert!(!is_secret("url", "https://deploy:$TOKEN@example.com"));
        assert!(!is_secret("ssh_keys", "deploy-key"));
    }
}
