//! Where everything stands on paper.

use std::fmt::Write as _;

use super::layers::{layers, without_cycles, Rightward};
use super::order::{order, Columns};

/// Between columns, and between what stands in one column, in pixels.
const COLUMN_GAP: f64 = 64.0;
const ROW_GAP: f64 = 22.0;
/// The room of a line that passes a column, in pixels.
const LINE_HEIGHT: f64 = 4.0;
const LINE_GAP: f64 = 10.0;
/// Between the ends of arrows at one side of a node, in pixels.
const END_GAP: f64 = 11.0;
/// So much more a line's next piece counts than other neighbours.
const STRAIGHTNESS: f64 = 8.0;
/// So often the columns are moved, there and back.
const SWEEPS: usize = 24;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rectangle {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything stands.
pub(super) struct Layout {
    pub(super) boxes: Vec<Rectangle>,
    /// The way of each arrow, as an SVG path.
    pub(super) paths: Vec<String>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A node, or the place where an arrow passes a column.
struct Point {
    layer: usize,
    width: f64,
    height: f64,
    /// Lines are kept straight more than nodes are kept in the middle.
    weight: f64,
    middle: f64,
}

/// Places nodes of these sizes; `first` are those where a reader begins.
pub(super) fn place(sizes: &[(f64, f64)], edges: &[(usize, usize)], first: &[usize]) -> Layout {
    let rightward = without_cycles(sizes.len(), edges, first);
    let layer = layers(sizes.len(), &rightward);
    let mut points: Vec<Point> = sizes
        .iter()
        .zip(&layer)
        .map(|((width, height), layer)| Point {
            layer: *layer,
            width: *width,
            height: *height,
            weight: 1.0,
            middle: 0.0,
        })
        .collect();
    // The points of each arrow, from the left to the right.
    let chains: Vec<Vec<usize>> = rightward.iter().map(|edge| chain(edge, &mut points)).collect();
    let mut columns = columns(&points, &chains);
    order(&mut columns);
    straighten(&mut points, &columns);
    draw(&points, &columns, &rightward, &chains, sizes.len())
}

fn chain(edge: &Rightward, points: &mut Vec<Point>) -> Vec<usize> {
    let layer_of = |points: &[Point], node: usize| points.get(node).map_or(0, |point| point.layer);
    let (from, to) = (layer_of(points, edge.from), layer_of(points, edge.to));
    let mut chain = vec![edge.from];
    for layer in from + 1..to {
        chain.push(points.len());
        points.push(Point { layer, width: 0.0, height: LINE_HEIGHT, weight: 4.0, middle: 0.0 });
    }
    chain.push(edge.to);
    chain
}

fn columns(points: &[Point], chains: &[Vec<usize>]) -> Columns {
    let count = points.iter().map(|point| point.layer + 1).max().unwrap_or(0);
    let mut columns = Columns {
        columns: vec![Vec::new(); count],
        left: vec![Vec::new(); points.len()],
        right: vec![Vec::new(); points.len()],
    };
    for (index, point) in points.iter().enumerate() {
        if let Some(column) = columns.columns.get_mut(point.layer) {
            column.push(index);
        }
    }
    for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
        if let [from, to] = pair {
            if let Some(list) = columns.right.get_mut(*from) {
                list.push(*to);
            }
            if let Some(list) = columns.left.get_mut(*to) {
                list.push(*from);
            }
        }
    }
    columns
}

/// Moves every point towards its neighbours, without changing the order of a column or letting anything overlap.
fn straighten(points: &mut [Point], columns: &Columns) {
    for column in &columns.columns {
        settle(points, column, |_, _| Some(0.0));
    }
    let indices: Vec<usize> = (0..columns.columns.len()).collect();
    for sweep in 0..SWEEPS {
        let there = sweep % 2 == 0;
        let way: Vec<usize> = if there { indices.clone() } else { indices.iter().rev().copied().collect() };
        // At last by the neighbours of both sides.
        let both = sweep + 4 >= SWEEPS;
        for column in way.into_iter().filter_map(|index| columns.columns.get(index)) {
            settle(points, column, |points, point| {
                let left = columns.left.get(point).into_iter().flatten();
                let right = columns.right.get(point).into_iter().flatten();
                let sides: Vec<&usize> = match (both, there) {
                    (true, _) => left.chain(right).collect(),
                    (false, true) => left.collect(),
                    (false, false) => right.collect(),
                };
                let own_line = points.get(point).is_some_and(|point| point.width == 0.0);
                let (mut sum, mut weight) = (0.0, 0.0);
                for other in sides.iter().filter_map(|other| points.get(**other)) {
                    // A long arrow is a straight line first of all.
                    let counts = if own_line && other.width == 0.0 { STRAIGHTNESS } else { 1.0 };
                    sum += other.middle * counts;
                    weight += counts;
                }
                if weight > 0.0 {
                    Some(sum / weight)
                } else if alone(columns, point) {
                    None
                } else {
                    points.get(point).map(|point| point.middle)
                }
            });
        }
    }
}

/// Whether no arrow begins or ends at the point.
fn alone(columns: &Columns, point: usize) -> bool {
    let none = |sides: &[Vec<usize>]| sides.get(point).is_none_or(Vec::is_empty);
    none(&columns.left) && none(&columns.right)
}

/// Gives the points of a column the middles that are nearest to those that are wished for, in their order and with the gaps that they
/// need: neighbours that would come too near are moved together (pooling of adjacent violators). A point without a wish follows the one
/// above it.
fn settle(points: &mut [Point], column: &[usize], wish: impl Fn(&[Point], usize) -> Option<f64>) {
    struct Pool {
        weight: f64,
        sum: f64,
        members: usize,
    }
    let mut offsets = Vec::with_capacity(column.len());
    let mut pools: Vec<Pool> = Vec::new();
    let mut offset = 0.0;
    let mut previous: Option<(f64, bool)> = None;
    for index in column {
        let Some(point) = points.get(*index) else { continue };
        let line = point.width == 0.0;
        if let Some((height, previous_line)) = previous {
            let gap = if line && previous_line { LINE_GAP } else { ROW_GAP };
            offset += f64::midpoint(height, point.height) + gap;
        }
        previous = Some((point.height, line));
        offsets.push(offset);
        let above = pools.last().map_or(0.0, |pool| pool.sum / pool.weight);
        let (wished, weight) = match wish(points, *index) {
            Some(middle) => (middle - offset, point.weight),
            None => (above, 1e-6),
        };
        pools.push(Pool { weight, sum: wished * weight, members: 1 });
        while let [.., before, last] = pools.as_mut_slice() {
            if before.sum / before.weight <= last.sum / last.weight {
                break;
            }
            before.weight += last.weight;
            before.sum += last.sum;
            before.members += last.members;
            pools.pop();
        }
    }
    let middles = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.sum / pool.weight, pool.members));
    for ((index, middle), offset) in column.iter().zip(middles).zip(offsets) {
        if let Some(point) = points.get_mut(*index) {
            point.middle = middle + offset;
        }
    }
}

fn draw(
    points: &[Point],
    columns: &Columns,
    edges: &[Rightward],
    chains: &[Vec<usize>],
    nodes: usize,
) -> Layout {
    let top = points.iter().map(|point| point.middle - point.height / 2.0).fold(f64::INFINITY, f64::min);
    let bottom =
        points.iter().map(|point| point.middle + point.height / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let (top, height) = if top.is_finite() { (top, bottom - top) } else { (0.0, 0.0) };

    let widths: Vec<f64> = columns
        .columns
        .iter()
        .map(|column| {
            column.iter().filter_map(|point| points.get(*point)).map(|point| point.width).fold(0.0, f64::max)
        })
        .collect();
    let gap = |index: usize| {
        // Many lines between two columns need more room.
        let lines: usize = columns
            .columns
            .get(index)
            .into_iter()
            .flatten()
            .filter_map(|point| columns.right.get(*point))
            .map(Vec::len)
            .sum();
        COLUMN_GAP + (lines as f64 * 2.0).min(120.0)
    };
    let mut lefts = Vec::with_capacity(widths.len());
    let mut x = 0.0;
    for (index, width) in widths.iter().enumerate() {
        lefts.push(x);
        x += width + gap(index);
    }
    let width = lefts.last().zip(widths.last()).map_or(0.0, |(left, width)| left + width);

    let column_of = |point: &Point| {
        let left = lefts.get(point.layer).copied().unwrap_or_default();
        (left, widths.get(point.layer).copied().unwrap_or_default())
    };
    let boxes: Vec<Rectangle> = points
        .iter()
        .take(nodes)
        .map(|point| {
            let (left, width) = column_of(point);
            let left = left + (width - point.width) / 2.0;
            Rectangle {
                left,
                top: point.middle - point.height / 2.0 - top,
                width: point.width,
                height: point.height,
            }
        })
        .collect();
    let ends = ends(points, edges, chains);
    let paths = edges.iter().zip(chains).zip(&ends).map(|((edge, chain), (begin, end))| {
        // Where the arrow passes each column: from x to x, at y.
        let mut stops: Vec<(f64, f64, f64)> = Vec::with_capacity(chain.len());
        for (at, index) in chain.iter().enumerate() {
            let Some(point) = points.get(*index) else { continue };
            let (left, width) = column_of(point);
            let y = point.middle - top;
            let inner = boxes.get(*index).copied().unwrap_or_default();
            stops.push(if at == 0 {
                (inner.left + inner.width, left + width, y + begin)
            } else if at + 1 == chain.len() {
                (left, inner.left, y + end)
            } else {
                (left, left + width, y)
            });
        }
        if edge.back {
            stops.reverse();
            stops.iter_mut().for_each(|(enter, leave, _)| std::mem::swap(enter, leave));
        }
        path(&stops)
    });
    let paths = paths.collect();
    Layout { boxes, paths, width, height }
}

/// Where each arrow leaves its left node and reaches its right one, from their middles: those at one side are spread in the order in
/// which they arrive.
fn ends(points: &[Point], edges: &[Rightward], chains: &[Vec<usize>]) -> Vec<(f64, f64)> {
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
                let shift = (position as f64 - last / 2.0) * END_GAP;
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
fn path(stops: &[(f64, f64, f64)]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes and arrows.
    type Sample = (Vec<(f64, f64)>, Vec<(usize, usize)>);

    /// A pseudo-random graph of plugins and types, cycles included.
    fn graph(plugins: usize, types: usize, arrows_each: usize) -> Sample {
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        let mut edges = Vec::new();
        for plugin in 0..plugins {
            for _ in 0..arrows_each {
                edges.push((plugin, plugins + random(types)));
                edges.push((plugins + random(types), plugin));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let sizes = (0..plugins + types)
            .map(|node| (80.0 + (node % 7) as f64 * 20.0, 40.0 + (node % 3) as f64 * 10.0));
        (sizes.collect(), edges)
    }

    #[test]
    fn nothing_overlaps_and_everything_is_on_paper() {
        for (plugins, types, arrows) in [(1, 1, 1), (5, 4, 2), (30, 20, 2), (100, 60, 2), (100, 5, 3)] {
            let (sizes, edges) = graph(plugins, types, arrows);
            let layout = place(&sizes, &edges, &[0]);
            assert_eq!((layout.boxes.len(), layout.paths.len()), (sizes.len(), edges.len()));
            for (index, one) in layout.boxes.iter().enumerate() {
                assert!(one.left >= 0.0 && one.left + one.width <= layout.width + 0.01, "{one:?}");
                assert!(one.top >= -0.01 && one.top + one.height <= layout.height + 0.01, "{one:?}");
                for other in &layout.boxes[index + 1..] {
                    let beside = one.left + one.width <= other.left || other.left + other.width <= one.left;
                    let above = one.top + one.height <= other.top + 0.01
                        || other.top + other.height <= one.top + 0.01;
                    assert!(beside || above, "{one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let layout = place(&[], &[], &[]);
        assert_eq!((layout.boxes.len(), layout.paths.len(), layout.width, layout.height), (0, 0, 0.0, 0.0));
    }
}
