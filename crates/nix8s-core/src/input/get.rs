//! Reads settings out of a tree that has been checked: what does not fit has been reported, and reads as absent.

use std::str::FromStr;
use std::time::Duration;

use super::tree::Tree;
use crate::model::size::parse_duration;

/// A text.
pub fn text(tree: &Tree, path: &[&str]) -> Option<String> {
    tree.at(path)?.text().map(std::borrow::Cow::into_owned)
}

/// A text as a value that parses.
pub fn parsed<T: FromStr>(tree: &Tree, path: &[&str]) -> Option<T> {
    tree.at(path)?.text()?.parse().ok()
}

/// A truth value.
pub fn flag(tree: &Tree, path: &[&str]) -> Option<bool> {
    tree.at(path)?.truth()
}

/// A whole number of some type.
pub fn number<T: TryFrom<i64>>(tree: &Tree, path: &[&str]) -> Option<T> {
    T::try_from(tree.at(path)?.integer()?).ok()
}

/// A duration.
pub fn duration(tree: &Tree, path: &[&str]) -> Option<Duration> {
    parse_duration(&tree.at(path)?.text()?).ok()
}

/// A list of texts.
pub fn texts(tree: &Tree, path: &[&str]) -> Vec<String> {
    let items = tree.at(path).map(Tree::items).unwrap_or_default();
    items.iter().filter_map(|item| item.text().map(std::borrow::Cow::into_owned)).collect()
}

/// A word as the value of an own type.
pub fn word<T: Copy>(tree: &Tree, path: &[&str], words: &[(&str, T)]) -> Option<T> {
    let text = tree.at(path)?.text()?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}
