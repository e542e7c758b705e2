//! What is the fault itself when it is gone or wrong, so that a failure is right.

use preflight::sandbox::RequestKey;

/// The user's own data, or the Worker's own words: whose answer, what its path begins with, the field as a JSON pointer
/// in which `*` is any one step and which covers what is within, and why its absence is a fault and no gap.
const EXEMPT: [(&str, &str, &str, &str); 8] = [
    ("worker", "/", "", "the Worker's answers are what is judged"),
    ("stripe", "/v1/products", "/data/*/metadata", "the tier stands in it, and without it the Worker grants none"),
    ("stripe", "/v1/prices", "/data/*/product/metadata", "the same, where the product is expanded"),
    ("stripe", "/v1/prices/", "/product/metadata", "the same, where the product is expanded"),
    (
        "clerk",
        "/v1/jwt_templates",
        "/*/claims",
        "the claims are the user's own: without the plan's it is not in the token",
    ),
    ("clerk", "/v1/users", "/*/public_metadata/plan", "a plan that is not a tier's value is the fault"),
    ("clerk", "/v1/users/user_", "/public_metadata/plan", "the same, of the canary"),
    ("clerk_frontend", "/.well-known/jwks.json", "/keys/*", "a key that is not there verifies no token"),
];

/// What tells an object from all others: whoever asks for the object has none without it. Whose answer, what its path begins
/// with, the field, and which checks that is right for.
const IDENTITIES: [(&str, &str, &str, &str); 9] = [
    ("stripe", "/v1/prices/", "/id", "every check of a tier's price: another price would be judged for it"),
    ("stripe", "/v1/prices/", "/product", "every check of what is sold at a tier's price"),
    ("stripe", "/v1/prices/", "/product/id", "the same"),
    ("stripe", "/v1/webhook_endpoints", "/data", "every check of the Worker's endpoint, which is one of this list"),
    ("stripe", "/v1/webhook_endpoints", "/data/*", "the same"),
    ("clerk_frontend", "/.well-known/jwks.json", "/keys", "every check that verifies a token"),
    ("clerk", "/v1/jwks", "/keys", "every check that verifies a token"),
    ("stripe", "/v1/webhook_endpoints", "/data/*/id", "every check of the Worker's endpoint"),
    ("stripe", "/v1/webhook_endpoints", "/data/*/url", "the same: the URL says whose endpoint it is"),
];

/// Whether more checks may be blind than otherwise where this field is changed.
pub fn is_identity(key: &RequestKey, pointer: &str) -> bool {
    IDENTITIES.iter().any(|(provider, path, pattern, _)| {
        let is_itself = pointer.split('/').count() == pattern.split('/').count() && is_within(pointer, pattern);
        is_itself && key.provider == *provider && key.target.starts_with(path)
    })
}

/// Whether a failure is right where this field is changed.
pub fn is_exempt(key: &RequestKey, pointer: &str) -> bool {
    EXEMPT.iter().any(|(provider, path, pattern, _)| {
        key.provider == *provider && key.target.starts_with(path) && is_within(pointer, pattern)
    })
}

/// Whether `pointer` leads to what `pattern` means, or into it.
fn is_within(pointer: &str, pattern: &str) -> bool {
    let mut steps = pointer.split('/');
    pattern.split('/').all(|wanted| steps.next().is_some_and(|step| wanted == "*" || wanted == step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_is_within() {
        assert!(is_within("/data/0/metadata/plan", "/data/*/metadata"));
        assert!(is_within("/data/0", ""));
        assert!(!is_within("/data/0/id", "/data/*/metadata"));
        assert!(!is_within("/data", "/data/*/metadata"));
    }
}
