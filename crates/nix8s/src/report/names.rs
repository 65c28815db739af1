//! Lists of machines in few words: `12 workers: w1, w2, … w12`.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::model::Role;

use crate::output::Detail;

/// Names that are written out before a list is folded.
const NAMES_MAX: usize = 4;

/// `prod-w1`, or `12 workers: prod-w1, prod-w2, … prod-w12`.
pub fn machines(names: &[&MachineName], cluster: &Cluster, detail: Detail) -> String {
    match names {
        [one] => one.to_string(),
        _ => format!("{}: {}", counted(names, cluster), list(names, detail)),
    }
}

/// `12 workers`, `3 control planes`, or `15 machines` when they are not all the same.
pub fn counted(names: &[&MachineName], cluster: &Cluster) -> String {
    let role = |name: &&MachineName| cluster.machines.get(*name).map(|machine| machine.role);
    let first = names.first().and_then(role);
    let same = names.iter().all(|name| role(name) == first);
    let noun = match first.filter(|_| same) {
        Some(Role::ControlPlane) => "control plane",
        Some(Role::Worker) => "worker",
        Some(Role::None) | None => "machine",
    };
    count(names.len(), noun)
}

/// `1 machine`, `2 machines`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// `10,000`: long numbers are read in groups.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `w1, w2, … w12`, as people count.
pub fn list(names: &[&MachineName], detail: Detail) -> String {
    let mut names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.sort_by(|a, b| natural(a, b));
    match detail {
        Detail::Quiet | Detail::Normal => folded(&names),
        Detail::Verbose => names.join(", "),
    }
}

/// `w3, w1, … w2`, as they come.
pub fn list_in_order(names: &[&MachineName]) -> String {
    folded(&names.iter().map(|name| name.as_str()).collect::<Vec<_>>())
}

fn folded(names: &[&str]) -> String {
    match names {
        [first, second, .., last] if names.len() > NAMES_MAX => format!("{first}, {second}, … {last}"),
        few => few.join(", "),
    }
}

/// Compares names so that `w2` comes before `w10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                number(&mut left).cmp(&number(&mut right))
            }
            (Some(_), Some(_)) => left.next().cmp(&right.next()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A run of digits as something that compares like its number, however long it is.
fn number(chars: &mut Peekable<Chars<'_>>) -> (usize, String) {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_folded_in_counting_order() {
        let names: Vec<MachineName> = (1..=12).map(|n| format!("w{n}").parse().unwrap()).collect();
        let mut refs: Vec<&MachineName> = names.iter().collect();
        refs.sort();
        assert_eq!(list(&refs, Detail::Normal), "w1, w2, … w12");
        assert_eq!(list(&refs[..3], Detail::Normal), "w1, w10, w11");
        assert!(list(&refs, Detail::Verbose).ends_with("w9, w10, w11, w12"));
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert_eq!(natural("w2", "w10"), Ordering::Less);
        assert_eq!(natural("w02", "w2"), Ordering::Less);
        assert_eq!(natural("a", "a1"), Ordering::Less);
        assert_eq!(natural("w99999999999999999999999", "w100000000000000000000000"), Ordering::Less);
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!([7, 1000, 10_000, 1_234_567].map(thousands), ["7", "1,000", "10,000", "1,234,567"]);
    }
}
