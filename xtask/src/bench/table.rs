//! The report: a figure beside its limit, and whether it keeps it.

use std::fmt;
use std::time::Duration;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// Wall time.
    Time(Duration),
    /// Bytes.
    Bytes(u64),
    /// How many times as much.
    Ratio(f64),
    /// How many.
    Count(usize),
}

/// A row of the report.
#[derive(Debug)]
pub struct Row {
    /// What was done.
    pub what: String,
    /// What came out, or why nothing did.
    pub figure: Result<Figure, String>,
    /// What it may not exceed; `None` is shown only.
    pub limit: Option<Figure>,
}

impl Figure {
    /// A number to compare by; only figures of one kind are compared.
    #[expect(clippy::cast_precision_loss, reason = "bytes and counts here are far below 2^52")]
    fn size(&self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Bytes(bytes) => *bytes as f64,
            Self::Ratio(ratio) => *ratio,
            Self::Count(count) => *count as f64,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: f64 = 1024.0 * 1024.0;
        let text = match self {
            Self::Time(time) if time.as_secs() >= 1 => format!("{:.2} s", time.as_secs_f64()),
            Self::Time(time) => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
            Self::Bytes(_) => format!("{:.1} MiB", self.size() / MIB),
            Self::Ratio(ratio) => format!("{ratio:.2} times"),
            Self::Count(count) => count.to_string(),
        };
        f.pad(&text)
    }
}

impl Row {
    /// Whether it has a figure and keeps its limit.
    pub fn is_ok(&self) -> bool {
        match (&self.figure, &self.limit) {
            (Err(_), _) => false,
            (Ok(_), None) => true,
            (Ok(figure), Some(limit)) => figure.size() <= limit.size(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = match &self.figure {
            Ok(figure) => figure.to_string(),
            Err(why) => return write!(f, "{:<58} FAILED: {why}", self.what),
        };
        match &self.limit {
            None => write!(f, "{:<58} {figure:>12}", self.what),
            Some(limit) => {
                let verdict = if self.is_ok() { "ok" } else { "OVER" };
                write!(f, "{:<58} {figure:>12}   at most {limit:>12}   {verdict}", self.what)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_above_its_limit_is_over() {
        let row = |ms| Row {
            what: "a thing".to_owned(),
            figure: Ok(Figure::Time(Duration::from_millis(ms))),
            limit: Some(Figure::Time(Duration::from_secs(1))),
        };
        assert!(row(1000).is_ok());
        assert!(!row(1001).is_ok());
        assert!(row(1500).to_string().ends_with("1.50 s   at most       1.00 s   OVER"));
    }

    #[test]
    fn a_failure_is_never_ok() {
        let row = Row { what: "a thing".to_owned(), figure: Err("exit status 1".to_owned()), limit: None };
        assert!(!row.is_ok());
    }
}
