//! Text from outside, made harmless: a product's name or an error's words must not be able to break a report.

use std::iter::Peekable;
use std::str::Chars;

/// Characters of one value that a report shows before it says how many there are more.
pub const LONGEST: usize = 2000;

/// `text` as one line that no terminal acts on: escape sequences and control characters are gone, line ends and tabs are
/// blanks, and what cannot be seen (zero-width characters, changes of the writing direction) is named by its code point.
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

/// The rest of an escape sequence, its first character being read already.
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

/// The parameters and the final character of a control sequence. What does not belong to one stays.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|character| matches!(character, ' '..='?')).is_some() {}
    rest.next_if(|character| matches!(character, '@'..='~'));
}

/// All until the end of a control string. Where it has none the text stays, so that nobody can hide the rest of a line.
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

/// Characters that take no room, or that turn the order of the others.
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
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The first `longest` characters of `text`, and how many there are more.
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

/// The first `longest` characters of `text`, where all of it stands elsewhere too.
#[must_use]
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

/// `text` as one line of a terminal: [`clean`], and not longer than [`LONGEST`].
#[must_use]
pub fn shown(text: &str) -> String {
    clip(clean(text).trim(), LONGEST)
}

/// `text` as prose in markdown, in a paragraph, a list or a cell of a table: it reads as it is written, and nothing in it
/// is markup, a link, HTML or a mention.
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
            // Between letters it is no markup, and names of variables stay readable.
            '_' if before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric() => escaped.push('_'),
            // A backslash would not keep a forge from notifying whom it names.
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

/// `text` as code in a line of markdown, outside of tables.
#[must_use]
pub fn code(text: &str) -> String {
    let text = shown(text);
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // Blanks keep the text's own backticks apart from the fence; markdown takes one off at each end.
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// `text` as code in a cell of a markdown table, where a bar would end the cell even within code.
#[must_use]
pub fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// `lines` as a block of shell commands in markdown.
#[must_use]
pub fn code_block(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| shown(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line, '`')).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sh\n{}\n{fence}\n", lines.join("\n"))
}

/// `text` as an autolink in markdown where it is a plain web address, else as code.
#[must_use]
pub fn link(text: &str) -> String {
    let text = shown(text);
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    let is_plain =
        !text.chars().any(|character| character.is_whitespace() || matches!(character, '<' | '>' | '`' | '|' | '['));
    if is_address && is_plain { format!("<{text}>") } else { code(&text) }
}

/// A finished text without anything that a CI which reads the output takes for a command to itself: GitHub acts on a line
/// that begins with two colons, whatever blanks stand before them, and on `##[` anywhere.
#[must_use]
pub fn disarm(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| match line.trim_start().strip_prefix("::") {
        Some(rest) => format!("{}: :{rest}", &line[..line.len() - rest.len() - 2]),
        None => line.to_owned(),
    });
    lines.collect::<String>().replace("##[", "## [")
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
    fn a_colour_is_taken_out_and_its_text_stays() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m alert"), "red alert");
    }

    #[test]
    fn a_window_title_is_taken_out_whole() {
        assert_eq!(clean("\u{1b}]0;owned\u{7}Pro"), "Pro");
        assert_eq!(clean("\u{1b}]8;;https://evil\u{1b}\\Pro\u{1b}]8;;\u{1b}\\"), "Pro");
        assert_eq!(clean("\u{9d}0;owned\u{9c}Pro"), "Pro");
    }

    #[test]
    fn a_control_string_without_end_hides_nothing() {
        assert_eq!(clean("\u{1b}]0;the rest of the line"), "0;the rest of the line");
    }

    #[test]
    fn eight_bit_control_characters_are_taken_out() {
        assert_eq!(clean("a\u{9b}2Jb\u{84}c"), "abc");
    }

    #[test]
    fn a_lone_escape_takes_only_its_own_sequence_with_it() {
        assert_eq!(clean("a\u{1b}(Bb\u{1b}cd\u{1b}"), "abd");
    }

    #[test]
    fn bells_and_backspaces_are_taken_out() {
        assert_eq!(clean("a\u{7}b\u{8}c\u{7f}d\0e"), "abcde");
    }

    #[test]
    fn line_ends_and_tabs_are_blanks() {
        assert_eq!(clean("a\r\nb\nc\td\u{2028}e\u{85}f"), "a b c d e f");
    }

    #[test]
    fn what_turns_the_writing_direction_is_named() {
        assert_eq!(clean("pro\u{202e}xyz"), "pro[U+202E]xyz");
    }

    #[test]
    fn what_takes_no_room_is_named_so_that_two_lookalikes_differ() {
        assert_eq!(clean("p\u{200b}ro\u{feff}"), "p[U+200B]ro[U+FEFF]");
    }

    #[test]
    fn other_scripts_and_signs_stay_as_they_are() {
        assert_eq!(clean("Prö – 日本 🚀 … é"), "Prö – 日本 🚀 … é");
    }

    #[test]
    fn a_long_text_is_clipped_and_says_so() {
        assert_eq!(clip("abcdef", 4), "abcd… (2 more characters)");
        assert_eq!(clip("abcd", 4), "abcd");
        assert!(shown(&"x".repeat(10_000)).ends_with("… (8000 more characters)"));
    }

    #[test]
    fn a_link_in_a_name_is_no_link() {
        assert_eq!(markdown("[a](javascript:alert(1))"), r"\[a\](javascript:alert(1))");
    }

    #[test]
    fn html_in_a_name_is_no_html() {
        assert_eq!(markdown("<script>&lt;"), "&lt;script&gt;&amp;lt;");
    }

    #[test]
    fn a_bar_ends_no_cell() {
        assert_eq!(markdown("| x |"), r"\| x \|");
        assert_eq!(code_cell("a|b"), r"`a\|b`");
    }

    #[test]
    fn emphasis_is_escaped_and_a_variable_stays_readable() {
        assert_eq!(markdown("*bold* _it_ STRIPE_PRICE_ID_PRO"), r"\*bold\* \_it\_ STRIPE_PRICE_ID_PRO");
    }

    #[test]
    fn nobody_is_notified_and_an_address_stays_whole() {
        assert_eq!(markdown("@everyone, ana@acme.com"), "@&#8203;everyone, ana@acme.com");
    }

    #[test]
    fn the_beginning_of_a_text_makes_no_heading_and_no_list() {
        assert_eq!(markdown("# a"), r"\# a");
        assert_eq!(markdown("- a"), r"\- a");
        assert_eq!(markdown("12. a"), r"12\. a");
        assert_eq!(markdown("a - b #1 2.5"), "a - b #1 2.5");
    }

    #[test]
    fn code_is_fenced_with_more_backticks_than_it_holds() {
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code(""), "");
    }

    #[test]
    fn a_block_of_code_cannot_be_left() {
        assert_eq!(code_block(&["```\n# x".to_owned()]), "````sh\n``` # x\n````\n");
    }

    #[test]
    fn no_line_is_a_command_to_a_ci() {
        assert_eq!(disarm("a\n  ::error::b\nc::d\n##[group]e"), "a\n  : :error::b\nc::d\n## [group]e");
    }

    #[test]
    fn only_a_web_address_becomes_a_link() {
        assert_eq!(link("https://dashboard.stripe.com/a?b=c"), "<https://dashboard.stripe.com/a?b=c>");
        assert_eq!(link("javascript:alert(1)"), "`javascript:alert(1)`");
        assert_eq!(link("https://a.b/> <script>"), "`https://a.b/> <script>`");
    }
}
