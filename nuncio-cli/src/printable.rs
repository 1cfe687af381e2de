//! What must not reach the terminal.

use std::borrow::Cow;

/// Text with its control characters escaped, line ends and tabs apart.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmless(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_for_people() {
        assert_eq!(printable("two\nlines\there"), "two\nlines\there");
        assert_eq!(printable("\u{1b}[2J\r"), "\\u{1b}[2J\\r");
    }
}
