//! Escaping of outside text: a product's name or an error message must never break a report.

use std::iter::Peekable;
use std::str::Chars;

/// How many characters of one value a report shows.
pub const LONGEST: usize = 2000;

/// `text` as one line that is safe in any terminal: no escape sequences or control characters, spaces in place of line ends
/// and tabs, and code points in place of invisible characters (zero-width ones, changes of writing direction).
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_control_string(&mut rest),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => cleaned.push(' '),
            hidden if is_hidden(hidden) => cleaned.extend(["[U+", &format!("{:04X}", u32::from(hidden)), "]"]),
            control if control.is_control() => {}
            visible => cleaned.push(visible),
        }
    }
    cleaned
}

/// Skips the rest of an escape sequence, after its first character.
fn skip_escape(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_control_string(rest);
        }
        _ => {
            while rest.next_if(|character| matches!(character, ' '..='/')).is_some() {}
            rest.next_if(|character| matches!(character, '0'..='~'));
        }
    }
}

/// Skips the parameters and the final character of a control sequence.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|character| matches!(character, ' '..='?')).is_some() {}
    rest.next_if(|character| matches!(character, '@'..='~'));
}

/// Skips a control string to its end. Without an end nothing is skipped, so it cannot hide the rest of the line.
fn skip_control_string(rest: &mut Peekable<Chars<'_>>) {
    let mut ahead = rest.clone();
    while let Some(character) = ahead.next() {
        let ends = match character {
            '\u{7}' | '\u{9c}' => true,
            '\u{1b}' => ahead.next_if_eq(&'\\').is_some(),
            _ => false,
        };
        if ends {
            *rest = ahead;
            return;
        }
    }
}

/// Characters that have no width, that change the writing direction, or that are no characters.
const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            // XML cannot hold these two, not even escaped.
            | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The first `longest` characters of `text`, and how many more there are.
#[must_use]
pub fn clip(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => {
            let more = text[end..].chars().count();
            format!("{}… ({more} more characters)", text[..end].trim_end())
        }
    }
}

/// The first `longest` characters of `text`, for text that is also shown in full elsewhere.
#[must_use]
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

/// `text` as one clean line of at most [`LONGEST`] characters.
#[must_use]
pub fn shown(text: &str) -> String {
    clip(clean(text).trim(), LONGEST)
}

/// A line of code, with the spaces before it.
#[must_use]
pub fn code_line(text: &str) -> String {
    clip(clean(text).trim_end(), LONGEST)
}

/// A value as one clean line. White space at its ends is part of it, so quotes make it visible.
#[must_use]
pub fn value(text: &str) -> String {
    let cleaned = clean(text);
    if cleaned.trim().len() == cleaned.len() { shown(text) } else { format!("\"{}\"", clip(&cleaned, LONGEST)) }
}

/// `text` as prose in a markdown paragraph, list or table cell. Nothing in it becomes markup, a link, HTML or a mention.
#[must_use]
pub fn markdown(text: &str) -> String {
    let text = shown(text);
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Between letters it is not markup, and variable names stay readable.
            '_' if before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric() => escaped.push('_'),
            // A backslash would not stop GitHub from notifying the user.
            '@' if !before.is_alphanumeric() && after.is_alphanumeric() => escaped.push_str("@&#8203;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => escaped.extend(['\\', character]),
            '#' | '+' | '-' | '=' if escaped.is_empty() => escaped.extend(['\\', character]),
            '.' | ')' if !escaped.is_empty() && escaped.bytes().all(|byte| byte.is_ascii_digit()) => {
                escaped.extend(['\\', character]);
            }
            _ => escaped.push(character),
        }
        before = character;
    }
    escaped
}

/// `text` as inline code in markdown, outside of tables.
#[must_use]
pub fn code(text: &str) -> String {
    let text = shown(text);
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // Spaces keep the text's own backticks apart from the fence; markdown removes one at each end.
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// `text` as code in a cell of a markdown table, where a bar would end the cell even inside code.
#[must_use]
pub fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// `lines` as a block of code in markdown.
#[must_use]
pub fn code_block(language: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| shown(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line, '`')).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

/// `text` as an autolink in markdown if it is a plain web address, otherwise as code.
#[must_use]
pub fn link(text: &str) -> String {
    let text = shown(text);
    if is_web_address(&text) { format!("<{text}>") } else { code(&text) }
}

/// Whether a text is a plain web address, so that a report may link to it.
#[must_use]
pub fn is_web_address(text: &str) -> bool {
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    let is_plain =
        !text.chars().any(|character| character.is_whitespace() || matches!(character, '<' | '>' | '`' | '|' | '['));
    is_address && is_plain
}

/// A finished text without CI commands: GitHub acts on a line that starts with two colons, even after spaces, and on `##[`
/// anywhere.
#[must_use]
pub fn disarm(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| match line.trim_start().strip_prefix("::") {
        Some(rest) => format!("{}: :{rest}", &line[..line.len() - rest.len() - 2]),
        None => line.to_owned(),
    });
    lines.collect::<String>().replace("##[", "## [")
}

/// A finished JSON document without CI commands. JSON parsers read the same text.
#[must_use]
pub fn disarm_json(document: &str) -> String {
    document.replace("##[", "#\\u0023[")
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_code_keeps_the_spaces_before_it() {
        assert_eq!(code_line("  return one; "), "  return one;");
    }

    #[test]
    fn a_color_is_removed_and_its_text_stays() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m alert"), "red alert");
    }

    #[test]
    fn a_window_title_is_removed() {
        assert_eq!(clean("\u{1b}]0;owned\u{7}Pro"), "Pro");
        assert_eq!(clean("\u{1b}]8;;https://evil\u{1b}\\Pro\u{1b}]8;;\u{1b}\\"), "Pro");
        assert_eq!(clean("\u{9d}0;owned\u{9c}Pro"), "Pro");
    }

    #[test]
    fn a_control_string_without_an_end_hides_nothing() {
        assert_eq!(clean("\u{1b}]0;the rest of the line"), "0;the rest of the line");
    }

    #[test]
    fn eight_bit_control_characters_are_removed() {
        assert_eq!(clean("a\u{9b}2Jb\u{84}c"), "abc");
    }

    #[test]
    fn a_lone_escape_removes_only_its_own_sequence() {
        assert_eq!(clean("a\u{1b}(Bb\u{1b}cd\u{1b}"), "abd");
    }

    #[test]
    fn bells_and_backspaces_are_removed() {
        assert_eq!(clean("a\u{7}b\u{8}c\u{7f}d\0e"), "abcde");
    }

    #[test]
    fn line_ends_and_tabs_become_spaces() {
        assert_eq!(clean("a\r\nb\nc\td\u{2028}e\u{85}f"), "a b c d e f");
    }

    #[test]
    fn a_change_of_writing_direction_is_shown() {
        assert_eq!(clean("pro\u{202e}xyz"), "pro[U+202E]xyz");
    }

    #[test]
    fn zero_width_characters_are_shown() {
        assert_eq!(clean("p\u{200b}ro\u{feff}"), "p[U+200B]ro[U+FEFF]");
    }

    #[test]
    fn other_scripts_and_symbols_stay_as_they_are() {
        assert_eq!(clean("Prö – 日本 🚀 … é"), "Prö – 日本 🚀 … é");
    }

    #[test]
    fn a_long_text_is_clipped_and_says_how_much_is_missing() {
        assert_eq!(clip("abcdef", 4), "abcd… (2 more characters)");
        assert_eq!(clip("abcd", 4), "abcd");
        assert!(shown(&"x".repeat(10_000)).ends_with("… (8000 more characters)"));
    }

    #[test]
    fn white_space_at_the_end_of_a_value_is_visible() {
        assert_eq!([value("pro"), value("pro "), value("\tpro")], ["pro", "\"pro \"", "\" pro\""]);
    }

    #[test]
    fn a_link_in_a_name_is_not_a_link() {
        assert_eq!(markdown("[a](javascript:alert(1))"), r"\[a\](javascript:alert(1))");
    }

    #[test]
    fn html_in_a_name_is_not_html() {
        assert_eq!(markdown("<script>&lt;"), "&lt;script&gt;&amp;lt;");
    }

    #[test]
    fn a_bar_does_not_end_a_cell() {
        assert_eq!(markdown("| x |"), r"\| x \|");
        assert_eq!(code_cell("a|b"), r"`a\|b`");
    }

    #[test]
    fn emphasis_is_escaped_and_variable_names_stay_readable() {
        assert_eq!(markdown("*bold* _it_ STRIPE_PRICE_ID_PRO"), r"\*bold\* \_it\_ STRIPE_PRICE_ID_PRO");
    }

    #[test]
    fn mentions_are_escaped_and_email_addresses_are_not() {
        assert_eq!(markdown("@everyone, ana@acme.com"), "@&#8203;everyone, ana@acme.com");
    }

    #[test]
    fn text_cannot_start_a_heading_or_a_list() {
        assert_eq!(markdown("# a"), r"\# a");
        assert_eq!(markdown("- a"), r"\- a");
        assert_eq!(markdown("12. a"), r"12\. a");
        assert_eq!(markdown("a - b #1 2.5"), "a - b #1 2.5");
    }

    #[test]
    fn code_is_fenced_with_more_backticks_than_it_contains() {
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code(""), "");
    }

    #[test]
    fn text_cannot_end_its_code_block() {
        assert_eq!(code_block("sh", &["```\n# x".to_owned()]), "````sh\n``` # x\n````\n");
    }

    #[test]
    fn no_line_is_a_ci_command() {
        assert_eq!(disarm("a\n  ::error::b\nc::d\n##[group]e"), "a\n  : :error::b\nc::d\n## [group]e");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(link("https://dashboard.stripe.com/a?b=c"), "<https://dashboard.stripe.com/a?b=c>");
        assert_eq!(link("javascript:alert(1)"), "`javascript:alert(1)`");
        assert_eq!(link("https://a.b/> <script>"), "`https://a.b/> <script>`");
    }
}
