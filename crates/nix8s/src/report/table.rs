//! Columns for people.

use unicode_width::UnicodeWidthStr;

use crate::output::Paint;

/// A cell: its text, and how it is painted once its width is known.
pub struct Cell {
    text: String,
    paint: fn(Paint, String) -> String,
}

impl Cell {
    /// A plain cell.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), paint: |_, text| text }
    }

    /// A painted cell.
    pub fn painted(text: impl Into<String>, paint: fn(Paint, String) -> String) -> Self {
        Self { text: text.into(), paint }
    }
}

/// Rows below headings, each column as wide as its widest cell. The last column is not padded.
pub fn render(headings: &[&str], rows: &[Vec<Cell>], indent: &str, paint: Paint) -> Vec<String> {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.width());
        }
    }
    let head: Vec<Cell> =
        headings.iter().map(|heading| Cell::painted(*heading, |paint, text| paint.dim(text))).collect();
    std::iter::once(&head).chain(rows).map(|row| format!("{indent}{}", line(row, &widths, paint))).collect()
}

fn line(row: &[Cell], widths: &[usize], paint: Paint) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
    let mut out = String::new();
    for (at, (cell, width)) in row.iter().zip(widths).enumerate().take(last + 1) {
        out.push_str(&(cell.paint)(paint, cell.text.clone()));
        if at < last {
            out.push_str(&" ".repeat(width + 2 - cell.text.width()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec![Cell::new("w1"), Cell::new("日本"), Cell::new("x")],
            vec![Cell::new("w10000"), Cell::new(""), Cell::new("")],
        ];
        let shown = render(&["A", "B", "C"], &rows, " ", Paint::PLAIN);
        assert_eq!(shown, [" A       B     C", " w1      日本  x", " w10000"]);
    }
}
