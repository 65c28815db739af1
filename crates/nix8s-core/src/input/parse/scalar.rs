//! What a plain scalar means: the core schema of YAML 1.2, in which `no` is a text and `1.30` a number.

use super::super::tree::Value;
use super::Interner;

/// The value of an unquoted scalar.
pub fn plain(text: &str, interner: &mut Interner) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let first = text.as_bytes()[0];
    if first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.') {
        if let Some(number) = integer(text) {
            return Value::Integer(number);
        }
        if let Some(number) = float(text) {
            return Value::Float(number, interner.intern(text));
        }
    }
    Value::Text(interner.intern(text))
}

fn integer(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn unsigned(digits: &str, radix: u32) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { i64::from_str_radix(digits, radix).ok() } else { None }
}

/// Only what YAML calls a number: Rust would read `infinity` and `nan` as well.
fn float(text: &str) -> Option<f64> {
    let shape = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E');
    if text.bytes().all(shape) && text.bytes().any(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_read_by_the_core_schema() {
        let mut interner = Interner::default();
        let mut read = |text: &str| plain(text, &mut interner);
        assert_eq!(read("~"), Value::Null);
        assert_eq!(read("true"), Value::Bool(true));
        assert_eq!(read("-12"), Value::Integer(-12));
        assert_eq!(read("0o17"), Value::Integer(15));
        assert_eq!(read("1.30"), Value::Float(1.3, "1.30".into()));
        for text in
            ["no", "off", "1.2.3", "192.168.1.1", "aa:bb", "0x", "-", "+", ".", "inf", "nan", "v1", "1h"]
        {
            assert_eq!(read(text), Value::Text(text.into()), "{text}");
        }
        let long = "99999999999999999999";
        assert_eq!(
            read(long),
            Value::Float(1e20, long.into()),
            "a number too large for 64 bits keeps its text"
        );
    }
}
