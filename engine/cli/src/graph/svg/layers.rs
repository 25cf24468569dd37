//! Layers: a column for each node, so that as many arrows as possible point to the right.

/// An arrow without its direction on paper: `from` stands to the left of `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rightward {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether the arrow points from `to` to `from`, to the left.
    pub(super) back: bool,
}

/// Turns the arrows that close cycles, so that none is left. `first` are the nodes where a reader begins.
pub(super) fn without_cycles(nodes: usize, edges: &[(usize, usize)], first: &[usize]) -> Vec<Rightward> {
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    let mut has_incoming = vec![false; nodes];
    for (index, (from, to)) in edges.iter().enumerate() {
        if let Some(list) = outgoing.get_mut(*from) {
            list.push(index);
        }
        if let Some(flag) = has_incoming.get_mut(*to) {
            *flag = true;
        }
    }
    let without_incoming = (0..nodes).filter(|node| has_incoming.get(*node) == Some(&false));
    let starts: Vec<usize> = first.iter().copied().chain(without_incoming).chain(0..nodes).collect();

    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnTheWay,
        Done,
    }
    let mut marks = vec![Mark::New; nodes];
    let mut back = vec![false; edges.len()];
    for start in starts {
        if marks.get(start) != Some(&Mark::New) {
            continue;
        }
        // Depth first: an arrow to a node that is on the way closes a cycle.
        let mut way = vec![(start, 0)];
        set(&mut marks, start, Mark::OnTheWay);
        while let Some((node, next)) = way.last_mut() {
            let Some(edge) = outgoing.get(*node).and_then(|list| list.get(*next)) else {
                set(&mut marks, *node, Mark::Done);
                way.pop();
                continue;
            };
            *next += 1;
            let Some((_, to)) = edges.get(*edge) else { continue };
            match marks.get(*to) {
                Some(Mark::New) => {
                    set(&mut marks, *to, Mark::OnTheWay);
                    way.push((*to, 0));
                }
                Some(Mark::OnTheWay) => set(&mut back, *edge, true),
                _ => {}
            }
        }
    }
    let turned = |((from, to), back): (&(usize, usize), bool)| match back {
        true => Rightward { from: *to, to: *from, back },
        false => Rightward { from: *from, to: *to, back },
    };
    edges.iter().zip(back).map(turned).collect()
}

/// The column of each node: behind all that point to it, and as near as can be to those it points to if none does.
pub(super) fn layers(nodes: usize, edges: &[Rightward]) -> Vec<usize> {
    let mut waiting = vec![0_usize; nodes];
    for edge in edges {
        if let Some(count) = waiting.get_mut(edge.to) {
            *count += 1;
        }
    }
    let is_first = waiting.clone();
    let mut layer = vec![0_usize; nodes];
    let mut ready: Vec<usize> = (0..nodes).filter(|node| waiting.get(*node) == Some(&0)).collect();
    while let Some(node) = ready.pop() {
        let next = layer.get(node).map_or(0, |layer| layer + 1);
        for edge in edges.iter().filter(|edge| edge.from == node) {
            if let Some(layer) = layer.get_mut(edge.to) {
                *layer = (*layer).max(next);
            }
            if let Some(count) = waiting.get_mut(edge.to) {
                *count -= 1;
                if *count == 0 {
                    ready.push(edge.to);
                }
            }
        }
    }
    for node in (0..nodes).filter(|node| is_first.get(*node) == Some(&0)) {
        let nearest =
            edges.iter().filter(|edge| edge.from == node).filter_map(|edge| layer.get(edge.to)).min();
        let nearest = nearest.map_or(0, |nearest| nearest.saturating_sub(1));
        set(&mut layer, node, nearest);
    }
    layer
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_of_a_graph_without_cycles_points_to_the_right() {
        let edges = [(0, 1), (1, 2), (0, 2), (3, 2), (2, 4)];
        let turned = without_cycles(6, &edges, &[0]);
        assert!(turned.iter().all(|edge| !edge.back));
        assert_eq!(layers(6, &turned), [0, 1, 2, 1, 3, 0]);
    }

    #[test]
    fn one_arrow_of_a_cycle_points_to_the_left() {
        let edges = [(1, 2), (2, 0), (0, 1)];
        let turned = without_cycles(3, &edges, &[1]);
        assert_eq!(turned.iter().map(|edge| edge.back).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(layers(3, &turned), [2, 0, 1]);
    }
}
