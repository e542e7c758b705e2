//! Stripe's and Clerk's secret keys in each other's place: both begin `sk_live_`, so it takes evidence.

use super::form::{is_legacy_stripe, is_modern_stripe};
use super::{Clerk, Secret, Slip, Stripe, Variable, form};

/// Tells the keys that are in each other's place, and the one that is in both.
pub(super) fn tell(stripe: &mut Stripe, clerk: &mut Clerk) {
    for key in [&mut stripe.secret_key, &mut stripe.test_secret_key] {
        let (Some(at_stripe), Some(at_clerk)) = (text(key), text(&clerk.secret_key)) else { continue };
        let (here, there) = (key.name.clone(), clerk.secret_key.name.clone());
        if at_stripe == at_clerk {
            if may_be_stripes(&at_stripe) {
                wrong(&mut clerk.secret_key, format!("Stripe's secret key, the same as in {here}"));
            } else if at_stripe.starts_with("sk_") {
                wrong(key, format!("Clerk's secret key, the same as in {there}"));
            }
        } else if at_stripe.starts_with("sk_") && !may_be_stripes(&at_stripe) && is_stripes(&at_clerk) {
            key.slips = vec![Slip::Swapped(there)];
            clerk.secret_key.slips = vec![Slip::Swapped(here)];
        }
    }
}

/// Whether it is Stripe's beyond doubt where the other slot's is not: restricted, modern, or of the old length.
fn is_stripes(value: &str) -> bool {
    value.starts_with("rk_") || is_modern_stripe(value) || is_legacy_stripe(value)
}

/// Whether the body is as Stripe makes them: `51…`, or 24 letters as once.
fn may_be_stripes(value: &str) -> bool {
    is_stripes(value) || ["sk_live_51", "sk_test_51"].iter().any(|start| value.starts_with(start))
}

fn text(key: &Variable<Secret>) -> Option<String> {
    key.value.as_ref().map(|secret| form::bare(secret.expose())).filter(|text| !super::placeholder::is(text))
}

/// Nothing is graver, but for what is a placeholder or of no such kind at all.
fn wrong(key: &mut Variable<Secret>, instead: String) {
    key.slips = vec![Slip::WrongKind(instead)];
}

#[cfg(test)]
mod tests {
    use crate::config::Slip;
    use crate::config::sample::{CLERK_SECRET, MINIMAL, STRIPE_SECRET, config_with};

    const LEGACY: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    const OTHER_CLERK: &str = "sk_live_Zq3RkWv7RbNcYd3fGh5JkMnPqStUvWxYz0A1B2C3D4";

    /// Whether Stripe's and Clerk's keys, as given, are told to be of the wrong kind.
    fn told(stripe: &'static str, clerk: &'static str) -> (bool, bool) {
        let config = config_with(MINIMAL, &[("STRIPE_SECRET_KEY", stripe), ("CLERK_SECRET_KEY", clerk)]);
        let wrong = |slips: &[Slip]| matches!(slips, [Slip::WrongKind(_) | Slip::Swapped(_)]);
        (wrong(&config.stripe.secret_key.slips), wrong(&config.clerk.secret_key.slips))
    }

    #[test]
    fn keys_in_their_places_are_good() {
        assert_eq!(told(STRIPE_SECRET, CLERK_SECRET), (false, false));
        assert_eq!(told(LEGACY, CLERK_SECRET), (false, false));
    }

    #[test]
    fn swapped_keys_are_both_told() {
        assert_eq!(told(CLERK_SECRET, STRIPE_SECRET), (true, true));
        assert_eq!(told(CLERK_SECRET, LEGACY), (true, true));
        assert_eq!(told(CLERK_SECRET, "rk_live_51PgafTB7WZ01zgkWr8Yp2QmZ"), (true, true));
    }

    #[test]
    fn one_value_in_both_places_is_told_where_it_does_not_belong() {
        assert_eq!(told(STRIPE_SECRET, STRIPE_SECRET), (false, true));
        assert_eq!(told(LEGACY, LEGACY), (false, true));
        assert_eq!(told(CLERK_SECRET, CLERK_SECRET), (true, false));
    }

    #[test]
    fn without_evidence_nothing_is_claimed() {
        assert_eq!(told(OTHER_CLERK, CLERK_SECRET), (false, false));
        assert_eq!(told("sk_live_r8Yp2QmZt4", CLERK_SECRET), (false, false));
    }

    #[test]
    fn a_line_end_does_not_hide_a_swap() {
        let config = config_with(
            MINIMAL,
            &[
                ("CLERK_SECRET_KEY", STRIPE_SECRET),
                ("STRIPE_SECRET_KEY", "sk_live_a8GkRqZ0m3X5V7b9N1cPdQeRfSgThUiVjWkXlYmZn0\n"),
            ],
        );
        assert!(matches!(config.stripe.secret_key.slips.as_slice(), [Slip::Swapped(other)] if other.contains("CLERK")));
    }
}
