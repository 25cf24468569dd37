//! The router against a simple model of what the spec says: plain lists, everything looked at in turn.
//!
//! One thread plays all plugins. Where the spec leaves the order of acceptance open (publishes that wait at different
//! queues), the model takes the router's order and checks that each acceptance was allowed at that moment.

use proptest::prelude::*;

use super::*;

const PLUGINS: usize = 5;
/// The first of them subscribe to nothing and only publish.
const PUBLISHERS: usize = 2;
const FILTERS: [&str; 5] = ["", "a", "ab", "b", "c"];
const PREFIXES: [&str; 5] = ["a", "ab", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Op {
    Subscribe(PluginId, usize),
    Unsubscribe(PluginId, usize),
    Offer { source: PluginId, prefix: usize, padding: usize },
    Take(PluginId, usize),
    Settle(PluginId, usize),
    GiveBack(PluginId),
    Close(PluginId),
}

/// An event, waiting or taken: its order and its bytes.
type Placed = (u64, Vec<u8>);

struct ModelQueue {
    limits: QueueLimits,
    filters: BTreeSet<&'static str>,
    waiting: Vec<Placed>,
    in_hand: Vec<Placed>,
    beyond_bytes: usize,
    closed: bool,
    published: u64,
    matched: u64,
    delivered: u64,
    shed: u64,
    discarded: u64,
}

impl ModelQueue {
    fn waits(&self) -> bool {
        self.limits.overflow == Overflow::Wait
    }

    fn has_room(&self, bytes: usize) -> bool {
        let here = || self.waiting.iter().chain(&self.in_hand);
        let used: usize = here().map(|(_, event)| event.len()).sum();
        here().count() == 0
            || (here().count() < self.limits.max_events && used + bytes <= self.limits.max_bytes)
    }

    fn push(&mut self, order: u64, event: &[u8]) {
        self.matched += 1;
        match self.limits.overflow {
            Overflow::DropNewest if !self.has_room(event.len()) => {
                self.shed += 1;
                return;
            }
            // What is in flight cannot be dropped; the newest event is always kept.
            Overflow::DropOldest => {
                while !self.has_room(event.len()) && !self.waiting.is_empty() {
                    self.waiting.remove(0);
                    self.shed += 1;
                }
            }
            Overflow::DropNewest => {}
            Overflow::Wait if self.has_room(event.len()) => {}
            Overflow::Wait => self.beyond_bytes += event.len() + 64,
        }
        self.waiting.push((order, event.to_vec()));
    }

    fn settle(&mut self, events: usize) -> Settled {
        let mut settled = Settled::default();
        for (_, event) in self.in_hand.drain(..events) {
            settled.add(event.len());
        }
        self.delivered += settled.events as u64;
        self.beyond_bytes = self.beyond_bytes.saturating_sub(settled.bytes + 64 * settled.events);
        settled
    }
}

/// A publish that the model has not seen accepted.
struct ModelParked {
    number: usize,
    source: PluginId,
    event: Vec<u8>,
    ticket: Option<Ticket>,
}

struct Model {
    queues: Vec<ModelQueue>,
    parked: Vec<ModelParked>,
    accepted: u64,
    unmatched: u64,
    published: usize,
}

impl Model {
    fn targets(&self, event: &[u8]) -> Vec<PluginId> {
        let matches =
            |queue: &ModelQueue| queue.filters.iter().any(|filter| event.starts_with(filter.as_bytes()));
        (0..self.queues.len()).filter(|plugin| matches(&self.queues[*plugin])).collect()
    }

    /// The publishes that wait at `plugin`, the first one first.
    fn line(&self, plugin: PluginId) -> impl Iterator<Item = &ModelParked> {
        let waits = self.queues[plugin].waits();
        self.parked.iter().filter(move |parked| waits && self.targets(&parked.event).contains(&plugin))
    }

    fn is_admissible(&self, parked: &ModelParked) -> bool {
        self.targets(&parked.event).into_iter().filter(|target| self.queues[*target].waits()).all(|target| {
            self.line(target).next().unwrap().number == parked.number
                && self.queues[target].has_room(parked.event.len())
        })
    }

    /// Whom `plugin` waits for: the reader of a full queue, or else whoever is first in line.
    fn waits_for(&self, plugin: PluginId) -> BTreeSet<PluginId> {
        let stands_at = |target: &PluginId| self.line(*target).any(|parked| parked.source == plugin);
        (0..self.queues.len())
            .filter(stands_at)
            .filter_map(|target| {
                let first = self.line(target).next().unwrap();
                match self.queues[target].has_room(first.event.len()) {
                    false => Some(target),
                    true => Some(first.source).filter(|source| *source != plugin),
                }
            })
            .collect()
    }

    fn is_in_a_circle(&self, plugin: PluginId) -> bool {
        let mut reached = self.waits_for(plugin);
        loop {
            let further: BTreeSet<PluginId> = reached.iter().flat_map(|next| self.waits_for(*next)).collect();
            if further.is_subset(&reached) {
                return reached.contains(&plugin);
            }
            reached.extend(further);
        }
    }

    fn may_go_beyond(&self, parked: &ModelParked) -> bool {
        let bytes = parked.event.len();
        self.is_in_a_circle(parked.source)
            && self
                .targets(&parked.event)
                .into_iter()
                .map(|target| &self.queues[target])
                .filter(|queue| queue.waits() && !queue.has_room(bytes))
                .all(|queue| queue.beyond_bytes + bytes + 64 <= queue.limits.cycle_max_bytes)
    }

    fn accept(&mut self, number: usize, order: u64) {
        let at = self.parked.iter().position(|parked| parked.number == number).unwrap();
        let allowed = self.is_admissible(&self.parked[at]) || self.may_go_beyond(&self.parked[at]);
        assert!(allowed, "publish {number} was accepted and should have waited");
        let ModelParked { source, event, .. } = self.parked.remove(at);
        self.accepted += 1;
        assert_eq!(order, self.accepted, "the order has a gap");
        let targets = self.targets(&event);
        self.unmatched += u64::from(targets.is_empty());
        targets.into_iter().for_each(|target| self.queues[target].push(order, &event));
        self.queues[source].published += 1;
    }
}

struct Both {
    bench: Bench,
    model: Model,
}

impl Both {
    fn new(limits: &[QueueLimits]) -> Self {
        let mut bench = Bench::new();
        let queue = |limits: &QueueLimits| ModelQueue {
            limits: *limits,
            filters: BTreeSet::new(),
            waiting: Vec::new(),
            in_hand: Vec::new(),
            beyond_bytes: 0,
            closed: false,
            published: 0,
            matched: 0,
            delivered: 0,
            shed: 0,
            discarded: 0,
        };
        for (plugin, limits) in limits.iter().enumerate() {
            bench.plugin(&plugin.to_string(), *limits, &[]);
        }
        let queues = limits.iter().map(queue).collect();
        Both { bench, model: Model { queues, parked: Vec::new(), accepted: 0, unmatched: 0, published: 0 } }
    }

    fn apply(&mut self, op: &Op) {
        let Both { bench, model } = self;
        match *op {
            Op::Subscribe(plugin, filter) => {
                bench.router.subscribe(plugin, FILTERS[filter].as_bytes());
                if !model.queues[plugin].closed {
                    model.queues[plugin].filters.insert(FILTERS[filter]);
                }
            }
            Op::Unsubscribe(plugin, filter) => {
                bench.router.unsubscribe(plugin, FILTERS[filter].as_bytes());
                model.queues[plugin].filters.remove(FILTERS[filter]);
            }
            Op::Offer { source, prefix, padding } => {
                let number = model.published;
                model.published += 1;
                let mut event = PREFIXES[prefix].as_bytes().to_vec();
                event.extend_from_slice(format!("#{number}#").as_bytes());
                event.resize(event.len() + padding, b'.');
                let ticket = bench.offer(source, &event);
                model.parked.push(ModelParked { number, source, event, ticket });
            }
            Op::Take(plugin, events) => {
                let batch = bench.take(plugin, events);
                let queue = &mut model.queues[plugin];
                let expected: Vec<Placed> = queue.waiting.drain(..events.min(queue.waiting.len())).collect();
                let taken: Vec<Placed> =
                    batch.into_iter().map(|(order, event)| (order, event.to_vec())).collect();
                assert_eq!(taken, expected);
                queue.in_hand.extend(taken);
            }
            Op::Settle(plugin, events) => {
                let queue = &mut model.queues[plugin];
                let settled = queue.settle(events.min(queue.in_hand.len()));
                bench.router.settle(plugin, settled);
            }
            Op::GiveBack(plugin) => {
                let queue = &mut model.queues[plugin];
                let in_hand = std::mem::take(&mut queue.in_hand);
                let mut batch = in_hand.iter().map(|(order, event)| (*order, Payload::from(event))).collect();
                bench.router.give_back(plugin, &mut batch);
                if queue.closed {
                    queue.discarded += in_hand.len() as u64;
                } else {
                    queue.waiting.splice(..0, in_hand);
                }
            }
            Op::Close(plugin) => {
                bench.router.close(plugin);
                let queue = &mut model.queues[plugin];
                queue.closed = true;
                queue.filters.clear();
                queue.discarded += queue.waiting.drain(..).count() as u64;
            }
        }
    }

    /// Lets the model accept what the router has accepted, in the router's order.
    fn follow(&mut self) {
        let Both { bench, model } = self;
        let still_parked = bench.parked();
        let now = bench.router.ledger().accepted;
        let mut places = BTreeMap::new();
        for plugin in 0..model.queues.len() {
            places.extend(bench.peek(plugin).into_iter().map(|(order, event)| (event, order)));
        }
        let mut accepted: Vec<(usize, Option<u64>)> = model
            .parked
            .iter()
            .filter(|parked| parked.ticket.is_none_or(|ticket| !still_parked.contains(&ticket)))
            .map(|parked| (parked.number, places.get(&parked.event).copied()))
            .collect();
        assert_eq!(accepted.len() as u64, now - model.accepted, "{accepted:?}");
        // Those that are in no queue (nobody's, or shed) have the numbers that are left, in the order of publishing.
        let seen: BTreeSet<u64> = accepted.iter().filter_map(|(_, order)| *order).collect();
        let mut unseen = (model.accepted + 1..=now).filter(|order| !seen.contains(order));
        for (_, order) in &mut accepted {
            *order = order.or_else(|| unseen.next());
        }
        accepted.sort_by_key(|(_, order)| *order);
        let tickets: BTreeSet<Ticket> = {
            let is_accepted = |number: usize| accepted.iter().any(|(accepted, _)| *accepted == number);
            model
                .parked
                .iter()
                .filter(|parked| is_accepted(parked.number))
                .filter_map(|parked| parked.ticket)
                .collect()
        };
        for (number, order) in accepted {
            model.accept(number, order.unwrap());
        }
        let completed: Vec<Ticket> =
            (0..model.queues.len()).flat_map(|plugin| bench.router.take_completed(plugin).unwrap()).collect();
        for ticket in tickets {
            assert_eq!(completed.iter().filter(|done| **done == ticket).count(), 1, "told of {completed:?}");
        }
    }

    fn compare(&self) {
        let Both { bench, model } = self;
        let ledger = bench.router.ledger();
        assert!(ledger.balances(), "{ledger}");
        assert_eq!((ledger.accepted, ledger.unmatched), (model.accepted, model.unmatched));
        assert_eq!(ledger.parked, model.parked.len() as u64);
        for (plugin, queue) in model.queues.iter().enumerate() {
            assert_eq!(bench.peek(plugin), queue.waiting, "queue of {plugin}");
            let real = &ledger.plugins[plugin];
            assert_eq!((real.published, real.matched), (queue.published, queue.matched));
            assert_eq!(
                (real.queued, real.in_flight),
                (queue.waiting.len() as u64, queue.in_hand.len() as u64)
            );
            assert_eq!((real.delivered, real.handed_over), (queue.delivered, 0));
            assert_eq!((real.shed, real.discarded), (queue.shed, queue.discarded), "of {plugin}");
        }
        let kept_waiting: Vec<usize> = model
            .parked
            .iter()
            .filter(|parked| model.is_admissible(parked))
            .map(|parked| parked.number)
            .collect();
        assert!(kept_waiting.is_empty(), "publishes {kept_waiting:?} wait, and there is room");
    }
}

fn any_limits() -> impl Strategy<Value = QueueLimits> {
    let overflow = prop_oneof![
        3 => Just(Overflow::Wait), 1 => Just(Overflow::DropOldest), 1 => Just(Overflow::DropNewest)
    ];
    (1usize..5, 1usize..60, 0usize..400, overflow).prop_map(
        |(max_events, max_bytes, cycle_max_bytes, overflow)| QueueLimits {
            max_events,
            max_bytes,
            overflow,
            cycle_max_bytes,
        },
    )
}

fn any_op(sources: usize) -> impl Strategy<Value = Op> {
    let reader = || PUBLISHERS..PLUGINS;
    prop_oneof![
        3 => (reader(), 0..FILTERS.len()).prop_map(|(plugin, filter)| Op::Subscribe(plugin, filter)),
        1 => (reader(), 0..FILTERS.len()).prop_map(|(plugin, filter)| Op::Unsubscribe(plugin, filter)),
        12 => (0..sources, 0..PREFIXES.len(), 0usize..30)
            .prop_map(|(source, prefix, padding)| Op::Offer { source, prefix, padding }),
        6 => (reader(), 1usize..4).prop_map(|(plugin, events)| Op::Take(plugin, events)),
        5 => (reader(), 1usize..4).prop_map(|(plugin, events)| Op::Settle(plugin, events)),
        1 => reader().prop_map(Op::GiveBack),
        1 => (0u8..4, reader()).prop_map(|(rare, plugin)| match rare {
            0 => Op::Close(plugin),
            _ => Op::GiveBack(plugin),
        }),
    ]
}

fn compare_after_every_step(limits: &[QueueLimits], ops: &[Op]) {
    let mut both = Both::new(limits);
    for op in ops {
        both.apply(op);
        both.follow();
        both.compare();
    }
    for plugin in PUBLISHERS..PLUGINS {
        both.apply(&Op::Close(plugin));
        both.follow();
        both.compare();
    }
    assert_eq!(both.model.parked.len(), 0);
    assert_eq!(both.model.accepted as usize, both.model.published);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// EE-DELIVERY-1 to 7, 13, 14, EE-ORDER-1, EE-ORDER-2: publishers that do not read.
    #[test]
    fn router_does_what_the_model_does(
        limits in prop::collection::vec(any_limits(), PLUGINS),
        ops in prop::collection::vec(any_op(PUBLISHERS), 1..150),
    ) {
        compare_after_every_step(&limits, &ops);
    }

    /// The same with plugins that publish and read, which may wait in circles (EE-DELIVERY-10).
    #[test]
    fn router_does_what_the_model_does_in_circles(
        limits in prop::collection::vec(any_limits(), PLUGINS),
        ops in prop::collection::vec(any_op(PLUGINS), 1..150),
    ) {
        compare_after_every_step(&limits, &ops);
    }
}
