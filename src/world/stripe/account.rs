//! The account that a key belongs to.

use serde::Deserialize;

use crate::world::field::Field;

/// `GET /v1/account`, as far as a launch depends on it (docs/providers.md, "Stripe API objects"). Stripe only guarantees
/// the ID.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// `acct_…`.
    pub id: String,
    /// Whether it can take payments.
    #[serde(default)]
    pub charges_enabled: Field<bool>,
    /// Whether Stripe pays out to it.
    #[serde(default)]
    pub payouts_enabled: Field<bool>,
    /// The information that Stripe still needs.
    #[serde(default)]
    pub requirements: Field<Requirements>,
    #[serde(default)]
    settings: Field<AccountSettings>,
}

/// The information that Stripe still needs about an account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Requirements {
    /// What is overdue; null means nothing.
    pub past_due: Field<Vec<String>>,
    /// What is due by the deadline; null means nothing.
    pub currently_due: Field<Vec<String>>,
    /// Why the account is restricted.
    pub disabled_reason: Field<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct AccountSettings {
    #[serde(default)]
    dashboard: Field<DashboardSettings>,
}

#[derive(Debug, Clone, Deserialize)]
struct DashboardSettings {
    #[serde(default)]
    display_name: Field<String>,
}

impl Account {
    /// The account's ID and name, for a sentence.
    pub fn name(&self) -> String {
        let dashboard = self.settings.value().and_then(|settings| settings.dashboard.value());
        match dashboard.and_then(|dashboard| dashboard.display_name.text()) {
            Some(name) => format!("{} (\"{name}\")", self.id),
            None => self.id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Account;
    use crate::world::field::Field;

    #[test]
    fn only_the_id_of_an_account_is_required() {
        let account: Account = serde_json::from_value(json!({ "id": "acct_1", "object": "account" })).unwrap();
        assert_eq!(account.name(), "acct_1");
        assert!(account.charges_enabled.known("charges_enabled").is_err());
        assert!(account.requirements.known("requirements").is_err());
    }

    #[test]
    fn null_requirements_are_empty_and_absent_ones_are_unknown() {
        let account: Account =
            serde_json::from_value(json!({ "id": "acct_1", "requirements": { "past_due": null } })).unwrap();
        let Field::Is(requirements) = account.requirements else { panic!("{account:?}") };
        assert_eq!(requirements.past_due.nullable("past_due"), Ok(None));
        assert!(requirements.currently_due.nullable("currently_due").is_err());
    }
}
