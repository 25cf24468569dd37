//! Publishers that wait for each other in a circle: found, admitted beyond the limit up to a cap, and named.
//!
//! Looked at by plugins, of which there are few, and not by parked publishes, of which there may be many: a plugin with
//! a parked publish counts as not reading. One that reads all the same (on another connection or thread) is in no
//! danger: its queue only grows a little earlier.

use std::collections::VecDeque;
use std::sync::Arc;

use super::State;
use crate::filters::PluginId;
use crate::queue::{Queue, Ticket};

/// The plugins of a circle, each waiting for the next, the last for the first.
pub(crate) type Circle = Vec<PluginId>;

impl State {
    /// As long as `ticket` waits in a circle, its events are accepted beyond the limit, up to the cap (EE-DELIVERY-10). Returns the
    /// queues at whose line it no longer stands.
    pub(super) fn break_cycle(&mut self, ticket: Ticket) -> Vec<PluginId> {
        let mut freed = Vec::new();
        loop {
            let Some(parked) = self.parked.get(&ticket) else { return freed };
            let bytes = parked.events.front().map_or(0, |payload| payload.len());
            // Whoever is part of a circle is waited for.
            if self.queues.get(parked.source).is_none_or(|own| own.waiters.is_empty()) {
                return freed;
            }
            let Some(circle) = self.circle_of(parked.source) else { return freed };
            let is_full = |queue: &Queue| !queue.sheds() && !queue.has_room(bytes);
            let mut full = parked.targets.clone();
            full.retain(|target| self.queues.get(*target).is_some_and(is_full));
            if !full
                .iter()
                .all(|target| self.queues.get(*target).is_some_and(|queue| queue.may_exceed(bytes)))
            {
                return freed;
            }
            let names = self.names(&circle);
            for target in full {
                let Some(queue) = self.queues.get_mut(target) else { continue };
                if !std::mem::replace(&mut queue.over_limit_logged, true) {
                    self.warnings.push(format!(
                        "publishers wait for each other ({names}): the queue of {} grows beyond its limit; raise its \
                         limit, or read before publishing",
                        queue.ledger.name
                    ));
                }
            }
            freed.extend(self.admit_parked(ticket, true));
            // The next event may have to wait for nobody.
            freed.extend(self.advance(ticket));
        }
    }

    /// The shortest circle of waiting that `plugin` is part of.
    pub(super) fn circle_of(&self, plugin: PluginId) -> Option<Circle> {
        let mut reached_from: Vec<Option<PluginId>> = vec![None; self.queues.len()];
        let mut open = VecDeque::from([plugin]);
        while let Some(at) = open.pop_front() {
            for next in self.waits_for(at) {
                if next == plugin {
                    let mut circle = vec![at];
                    let mut back = at;
                    while let Some(Some(from)) = reached_from.get(back).filter(|_| back != plugin) {
                        circle.push(*from);
                        back = *from;
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if let Some(from @ None) = reached_from.get_mut(next) {
                    *from = Some(at);
                    open.push_back(next);
                }
            }
        }
        None
    }

    /// Whom a parked publish of `plugin` waits for: the readers of full queues, and whoever is first in a line.
    fn waits_for(&self, plugin: PluginId) -> impl Iterator<Item = PluginId> + '_ {
        self.queues.iter().enumerate().filter_map(move |(target, queue)| {
            if !queue.waiting_sources.contains_key(&plugin) {
                return None;
            }
            let first = self.parked.get(queue.waiters.front()?)?;
            let bytes = first.events.front().map_or(0, |payload| payload.len());
            if !queue.has_room(bytes) {
                Some(target)
            } else {
                (first.source != plugin).then_some(first.source)
            }
        })
    }

    /// `a → b → a`.
    pub(super) fn names(&self, circle: &[PluginId]) -> String {
        let mut names: Vec<Arc<str>> =
            circle.iter().filter_map(|plugin| self.queues.get(*plugin)).map(Queue::name).collect();
        names.extend(names.first().cloned());
        names.join(" → ")
    }

    /// What the queues of a circle have given out so far.
    pub(super) fn progress(&self, circle: &[PluginId]) -> u64 {
        circle
            .iter()
            .filter_map(|plugin| self.queues.get(*plugin))
            .map(|queue| queue.ledger.delivered + queue.ledger.handed_over)
            .sum()
    }
}
