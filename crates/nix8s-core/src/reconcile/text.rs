//! Sentences that several reconcilers need.

use jiff::Timestamp;

use super::cx::View;
use crate::observed::Os;

/// How long ago, in the largest unit: `40s`, `12m`, `3h`, `2d`.
pub fn age(now: Timestamp, since: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What runs on a machine.
pub fn os(view: &View<'_>) -> String {
    match view.probe.map(|p| &p.os) {
        Some(Os::Foreign(name)) => name.clone(),
        Some(Os::Installer) => "an installer".to_owned(),
        Some(Os::NixOs { release }) => format!("NixOS {release}"),
        None => "something unknown".to_owned(),
    }
}

/// `one, two and three`.
pub fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
