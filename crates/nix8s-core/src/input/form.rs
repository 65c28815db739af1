//! The forms that texts in a document take: what each is called for people, and which texts have it.
//!
//! Whatever ends up in a command line, a path or a Nix expression is held to plain characters here, at the edge.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::MacAddr;
use crate::model::MachineName;
use crate::model::size::parse_duration;
use crate::model::size::parse_size;

/// A form of text.
#[derive(Debug)]
pub struct Form {
    /// What it is, with an example.
    pub what: &'static str,
    /// Whether a text has the form; otherwise what would be right, if that can be said.
    pub check: fn(&str) -> Result<(), Option<String>>,
}

macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident = $what:literal, $check:expr;)*) => {
        $($(#[$doc])* pub const $name: Form = Form { what: $what, check: $check };)*
    };
}

forms! {
    /// One line.
    TEXT = "a text of one line", |t| only(!t.chars().any(char::is_control) && t.len() <= 4096);
    /// Any number of lines.
    PROSE = "a text", |t| only(!t.contains('\0'));
    /// RFC 1123.
    LABEL = "a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit", label;
    /// RFC 1123, several labels.
    DOMAIN = "a domain name such as k8s.example.com", |t| only(t.len() <= 253 && t.split('.').all(|l| label(l).is_ok()));
    /// Either family.
    IP = "an IP address such as 192.168.1.10", ip;
    /// An address or what is assigned from outside.
    IP_OR_AUTO = "an IP address such as 192.168.1.10, or auto", |t| if t == "auto" { Ok(()) } else { ip(t) };
    /// A network.
    CIDR = "a network such as 10.42.0.0/16", cidr;
    /// An address and its network's length.
    ADDRESS = "an address with its prefix length such as 10.0.30.10/24", |t| only(t.parse::<IpNet>().is_ok());
    /// Addresses from one to another.
    IP_RANGE = "a range of addresses such as 192.168.1.100-192.168.1.200", |t| only(range(t).is_some());
    /// A range or a network.
    IP_POOL = "a network such as 10.0.9.0/24 or a range such as 10.0.9.1-10.0.9.9",
        |t| only(range(t).is_some() || cidr(t).is_ok());
    /// Ethernet.
    MAC = "a MAC address such as aa:bb:cc:dd:ee:01", |t| only(t.parse::<MacAddr>().is_ok());
    /// More than nothing, at most a year.
    DURATION = "a duration such as 90s, 5m or 1h30m", |t| duration(t, Duration::from_millis(1));
    /// Nothing is allowed.
    PAUSE = "a duration such as 0s, 90s or 5m", |t| duration(t, Duration::ZERO);
    /// Some bytes.
    SIZE = "a size such as 512M or 16G", |t| only(parse_size(t).is_ok_and(|bytes| bytes > 0));
    /// What swap takes.
    SIZE_OR_NONE = "a size such as 16G, or none", |t| only(t == "none" || parse_size(t).is_ok_and(|b| b > 0));
    /// What the root file system takes.
    SIZE_OR_REST = "a size such as 100G, or rest", |t| only(t == "rest" || parse_size(t).is_ok_and(|b| b >= 4 << 30));
    /// A boot partition holds several kernels.
    BOOT_SIZE = "a size of at least 256M such as 1G", |t| only(parse_size(t).is_ok_and(|bytes| bytes >= 256 << 20));
    /// A block device.
    DEVICE = "an absolute device path of plain characters such as /dev/disk/by-id/nvme-…", device;
    /// A file, here or on a machine.
    FILE = "a path such as ./keys/deploy or /etc/key", file;
    /// On a machine.
    ABSOLUTE = "an absolute path such as /var/backups", |t| only(t.starts_with('/') && file(t).is_ok() && !t.split('/').any(|p| p == ".."));
    /// A web address.
    URL = "an address such as https://example.com/path", url;
    /// What a Helm repository may be.
    REPO = "an address such as https://charts.example.com or oci://ghcr.io/example", |t| only(url(t).is_ok() || t.strip_prefix("oci://").is_some_and(|rest| url(&format!("https://{rest}")).is_ok()));
    /// A name or address that ssh takes.
    HOST = "a host name or address", |t| only(!t.is_empty() && t.len() <= 253 && !t.starts_with('-') && t.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-_%".contains(&b)));
    /// user@host:port, several with commas.
    JUMP = "a host as user@host:port", |t| only(!t.is_empty() && !t.starts_with('-') && t.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-_@,[]".contains(&b)));
    /// POSIX.
    USER = "a user name such as root", |t| only((1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)) && !t.starts_with(['-', '.']));
    /// Linux: 15 bytes.
    INTERFACE = "a network interface such as eth0: at most 15 plain characters", interface;
    /// A kernel parameter, a unit, a module.
    WORD = "a word of printable characters without spaces", word;
    /// An SSH public key.
    PUBLIC_KEY = "an SSH public key such as ssh-ed25519 AAAA…", |t| only(t.contains(' ') && (TEXT.check)(t).is_ok() && ["ssh-", "ecdsa-", "sk-"].iter().any(|k| t.starts_with(k)));
    /// The key of a label.
    LABEL_KEY = "a Kubernetes name such as example.com/role", |t| only(qualified(t));
    /// The value of a label.
    LABEL_VALUE = "at most 63 of letters, digits, -, _ and ., beginning and ending with a letter or digit", |t| only(t.is_empty() || name_part(t));
    /// key=value:Effect.
    TAINT = "a taint such as key=value:NoSchedule; effects are NoSchedule, PreferNoSchedule, NoExecute", |t| only(taint(t));
    /// A NixOS release.
    STATE_VERSION = "a NixOS release such as 26.05", |t| only(matches!(t.as_bytes(), [a, b, b'.', c, d] if [a, b, c, d].iter().all(|x| x.is_ascii_digit())));
    /// A branch of nixpkgs.
    RELEASE = "a nixpkgs release such as nixos-26.05", |t| only(t.starts_with("nixos-") && word(t).is_ok() && plain(t));
    /// ZFS.
    HOST_ID = "8 hexadecimal digits such as 8425e349", |t| only(t.len() == 8 && t.bytes().all(|b| b.is_ascii_hexdigit()));
    /// A Kubernetes version; whether the distribution writes it so is checked with the cluster.
    VERSION = "a Kubernetes version such as 1.34 or v1.34.1", |t| only(t.parse::<crate::model::Version>().is_ok());
    /// A release of a chart or platform.
    RELEASE_VERSION = "a version such as 1.6.2", |t| only(plain(t));
    /// A chart, a phase, a pool: something that is named.
    NAME = "a name of letters, digits, -, _, . and /", |t| only(!t.is_empty() && t.len() <= 253 && !t.starts_with(['-', '.']) && !t.contains("..") && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)));
    /// A name that becomes a file name in the state directory.
    PLAIN = "a name of at most 63 letters, digits, - and _", |t| only((1..=63).contains(&t.len()) && !t.starts_with('-') && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    /// A chart: a name in a repository, or an OCI address.
    CHART = "a chart such as repo/chart or oci://ghcr.io/example/chart", |t| only((NAME.check)(t).is_ok() || (REPO.check)(t).is_ok());
    /// A flake reference.
    FLAKE = "a flake reference such as .#host", |t| only(!t.is_empty() && !t.starts_with('-') && word(t).is_ok());
}

fn only(good: bool) -> Result<(), Option<String>> {
    if good { Ok(()) } else { Err(None) }
}

fn plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 80
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
}

fn label(text: &str) -> Result<(), Option<String>> {
    if text.parse::<MachineName>().is_ok() {
        return Ok(());
    }
    let mended: String = text
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c == '_' || c == '.' { '-' } else { c })
        .collect();
    let good = mended != text && mended.parse::<MachineName>().is_ok();
    Err(good.then(|| format!("for example {mended}")))
}

fn ip(text: &str) -> Result<(), Option<String>> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let address = text.split_once('/').map(|(address, _)| address).filter(|a| a.parse::<IpAddr>().is_ok());
    Err(address.map(|address| format!("write {address}; the prefix length has a key of its own")))
}

fn cidr(text: &str) -> Result<(), Option<String>> {
    let net = text.parse::<IpNet>().map_err(|_| None)?;
    if net.trunc() == net { Ok(()) } else { Err(Some(format!("the network of {text} is {}", net.trunc()))) }
}

/// Both ends of a range of addresses.
pub fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (from, to) = text.split_once('-')?;
    let (from, to): (IpAddr, IpAddr) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from.is_ipv4() == to.is_ipv4() && from <= to).then_some((from, to))
}

fn duration(text: &str, least: Duration) -> Result<(), Option<String>> {
    /// Longer is a mistake, and sums of durations must not overflow.
    const MOST: Duration = Duration::from_secs(365 * 86_400);
    match parse_duration(text) {
        Ok(duration) if duration > MOST => Err(Some("the longest is 365d".to_owned())),
        Ok(duration) => only(duration >= least),
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            Err(Some(format!("write the unit, for example {text}s")))
        }
        Err(_) => Err(None),
    }
}

/// udev escapes everything else in the names below /dev/disk.
fn device(text: &str) -> Result<(), Option<String>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.:+@=,#".contains(&b);
    let Some(rest) = text.strip_prefix("/dev/") else { return Err(None) };
    let good = !rest.is_empty() && text.len() <= 255 && text.bytes().all(plain);
    only(good && !rest.split('/').any(|part| part.is_empty() || part == "." || part == ".."))
}

fn file(text: &str) -> Result<(), Option<String>> {
    only(
        !text.is_empty()
            && text.len() <= 4095
            && !text.starts_with('-')
            && !text.chars().any(char::is_control),
    )
}

fn url(text: &str) -> Result<(), Option<String>> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    only(good && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"'`\\<>".contains(&b)))
}

fn interface(text: &str) -> Result<(), Option<String>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    only((1..=15).contains(&text.len()) && text != "." && text != ".." && text.bytes().all(plain))
}

fn word(text: &str) -> Result<(), Option<String>> {
    only(!text.is_empty() && text.len() <= 1024 && text.bytes().all(|b| b.is_ascii_graphic()))
}

fn name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && bytes[0].is_ascii_alphanumeric()
        && bytes[bytes.len() - 1].is_ascii_alphanumeric()
}

fn qualified(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => (DOMAIN.check)(prefix).is_ok() && name_part(name),
        None => name_part(text),
    }
}

fn taint(text: &str) -> bool {
    let Some((what, effect)) = text.rsplit_once(':') else { return false };
    let (key, value) = what.split_once('=').unwrap_or((what, ""));
    qualified(key)
        && (value.is_empty() || name_part(value))
        && ["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(form: &Form, text: &str) -> bool {
        (form.check)(text).is_ok()
    }

    #[test]
    fn hostile_texts_have_none_of_the_strict_forms() {
        let strict = [
            &LABEL,
            &DOMAIN,
            &IP,
            &CIDR,
            &MAC,
            &DURATION,
            &SIZE,
            &DEVICE,
            &URL,
            &HOST,
            &JUMP,
            &USER,
            &INTERFACE,
            &LABEL_KEY,
            &LABEL_VALUE,
            &TAINT,
            &VERSION,
            &NAME,
            &PLAIN,
            &RELEASE,
            &ABSOLUTE,
            &REPO,
        ];
        for text in [
            "$(id)",
            "../x",
            "\"; rm -rf /",
            "a\nb",
            "/dev/sda\n",
            "/dev/../etc/passwd",
            "-oProxyCommand=id",
            "a\0b",
        ] {
            for form in strict {
                assert!(!good(form, text), "{text:?} as {}", form.what);
            }
        }
    }

    #[test]
    fn devices_are_absolute_paths_below_dev() {
        for text in [
            "/dev/sda",
            "/dev/disk/by-id/nvme-Samsung_SSD_980_S649NX0T",
            "/dev/disk/by-path/pci-0000:00:1f.2-ata-1",
        ] {
            assert!(good(&DEVICE, text), "{text}");
        }
        for text in ["sda", "/etc/passwd", "/dev/", "/dev//sda", "/dev/./sda", "/dev/sda b"] {
            assert!(!good(&DEVICE, text), "{text}");
        }
    }

    #[test]
    fn d_11_an_address_with_a_part_over_255_is_refused() {
        assert!(!good(&ADDRESS, "10.0.300.10/24"));
        assert!(good(&ADDRESS, "10.0.30.10/24"));
    }

    #[test]
    fn a_network_with_host_bits_names_the_network() {
        assert_eq!(
            (CIDR.check)("10.42.7.1/16"),
            Err(Some("the network of 10.42.7.1/16 is 10.42.0.0/16".to_owned()))
        );
    }
}
