//! The sandbox as preflight meets it: through its own configuration, its own values and its own names.

use std::path::Path;
use std::time::Duration;

use super::Sandbox;
use crate::config::{self, Config, Problems, Text, Values};
use crate::world;

impl Sandbox {
    /// What is intended in this world, read as any other `preflight.toml` is.
    ///
    /// # Errors
    /// What a user would be told of that file.
    pub fn config(&self, mode: Option<config::Mode>) -> Result<Config, Problems> {
        let source = Text::new("preflight.toml", self.configuration());
        let values = Values::of(&[], self.environment().clone())?;
        let read = |path: &Path| self.read(path);
        config::load(&source, &values, &config::Options { mode, allow_hosts: Vec::new(), read: &read })
    }

    /// `options` for this world: its names and no others, its DNS, and its certificate authority.
    #[must_use]
    pub fn options(&self, options: world::Options) -> world::Options {
        let certificates = Some(self.certificate_authority().as_bytes().to_vec());
        let (names, aliases) = (Some(self.names().clone()), self.aliases().clone());
        // Nobody has to be spared here.
        let backoff = options.backoff.min(Duration::from_millis(10));
        world::Options { certificates, names, aliases, backoff, ..options }
    }
}
