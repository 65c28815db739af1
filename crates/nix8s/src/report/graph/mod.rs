//! Graphs of a fleet, of a plan and of the reconcilers: what is drawn, apart from how it is drawn.

mod dot;
mod layout;
mod mermaid;
pub mod plan;
pub mod reconcilers;
mod svg;
pub mod topology;

use serde::Serialize;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// A graph without circles: items, and what leads from one to another.
#[derive(Debug, Clone, Serialize)]
pub struct Graph {
    /// What it shows.
    pub title: String,
    /// In an order that stays the same from one drawing to the next.
    pub items: Vec<Item>,
    /// By the positions of items.
    pub edges: Vec<Edge>,
}

/// A box, or a box full of boxes.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    /// What it is called.
    pub title: String,
    /// More about it, in small letters.
    pub note: String,
    /// What is in it.
    pub nodes: Vec<Node>,
    /// What it looks like.
    pub look: Look,
}

/// A box inside a box.
#[derive(Debug, Clone, Serialize)]
pub struct Node {
    /// What it is called.
    pub title: String,
    /// More about it, in small letters.
    pub note: String,
}

/// What an item looks like, from what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// Nothing special.
    Plain,
    /// Control planes.
    Control,
    /// An address that moves.
    Address,
    /// A tool, or what a later version brings.
    Faint,
    /// It interrupts or removes.
    Warns,
    /// It erases.
    Erases,
}

impl Look {
    /// Every look.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Control, Self::Address, Self::Faint, Self::Warns, Self::Erases];

    /// The name of its class in drawings.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Control => "control",
            Self::Address => "address",
            Self::Faint => "faint",
            Self::Warns => "warns",
            Self::Erases => "erases",
        }
    }

    /// Its colours for tools that know no dark and light: what fills it, and its border.
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Plain => ("#f6f8fa", "#57606a"),
            Self::Control => ("#ddf4ff", "#0969da"),
            Self::Address => ("#dafbe1", "#1a7f37"),
            Self::Faint => ("#ffffff", "#8c959f"),
            Self::Warns => ("#fff8c5", "#9a6700"),
            Self::Erases => ("#ffebe9", "#cf222e"),
        }
    }
}

/// An arrow.
#[derive(Debug, Clone, Serialize)]
pub struct Edge {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What stands on it.
    pub label: String,
    /// How it is drawn.
    pub stroke: Stroke,
}

/// How an arrow is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stroke {
    /// What depends on something.
    Solid,
    /// What happens once.
    Dashed,
}

#[cfg(test)]
mod tests;
