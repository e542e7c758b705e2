//! Text in lines of a given width.

use console::measure_text_width;

/// `text` in lines that are at most `width` columns wide, each behind `indent`, the first behind `first`. A word that is
/// wider than a line is broken.
#[must_use]
pub fn wrap(text: &str, first: &str, indent: &str, width: usize) -> String {
    let mut written = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        loop {
            let blank = usize::from(!is_empty);
            let room = width.saturating_sub(measure_text_width(&line) + blank);
            if measure_text_width(word) <= room {
                line.push_str(&" ".repeat(blank));
                line.push_str(word);
                is_empty = false;
                break;
            }
            if is_empty {
                // Not even a whole line holds it. One character at the least, or it would never end.
                let (head, tail) = split(word, room.max(1));
                line.push_str(head);
                word = tail;
            }
            written.push_str(line.trim_end());
            written.push('\n');
            indent.clone_into(&mut line);
            is_empty = true;
            if word.is_empty() {
                break;
            }
        }
    }
    if !is_empty || written.is_empty() {
        written.push_str(line.trim_end());
        written.push('\n');
    }
    written
}

/// The part of `word` that fits into `room` columns, at least one character, and the rest. A path is broken behind a
/// slash, and other things where they have a joint, unless that would leave most of the line empty.
fn split(word: &str, room: usize) -> (&str, &str) {
    let (mut taken, mut used, mut joint) = (0, 0, 0);
    for character in word.chars() {
        let width = measure_text_width(character.encode_utf8(&mut [0; 4]));
        if taken > 0 && used + width > room {
            break;
        }
        used += width;
        taken += character.len_utf8();
        if matches!(character, '/' | '?' | '&' | '=' | ',') {
            joint = taken;
        }
    }
    word.split_at(if joint > taken / 2 { joint } else { taken })
}

/// A shell command in lines that are at most `width` columns wide where it can be broken: only between words and outside
/// of quotes, with a backslash, so that it can be copied as it stands.
#[must_use]
pub fn wrap_command(command: &str, first: &str, indent: &str, width: usize) -> String {
    let mut written = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in shell_words(command) {
        // Two columns are kept for the backslash.
        if !is_empty && measure_text_width(&line) + 1 + measure_text_width(word) + 2 > width {
            written.push_str(&line);
            written.push_str(" \\\n");
            line = format!("{indent}  ");
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    written.push_str(&line);
    written.push('\n');
    written
}

/// The words of a command; what is quoted is one.
fn shell_words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in command.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, ' ') => {
                words.push(&command[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&command[start..]);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three four", "- ", "  ", 10), "- one two\n  three\n  four\n");
    }

    #[test]
    fn a_word_that_is_wider_than_a_line_is_broken() {
        assert_eq!(wrap("abcdefgh ij", "", "", 3), "abc\ndef\ngh\nij\n");
    }

    #[test]
    fn a_path_is_broken_behind_a_slash() {
        assert_eq!(wrap("/v1/prices/price_1", "", "", 13), "/v1/prices/\nprice_1\n");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(wrap("日本語", "", "", 4), "日本\n語\n");
    }

    #[test]
    fn nothing_is_one_line_with_what_stands_before_it() {
        assert_eq!(wrap("", "seen  ", "", 20), "seen\n");
    }

    #[test]
    fn no_width_at_all_still_ends() {
        assert_eq!(wrap("ab", "", "", 0), "a\nb\n");
    }

    #[test]
    fn a_command_continues_behind_a_backslash() {
        let wrapped = wrap_command("wrangler secret put STRIPE_PRICE_ID_PRO --env production", "$ ", "  ", 30);
        assert_eq!(wrapped, "$ wrangler secret put \\\n    STRIPE_PRICE_ID_PRO \\\n    --env production\n");
    }

    #[test]
    fn a_command_is_never_broken_within_quotes() {
        let wrapped = wrap_command("curl -d 'a long quoted text that is wide'", "$ ", "  ", 20);
        assert_eq!(wrapped, "$ curl -d \\\n    'a long quoted text that is wide'\n");
    }
}
