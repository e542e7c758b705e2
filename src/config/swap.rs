//! Stripe's and Clerk's secret keys in each other's place: both begin `sk_live_`, so it takes evidence.

use super::form::{is_legacy_stripe, is_modern_stripe};
use super::{Clerk, Secret, Slip, Stripe, Variable, form};

/// Tells the keys that are in each other's place, and the one that is in both.
pub(super) fn tell(stripe: &mut Stripe, clerk: &mut Clerk) {
    for key in [&mut stripe.secret_key, &mut stripe.test_secret_key] {
        let (Some(at_stripe), Some(at_clerk)) = (text(key), text(&clerk.secret_key)) else { continue };
        let evidence = Evidence { at_stripe, at_clerk };
        if evidence.clerks_at_stripe() {
            wrong(key, format!("Clerk's secret key; Stripe's is in {}", clerk.secret_key.name));
        }
        if evidence.stripes_at_clerk() {
            let message = format!("Stripe's secret key, which {} should hold", key.name);
            wrong(&mut clerk.secret_key, message);
        }
    }
}

struct Evidence {
    at_stripe: String,
    at_clerk: String,
}

impl Evidence {
    /// One value cannot be both keys.
    fn is_one_value(&self) -> bool {
        self.at_stripe == self.at_clerk
    }

    fn clerks_at_stripe(&self) -> bool {
        let not_stripes = self.at_stripe.starts_with("sk_") && !may_be_stripes(&self.at_stripe);
        not_stripes && (self.is_one_value() || is_stripes(&self.at_clerk) || is_legacy_stripe(&self.at_clerk))
    }

    fn stripes_at_clerk(&self) -> bool {
        // A modern key of Stripe's is known without looking at the other.
        is_stripes(&self.at_clerk)
            || (may_be_stripes(&self.at_clerk) && self.is_one_value())
            || (is_legacy_stripe(&self.at_clerk) && self.clerks_at_stripe())
    }
}

fn is_stripes(value: &str) -> bool {
    value.starts_with("rk_") || is_modern_stripe(value)
}

/// Whether the body is as Stripe makes them: `51…`, or 24 letters as once.
fn may_be_stripes(value: &str) -> bool {
    is_stripes(value)
        || is_legacy_stripe(value)
        || ["sk_live_51", "sk_test_51"].iter().any(|start| value.starts_with(start))
}

fn text(key: &Variable<Secret>) -> Option<String> {
    key.value.as_ref().map(|secret| form::bare(secret.expose())).filter(|text| !super::placeholder::is(text))
}

/// Nothing is graver, but for what is a placeholder or of no such kind at all.
fn wrong(key: &mut Variable<Secret>, instead: String) {
    key.slips = vec![Slip::WrongKind(instead)];
}
