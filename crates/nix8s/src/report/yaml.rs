//! A JSON value as YAML that people read and nix8s reads back.

use std::fmt::Write;

use serde_json::Value;

/// The document as block style YAML.
pub fn render(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(&mut out, value, 0),
        Value::Array(list) if !list.is_empty() => block(&mut out, value, 0),
        _ => {
            let _ = writeln!(out, "{}", scalar(value));
        }
    }
    out
}

fn block(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            // `null` removes what stands further up; at the end of resolving nothing does.
            for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                let _ = write!(out, "{indent}{}:", text(key));
                below(out, value, depth);
            }
        }
        Value::Array(list) => {
            for value in list {
                let _ = write!(out, "{indent}-");
                below(out, value, depth);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(out, "{indent}{}", scalar(value));
        }
    }
}

fn below(out: &mut String, value: &Value, depth: usize) {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if nested {
        out.push('\n');
        block(out, value, depth + 1);
    } else {
        let _ = writeln!(out, " {}", scalar(value));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        // Empty lists and maps, numbers, truth values and null are the same in JSON and YAML.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Quoted as JSON, which is YAML, unless no reader can take it for anything but this text.
fn text(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
    let word =
        ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*text.to_ascii_lowercase());
    if first && !word && text.chars().all(plain) { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_nested_and_texts_quoted_where_needed() {
        let value = json!({
            "ip": "10.0.0.1", "on": true, "no": "no", "list": [1, {"a": "x y"}, []], "empty": {}, "unset": null, "path": "/dev/sda"
        });
        insta::assert_snapshot!(render(&value), @r#"
        empty: {}
        ip: "10.0.0.1"
        list:
          - 1
          -
            a: "x y"
          - []
        "no": "no"
        "on": true
        path: /dev/sda
        "#);
    }
}
