//! Text that becomes part of a page: escaped, and numbers as people write them.

/// Text between tags or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// JSON inside a `script` element: nothing in it may look like a tag.
pub fn script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e")
}

/// Text inside a `data:` address.
pub fn percent(text: &str) -> String {
    let mut address = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.~!*():,/[]{}".contains(&byte);
        if plain && !b"[]{}".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}

/// A figure with as many digits as it deserves: three that count, thousands set apart.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if size >= 1_000.0 {
        return thousands(value);
    }
    let decimals = match size {
        _ if size == 0.0 => 0,
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// A ratio, with three digits that count.
pub fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or("\u{2013}".to_string(), |ratio| {
        let decimals = if ratio >= 10.0 {
            1
        } else if ratio >= 0.1 {
            2
        } else {
            3
        };
        format!("{ratio:.decimals$}")
    })
}

/// The hatching that charts refer to, once a page.
pub const PATTERNS: &str = "<svg class=\"patterns\" aria-hidden=\"true\" focusable=\"false\">\
<defs>\
<pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(45)\"><rect class=\"hatch-ground\" width=\"6\" height=\"6\"/>\
<line class=\"hatch-line\" x1=\"1\" y1=\"0\" x2=\"1\" y2=\"6\"/></pattern>\
<pattern id=\"hatch-peer\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(-45)\"><rect class=\"peer-ground\" width=\"6\" height=\"6\"/>\
<line class=\"peer-line\" x1=\"1\" y1=\"0\" x2=\"1\" y2=\"6\"/></pattern>\
</defs></svg>\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that no text can open a tag, leave an attribute or end the script.
    /// Method: the letters that could, through each way of escaping.
    #[test]
    fn no_text_can_leave_its_place() {
        assert_eq!(escape("<b a=\"x\" b='y'>&"), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
        assert_eq!(script("\"</script><!--\""), "\"\\u003c/script\\u003e\\u003c!--\"");
        assert_eq!(percent("a\"<#% \u{e9}"), "a%22%3C%23%25%20%C3%A9");
    }

    /// Goal: show that figures are short and readable.
    /// Method: one of each size.
    #[test]
    fn a_figure_has_the_digits_it_deserves() {
        let figures = [1_234_567.0, 999.6, 42.04, 3.2468, 0.01234, 0.0].map(figure);
        assert_eq!(figures, ["1,234,567", "1000", "42.0", "3.25", "0.012", "0"]);
        assert_eq!(
            [Some(0.0814), Some(0.283), Some(12.34), None].map(ratio),
            ["0.081", "0.28", "12.3", "\u{2013}"]
        );
    }
}
