//! Characters that get into a value when it is copied: quotes, line ends, characters without a width.

/// The value without them.
pub(super) fn bare(value: &str) -> String {
    value.chars().filter(|letter| !is_invisible(*letter) && !is_quote(*letter)).collect()
}

/// White space, control characters and characters without a width.
pub(super) fn is_invisible(letter: char) -> bool {
    let no_width = ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{feff}'];
    letter.is_whitespace() || letter.is_control() || no_width.contains(&letter)
}

/// Straight and typographic quotes.
pub(super) const fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»')
}
