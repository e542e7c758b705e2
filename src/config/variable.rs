//! A value from the operator's environment.

use std::fmt;

use super::stray::is_invisible;
use super::{Config, Kind, Mode, Origin, Secret, ValueProblem, kind, mode_of};

/// A value that `preflight.toml` names by the environment variable which holds it.
#[derive(Clone)]
pub struct Variable<T> {
    /// The environment variable's name, `STRIPE_SECRET_KEY`. If the value itself is in `preflight.toml`: the name of the
    /// variable by default.
    pub name: String,
    /// The key in `preflight.toml`, `stripe.secret_key`.
    pub setting: String,
    /// The line of that key, counted from 1. `None` for a default.
    pub line: Option<usize>,
    /// What it must hold.
    pub kind: Kind,
    /// Where the value was read.
    pub origin: Origin,
    /// The most serious problem of the value. Unless it is a warning, the value must not be used.
    pub problem: Option<ValueProblem>,
    /// The value as it was read, stray characters included.
    pub value: Option<T>,
}

/// A [`Variable`] without its value, for `config/hygiene`.
#[derive(Debug, Clone)]
pub struct Described<'a> {
    /// The environment variable's name.
    pub name: &'a str,
    /// The key in `preflight.toml`.
    pub setting: &'a str,
    /// The line of that key.
    pub line: Option<usize>,
    /// What it must hold.
    pub kind: Kind,
    /// Where the value was read.
    pub origin: &'a Origin,
    /// The most serious problem of the value.
    pub problem: Option<&'a ValueProblem>,
    /// What may be shown of the value.
    pub shown: Option<String>,
    /// The mode that the value names, if it names one.
    pub mode: Option<Mode>,
}

impl Described<'_> {
    /// Whether the value may be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.problem.is_none_or(ValueProblem::is_warning)
    }
}

impl<T> Variable<T> {
    /// Whether anything is in it.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// Whether the value may be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.problem.as_ref().is_none_or(ValueProblem::is_warning)
    }
}

impl fmt::Debug for Variable<Secret> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.described().fmt(formatter)
    }
}

impl fmt::Debug for Variable<String> {
    // It may hold a secret by mistake.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.described().fmt(formatter)
    }
}

impl Variable<Secret> {
    /// Without the value.
    #[must_use]
    pub fn described(&self) -> Described<'_> {
        self.describe(self.value.as_ref().map(Secret::to_string), self.value.as_ref().and_then(Secret::mode))
    }
}

impl Variable<String> {
    /// Without what must not be shown of the value.
    #[must_use]
    pub fn described(&self) -> Described<'_> {
        let shown = |value| {
            if kind::is_hidden(self.kind, value) { Secret::new(value).to_string() } else { printable(value) }
        };
        self.describe(self.value.as_deref().map(shown), self.value.as_deref().and_then(mode_of))
    }
}

impl<T> Variable<T> {
    fn describe(&self, shown: Option<String>, mode: Option<Mode>) -> Described<'_> {
        Described {
            name: &self.name,
            setting: &self.setting,
            line: self.line,
            kind: self.kind,
            origin: &self.origin,
            problem: self.problem.as_ref(),
            shown,
            mode,
        }
    }
}

/// Control characters and characters without a width as escapes.
fn printable(value: &str) -> String {
    let escaped = |letter: char| letter != ' ' && is_invisible(letter);
    value
        .chars()
        .map(|letter| if escaped(letter) { letter.escape_default().to_string() } else { letter.into() })
        .collect()
}

impl Config {
    /// Every variable, in the order of the file's documentation: Stripe, Clerk, Cloudflare, the tiers.
    #[must_use]
    pub fn variables(&self) -> Vec<Described<'_>> {
        let (stripe, clerk) = (&self.stripe, &self.clerk);
        let mut variables = vec![
            stripe.secret_key.described(),
            stripe.publishable_key.described(),
            stripe.webhook_secret.described(),
            stripe.portal_configuration.described(),
            stripe.test_secret_key.described(),
            clerk.secret_key.described(),
            clerk.publishable_key.described(),
            clerk.canary_user.described(),
        ];
        variables.extend(clerk.canary_organization.as_ref().map(Variable::<String>::described));
        let cloudflare = self.cloudflare.iter();
        variables.extend(
            cloudflare.flat_map(|cloudflare| [cloudflare.account_id.described(), cloudflare.api_token.described()]),
        );
        variables.extend(self.tiers.iter().flat_map(|tier| &tier.prices).map(|price| price.price_id.described()));
        variables
    }

    /// Every secret. None of them may be printed.
    #[must_use]
    pub fn secrets(&self) -> Vec<&Secret> {
        let mut keys = vec![
            &self.stripe.secret_key,
            &self.stripe.webhook_secret,
            &self.stripe.test_secret_key,
            &self.clerk.secret_key,
        ];
        keys.extend(self.cloudflare.iter().map(|cloudflare| &cloudflare.api_token));
        keys.into_iter().filter_map(|key| key.value.as_ref()).chain(&self.misplaced).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sample::{CLERK_SECRET, MINIMAL, STRIPE_SECRET, config_with, loaded, minimal_with};
    use crate::config::{Origin, Redactor, ValueProblem};

    #[test]
    fn variables_are_in_the_order_of_the_documentation() {
        let config = loaded(&format!("{MINIMAL}\n[cloudflare]\n"));
        let settings: Vec<&str> = config.variables().iter().map(|variable| variable.setting).collect();
        let expected = [
            "stripe.secret_key",
            "stripe.publishable_key",
            "stripe.webhook_secret",
            "stripe.portal_configuration",
            "stripe.test_secret_key",
            "clerk.secret_key",
            "clerk.publishable_key",
            "clerk.canary_user",
            "cloudflare.account_id",
            "cloudflare.api_token",
            "tiers.pro.price_id",
            "tiers.enterprise.price_id",
        ];
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_secret_is_shown_by_its_ends_only() {
        let config = loaded(MINIMAL);
        assert_eq!(config.variables()[0].shown.as_deref(), Some("sk_live_…c3D4"));
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_hidden_and_remembered() {
        let config = config_with(MINIMAL, &[("STRIPE_PRICE_ID_PRO", STRIPE_SECRET)]);
        let price = config.variables().into_iter().find(|variable| variable.name == "STRIPE_PRICE_ID_PRO").unwrap();
        assert_eq!(price.shown.as_deref(), Some("sk_live_…c3D4"));
        assert!(!format!("{config:?}").contains(STRIPE_SECRET));
        assert_eq!(Redactor::new(config.secrets()).redact(STRIPE_SECRET), "sk_live_…c3D4");
    }

    #[test]
    fn a_token_in_the_wrong_place_is_hidden() {
        let token = "r8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPqStUvWxYz";
        let config = config_with(&format!("{MINIMAL}\n[cloudflare]\n"), &[("CLOUDFLARE_ACCOUNT_ID", token)]);
        assert!(!format!("{:?}", config.variables()).contains(token));
    }

    #[test]
    fn control_characters_are_escaped() {
        let config = config_with(MINIMAL, &[("STRIPE_PRICE_ID_PRO", "price_1Pg\n\u{1b}[31m")]);
        let price = &config.tiers[1].prices[0].price_id;
        assert_eq!(price.described().shown.as_deref(), Some("price_1Pg\\n\\u{1b}[31m"));
        assert_eq!(price.value.as_deref(), Some("price_1Pg\n\u{1b}[31m"));
    }

    #[test]
    fn an_empty_value_is_missing_and_keeps_its_origin() {
        let config = config_with(MINIMAL, &[("CLERK_SECRET_KEY", " \n"), ("STRIPE_PUBLISHABLE_KEY", "")]);
        assert_eq!(config.clerk.secret_key.problem, Some(ValueProblem::Missing));
        assert_eq!(config.clerk.secret_key.origin, Origin::Environment);
        assert!(config.stripe.publishable_key.problem.is_none() && !config.stripe.publishable_key.is_set());
        assert_eq!(config.stripe.test_secret_key.origin, Origin::Unset);
    }

    #[test]
    fn a_value_in_the_file_has_its_line_as_origin_and_the_default_name() {
        let config = loaded(&minimal_with("price = \"29.00\"", "price = \"29.00\"\nprice_id = \"gold\""));
        let price = &config.tiers[1].prices[0].price_id;
        assert_eq!((price.name.as_str(), price.value.as_deref()), ("STRIPE_PRICE_ID_PRO", Some("gold")));
        assert_eq!(price.origin, Origin::File("preflight.toml".into(), 12));
    }

    #[test]
    fn two_settings_may_name_one_variable() {
        let text =
            minimal_with("[tiers.free]", "[stripe]\ntest_secret_key = { env = \"STRIPE_SECRET_KEY\" }\n[tiers.free]");
        let config = loaded(&text);
        assert_eq!(config.stripe.test_secret_key.line, Some(8));
        assert!(config.stripe.test_secret_key.is_usable() && config.stripe.secret_key.is_usable());
    }

    #[test]
    fn every_secret_is_listed() {
        let config = loaded(&format!("{MINIMAL}\n[cloudflare]\n"));
        assert_eq!(config.secrets().len(), 4);
        let text = format!("{STRIPE_SECRET} {CLERK_SECRET}");
        assert_eq!(Redactor::new(config.secrets()).redact(&text), "sk_live_…c3D4 sk_live_…mZn0");
    }
}
