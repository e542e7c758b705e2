//! The lines of `preflight.toml` on which its tables and keys stand, for reports that point into it.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::schema::joined;
use super::source::line_of;

/// The line of each table and key, by its path: `tiers.pro.price`.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// The lines of a file. The entries of a list, such as `[[probe]]`, know their own.
    pub fn of(document: &DeTable<'_>, text: &str) -> Self {
        let mut lines = BTreeMap::new();
        collect(document, "", text, &mut lines);
        Self(lines)
    }

    /// The line of a table or key, or else of the table around it. `None` if the file has neither.
    pub fn of_setting(&self, path: &str) -> Option<usize> {
        let around = path.rsplit_once('.').map(|(around, _)| around);
        self.0.get(path).copied().or_else(|| self.of_setting(around?))
    }
}

fn collect(table: &DeTable<'_>, path: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let path = joined(path, key.get_ref());
        lines.insert(path.clone(), line_of(text, key.span().start));
        if let DeValue::Table(table) = value.get_ref() {
            collect(table, &path, text, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sample::{MINIMAL, loaded};

    #[test]
    fn a_setting_has_its_own_line_or_that_of_its_table() {
        let config = loaded(MINIMAL);
        let lines = ["project", "project.name", "tiers.pro", "tiers.pro.price", "tiers.pro.currency", "worker.health"];
        assert_eq!(lines.map(|path| config.line(path)), [1, 2, 10, 11, 10, 4].map(Some));
    }

    #[test]
    fn a_table_that_the_file_does_not_have_has_no_line() {
        assert_eq!(["stripe", "clerk.secret_key"].map(|path| loaded(MINIMAL).line(path)), [None, None]);
    }
}
