//! Wraps text and commands to a width.

use console::measure_text_width;

/// Wider words are not URLs, IDs or commands that anyone would copy.
const LONGEST_WORD: usize = 400;

/// Wraps `text` to `width` columns. The first line starts with `first`, every other one with `indent`. A word that is wider
/// than a line, such as a URL, stays whole on its own line, because half of it is useless.
#[must_use]
pub fn wrap(text: &str, first: &str, indent: &str, width: usize) -> String {
    let mut written = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let is_copied = measure_text_width(word) <= LONGEST_WORD;
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
            if is_empty && is_copied {
                if line == indent || line.trim().is_empty() {
                    line.push_str(word);
                    is_empty = false;
                    break;
                }
            } else if is_empty {
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

/// The part of `word` that fits into `room` columns, at least one character, and the rest.
fn split(word: &str, room: usize) -> (&str, &str) {
    let (mut taken, mut used) = (0, 0);
    for character in word.chars() {
        let width = measure_text_width(character.encode_utf8(&mut [0; 4]));
        if taken > 0 && used + width > room {
            break;
        }
        used += width;
        taken += character.len_utf8();
    }
    word.split_at(taken)
}

/// As much of `text` as fits into `width` columns after `first`, up to the end of a word, on one line.
#[must_use]
pub fn one_line(text: &str, first: &str, width: usize) -> String {
    if measure_text_width(first) + measure_text_width(text) <= width {
        return format!("{first}{text}\n");
    }
    let mut line = first.to_owned();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let space = usize::from(line.len() > first.len());
        // Leave one column for the ellipsis.
        if space == 1 && measure_text_width(&line) + space + measure_text_width(word) + 1 > width {
            break;
        }
        line.push_str(&" ".repeat(space));
        if measure_text_width(word) > LONGEST_WORD {
            line.push_str(split(word, width.saturating_sub(measure_text_width(&line) + 1)).0);
            break;
        }
        line.push_str(word);
    }
    if line.len() < first.len() + text.len() {
        line = format!("{}…", line.trim_end_matches([',', ';', ':', '.']));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three four", "- ", "  ", 10), "- one two\n  three\n  four\n");
    }

    #[test]
    fn a_word_that_is_wider_than_a_line_stays_whole_on_its_own_line() {
        assert_eq!(wrap("see https://a.b/c now", "- ", "  ", 8), "- see\n  https://a.b/c\n  now\n");
        assert_eq!(wrap("https://a.b/c", "seen  ", "  ", 8), "seen\n  https://a.b/c\n");
    }

    #[test]
    fn a_word_that_is_much_wider_than_any_url_is_broken() {
        let wrapped = wrap(&"x".repeat(1000), "", "", 80);
        assert!(wrapped.lines().all(|line| line.len() <= 80), "{wrapped}");
    }

    #[test]
    fn one_line_ends_with_a_whole_word() {
        assert_eq!(one_line("one two, three", "1. ", 13), "1. one two…\n");
        assert_eq!(one_line("one two", "1. ", 10), "1. one two\n");
        assert_eq!(one_line("https://a.b/c d", "1. ", 10), "1. https://a.b/c…\n");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(wrap("日本 語", "", "", 4), "日本\n語\n");
    }

    #[test]
    fn empty_text_is_one_line_with_its_prefix() {
        assert_eq!(wrap("", "seen  ", "", 20), "seen\n");
    }

    #[test]
    fn zero_width_still_ends() {
        assert_eq!(wrap("ab c", "", "", 0), "ab\nc\n");
    }
}
