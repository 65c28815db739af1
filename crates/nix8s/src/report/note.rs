//! What importing and exporting could not carry over, for people: what is worse comes first.

use std::fmt::Write;

use nix8s_core::import::Note;
use nix8s_core::import::Why;

use crate::output::Paint;
use crate::output::clean;

/// One entry per key: what became of it, and what to do.
pub fn render(notes: &[Note], paint: Paint) -> String {
    let mut out = String::new();
    for why in [Why::Secret, Why::Missing, Why::Left, Why::Changed, Why::Added] {
        for Note { path, message, help, .. } in notes.iter().filter(|note| note.why == why) {
            let head = match why {
                Why::Secret | Why::Missing => paint.red(why.as_str()),
                Why::Left | Why::Changed | Why::Added => paint.yellow(why.as_str()),
            };
            let _ = writeln!(out, "{head}: {}: {}\n    {}", clean(path), clean(message), clean(help));
        }
    }
    out
}
