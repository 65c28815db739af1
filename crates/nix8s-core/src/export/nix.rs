//! JSON values as Nix expressions.

use serde_json::Value;

use crate::tool::nix::quoted;

/// A value as an expression, indented as deep as it stands.
pub fn expression(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth + 1);
    let end = "  ".repeat(depth);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) if items.is_empty() => "[ ]".to_owned(),
        Value::Array(items) => {
            // A negative number would be a subtraction in a list.
            let one = |item: &Value| match item {
                Value::Number(_) => format!("({item})"),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    expression(item, depth + 1)
                }
            };
            let items: String = items.iter().map(|item| format!("{indent}{}\n", one(item))).collect();
            format!("[\n{items}{end}]")
        }
        Value::Object(map) if map.is_empty() => "{ }".to_owned(),
        Value::Object(map) => {
            let one = |(key, value): (&String, &Value)| {
                format!("{indent}{} = {};\n", name(key), expression(value, depth + 1))
            };
            let entries: String = map.iter().map(one).collect();
            format!("{{\n{entries}{end}}}")
        }
    }
}

/// A key: bare where Nix allows it.
pub fn name(key: &str) -> String {
    const WORDS: &[&str] = &[
        "assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with", "true", "false", "null",
    ];
    let first = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_'".contains(&b));
    if first && rest && !WORDS.contains(&key) { key.to_owned() } else { quoted(key) }
}

/// A file's path: relative ones to the file that the expression stands in.
pub fn path(text: &str) -> String {
    let relative = text.strip_prefix("./").unwrap_or(text);
    if text.starts_with('/') {
        format!("(/. + {})", quoted(text))
    } else if !relative.is_empty()
        && relative.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./+".contains(&b))
    {
        format!("./{relative}")
    } else {
        format!("(./. + {})", quoted(&format!("/{relative}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_nix_reads_them() {
        let value = json!({ "a-b": [1, -2, "x", {}], "c d": { "e": true, "f": null }, "if": 1.5, "l": [] });
        insta::assert_snapshot!(expression(&value, 0), @r#"
        {
          a-b = [
            (1)
            (-2)
            "x"
            { }
          ];
          "c d" = {
            e = true;
            f = null;
          };
          "if" = 1.5;
          l = [ ];
        }
        "#);
    }

    #[test]
    fn c_16_nothing_in_a_name_or_a_path_becomes_code() {
        assert_eq!(name("${x}"), r#""\${x}""#);
        assert_eq!(name("a = 1; b"), r#""a = 1; b""#);
        assert_eq!(path("./a/b.nix"), "./a/b.nix");
        assert_eq!(path("a b; x"), r#"(./. + "/a b; x")"#);
        assert_eq!(path("/etc/x.nix"), r#"(/. + "/etc/x.nix")"#);
    }
}
