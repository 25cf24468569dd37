//! Wake-ups: one sleeper wakes the next, and none is forgotten (spec/decisions/0007).

use super::*;

const BOUND: Duration = Duration::from_secs(60);

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    /// Works for a while.
    fn work(&mut self, most: u64) {
        for _ in 0..self.roll(most + 1) {
            std::hint::spin_loop();
        }
    }
}

fn filter(plugin: usize) -> Vec<u8> {
    format!("<{plugin}>").into_bytes()
}

/// A reader on its own thread, which counts what it has got; `deadline_us` are those of its calls, if they have any.
fn reader(
    router: &Arc<Router>,
    plugin: PluginId,
    got: &Arc<AtomicU64>,
    deadline_us: Option<u64>,
) -> thread::JoinHandle<()> {
    let (router, got) = (Arc::clone(router), Arc::clone(got));
    thread::spawn(move || {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (plugin as u64 + 1));
        let mut batch = VecDeque::new();
        let mut handled = Settled::default();
        let mut last = 0;
        loop {
            let deadline =
                deadline_us.map(|most| Instant::now() + Duration::from_micros(dice.roll(most + 1)));
            let max = (1 + dice.roll(8) as usize, usize::MAX);
            match router.take(plugin, handled.take(), max, &mut batch, &mut 0, deadline) {
                Taken::Closed => return,
                Taken::Nothing => assert!(deadline.is_some()),
                Taken::Some => {
                    for (order, payload) in batch.drain(..) {
                        assert!(order > last, "{order} after {last}");
                        last = order;
                        handled.add(payload.len());
                        got.fetch_add(1, Ordering::SeqCst);
                    }
                    dice.work(500);
                }
            }
        }
    })
}

/// Publishes to some of the readers, waits until all of these have got it, and again.
fn rounds(router: &Router, source: PluginId, readers: usize, got: &AtomicU64, rounds: u64, seed: u64) {
    let mut dice = Dice(seed);
    let mut sent = 0;
    for round in 0..rounds {
        let first = dice.roll(readers as u64) as usize;
        let some = if dice.roll(4) == 0 { readers } else { 1 + dice.roll(4) as usize };
        for reader in 0..some {
            let event = filter((first + reader) % readers);
            router.publish(source, Payload::from(event), Settled::default()).unwrap();
            sent += 1;
            dice.work(200);
        }
        let start = Instant::now();
        while got.load(Ordering::SeqCst) < sent {
            assert!(
                start.elapsed() < BOUND / 4,
                "round {round}: {} of {sent} events",
                got.load(Ordering::SeqCst)
            );
            thread::yield_now();
        }
        dice.work(5000);
    }
}

#[test]
fn every_one_of_64_sleepers_gets_its_events() {
    const READERS: usize = 64;
    within(BOUND, || {
        let router = Arc::new(Router::new());
        let got = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..READERS)
            .map(|reader_number| {
                let plugin = router.register("reader", QueueLimits::default(), None);
                router.subscribe(plugin, &filter(reader_number));
                reader(&router, plugin, &got, None)
            })
            .collect();
        let source = router.register("source", QueueLimits::default(), None);
        rounds(&router, source, READERS, &got, 1500, 7);
        assert!(router.ledger().balances());
        router.abort(None);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Readers with time-outs so short that they race the wake-ups, beside readers without one, who would sleep for ever if the
/// others lost the baton.
#[test]
fn time_outs_that_race_wake_ups_lose_nothing() {
    const READERS: usize = 12;
    within(BOUND, || {
        let router = Arc::new(Router::new());
        let got = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..READERS)
            .map(|number| {
                let plugin = router.register("reader", limits(4), None);
                router.subscribe(plugin, &filter(number));
                reader(&router, plugin, &got, [None, Some(0), Some(20), Some(100)][number % 4])
            })
            .collect();
        let source = router.register("source", QueueLimits::default(), None);
        rounds(&router, source, READERS, &got, 3000, 11);
        assert!(router.ledger().balances());
        router.abort(None);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Several publishers at once, unpaced, with small queues: everything arrives.
#[test]
fn full_queues_and_sleepers_of_several_publishers_all_move_on() {
    const READERS: usize = 8;
    const EVENTS: u64 = 20_000;
    within(BOUND, || {
        let router = Arc::new(Router::new());
        let got = Arc::new(AtomicU64::new(0));
        let readers: Vec<_> = (0..READERS)
            .map(|number| {
                let plugin = router.register("reader", limits(1 + number), None);
                router.subscribe(plugin, if number % 2 == 0 { b"even" } else { b"odd" });
                reader(&router, plugin, &got, (number == 3).then_some(10))
            })
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let sampler = {
            let (router, stop) = (Arc::clone(&router), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let ledger = router.ledger();
                    assert!(ledger.balances(), "{ledger}");
                    thread::yield_now();
                }
            })
        };
        let publishers: Vec<_> = (0..3)
            .map(|_| {
                let source = router.register("source", QueueLimits::default(), None);
                let router = Arc::clone(&router);
                thread::spawn(move || {
                    for event in 0..EVENTS {
                        let text = if event % 2 == 0 { "even" } else { "odd" };
                        router.publish(source, Payload::from(text), Settled::default()).unwrap();
                    }
                })
            })
            .collect();
        publishers.into_iter().for_each(|thread| thread.join().unwrap());
        let start = Instant::now();
        while got.load(Ordering::SeqCst) < 3 * EVENTS * READERS as u64 / 2 {
            assert!(start.elapsed() < BOUND / 2, "{}", router.ledger());
            thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
        sampler.join().unwrap();
        router.abort(None);
        readers.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A reader that has been woken and ends instead of coming back takes the baton to no grave.
#[test]
fn a_reader_that_ends_passes_the_baton_on() {
    within(BOUND, || {
        let mut bench = Bench::new();
        let ending = bench.plugin("ending", limits(10), &["x"]);
        let router = Arc::clone(&bench.router);
        let sleeper = router.register("sleeper", limits(10), None);
        router.subscribe(sleeper, b"y");
        let got = Arc::new(AtomicU64::new(0));
        let thread = reader(&router, sleeper, &got, None);
        for woken_by_an_event in [true, false] {
            let ending = if woken_by_an_event { ending } else { bench.plugin("another", limits(10), &["x"]) };
            let seen = got.load(Ordering::SeqCst);
            assert!(bench.take(ending, 1).is_empty(), "asleep now");
            bench.wait_for_sleep(sleeper);
            if woken_by_an_event {
                bench.offer(ending, b"x");
            }
            // Its thread returns at once: it is asked to end, and never reads again.
            router.close(ending);
            bench.offer(ending, b"y");
            let start = Instant::now();
            while got.load(Ordering::SeqCst) == seen {
                assert!(start.elapsed() < BOUND / 6, "nobody has woken the sleeper");
                thread::yield_now();
            }
        }
        router.abort(None);
        thread.join().unwrap();
    });
}

impl Bench {
    fn wait_for_sleep(&self, plugin: PluginId) {
        let start = Instant::now();
        while self.router.state.lock().queues[plugin].sleep != Sleep::Sleeping {
            assert!(start.elapsed() < BOUND / 6, "the reader does not fall asleep");
            thread::yield_now();
        }
    }
}
