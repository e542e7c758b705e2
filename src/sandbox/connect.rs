//! Connects preflight to the sandbox: its configuration, its host names and its certificate authority.

use std::path::{Path, PathBuf};
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
        let values = match &self.env_file {
            Some(path) => Values::read(std::slice::from_ref(path), [])?,
            None => Values::of(&[], self.environment().clone())?,
        };
        let read = |path: &Path| self.read(path);
        config::load(&source, &values, &config::Options { mode, allow_hosts: Vec::new(), read: &read })
    }

    /// Writes the environment into an env file, from which it is read from now on, so that a fix can change it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep_environment_in(&mut self, path: PathBuf) -> std::io::Result<()> {
        let lines = self.environment().iter().map(|(name, value)| format!("{name}='{value}'\n"));
        std::fs::write(&path, lines.collect::<String>())?;
        self.env_file = Some(path);
        Ok(())
    }

    /// `options` with this world's host names, DNS records and certificate authority.
    #[must_use]
    pub fn options(&self, options: world::Options) -> world::Options {
        let certificates = Some(self.certificate_authority().as_bytes().to_vec());
        let (names, aliases, issuers) = (Some(self.names().clone()), self.aliases().clone(), self.issuers().clone());
        // There is no real server to protect from retries.
        let backoff = options.backoff.min(Duration::from_millis(10));
        world::Options { certificates, names, aliases, issuers, backoff, ..options }
    }
}
