//! Documents: any text is read, or refused with problems that have places in it.

use nix8s_core::input::At;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::input::load;
use nix8s_sim::random::Random;

use crate::driver;
use crate::driver::Target;
use crate::mutate;
use crate::seeds;

struct Document {
    seeds: Vec<Vec<u8>>,
}

impl Target for Document {
    type Input = (String, Vec<u8>);

    fn make(&self, random: &mut Random) -> (String, Vec<u8>) {
        let name = if random.chance(500) { "fuzz.yaml" } else { "fuzz.json" };
        let bytes = if random.chance(20) {
            (0..random.between(0, 200)).map(|_| random.bits() as u8).collect()
        } else {
            let text = random.pick(&self.seeds).unwrap();
            let other = random.pick(&self.seeds).unwrap();
            mutate::bytes(random, text, other)
        };
        (name.to_owned(), bytes)
    }

    fn check(&self, (name, bytes): &(String, Vec<u8>)) {
        let source = Source { name: name.clone(), at: At::Document, bytes: bytes.clone() };
        let loaded = load(&[source]);
        let errors = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        assert_eq!(loaded.fleet.is_none(), errors > 0, "a fleet and errors: {:?}", loaded.diagnostics);
        // Line ends of all kinds, and the end of the text.
        let lines = bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count() + 1;
        for diagnostic in &loaded.diagnostics {
            if let Some(place) = &diagnostic.place {
                let line = place.line as usize;
                assert!(
                    place.file == *name && (1..=lines + 1).contains(&line),
                    "{diagnostic:?} of {lines} lines"
                );
                assert!((1..=bytes.len() + 2).contains(&(place.column as usize)), "{diagnostic:?}");
            }
        }
    }

    fn smaller(&self, (name, bytes): &(String, Vec<u8>)) -> Vec<(String, Vec<u8>)> {
        driver::smaller_bytes(bytes).into_iter().map(|bytes| (name.clone(), bytes)).collect()
    }
}

#[test]
fn document() {
    driver::run("document", &Document { seeds: seeds::documents() });
}
