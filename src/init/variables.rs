//! Which environment variable holds which value.

use std::path::PathBuf;

use super::folder::Folder;
use crate::config::{Kind, Mode, Origin, Values, fits, frontend_api_of, mode_of};
use crate::holder::HolderKind;

/// A setting whose value is in a variable: its name by default, what it must hold, and a word that the names of such variables
/// have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub table: &'static str,
    pub key: &'static str,
    pub default: &'static str,
    pub kind: Kind,
    word: &'static str,
}

impl Setting {
    const fn new(
        table: &'static str,
        key: &'static str,
        default: &'static str,
        kind: Kind,
        word: &'static str,
    ) -> Self {
        Self { table, key, default, kind, word }
    }
}

/// Every one, in the order of the file.
pub(super) const SETTINGS: [Setting; 10] = [
    Setting::new("stripe", "secret_key", "STRIPE_SECRET_KEY", Kind::StripeSecretKey, "STRIPE"),
    Setting::new("stripe", "publishable_key", "STRIPE_PUBLISHABLE_KEY", Kind::StripePublishableKey, "STRIPE"),
    Setting::new("stripe", "webhook_secret", "STRIPE_WEBHOOK_SECRET", Kind::StripeWebhookSecret, "STRIPE"),
    Setting::new(
        "stripe",
        "portal_configuration",
        "STRIPE_PORTAL_CONFIG_ID",
        Kind::StripePortalConfigurationId,
        "PORTAL",
    ),
    Setting::new("clerk", "secret_key", "CLERK_SECRET_KEY", Kind::ClerkSecretKey, "CLERK"),
    Setting::new("clerk", "publishable_key", "CLERK_PUBLISHABLE_KEY", Kind::ClerkPublishableKey, "CLERK"),
    Setting::new("clerk", "canary_user", "PREFLIGHT_CANARY_USER", Kind::ClerkUserId, "CANARY"),
    Setting::new("clerk", "canary_organization", "PREFLIGHT_CANARY_ORGANIZATION", Kind::ClerkOrganizationId, "CANARY"),
    Setting::new("cloudflare", "account_id", "CLOUDFLARE_ACCOUNT_ID", Kind::CloudflareAccountId, "ACCOUNT"),
    Setting::new("cloudflare", "api_token", "CLOUDFLARE_API_TOKEN", Kind::CloudflareApiToken, "CLOUDFLARE"),
];

/// A variable that holds the value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldValue {
    /// Its name.
    pub name: String,
    /// Where it is set: `.dev.vars:4`.
    pub place: String,
    /// The names of other variables with such a value.
    pub others: Vec<String>,
}

/// The values of one mode that the folder and the environment hold.
#[derive(Debug)]
pub struct Variables {
    /// The mode.
    pub mode: Mode,
    /// The env files of that mode which set something that matters, by path.
    pub files: Vec<PathBuf>,
    /// Whether there is a secret key at all.
    pub has_keys: bool,
    /// Why the others were left out.
    pub remarks: Vec<String>,
    values: Values,
}

impl Variables {
    /// Chooses the mode and the env files: live, if there is a live key. `environment` overrides the files.
    #[must_use]
    pub fn of(folder: &Folder, environment: Vec<(String, String)>, mode: Option<Mode>) -> Self {
        let mut remarks = Vec::new();
        let mut files = Vec::new();
        for text in &folder.env_files {
            match Values::of(std::slice::from_ref(text), []) {
                Ok(values) => files.push((text, modes(&values))),
                Err(problems) => remarks.push(problems.render(false, 100).trim_end().to_owned()),
            }
        }
        let ambient = Values::of(&[], environment.clone()).unwrap_or_default();
        let found = || files.iter().flat_map(|(_, modes)| modes).copied().chain(modes(&ambient));
        let has_keys = found().next().is_some();
        let mode = mode.unwrap_or_else(|| {
            let is_test = found().any(|mode| mode == Mode::Test) && !found().any(|mode| mode == Mode::Live);
            if is_test { Mode::Test } else { Mode::Live }
        });
        let (right, other): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(_, modes)| modes.is_empty() || modes.contains(&mode));
        remarks.extend(other.iter().map(|(text, _)| {
            format!("{} was left out: its keys are not {}-mode keys", text.path.display(), mode.word())
        }));
        let right: Vec<_> = right.into_iter().map(|(text, _)| text.clone()).collect();
        let values = Values::of(&right, environment).unwrap_or_default();
        let mut variables = Self { mode, files: Vec::new(), has_keys, remarks, values };
        variables.files = variables.useful_files();
        variables
    }

    /// The variable that holds the value of a setting: the one with the usual name, or one whose name and value fit.
    pub(super) fn held(&self, setting: Setting) -> Option<HeldValue> {
        let fitting = self.values.all().filter(|(name, value, _)| {
            let is_meant = *name == setting.default || name.to_uppercase().contains(setting.word);
            // Stripe's and Clerk's secret keys look alike, so the name decides.
            let is_other = setting.word == "STRIPE" && name.to_uppercase().contains("CLERK");
            let is_of_mode = mode_of(value).is_none_or(|mode| mode == self.mode);
            is_meant && !is_other && is_of_mode && fits(setting.kind, value)
        });
        let mut fitting: Vec<(&str, &Origin)> = fitting.map(|(name, _, origin)| (name, origin)).collect();
        // The usual name first, and then the shortest: `VITE_…` and `NEXT_PUBLIC_…` repeat another variable.
        fitting.sort_by_key(|(name, _)| (*name != setting.default, name.len()));
        let mut fitting = fitting.into_iter();
        let (name, origin) = fitting.next()?;
        let others = fitting.filter(|(other, _)| self.text(other) != self.text(name));
        Some(HeldValue {
            name: name.to_owned(),
            place: origin.to_string(),
            others: others.map(|(name, _)| name.to_owned()).collect(),
        })
    }

    /// The value of a variable.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.all().find(|(found, ..)| *found == name).map(|(_, value, _)| value)
    }

    /// The variable whose value is this text, with its place: of several, the one with the usual name, or else the shortest.
    pub(super) fn holding(&self, value: &str, is_usual: impl Fn(&str) -> bool) -> Option<(&str, String)> {
        let holding = self.values.all().filter(|(_, text, _)| *text == value);
        let (name, _, origin) = holding.min_by_key(|(name, ..)| (!is_usual(name), name.len()))?;
        Some((name, origin.to_string()))
    }

    /// The usual names of the variables that a run needs and that hold nothing.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let needed = ["secret_key", "webhook_secret", "publishable_key"];
        let is_needed = |setting: &Setting| {
            needed.contains(&setting.key) && (setting.table, setting.key) != ("stripe", "publishable_key")
        };
        let missing = SETTINGS.into_iter().filter(is_needed).filter(|setting| self.held(*setting).is_none());
        missing.map(|setting| setting.default).collect()
    }

    /// The variables whose name passes a test, each with its value and place.
    pub(super) fn named(&self, is_meant: impl Fn(&str) -> bool) -> Vec<(&str, &str, String)> {
        let named = self.values.all().filter(|(name, ..)| is_meant(name));
        named.map(|(name, value, origin)| (name, value, origin.to_string())).collect()
    }

    /// The host of Clerk's frontend API, if there is a publishable key.
    pub(super) fn clerk_host(&self) -> Option<String> {
        let setting = SETTINGS.into_iter().find(|setting| setting.kind == Kind::ClerkPublishableKey)?;
        frontend_api_of(self.text(&self.held(setting)?.name)?)?.host_str().map(str::to_owned)
    }

    /// Whether there is a user for checks, and an organization if organizations have the plans.
    #[must_use]
    pub fn has_canary(&self, holder: HolderKind) -> bool {
        let needed = |setting: &Setting| match setting.kind {
            Kind::ClerkUserId => true,
            Kind::ClerkOrganizationId => holder == HolderKind::Organization,
            _ => false,
        };
        SETTINGS.into_iter().filter(needed).all(|setting| self.held(setting).is_some())
    }

    /// The values themselves, to ask the accounts with.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    fn useful_files(&self) -> Vec<PathBuf> {
        let is_price = |value: &str| value.starts_with("price_") || value.starts_with("plan_");
        let held: Vec<String> =
            SETTINGS.into_iter().filter_map(|setting| self.held(setting)).map(|held| held.name).collect();
        let mut files: Vec<PathBuf> = Vec::new();
        for (name, value, origin) in self.values.all() {
            if let Origin::File(path, _) = origin
                && (is_price(value) || held.iter().any(|held| held == name))
                && !files.contains(path)
            {
                files.push(path.clone());
            }
        }
        files.sort();
        files
    }
}

/// The modes of the secret keys among some values.
fn modes(values: &Values) -> Vec<Mode> {
    let keys = values.all().filter(|(_, value, _)| value.starts_with("sk_") || value.starts_with("rk_"));
    // The key of the other mode, for comparing, says nothing about the file.
    let keys = keys.filter(|(name, ..)| *name != "STRIPE_TEST_SECRET_KEY");
    keys.filter_map(|(_, value, _)| mode_of(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Text;

    const LIVE: &str = "STRIPE_SECRET_KEY=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\n";
    const TEST: &str = "STRIPE_KEY=sk_test_51PgafTB7WZ01zgkWr8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPqStUvWxYz0A1B2C3D4E5F6G7H8I9J0KaLbMcNdOeP00a1B2c3D4\n";

    fn variables(files: &[(&str, &str)], mode: Option<Mode>) -> Variables {
        let env_files = files.iter().map(|(path, text)| Text::new(*path, *text)).collect();
        Variables::of(&Folder { env_files, ..Folder::default() }, Vec::new(), mode)
    }

    fn secret_key(variables: &Variables) -> Option<HeldValue> {
        variables.held(SETTINGS[0])
    }

    #[test]
    fn with_a_live_key_the_files_of_test_mode_are_left_out() {
        let found = variables(&[(".dev.vars", TEST), (".dev.vars.production", LIVE)], None);
        assert_eq!((found.mode, found.files.as_slice()), (Mode::Live, &[PathBuf::from(".dev.vars.production")][..]));
        assert_eq!(found.remarks, [".dev.vars was left out: its keys are not live-mode keys"]);
        let found = variables(&[(".dev.vars", TEST), (".dev.vars.production", LIVE)], Some(Mode::Test));
        assert_eq!(found.files, [PathBuf::from(".dev.vars")]);
    }

    #[test]
    fn a_key_under_another_name_is_found_by_its_value() {
        let held = secret_key(&variables(&[(".env", TEST)], None)).unwrap();
        assert_eq!((held.name.as_str(), held.place.as_str()), ("STRIPE_KEY", ".env:1"));
    }

    #[test]
    fn a_placeholder_holds_nothing() {
        assert_eq!(secret_key(&variables(&[(".env", "STRIPE_SECRET_KEY=sk_live_...\n")], None)), None);
    }

    #[test]
    fn two_different_values_are_a_doubt_and_a_repeated_one_is_not() {
        let repeated = "CLERK_PUBLISHABLE_KEY=pk_live_Y2xlcmsuYWNtZS5jb20k\nVITE_CLERK_PUBLISHABLE_KEY=pk_live_Y2xlcmsuYWNtZS5jb20k\n";
        let held = variables(&[(".env", repeated)], None).held(SETTINGS[5]).unwrap();
        assert_eq!((held.name.as_str(), held.others.len()), ("CLERK_PUBLISHABLE_KEY", 0));
        let other = TEST.replace("STRIPE_KEY", "STRIPE_OTHER_KEY").replace("A1B2", "Z9Y8");
        let held = secret_key(&variables(&[(".env", &format!("{TEST}{other}"))], None)).unwrap();
        assert_eq!(held.others, ["STRIPE_OTHER_KEY"]);
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_a_remark_without_its_value() {
        let found = variables(&[(".env", LIVE), (".env.local", "= sk_live_secret'\n")], None);
        assert_eq!(found.files, [PathBuf::from(".env")]);
        assert!(
            found.remarks[0].contains(".env.local:1") && !found.remarks[0].contains("sk_live_secret"),
            "{:?}",
            found.remarks
        );
    }
}
