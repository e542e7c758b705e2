//! The fields whose absence is a real problem, so that a failure is correct.

use preflight::sandbox::RequestKey;

/// The user's own data and the Worker's responses: provider, path prefix, the field and everything inside it as a JSON pointer
/// (`*` is any one step), and why its absence is a real problem.
const EXEMPT: [(&str, &str, &str, &str); 9] = [
    ("worker", "/", "", "the Worker's responses are what preflight checks"),
    ("stripe", "/v1/products", "/data/*/metadata", "it names the tier, and without it the Worker grants none"),
    ("stripe", "/v1/prices", "/data/*/product/metadata", "the same, where the product is expanded"),
    ("stripe", "/v1/prices/", "/product/metadata", "the same, where the product is expanded"),
    (
        "stripe",
        "/v1/subscriptions",
        "/data/*/metadata/userId",
        "it names the user, and without it canceling takes no tier away",
    ),
    (
        "clerk",
        "/v1/jwt_templates",
        "/*/claims",
        "the user writes the claims, and without the plan claim the token has no plan",
    ),
    ("clerk", "/v1/users", "/*/public_metadata/plan", "a plan that is not a tier's value is a real problem"),
    ("clerk", "/v1/users/user_", "/public_metadata/plan", "the same, for the canary"),
    ("clerk_frontend", "/.well-known/jwks.json", "/keys/*", "a missing key cannot verify a token"),
];

/// What identifies an object: without it, every check that asks for the object is unknown. Provider, path prefix, the field,
/// and which checks may be unknown.
const IDENTITIES: [(&str, &str, &str, &str); 9] = [
    ("stripe", "/v1/prices/", "/id", "every check of a tier's price: it could be another price"),
    ("stripe", "/v1/prices/", "/product", "every check of the product behind a tier's price"),
    ("stripe", "/v1/prices/", "/product/id", "the same"),
    ("stripe", "/v1/webhook_endpoints", "/data", "every check of the Worker's endpoint, which is in this list"),
    ("stripe", "/v1/webhook_endpoints", "/data/*", "the same"),
    ("clerk_frontend", "/.well-known/jwks.json", "/keys", "every check that verifies a token"),
    ("clerk", "/v1/jwks", "/keys", "every check that verifies a token"),
    ("stripe", "/v1/webhook_endpoints", "/data/*/id", "every check of the Worker's endpoint"),
    ("stripe", "/v1/webhook_endpoints", "/data/*/url", "the same: the URL identifies the endpoint"),
];

/// Whether more checks than usual may be unknown if this field is changed.
pub fn is_identity(key: &RequestKey, pointer: &str) -> bool {
    IDENTITIES.iter().any(|(provider, path, pattern, _)| {
        let is_itself = pointer.split('/').count() == pattern.split('/').count() && is_within(pointer, pattern);
        is_itself && key.provider == *provider && key.target.starts_with(path)
    })
}

/// Whether a failure is correct if this field is changed.
pub fn is_exempt(key: &RequestKey, pointer: &str) -> bool {
    EXEMPT.iter().any(|(provider, path, pattern, _)| {
        key.provider == *provider && key.target.starts_with(path) && is_within(pointer, pattern)
    })
}

/// Whether `pointer` is what `pattern` matches, or is inside it.
fn is_within(pointer: &str, pattern: &str) -> bool {
    let mut steps = pointer.split('/');
    pattern.split('/').all(|wanted| steps.next().is_some_and(|step| wanted == "*" || wanted == step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_everything_inside() {
        assert!(is_within("/data/0/metadata/plan", "/data/*/metadata"));
        assert!(is_within("/data/0", ""));
        assert!(!is_within("/data/0/id", "/data/*/metadata"));
        assert!(!is_within("/data", "/data/*/metadata"));
    }
}
