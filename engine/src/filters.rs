//! Which queues an event goes to: byte prefixes, one hash look-up for each length in use.

use std::collections::HashMap;

/// The index of a plugin and of its queue: every plugin has exactly one.
pub(crate) type PluginId = usize;

/// Who subscribed to each prefix of one length, ascending.
type Subscribers = HashMap<Box<[u8]>, Vec<PluginId>>;

/// The subscriptions of all plugins (EE-FILTER-1).
#[derive(Default)]
pub(crate) struct Filters {
    /// Subscribers of the empty prefix.
    everything: Vec<PluginId>,
    /// By prefix length, ascending.
    lengths: Vec<(usize, Subscribers)>,
}

impl Filters {
    pub(crate) fn subscribe(&mut self, plugin: PluginId, filter: &[u8]) {
        let subscribers = if filter.is_empty() {
            &mut self.everything
        } else {
            let at = match self.lengths.binary_search_by_key(&filter.len(), |(len, _)| *len) {
                Ok(at) => at,
                Err(at) => {
                    self.lengths.insert(at, (filter.len(), HashMap::new()));
                    at
                }
            };
            let Some((_, table)) = self.lengths.get_mut(at) else { return };
            table.entry(filter.into()).or_default()
        };
        if let Err(at) = subscribers.binary_search(&plugin) {
            subscribers.insert(at, plugin);
        }
    }

    pub(crate) fn unsubscribe(&mut self, plugin: PluginId, filter: &[u8]) {
        if filter.is_empty() {
            self.everything.retain(|p| *p != plugin);
            return;
        }
        let Ok(at) = self.lengths.binary_search_by_key(&filter.len(), |(len, _)| *len) else { return };
        let Some((_, table)) = self.lengths.get_mut(at) else { return };
        if let Some(subscribers) = table.get_mut(filter) {
            subscribers.retain(|p| *p != plugin);
            if subscribers.is_empty() {
                table.remove(filter);
            }
        }
        if table.is_empty() {
            self.lengths.remove(at);
        }
    }

    pub(crate) fn remove(&mut self, plugin: PluginId) {
        self.everything.retain(|p| *p != plugin);
        for (_, table) in &mut self.lengths {
            table.retain(|_, subscribers| {
                subscribers.retain(|p| *p != plugin);
                !subscribers.is_empty()
            });
        }
        self.lengths.retain(|(_, table)| !table.is_empty());
    }

    /// The subscribers of `event`, each once, ascending. `merged` is room to work in.
    pub(crate) fn targets<'a>(&'a self, event: &[u8], merged: &'a mut Vec<PluginId>) -> &'a [PluginId] {
        let mut single: &[PluginId] = &self.everything;
        let mut hits = usize::from(!single.is_empty());
        for (len, table) in &self.lengths {
            let Some(prefix) = event.get(..*len) else { break };
            let Some(subscribers) = table.get(prefix) else { continue };
            hits += 1;
            match hits {
                1 => single = subscribers,
                2 => {
                    merged.clear();
                    merged.extend_from_slice(single);
                    merged.extend_from_slice(subscribers);
                }
                _ => merged.extend_from_slice(subscribers),
            }
        }
        if hits < 2 {
            return single;
        }
        merged.sort_unstable();
        merged.dedup();
        merged
    }
}

/// Whether an event begins with one of many prefixes, for those who need to know no more: a search among sorted ones, of which none
/// begins with another, so that only the last one that is not behind the event can be its beginning.
pub(crate) struct Prefixes(Vec<Vec<u8>>);

impl Prefixes {
    pub(crate) fn new(mut prefixes: Vec<Vec<u8>>) -> Self {
        prefixes.sort_unstable();
        prefixes.dedup_by(|longer, kept| longer.starts_with(kept));
        Prefixes(prefixes)
    }

    pub(crate) fn begin(&self, event: &[u8]) -> bool {
        let behind = self.0.partition_point(|prefix| prefix.as_slice() <= event);
        let last = behind.checked_sub(1).and_then(|last| self.0.get(last));
        last.is_some_and(|prefix| event.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same as looking at every prefix in turn.
        #[test]
        fn one_of_many_prefixes_is_found_as_by_a_linear_search(
            prefixes in prop::collection::vec(prop::collection::vec(0u8..3, 0..5), 0..20),
            events in prop::collection::vec(prop::collection::vec(0u8..3, 0..7), 20),
        ) {
            let sorted = Prefixes::new(prefixes.clone());
            for event in events {
                let expected = prefixes.iter().any(|prefix| event.starts_with(prefix));
                prop_assert_eq!(sorted.begin(&event), expected, "{:?}", event);
            }
        }

        /// EE-FILTER-1, EE-FILTER-2: the same as looking at every filter in turn, each queue once.
        #[test]
        fn targets_are_those_of_a_linear_search(
            subscriptions in prop::collection::vec((0usize..5, prop::collection::vec(0u8..3, 0..4)), 0..20),
            removed in prop::collection::vec(0usize..20, 0..5),
            event in prop::collection::vec(0u8..3, 0..6),
        ) {
            let mut filters = Filters::default();
            let mut merged = Vec::new();
            let mut model: Vec<(usize, Vec<u8>)> = Vec::new();
            for (plugin, filter) in &subscriptions {
                filters.subscribe(*plugin, filter);
                if !model.contains(&(*plugin, filter.clone())) {
                    model.push((*plugin, filter.clone()));
                }
            }
            for index in removed {
                if let Some((plugin, filter)) = subscriptions.get(index) {
                    filters.unsubscribe(*plugin, filter);
                    model.retain(|entry| *entry != (*plugin, filter.clone()));
                }
            }
            let mut expected: Vec<usize> =
                model.iter().filter(|(_, filter)| event.starts_with(filter)).map(|(plugin, _)| *plugin).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(filters.targets(&event, &mut merged), &expected[..]);
            filters.remove(3);
            expected.retain(|plugin| *plugin != 3);
            prop_assert_eq!(filters.targets(&event, &mut merged), &expected[..]);
        }
    }
}
