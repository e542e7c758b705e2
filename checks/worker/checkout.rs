//! `worker/checkout`.

use crate::check::prelude::*;
use crate::config::Source;
use crate::world::{JudgedSale, Route, SaleSlip};

check! {
    /// The Worker sells every paid tier: in this mode, of this account, at its price, to somebody it can find again.
    ///
    /// ## Why it matters
    /// This is the button that customers press. The Worker's Stripe key and price IDs are secrets that nobody can read back,
    /// and a Worker that still has the test key sells, thanks its customers, and takes no money.
    ///
    /// ## How it is verified
    /// The Worker is asked to sell each paid tier to the canary, as the frontend asks it, and once more from an origin that
    /// is nobody's. The mode is in the session's name; then the session is read back with our key and compared with the
    /// tier's prices (of which it may have any), the canary, what the entitlement source needs, and the frontend. Each
    /// session is ended at once; one of another mode or account cannot be ended with our key and ends by itself within a day.
    /// What only `subscription_data` carries cannot be read back: a Worker that puts the user or the tier there alone is told
    /// so. Nobody is asked to sell to a canary that has a subscription, since the Worker would change that.
    ///
    /// ## Findings
    /// - `other-mode`: the Worker sells in the other mode.
    /// - `other-account`: it sells for another account.
    /// - `price`: it sells the tier at another price, or several at once.
    /// - `no-user`: nothing in the session leads back to the user.
    /// - `no-tier`: the tier is read from metadata, and the session's does not name it.
    /// - `return-url`: payers return to a developer's machine or to a stranger. A warning where it may be a sister site.
    /// - `open-redirect`: payers return to whatever `Origin` was sent; a warning.
    /// - `tax`: taxes are to be computed, and cannot be.
    /// - `key`: Stripe does not take the Worker's key for this.
    /// - `customer`: the canary's customer does not exist for the Worker's key.
    /// - `new-customer`: the Worker made a customer for the canary, who stays; a warning.
    /// - `refused`: it makes no session, for a reason that the finding quotes.
    ///
    /// ## How to mend it
    /// Set the live key and the live price IDs on the Worker; pass the user's ID as `client_reference_id` and in the metadata
    /// of the session and of `subscription_data`; take the return addresses from the configuration and not from the request.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 Checkout Session for each paid tier and 1 with a foreign Origin, each ended at once",
        owns: [WorkerStripeKeyDiffers],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Checkout) {
        return Ok(Verdict::NotApplicable(lacking));
    }
    let sales = worker.judged_sales().await;
    if sales.is_empty() {
        return Ok(Verdict::NotApplicable("no tier costs anything".to_owned()));
    }
    let (mut findings, mut sold, mut open) = (Vec::new(), Vec::new(), None);
    for sale in sales {
        match sale {
            Ok(sale) => {
                let found = sale.slips.iter().map(|slip| finding(world, &sale, slip));
                for finding in found {
                    // What is wrong with the Worker as a whole is said once, and not for every tier.
                    let is_said = |said: &Finding| said.code == finding.code && said.message == finding.message;
                    if !findings.iter().any(is_said) {
                        findings.push(finding);
                    }
                }
                sold.push(format!("{} ({})", sale.tier.name, sale.evidence.seen));
            }
            Err(why) => open = open.or(Some(why)),
        }
    }
    match open {
        Some(why) if findings.is_empty() => Err(why),
        _ => Ok(Verdict::of(findings, format!("sold to the canary: {}{}", sold.join(", "), unread(world)))),
    }
}

/// What could not be read back.
fn unread(world: &World) -> &'static str {
    let from_subscription = world.config().entitlement.source == Source::SubscriptionMetadata;
    match (world.worker().reads_sessions(), from_subscription) {
        (false, _) => "; user and tier, which only subscription_data can carry here, could not be read back",
        (true, true) => "; what subscription_data carries could not be read back",
        (true, false) => "",
    }
}

fn finding(world: &World, sale: &JudgedSale<'_>, slip: &SaleSlip) -> Finding {
    let mode = world.config().project.mode.word();
    let (code, severity, message) = told(mode, world, sale, slip);
    Finding {
        code,
        severity,
        message,
        expected: format!("a session for tier {}, of {mode} mode and this account, ready to be paid", sale.tier.name),
        actual: sale.evidence.seen.clone(),
        evidence: vec![sale.evidence.clone()],
        fix: mend(world, sale, slip),
    }
}

fn told(mode: &str, world: &World, sale: &JudgedSale<'_>, slip: &SaleSlip) -> (&'static str, Severity, String) {
    let tier = &sale.tier.name;
    let (code, message) = match slip {
        SaleSlip::OtherMode => {
            ("other-mode", format!("The Worker's Stripe key is not of {mode} mode: it sells in the other one."))
        }
        SaleSlip::OtherAccount => {
            ("other-account", "The Worker's Stripe key is of another account, which gets the money.".to_owned())
        }
        SaleSlip::Key => ("key", "Stripe does not take the Worker's key for a sale.".to_owned()),
        SaleSlip::UnknownPrice(id) => {
            ("price", format!("The Worker sells tier {tier} at {id}, which does not exist in {mode} mode."))
        }
        SaleSlip::Price { found, tier: other } => {
            let whose = other.as_ref().map_or_else(String::new, |other| format!(", which is tier {other}'s"));
            ("price", format!("The Worker sells tier {tier} at {found}{whose}."))
        }
        SaleSlip::Quantity(quantity) => ("price", format!("The Worker sells tier {tier} {quantity} times at once.")),
        SaleSlip::UnknownCustomer(id) => {
            ("customer", format!("The canary's metadata names the customer {id}, who does not exist in {mode} mode."))
        }
        SaleSlip::Refused(words) => {
            ("refused", format!("The Worker does not sell tier {tier}: {}.", words.trim_end_matches('.')))
        }
        SaleSlip::NoUser => {
            let where_looked = "neither client_reference_id nor metadata nor a customer";
            ("no-user", format!("Nothing that can be read in a session leads back to the user: {where_looked}."))
        }
        SaleSlip::NoTier(other) => {
            let key = &world.config().entitlement.tier_key;
            let what = other.as_ref().map_or_else(|| "nothing".to_owned(), |other| format!("\"{other}\""));
            ("no-tier", format!("The tier is read from metadata, and the session for tier {tier} has {what} as {key}."))
        }
        SaleSlip::Return { field, url, .. } => {
            ("return-url", format!("The {field} of the Worker's sessions is {url}."))
        }
        SaleSlip::OpenRedirect => {
            ("open-redirect", "The Worker lets payers return to whatever Origin the request has.".to_owned())
        }
        SaleSlip::Tax(missing) => {
            let missing =
                if missing.is_empty() { String::new() } else { format!(" (missing: {})", missing.join(", ")) };
            ("tax", format!("The Worker wants taxes to be computed, and Stripe Tax is not set up{missing}."))
        }
        SaleSlip::NewCustomer(id) => ("new-customer", format!("The Worker made the customer {id}, who stays.")),
    };
    let warns = matches!(
        slip,
        SaleSlip::OpenRedirect | SaleSlip::NewCustomer(_) | SaleSlip::Return { perhaps_meant: true, .. }
    );
    (code, if warns { Severity::Warning } else { Severity::Failure }, message)
}

fn mend(world: &World, sale: &JudgedSale<'_>, slip: &SaleSlip) -> Fix {
    let config = world.config();
    let (user_key, tier_key) = (&config.entitlement.user_key, &config.entitlement.tier_key);
    let customer_key = &config.clerk.customer_key;
    let put = |name: &str| {
        Fix::new(format!("Set {name} on the Worker to the value that was checked here."))
            .command(world.secret_put(name))
    };
    let deploy = |summary: String| Fix::new(summary).command("wrangler deploy");
    match slip {
        SaleSlip::OtherMode | SaleSlip::OtherAccount | SaleSlip::Key => put(&config.stripe.secret_key.name),
        SaleSlip::UnknownPrice(_) | SaleSlip::Price { .. } => {
            put(sale.tier.prices.first().map_or("", |price| price.price_id.name.as_str()))
        }
        SaleSlip::Quantity(_) => deploy("Sell a quantity of 1.".to_owned()),
        SaleSlip::UnknownCustomer(_) => {
            Fix::new(format!("Remove {customer_key} from the public metadata of whoever has one of another mode."))
        }
        SaleSlip::Refused(_) => Fix::new("See what the Worker's log says of the request.").command("wrangler tail"),
        SaleSlip::NoUser => deploy(format!(
            "Pass the user's ID as client_reference_id, and as {user_key} in the metadata of the session and of \
             subscription_data."
        )),
        SaleSlip::NoTier(_) => {
            deploy(format!("Pass {tier_key} in the metadata of the session and of subscription_data."))
        }
        SaleSlip::Return { .. } => {
            let frontend = config.frontend.as_ref().map_or("the production frontend", |one| one.url.as_str());
            deploy(format!("Let payers return to {frontend}."))
        }
        SaleSlip::OpenRedirect => {
            deploy("Take the return addresses from the configuration, or from a list of allowed origins.".to_owned())
        }
        SaleSlip::Tax(_) => Fix::new("Enter what is missing, and the registrations; or turn automatic_tax off.")
            .link(world.stripe().dashboard("settings/tax")),
        SaleSlip::NewCustomer(id) => Fix::new(format!("Keep {id} as {customer_key} in the canary's public metadata."))
            .link(world.stripe().dashboard(&format!("customers/{id}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::Status;

    #[tokio::test]
    async fn finds_what_is_wrong_with_what_the_worker_sells() {
        for (name, code) in [
            ("checkout-test-key", "other-mode"),
            ("checkout-other-account", "other-account"),
            ("checkout-wrong-price", "price"),
            ("checkout-localhost", "return-url"),
            ("checkout-returns-elsewhere", "return-url"),
            ("checkout-no-user", "no-user"),
            ("checkout-no-tier", "no-tier"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn finds_what_the_worker_passes_on_of_stripes_refusal() {
        for (name, code) in
            [("checkout-key-revoked", "key"), ("checkout-price-test-mode", "price"), ("checkout-tax", "tax")]
        {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn warns_of_what_may_be_meant_so() {
        scenario("checkout-open-redirect").await.warns(CHECK, "open-redirect");
        scenario("checkout-returns-to-sister").await.warns(CHECK, "return-url");
    }

    #[tokio::test]
    async fn taxes_that_can_be_computed_are_no_trouble() {
        scenario("healthy-taxes").await.passes(CHECK);
    }

    #[tokio::test]
    async fn a_price_that_can_be_read_on_the_script_is_another_checks_finding() {
        let run = scenario("checkout-price-readable").await;
        run.finds(crate::checks::worker::bindings::CHECK, "differs");
    }

    #[tokio::test]
    async fn a_worker_of_the_other_mode_is_asked_once() {
        let run = scenario("checkout-test-key").await;
        assert_eq!(run.effect("stripe.checkout_session.created"), 1, "{:?}", run.effects());
    }

    #[tokio::test]
    async fn every_session_is_ended() {
        for name in ["healthy", "healthy-yearly-and-monthly", "checkout-wrong-price", "checkout-no-user"] {
            let run = scenario(name).await;
            let made = run.effect("stripe.checkout_session.created");
            assert_eq!((made, run.effect("stripe.checkout_session.expired")), (3, 3), "{name}: {:?}", run.effects());
        }
    }

    #[tokio::test]
    async fn nobody_is_asked_to_sell_to_a_canary_that_has_a_subscription() {
        for name in ["canary-subscribed", "canary-customer-subscribed"] {
            let run = scenario(name).await;
            assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
            assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.told());
            assert!(run.reasons(CHECK).contains("subscription"), "{}", run.told());
            assert!(!run.effects().keys().any(|effect| effect.contains("subscription")), "{:?}", run.effects());
            assert_eq!(run.effect("stripe.checkout_session.created"), 0, "{:?}", run.effects());
        }
    }

    #[tokio::test]
    async fn a_customer_that_the_worker_makes_on_the_way_is_reported() {
        scenario("checkout-makes-customers").await.warns(CHECK, "new-customer");
    }
}
