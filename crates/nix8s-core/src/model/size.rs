//! Durations and sizes: parsed once, printed one way.

use std::time::Duration;

/// Why a text is not a duration or size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// Not a duration.
    #[error("{0:?} is not a duration such as 90s, 5m or 1h30m")]
    Duration(String),
    /// Not a size.
    #[error("{0:?} is not a size such as 512M, 16G or 4GiB")]
    Size(String),
}

/// Reads `90s`, `5m`, `1h30m`, `500ms`; units `ms`, `s`, `m`, `h`, `d`, each at most once and in falling order.
/// A bare number is refused: nobody knows its unit.
///
/// # Errors
/// When the text has another form or does not fit 64 bits of milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, NotAnAmount> {
    const UNITS: &[(&str, u64)] =
        &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let wrong = || NotAnAmount::Duration(text.chars().take(80).collect());
    let (mut rest, mut total, mut units) = (text, 0_u64, UNITS);
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let at = units.iter().position(|(unit, _)| *unit == &rest[..letters]).ok_or_else(wrong)?;
        let ms = number.checked_mul(units[at].1).ok_or_else(wrong)?;
        total = total.checked_add(ms).ok_or_else(wrong)?;
        units = &units[at + 1..];
        rest = &rest[letters..];
    }
    Ok(Duration::from_millis(total))
}

/// Prints a duration the way [`parse_duration`] reads it, in the largest units.
pub fn show_duration(duration: Duration) -> String {
    let mut ms = duration.as_millis();
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if ms >= size {
            out.push_str(&format!("{}{unit}", ms / size));
            ms %= size;
        }
    }
    out
}

/// Reads `512M`, `16G`, `4GiB`, `1T`, or a number of bytes, into bytes; units are powers of 1024.
///
/// # Errors
/// When the text has another form or does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, NotAnAmount> {
    let wrong = || NotAnAmount::Size(text.chars().take(80).collect());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let shift = match &text[digits..] {
        "" | "B" => 0,
        "K" | "Ki" | "KiB" => 10,
        "M" | "Mi" | "MiB" => 20,
        "G" | "Gi" | "GiB" => 30,
        "T" | "Ti" | "TiB" => 40,
        _ => return Err(wrong()),
    };
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// Prints a size the way [`parse_size`] reads it, in the largest unit that loses nothing.
pub fn show_size(bytes: u64) -> String {
    for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_16_durations_with_two_units_are_their_sum() {
        assert_eq!(parse_duration("5m30s"), Ok(Duration::from_secs(330)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(show_duration(Duration::from_secs(5400)), "1h30m");
    }

    #[test]
    fn amounts_without_a_known_unit_are_refused() {
        for bad in ["", "10", "5x", "m", "5m5m", "30s5m", "-5m", "1.5h", "99999999999999999999s", "5 m"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for bad in ["", "G", "1.5G", "16 G", "-1G", "99999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_print_as_they_are_read() {
        for text in ["512M", "16G", "1T", "1023", "0"] {
            assert_eq!(show_size(parse_size(text).unwrap()), text);
        }
        assert_eq!(parse_size("4GiB"), parse_size("4G"));
    }
}
