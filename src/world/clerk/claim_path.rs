//! A claim by its path: `plan`, or `metadata.plan` for `plan` within the claim `metadata`.

use serde_json::{Map, Value, json};

/// The claim at a path, in a token or in a template. A claim whose own name has a dot comes first.
#[must_use]
pub fn claim_at<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    claims.get(path).or_else(|| {
        let mut steps = path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    })
}

/// A claim at a path: the name of the claim around it, and its value.
#[must_use]
pub fn nested_claim(path: &str, value: Value) -> (String, Value) {
    let mut steps = path.split('.');
    let name = steps.next().unwrap_or_default().to_owned();
    (name, steps.rev().fold(value, |value, step| json!({ step: value })))
}

/// Sets the claim at a path, and leaves the claims beside it.
pub fn set_claim(claims: &mut Value, path: &str, value: Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let is_whole = claims.get(path).is_some();
    match (rest, claims.get_mut(name)) {
        (Some(rest), Some(inner)) if inner.is_object() && !is_whole => set_claim(inner, rest, value),
        (Some(_), _) if !is_whole => {
            let (name, value) = nested_claim(path, value);
            claims[name] = value;
        }
        _ => claims[path] = value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{claim_at, nested_claim, set_claim};

    #[test]
    fn a_path_leads_into_a_claim() {
        let claims = json!({ "metadata": { "plan": "pro" }, "a.b": 1, "a": { "b": 2 }, "plan": "free" });
        let found = |path| claim_at(claims.as_object().unwrap(), path).cloned();
        assert_eq!(found("plan"), Some("free".into()));
        assert_eq!(found("metadata.plan"), Some("pro".into()));
        assert_eq!(found("metadata.tier"), None);
        assert_eq!(found("a.b"), Some(1.into()));
    }

    #[test]
    fn a_claim_is_made_within_another() {
        assert_eq!(nested_claim("plan", "x".into()), ("plan".to_owned(), "x".into()));
        assert_eq!(nested_claim("a.b.c", "x".into()), ("a".to_owned(), json!({ "b": { "c": "x" } })));
    }

    #[test]
    fn a_claim_is_set_beside_the_others() {
        let set = |mut claims: Value, path: &str| {
            set_claim(&mut claims, path, "x".into());
            claims
        };
        assert_eq!(set(json!({ "role": "admin" }), "plan"), json!({ "role": "admin", "plan": "x" }));
        let beside = json!({ "metadata": { "role": "admin", "plan": "x" } });
        assert_eq!(set(json!({ "metadata": { "role": "admin" } }), "metadata.plan"), beside);
        assert_eq!(set(json!({}), "metadata.plan"), json!({ "metadata": { "plan": "x" } }));
        assert_eq!(set(json!({ "a.b": 1 }), "a.b"), json!({ "a.b": "x" }));
    }
}
