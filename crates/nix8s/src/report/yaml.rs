//! A JSON value as YAML that people read and nix8s reads back.

use std::fmt::Write;

use nix8s_core::input::schema::DOCUMENT;
use nix8s_core::input::schema::Kind;
use serde_json::Value;

/// A resolved document as block style YAML. `null` is left out: it removes what stands further up, and at the end of
/// resolving nothing does.
pub fn render(value: &Value) -> String {
    let mut out = String::new();
    Writer { out: &mut out, nulls: Nulls::Leave }.whole(value, None);
    out
}

/// A document as people write it: keys in the order of the reference, `null` kept.
pub fn render_document(value: &Value) -> String {
    let mut out = String::new();
    Writer { out: &mut out, nulls: Nulls::Keep }.whole(value, Some(&DOCUMENT));
    out
}

#[derive(PartialEq)]
enum Nulls {
    Keep,
    Leave,
}

struct Writer<'o> {
    out: &'o mut String,
    nulls: Nulls,
}

impl Writer<'_> {
    fn whole(&mut self, value: &Value, kind: Option<&Kind>) {
        if is_nested(value) {
            self.block(value, kind, 0);
        } else {
            let _ = writeln!(self.out, "{}", scalar(value));
        }
    }

    fn block(&mut self, value: &Value, kind: Option<&Kind>, depth: usize) {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(map) => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_by_key(|(key, _)| kind.map_or(usize::MAX, |kind| kind.place_of(key)));
                for (key, value) in entries {
                    if value.is_null() && self.nulls == Nulls::Leave {
                        continue;
                    }
                    let _ = write!(self.out, "{indent}{}:", text(key));
                    self.below(value, kind.and_then(|kind| kind.below(key)), depth);
                }
            }
            Value::Array(list) => {
                for value in list {
                    self.item(value, kind.and_then(Kind::item), depth);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let _ = writeln!(self.out, "{indent}{}", scalar(value));
            }
        }
    }

    /// An item of a list; the first key of a map stands on the same line.
    fn item(&mut self, value: &Value, kind: Option<&Kind>, depth: usize) {
        let indent = "  ".repeat(depth);
        let _ = write!(self.out, "{indent}-");
        if !value.is_object() || !is_nested(value) {
            return self.below(value, kind, depth);
        }
        let from = self.out.len();
        self.block(value, kind, depth + 1);
        // What was written begins with the indentation of a map, in place of which the dash stands.
        let rest = self.out.split_off(from);
        self.out.push(' ');
        self.out.push_str(rest.trim_start_matches(' '));
    }

    fn below(&mut self, value: &Value, kind: Option<&Kind>, depth: usize) {
        match value {
            _ if is_nested(value) => {
                self.out.push('\n');
                self.block(value, kind, depth + 1);
            }
            Value::String(lines) if is_block(lines) => {
                let indent = "  ".repeat(depth + 1);
                self.out.push_str(if lines.ends_with('\n') { " |\n" } else { " |-\n" });
                for line in lines.lines() {
                    let _ = if line.is_empty() {
                        writeln!(self.out)
                    } else {
                        writeln!(self.out, "{indent}{line}")
                    };
                }
            }
            _ => {
                let _ = writeln!(self.out, " {}", scalar(value));
            }
        }
    }
}

fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a text is several lines that a literal block gives back exactly.
fn is_block(text: &str) -> bool {
    let plain =
        |c: char| c == '\n' || (!c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}');
    text.contains('\n')
        && text.chars().all(plain)
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && !text.lines().any(|line| line.ends_with(' '))
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
    let first = text.starts_with("./") || text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let word =
        ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*text.to_ascii_lowercase());
    if first && !word && !is_like_a_number(text) && text.chars().all(plain) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// Whether a reader of any version of YAML could take a text for a number or a date.
fn is_like_a_number(text: &str) -> bool {
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '+');
    let based = text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b");
    let dotted = text.chars().filter(|c| *c == '.').count() > 1;
    based || text.parse::<f64>().is_ok() || (!dotted && text.chars().all(digits))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_nested_and_texts_quoted_where_needed() {
        let value = json!({
            "ip": "10.0.0.1", "on": true, "no": "no", "list": [1, {"a": "x y", "b": []}, []], "odd": ["1.34", "1e3", "2026-01-01", "0x1", "512M"], "empty": {}, "unset": null, "path": "/dev/sda"
        });
        insta::assert_snapshot!(render(&value), @r#"
        empty: {}
        ip: 10.0.0.1
        list:
          - 1
          - a: "x y"
            b: []
          - []
        "no": "no"
        odd:
          - "1.34"
          - "1e3"
          - "2026-01-01"
          - "0x1"
          - 512M
        "on": true
        path: /dev/sda
        "#);
    }

    #[test]
    fn documents_have_the_order_of_the_reference_and_texts_of_several_lines_as_such() {
        let value = json!({
            "provisioning": { "manual": {} },
            "nodes": { "b": { "install": { "profile": "lvm", "disk": "/dev/sda" }, "role": "worker", "extends": "a" } },
            "clusters": { "c": { "scripts": [{ "text": "one\n\n  two\n", "name": "one" }], "domain": null, "version": "1.34" } },
        });
        insta::assert_snapshot!(render_document(&value), @r#"
        nodes:
          b:
            extends: a
            role: worker
            install:
              disk: /dev/sda
              profile: lvm
        clusters:
          c:
            version: "1.34"
            domain: null
            scripts:
              - name: one
                text: |
                  one

                    two
        provisioning:
          manual: {}
        "#);
    }
}
