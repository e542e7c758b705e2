//! `worker/checkout`.

use crate::check::prelude::*;
use crate::config::{Mode, Source, Tier};
use crate::world::{Breakdown, CheckoutSession, FOREIGN_ORIGIN, HostRelation, NoSale, Price, Route, Sale, Seen};
use crate::world::{CustomerId, host_relation, is_development_host};

check! {
    /// The Worker sells every paid tier: in this mode, for this account, at the tier's price, to a user it can identify.
    ///
    /// ## Why it matters
    /// This is the button that customers press. The Worker's Stripe key and price IDs are secrets that cannot be read back,
    /// and a Worker that still has the test key sells, thanks its customers, and takes no money.
    ///
    /// ## How it is verified
    /// The Worker is asked to sell each paid tier to the canary, as the frontend asks it, and once more with a foreign
    /// `Origin`. The mode is in the Checkout Session's ID; then the session is read back with our key and compared with the
    /// tier's prices (any of them will do), the canary, what the entitlement source needs, and the frontend. Each session is
    /// expired at once; one of another mode or account cannot be expired with our key and expires by itself within a day.
    /// What only `subscription_data` carries cannot be read back, and the report says so. A canary that may have a
    /// subscription is never used, because the Worker would change that subscription: one with a `cus_…` or `sub_…` anywhere
    /// in its metadata, or with a Stripe customer under its e-mail address, unless Stripe shows no subscription for it.
    ///
    /// ## How to fix it
    /// Set the live key and the live price IDs on the Worker; pass the user's ID as `client_reference_id` and in the metadata
    /// of the session and of `subscription_data`; take the return URLs from the configuration and not from the request.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 Checkout Session for each paid tier and 1 with a foreign Origin, each expired at once",
        owns: [WorkerStripeKeyDiffers],
        subjects: deployment,
        run
    };
}

codes! {
    /// Instead of a Checkout Session, the Worker created or changed a subscription.
    CHANGED_SUBSCRIPTION: Failure,
    /// The Worker sells in the other mode.
    OTHER_MODE: Failure,
    /// It sells for another account or sandbox.
    OTHER_ACCOUNT: Failure,
    /// Stripe rejects the Worker's key for this request.
    KEY: Failure,
    /// The Worker has no price ID for the tier.
    PRICE_UNSET: Failure,
    /// It sells the tier at another price, or more than once.
    PRICE: Failure,
    /// Nothing in the session identifies the user.
    NO_USER: Failure,
    /// The tier is read from metadata, and the session's metadata does not name it.
    NO_TIER: Failure,
    /// Customers return to a development machine or to another site. A warning if it may be a sister site.
    RETURN_URL: Failure,
    /// Customers return to whatever `Origin` was sent.
    OPEN_REDIRECT: Warning,
    /// The session computes taxes, but Stripe Tax is not set up.
    TAX: Failure,
    /// The canary's customer does not exist for the Worker's key.
    CUSTOMER: Failure,
    /// The Worker created a customer for the canary, which stays.
    NEW_CUSTOMER: Warning,
    /// It creates no session, for a reason that the finding quotes.
    REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Checkout) {
        outcome.not_applicable(lacking);
        return Ok(());
    }
    let paid: Vec<&Tier> = world.config().tiers.iter().filter(|tier| !tier.prices.is_empty()).collect();
    if paid.is_empty() {
        outcome.not_applicable("no tier has a price");
        return Ok(());
    }
    let sales = worker.sales().await;
    sales.ready.clone()?;
    for tier in paid {
        let judged = match sales.of(tier) {
            Some(Ok(sale)) => sale_of(world, tier, sale, outcome).await,
            Some(Err(why)) => Err(why.clone()),
            None => Err(NoAnswer::unknown("the Worker was not asked again after its answer for another tier")),
        };
        outcome.ask(judged.map_err(|why| of_tier(tier, why)));
    }
    if let Some(sale) = &sales.foreign {
        let judged = match sale {
            Ok(sale) => foreign_order(world, sale, outcome),
            Err(why) => Err(why.clone()),
        };
        outcome.ask(judged.map_err(|why| of_part("the order with a foreign Origin", why)));
    }
    Ok(())
}

fn of_tier(tier: &Tier, why: NoAnswer) -> NoAnswer {
    of_part(&format!("tier {}", tier.name), why)
}

fn of_part(part: &str, why: NoAnswer) -> NoAnswer {
    match why {
        NoAnswer::Unknown(reason) => NoAnswer::Unknown(format!("{part}: {reason}")),
        why => why,
    }
}

/// Judges what the Worker made of one order.
async fn sale_of(world: &World, tier: &Tier, sale: &Sale, outcome: &mut Outcome) -> Answered {
    let (config, name) = (world.config(), &tier.name);
    let expires = |id: &str| format!("{id}: our key cannot expire it; it expires by itself within a day");
    match sale {
        Sale::Made(session) => return session_of(world, tier, session, outcome).await,
        Sale::Changed(subscription, answer) => outcome.find(changed(world, subscription.as_deref(), answer)),
        Sale::NoSession(answer) => Err(NoAnswer::Unknown(format!(
            "the Worker answered {} to {} without a Checkout Session: {}",
            answer.status,
            answer.request,
            answer.excerpt()
        )))?,
        Sale::OtherMode(id, answer) => {
            outcome.find(other_mode(world, answer.evidence("Checkout Session", expires(id))));
        }
        Sale::OtherAccount(id, refusal) => {
            let seen = format!("{}; {}", refusal.message, expires(id));
            outcome.find(other_account(world, true, Evidence { seen, ..refusal.evidence() }));
        }
        Sale::Refused(why, breakdown) => {
            let evidence = breakdown.evidence().clone();
            outcome.find(match why {
                NoSale::OtherMode => other_mode(world, evidence),
                NoSale::OtherAccount => other_account(world, false, evidence),
                NoSale::Key => {
                    let message = "Stripe rejects the Worker's key, so checkout fails for every customer.".to_owned();
                    failure(KEY, message, "a key that Stripe accepts", evidence, put_key(world))
                }
                NoSale::PriceUnset => {
                    let message = format!("The Worker has no price ID for tier {name}, so customers cannot buy it.");
                    failure(PRICE_UNSET, message, &price_ids(tier), evidence, put_price(world, tier))
                }
                NoSale::UnknownPrice(id) => {
                    worker_yields(world, tier).await?;
                    let mode = config.project.mode.word();
                    let message = format!(
                        "The Worker sells tier {name} at {id}, which does not exist in {mode} mode: checkout fails."
                    );
                    failure(PRICE, message, &price_ids(tier), evidence, put_price(world, tier))
                }
                NoSale::UnknownCustomer(id) => {
                    let message =
                        format!("The Worker checks out with customer {id}, which does not exist for its key.");
                    let key = &config.clerk.customer_key;
                    let fix = format!(
                        "Remove {key} from the public metadata of every user whose customer is from another mode."
                    );
                    failure(CUSTOMER, message, "a customer that exists", evidence, Fix::new(fix))
                }
                NoSale::Tax => tax(world, evidence).await?,
                NoSale::UnknownConfiguration(_) | NoSale::Unexplained => refused(tier, breakdown),
            });
        }
    }
    Ok(())
}

/// Judges a session that the Worker made for `tier`, part by part.
async fn session_of(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let of_tier = |why| of_tier(tier, why);
    let priced = price_of(world, tier, session, outcome).await;
    outcome.ask(priced.map_err(of_tier));
    if reads_sessions(world) {
        let (user, plan) = (user_of(world, tier, session, outcome), tier_of(world, tier, session, outcome));
        outcome.ask(user.map_err(of_tier));
        outcome.ask(plan.map_err(of_tier));
    }
    let returns = addresses_of(world, session, outcome);
    outcome.ask(returns.map_err(of_tier));
    let taxed = taxes_of(world, session, outcome).await;
    outcome.ask(taxed.map_err(of_tier));
    customer_of(world, session, outcome).await
}

async fn price_of(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let id = &session.value.id;
    let items = session.value.line_items.known(format_args!("line_items of {id}"))?;
    let items = items.data.known(format_args!("line_items.data of {id}"))?;
    let all = offers(world);
    for item in items {
        let price = item.price.known(format_args!("line_items.data.price of {id}"))?;
        for offer in all.iter().filter(|offer| offer.tier.name == tier.name) {
            let known = world.stripe().own_price(offer).await?.value;
            if !is_same(price, &known, offer)? {
                continue;
            }
            let quantity = item.quantity.nullable(format_args!("line_items.data.quantity of {id}"))?;
            match quantity.filter(|quantity| **quantity != 1) {
                None => outcome.pass(format!("tier {} is sold at {} ({id}{})", tier.name, price.id, unread(world))),
                Some(quantity) => {
                    let message = format!("The Worker sells tier {} {quantity} times in one checkout.", tier.name);
                    let evidence = session.answer.evidence("line_items.data.quantity", quantity.to_string());
                    outcome.find(failure(PRICE, message, "a quantity of 1", evidence, deploy("Set quantity to 1.")));
                }
            }
            return Ok(());
        }
    }
    let prices = || items.iter().filter_map(|item| item.price.value());
    let found: &Price = prices()
        .find(|price| price.recurring.value().is_some())
        .or_else(|| prices().next())
        .ok_or_else(|| NoAnswer::Unknown(format!("Stripe lists nothing that {id} sells")))?;
    worker_yields(world, tier).await?;
    let theirs = all.iter().find(|offer| offer.id() == found.id);
    let whose = theirs.map_or_else(String::new, |offer| format!(", the price of tier {}", offer.tier.name));
    let seen = format!("{} ({})", found.id, found.terms());
    let message = format!("The Worker sells tier {} at {seen}{whose}.", tier.name);
    let evidence = session.answer.evidence("line_items.data.price", seen);
    outcome.find(failure(PRICE, message, &price_ids(tier), evidence, put_price(world, tier)));
    Ok(())
}

/// Whether a price is the tier's, or was made for one sale of the same product on the same terms.
fn is_same(price: &Price, known: &Price, offer: &Offer<'_>) -> Answered<bool> {
    if price.id == known.id {
        return Ok(true);
    }
    let product =
        |price: &Price| price.product.known(format_args!("product of {}", price.id)).map(|one| one.id().to_owned());
    Ok(product(price)? == product(known)? && price.matches(offer)?)
}

/// What the Worker needs to identify the user in `checkout.session.completed`.
fn user_of(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let (config, sold) = (world.config(), &session.value);
    // The tier in the metadata identifies no user.
    let is_other = |(key, text): (&str, &str)| {
        key != config.entitlement.tier_key && text != tier.name && text != tier.metadata && !text.is_empty()
    };
    let named = sold.client_reference_id.text().is_some_and(|user| !user.is_empty());
    let customer = sold.customer.value().or_else(|| sold.customer_account.value());
    if named || customer.is_some() || sold.metadata.texts().any(is_other) {
        return Ok(());
    }
    // Absent is not empty.
    sold.client_reference_id.nullable(format_args!("client_reference_id of {}", sold.id))?;
    sold.customer.nullable(format_args!("customer of {}", sold.id))?;
    sold.metadata.get(&config.entitlement.user_key, format_args!("Checkout Session {}", sold.id))?;
    let message =
        "Nothing in a Checkout Session identifies the user: no client_reference_id, no metadata, no customer.";
    let key = &config.entitlement.user_key;
    let fix = deploy(&format!(
        "Pass the user's ID as client_reference_id, and as {key} in the metadata of the session and of subscription_data."
    ));
    let evidence = session.answer.evidence("client_reference_id, metadata, customer", "all empty");
    outcome.find(failure(NO_USER, message.to_owned(), "the canary's ID", evidence, fix));
    Ok(())
}

fn tier_of(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let entitlement = &world.config().entitlement;
    if entitlement.source != Source::SubscriptionMetadata {
        return Ok(());
    }
    let key = &entitlement.tier_key;
    let found = session.value.metadata.get(key, format_args!("Checkout Session {}", session.value.id))?;
    if found == Some(&tier.metadata) || found == Some(&tier.name) {
        return Ok(());
    }
    let found = found.map_or_else(|| "no such key".to_owned(), |found| format!("\"{found}\""));
    let message =
        format!("The session for tier {} has {found} as metadata.{key}: the tier cannot be granted.", tier.name);
    let fix = deploy(&format!("Pass {key} in the metadata of the session and of subscription_data."));
    let evidence = session.answer.evidence(format!("metadata.{key}"), found);
    outcome.find(failure(NO_TIER, message, &tier.metadata, evidence, fix));
    Ok(())
}

fn addresses_of(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let sold = &session.value;
    let mut astray: Vec<(Code, String, Vec<&str>, Vec<&str>)> = Vec::new();
    for (field, url) in sold.addresses() {
        let Some(url) = url.value() else { continue };
        let Some((code, whither)) = astray_at(world, url) else { continue };
        // One cause that shows in both URLs is one finding.
        match astray.iter_mut().find(|(other, same, ..)| *other == code && *same == whither) {
            Some((_, _, fields, urls)) => {
                fields.push(field);
                urls.push(url);
            }
            None => astray.push((code, whither, vec![field], vec![url])),
        }
    }
    let frontend = world.config().frontend.as_ref().map_or("the production frontend", |one| one.url.as_str());
    for (code, whither, fields, urls) in astray {
        let fields = fields.join(" and ");
        let message = format!("{fields} of the Worker's Checkout Sessions send customers to {whither}.");
        let fix = deploy(&format!("Set {fields} to {}/….", frontend.trim_end_matches('/')));
        let evidence = session.answer.evidence(fields, urls.join(", "));
        outcome.find(failure(code, message, frontend, evidence, fix));
    }
    let name = |field: &str| format!("{field} of {}", sold.id);
    if sold.return_url.value().is_none() {
        sold.success_url.known(name("success_url"))?;
        sold.cancel_url.nullable(name("cancel_url"))?;
    }
    Ok(())
}

/// Where an address leads that is not the frontend.
fn astray_at(world: &World, url: &str) -> Option<(Code, String)> {
    let parsed = url::Url::parse(url).ok();
    if parsed.as_ref().is_some_and(is_development_host) {
        return Some((RETURN_URL, format!("{}, a development address", origin_of(url))));
    }
    let Some(address) = parsed.filter(|address| address.scheme() == "https") else {
        return Some((RETURN_URL, format!("{}, which is not an HTTPS address", origin_of(url))));
    };
    let frontend = world.config().frontend.as_ref()?.url.host_str()?;
    match host_relation(address.host_str()?, frontend) {
        HostRelation::SameHost => None,
        HostRelation::SameSite => Some((RETURN_URL.as_warning(), format!("{}, not to {frontend}", origin_of(url)))),
        HostRelation::CrossSite => Some((RETURN_URL, format!("{}, another site than {frontend}", origin_of(url)))),
    }
}

fn origin_of(url: &str) -> String {
    let origin = url::Url::parse(url).map(|url| url.origin()).ok().filter(url::Origin::is_tuple);
    origin.map_or_else(|| url.to_owned(), |origin| origin.ascii_serialization())
}

async fn taxes_of(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let id = &session.value.id;
    let automatic = session.value.automatic_tax.known(format_args!("automatic_tax of {id}"))?;
    if *automatic.enabled.known(format_args!("automatic_tax.enabled of {id}"))?
        && !world.stripe().tax_settings().await?.value.is_active()?
    {
        outcome.find(tax(world, session.answer.evidence("automatic_tax.enabled", "true")).await?);
    }
    Ok(())
}

async fn customer_of(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let Some(customer) = session.value.customer.value() else { return Ok(()) };
    let ties = world.canary_ties().await?;
    let is_held = ties.held.iter().any(|held| held.id == *customer);
    if is_held || ties.customers?.iter().any(|known| known.id == *customer) {
        return Ok(());
    }
    let id = CustomerId::parse(customer).map_err(|malformed| malformed.in_answer(&session.answer))?;
    if world.stripe().is_new_customer(&id).await? {
        let message = format!("The Worker created the customer {customer} for the canary, and it stays at Stripe.");
        let key = &world.config().clerk.customer_key;
        let fix =
            Fix::new(format!("Set {key} to {customer} in the canary's public metadata, so that it is used again."))
                .link(world.stripe().dashboard(&format!("customers/{customer}")));
        let evidence = session.answer.evidence("customer", customer.clone());
        let found = failure(NEW_CUSTOMER, message, "no new customer", evidence, fix);
        outcome.find(found);
    }
    Ok(())
}

/// Judges what the Worker makes of an order with a foreign `Origin`.
fn foreign_order(world: &World, sale: &Sale, outcome: &mut Outcome) -> Answered {
    match sale {
        Sale::Changed(subscription, answer) => outcome.find(changed(world, subscription.as_deref(), answer)),
        Sale::Made(session) => {
            let urls = session.value.addresses();
            let mut urls = urls.iter().filter_map(|(field, url)| Some((*field, url.value()?))).peekable();
            if urls.peek().is_none() {
                Err(NoAnswer::Unknown(format!("{} names no return URL", session.value.id)))?;
            }
            let Some((field, url)) = urls.find(|(_, url)| url.starts_with(FOREIGN_ORIGIN)) else {
                outcome.pass("an order with a foreign Origin returns to the Worker's own frontend");
                return Ok(());
            };
            let message = "The Worker sends customers back to whatever Origin the request has: an open redirect.";
            let fix = deploy("Take the return URLs from the configuration, or from a list of allowed origins.");
            let evidence = session.answer.evidence(format!("{field} of {}", session.value.id), url.clone());
            let found = failure(OPEN_REDIRECT, message.to_owned(), "the frontend's address", evidence, fix);
            outcome.find(found);
        }
        Sale::Refused(_, breakdown) if breakdown.answer.as_ref().is_some_and(|answer| answer.status < 500) => {
            outcome.pass("an order with a foreign Origin is refused");
        }
        Sale::Refused(_, breakdown) => Err(NoAnswer::Unknown(breakdown.words()))?,
        Sale::NoSession(answer) => Err(NoAnswer::Unknown(format!("{} without a Checkout Session", answer.status)))?,
        Sale::OtherMode(id, _) | Sale::OtherAccount(id, _) => {
            Err(NoAnswer::Unknown(format!("{id} cannot be read back, unlike the session before")))?;
        }
    }
    Ok(())
}

/// Whether the Worker handles the event that carries a session. Otherwise it reads the subscription's metadata, which cannot
/// be read before there is a subscription.
fn reads_sessions(world: &World) -> bool {
    world.config().webhook.events.iter().any(|event| event == "checkout.session.completed")
}

/// What could not be read back.
fn unread(world: &World) -> &'static str {
    let from_subscription = world.config().entitlement.source == Source::SubscriptionMetadata;
    match (reads_sessions(world), from_subscription) {
        (false, _) => "; user and tier, which only subscription_data can carry here, could not be read back",
        (true, true) => "; what subscription_data carries could not be read back",
        (true, false) => "",
    }
}

/// A price variable that is readable on the script is the finding of `worker/bindings`.
async fn worker_yields(world: &World, tier: &Tier) -> Answered {
    let variables: Vec<&str> = tier.prices.iter().map(|price| price.price_id.name.as_str()).collect();
    world.worker().yields_to_bindings(&variables).await
}

fn changed(world: &World, subscription: Option<&str>, answer: &crate::world::Answer) -> Finding {
    let what = subscription.unwrap_or("a subscription");
    let message =
        format!("Asked to sell to the canary, the Worker created or changed {what} instead of a Checkout Session.");
    let fix = Fix::new(
        "Undo the change at Stripe: set the former price and void or refund the prorated invoice. Then use a \
                        canary without a subscription.",
    )
    .link(world.worker().subscription_page(subscription));
    failure(CHANGED_SUBSCRIPTION, message, "a Checkout Session", answer.evidence("answer", answer.excerpt()), fix)
}

fn other_mode(world: &World, evidence: Evidence) -> Finding {
    let message = match world.config().project.mode {
        Mode::Live => "The Worker sells with a test-mode or sandbox key: customers check out, but no money is taken.",
        Mode::Test => "The Worker sells with a live key, but this run is about test mode.",
    };
    failure(OTHER_MODE, message.to_owned(), &of_mode(world), evidence, put_key(world))
}

/// `has_session` is whether a session of this mode proves that the key is of this mode, too.
fn other_account(world: &World, has_session: bool, evidence: Evidence) -> Finding {
    let name = &world.config().stripe.secret_key.name;
    let message = match world.config().project.mode {
        Mode::Live if has_session => {
            format!("The Worker's Stripe key belongs to another account than {name}, and that account gets the money.")
        }
        Mode::Live => format!("The Worker's Stripe key belongs to another account than {name}, or to a sandbox."),
        Mode::Test => format!("The Worker's Stripe key belongs to another sandbox or account than {name}."),
    };
    failure(OTHER_ACCOUNT, message, &of_mode(world), evidence, put_key(world))
}

fn of_mode(world: &World) -> String {
    format!("a Checkout Session of this account in {} mode", world.config().project.mode.word())
}

async fn tax(world: &World, evidence: Evidence) -> Answered<Finding> {
    let missing = optional(world.stripe().tax_settings()).await.map(|seen| seen.value.missing_fields());
    let missing = missing.filter(|missing| !missing.is_empty());
    let missing = missing.map_or_else(String::new, |missing| format!(" (missing: {})", missing.join(", ")));
    let message =
        format!("The Worker's sessions compute taxes, but Stripe Tax is not set up{missing}: checkout fails.");
    let fix = Fix::new("Complete the Stripe Tax settings and registrations, or turn automatic_tax off.")
        .link(world.stripe().dashboard("settings/tax"));
    Ok(failure(TAX, message, "active tax settings", evidence, fix))
}

fn refused(tier: &Tier, breakdown: &Breakdown) -> Finding {
    let words = breakdown.words();
    let message = format!("The Worker does not sell tier {}: {}.", tier.name, words.trim_end_matches('.'));
    failure(REFUSED, message, "a Checkout Session", breakdown.evidence().clone(), breakdown.fix())
}

fn failure(code: Code, message: String, expected: &str, evidence: Evidence, fix: Fix) -> Finding {
    let (expected, actual) = (expected.to_owned(), evidence.seen.clone());
    Finding { code, message, expected, actual, evidence: vec![evidence], fix }
}

fn deploy(summary: &str) -> Fix {
    Fix::new(summary).command("wrangler deploy")
}

fn put_key(world: &World) -> Fix {
    let name = &world.config().stripe.secret_key.name;
    Fix::new(format!("Set {name} on the Worker to the key that was checked here.")).command(world.secret_put(name))
}

fn put_price(world: &World, tier: &Tier) -> Fix {
    let value = |price: &crate::config::TierPrice| {
        let id = price.price_id.value.as_deref().unwrap_or("the price ID of this tier");
        format!("{} on the Worker to {id}", price.price_id.name)
    };
    let values: Vec<String> = tier.prices.iter().map(value).collect();
    let fix = Fix::new(format!("Set {}.", values.join(", and ")));
    tier.prices.iter().fold(fix, |fix, price| fix.command(world.secret_put(&price.price_id.name)))
}

fn price_ids(tier: &Tier) -> String {
    let ids: Vec<&str> = tier.prices.iter().filter_map(|price| price.price_id.value.as_deref()).collect();
    ids.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::{Decision, Status};

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
    async fn nothing_is_sold_to_a_canary_that_may_have_a_subscription() {
        for name in
            ["canary-subscribed", "canary-customer-subscribed", "canary-misnamed-keys", "canary-known-by-address"]
        {
            let run = scenario(name).await;
            assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
            assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.told());
            assert!(run.reasons(CHECK).contains("subscription"), "{}", run.told());
            assert!(!run.effects().keys().any(|effect| effect.contains("subscription")), "{:?}", run.effects());
            assert_eq!(run.effect("stripe.checkout_session.created"), 0, "{:?}", run.effects());
        }
    }

    #[tokio::test]
    async fn the_key_that_holds_the_subscription_is_named() {
        let run = scenario("canary-misnamed-keys").await;
        assert!(run.reasons(CHECK).contains("public_metadata.subscriptionId"), "{}", run.told());
    }

    #[tokio::test]
    async fn a_warning_hides_no_tier_without_an_answer() {
        for name in ["origin-reflected-and-last-sale-429", "origin-reflected-and-session-500"] {
            let run = scenario(name).await;
            assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
            assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.told());
            assert!(run.reasons(CHECK).contains("tier enterprise"), "{}", run.told());
            assert_eq!(run.report().decision, Decision::NotProven, "{}", run.told());
        }
    }

    #[tokio::test]
    async fn a_price_id_that_the_worker_lacks_is_named_by_its_variable() {
        let run = scenario("origin-reflected-and-price-unset").await;
        let codes: Vec<&str> = run.line(CHECK).findings.iter().map(|reported| reported.finding.code.name()).collect();
        assert_eq!(codes, ["price-unset", "open-redirect"], "{}", run.told());
        assert!(run.fix(CHECK).summary.contains("STRIPE_PRICE_ID_ENTERPRISE"), "{}", run.told());
    }

    #[tokio::test]
    async fn a_subscription_that_was_changed_all_the_same_opens_the_report_and_ends_the_orders() {
        let run = scenario("checkout-changes-subscription").await;
        run.finds(CHECK, "changed-subscription");
        let changed = run.report().changed.clone().unwrap_or_default();
        assert!(changed.contains("dashboard.stripe.com/subscriptions/sub_1Rlivecme7LaunchCanary01"), "{changed}");
        assert_eq!(run.effect("stripe.subscription.updated"), 1, "{:?}", run.effects());
        assert_eq!(run.effect("stripe.checkout_session.created"), 0, "{:?}", run.effects());
    }

    #[tokio::test]
    async fn both_urls_of_one_wrong_frontend_are_one_finding() {
        let run = scenario("checkout-localhost").await;
        assert_eq!(run.line(CHECK).findings.len(), 1, "{}", run.told());
        assert!(run.message(CHECK).starts_with("success_url and cancel_url"), "{}", run.told());
    }

    #[tokio::test]
    async fn the_evidence_of_an_open_redirect_is_the_session_that_shows_it() {
        let run = scenario("checkout-open-redirect").await;
        let evidence = &run.finding(CHECK).evidence[0];
        assert!(evidence.seen.starts_with(crate::world::FOREIGN_ORIGIN), "{evidence:?}");
    }
}
