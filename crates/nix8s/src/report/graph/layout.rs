//! Where boxes and arrows go: layers from top to bottom, few crossings, long arrows around boxes.
//!
//! The way of Sugiyama, in its simplest form. The same graph is laid out the same every time.

/// Space between boxes of a layer, and between layers.
const GAP_X: f64 = 28.0;
const GAP_Y: f64 = 56.0;

/// Rounds of ordering and of straightening. More change nothing that an eye would notice.
const ROUNDS: usize = 8;

/// Width that an arrow takes where it passes a layer, and the space beside it.
const PASSAGE: f64 = 8.0;
const GAP_PASSAGE: f64 = 10.0;

/// Where things are.
pub struct Layout {
    /// The left upper corners of boxes.
    pub corners: Vec<(f64, f64)>,
    /// The points through which each arrow goes, from box to box.
    pub routes: Vec<Vec<(f64, f64)>>,
    /// The whole drawing.
    pub size: (f64, f64),
}

/// A box, or a place at which an arrow passes a layer.
struct Place {
    layer: usize,
    width: f64,
    height: f64,
    /// Its middle.
    x: f64,
}

/// Lays out boxes of these sizes with arrows between them.
pub fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    let layers = layers(sizes.len(), edges);
    let mut places: Vec<Place> = sizes
        .iter()
        .zip(&layers)
        .map(|((width, height), layer)| Place { layer: *layer, width: *width, height: *height, x: 0.0 })
        .collect();
    // Arrows over several layers pass each one between at a place of their own.
    let mut links = Vec::new();
    let mut passes: Vec<Vec<usize>> = Vec::new();
    for (from, to) in edges {
        let mut last = *from;
        let mut pass = vec![last];
        for layer in layers[*from] + 1..layers[*to] {
            places.push(Place { layer, width: PASSAGE, height: 0.0, x: 0.0 });
            links.push((last, places.len() - 1));
            last = places.len() - 1;
            pass.push(last);
        }
        links.push((last, *to));
        pass.push(*to);
        passes.push(pass);
    }
    let depth = layers.iter().map(|layer| layer + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (at, place) in places.iter().enumerate() {
        rows[place.layer].push(at);
    }
    order(&mut rows, &links, places.len());
    straighten(&rows, &links, &mut places);
    finish(&rows, &places, sizes.len(), &passes)
}

/// The layer of each: one below the lowest of those that lead to it. Circles cannot come; if one does, it is cut.
fn layers(number: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0_usize; number];
    for _ in 0..number {
        let mut changed = false;
        for (from, to) in edges {
            if layers[*to] <= layers[*from] && layers[*from] + 1 < number {
                layers[*to] = layers[*from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    layers
}

/// Orders each layer by where its neighbours are, down and up in turn.
fn order(rows: &mut [Vec<usize>], links: &[(usize, usize)], number: usize) {
    let mut at = vec![0.0; number];
    let note = |row: &[usize], at: &mut Vec<f64>| {
        for (index, place) in row.iter().enumerate() {
            at[*place] = (index as f64 + 0.5) / row.len() as f64;
        }
    };
    rows.iter().for_each(|row| note(row, &mut at));
    for round in 0..ROUNDS {
        let downwards = round % 2 == 0;
        for index in 0..rows.len() {
            let index = if downwards { index } else { rows.len() - 1 - index };
            let keys: Vec<f64> =
                rows[index].iter().map(|place| middle(*place, links, &at, downwards)).collect();
            let mut row: Vec<(f64, usize)> = keys.into_iter().zip(rows[index].iter().copied()).collect();
            row.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[index] = row.into_iter().map(|(_, place)| place).collect();
            note(&rows[index], &mut at);
        }
    }
}

/// The mean of the neighbours above (or below); its own place where there are none.
fn middle(place: usize, links: &[(usize, usize)], at: &[f64], above: bool) -> f64 {
    let neighbours = links.iter().filter_map(|(from, to)| match above {
        true if *to == place => Some(at[*from]),
        false if *from == place => Some(at[*to]),
        _ => None,
    });
    let (sum, count) = neighbours.fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    if count == 0 { at[place] } else { sum / f64::from(count) }
}

/// Moves boxes towards their neighbours as far as those beside them let.
fn straighten(rows: &[Vec<usize>], links: &[(usize, usize)], places: &mut [Place]) {
    for row in rows {
        let mut x = 0.0;
        for place in row {
            places[*place].x = x + places[*place].width / 2.0;
            x += places[*place].width + GAP_X;
        }
        let half = x / 2.0;
        row.iter().for_each(|place| places[*place].x -= half);
    }
    for round in 0..ROUNDS * 2 {
        let above = round % 2 == 0;
        let at: Vec<f64> = places.iter().map(|place| place.x).collect();
        for row in rows {
            let wanted: Vec<f64> = row.iter().map(|place| middle(*place, links, &at, above)).collect();
            let apart = |a: usize, b: usize| apart(&places[row[a]], &places[row[b]]);
            // As far left as those on the left let, and as far right as those on the right let: between the two.
            let (mut left, mut right) = (wanted.clone(), wanted.clone());
            for index in 1..row.len() {
                left[index] = left[index].max(left[index - 1] + apart(index - 1, index));
            }
            for index in (1..row.len()).rev() {
                right[index - 1] = right[index - 1].min(right[index] - apart(index - 1, index));
            }
            let middles: Vec<f64> = left.iter().zip(&right).map(|(l, r)| (l + r) / 2.0).collect();
            for (place, x) in row.iter().zip(middles) {
                places[*place].x = x;
            }
        }
    }
}

/// How far apart the middles of two neighbours are at least.
fn apart(a: &Place, b: &Place) -> f64 {
    let gap = if a.height > 0.0 && b.height > 0.0 { GAP_X } else { GAP_PASSAGE };
    (a.width + b.width) / 2.0 + gap
}

fn finish(rows: &[Vec<usize>], places: &[Place], boxes: usize, passes: &[Vec<usize>]) -> Layout {
    let left = places.iter().map(|place| place.x - place.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = places.iter().map(|place| place.x + place.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let heights: Vec<f64> =
        rows.iter().map(|row| row.iter().map(|place| places[*place].height).fold(0.0, f64::max)).collect();
    let mut tops = Vec::new();
    let mut y = 0.0;
    for height in &heights {
        tops.push(y);
        y += height + GAP_Y;
    }
    let centre = |place: &Place| (place.x - left, tops[place.layer] + heights[place.layer] / 2.0);
    let corners = places[..boxes].iter().map(|place| {
        let (x, y) = centre(place);
        (x - place.width / 2.0, y - place.height / 2.0)
    });
    let route = |pass: &Vec<usize>| {
        let mut points = Vec::new();
        for (index, at) in pass.iter().enumerate() {
            let place = &places[*at];
            let (x, y) = centre(place);
            let (top, low) = (tops[place.layer], tops[place.layer] + heights[place.layer]);
            match (index == 0, index + 1 == pass.len()) {
                (true, _) => points.push((x, y + place.height / 2.0)),
                (false, true) => points.push((x, y - place.height / 2.0)),
                (false, false) => points.extend([(x, top), (x, low)]),
            }
        }
        points
    };
    let size = if boxes == 0 { (0.0, 0.0) } else { (right - left, y - GAP_Y) };
    Layout { corners: corners.collect(), routes: passes.iter().map(route).collect(), size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(a: (f64, f64), b: (f64, f64), size: (f64, f64)) -> bool {
        (a.0 - b.0).abs() < size.0 && (a.1 - b.1).abs() < size.1
    }

    #[test]
    fn boxes_never_overlap_and_arrows_lead_downwards() {
        let edges = [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (4, 3), (1, 5), (0, 5)];
        let size = (100.0, 40.0);
        let layout = layout(&[size; 6], &edges);
        for a in 0..6 {
            for b in 0..a {
                assert!(!overlap(layout.corners[a], layout.corners[b], size), "{a} and {b}");
            }
            let (x, y) = layout.corners[a];
            assert!(x >= -0.01 && x + size.0 <= layout.size.0 + 0.01 && y + size.1 <= layout.size.1 + 0.01);
        }
        for route in &layout.routes {
            assert!(route.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{route:?}");
        }
    }

    #[test]
    fn long_arrows_pass_beside_boxes() {
        let layout = layout(&[(100.0, 40.0); 3], &[(0, 1), (1, 2), (0, 2)]);
        let (x, _) = layout.corners[1];
        let (passing, _) = layout.routes[2][1];
        assert!(passing < x || passing > x + 100.0, "{passing} is inside {x}");
    }

    #[test]
    fn nothing_and_one_thing_can_be_laid_out() {
        assert_eq!(layout(&[], &[]).size, (0.0, 0.0));
        assert_eq!(layout(&[(10.0, 5.0)], &[]).size, (10.0, 5.0));
    }
}
