//! A graph as a picture: an SVG without anything from elsewhere, plugins as boxes, types as pills, from left to right.
//!
//! The layout is this program's own, in layers (`layers`, `order`, `place`). The crate `layout-rs` was tried first: it took more than
//! a minute for 100 plugins with 60 types, lets all arrows of a box meet in one point, and draws black on white only.

use std::fmt::Write as _;

use super::{shortened, shown, Graph};
use place::{Layout, Rectangle};

mod layers;
mod order;
mod place;

/// Longer names are cut; the full name is in the tooltip.
const NAME_CHARACTERS: usize = 30;

/// Space around everything, and the line of the title, in pixels.
const MARGIN: f64 = 24.0;
const TITLE: f64 = 34.0;

/// Heights of plugins and types, and what each further arrow adds, in pixels.
const PLUGIN_HEIGHT: f64 = 46.0;
const TYPE_HEIGHT: f64 = 40.0;
const ARROW_ROOM: f64 = 11.0;

/// What an arrow is, for its style and its tooltip.
struct Arrow {
    from: usize,
    to: usize,
    class: &'static str,
    says: String,
}

/// Draws it.
pub(super) fn draw(graph: &Graph) -> String {
    let arrows = arrows(graph);
    let edges: Vec<(usize, usize)> = arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
    let sizes = sizes(graph, &edges);
    let first: Vec<usize> = graph
        .plugins
        .iter()
        .enumerate()
        .filter(|(_, plugin)| plugin.source)
        .map(|(index, _)| index)
        .collect();
    let layout = place::place(&sizes, &edges, &first);

    let width = layout.width.max(text_width(&graph.application, 16.0)) + 2.0 * MARGIN;
    let height = layout.height + 2.0 * MARGIN + TITLE;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut out, graph, &arrows, &layout, width, height);
    out
}

/// Plugins are the first nodes, types follow them.
fn arrows(graph: &Graph) -> Vec<Arrow> {
    let plugins = graph.plugins.len();
    let plugin = |index: usize| graph.plugins.get(index).map_or("", |plugin| plugin.name.as_str());
    let event_type = |index: usize| graph.types.get(index).map_or("", |known| known.name.as_str());
    let publishes = graph.publishes.iter().map(|one| Arrow {
        from: one.plugin,
        to: plugins + one.event_type,
        class: if one.dead_letter { "arrow dead" } else { "arrow" },
        says: if one.dead_letter {
            format!("what {} cannot handle is given up as {}", plugin(one.plugin), event_type(one.event_type))
        } else {
            format!("{} publishes {}", plugin(one.plugin), event_type(one.event_type))
        },
    });
    let subscribes = graph.subscribes.iter().map(|one| Arrow {
        from: plugins + one.event_type,
        to: one.plugin,
        class: "arrow",
        says: format!("{} takes {}", plugin(one.plugin), event_type(one.event_type)),
    });
    publishes.chain(subscribes).collect()
}

/// Width and height of each node. One with many arrows is higher, so that they do not meet in one point.
fn sizes(graph: &Graph, edges: &[(usize, usize)]) -> Vec<(f64, f64)> {
    let plugins = graph.plugins.iter().map(|plugin| (&plugin.name, plugin.details(), PLUGIN_HEIGHT, 28.0));
    let types = graph.types.iter().map(|known| (&known.name, shown(&known.prefix), TYPE_HEIGHT, 40.0));
    plugins
        .chain(types)
        .enumerate()
        .map(|(node, (name, details, least, padding))| {
            let name = text_width(&shortened(name, NAME_CHARACTERS), 14.0);
            let width = name.max(text_width(&details, 11.0)) + padding;
            let outgoing = edges.iter().filter(|(from, _)| *from == node).count();
            let incoming = edges.iter().filter(|(_, to)| *to == node).count();
            (width.max(80.0), least.max(outgoing.max(incoming) as f64 * ARROW_ROOM + 12.0))
        })
        .collect()
}

/// A guess of a text's width that is rather too large, as no font can be asked.
fn text_width(text: &str, size: f64) -> f64 {
    let em = |character: char| match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' => 0.34,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.98,
        character if character.is_ascii_uppercase() => 0.76,
        character if (character as u32) < 0x1100 => 0.62,
        _ => 1.05,
    };
    text.chars().map(em).sum::<f64>() * size
}

fn write_all(
    out: &mut String,
    graph: &Graph,
    arrows: &[Arrow],
    layout: &Layout,
    width: f64,
    height: f64,
) -> std::fmt::Result {
    let title = escaped(&graph.application);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">"
    )?;
    writeln!(out, "<title>{title}</title>")?;
    writeln!(out, "<style>\n{}</style>", include_str!("style.css"))?;
    writeln!(
        out,
        "<defs><marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head\" d=\"M0 1 L10 5 L0 9 z\"/></marker></defs>"
    )?;
    writeln!(out, "<rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"8\"/>")?;
    writeln!(out, "<text class=\"title\" x=\"{MARGIN}\" y=\"{:.0}\">{title}</text>", MARGIN + 8.0)?;
    writeln!(out, "<g transform=\"translate({MARGIN} {:.0})\">", MARGIN + TITLE)?;
    for (arrow, path) in arrows.iter().zip(&layout.paths) {
        let class = arrow.class;
        writeln!(
            out,
            "<path class=\"{class}\" marker-end=\"url(#head)\" d=\"{path}\"><title>{}</title></path>",
            escaped(&arrow.says)
        )?;
    }
    for (plugin, place) in graph.plugins.iter().zip(&layout.boxes) {
        let class = if plugin.source { "plugin source" } else { "plugin" };
        let state = plugin.state.as_deref().map(state_class).unwrap_or_default();
        write_node(out, &format!("{class}{state}"), 6.0, place, &plugin.name, &plugin.details())?;
    }
    for (known, place) in graph.types.iter().zip(layout.boxes.iter().skip(graph.plugins.len())) {
        write_node(
            out,
            "type",
            place.height.min(TYPE_HEIGHT) / 2.0,
            place,
            &known.name,
            &shown(&known.prefix),
        )?;
    }
    writeln!(out, "</g>\n</svg>")
}

/// How a plugin's state is coloured.
fn state_class(state: &str) -> &'static str {
    match state {
        "failed" | "panicked" | "given-up" | "hung" | "unfinished" => " bad",
        "starting" | "restarting" => " busy",
        "completed" | "stopped" => " over",
        _ => "",
    }
}

fn write_node(
    out: &mut String,
    class: &str,
    radius: f64,
    place: &Rectangle,
    name: &str,
    details: &str,
) -> std::fmt::Result {
    let Rectangle { left, top, width, height } = place;
    let (middle, centre) = (left + width / 2.0, top + height / 2.0);
    writeln!(out, "<g class=\"{class}\"><title>{}: {}</title>", escaped(name), escaped(details))?;
    writeln!(
        out,
        "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius:.1}\"/>"
    )?;
    let name = escaped(&shortened(name, NAME_CHARACTERS));
    writeln!(out, "<text class=\"name\" x=\"{middle:.1}\" y=\"{:.1}\">{name}</text>", centre - 2.0)?;
    writeln!(
        out,
        "<text class=\"details\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text></g>",
        centre + 13.0,
        escaped(details)
    )
}

/// A text as XML, without the characters that XML does not know.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            character if character.is_control() => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn sample_looks_as_it_did() {
        insta::assert_snapshot!(sample().svg());
    }

    /// Every element is closed, and no text breaks out of its place.
    #[test]
    fn names_stay_names() {
        let mut graph = sample();
        graph.application = "</title><script>alert(1)</script> \u{1}\u{7f}\u{ffff}".to_string();
        graph.plugins[0].name = "\"><b>&".to_string();
        let svg = graph.svg();
        assert!(
            !svg.contains("<script")
                && !svg.contains("<b>")
                && !svg.contains(['\u{1}', '\u{7f}', '\u{ffff}'])
        );
        for element in ["svg", "g", "text", "title", "path", "rect", "defs", "marker", "style"] {
            let begin = format!("<{element} ");
            let opened = svg.matches(&begin).count() + svg.matches(&format!("<{element}>")).count();
            let closed = svg.matches(&format!("</{element}>")).count();
            let tags = svg.split(&begin).skip(1).filter_map(|rest| rest.split('>').next());
            let closed_at_once = tags.filter(|tag| tag.ends_with('/')).count();
            assert_eq!(opened, closed + closed_at_once, "{element}");
        }
    }

    #[test]
    fn an_application_without_anything_is_a_picture() {
        assert!(Graph::default().svg().ends_with("</svg>\n"));
    }

    #[test]
    fn states_are_told_apart() {
        let mut graph = sample();
        for (state, class) in [
            ("failed", "plugin bad"),
            ("restarting", "plugin busy"),
            ("completed", "plugin over"),
            ("running", "plugin"),
        ] {
            graph.plugins[1].state = Some(state.to_string());
            assert!(
                graph
                    .svg()
                    .contains(&format!("<g class=\"{class}\"><title>scorer: process × 3 · {state}</title>")),
                "{state}"
            );
        }
    }
}
