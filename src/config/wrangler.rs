//! The Wrangler file: what is meant to be deployed.

/// What `wrangler.toml`, `.json` or `.jsonc` says of a script.
#[derive(Debug, Clone)]
pub struct Wrangler {
    environments: Vec<(String, Option<String>)>,
}

impl Wrangler {
    /// The name that an environment gives its script, where it gives one.
    #[must_use]
    pub fn environment_name(&self, environment: &str) -> Option<&str> {
        self.environments.iter().find(|(name, _)| name == environment)?.1.as_deref()
    }
}
