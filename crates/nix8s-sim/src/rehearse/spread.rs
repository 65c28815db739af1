//! How long many runs took: a few figures, and a histogram whose bars have a width that people count in.

use serde::Serialize;

use crate::world::Ms;

/// A distribution, in milliseconds of simulated time.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "they are what they are called")]
pub struct Durations {
    pub min_ms: Ms,
    pub median_ms: Ms,
    pub p90_ms: Ms,
    pub max_ms: Ms,
    pub histogram: Vec<Bucket>,
}

/// A bar of a histogram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// From this.
    pub from_ms: Ms,
    /// Up to this, which belongs to the next.
    pub to_ms: Ms,
    /// So many runs.
    pub runs: usize,
}

/// The least value that so many of a hundred do not exceed.
fn percentile(sorted: &[Ms], percent: usize) -> Ms {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or(0)
}

/// The distribution of these durations, if there are any.
pub fn durations(mut took: Vec<Ms>) -> Option<Durations> {
    took.sort_unstable();
    let (min_ms, max_ms) = (*took.first()?, *took.last()?);
    Some(Durations {
        min_ms,
        median_ms: percentile(&took, 50),
        p90_ms: percentile(&took, 90),
        max_ms,
        histogram: histogram(&took, min_ms, max_ms),
    })
}

/// Bars of a width that people count in.
fn histogram(took: &[Ms], min: Ms, max: Ms) -> Vec<Bucket> {
    const BARS_MAX: Ms = 10;
    const MINUTE: Ms = 60_000;
    const WIDTHS: [Ms; 12] = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 43_200];
    let fits = |width: &Ms| max / width - min / width < BARS_MAX;
    let width = WIDTHS.iter().map(|seconds| seconds * 1000).find(fits).unwrap_or(24 * 60 * MINUTE);
    (min / width..=max / width)
        .map(|at| {
            let (from_ms, to_ms) = (at * width, (at + 1) * width);
            let runs = took.iter().filter(|ms| (from_ms..to_ms).contains(*ms)).count();
            Bucket { from_ms, to_ms, runs }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<Ms> = (1..=10).collect();
        assert_eq!([50, 90, 100].map(|p| percentile(&sorted, p)), [5, 9, 10]);
        assert_eq!([50, 90].map(|p| percentile(&[7], p)), [7, 7]);
    }

    #[test]
    fn a_histogram_holds_every_run_in_few_bars() {
        let took = vec![600_000, 610_000, 1_200_000, 4_000_000];
        let bars = histogram(&took, 600_000, 4_000_000);
        assert_eq!(bars.iter().map(|bar| bar.runs).sum::<usize>(), 4);
        assert!(bars.len() <= 10 && bars[0].runs == 2, "{bars:?}");
        assert_eq!(histogram(&[0], 0, 0).len(), 1);
    }
}
