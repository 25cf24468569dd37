//! Who sends what to whom: types that nobody publishes or takes, plugins that do neither, an application that is done at once.

use crate::application::diagnostics::Diagnostics;
use crate::application::file::Until;
use crate::application::read::Draft;

/// Warns of what is allowed and hardly meant.
pub(in crate::application) fn flow(draft: &Draft, out: &mut Diagnostics) {
    if draft.partial {
        return;
    }
    let bus = draft.application.bus.is_some();
    if draft.plugins.is_empty() && !bus {
        out.error(&(0..0), "the application has no plugins")
            .help("write a table such as [plugins.scorer], with its command and what it takes and publishes");
    }
    for plugin in &draft.plugins {
        let entry = &plugin.entry;
        if entry.subscribe.is_empty() && entry.publish.is_empty() && !plugin.misread {
            out.warning(
                &plugin.name.span,
                format!("plugin `{}` neither subscribes nor publishes", entry.name),
            )
            .help("say subscribe = […] and publish = […] with names of types");
        }
    }
    // Whoever uses the bus takes and publishes what the file does not say.
    let misread = draft.plugins.iter().any(|plugin| plugin.misread);
    if !bus && !misread {
        unused_types(draft, out);
    }
    let no_source = draft.plugins.iter().all(|plugin| !plugin.entry.source);
    if draft.application.until == Until::Done && no_source && !draft.plugins.is_empty() {
        out.warning(
            &draft.application.until_span,
            "no plugin is a source, so the application is done as soon as it has started",
        )
        .help("say source = true at the plugin that makes the first events");
    }
}

/// Types that nobody publishes, takes, or uses at all.
fn unused_types(draft: &Draft, out: &mut Diagnostics) {
    let prefixes = |names: Vec<&str>| -> Vec<&[u8]> {
        let of_one =
            |name: &str| draft.types.iter().find(|declared| declared.name.value == name)?.prefix.as_ref();
        names.into_iter().filter_map(|name| Some(of_one(name)?.value.as_slice())).collect()
    };
    let entries = || draft.plugins.iter().map(|plugin| &plugin.entry);
    let taken = prefixes(entries().flat_map(|entry| &entry.subscribe).map(String::as_str).collect());
    let published = entries().flat_map(|entry| entry.publish.iter().chain(&entry.dead_letter));
    let published = prefixes(published.map(String::as_str).collect());
    // An event may be of two types when one's prefix begins with the other's.
    let among = |prefix: &[u8], list: &[&[u8]]| {
        list.iter().any(|other| other.starts_with(prefix) || prefix.starts_with(other))
    };
    for declared in &draft.types {
        let Some(prefix) = declared.prefix.as_ref() else { continue };
        let name = &declared.name.value;
        if name.is_empty() {
            continue;
        }
        let (message, help) = match (among(&prefix.value, &published), among(&prefix.value, &taken)) {
            (true, true) => continue,
            (true, false) => (
                format!("nobody takes type `{name}`: its events go nowhere"),
                "add it to the `subscribe` of a plugin, or remove it from `publish`",
            ),
            (false, true) => (
                format!("nobody publishes type `{name}`: those who take it wait in vain"),
                "add it to the `publish` of the plugin that makes it, or remove it from `subscribe`",
            ),
            (false, false) => (
                format!("nobody takes or publishes type `{name}`"),
                "add it to the `publish` and `subscribe` of plugins, or remove it",
            ),
        };
        out.warning(&declared.name.span, message).help(help);
    }
}
