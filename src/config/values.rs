//! Where the values behind the variables come from.

use std::fmt;
use std::path::PathBuf;

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
