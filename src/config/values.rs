//! Where the values behind the variables come from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::dotenv;
use super::problem::{Problems, both};
use super::source::Text;

/// Where a value was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The process environment.
    Environment,
    /// A file, and the line in it, counted from 1.
    File(PathBuf, usize),
    /// Nowhere: it is not set.
    Unset,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("the environment"),
            Self::File(path, line) => write!(formatter, "{}:{line}", path.display()),
            Self::Unset => formatter.write_str("nowhere"),
        }
    }
}

/// The operator's values: the process environment overrides the env files, and a later file overrides an earlier one. A
/// variable that is set but empty overrides too, so it can remove a value.
#[derive(Clone, Default)]
pub struct Values {
    set: BTreeMap<String, (String, Origin)>,
    last_file: Option<PathBuf>,
}

impl Values {
    /// Reads the env files, in the order of the command line, and takes over the process environment.
    ///
    /// # Errors
    /// Every file that cannot be read and every line that cannot be understood.
    pub fn read(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let mut texts = Vec::new();
        let mut problems = None;
        for file in files {
            match Text::read(file) {
                Ok(text) => texts.push(text),
                Err(unreadable) => add(&mut problems, unreadable),
            }
        }
        // What is not Unicode cannot be any of our values; its replacement characters will say so.
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        let values = Self::of(&texts, environment.into_iter().map(|(name, value)| (lossy(name), lossy(value))));
        both(values, problems.map_or(Ok(()), Err)).map(|(values, ())| values)
    }

    /// The same from texts that are at hand.
    ///
    /// # Errors
    /// Every line that cannot be understood.
    pub fn of(files: &[Text], environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problems> {
        let mut values = BTreeMap::new();
        let mut problems = None;
        for file in files {
            match dotenv::parse(file) {
                Ok(entries) => {
                    let located =
                        |entry: dotenv::Entry| (entry.name, (entry.value, Origin::File(file.path.clone(), entry.line)));
                    values.extend(entries.into_iter().map(located));
                }
                Err(more) => add(&mut problems, more),
            }
        }
        values.extend(environment.into_iter().map(|(name, value)| (name, (value, Origin::Environment))));
        let last_file = files.last().map(|file| file.path.clone());
        problems.map_or(Ok(Self { set: values, last_file }), Err)
    }

    /// Every name and value.
    pub(crate) fn texts(&self) -> BTreeMap<&str, &str> {
        self.set.iter().map(|(name, (value, _))| (name.as_str(), value.as_str())).collect()
    }

    /// Every name with its value and where it was read, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str, &Origin)> {
        self.set.iter().map(|(name, (value, origin))| (name.as_str(), value.as_str(), origin))
    }

    /// The last env file, which overrides the others.
    pub(super) fn last_file(&self) -> Option<&Path> {
        self.last_file.as_deref()
    }

    /// What is set under a name, and where.
    pub(super) fn get(&self, name: &str) -> Option<(&str, &Origin)> {
        self.set.get(name).map(|(value, origin)| (value.as_str(), origin))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.set.keys()).finish()
    }
}

fn add(problems: &mut Option<Problems>, more: Problems) {
    match problems {
        Some(problems) => problems.extend(more),
        None => *problems = Some(more),
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Text, Values};

    fn values(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Values {
        let files: Vec<Text> = files.iter().map(|(path, text)| Text::new(path, *text)).collect();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Values::of(&files, environment).unwrap()
    }

    #[test]
    fn the_environment_overrides_every_file() {
        let values = values(&[(".env", "A=file\n")], &[("A", "environment")]);
        assert_eq!(values.get("A"), Some(("environment", &Origin::Environment)));
    }

    #[test]
    fn a_later_file_overrides_an_earlier_one() {
        let values = values(&[(".env", "A=1\nB=1\n"), (".dev.vars", "\nA=2\n")], &[]);
        assert_eq!(values.get("A"), Some(("2", &Origin::File(".dev.vars".into(), 2))));
        assert_eq!(values.get("B"), Some(("1", &Origin::File(".env".into(), 2))));
    }

    #[test]
    fn an_env_file_that_does_not_exist_is_an_error_that_names_it() {
        let problems = Values::read(&["no/such/.env".into(), "nor/this/.env".into()], []).unwrap_err();
        let rendered = problems.render(false, 80);
        assert!(rendered.contains("cannot read no/such/.env: there is no such file"), "{rendered}");
        assert!(rendered.contains("nor/this/.env"), "{rendered}");
    }

    #[test]
    fn no_value_is_printed() {
        let values = values(&[(".env", "A=hunter2\n")], &[("B", "hunter3")]);
        assert!(!format!("{values:?}").contains("hunter"));
    }
}
