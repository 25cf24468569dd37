//! Text in HTML.

use crate::report::words::visible;

/// For elements and for attributes in quotation marks. Nothing of it is markup, and nothing is hidden.
pub(super) fn text(text: &str) -> String {
    markup(&visible(text))
}

/// The same for lines that [`visible`] has seen.
pub(super) fn markup(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(character),
        }
        out
    })
}

/// The little Markdown of the requirements: code, and links, of which only the words are kept.
pub(super) fn markdown(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for (index, part) in source.split('`').enumerate() {
        if index % 2 == 1 {
            out.push_str("<code>");
            out.push_str(&text(part));
            out.push_str("</code>");
        } else {
            out.push_str(&text(&without_links(part)));
        }
    }
    out
}

fn without_links(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some((before, words, after)) = link(rest) {
        out.push_str(before);
        out.push_str(words);
        rest = after;
    }
    out + rest
}

/// Text before the first link, the link's words, the text behind it.
fn link(source: &str) -> Option<(&str, &str, &str)> {
    let (head, tail) = source.split_once("](")?;
    let (before, words) = head.rsplit_once('[')?;
    let (_, after) = tail.split_once(')')?;
    Some((before, words, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_shown_as_they_are_meant() {
        let source = "Say `a<b>` as [sync.md](sync.md) & [x](y) say (f[0](1).";
        assert_eq!(markdown(source), "Say <code>a&lt;b&gt;</code> as sync.md &amp; x say (f0.");
    }
}
