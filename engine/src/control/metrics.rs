//! A status as Prometheus reads it (EE-CONTROL-18).
//!
//! The recorder is made for one scrape and filled with absolute numbers: nothing is counted in between, so metrics cost nothing
//! while nobody asks, and a series ends with what it is about. No global recorder is set.

use metrics::{
    counter, describe_counter, describe_gauge, gauge, with_local_recorder, IntoLabels, Label, SharedString,
    Unit,
};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::messages::{Plugin, Status};

/// The text of `GET /metrics`.
pub(super) fn text(status: &Status) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || {
        application(status);
        status.plugins.iter().for_each(plugin);
    });
    recorder.handle().render()
}

fn count(name: &'static str, help: &'static str, labels: impl IntoLabels, value: u64) {
    describe_counter!(name, help);
    counter!(name, labels.into_labels()).absolute(value);
}

fn measure(name: &'static str, help: &'static str, unit: Option<Unit>, labels: impl IntoLabels, value: f64) {
    match unit {
        Some(unit) => describe_gauge!(name, unit, help),
        None => describe_gauge!(name, help),
    }
    gauge!(name, labels.into_labels()).set(value);
}

fn label(key: &'static str, value: &str) -> Label {
    Label::new(key, SharedString::from(value.to_string()))
}

fn application(status: &Status) {
    let none = || Vec::<Label>::new();
    let names = vec![label("application", &status.application), label("version", &status.engine)];
    measure(
        "event_engine_info",
        "This is always 1; the labels say which application runs on which engine.",
        None,
        names,
        1.0,
    );
    let phase = vec![label("phase", &status.phase)];
    measure("event_engine_phase", "This is 1 for the phase in which the application is.", None, phase, 1.0);
    let uptime = status.uptime_ms as f64 / 1_000.0;
    measure(
        "event_engine_uptime_seconds",
        "The application was started so long ago.",
        Some(Unit::Seconds),
        none(),
        uptime,
    );
    count(
        "event_engine_events_accepted_total",
        "The application has accepted so many events.",
        none(),
        status.accepted,
    );
    count(
        "event_engine_events_unmatched_total",
        "Nobody in the application had subscribed to so many accepted events.",
        none(),
        status.unmatched,
    );
    measure(
        "event_engine_publishes_parked",
        "So many publishes in the application wait for room.",
        None,
        none(),
        status.parked as f64,
    );
    let balances = f64::from(u8::from(status.balances));
    measure(
        "event_engine_ledger_balances",
        "This is 1 if the application's ledger balances: no event is lost silently.",
        None,
        none(),
        balances,
    );
}

fn plugin(plugin: &Plugin) {
    let labels = || vec![label("plugin", &plugin.name)];
    let counters = [
        (
            "event_engine_plugin_published_events_total",
            "The plugin has published so many events that were accepted.",
            plugin.published,
        ),
        (
            "event_engine_plugin_matched_events_total",
            "The plugin had a subscription for so many events.",
            plugin.matched,
        ),
        (
            "event_engine_plugin_delivered_events_total",
            "The plugin has handled so many events.",
            plugin.delivered,
        ),
        (
            "event_engine_plugin_handed_over_events_total",
            "So many events for the plugin were given to a transport that acknowledges nothing.",
            plugin.handed_over,
        ),
        (
            "event_engine_plugin_shed_events_total",
            "The plugin's overflow policy has dropped so many events.",
            plugin.shed,
        ),
        (
            "event_engine_plugin_discarded_events_total",
            "So many events were left when the plugin finished.",
            plugin.discarded,
        ),
        (
            "event_engine_plugin_dead_lettered_events_total",
            "So many events for the plugin were given up because sessions ended with them in their hands too often.",
            plugin.dead_lettered,
        ),
        (
            "event_engine_plugin_redelivered_events_total",
            "Events went back to the plugin's queue so many times.",
            plugin.redelivered,
        ),
        (
            "event_engine_plugin_refused_messages_total",
            "The plugin has sent so many messages that were no event.",
            plugin.refused,
        ),
        ("event_engine_plugin_restarts_total", "The plugin was started again so many times.", plugin.restarts),
    ];
    for (name, help, value) in counters {
        count(name, help, labels(), value);
    }
    let state = vec![label("plugin", &plugin.name), label("state", &plugin.state)];
    measure("event_engine_plugin_state", "This is 1 for the state in which the plugin is.", None, state, 1.0);
    measure(
        "event_engine_plugin_queued_events",
        "So many events wait in the plugin's queue.",
        None,
        labels(),
        plugin.queued as f64,
    );
    let bytes = Some(Unit::Bytes);
    measure(
        "event_engine_plugin_queued_bytes",
        "The events that wait in the plugin's queue have so many bytes.",
        bytes,
        labels(),
        plugin.queued_bytes as f64,
    );
    measure(
        "event_engine_plugin_in_flight_events",
        "The plugin has taken so many events and not settled them yet.",
        None,
        labels(),
        plugin.in_flight as f64,
    );
    let oldest = plugin.oldest_ms.unwrap_or(0) as f64 / 1_000.0;
    measure(
        "event_engine_plugin_oldest_event_seconds",
        "The event that waits longest in the plugin's queue is so old; 0 says that none waits.",
        Some(Unit::Seconds),
        labels(),
        oldest,
    );
    if let Some(cpu_ms) = plugin.cpu_ms {
        // A counter by nature, but counters of this library are integers.
        let help = "The plugin's processes have used so much processor time.";
        let seconds = cpu_ms as f64 / 1_000.0;
        measure("event_engine_plugin_cpu_seconds", help, Some(Unit::Seconds), labels(), seconds);
    }
    if let Some(rss_bytes) = plugin.rss_bytes {
        let help = "The plugin's processes hold so much memory.";
        measure(
            "event_engine_plugin_resident_memory_bytes",
            help,
            Some(Unit::Bytes),
            labels(),
            rss_bytes as f64,
        );
    }
}
