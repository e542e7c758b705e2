//! The longest chain of dependent requests, which is the lower bound of a run's time.

use preflight::run::Report;

/// A link: provider, method, path prefix, and why it depends on the one before.
type ChainLink = (&'static str, &'static str, &'static str, &'static str);

/// If there were a longer chain, a run would take longer than this one, which the benchmark measures.
const CHAIN: [ChainLink; 7] = [
    ("clerk", "POST", "/v1/sign_in_tokens", "the canary's ticket"),
    ("clerk-domain", "POST", "/v1/client/sign_ins", "the ticket becomes a session"),
    ("clerk-domain", "POST", "/v1/client/sessions/", "the session gives a token"),
    (
        "worker",
        "POST",
        "/api/create-checkout",
        "with the token, the Worker creates a Checkout Session for the first tier",
    ),
    (
        "worker",
        "POST",
        "/api/create-checkout",
        "and for the other tiers, unless the first shows that the Worker is in the other mode",
    ),
    ("stripe", "GET", "/v1/checkout/sessions/", "the Sessions are read back and expired at the same time"),
    ("clerk", "POST", "/v1/sessions/", "finally, the canary is signed out"),
];

/// The chain, after checking that the run made every request of it.
pub fn longest(report: &Report) -> Vec<String> {
    let asked = |(provider, method, start, _): &ChainLink| {
        report.requests.iter().any(|request| {
            request.provider == *provider && request.method == *method && request.path.starts_with(start)
        })
    };
    let missing: Vec<&ChainLink> = CHAIN.iter().filter(|link| !asked(link)).collect();
    assert!(missing.is_empty(), "the run did not make {missing:?}");
    CHAIN.iter().map(|(provider, method, start, why)| format!("{provider}: {method} {start} ({why})")).collect()
}
