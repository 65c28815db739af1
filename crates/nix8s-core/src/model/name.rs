//! Names that users give and machines carry: parsed once at the edge, never checked again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// Why a text is not a DNS label (RFC 1123: 1 to 63 of `a-z`, `0-9` and `-`, no `-` at the ends).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a DNS label (RFC 1123): 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
)]
pub struct NotALabel {
    text: String,
}

fn label(text: &str) -> Result<Arc<str>, NotALabel> {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    let good = (1..=63).contains(&bytes.len())
        && bytes.iter().all(inner)
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-';
    if good { Ok(Arc::from(text)) } else { Err(NotALabel { text: text.chars().take(80).collect() }) }
}

macro_rules! label_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotALabel;
            fn from_str(text: &str) -> Result<Self, NotALabel> {
                label(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

label_type! {
    /// The name of a cluster: a key of `clusters`.
    ClusterName
}
label_type! {
    /// The name of an entry of a cluster: a key of `clusters.<cluster>.members`.
    MemberName
}
label_type! {
    /// The name of a member and its metal: hostname, Kubernetes node name and flake attribute.
    /// By default `<cluster>-<member>`.
    MachineName
}

/// A MAC address, printed as `aa:bb:cc:dd:ee:ff`; `-` as separator and upper case are accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

/// Why a text is not a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a MAC address such as aa:bb:cc:dd:ee:01")]
pub struct NotAMac {
    text: String,
}

impl MacAddr {
    /// The address of these bytes.
    pub fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl FromStr for MacAddr {
    type Err = NotAMac;
    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let wrong = || NotAMac { text: text.chars().take(80).collect() };
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(wrong)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A path below `/nix/store`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StorePath(Arc<str>);

impl StorePath {
    /// Takes a program's word for a path.
    pub fn new(path: &str) -> Self {
        Self(Arc::from(path))
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight characters of the hash: enough for people to tell two systems apart.
    pub fn short(&self) -> &str {
        let name = self.0.strip_prefix("/nix/store/").unwrap_or(&self.0);
        name.get(..8).unwrap_or(name)
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_rfc_1123() {
        for good in ["a", "cp-1", "9", &"x".repeat(63)] {
            assert!(good.parse::<MachineName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "$(id)", "../x", "a\0", &"x".repeat(64), "ä"] {
            assert!(bad.parse::<MachineName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn mac_addresses_have_one_spelling_inside() {
        let mac: MacAddr = "AA-BB-CC-DD-EE-01".parse().unwrap();
        assert_eq!(mac.to_string(), "aa:bb:cc:dd:ee:01");
        for bad in ["aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:01:02", "+a:bb:cc:dd:ee:01", "", "aabbccddee01"] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }
}
