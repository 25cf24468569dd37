//! Configuration: what is refused before anything starts, and where ports are opened.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use event_engine::errors::EngineError;
use event_engine::{App, Builder, PluginSpec, StartError};
use uuid::Uuid;

use crate::support::child::in_child;
use crate::support::{end, logs, ports, seed, within, SOON};

/// A flag, and an application in the making whose one plugin would set it.
fn would_tell() -> (Arc<AtomicBool>, Builder) {
    let started = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&started);
    let builder = Builder::new().plugin(PluginSpec::new("tells").subscribe("told "), move |_| {
        tell.store(true, Ordering::SeqCst);
        Ok(())
    });
    (started, builder)
}

/// The error of an application that must not start, after its plugin did not.
fn refusal(change: impl FnOnce(Builder) -> Builder) -> StartError {
    let (started, builder) = would_tell();
    let error = change(builder).start().unwrap_err();
    assert!(!started.load(Ordering::SeqCst), "a plugin has started in spite of {error}");
    error
}

fn says(error: &impl ToString, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{text}` does not say {word}");
    }
}

/// Mistakes in the engine's own API: the error names whom it concerns, and nothing has started.
///
/// EE-ERROR-3, EE-LIFE-4
#[test]
fn configuration_mistakes_are_refused_before_start() {
    let port = ports::free();
    let text = port.to_string();

    let name_twice = refusal(|builder| builder.external(PluginSpec::new("tells"), 0));
    assert!(matches!(name_twice, StartError::NameTwice(_)));
    says(&name_twice, &["`tells`"]);

    let two_plugins =
        refusal(|builder| builder.external(PluginSpec::new("a"), port).external(PluginSpec::new("b"), port));
    assert!(matches!(two_plugins, StartError::PortTwice { .. }));
    says(&two_plugins, &["plugin a", "plugin b", &text]);

    let plugin_and_bus = refusal(|builder| builder.external(PluginSpec::new("a"), port).bus(0, port));
    assert!(matches!(plugin_and_bus, StartError::PortTwice { .. }));
    says(&plugin_and_bus, &["plugin a", "bus subscribe port", &text]);

    let bus_twice = refusal(|builder| builder.bus(port, port));
    assert!(matches!(bus_twice, StartError::PortTwice { .. }));
    says(&bus_twice, &["bus publish port", "bus subscribe port", &text]);

    for address in ["nowhere", "127.0.0.1:6000", "tcp://*"] {
        let bad_address = refusal(|builder| builder.bind(address).bus(0, 0));
        assert!(matches!(bad_address, StartError::Address(_)));
        says(&bad_address, &[address, "IP address"]);
    }

    // 192.0.2.0/24 is kept for documentation: no machine has it.
    let foreign_address = refusal(|builder| builder.bind("192.0.2.1").external(PluginSpec::new("a"), port));
    assert!(matches!(foreign_address, StartError::Bind { .. }));
    says(&foreign_address, &["plugin a", &text, "192.0.2.1", "this machine does not have that address"]);
}

/// Port 0 may be asked for more than once: each gets a port of its own.
///
/// EE-LIFE-13
#[test]
fn port_zero_is_ephemeral_and_reported() {
    let builder =
        Builder::new().external(PluginSpec::new("a"), 0).external(PluginSpec::new("b"), 0).bus(0, 0);
    let handle = builder.stop_within(std::time::Duration::ZERO).start().unwrap();
    let (publish, subscribe) = handle.bus_ports().unwrap();
    let mut all = vec![handle.port("a").unwrap(), handle.port("b").unwrap(), publish, subscribe];
    for port in &all {
        assert_eq!(ports::listening_at(*port).len(), 1, "nobody listens at {port}");
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4);
    assert_eq!(handle.port("c"), None);
}

/// The error of a seed application that must not start.
fn seed_refusal(app: App) -> EngineError {
    within(SOON, "an application that cannot start", move || app.run()).unwrap_err()
}

/// Mistakes in the seed's API.
///
/// EE-ERROR-3, EE-LIFE-4
#[test]
fn configuration_mistakes_of_the_seeds_api_are_refused_before_start() {
    let started = Arc::new(AtomicBool::new(false));
    let plugin = |name: &str, id| {
        let tell = Arc::clone(&started);
        seed::internal_with_id(name, id, &[], move |_, _| {
            tell.store(true, Ordering::SeqCst);
            Ok(())
        })
    };
    let id = Uuid::new_v4();

    let id_twice =
        seed_refusal(App::new(0, 0).register_plugin(plugin("a", id)).register_plugin(plugin("b", id)));
    says(&id_twice, &["plugin a", "plugin b", &id.to_string(), "same id"]);

    for wrong in [-1, 65_536] {
        let text = wrong.to_string();
        let publish = seed_refusal(App::new(wrong, 0).register_plugin(plugin("a", id)));
        assert!(matches!(publish, EngineError::PubSocketTCPBindError(_)), "{publish:?}");
        says(&publish, &[&text]);
        let subscribe = seed_refusal(App::new(0, wrong).register_plugin(plugin("a", id)));
        assert!(matches!(subscribe, EngineError::SubSocketTCPBindError(..)), "{subscribe:?}");
        says(&subscribe, &[&text]);
        let (external, external_id) = seed::external("x", &[], wrong);
        let of_plugin =
            seed_refusal(App::new(0, 0).register_plugin(plugin("a", id)).register_external_plugin(external));
        says(&of_plugin, &["plugin x", &external_id.to_string(), &text]);
    }
    assert!(!started.load(Ordering::SeqCst));
}

/// The seed's API knows plugins by their ids, so names may repeat.
#[test]
fn names_may_repeat_in_the_seeds_api() {
    let plugin = || seed::internal("same", &[], |_, _| Ok(())).0;
    within(SOON, "run", move || App::new(0, 0).register_plugin(plugin()).register_plugin(plugin()).run())
        .unwrap();
}

/// Filters of which one begins with another: the builder refuses them unless told that they are meant so, the seed's API warns. Equal
/// filters and the empty one are no mistake.
///
/// EE-FILTER-5
#[test]
fn ambiguous_filters_are_refused_or_warned_of() {
    logs::capture();
    let error = refusal(|builder| builder.external(PluginSpec::new("longer").subscribe("told more "), 0));
    assert!(matches!(error, StartError::AmbiguousFilters { .. }));
    says(&error, &["plugin tells", "`told `", "plugin longer", "`told more `", "allow_ambiguous_filters"]);
    let error = refusal(|builder| {
        let more = PluginSpec::new("more").subscribe("other").subscribe("other more");
        builder.external(PluginSpec::new("longer").subscribe("told more "), 0).external(more, 0)
    });
    says(&error, &["`told `", "`told more `", "`other`", "`other more`"]);

    let plugin = |name: &str, prefix: &str| {
        (PluginSpec::new(name).subscribe(prefix), |_: &mut event_engine::Context| Ok(()))
    };
    for (first, second, allow) in [("a", "ab", true), ("a", "a", false), ("a", "", false), ("a", "b", false)]
    {
        let (one, run_one) = plugin("one", first);
        let (two, run_two) = plugin("two", second);
        let mut builder = Builder::new().plugin(one, run_one).plugin(two, run_two);
        if allow {
            builder = builder.allow_ambiguous_filters();
        }
        let handle = builder.start().unwrap_or_else(|error| panic!("{first} and {second}: {error}"));
        assert!(end(handle).is_success());
    }

    let (shorter, _) = seed::internal("ambiguous-shorter", &["seed "], |_, _| Ok(()));
    let (longer, _) = seed::internal("ambiguous-longer", &["seed more "], |_, _| Ok(()));
    let app = App::new(0, 0).register_plugin(shorter).register_plugin(longer);
    within(SOON, "run", move || app.run()).unwrap();
    assert_eq!(
        logs::lines_with(&["WARN", "ambiguous-shorter", "ambiguous-longer", "are ambiguous"]).len(),
        1
    );
}

const BIND: &str = "EVENT_ENGINE_BIND";

/// The address at which an application of this process listens.
fn listens_at(builder: Builder) -> Vec<String> {
    let handle =
        builder.external(PluginSpec::new("x"), 0).stop_within(std::time::Duration::ZERO).start().unwrap();
    ports::listening_at(handle.port("x").unwrap())
}

/// The environment names the address, with a warning; what the application says itself comes first.
///
/// EE-LIFE-2, EE-LIFE-3
#[test]
fn environment_names_the_address() {
    if !in_child("config::environment_names_the_address", &[(BIND, "0.0.0.0")]) {
        return;
    }
    logs::capture();
    assert_eq!(listens_at(Builder::new()), ["00000000"]);
    assert_eq!(logs::lines_with(&["WARN", "ports are opened at 0.0.0.0"]).len(), 1);
    assert_eq!(listens_at(Builder::new().bind("127.0.0.1")), ["0100007F"]);
    assert_eq!(logs::lines_with(&["WARN", "ports are opened"]).len(), 1);

    let port = ports::free();
    let (external, _) = seed::external("x", &[], i32::from(port));
    let handle = App::new(0, 0).register_external_plugin(external).start().unwrap();
    assert_eq!(ports::listening_at(port), ["00000000"]);
    crate::support::client::Client::req(port).quit();
    assert!(end(handle).is_success());
}

/// An empty value is none.
///
/// EE-LIFE-2
#[test]
fn empty_environment_means_loopback() {
    if in_child("config::empty_environment_means_loopback", &[(BIND, " ")]) {
        assert_eq!(listens_at(Builder::new()), ["0100007F"]);
    }
}

/// A value that is no address is refused, and the error says where it came from.
///
/// EE-ERROR-3
#[test]
fn wrong_environment_is_refused() {
    if in_child("config::wrong_environment_is_refused", &[(BIND, "my-machine")]) {
        let error = refusal(|builder| builder.bus(0, 0));
        assert!(matches!(error, StartError::Address(_)));
        says(&error, &[BIND, "my-machine", "IP address"]);
    }
}
