//! Files that are made to break the reader: a clear error, quickly, and nothing run.

use std::time::Duration;
use std::time::Instant;

use crate::project::Project;

/// What a hostile file may cost at most; a test machine under load is some times slower than a person's.
const PATIENCE: Duration = Duration::from_secs(20);

fn refused(bytes: &[u8], says: &str) {
    let project = Project::new("");
    project.write("nix8s.yaml", bytes);
    let began = Instant::now();
    let ran = project.run(&["validate"]);
    let took = began.elapsed();
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(took < PATIENCE, "took {took:?}");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains(says), "{said}");
    assert!(said.len() < 100_000, "an answer that nobody can read: {} bytes", said.len());
    assert!(
        !said.contains('\u{1b}') && !said.contains('\0'),
        "control characters reach the terminal: {said:?}"
    );
}

#[test]
fn a_file_of_100_mb_is_refused() {
    refused(&vec![b'a'; 100_000_000], "larger than the limit");
}

#[test]
fn nesting_ten_thousand_deep_is_refused() {
    refused("[".repeat(10_000).as_bytes(), "N8S-00");
    refused("{\"a\":".repeat(10_000).as_bytes(), "N8S-00");
    let block: String = (0..10_000).map(|depth| format!("{}a:\n", " ".repeat(depth.min(2_000)))).collect();
    refused(block.as_bytes(), "N8S-00");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = "x-a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for n in 1..30 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb.push_str(&format!("x-a{n}: &a{n} [{aliases}]\n"));
    }
    refused(bomb.as_bytes(), "N8S-00");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    refused(b"clusters:\n  a\0b: {}\n", "N8S-00");
    refused(b"clusters:\n  \xff\xfe: {}\n", "N8S-00");
    refused(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "N8S-00");
}

#[test]
fn names_that_a_shell_or_a_path_would_follow_are_refused() {
    for name in ["$(touch pwned)", "../x", "a;b", "`id`", "a\\u0000b", "--config", "\\u001b[31m"] {
        let text = format!(
            "clusters:\n  \"{name}\":\n    version: '1.34'\n    members:\n      \"{name}\": {{ role: control-plane, ip: 10.0.0.1 }}\n"
        );
        refused(text.as_bytes(), "N8S-");
    }
}

#[test]
fn an_endless_configuration_is_refused() {
    let project = Project::new("");
    let began = Instant::now();
    let ran = project.run(&["validate", "--config", "/dev/zero"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(began.elapsed() < PATIENCE);
}
