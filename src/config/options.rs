//! What the command line says about the configuration.

use std::path::Path;
use std::{fmt, io};

use super::Mode;

/// What the command line says about the configuration.
#[derive(Clone)]
pub struct Options<'a> {
    /// Overrides `project.mode`.
    pub mode: Option<Mode>,
    /// Hosts beyond the providers' own and loopback that a secret may be sent to, each with or without a port.
    pub allow_hosts: Vec<String>,
    /// Reads the Wrangler file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Default for Options<'_> {
    /// Nothing overridden, no host allowed, files read from the disk.
    fn default() -> Self {
        Self { mode: None, allow_hosts: Vec::new(), read: &read_from_disk }
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = formatter.debug_struct("Options");
        options.field("mode", &self.mode).field("allow_hosts", &self.allow_hosts).finish_non_exhaustive()
    }
}

fn read_from_disk(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}
