//! The account that a key belongs to.

use std::borrow::Cow;

use serde::Deserialize;

use crate::finding::Answered;
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
    #[serde(default)]
    business_profile: Field<BusinessProfile>,
    /// Three lowercase letters.
    #[serde(default)]
    default_currency: Field<String>,
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
    #[serde(default)]
    payments: Field<PaymentSettings>,
    #[serde(default)]
    payouts: Field<PayoutSettings>,
}

#[derive(Debug, Clone, Deserialize)]
struct PaymentSettings {
    #[serde(default)]
    statement_descriptor: Field<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct PayoutSettings {
    #[serde(default)]
    schedule: Field<PayoutSchedule>,
}

#[derive(Debug, Clone, Deserialize)]
struct PayoutSchedule {
    #[serde(default)]
    interval: Field<String>,
}

/// What the account says about the business.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BusinessProfile {
    name: Field<String>,
    url: Field<String>,
    support_email: Field<String>,
    support_phone: Field<String>,
    support_url: Field<String>,
}

impl BusinessProfile {
    const fn empty() -> Self {
        Self {
            name: Field::Null,
            url: Field::Null,
            support_email: Field::Null,
            support_phone: Field::Null,
            support_url: Field::Null,
        }
    }

    /// The name that customers see.
    pub fn name(&self) -> Answered<Option<&str>> {
        Ok(self.name.nullable("business_profile.name of GET /v1/account")?.map(String::as_str))
    }

    /// The website.
    pub fn url(&self) -> Answered<Option<&str>> {
        Ok(self.url.nullable("business_profile.url of GET /v1/account")?.map(String::as_str))
    }

    /// Where customers get help: an email address, a phone number, a page.
    pub fn support_contacts(&self) -> Answered<Vec<&str>> {
        let email = self.support_email.nullable("business_profile.support_email of GET /v1/account")?;
        let phone = self.support_phone.nullable("business_profile.support_phone of GET /v1/account")?;
        let page = self.support_url.nullable("business_profile.support_url of GET /v1/account")?;
        Ok([email, phone, page].into_iter().flatten().map(String::as_str).filter(|text| !text.is_empty()).collect())
    }
}

#[derive(Debug, Clone, Deserialize)]
struct DashboardSettings {
    #[serde(default)]
    display_name: Field<String>,
}

impl Account {
    /// What card statements say.
    pub fn statement_descriptor(&self) -> Answered<Option<&str>> {
        let settings = self.settings.known("settings of GET /v1/account")?;
        let payments = settings.payments.known("settings.payments of GET /v1/account")?;
        let name = "settings.payments.statement_descriptor of GET /v1/account";
        Ok(payments.statement_descriptor.nullable(name)?.map(String::as_str))
    }

    /// What the account says about the business. Null means that nothing is set.
    pub fn business_profile(&self) -> Answered<Cow<'_, BusinessProfile>> {
        Ok(match self.business_profile.nullable("business_profile of GET /v1/account")? {
            Some(profile) => Cow::Borrowed(profile),
            None => Cow::Owned(BusinessProfile::empty()),
        })
    }

    /// Whether Stripe pays out only on request, as far as it says so.
    #[must_use]
    pub fn pays_out_on_request(&self) -> bool {
        let payouts = self.settings.value().and_then(|settings| settings.payouts.value());
        let schedule = payouts.and_then(|payouts| payouts.schedule.value());
        schedule.is_some_and(|schedule| schedule.interval.text() == Some("manual"))
    }

    /// The currency that Stripe pays out in, as far as it says so: three lowercase letters.
    #[must_use]
    pub fn default_currency(&self) -> Option<&str> {
        self.default_currency.text()
    }

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
