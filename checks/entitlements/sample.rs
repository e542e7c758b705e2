//! `entitlements/sample`.

use super::catalog::{Catalog, PaysFor};
use super::judgement::Comparison;
use super::sampled::{Sample, SampledHolder, UnknownId, Unmatched};
use super::wording::{self, Wording};
use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::Subscription;

check! {
    /// Customers who pay have their tier, and users with a tier pay for it.
    ///
    /// ## Why it matters
    /// This is what everything else is for. A customer who pays and gets nothing disputes the charge. A customer who keeps the
    /// tier after the subscription ends uses it for free, for years. No dashboard shows either.
    ///
    /// ## How it is verified
    /// The newest 100 subscriptions are matched to their users by the user ID in their metadata (`entitlement.user_key`), or by
    /// the ID of the customer or the subscription in the user's public metadata. A paid one must have that user ID, unless the
    /// Worker finds the user by the customer (`entitlement.user_from`). Users who hold the same customer may be a team, so that is
    /// only a warning. The newest 500 users with a tier are matched
    /// to their subscriptions, and up to 40 users whose IDs are not in the sample are looked up at Stripe. The tier that is paid
    /// for comes from the configured price ID and from what the Worker reads. The canary and `entitlement.comped` are left
    /// out, and so are changes in the last ten minutes, which may still be on their way. If the canary is not configured, a
    /// user with a tier and no subscription may be the canary, and stays unknown. `preflight reconcile` compares everyone.
    /// Where organizations have the plans (`entitlement.holder`), all of this is about organizations.
    ///
    /// ## How to fix it
    /// Correct the public metadata of the user, or of the organization, in the Clerk Dashboard or resend the missed event, and find out on the endpoint's page
    /// in Stripe why it was missed. Add users who have a tier for free, such as staff, to `entitlement.comped`.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// A user or an organization pays for a tier and does not have one.
    PAID_BUT_FREE: Failure,
    /// A user or an organization has a tier and does not pay for it.
    FREE_BUT_ENTITLED: Failure(Money),
    /// A user or an organization has another tier than the one paid for.
    WRONG_TIER: Failure,
    /// A subscription belongs to a user or an organization that does not exist.
    GHOST_USER: Failure,
    /// The Worker cannot tell whose a paid subscription is, or for which tier, so canceling never takes the tier away.
    UNMAPPABLE: Failure(Money),
    /// A customer has several active subscriptions to configured prices.
    CHARGED_TWICE: Failure(Money),
    /// Clerk has the ID of a customer that does not exist in this mode.
    NO_SUCH_CUSTOMER: Failure,
    /// Clerk has the ID of a subscription that does not exist in this mode.
    NO_SUCH_SUBSCRIPTION: Failure,
    /// A user or an organization has the tier of a subscription whose last payment failed, and which Stripe still tries to collect.
    PAST_DUE_ENTITLED: Warning(Money),
    /// A user or an organization pays for a price that does not belong to any tier.
    NO_TIER: Warning(Service),
    /// A user or an organization has the customer or the subscription of another one, and can manage it in the portal.
    SHARED: Warning(Exposure),
}

/// The codes of cases, in the order in which they are reported.
const CASES: [Code; 9] = [
    PAID_BUT_FREE,
    WRONG_TIER,
    GHOST_USER,
    FREE_BUT_ENTITLED,
    NO_SUCH_CUSTOMER,
    NO_SUCH_SUBSCRIPTION,
    PAST_DUE_ENTITLED,
    NO_TIER,
    SHARED,
];

/// Most products that are read beside those of the configured prices.
const OTHER_PRODUCTS: usize = 20;
/// Most subscriptions that one fix changes. A second one changes the next.
const CHANGED: usize = 100;

/// A holder that does not have what is paid for.
struct Case {
    code: Code,
    holder: String,
    plan: Option<String>,
    /// The ID of the subscription, if there is one.
    subscription: Option<String>,
    /// What is wrong, as a sentence without its period.
    words: String,
    fix: String,
    /// What gives the holder the tier that is paid for.
    change: Option<ClerkMetadata>,
}

/// A holder's [`Comparison`] in words.
enum Compared {
    /// There is nothing to compare, or it is too early.
    Nothing,
    /// It has the tier that is paid for.
    Agrees,
    /// It does not.
    Differs(Box<Case>),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let sample = Sample::read(world, outcome).await?;
    let mut catalog = Catalog::read(world).await;
    catalog.learn(sample.all_subscriptions(), OTHER_PRODUCTS).await;
    let (mut cases, mut agree, mut skipped) = (Vec::new(), 0, 0);
    for holder in &sample.holders {
        if let Some((subscription, other)) = sample.shared(world, holder) {
            cases.push(case(SHARED, holder, Some(subscription), wording::shared(world, holder, subscription, other)));
        }
        if let Some(unknown) = &holder.unknown_id {
            cases.push(no_such_id(holder, unknown));
        } else if holder.may_have_others && holder.subscriptions.is_empty() {
            skipped += 1;
        } else {
            match outcome.ask(compare(world, &catalog, holder).await) {
                Some(Compared::Differs(case)) => cases.push(*case),
                Some(Compared::Agrees) => agree += 1,
                Some(Compared::Nothing) | None => {}
            }
        }
    }
    let plural = world.config().entitlement.holder.plural();
    let Unmatched { lacking, unheld, ghosts } = sample.unmatched(world, &catalog, outcome).await;
    cases.extend(ghosts.into_iter().map(|(subscription, named)| ghost(world, &catalog, subscription, named)));
    for (customer, subscriptions) in catalog.charged_twice(sample.all_subscriptions(), outcome) {
        outcome.find(charged_twice(world, customer, &subscriptions, &sample));
    }
    for code in CASES {
        let alike: Vec<&Case> = cases.iter().filter(|case| case.code == code).collect();
        if !alike.is_empty() {
            outcome.find(finding(world, &alike, &sample));
        }
    }
    if !lacking.is_empty() && outcome.ask(world.clerk().holder_fits().await).is_some() {
        outcome.find(unmappable(world, &catalog, &lacking, &sample));
    }
    if !unheld.is_empty() && sample.are_all_holders {
        outcome.find(unheld_customers(world, &unheld, &sample));
    } else if !unheld.is_empty() {
        let count = unheld.len();
        let reason = format!("{count} paid subscriptions could not be matched to one of the newest {plural}");
        outcome.leave_open(NoAnswer::unknown(reason));
    }
    let (subscriptions, holders) = (sample.subscriptions.len(), sample.known.len());
    let mut seen = format!("of {subscriptions} subscriptions and {holders} {plural}, {agree} pay and have their tier");
    if skipped > 0 {
        seen += &format!("; {skipped} {plural} with a tier were not looked up");
    }
    outcome.pass_if_clean(seen);
    Ok(())
}

/// Puts how a holder's tier compares with what is paid for into words.
async fn compare(world: &World, catalog: &Catalog<'_>, holder: &SampledHolder) -> Answered<Compared> {
    let subscription = |place: usize| &holder.subscriptions[place];
    Ok(Compared::Differs(Box::new(match holder.compare(catalog)? {
        Comparison::Nothing => return Ok(Compared::Nothing),
        Comparison::Agrees => return Ok(Compared::Agrees),
        // An unknown plan is the finding of `clerk/metadata`.
        Comparison::UnknownPlan(_) => return Err(NoAnswer::Because(Cause::PlanUnknown)),
        Comparison::NoTier(place) => {
            let subscription = subscription(place);
            case(NO_TIER, holder, Some(subscription), wording::no_tier(holder, subscription))
        }
        Comparison::PaidButFree(paid, place) => misses(world, PAID_BUT_FREE, holder, paid, subscription(place)),
        Comparison::WrongTier(paid, place) => misses(world, WRONG_TIER, holder, paid, subscription(place)),
        Comparison::FreeButEntitled(place) => {
            if place.is_none() {
                // If the ID of the canary is wrong, this one may be the canary.
                world.clerk().known_canary().await?;
            }
            let subscription = place.map(subscription);
            case(FREE_BUT_ENTITLED, holder, subscription, wording::free(world, holder, subscription))
        }
        Comparison::Lapsed(place) => {
            let subscription = subscription(place);
            let code = if subscription.is_past_due() { PAST_DUE_ENTITLED } else { FREE_BUT_ENTITLED };
            case(code, holder, Some(subscription), wording::lapsed(world, holder, subscription))
        }
    })))
}

/// Of a holder that does not have the tier that is paid for.
fn misses(world: &World, code: Code, holder: &SampledHolder, paid: &Tier, subscription: &Subscription) -> Case {
    let change = Some(world.plan_of(&holder.id, holder.plan.clone(), paid.metadata.as_str()));
    Case { change, ..case(code, holder, Some(subscription), wording::misses(world, holder, paid, subscription)) }
}

/// Of a paid subscription whose holder does not exist.
fn ghost(world: &World, catalog: &Catalog<'_>, subscription: &Subscription, named: &str) -> Case {
    let Wording { words, fix } = wording::ghost(world, catalog, subscription, named);
    let (holder, subscription) = (named.to_owned(), Some(subscription.id.clone()));
    Case { code: GHOST_USER, holder, plan: None, subscription, change: None, words, fix }
}

fn no_such_id(holder: &SampledHolder, unknown: &UnknownId) -> Case {
    let code = if unknown.is_customer { NO_SUCH_CUSTOMER } else { NO_SUCH_SUBSCRIPTION };
    Case { subscription: holder.subscription.clone(), ..case(code, holder, None, wording::no_such_id(holder, unknown)) }
}

fn charged_twice(world: &World, customer: &str, subscriptions: &[&str], sample: &Sample) -> Finding {
    let (all, Wording { words, fix }) = (subscriptions.join(", "), wording::charged_twice(customer, subscriptions));
    Finding {
        code: CHARGED_TWICE,
        message: format!("{words}."),
        expected: "one active subscription for each customer".to_owned(),
        actual: all.clone(),
        evidence: vec![sample.subscriptions_answer.evidence("data[].customer", format!("{customer}: {all}"))],
        fix: Fix::new(fix).link(world.stripe().dashboard(&format!("customers/{customer}"))),
    }
}

/// Paid subscriptions without a key in their metadata that the Worker reads, and who holds their IDs.
fn unmappable(
    world: &World,
    catalog: &Catalog<'_>,
    subscriptions: &[(&Subscription, &str, Option<&str>)],
    sample: &Sample,
) -> Finding {
    let (first, key, _) = subscriptions[0];
    let Wording { words, fix } = wording::unmappable(world, first, key);
    let kind = world.config().entitlement.holder;
    let is_of_holder = |key: &str| *key == world.config().entitlement.user_key;
    let value = if is_of_holder(key) { kind.usual_key() } else { "tier" };
    let fix = Fix::new(fix).code(format!("subscription_data: {{ metadata: {{ {key}: {value} }} }},"));
    let add = |subscription: &Subscription, key: &str, value: &str| {
        let update = world.stripe().update(StripeResource::Subscription, &subscription.id, "");
        update.set(format!("metadata.{key}"), None::<String>, value)
    };
    let fix = subscriptions.iter().take(CHANGED).fold(fix, |fix, (subscription, key, holder)| {
        match (is_of_holder(key), holder, catalog.pays_for(subscription)) {
            (true, Some(holder), _) => fix.then(add(subscription, key, holder)),
            (true, None, _) => fix.suggest(add(subscription, key, kind.blank_id())),
            (false, _, PaysFor::Tier(tier)) => fix.then(add(subscription, key, &tier.metadata)),
            (false, ..) => fix,
        }
    });
    let seen = format!("{}: none", first.id);
    unmatched_finding(
        world,
        &words,
        subscriptions.len(),
        sample.subscriptions_answer.evidence(format!("data[].metadata.{key}"), seen),
        fix,
    )
}

/// Paid subscriptions of customers whom no holder has, where the Worker finds the holder by the customer.
fn unheld_customers(world: &World, subscriptions: &[&Subscription], sample: &Sample) -> Finding {
    let first = subscriptions[0];
    let Wording { words, fix } = wording::unheld(world, first);
    let fix = Fix::new(fix).link(world.stripe().dashboard(&format!("subscriptions/{}", first.id)));
    let seen = format!("{}: {}", first.id, first.customer.text().unwrap_or("none"));
    let evidence = sample.subscriptions_answer.evidence("data[].customer", seen);
    unmatched_finding(world, &words, subscriptions.len(), evidence, fix)
}

fn unmatched_finding(world: &World, words: &str, count: usize, evidence: Evidence, fix: Fix) -> Finding {
    let others = match count {
        0 | 1 => String::new(),
        2 => " The same is true of 1 other.".to_owned(),
        _ => format!(" The same is true of {} others.", count - 1),
    };
    Finding {
        code: UNMAPPABLE,
        message: format!("{words}.{others}"),
        expected: format!("a way from each paid subscription to its {}", world.config().entitlement.holder.word()),
        actual: evidence.seen.clone(),
        evidence: vec![evidence],
        fix,
    }
}

fn case(code: Code, holder: &SampledHolder, subscription: Option<&Subscription>, wording: Wording) -> Case {
    let (Wording { words, fix }, subscription) = (wording, subscription.map(|subscription| subscription.id.clone()));
    Case { code, holder: holder.id.clone(), plan: holder.plan.clone(), subscription, words, fix, change: None }
}

/// One finding for all cases of a code, with the fix for the first.
fn finding(world: &World, cases: &[&Case], sample: &Sample) -> Finding {
    let Case { code, holder, plan, subscription, fix, .. } = cases[0];
    let mut shown: Vec<String> = cases.iter().take(5).map(|case| case.words.clone()).collect();
    if cases.len() > shown.len() {
        shown.push(format!("and {} more", cases.len() - shown.len()));
    }
    let shown = shown.join("; ");
    let key = &world.config().clerk.metadata_key;
    let page = subscription.as_ref().map(|id| world.stripe().dashboard(&format!("subscriptions/{id}")));
    let is_it = |found: &&Subscription| subscription.as_ref() == Some(&found.id);
    let seen = sample.all_subscriptions().find(is_it).map_or_else(|| "no subscription".to_owned(), wording::shown);
    let links = (*code != GHOST_USER).then(|| holder_page(holder)).into_iter().chain(page);
    Finding {
        code: *code,
        message: format!("{shown}."),
        expected: "the tier that is paid for, and no other".to_owned(),
        actual: shown.clone(),
        evidence: vec![
            sample.subscriptions_answer.evidence("data[].status", seen),
            sample.holders_answer.evidence(
                format!("{}[].public_metadata.{key}", world.config().entitlement.holder.list()),
                format!("{holder}: {}", plan.as_deref().unwrap_or("none")),
            ),
        ],
        fix: {
            let changes = cases.iter().filter_map(|case| case.change.clone());
            links.fold(changes.fold(Fix::new(fix), Fix::then), Fix::link)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_message_names_the_mode_that_knows_an_id() {
        let run = scenario("test-mode-customer").await;
        assert!(run.message(CHECK).contains("in test mode"), "{}", run.message(CHECK));
    }

    #[tokio::test]
    async fn users_and_subscriptions_are_matched_by_the_ids_in_clerk() {
        for name in ["healthy-users-by-customer", "healthy-many-pages", "healthy-test-mode"] {
            let run = scenario(name).await;
            assert!(run.seen(CHECK).contains("2 pay and have their tier"), "{}", run.seen(CHECK));
        }
    }

    #[tokio::test]
    async fn a_wrong_catalog_is_not_reported_for_its_users() {
        for name in ["prices-swapped", "price-shared", "metadata-case", "price-test-mode", "price-amount"] {
            let run = scenario(name).await;
            assert_eq!(run.failures().len(), 1, "{}", run.summary());
        }
    }
}
