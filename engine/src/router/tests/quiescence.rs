//! When an application counts as quiescent, moment by moment.

use super::*;
use crate::router::quiescence::{AtPort, Rest, Stage};

/// A source, and a plugin `x` at a port that gets `x…`; the barrier is open.
fn application() -> (Bench, PluginId, PluginId) {
    let mut bench = Bench::new();
    let source = bench.plugin("source", limits(10), &[]);
    let x = bench.plugin("x", limits(2), &["x"]);
    bench.router.describe(source, true, None, Rest::Unseen);
    bench.router.describe(x, false, Some(Payload::from(&b"bye"[..])), Rest::Edge(AtPort::Nobody));
    bench.router.opened();
    (bench, source, x)
}

impl Bench {
    fn is_done(&self) -> bool {
        self.router.stage().0 == Stage::Rest
    }

    fn told(&self, plugin: PluginId) -> bool {
        self.router.come_back(plugin).is_ok_and(|news| news.told)
    }
}

/// EE-LIFE-15: each thing that holds it up is enough alone.
#[test]
fn everything_has_to_rest() {
    let (bench, source, x) = application();
    bench.router.until_done();
    bench.router.rest(x, AtPort::Rests);
    assert!(!bench.is_done(), "the source has not ended");
    assert_eq!(bench.offer(source, b"x1"), None);
    bench.router.ended(source);
    assert!(!bench.is_done(), "an event is queued");
    let mut batch = bench.take(x, 1);
    bench.router.rest(x, AtPort::Rests);
    assert!(!bench.is_done(), "an event is in flight");
    bench.router.give_back(x, &mut batch);
    bench.router.rest(x, AtPort::Rests);
    assert!(!bench.is_done(), "it was given back");
    assert_eq!(bench.read(x, 1), [b"x1"]);
    for at_port in [AtPort::Nobody, AtPort::Busy] {
        bench.router.rest(x, at_port);
        assert!(!bench.is_done(), "{at_port:?}");
    }
    bench.router.set_away(x, true);
    bench.router.rest(x, AtPort::Rests);
    assert!(!bench.is_done(), "x is between two runs");
    assert!(!bench.told(x));
    bench.router.set_away(x, false);
    assert!(!bench.is_done(), "an edge that has come back is at work");
    bench.router.rest(x, AtPort::Rests);
    assert!(bench.is_done());
    assert!(bench.told(x));
    assert_eq!(bench.read(x, 2), [b"bye"]);
}

/// EE-LIFE-12: once it is stopped, who is not there is not waited for unless something waits for it.
#[test]
fn a_stop_waits_for_the_absent_only_if_they_have_something_to_do() {
    for is_away in [true, false] {
        let (bench, source, x) = application();
        assert_eq!(bench.offer(source, b"x1"), None);
        bench.router.set_away(x, is_away);
        let at_port = if is_away { AtPort::Rests } else { AtPort::Nobody };
        bench.router.rest(x, at_port);
        bench.router.stop(Stage::Sources);
        bench.router.ended(source);
        bench.router.rest(x, at_port);
        assert!(!bench.is_done(), "an event is queued");
        assert_eq!(bench.read(x, 1), [b"x1"]);
        bench.router.rest(x, at_port);
        assert!(bench.is_done());
    }
}

/// EE-LIFE-15: publishes that wait for room hold it up; so does an answer that the edge has not given yet.
#[test]
fn parked_publishes_hold_it_up() {
    let (mut bench, source, x) = application();
    let y = bench.plugin("y", limits(10), &[]);
    bench.router.describe(y, false, None, Rest::Edge(AtPort::Nobody));
    bench.router.until_done();
    bench.router.ended(source);
    for event in [&b"x1"[..], b"x2"] {
        assert_eq!(bench.offer(y, event), None);
    }
    assert!(bench.offer(y, b"x3").is_some());
    bench.router.rest(y, AtPort::Rests);
    assert_eq!(bench.read(x, 2).len(), 2);
    bench.router.rest(x, AtPort::Rests);
    assert!(!bench.is_done());
    assert_eq!(bench.read(x, 2), [b"x3"]);
    bench.router.rest(x, AtPort::Rests);
    assert!(!bench.is_done(), "y was not told yet that its publish was accepted");
    assert!(bench.router.come_back(y).is_ok_and(|news| news.completed.len() == 1));
    assert!(!bench.is_done());
    bench.router.rest(y, AtPort::Rests);
    assert!(bench.is_done());
}

/// EE-LIFE-10: a stop tells sources first; nobody is told before the start barrier is open; the stop-event comes last.
#[test]
fn a_stop_tells_sources_first() {
    let mut bench = Bench::new();
    let source = bench.plugin("source", limits(10), &["s"]);
    let x = bench.plugin("x", limits(10), &["x"]);
    bench.router.describe(source, true, Some(Payload::from(&b"bye"[..])), Rest::Unseen);
    bench.router.describe(x, false, Some(Payload::from(&b"end"[..])), Rest::Unseen);
    assert_eq!(bench.offer(x, b"s1"), None);
    assert!(bench.router.stop(Stage::Sources));
    assert!(!bench.router.stop(Stage::Sources), "it was stopped before");
    assert!(bench.told(source) && !bench.told(x));
    assert_eq!(bench.read(source, 3), [b"s1".to_vec(), b"bye".to_vec()]);
    assert_eq!(bench.offer(source, b"x1"), None);
    bench.router.ended(source);
    assert_eq!(bench.read(x, 3), [b"x1"]);
    assert!(!bench.is_done(), "nobody has started");
    bench.router.opened();
    assert!(bench.is_done() && bench.told(x));
    assert_eq!(bench.read(x, 3), [b"end"]);
}

/// EE-LIFE-10: a thread that waits is told as soon as it is the last, without anybody's help.
#[test]
fn the_last_thread_that_goes_to_sleep_ends_the_drain() {
    within(Duration::from_secs(60), || {
        let router = Arc::new(Router::new());
        let threads = [router.register("a", limits(10), None), router.register("b", limits(10), None)];
        router.subscribe(threads[1], b"b");
        router.until_done();
        router.opened();
        let take = |router: &Router, plugin| {
            router.take(plugin, Settled::default(), ALL, &mut VecDeque::new(), &mut 0, None)
        };
        let (a, other) = (threads[0], Arc::clone(&router));
        let first = thread::spawn(move || take(&other, a));
        assert_eq!(take(&router, threads[1]), Taken::Closed);
        assert_eq!(first.join().unwrap(), Taken::Closed);
        assert!(router.is_stopping());
    });
}
