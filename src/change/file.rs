//! Changes of a file on this machine.

use serde::{Deserialize, Serialize};

use super::NewValue;

/// A variable in an env file. The line that was there stays as a comment, so a secret is never recorded elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvLine {
    /// The file.
    pub path: String,
    /// The line, counted from 1. `None` adds one.
    pub line: Option<usize>,
    /// The variable.
    pub name: String,
    /// The value as it was read. `None` if there was none, or if it is a secret.
    pub before: Option<String>,
    /// The new value.
    pub after: NewValue,
}

/// How the comment begins that keeps the line that was there.
const REPLACED: &str = "# Replaced by preflight fix: ";

impl EnvLine {
    /// The text of the file with the new value. `None` if the line is not as it was read.
    #[must_use]
    pub fn applied(&self, text: &str, value: &str) -> Option<String> {
        let mut lines = lines(text);
        // Other changes of the same fix may have moved the line. Of several, the last one counts.
        let at = lines.iter().rposition(|line| self.value_on(line).is_some());
        let Some(at) = at else {
            if self.line.is_some() {
                return None;
            }
            if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
                last.push('\n');
            }
            lines.push(format!("{}={value}\n", self.name));
            return Some(lines.concat());
        };
        self.line?;
        let line = &mut lines[at];
        let old = self.value_on(line)?;
        if self.before.as_ref().is_some_and(|before| old.matches(before).count() != 1) {
            return None;
        }
        let (start, end) = (&line[..line.len() - old.len()], if line.ends_with("\r\n") { "\r\n" } else { "\n" });
        *line = format!("{REPLACED}{}{end}{start}{value}{end}", line.trim_end_matches(['\r', '\n']));
        Some(lines.concat())
    }

    /// The text of the file as it was before the change. `None` if there is nothing to restore.
    #[must_use]
    pub fn taken_back(&self, text: &str) -> Option<String> {
        let mut lines = lines(text);
        let at = lines.iter().rposition(|line| self.value_on(line).is_some())?;
        if self.line.is_none() {
            lines.remove(at);
            return Some(lines.concat());
        }
        let before = at.checked_sub(1)?;
        let kept = lines[before].strip_prefix(REPLACED)?.to_owned();
        lines.splice(before..=at, [kept]);
        Some(lines.concat())
    }

    /// The value that the file has now, as it is written.
    #[must_use]
    pub fn current<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.lines().rev().find_map(|line| self.value_on(line)).map(str::trim)
    }

    /// Whether the change was never made, or taken back.
    #[must_use]
    pub fn is_absent(&self, text: &str) -> bool {
        let is_of_this = |line: &str| match self.line {
            Some(_) => line.strip_prefix(REPLACED).is_some_and(|kept| self.value_on(kept).is_some()),
            None => self.value_on(line).is_some(),
        };
        !text.lines().any(is_of_this)
    }

    /// What stands after the equals sign, if the line sets this variable.
    fn value_on<'l>(&self, line: &'l str) -> Option<&'l str> {
        let (start, value) = line.split_once('=')?;
        let name = start.trim();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        (name == self.name).then_some(value)
    }

    pub(super) fn object(&self) -> String {
        self.line.map_or_else(|| self.path.clone(), |line| format!("{}:{line}", self.path))
    }

    pub(super) fn row(&self) -> (String, String, String) {
        let before = match (&self.before, self.line) {
            (Some(before), _) => before.clone(),
            (None, Some(_)) => "(the previous secret)".to_owned(),
            (None, None) => "(not set)".to_owned(),
        };
        (self.name.clone(), before, self.after.shown())
    }
}

fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "STRIPE_PRICE_ID_PRO";

    fn line(line: Option<usize>) -> EnvLine {
        let (before, after) = (line.map(|_| "price_old".to_owned()), NewValue::Known("price_new".to_owned()));
        EnvLine { path: ".env".to_owned(), line, name: NAME.to_owned(), before, after }
    }

    #[test]
    fn only_the_value_on_that_line_changes_and_the_old_line_stays_as_a_comment() {
        let text = "A=1\nexport STRIPE_PRICE_ID_PRO=\"price_old\" # live\nB=price_old\n";
        let changed = "A=1\n# Replaced by preflight fix: export STRIPE_PRICE_ID_PRO=\"price_old\" # live\nexport \
                       STRIPE_PRICE_ID_PRO=price_new\nB=price_old\n";
        assert_eq!(line(Some(2)).applied(text, "price_new").as_deref(), Some(changed));
        assert_eq!(line(Some(2)).taken_back(changed).as_deref(), Some(text));
    }

    #[test]
    fn a_line_that_moved_is_found_by_its_name_and_the_last_one_counts() {
        let changed = line(Some(1))
            .applied("A=1\nSTRIPE_PRICE_ID_PRO=first\nSTRIPE_PRICE_ID_PRO=price_old\n", "price_new")
            .unwrap();
        assert!(changed.contains("STRIPE_PRICE_ID_PRO=first\n# Replaced"), "{changed}");
    }

    #[test]
    fn a_new_line_is_added_at_the_end() {
        let changed = line(None).applied("A=1", "price_new").unwrap();
        assert_eq!(changed, "A=1\nSTRIPE_PRICE_ID_PRO=price_new\n");
        assert_eq!(line(None).taken_back(&changed).as_deref(), Some("A=1\n"));
    }

    #[test]
    fn a_file_from_windows_keeps_its_line_ends() {
        let text = "STRIPE_PRICE_ID_PRO=price_old\r\nA=1\r\n";
        let changed = line(Some(1)).applied(text, "price_new").unwrap();
        assert_eq!(changed.matches("\r\n").count(), 3, "{changed:?}");
        assert_eq!(line(Some(1)).taken_back(&changed).as_deref(), Some(text));
    }

    #[test]
    fn a_line_that_is_not_as_it_was_read_is_left_alone() {
        assert_eq!(line(Some(1)).applied("STRIPE_PRICE_ID_PRO=price_other\n", "price_new"), None);
        assert_eq!(line(Some(1)).applied("STRIPE_PRICE_ID_BASIC=price_old\n", "price_new"), None);
        assert_eq!(line(Some(1)).applied("A=1\n", "price_new"), None);
        assert_eq!(line(None).applied("STRIPE_PRICE_ID_PRO=price_other\n", "price_new"), None);
        assert_eq!(line(Some(1)).taken_back("STRIPE_PRICE_ID_PRO=price_other\n"), None);
    }
}
