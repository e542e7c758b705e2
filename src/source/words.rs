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

/// A key in lower case, without separators.
fn plain(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}
