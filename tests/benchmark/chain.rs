//! The longest chain of requests each of which needs the answer of the one before: what bounds the time of a run from below.

use preflight::run::Report;

/// A link: to whom, how, where the path begins, and why it has to wait for the one before.
type Link = (&'static str, &'static str, &'static str, &'static str);

/// That no chain is longer is what the measured time shows: a longer one would take longer.
const CHAIN: [Link; 8] = [
    (
        "clerk",
        "GET",
        "/v1/jwks",
        "a ticket from one instance is worth nothing at another, so the keys are compared first",
    ),
    ("clerk", "POST", "/v1/sign_in_tokens", "the canary's ticket"),
    ("clerk-domain", "POST", "/v1/client/sign_ins", "the ticket becomes a session"),
    ("clerk-domain", "POST", "/v1/client/sessions/", "the session gives a token"),
    ("worker", "POST", "/api/create-checkout", "with the token the Worker makes a Checkout Session for the first tier"),
    ("worker", "POST", "/api/create-checkout", "and for the others, unless the first shows that it is of another mode"),
    ("stripe", "GET", "/v1/checkout/sessions/", "the Sessions are read back, and at the same time expired"),
    ("clerk", "POST", "/v1/sessions/", "when all is done the canary is signed out"),
];

/// The chain, as far as the run had it.
pub fn longest(report: &Report) -> Vec<String> {
    let asked = |(provider, method, start, _): &Link| {
        report.requests.iter().any(|request| {
            request.provider == *provider && request.method == *method && request.path.starts_with(start)
        })
    };
    let missing: Vec<&Link> = CHAIN.iter().filter(|link| !asked(link)).collect();
    assert!(missing.is_empty(), "the run did not make {missing:?}");
    CHAIN.iter().map(|(provider, method, start, why)| format!("{provider}: {method} {start} ({why})")).collect()
}
