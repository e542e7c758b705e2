//! Renders a check's markdown documentation for a terminal.

use preflight::report::paragraph::wrap;

use super::terminal::Terminal;

/// Prose is hard to read on longer lines.
const WIDEST: usize = 90;

/// Renders markdown: wraps paragraphs and lists, capitalizes headings, and keeps code as it is.
pub fn render(markdown: &str, terminal: Terminal) -> String {
    let width = terminal.width.min(WIDEST);
    let mut text = String::new();
    let mut block = Block::default();
    let mut is_code = false;
    for line in markdown.lines() {
        // Doc comments have a space before each line.
        let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
        if line.starts_with("```") {
            block.flush(&mut text, width);
            is_code = !is_code;
        } else if is_code {
            text.extend(["    ", line, "\n"]);
        } else if let Some(heading) = line.strip_prefix("## ") {
            block.flush(&mut text, width);
            text.push_str(&terminal.strong(&heading.to_uppercase()));
            text.push('\n');
        } else if line.is_empty() {
            block.flush(&mut text, width);
            text.push('\n');
        } else if let Some(item) = line.strip_prefix("- ") {
            block.flush(&mut text, width);
            block = Block { indent: "  ", first: "- ", words: item.to_owned() };
        } else {
            block.add(line);
        }
    }
    block.flush(&mut text, width);
    text
}

/// The lines of one paragraph or list item.
#[derive(Default)]
struct Block {
    first: &'static str,
    indent: &'static str,
    words: String,
}

impl Block {
    fn add(&mut self, line: &str) {
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(line.trim_start());
    }

    fn flush(&mut self, text: &mut String, width: usize) {
        let block = std::mem::take(self);
        if !block.words.is_empty() {
            text.push_str(&wrap(&block.words, block.first, block.indent, width));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(markdown: &str, width: usize) -> String {
        render(markdown, Terminal { stdout_color: false, stderr_color: false, live: false, width })
    }

    #[test]
    fn paragraphs_are_wrapped() {
        assert_eq!(rendered(" one two\n three\n\n four\n", 10), "one two\nthree\n\nfour\n");
    }

    #[test]
    fn a_list_stays_a_list() {
        assert_eq!(rendered("- `a`: one two\n  three\n- b", 12), "- `a`: one\n  two three\n- b\n");
    }

    #[test]
    fn headings_are_capitalized() {
        assert_eq!(rendered("## Why it matters\nMoney.", 40), "WHY IT MATTERS\nMoney.\n");
    }

    #[test]
    fn code_stays_as_it_is() {
        assert_eq!(rendered("```sh\n$ a  b\n```\nc", 40), "    $ a  b\nc\n");
    }
}
