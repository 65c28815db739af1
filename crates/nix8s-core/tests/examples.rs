//! The examples: each loads, and what is said about it is what is meant.

use nix8s_core::input::At;
use nix8s_core::input::Diagnostic;
use nix8s_core::input::Loaded;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::input::load;

fn example(name: &str) -> Loaded {
    let path = format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    load(&[Source { name: name.to_owned(), at: At::Document, bytes }])
}

fn show(diagnostics: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let place = d.place.as_ref().map_or(String::new(), |p| format!("{}:{}:{} ", p.file, p.line, p.column));
        let severity = if d.severity == Severity::Error { "error" } else { "warning" };
        let help = d.help.as_ref().map_or(String::new(), |help| format!("\n    help: {help}"));
        format!("{severity} {} {place}{}: {}{help}\n", d.code, d.path, d.message)
    };
    diagnostics.iter().map(line).collect()
}

macro_rules! examples {
    ($($test:ident $file:literal)*) => {$(
        #[test]
        fn $test() {
            let loaded = example($file);
            assert!(loaded.fleet.is_some(), "{}", show(&loaded.diagnostics));
            insta::assert_snapshot!(show(&loaded.diagnostics));
        }
    )*};
}

examples! {
    the_minimal_example_loads "minimal.yaml"
    the_ha_example_loads "ha.yaml"
}
