//! Text from outside made safe for HTML and SVG.

use crate::output::clean;

/// A text as it may stand between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_begins_a_tag_or_ends_an_attribute_is_left() {
        let hostile = "</text><script>alert('x')</script> & \"q\" \u{1b}[31m\u{202e}";
        let safe = escape(hostile);
        assert_eq!(
            safe,
            "&lt;/text&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;q&quot; \\u{1b}[31m\\u{202e}"
        );
    }
}
