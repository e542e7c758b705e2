//! What the names of keys say.

use super::facts::Holds;

/// Whether a key is likely to hold a tier: `plan`, `tier`, `plan_id`, `currentPlan`.
pub(super) fn names_tier(key: &str) -> bool {
    let key = plain(key);
    let ends = ["plan", "tier", "planid", "tierid", "planname", "tiername", "plankey", "planslug", "tierslug"];
    ends.iter().any(|end| key.ends_with(end)) || key == "membership"
}

/// Whether a key is likely to hold a user: `userId`, `clerk_user_id`, `uid`.
pub(super) fn names_user(key: &str) -> bool {
    let key = plain(key);
    matches!(key.as_str(), "uid" | "sub" | "user" | "clerkid" | "ownerid")
        || key.ends_with("userid")
        || key.ends_with("useruuid")
}

/// Whether a key is likely to hold an organization: `orgId`, `organization_id`.
pub(super) fn names_organization(key: &str) -> bool {
    let key = plain(key);
    matches!(key.as_str(), "org" | "organization") || key.ends_with("orgid") || key.ends_with("organizationid")
}

/// What a key in public metadata is likely to hold.
pub(super) fn holds(key: &str) -> Option<Holds> {
    let is_state = ["status", "end", "at", "period", "date", "item"].iter().any(|end| plain(key).ends_with(end));
    let plain = plain(key);
    if plain.contains("customer") {
        return Some(Holds::Customer);
    }
    if names_tier(key) {
        return Some(Holds::Plan);
    }
    (plain.contains("subscription") && !is_state).then_some(Holds::Subscription)
}

/// Whether a name has one of these words: `monthlyLimit` and `PLAN_LIMITS` have `limit` and `limits`, `delimiter` has none.
pub(super) fn has_word(name: &str, words: &[&str]) -> bool {
    let mut parts = vec![String::new()];
    let mut was_lowercase = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_lowercase) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| letter.is_alphanumeric()) {
            part.extend(letter.to_lowercase());
        }
        was_lowercase = letter.is_lowercase();
    }
    parts.iter().any(|part| words.contains(&part.as_str()))
}

/// A key in lower case, without separators.
fn plain(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_tiers_are_known_in_every_style() {
        assert!(["plan", "tier", "plan_id", "currentPlan", "PLAN"].into_iter().all(names_tier));
        assert!(!["plane", "planned", "priceId"].into_iter().any(names_tier));
    }

    #[test]
    fn keys_of_users_and_organizations_are_known_in_every_style() {
        assert!(["userId", "clerk_user_id", "clerkUserId", "uid", "user"].into_iter().all(names_user));
        assert!(!["username", "userAgent", "orgId"].into_iter().any(names_user));
        assert!(["orgId", "clerk_org_id", "organizationId", "org"].into_iter().all(names_organization));
        assert!(!["origin", "userId", "organizer"].into_iter().any(names_organization));
    }

    #[test]
    fn the_state_of_a_subscription_is_not_its_id() {
        assert_eq!(holds("stripeSubscriptionId"), Some(Holds::Subscription));
        assert_eq!(holds("subscriptionStatus"), None);
        assert_eq!(holds("subscription_ends_at"), None);
    }

    #[test]
    fn words_are_separated_in_every_style() {
        assert!(["monthlyLimit", "PLAN_LIMIT", "limit"].into_iter().all(|name| has_word(name, &["limit"])));
        assert!(!["delimiter", "unlimited"].into_iter().any(|name| has_word(name, &["limit"])));
    }
}
