//! Stripe's and Clerk's secret keys swapped: both begin `sk_live_`, so it takes evidence.

use super::kind::{is_legacy_stripe, is_modern_stripe};
use super::stray::bare;
use super::{ClerkConfig, Secret, StripeConfig, ValueProblem, Variable, placeholder};

/// Reports keys that are swapped, and one key set in both places.
pub(super) fn report(stripe: &mut StripeConfig, clerk: &mut ClerkConfig) {
    for key in [&mut stripe.secret_key, &mut stripe.test_secret_key] {
        let (Some(at_stripe), Some(at_clerk)) = (text(key), text(&clerk.secret_key)) else { continue };
        let (here, there) = (key.name.clone(), clerk.secret_key.name.clone());
        if at_stripe == at_clerk {
            if may_be_stripes(&at_stripe) {
                let same = format!("Stripe's secret key, the same as in {here}");
                clerk.secret_key.problem = Some(ValueProblem::WrongKind(same));
            } else if at_stripe.starts_with("sk_") {
                key.problem = Some(ValueProblem::WrongKind(format!("Clerk's secret key, the same as in {there}")));
            }
        } else if at_stripe.starts_with("sk_") && !may_be_stripes(&at_stripe) && is_stripes(&at_clerk) {
            key.problem = Some(ValueProblem::Swapped(there));
            clerk.secret_key.problem = Some(ValueProblem::Swapped(here));
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
    key.value.as_ref().map(|secret| bare(secret.expose())).filter(|text| !placeholder::is(text))
}

#[cfg(test)]
mod tests {
    use crate::config::ValueProblem;
    use crate::config::sample::{CLERK_SECRET, MINIMAL, STRIPE_SECRET, config_with};

    const LEGACY: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    const OTHER_CLERK: &str = "sk_live_Zq3RkWv7RbNcYd3fGh5JkMnPqStUvWxYz0A1B2C3D4";

    /// Whether Stripe's and Clerk's keys are reported as the wrong kind.
    fn reported(stripe: &'static str, clerk: &'static str) -> (bool, bool) {
        let config = config_with(MINIMAL, &[("STRIPE_SECRET_KEY", stripe), ("CLERK_SECRET_KEY", clerk)]);
        let wrong = |problem| matches!(problem, &Some(ValueProblem::WrongKind(_) | ValueProblem::Swapped(_)));
        (wrong(&config.stripe.secret_key.problem), wrong(&config.clerk.secret_key.problem))
    }

    #[test]
    fn each_key_in_its_place_is_fine() {
        assert_eq!(reported(STRIPE_SECRET, CLERK_SECRET), (false, false));
        assert_eq!(reported(LEGACY, CLERK_SECRET), (false, false));
    }

    #[test]
    fn swapped_keys_are_both_reported() {
        assert_eq!(reported(CLERK_SECRET, STRIPE_SECRET), (true, true));
        assert_eq!(reported(CLERK_SECRET, LEGACY), (true, true));
        assert_eq!(reported(CLERK_SECRET, "rk_live_51PgafTB7WZ01zgkWr8Yp2QmZ"), (true, true));
    }

    #[test]
    fn one_key_in_both_places_is_reported_where_it_is_wrong() {
        assert_eq!(reported(STRIPE_SECRET, STRIPE_SECRET), (false, true));
        assert_eq!(reported(LEGACY, LEGACY), (false, true));
        assert_eq!(reported(CLERK_SECRET, CLERK_SECRET), (true, false));
    }

    #[test]
    fn without_evidence_nothing_is_claimed() {
        assert_eq!(reported(OTHER_CLERK, CLERK_SECRET), (false, false));
        assert_eq!(reported("sk_live_r8Yp2QmZt4", CLERK_SECRET), (false, false));
    }

    #[test]
    fn a_newline_does_not_hide_a_swap() {
        let config = config_with(
            MINIMAL,
            &[
                ("CLERK_SECRET_KEY", STRIPE_SECRET),
                ("STRIPE_SECRET_KEY", "sk_live_a8GkRqZ0m3X5V7b9N1cPdQeRfSgThUiVjWkXlYmZn0\n"),
            ],
        );
        assert!(
            matches!(&config.stripe.secret_key.problem, Some(ValueProblem::Swapped(other)) if other.contains("CLERK"))
        );
    }
}
