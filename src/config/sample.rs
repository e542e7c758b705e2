//! Files and values for tests.

use std::io;
use std::path::Path;

use super::{Config, Options, Text, Values, load};

/// The whole file of a product on the reference stack.
pub(super) const MINIMAL: &str = r#"[project]
name = "acme"

[worker]
url = "https://pan-api.acme.workers.dev"

[tiers.free]
limit = 10

[tiers.pro]
price = "29.00"
limit = 50

[tiers.enterprise]
price = "99.00"
limit = "unlimited"
"#;

/// `pk_live_` and the base64 of `clerk.acme.com$`.
pub(super) const CLERK_PUBLISHABLE: &str = "pk_live_Y2xlcmsuYWNtZS5jb20k";

/// A current Stripe key.
pub(super) const STRIPE_SECRET: &str =
    "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";

/// A Clerk key.
pub(super) const CLERK_SECRET: &str = "sk_live_a8GkRqZ0m3X5V7b9N1cPdQeRfSgThUiVjWkXlYmZn0";

/// Values without problems.
pub(super) fn values() -> Vec<(&'static str, &'static str)> {
    vec![
        ("STRIPE_SECRET_KEY", STRIPE_SECRET),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_51PgafTB7WZ01zgkWr8Yp2QmZt4LkWv7RbNcYd3f"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_r8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPq"),
        ("STRIPE_PORTAL_CONFIG_ID", "bpc_1PgafTB7WZ01zgkWr8Yp2QmZ"),
        ("STRIPE_PRICE_ID_PRO", "price_1PgafTB7WZ01zgkWr8Yp2QmZ"),
        ("STRIPE_PRICE_ID_ENTERPRISE", "price_1PgafTB7WZ01zgkWt4LkWv7R"),
        ("CLERK_SECRET_KEY", CLERK_SECRET),
        ("CLERK_PUBLISHABLE_KEY", CLERK_PUBLISHABLE),
        ("PREFLIGHT_CANARY_USER", "user_2r8Yp2QmZt4LkWv7RbNcYd3fGh5"),
        ("CLOUDFLARE_ACCOUNT_ID", "0123456789abcdef0123456789abcdef"),
        ("CLOUDFLARE_API_TOKEN", "r8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPqStUvWxYz"),
    ]
}

/// The same, with some changed.
pub(super) fn values_with(changed: &[(&'static str, &'static str)]) -> Values {
    let all = values().into_iter().chain(changed.iter().copied());
    Values::of(&[], all.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap()
}

/// There are no other files.
pub(super) fn nothing(_: &Path) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}

/// The configuration of a file with good values.
pub(super) fn loaded(text: &str) -> Config {
    config_with(text, &[])
}

/// The configuration of a file with these values.
pub(super) fn config_with(text: &str, changed: &[(&'static str, &'static str)]) -> Config {
    let options = Options { read: &nothing, ..Options::default() };
    match load(&Text::new("preflight.toml", text), &values_with(changed), &options) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    }
}

/// What a user sees for an invalid file.
pub(super) fn refused(text: &str) -> String {
    let options = Options { read: &nothing, ..Options::default() };
    let problems = load(&Text::new("preflight.toml", text), &values_with(&[]), &options).unwrap_err();
    assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0), "{problems}");
    problems.render(false, 100)
}

/// The minimal file with one part replaced.
pub(super) fn minimal_with(was: &str, is: &str) -> String {
    assert!(MINIMAL.contains(was), "{was}");
    MINIMAL.replacen(was, is, 1)
}
