//! `preflight.toml`, the operator's values and the command line into a [`Config`].

use std::io;
use std::path::Path;

use toml::de::DeTable;

use super::build::Build;
use super::lines::Lines;
use super::problem::{Problems, both, why_unreadable};
use super::source::{Diagnostic, Diagnostics, Text};
use super::wrangler::Wrangler;
use super::{Config, Options, Values, raw, schema};

/// The Wrangler file of the reference stack.
const WRANGLER: &str = "api/wrangler.toml";

/// Makes a [`Config`] from the text of `preflight.toml`, the operator's values and the command line. Reads only the Wrangler
/// file, relative to the folder of `preflight.toml`.
///
/// # Errors
/// Every problem at once. If the text is not TOML, only that and the secrets in it: the rest would be a guess.
pub fn load(source: &Text, values: &Values, options: &Options<'_>) -> Result<Config, Problems> {
    let mut diagnostics = Diagnostics::new(source);
    let Some((file, lines)) = parse(&mut diagnostics) else { return diagnostics.finish(None) };
    let wrangler = wrangler(file.cloudflare.as_ref(), options, &mut diagnostics);
    let found = wrangler.as_ref().ok().cloned().flatten();
    let config = Build::new(&mut diagnostics, values, options).config(file, lines, found);
    both(diagnostics.finish(config), wrangler).map(|(config, _)| config)
}

/// The file as it is written, without what is wrong in it, and its lines. `None` if it is not TOML.
fn parse(diagnostics: &mut Diagnostics<'_>) -> Option<(raw::File, Lines)> {
    let (document, errors) = DeTable::parse_recoverable(&diagnostics.text.contents);
    if errors.is_empty() {
        let lines = Lines::of(document.get_ref(), &diagnostics.text.contents);
        return schema::read(&document, diagnostics).map(|file| (file, lines));
    }
    for error in errors {
        diagnostics.add(Diagnostic::at(error.span(), "this is not valid TOML").label(error.message()));
    }
    None
}

/// The Wrangler file, if one is named or is where the reference stack has it.
fn wrangler(
    cloudflare: Option<&raw::Cloudflare>,
    options: &Options<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<Option<Wrangler>, Problems> {
    let Some(cloudflare) = cloudflare else { return Ok(None) };
    let named = cloudflare.wrangler.as_ref();
    let folder = diagnostics.text.path.parent().unwrap_or(Path::new(""));
    let path = folder.join(named.map_or(WRANGLER, |named| &named.value.0));
    match (options.read)(&path) {
        Ok(contents) => Wrangler::of(&Text::new(path, contents)).map(Some),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("cannot read {}: {}", path.display(), why_unreadable(&error));
            let diagnostic = Diagnostic::at(named.and_then(|named| named.span.clone()), message);
            diagnostics.add(diagnostic.help("the path is relative to the folder of preflight.toml"));
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sample::{MINIMAL, STRIPE_SECRET, loaded, minimal_with, nothing, refused, values_with};
    use crate::config::{Interval, Limit, Mode, Options, Source, Text, load};

    const FULL: &str = r#"
[project]
name = "acme"
mode = "test"

[stripe]
secret_key = { env = "MY_STRIPE_KEY" }
publishable_key = "pk_live_51PgafTB7WZ01zgkWr8Yp2QmZt4LkWv7RbNcYd3f"
webhook_secret = { env = "STRIPE_WEBHOOK_SECRET" }
portal_configuration = "bpc_1PgafTB7WZ01zgkWr8Yp2QmZ"
test_secret_key = { env = "STRIPE_TEST_SECRET_KEY" }
account = "acct_1PgafTB7WZ01zgkW"
api_base = "https://api.stripe.com"

[webhook]
url = "https://api.acme.com/webhook/stripe"
hosts = ["api.acme.com", "pan-api.acme.workers.dev"]
events = ["checkout.session.completed"]
api_version = "2026-09-30.endive"
expect = { received = true, detail = { handled = false } }
max_response_ms = 2000

[entitlement]
source = "subscription-metadata"
key = "plan"
user_key = "user"
tier_key = "tier"
entitling_statuses = ["active", "past_due"]
comped = ["user_2staff"]

[clerk]
secret_key = { env = "CLERK_SECRET_KEY" }
publishable_key = { env = "CLERK_PUBLISHABLE_KEY" }
jwt_template = false
plan_claim = "tier"
metadata_key = "tier"
customer_key = "customer"
subscription_key = "subscription"
canary_user = "user_2canary"
api_base = "https://api.clerk.com/"
frontend_api = "https://clerk.acme.com"

[cloudflare]
account_id = "0123456789abcdef0123456789abcdef"
api_token = { env = "CLOUDFLARE_API_TOKEN" }
script = "acme-api"
secrets = ["A", "B"]
api_base = "https://api.cloudflare.com/client/v4/"

[worker]
url = "http://127.0.0.1:8787"
health = false
tiers = "/tiers"
usage = "/usage?v=2"
checkout = "/checkout"
portal = "/portal"

[frontend]
url = "https://app.acme.com/start"

[tiers.team]
limit = "unlimited"
metadata = "Team"
[[tiers.team.prices]]
price = "9.5"
price_id = { env = "TEAM_MONTHLY" }
[[tiers.team.prices]]
price = "2900"
currency = "JPY"
interval = "year"
interval_count = 2
price_id = "gold"

[tiers.basic]
limit = 0

[[probe]]
name = "docs are up"
url = "https://docs.acme.com"
method = "HEAD"
headers = { Accept = "application/json" }
expect = { status = 204, json = { "/status" = "ok", "/deep/0" = [1, { a = 2.5 }] }, max_ms = 2000 }

[[manual]]
id = "tax-registered"
title = "Tax registrations are in place"
signed_off_by = "ana"
on = 2026-11-20
expires = 2027-11-20

[[waive]]
check = "stripe/catalogue"
finding = "unmapped-product"
reason = "legacy plan, sold until March"
owner = "ana"
expires = 2027-03-01
"#;

    #[test]
    fn the_minimal_file_has_every_default() {
        let config = loaded(MINIMAL);
        assert_eq!((config.project.name.as_str(), config.project.mode), ("acme", Mode::Live));
        assert_eq!(config.webhook.url.as_str(), "https://pan-api.acme.workers.dev/webhook/stripe");
        assert_eq!(config.webhook.events.len(), 4);
        assert_eq!(config.webhook.max_response_ms, 1000);
        assert_eq!(config.entitlement.source, Source::ProductMetadata);
        assert_eq!(config.entitlement.entitling_statuses, ["active", "trialing"]);
        assert_eq!(config.clerk.jwt_template.as_deref(), Some("pan-api"));
        assert_eq!(config.clerk.frontend_api().unwrap().as_str(), "https://clerk.acme.com/");
        assert_eq!(config.worker.checkout.unwrap().path, "/api/create-checkout");
        assert!(config.cloudflare.is_none() && config.frontend.is_none());
    }

    #[test]
    fn the_tiers_keep_the_order_of_the_file() {
        let config = loaded(MINIMAL);
        let tiers: Vec<_> = config.tiers.iter().map(|tier| (tier.name.as_str(), tier.limit)).collect();
        let expected = [("free", Limit::Uses(10)), ("pro", Limit::Uses(50)), ("enterprise", Limit::Unlimited)];
        assert_eq!(tiers, expected.map(|(name, limit)| (name, Some(limit))));
    }

    #[test]
    fn a_tier_without_a_limit_has_none_to_compare() {
        let tier = loaded(&minimal_with("limit = 10", "")).tiers.remove(0);
        assert_eq!((tier.limit, tier.limit_instead_of(Limit::Uses(3))), (None, None));
    }

    #[test]
    fn a_paid_tier_has_one_monthly_price_in_dollars() {
        let config = loaded(MINIMAL);
        let price = &config.tiers[1].prices[0];
        assert_eq!(
            (price.money.to_string().as_str(), price.interval, price.interval_count),
            ("29.00 USD", Interval::Month, 1)
        );
        assert_eq!(price.price_id.name, "STRIPE_PRICE_ID_PRO");
        assert_eq!(config.tiers[1].metadata, "pro");
        assert!(config.tiers[0].prices.is_empty());
    }

    #[test]
    fn the_full_file_is_read() {
        let config = loaded(FULL);
        assert_eq!(config.project.mode, Mode::Test);
        assert_eq!(config.stripe.account.as_deref(), Some("acct_1PgafTB7WZ01zgkW"));
        assert_eq!(config.webhook.expect["detail"]["handled"], false);
        assert_eq!(config.clerk.jwt_template, None);
        assert_eq!(config.worker.health, None);
        assert_eq!(config.worker.usage.as_deref(), Some("/usage?v=2"));
        assert_eq!(config.cloudflare.unwrap().api_base.as_str(), "https://api.cloudflare.com/client/v4");
        assert_eq!(config.tiers[0].prices[1].money.to_string(), "2900 JPY");
        assert_eq!(config.probes[0].slug(), "docs-are-up");
        assert_eq!(config.probes[0].expect.json[0], ("/deep/0".to_owned(), serde_json::json!([1, { "a": 2.5 }])));
        assert_eq!(config.manual[0].on.unwrap().to_string(), "2026-11-20");
        assert_eq!((config.waivers[0].expires.to_string().as_str(), config.waivers[0].line), ("2027-03-01", 91));
    }

    #[test]
    fn the_mode_of_the_command_line_wins() {
        let options = Options { mode: Some(Mode::Test), read: &nothing, ..Options::default() };
        let config = load(&Text::new("preflight.toml", MINIMAL), &values_with(&[]), &options).unwrap();
        assert_eq!(config.project.mode, Mode::Test);
    }

    #[test]
    fn all_errors_are_shown_at_once_in_the_order_of_the_file() {
        let text = MINIMAL.replace("acme\"", "\"").replace("https:", "http:").replace("\"99.00\"", "99.00");
        let rendered = refused(&text.replace("limit = 10", "limt = 10"));
        let places: Vec<usize> = ["toml:2:", "toml:5:", "toml:8:", "toml:15:"]
            .iter()
            .map(|place| rendered.find(place).unwrap_or_else(|| panic!("{place} is not in\n{rendered}")))
            .collect();
        assert!(places.is_sorted(), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 4, "{rendered}");
    }

    #[test]
    fn a_broken_line_is_shown_with_its_place() {
        let rendered = refused(&minimal_with("limit = 10", "limit = = 10"));
        assert!(rendered.contains("this is not valid TOML") && rendered.contains("preflight.toml:8:9"), "{rendered}");
    }

    #[test]
    fn an_empty_file_lists_the_required_tables() {
        let rendered = refused("");
        for table in ["[project]", "[worker]", "[tiers]"] {
            assert!(rendered.contains(&format!("{table} is missing")), "{rendered}");
        }
    }

    #[test]
    fn no_secret_in_the_file_is_ever_shown() {
        let planted = "Pl4nt3dS3cr3tV4lu3AbCdEfGh";
        let places = [
            format!("[stripe]\nsecret_key = \"sk_live_{planted}\"\naccount = \"sk_live_{planted}\""),
            format!("[stripe]\nsecret_key = sk_live_{planted}"),
            format!("[stripe]\nsecret_key = {{ env = \"{planted}\" }}"),
            format!("[stripe]\nwebhook_secret = \"{planted}\""),
            format!("[stripe]\nsecret_key = \"rk_test_{planted}\" x = 1"),
            format!("# whsec_{planted}"),
            format!("whsec_{planted} = 1"),
            format!("[whsec_{planted}]"),
            format!("[cloudflare]\napi_token = \"{planted}\"\naccount_id = \"{planted}\""),
            format!("[cloudflare]\napi_token = {planted}"),
            format!("[cloudflare]\nscript = \"sk_live_{planted}\"\nenvironment = 5"),
            format!("[clerk]\nsecret_key = 'sk_test_{planted}'"),
            format!("[clerk]\nsecret_key = \"\"\"\nsk_test_{planted}\"\"\""),
            format!("[frontend]\nurl = \"https://me:{planted}@acme.com\""),
            format!("[[probe]]\nname = \"x\"\nurl = \"https://a.b\"\nheaders = {{ X-Api-Key = \"{planted}\" }}"),
            format!("[[probe]]\nname = \"sk_live_{planted}\"\nurl = \"https://a.b/sk_live_{planted}\""),
            format!("[[waive]]\ncheck = \"sk_live_{planted}\" # and sk_live_{planted}\nnonsense"),
        ];
        for place in places {
            let text = minimal_with("[tiers.free]", &format!("{place}\n[tiers.free]"));
            let options = Options { read: &nothing, ..Options::default() };
            let problems = load(&Text::new("preflight.toml", text), &values_with(&[]), &options).unwrap_err();
            let shown =
                format!("{problems:?}{problems}{}{:?}", problems.render(true, 60), problems.iter().collect::<Vec<_>>());
            assert!(!shown.contains("Pl4nt3d"), "{place}\n{problems}");
            assert!(shown.contains('…'), "{place}\n{problems}");
        }
    }

    #[test]
    fn the_caller_chooses_color() {
        let problems = load(&Text::new("preflight.toml", ""), &values_with(&[]), &Options::default()).unwrap_err();
        assert!(problems.render(true, 80).contains('\u{1b}'));
        assert!(!problems.render(false, 80).contains('\u{1b}'));
    }

    #[test]
    fn no_secret_is_in_what_debug_prints() {
        let config = loaded(MINIMAL);
        assert!(!format!("{config:?}").contains(STRIPE_SECRET));
        assert!(!format!("{config:?}").contains("r8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPq"));
    }
}
