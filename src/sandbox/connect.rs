//! Connects preflight to the sandbox: its configuration, its host names and its certificate authority.

use std::path::Path;
use std::time::Duration;

use super::Sandbox;
use crate::config::{self, Config, Problems, Text, Values};
use crate::world;

impl Sandbox {
    /// The configuration for this world, read like any other `preflight.toml`.
    ///
    /// # Errors
    /// The same problems that a user would see for that file.
    pub fn config(&self, mode: Option<config::Mode>) -> Result<Config, Problems> {
        let source = Text::new("preflight.toml", self.configuration());
        let values = Values::of(&[], self.environment().clone())?;
        let read = |path: &Path| self.read(path);
        config::load(&source, &values, &config::Options { mode, allow_hosts: Vec::new(), read: &read })
    }

    /// `options` with this world's host names, DNS records and certificate authority.
    #[must_use]
    pub fn options(&self, options: world::Options) -> world::Options {
        let certificates = Some(self.certificate_authority().as_bytes().to_vec());
        let (names, aliases) = (Some(self.names().clone()), self.aliases().clone());
        // There is no real server to protect from retries.
        let backoff = options.backoff.min(Duration::from_millis(10));
        world::Options { certificates, names, aliases, backoff, ..options }
    }
}
