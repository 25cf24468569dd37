//! The order within each column: few arrows cross.

/// Columns of points, and the lines between neighbouring columns: `(from, to)`, points of the whole.
pub(super) struct Columns {
    pub(super) columns: Vec<Vec<usize>>,
    pub(super) left: Vec<Vec<usize>>,
    pub(super) right: Vec<Vec<usize>>,
}

/// So often the columns are gone through, there and back.
const SWEEPS: usize = 12;

/// Puts each point near the middle of its neighbours, again and again, and keeps the best order.
pub(super) fn order(columns: &mut Columns) {
    let points = columns.left.len();
    let mut best = (crossings(columns, points), columns.columns.clone());
    for sweep in 0..SWEEPS {
        let to_the_right = sweep % 2 == 0;
        let indices: Vec<usize> = match to_the_right {
            true => (0..columns.columns.len()).collect(),
            false => (0..columns.columns.len()).rev().collect(),
        };
        for index in indices {
            let positions = positions(&columns.columns, points);
            let neighbours = if to_the_right { &columns.left } else { &columns.right };
            let Some(column) = columns.columns.get_mut(index) else { continue };
            let middle = |point: usize| -> f64 {
                let of = |point: &usize| positions.get(*point).copied().unwrap_or_default() as f64;
                match neighbours.get(point) {
                    Some(list) if !list.is_empty() => list.iter().map(of).sum::<f64>() / list.len() as f64,
                    // Without neighbours it stays.
                    _ => of(&point),
                }
            };
            column.sort_by(|one, other| middle(*one).total_cmp(&middle(*other)));
        }
        let now = crossings(columns, points);
        if now < best.0 {
            best = (now, columns.columns.clone());
        }
    }
    columns.columns = best.1;
}

/// Each point's position in its column.
fn positions(columns: &[Vec<usize>], points: usize) -> Vec<usize> {
    let mut positions = vec![0; points];
    for column in columns {
        for (position, point) in column.iter().enumerate() {
            if let Some(place) = positions.get_mut(*point) {
                *place = position;
            }
        }
    }
    positions
}

/// So many lines cross.
fn crossings(columns: &Columns, points: usize) -> usize {
    let positions = positions(&columns.columns, points);
    let position = |point: &usize| positions.get(*point).copied().unwrap_or_default();
    let mut count = 0;
    for column in &columns.columns {
        // Ends of the lines, in the order of their beginnings: each pair in the wrong order is a crossing.
        let mut ends: Vec<usize> = Vec::new();
        for point in column {
            let mut of_point: Vec<usize> =
                columns.right.get(*point).into_iter().flatten().map(position).collect();
            of_point.sort_unstable();
            ends.extend(of_point);
        }
        count += inversions(&ends);
    }
    count
}

/// Pairs in which the earlier number is the greater one, counted with a tree of sums.
fn inversions(numbers: &[usize]) -> usize {
    let size = numbers.iter().max().map_or(0, |most| most + 1);
    let mut tree = vec![0_usize; size + 1];
    let mut count = 0;
    for (seen, number) in numbers.iter().enumerate() {
        let mut index = number + 1;
        let mut not_greater = 0;
        while index > 0 {
            not_greater += tree.get(index).copied().unwrap_or_default();
            index &= index - 1;
        }
        count += seen - not_greater;
        index = number + 1;
        while let Some(sum) = tree.get_mut(index) {
            *sum += 1;
            index += index & index.wrapping_neg();
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inversions_are_counted() {
        for (numbers, expected) in
            [(vec![], 0), (vec![0, 1, 2], 0), (vec![2, 1, 0], 3), (vec![1, 1, 0], 2), (vec![5], 0)]
        {
            assert_eq!(inversions(&numbers), expected, "{numbers:?}");
        }
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        let mut columns = Columns {
            columns: vec![vec![0, 1, 2], vec![3, 4, 5]],
            left: vec![vec![], vec![], vec![], vec![2], vec![1], vec![0]],
            right: vec![vec![5], vec![4], vec![3], vec![], vec![], vec![]],
        };
        assert_eq!(crossings(&columns, 6), 3);
        order(&mut columns);
        assert_eq!(crossings(&columns, 6), 0);
    }
}
