//! Names of the earlier document that are no DNS labels, and what they become.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::super::note::Why;
use super::super::source::Part;
use crate::input::form;

/// What names are called today.
#[derive(Debug, Default)]
pub struct Names {
    today: BTreeMap<String, String>,
    taken: BTreeSet<String>,
}

impl Names {
    /// What a name is called today; `None` when nothing has it.
    pub fn today(&self, name: &str) -> Option<&str> {
        self.today.get(name).map(String::as_str)
    }

    fn add(&mut self, name: &str) -> &str {
        let first = label(name);
        let others = (2..).map(|number| format!("{first}-{number}"));
        let free = std::iter::once(first.clone())
            .chain(others)
            .find(|name| !self.taken.contains(name))
            .expect("numbers do not end");
        self.taken.insert(free.clone());
        self.today.insert(name.to_owned(), free);
        &self.today[name]
    }
}

/// The nearest DNS label to a name.
pub fn label(name: &str) -> String {
    let plain = name.chars().map(|c| c.to_ascii_lowercase());
    let plain: String = plain.map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    let plain = plain.trim_matches('-');
    if (form::LABEL.check)(plain).is_ok() { plain.to_owned() } else { "unnamed".to_owned() }
}

/// The names of a map's keys, and notes about those that change.
pub fn of(part: &mut Part<'_>, path: &[&str]) -> Names {
    let mut names = Names::default();
    add(part, path, &mut names);
    names
}

/// The names of all machines.
pub fn machines(part: &mut Part<'_>) -> Names {
    let mut names = Names::default();
    for kind in part.below(&["provisioners"]).keys() {
        add(part, &["provisioners", &kind, "nodes"], &mut names);
    }
    names
}

fn add(part: &mut Part<'_>, path: &[&str], names: &mut Names) {
    for key in part.below(path).keys() {
        if names.today(&key).is_some() {
            continue;
        }
        let today = names.add(&key).to_owned();
        if today != key {
            let message = format!("is no DNS label; it is called {today}");
            part.below(path).note(
                Why::Changed,
                &[&key],
                message,
                "rename it, if you like, before the first apply",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels_and_stay_apart() {
        let mut names = Names::default();
        assert_eq!(names.add("Worker_1"), "worker-1");
        assert_eq!(names.add("worker.1"), "worker-1-2");
        assert_eq!(names.add("$(id)"), "id");
        assert_eq!(names.add("…"), "unnamed");
        assert_eq!(names.today("Worker_1"), Some("worker-1"));
    }
}
