//! Changes of a file on this machine.

use serde::{Deserialize, Serialize};

/// A value in an env file, which must not be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvLine {
    /// The file.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The variable.
    pub name: String,
    /// The value as it was read.
    pub before: String,
    /// The new value.
    pub after: String,
}

impl EnvLine {
    /// The same change, back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { before: self.after.clone(), after: self.before.clone(), ..self.clone() }
    }

    /// The text of the file after the change. `None` if the line is not as it was read.
    #[must_use]
    pub fn applied(&self, text: &str) -> Option<String> {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let line = lines.get_mut(self.line.checked_sub(1)?)?;
        let (start, value) = line.split_once('=')?;
        let name = start.trim().trim_start_matches("export ").trim();
        if name != self.name || value.matches(&self.before).count() != 1 {
            return None;
        }
        *line = format!("{start}={}", value.replacen(&self.before, &self.after, 1));
        Some(lines.concat())
    }

    pub(super) fn row(&self) -> (String, String, String) {
        (self.name.clone(), self.before.clone(), self.after.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: usize) -> EnvLine {
        let (before, after) = ("price_old".to_owned(), "price_new".to_owned());
        EnvLine { path: ".env".to_owned(), line, name: "STRIPE_PRICE_ID_PRO".to_owned(), before, after }
    }

    #[test]
    fn only_the_value_on_that_line_changes() {
        let text = "A=1\nexport STRIPE_PRICE_ID_PRO=\"price_old\" # live\nB=price_old\n";
        let changed = "A=1\nexport STRIPE_PRICE_ID_PRO=\"price_new\" # live\nB=price_old\n";
        assert_eq!(line(2).applied(text).as_deref(), Some(changed));
        assert_eq!(line(2).reversed().applied(changed).as_deref(), Some(text));
    }

    #[test]
    fn a_line_that_is_not_as_it_was_read_is_left_alone() {
        assert_eq!(line(1).applied("STRIPE_PRICE_ID_PRO=price_other\n"), None);
        assert_eq!(line(1).applied("STRIPE_PRICE_ID_BASIC=price_old\n"), None);
        assert_eq!(line(3).applied("A=1\n"), None);
    }
}
