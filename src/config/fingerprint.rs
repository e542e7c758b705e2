//! What tells two configurations apart.

use aws_lc_rs::digest::{SHA256, digest};

use super::Config;

impl Config {
    /// Identifies the configuration without showing it: the text of the file, the mode, and the `flags` that select the values
    /// and the deployment. The file has no secrets, and the values of variables are not part of it.
    #[must_use]
    pub fn fingerprint(&self, flags: &str) -> String {
        hash(&format!("{}\n{}\n{flags}", self.hash, self.project.mode.word()))
    }
}

/// The SHA-256 hash of a text, in hexadecimal.
pub(crate) fn hash(text: &str) -> String {
    let bytes = digest(&SHA256, text.as_bytes());
    bytes.as_ref().iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use crate::config::Mode;
    use crate::config::sample::{MINIMAL, config_with, loaded, minimal_with};

    #[test]
    fn another_file_mode_or_flag_is_another_configuration() {
        let config = loaded(MINIMAL);
        let same = config.fingerprint(" -c a.toml");
        let mut in_test_mode = config.clone();
        in_test_mode.project.mode = Mode::Test;
        assert_eq!(same, loaded(MINIMAL).fingerprint(" -c a.toml"));
        for other in [
            config.fingerprint(" -c b.toml"),
            in_test_mode.fingerprint(" -c a.toml"),
            loaded(&minimal_with("limit = 50", "limit = 51")).fingerprint(" -c a.toml"),
        ] {
            assert_ne!(same, other);
        }
    }

    #[test]
    fn nothing_is_derived_from_the_values_of_variables() {
        let changed = [("STRIPE_SECRET_KEY", "sk_live_51other"), ("STRIPE_PRICE_ID_PRO", "price_1other")];
        assert_eq!(config_with(MINIMAL, &changed).fingerprint(""), loaded(MINIMAL).fingerprint(""));
    }
}
