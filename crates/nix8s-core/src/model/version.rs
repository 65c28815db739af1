//! Kubernetes versions as the distributions write them.

use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// A Kubernetes version: `1.34` (a minor: any patch of it), `v1.34.1`, `v1.34.1+k3s1`.
///
/// Ordered by minor, patch and build; equal only when the same in all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    /// 1, as long as there is only that.
    pub major: u32,
    /// The minor release.
    pub minor: u32,
    /// The patch level; `None` means any.
    pub patch: Option<u32>,
    /// What the distribution adds, without the `+`: `k3s1`, `k0s.0`.
    pub build: Option<String>,
}

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a Kubernetes version such as 1.34 or v1.34.1")]
pub struct NotAVersion {
    text: String,
}

impl std::str::FromStr for Version {
    type Err = NotAVersion;
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let wrong = || NotAVersion { text: text.chars().take(80).collect() };
        let bare = text.strip_prefix('v').unwrap_or(text);
        let (numbers, build) = match bare.split_once('+') {
            Some((numbers, build)) => (numbers, Some(build)),
            None => (bare, None),
        };
        let number = |part: &str| {
            let plain = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            if plain { part.parse::<u32>().map_err(|_| wrong()) } else { Err(wrong()) }
        };
        let mut parts = numbers.split('.');
        let major = number(parts.next().unwrap_or_default())?;
        let minor = number(parts.next().ok_or_else(wrong)?)?;
        let patch = parts.next().map(number).transpose()?;
        let clean_build =
            |b: &str| !b.is_empty() && b.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'.');
        if parts.next().is_some() || major != 1 || build.is_some_and(|b| patch.is_none() || !clean_build(b)) {
            return Err(wrong());
        }
        Ok(Self { major, minor, patch, build: build.map(str::to_owned) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.patch, &self.build) {
            (None, _) => write!(f, "{}.{}", self.major, self.minor),
            (Some(patch), None) => write!(f, "v{}.{}.{patch}", self.major, self.minor),
            (Some(patch), Some(build)) => write!(f, "v{}.{}.{patch}+{build}", self.major, self.minor),
        }
    }
}

impl Version {
    fn key(&self) -> (u32, u32, Option<u32>, Option<&str>) {
        (self.major, self.minor, self.patch, self.build.as_deref())
    }

    /// The minor release alone, which is what a package is chosen by.
    pub fn minor_only(&self) -> Self {
        Self { patch: None, build: None, ..self.clone() }
    }

    /// The next minor release.
    pub fn next_minor(&self) -> Self {
        Self { minor: self.minor + 1, patch: None, build: None, ..self.clone() }
    }

    /// Whether a node that runs `running` satisfies this wanted version: the same minor release, and the same
    /// patch level if one is given. The distribution's build suffix is not compared.
    pub fn is_met_by(&self, running: &Self) -> bool {
        self.major == running.major
            && self.minor == running.minor
            && (self.patch.is_none() || self.patch == running.patch)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_come_back_as_they_were() {
        for text in ["1.34", "v1.34.1", "v1.34.1+k3s1", "v1.34.1+k0s.0"] {
            assert_eq!(v(text).to_string(), text);
        }
        assert_eq!(v("1.34.1").to_string(), "v1.34.1");
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in
            ["", "1", "v1", "2.0", "1.34.1.1", "1.x", "latest", "1.34+k3s1", "v1.34.1+", "v1.34.1+$(id)"]
        {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_minor_is_met_by_each_of_its_patches() {
        assert!(v("1.34").is_met_by(&v("v1.34.9+k3s1")));
        assert!(!v("1.34").is_met_by(&v("v1.35.0")));
        assert!(!v("v1.34.1").is_met_by(&v("v1.34.2")));
        assert!(v("v1.9.0") < v("v1.10.0"));
    }
}
