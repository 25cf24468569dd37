//! The ways of arrows: where they leave and reach nodes, and the curves between.

use std::fmt::Write as _;

use super::layers::Rightward;
use super::place::Point;
use super::ARROW_ROOM;

/// Where each arrow leaves its left node and reaches its right one, from their middles: those at one side are spread in the order in
/// which they arrive.
pub(super) fn ends(points: &[Point], edges: &[Rightward], chains: &[Vec<usize>]) -> Vec<(f64, f64)> {
    let mut ends = vec![(0.0, 0.0); edges.len()];
    let middle =
        |point: Option<&usize>| point.and_then(|point| points.get(*point)).map_or(0.0, |point| point.middle);
    for right_side in [true, false] {
        let node_of = |edge: &Rightward| if right_side { edge.from } else { edge.to };
        let mut sorted: Vec<(usize, f64, usize)> = edges
            .iter()
            .zip(chains)
            .enumerate()
            .map(|(index, (edge, chain))| {
                let next = if right_side { chain.get(1) } else { chain.iter().rev().nth(1) };
                (node_of(edge), middle(next), index)
            })
            .collect();
        sorted.sort_by(|one, other| {
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)).then(one.2.cmp(&other.2))
        });
        for group in sorted.chunk_by(|one, other| one.0 == other.0) {
            let last = group.len().saturating_sub(1) as f64;
            for (position, (_, _, edge)) in group.iter().enumerate() {
                let shift = (position as f64 - last / 2.0) * ARROW_ROOM;
                if let Some(end) = ends.get_mut(*edge) {
                    if right_side {
                        end.0 = shift;
                    } else {
                        end.1 = shift;
                    }
                }
            }
        }
    }
    ends
}

/// Straight through columns, where a curve could touch what stands above or below, and curved between them.
pub(super) fn path(stops: &[(f64, f64, f64)]) -> String {
    let mut path = String::new();
    let mut before: Option<(f64, f64)> = None;
    for (enter, leave, y) in stops {
        // Writing to a String cannot fail.
        let _ = match before {
            None => write!(path, "M{enter:.1} {y:.1}"),
            Some((x, last_y)) => {
                let half = f64::midpoint(x, *enter);
                write!(path, "C{half:.1} {last_y:.1} {half:.1} {y:.1} {enter:.1} {y:.1}")
            }
        };
        if (leave - enter).abs() > 0.05 {
            let _ = write!(path, "H{leave:.1}");
        }
        before = Some((*leave, *y));
    }
    path
}
