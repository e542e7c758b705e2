//! Wraps text and commands to a width.

use console::measure_text_width;

/// Wraps `text` to `width` columns. The first line starts with `first`, every other one with `indent`. Words wider than a
/// line are broken.
#[must_use]
pub fn wrap(text: &str, first: &str, indent: &str, width: usize) -> String {
    let mut written = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        loop {
            let space = usize::from(!is_empty);
            let room = width.saturating_sub(measure_text_width(&line) + space);
            if measure_text_width(word) <= room {
                line.push_str(&" ".repeat(space));
                line.push_str(word);
                is_empty = false;
                break;
            }
            if is_empty {
                // Wider than a whole line. Take at least one character, or this would never end.
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

/// The part of `word` that fits into `room` columns, at least one character, and the rest. Breaks after a slash or another
/// separator unless that would leave most of the line empty.
fn split(word: &str, room: usize) -> (&str, &str) {
    let (mut taken, mut used, mut separator) = (0, 0, 0);
    for character in word.chars() {
        let width = measure_text_width(character.encode_utf8(&mut [0; 4]));
        if taken > 0 && used + width > room {
            break;
        }
        used += width;
        taken += character.len_utf8();
        if matches!(character, '/' | '?' | '&' | '=' | ',') {
            separator = taken;
        }
    }
    word.split_at(if separator > taken / 2 { separator } else { taken })
}

/// Wraps a shell command to `width` columns where it can be broken: between words, outside of quotes, with a backslash, so
/// that it can be copied and run.
#[must_use]
pub fn wrap_command(command: &str, first: &str, indent: &str, width: usize) -> String {
    let mut written = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in shell_words(command) {
        // Leave two columns for the backslash.
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

/// The words of a command. Quoted text is one word.
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
    fn a_path_is_broken_after_a_slash() {
        assert_eq!(wrap("/v1/prices/price_1", "", "", 13), "/v1/prices/\nprice_1\n");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(wrap("日本語", "", "", 4), "日本\n語\n");
    }

    #[test]
    fn empty_text_is_one_line_with_its_prefix() {
        assert_eq!(wrap("", "seen  ", "", 20), "seen\n");
    }

    #[test]
    fn zero_width_still_ends() {
        assert_eq!(wrap("ab", "", "", 0), "a\nb\n");
    }

    #[test]
    fn a_command_continues_after_a_backslash() {
        let wrapped = wrap_command("wrangler secret put STRIPE_PRICE_ID_PRO --env production", "$ ", "  ", 30);
        assert_eq!(wrapped, "$ wrangler secret put \\\n    STRIPE_PRICE_ID_PRO \\\n    --env production\n");
    }

    #[test]
    fn a_command_is_never_broken_within_quotes() {
        let wrapped = wrap_command("curl -d 'a long quoted text that is wide'", "$ ", "  ", 20);
        assert_eq!(wrapped, "$ curl -d \\\n    'a long quoted text that is wide'\n");
    }
}
