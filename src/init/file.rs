//! The draft of a `preflight.toml`: every setting, where it comes from, and what is doubtful about it.
use crate::holder::HolderKind;

/// A setting.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its key within its table.
    pub key: String,
    /// Its value, as TOML.
    pub value: String,
    /// Where it comes from: `.dev.vars:4`.
    pub from: String,
    /// What a person should check.
    pub doubt: Option<String>,
    /// Whether it is the default, which the file leaves out.
    pub is_default: bool,
}

impl Entry {
    pub(super) fn new(key: &str, value: impl Into<String>, from: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: value.into(), from: from.into(), doubt: None, is_default: false }
    }

    pub(super) fn doubtful(self, doubt: impl Into<String>) -> Self {
        Self { doubt: Some(doubt.into()), ..self }
    }

    /// The same, which the file leaves out if it is the default.
    pub(super) fn unless(self, is_default: bool) -> Self {
        Self { is_default, ..self }
    }
}

/// A table of the file.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its first line: `[tiers.pro]`.
    pub header: String,
    /// Its settings, in order.
    pub entries: Vec<Entry>,
}

impl Table {
    pub(super) fn new(header: &str) -> Self {
        Self { header: header.to_owned(), entries: Vec::new() }
    }

    /// The table as TOML, without defaults. What is doubtful has a comment above it.
    pub(super) fn text(&self, is_optional: bool) -> String {
        let written: Vec<&Entry> = self.entries.iter().filter(|entry| !entry.is_default).collect();
        if is_optional && written.is_empty() {
            return String::new();
        }
        let lines = written.iter().map(|entry| {
            let doubt = entry.doubt.as_ref().map_or_else(String::new, |doubt| format!("# Check: {doubt}\n"));
            format!("{doubt}{} = {}\n", entry.key, entry.value)
        });
        format!("{}\n{}", self.header, lines.collect::<String>())
    }
}

/// A draft of the file.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The tables, in order.
    pub tables: Vec<Table>,
    /// What was seen and is no setting.
    pub remarks: Vec<String>,
    /// What has the plans.
    pub holder: HolderKind,
}

impl Draft {
    /// Every setting with the path of its key, such as `worker.url`.
    pub fn entries(&self) -> impl Iterator<Item = (String, &Entry)> {
        self.tables.iter().flat_map(|table| {
            let path = table.header.trim_matches(['[', ']']);
            table.entries.iter().map(move |entry| (format!("{path}.{}", entry.key), entry))
        })
    }

    /// The same, to answer what is doubtful.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = (String, &mut Entry)> {
        self.tables.iter_mut().flat_map(|table| {
            let path = table.header.trim_matches(['[', ']']).to_owned();
            table.entries.iter_mut().map(move |entry| (format!("{path}.{}", entry.key), entry))
        })
    }

    /// The file. `schema` is the path of the JSON Schema, for editors.
    #[must_use]
    pub fn text(&self, schema: &str) -> String {
        let needed = |table: &Table| {
            ["[project]", "[worker]"].contains(&table.header.as_str()) || table.header.contains("tiers")
        };
        let tables = self.tables.iter().map(|table| table.text(!needed(table))).filter(|text| !text.is_empty());
        let tables: Vec<String> = tables.collect();
        format!(
            "#:schema {schema}\n# What `preflight run` checks. Everything left out has its default: preflight schema config\n\n{}",
            tables.join("\n")
        )
    }
}

/// Whether a name is a key of TOML without quotes.
pub(super) fn is_bare_key(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// A text as TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A variable's name as TOML.
pub(super) fn inline_env(name: &str) -> String {
    format!("{{ env = {} }}", quoted(name))
}
