//! Kubernetes versions as each distribution writes them.

use crate::model::Distribution;
use crate::model::Version;

/// A version in the spelling of a distribution, or what is wrong with it and what would be right.
///
/// # Errors
/// When it is no version, or another distribution's.
pub fn read(text: &str, distribution: Distribution) -> Result<Version, (String, Option<String>)> {
    let example = match distribution {
        Distribution::K3s => "v1.34.1+k3s1",
        Distribution::Kubeadm => "v1.34.1",
        Distribution::K0s => "v1.34.1+k0s.0",
    };
    let shown: String = text.chars().take(80).collect();
    let wrong = |more: Option<String>| {
        let help = more.unwrap_or_else(|| format!("write a minor release such as 1.34, or {example}"));
        Err((format!("{shown:?} is not a version of {distribution}"), Some(help)))
    };
    let Ok(version) = text.parse::<Version>() else { return wrong(None) };
    let build = version.build.as_deref();
    let counted = |prefix: &str| {
        let digits = build.and_then(|build| build.strip_prefix(prefix));
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let good = match (version.patch, distribution) {
        (None, _) => true,
        (Some(_), Distribution::K3s) => counted("k3s"),
        (Some(_), Distribution::Kubeadm) => build.is_none(),
        (Some(_), Distribution::K0s) => counted("k0s."),
    };
    if good {
        return Ok(version);
    }
    let plain = Version { build: None, ..version };
    wrong(Some(match distribution {
        Distribution::K3s => format!("write {plain}+k3s1, or {} for any patch of it", plain.minor_only()),
        Distribution::Kubeadm => format!("write {plain}, or {} for any patch of it", plain.minor_only()),
        Distribution::K0s => format!("write {plain}+k0s.0, or {} for any patch of it", plain.minor_only()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distribution_has_its_spelling() {
        for (text, distribution) in [
            ("1.34", Distribution::K3s),
            ("v1.34.1+k3s1", Distribution::K3s),
            ("v1.34.1", Distribution::Kubeadm),
            ("1.29", Distribution::Kubeadm),
            ("v1.34.1+k0s.0", Distribution::K0s),
        ] {
            assert!(read(text, distribution).is_ok(), "{text} of {distribution}");
        }
        for (text, distribution) in [
            ("v1.34.1", Distribution::K3s),
            ("v1.34.1+k3s1", Distribution::Kubeadm),
            ("v1.34.1+k3s1", Distribution::K0s),
            ("v1.34.1+k3s", Distribution::K3s),
            ("latest", Distribution::K3s),
            ("v1.34.1+k3s$(id)", Distribution::K3s),
        ] {
            assert!(read(text, distribution).is_err(), "{text} of {distribution}");
        }
    }
}
