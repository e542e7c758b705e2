//! `worker/checkout`.

mod buyer;
mod charges;
mod invalid;
mod origin;
mod refusal;
mod seller;
mod session;

use super::fixes;
use crate::check::prelude::*;
use crate::config::{Mode, Tier, TierPrice};
use crate::world::{Answer, CheckoutAnswer, Route, Symptom};

check! {
    /// The Worker creates a Checkout Session for every paid tier, in this mode and account, at the tier's price.
    ///
    /// ## Why it matters
    /// This is the button that customers press. The Worker's Stripe key and price IDs are secrets that cannot be read back.
    /// With the test key still in place, checkout works, customers see a success page, and no money is taken.
    ///
    /// ## How it is verified
    /// The Worker is asked for a Checkout Session for each paid tier, as the frontend asks for the canary, and once more with
    /// a foreign `Origin`, for an unknown tier and with broken JSON. The session's ID shows its mode. Then the session is read
    /// back with your key and compared with the tier's prices (any of them will do), the canary, what the entitlement source
    /// needs, and the frontend. What else it charges is a finding, too, and so is a discount that customers did not enter.
    /// Each session is expired at once. A session in another mode or account cannot be expired with your key; it expires by
    /// itself within a day. What only `subscription_data` carries cannot be read back, and the report says so. A trial is not
    /// seen. If the request has the price ID (`worker.checkout`), the one that your frontend sends is not seen. A canary that
    /// may have a subscription is never used, because the Worker would change that subscription: one with a `cus_…` or
    /// `sub_…` anywhere in its metadata, or with a Stripe customer under its email address, unless Stripe shows no
    /// subscription for it. For some new accounts, Stripe turns on Managed Payments in live mode: it sells in your place, as
    /// Link, adds tax to the price and keeps 3.5 % more. Set `stripe.managed_payments = true` if that is what you want.
    ///
    /// ## How to fix it
    /// Set the live key and the live price IDs on the Worker. Pass the user's ID as `client_reference_id` and in the metadata
    /// of both the session and `subscription_data`. Take the return URLs from the configuration, not from the request. Pass
    /// `managed_payments: { enabled: false }` if you want to be the seller.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 Checkout Session for each paid tier and 1 with a foreign Origin, each expired at once, and 2 requests that must be \
                rejected",
        owns: [WorkerStripeKeyDiffers],
        subjects: deployment,
        run
    };
}

codes! {
    /// Instead of a Checkout Session, the Worker created or changed a subscription.
    CHANGED_SUBSCRIPTION: Failure(Money),
    /// The session is in the other mode.
    OTHER_MODE: Failure(Money),
    /// The session is in another account or sandbox.
    OTHER_ACCOUNT: Failure(Money),
    /// Stripe rejects the Worker's key for this request.
    KEY: Failure(Money),
    /// The Worker has no price ID for the tier.
    PRICE_UNSET: Failure(Money),
    /// The session has another price, or a quantity other than 1.
    PRICE: Failure(Money),
    /// The session also charges for something else. A warning if that is charged only once, or by use.
    EXTRA_ITEM: Failure(Money),
    /// Every customer gets a discount that leaves nothing to pay. A warning if it leaves something.
    DISCOUNT: Failure(Money),
    /// The session is not at `session` of `worker.checkout`, where the frontend reads it.
    MISPLACED: Failure(Money),
    /// Nothing in the session identifies the user.
    NO_USER: Failure,
    /// The session, or its customer, belongs to another user than the one who asked. A warning if only the email address does.
    OTHER_USER: Failure(Money),
    /// The session's metadata names the user, or the organization, under another key than `entitlement.user_key`.
    OTHER_KEY: Warning,
    /// The tier is read from metadata, but the session's metadata does not name it.
    NO_TIER: Failure,
    /// The session's metadata names another tier. A warning if the tier is read elsewhere.
    OTHER_TIER: Failure(Money),
    /// Customers return to a development machine or to another site. A warning if it may be a sister site.
    RETURN_URL: Failure,
    /// Customers return to any `Origin` that the request names.
    OPEN_REDIRECT: Warning(Exposure),
    /// A payment method takes days, but the endpoint does not select the events that say whether it was paid.
    DELAYED: Warning(Money),
    /// The session computes taxes, but Stripe Tax is not set up.
    TAX: Failure(Money),
    /// Stripe is the seller (Managed Payments), which adds tax to the price or rejects the session. Or it is not, against
    /// `stripe.managed_payments`.
    MANAGED_PAYMENTS: Failure(Money),
    /// The canary's customer does not exist for the Worker's key.
    CUSTOMER: Failure(Money),
    /// The Worker created a customer for the canary, which stays.
    NEW_CUSTOMER: Warning,
    /// A request for an unknown tier or with broken JSON is not rejected with 4xx, or shows Stripe's error.
    INVALID_REQUEST: Warning,
    /// The Worker creates no session, for a reason that the finding quotes.
    REFUSED: Failure(Money),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Checkout) {
        return outcome.not_applicable(lacking);
    }
    let paid: Vec<&Tier> = world.config().paid_tiers().collect();
    if paid.is_empty() {
        return outcome.not_applicable("no tier has a price");
    }
    let checkouts = worker.checkouts().await;
    checkouts.ready.clone()?;
    let is_for_all = refusal::is_for_all(&paid, checkouts);
    for tier in paid {
        let judged = match checkouts.of(tier) {
            Some(Ok(answer)) => judge(world, tier, answer, is_for_all, outcome).await,
            Some(Err(why)) => Err(why.clone()),
            None => Err(NoAnswer::unknown("the Worker was not asked again after its answer for another tier")),
        };
        outcome.ask(judged.map_err(|why| of_tier(tier, why)));
    }
    if let Some(answer) = &checkouts.foreign_origin {
        let judged = match answer {
            Ok(answer) => origin::judge(world, answer, outcome),
            Err(why) => Err(why.clone()),
        };
        outcome.ask(judged.map_err(|why| of_part("the request with a foreign Origin", why)));
    }
    invalid::judge(world, checkouts, outcome);
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

async fn judge(
    world: &World,
    tier: &Tier,
    answer: &CheckoutAnswer,
    is_for_all: bool,
    outcome: &mut Outcome,
) -> Answered {
    let expires = |id: &str| format!("{id}: your key cannot expire it; it expires by itself within a day");
    let finding = match answer {
        CheckoutAnswer::Session { session, misplaced } => {
            if let Some(answer) = misplaced {
                outcome.find(session::misplaced(world, answer));
            }
            return session::judge(world, tier, session, outcome).await;
        }
        CheckoutAnswer::Refused(problem, failure) => refusal::judge(world, tier, is_for_all, problem, failure).await?,
        CheckoutAnswer::ChangedSubscription(subscription, answer) => changed(world, subscription.as_deref(), answer),
        CheckoutAnswer::NoSession(answer) => Err(NoAnswer::Unknown(format!(
            "the Worker answered {} to {} without a Checkout Session: {}",
            answer.status,
            answer.request,
            answer.excerpt()
        )))?,
        CheckoutAnswer::OtherMode(id, answer) => other_mode(world, answer.evidence("Checkout Session", expires(id))),
        CheckoutAnswer::OtherAccount(id, refusal) => {
            let seen = format!("{}; {}", refusal.message, expires(id));
            other_account(world, true, Evidence { seen, ..refusal.evidence() })
        }
    };
    outcome.find(finding);
    Ok(())
}

/// A wrong price ID in a variable that can be read on the script is the finding of `worker/bindings`.
async fn blame_price_variable(world: &World, tier: &Tier) -> Answered {
    let variables: Vec<&str> = tier.prices.iter().map(|price| price.price_id.name.as_str()).collect();
    world.worker().blame(Symptom::OtherValue(&variables)).await
}

fn changed(world: &World, subscription: Option<&str>, answer: &Answer) -> Finding {
    let what = subscription.unwrap_or("a subscription");
    let message = format!("Asked for a Checkout Session for the canary, the Worker created or changed {what} instead.");
    let fix = Fix::new(
        "Undo the change at Stripe: set the former price, and void or refund the prorated invoice. Then use a canary without a \
         subscription.",
    )
    .link(world.subscription_page(subscription));
    finding(CHANGED_SUBSCRIPTION, message, "a Checkout Session", answer.evidence("answer", answer.excerpt()), fix)
}

fn other_mode(world: &World, evidence: Evidence) -> Finding {
    let message = match world.config().project.mode {
        Mode::Live => "The Worker uses a test-mode or sandbox Stripe key: customers check out, but no money is taken.",
        Mode::Test => "The Worker uses a live Stripe key, but this run is about test mode.",
    };
    finding(OTHER_MODE, message.to_owned(), &session_of_account(world), evidence, fixes::stripe_key(world))
}

/// `has_session` is whether a session in this mode proves that the key is for this mode.
fn other_account(world: &World, has_session: bool, evidence: Evidence) -> Finding {
    let name = &world.config().stripe.secret_key.name;
    let message = match world.config().project.mode {
        Mode::Live if has_session => {
            format!("The Worker's Stripe key belongs to another account than {name}, and that account gets the money.")
        }
        Mode::Live => format!("The Worker's Stripe key belongs to another account than {name}, or to a sandbox."),
        Mode::Test => format!("The Worker's Stripe key belongs to another sandbox or account than {name}."),
    };
    finding(OTHER_ACCOUNT, message, &session_of_account(world), evidence, fixes::stripe_account(world))
}

fn session_of_account(world: &World) -> String {
    format!("a Checkout Session in this account, in {} mode", world.config().project.mode.word())
}

fn finding(code: Code, message: String, expected: &str, evidence: Evidence, fix: Fix) -> Finding {
    let (expected, actual) = (expected.to_owned(), evidence.seen.clone());
    Finding { code, message, expected, actual, evidence: vec![evidence], fix }
}

fn put_price(world: &World, tier: &Tier) -> Fix {
    let value = |price: &TierPrice| {
        let id = price.price_id.value.as_deref().unwrap_or("the price ID of this tier");
        format!("{} on the Worker to {id}", price.price_id.name)
    };
    let values: Vec<String> = tier.prices.iter().map(value).collect();
    let fix = Fix::new(format!("Set {}.", values.join(", and ")));
    tier.prices.iter().fold(fix, |fix, price| fix.then(world.local_secret(&price.price_id.name)))
}

fn price_ids(tier: &Tier) -> String {
    let ids: Vec<&str> = tier.prices.iter().filter_map(|price| price.price_id.value.as_deref()).collect();
    ids.join(" or ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::{Decision, Interruption, Selection, Status, run};
    use crate::sandbox::{self, Sandbox};
    use crate::world::{self, World};

    #[tokio::test]
    async fn a_worker_with_a_key_of_the_other_mode_is_asked_once() {
        let run = scenario("checkout-test-key").await;
        assert_eq!(run.effect("stripe.checkout_session.created"), 1, "{:?}", run.effects());
    }

    #[tokio::test]
    async fn every_session_is_expired() {
        for name in ["healthy", "healthy-yearly-and-monthly", "checkout-wrong-price", "checkout-no-user"] {
            let run = scenario(name).await;
            let made = run.effect("stripe.checkout_session.created");
            assert_eq!((made, run.effect("stripe.checkout_session.expired")), (3, 3), "{name}: {:?}", run.effects());
        }
    }

    #[tokio::test]
    async fn a_canary_that_may_have_a_subscription_is_never_used() {
        for name in
            ["canary-subscribed", "canary-customer-subscribed", "canary-misnamed-keys", "canary-known-by-address"]
        {
            let run = scenario(name).await;
            assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.summary());
            assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.summary());
            assert!(run.reasons(CHECK).contains("subscription"), "{}", run.summary());
            assert!(!run.effects().keys().any(|effect| effect.contains("subscription")), "{:?}", run.effects());
            assert_eq!(run.effect("stripe.checkout_session.created"), 0, "{:?}", run.effects());
        }
    }

    #[tokio::test]
    async fn the_key_that_holds_the_subscription_is_named() {
        let run = scenario("canary-misnamed-keys").await;
        assert!(run.reasons(CHECK).contains("public_metadata.subscriptionId"), "{}", run.summary());
    }

    #[tokio::test]
    async fn a_tier_without_an_answer_stays_unknown_beside_a_warning() {
        for name in ["origin-reflected-and-last-sale-429", "origin-reflected-and-session-500"] {
            let run = scenario(name).await;
            assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.summary());
            assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.summary());
            assert!(run.reasons(CHECK).contains("tier enterprise"), "{}", run.summary());
            assert_eq!(run.report().decision, Decision::NotProven, "{}", run.summary());
        }
    }

    #[tokio::test]
    async fn an_unset_price_id_is_named_by_its_variable() {
        let run = scenario("origin-reflected-and-price-unset").await;
        let codes: Vec<&str> = run.line(CHECK).findings.iter().map(|reported| reported.finding.code.name()).collect();
        assert_eq!(codes, ["price-unset", "open-redirect"], "{}", run.summary());
        assert!(run.fix(CHECK).summary.contains("STRIPE_PRICE_ID_ENTERPRISE"), "{}", run.summary());
    }

    #[tokio::test]
    async fn a_changed_subscription_opens_the_report_and_no_other_tier_is_asked_for() {
        let run = scenario("checkout-changes-subscription").await;
        run.finds(CHECK, "changed-subscription");
        let changed = run.report().changed.clone().unwrap_or_default();
        assert!(changed.contains("dashboard.stripe.com/subscriptions/sub_1Rlivecme7LaunchCanary01"), "{changed}");
        assert_eq!(run.effect("stripe.subscription.updated"), 1, "{:?}", run.effects());
        assert_eq!(run.effect("stripe.checkout_session.created"), 0, "{:?}", run.effects());
    }

    #[tokio::test]
    async fn both_urls_to_one_wrong_site_are_one_finding() {
        let run = scenario("checkout-localhost").await;
        assert_eq!(run.line(CHECK).findings.len(), 1, "{}", run.summary());
        assert!(run.message(CHECK).starts_with("success_url and cancel_url"), "{}", run.summary());
    }

    #[tokio::test]
    async fn the_evidence_of_an_open_redirect_is_the_session_that_shows_it() {
        let run = scenario("checkout-open-redirect").await;
        let evidence = &run.finding(CHECK).evidence[0];
        assert!(evidence.seen.starts_with(crate::world::FOREIGN_ORIGIN), "{evidence:?}");
    }

    #[tokio::test]
    async fn an_interrupted_run_leaves_no_session_open() {
        // A session is counted before the Worker answers, so each interruption comes in the middle of a request.
        for reached in 1..=3 {
            let options = sandbox::Options { latency: Duration::from_millis(100), ..sandbox::Options::default() };
            let sandbox = Sandbox::start(&["healthy"], options).await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            let journal = folder.path().join("journal.jsonl");
            let options = sandbox.options(world::Options { journal: journal.clone(), ..world::Options::default() });
            let world = World::new(sandbox.config(None).unwrap(), options).unwrap();
            let count = |effect: &str| sandbox.effects().get(effect).copied().unwrap_or_default();
            let stop = async {
                while count("stripe.checkout_session.created") < reached {
                    tokio::task::yield_now().await;
                }
                Interruption::Interrupt
            };
            let only = Selection::new(&[CHECK], &["worker/checkout".to_owned()], &[]).unwrap();
            let report = run(&world, &only, None, stop).await;
            let made = count("stripe.checkout_session.created");
            assert_eq!(count("stripe.checkout_session.expired"), made, "{reached}: {:?}", sandbox.effects());
            assert_eq!(report.left_open, None);
            let journal = std::fs::read_to_string(journal).unwrap();
            for step in ["worker.checkout_session.create", "stripe.checkout_session.expire"] {
                assert!(journal.matches(step).count() >= usize::try_from(made).unwrap(), "{step}: {journal}");
            }
        }
    }
}
