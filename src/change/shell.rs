//! Words of a shell command.

/// `word` as a POSIX shell reads it back: as it is if every character is plain, and otherwise in single quotes.
#[must_use]
pub fn quoted(word: &str) -> String {
    // Brackets are patterns to a shell.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        let escaped = word.chars().map(|letter| match letter {
            '\'' => "\\'".to_owned(),
            '\\' => "\\\\".to_owned(),
            // Every shell with this kind of quotes reads octal numbers.
            letter if letter.is_control() => {
                letter.to_string().bytes().fold(String::new(), |escaped, byte| format!("{escaped}\\{byte:03o}"))
            }
            letter => letter.to_string(),
        });
        return format!("$'{}'", escaped.collect::<String>());
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(quoted("price_1Q"), "price_1Q");
        assert_eq!(quoted("https://api.acme.com/webhook/stripe"), "https://api.acme.com/webhook/stripe");
    }

    #[test]
    fn everything_else_is_quoted() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $(id)"), r"'it'\''s $(id)'");
        assert_eq!(quoted("metadata[plan]=pro"), "'metadata[plan]=pro'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in [
            "a;b",
            "it's",
            "$(id) `id`",
            "metadata[plan]=x y",
            "tab\there",
            "new\nline",
            "new\n1",
            "\u{9b}",
            "it's\n",
            "ümlaut",
            "",
        ] {
            let echoed =
                std::process::Command::new("bash").args(["-c", &format!("printf %s {}", quoted(word))]).output();
            assert_eq!(String::from_utf8(echoed.unwrap().stdout).unwrap(), word);
        }
    }
}
