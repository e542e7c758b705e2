//! `entitlements/sample`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Case, Mismatch, Part, Sample};

check! {
    /// Customers who pay have their tier, and users with a tier pay for it.
    ///
    /// ## Why it matters
    /// This is what everything else is for. A customer who pays and gets nothing disputes the charge, and one who keeps the
    /// tier of a subscription that ended pays nothing for years. No dashboard shows either.
    ///
    /// ## How it is verified
    /// The newest 100 subscriptions are matched to their users by the user in their metadata (`entitlement.user_key`), or by
    /// the customer's or the subscription's ID in the user's public metadata, and the newest 500 users with a tier to their
    /// subscriptions; up to 40 users whose IDs are not in the sample are looked up at Stripe. The tier that is paid for comes
    /// from the configured price ID and from what the Worker reads. The canary and `entitlement.comped` are left out, and so
    /// is what happened in the last ten minutes: it may still be on its way. If the canary is not configured, a user with a
    /// tier and no subscription may be the canary, and is left open. `preflight reconcile` compares everyone.
    ///
    /// ## How to fix it
    /// Correct the user's public metadata in Clerk's dashboard or resend the missed event, and check on the endpoint's page
    /// what happened to it. Add staff to `entitlement.comped`.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// A user pays for a tier and does not have one.
    PAID_BUT_FREE: Failure,
    /// A user has a tier and pays nothing.
    FREE_BUT_ENTITLED: Failure,
    /// A user has another tier than the one paid for.
    WRONG_TIER: Failure,
    /// A subscription belongs to a user who does not exist.
    GHOST_USER: Failure,
    /// No paid subscription can be matched to a user, so canceling would never take the tier away.
    UNMAPPABLE: Failure,
    /// A customer has several active subscriptions to configured prices.
    CHARGED_TWICE: Failure,
    /// Clerk holds the ID of a customer that does not exist in this mode.
    NO_SUCH_CUSTOMER: Failure,
    /// Clerk holds the ID of a subscription that does not exist in this mode.
    NO_SUCH_SUBSCRIPTION: Failure,
    /// A user has the tier of a subscription whose status does not grant it.
    PAST_DUE_ENTITLED: Warning,
    /// A user pays for a price that does not belong to any tier.
    NO_TIER: Warning,
}

/// The codes of cases, in the order in which they are reported.
const CASES: [Code; 8] = [
    PAID_BUT_FREE,
    WRONG_TIER,
    GHOST_USER,
    FREE_BUT_ENTITLED,
    NO_SUCH_CUSTOMER,
    NO_SUCH_SUBSCRIPTION,
    PAST_DUE_ENTITLED,
    NO_TIER,
];

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let sample = world.entitlement_sample().await?;
    let (mut cases, mut unmapped, mut agree, mut left): (Vec<&Case>, Vec<&str>, usize, usize) = Default::default();
    for part in &sample.parts {
        match part {
            Part::Agrees => agree += 1,
            Part::Case(case) => cases.push(case),
            Part::ChargedTwice { customer, subscriptions } => {
                outcome.find(charged_twice(world, customer, subscriptions, &sample));
            }
            Part::Unmapped(subscription) => unmapped.push(subscription),
            Part::NotLookedUp => left += 1,
            Part::Unanswered(why) => outcome.leave_open(why.clone()),
        }
    }
    for code in CASES {
        let alike: Vec<&Case> = cases.iter().copied().filter(|case| code_of(&case.mismatch) == code).collect();
        if !alike.is_empty() {
            outcome.find(finding(world, code, &alike, &sample));
        }
    }
    // One that can be matched shows that the Worker knows how; the others may be another business's.
    let is_any_matched = agree > 0 || cases.iter().any(|case| case.subscription.is_some());
    if !unmapped.is_empty() && !is_any_matched {
        if sample.are_all_users {
            outcome.find(unmappable(world, &unmapped, &sample));
        } else {
            outcome.leave_open(NoAnswer::unknown(format!(
                "none of {} paid subscriptions could be matched to one of the newest users",
                unmapped.len()
            )));
        }
    }
    let Sample { subscriptions, users, .. } = sample;
    let mut seen = format!("of {subscriptions} subscriptions and {users} users, {agree} pay and have their tier");
    if !unmapped.is_empty() {
        seen += &format!("; {} subscriptions could not be matched to a user", unmapped.len());
    }
    if left > 0 {
        seen += &format!("; {left} users with a tier were not looked up");
    }
    outcome.pass_if_clean(seen);
    Ok(())
}

fn unmappable(world: &World, subscriptions: &[&str], sample: &Sample) -> Finding {
    let key = &world.config().entitlement.user_key;
    let (count, first) = (subscriptions.len(), subscriptions[0]);
    Finding {
        code: UNMAPPABLE,
        message: format!(
            "None of {count} paid subscriptions can be matched to a user ({first}, …). Canceling one would never take the tier away."
        ),
        expected: format!("metadata.{key} on the subscription, or its ID in a user's public metadata"),
        actual: "neither".to_owned(),
        evidence: vec![sample.subscriptions_answer.evidence(format!("data[].metadata.{key}"), format!("{first}: none"))],
        fix: Fix::new(format!(
            "Set subscription_data.metadata.{key} when the Worker creates a Checkout Session, and add it to these subscriptions."
        ))
        .command(world.stripe().command(&format!("subscriptions update {first} -d \"metadata[{key}]=user_…\"")))
        .link(world.stripe().dashboard(&format!("subscriptions/{first}"))),
    }
}

fn charged_twice(world: &World, customer: &str, subscriptions: &[String], sample: &Sample) -> Finding {
    let (all, last) = (subscriptions.join(", "), subscriptions.last().map_or("", String::as_str));
    Finding {
        code: CHARGED_TWICE,
        message: format!("The customer {customer} has {} active subscriptions and is charged for each: {all}.", subscriptions.len()),
        expected: "one active subscription for each customer".to_owned(),
        actual: all.clone(),
        evidence: vec![sample.subscriptions_answer.evidence("data[].customer", format!("{customer}: {all}"))],
        fix: Fix::new(format!(
            "Cancel and refund the one that was not intended, such as {last}, and make the Worker change an existing subscription instead of adding one."
        ))
        .link(world.stripe().dashboard(&format!("customers/{customer}"))),
    }
}

const fn code_of(mismatch: &Mismatch) -> Code {
    match mismatch {
        Mismatch::PaidButFree { .. } => PAID_BUT_FREE,
        Mismatch::FreeButEntitled => FREE_BUT_ENTITLED,
        Mismatch::WrongTier { .. } => WRONG_TIER,
        Mismatch::GhostUser { .. } => GHOST_USER,
        Mismatch::PastDueEntitled { .. } => PAST_DUE_ENTITLED,
        Mismatch::NoTier { .. } => NO_TIER,
        Mismatch::NoSuchCustomer { .. } => NO_SUCH_CUSTOMER,
        Mismatch::NoSuchSubscription { .. } => NO_SUCH_SUBSCRIPTION,
    }
}

/// One case as a sentence without its full stop.
fn words(case: &Case) -> String {
    let Case { user, plan, subscription, mismatch } = case;
    let plan = plan.as_ref().map_or_else(|| "no plan".to_owned(), |plan| format!("the plan \"{plan}\""));
    let subscription = subscription.as_deref().unwrap_or("no subscription");
    let elsewhere = |mode: &Option<Mode>| {
        mode.map_or_else(String::new, |mode| format!(" in this mode, but in {} mode", mode.word()))
    };
    match mismatch {
        Mismatch::PaidButFree { tier } | Mismatch::WrongTier { tier } => {
            format!("{user} pays for {tier} with {subscription} and has {plan}")
        }
        Mismatch::FreeButEntitled => format!("{user} has {plan} and {subscription}"),
        Mismatch::GhostUser { tier } => {
            let tier = tier.as_deref().unwrap_or("a tier");
            format!("{subscription} pays for {tier} for {user}, who does not exist in Clerk")
        }
        Mismatch::PastDueEntitled { status } => format!("{user} has {plan}, and {subscription} is {status}"),
        Mismatch::NoTier { price } => {
            format!("{user} pays for {price} with {subscription}, which does not belong to any tier")
        }
        Mismatch::NoSuchCustomer { id, known_in } | Mismatch::NoSuchSubscription { id, known_in } => {
            format!("{user} has {plan} and {id}, which does not exist in Stripe{}", elsewhere(known_in))
        }
    }
}

fn finding(world: &World, code: Code, cases: &[&Case], sample: &Sample) -> Finding {
    let first = cases[0];
    let shown: Vec<String> = cases.iter().take(5).map(|case| words(case)).collect();
    let more =
        if cases.len() > shown.len() { format!("; and {} more", cases.len() - shown.len()) } else { String::new() };
    let shown = format!("{}{more}", shown.join("; "));
    let plan = &world.config().clerk.metadata_key;
    let (user, subscription) = (&first.user, first.subscription.as_deref().unwrap_or_default());
    let summary = match &first.mismatch {
        Mismatch::PaidButFree { tier } | Mismatch::WrongTier { tier } => {
            format!("Set {plan} to {tier} in the public metadata of {user}, and check which event the Worker missed.")
        }
        Mismatch::FreeButEntitled => {
            format!(
                "Set {plan} to the free tier in the public metadata of {user}, or add the user to entitlement.comped."
            )
        }
        Mismatch::GhostUser { .. } => {
            format!("Cancel and refund {subscription}, or set its metadata to the user who pays.")
        }
        Mismatch::PastDueEntitled { status } => {
            format!("Make the Worker end the tier at \"{status}\", or add that to entitlement.entitling_statuses.")
        }
        Mismatch::NoTier { price } => format!("Add {price} to a tier in preflight.toml, or cancel the subscription."),
        Mismatch::NoSuchCustomer { id, .. } | Mismatch::NoSuchSubscription { id, .. } => {
            format!("Remove {id} from the public metadata of {user}: checkout and the portal fail with it.")
        }
    };
    let is_users = !matches!(first.mismatch, Mismatch::GhostUser { .. });
    let fix = Fix::new(summary);
    let fix =
        if is_users { fix.link(format!("https://dashboard.clerk.com/last-active?path=users/{user}")) } else { fix };
    let id = subscription.split(' ').next().filter(|id| !id.is_empty());
    let page = id.map(|id| world.stripe().dashboard(&format!("subscriptions/{id}")));
    Finding {
        code,
        message: format!("{shown}."),
        expected: "the tier that is paid for, and no other".to_owned(),
        actual: shown.clone(),
        evidence: vec![
            sample.subscriptions_answer.evidence("data[].status", subscription.to_owned()),
            sample.users_answer.evidence(
                format!("[].public_metadata.{plan}"),
                format!("{user}: {}", first.plan.as_deref().unwrap_or("none")),
            ),
        ],
        fix: page.into_iter().fold(fix, Fix::link),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_way_in_which_the_two_sides_can_disagree() {
        for (name, code) in [
            ("paid-but-free", "paid-but-free"),
            ("free-but-entitled", "free-but-entitled"),
            ("cancelled-but-entitled", "free-but-entitled"),
            ("wrong-tier", "wrong-tier"),
            ("ghost-user", "ghost-user"),
            ("test-mode-customer", "no-such-customer"),
            ("unknown-subscription", "no-such-subscription"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn warns_of_a_tier_that_outlasts_its_payment_and_of_a_price_without_tier() {
        scenario("past-due-entitled").await.warns(CHECK, "past-due-entitled");
        scenario("subscription-without-tier").await.warns(CHECK, "no-tier");
    }

    #[tokio::test]
    async fn says_in_which_mode_an_id_is_known() {
        let run = scenario("test-mode-customer").await;
        assert!(run.message(CHECK).contains("in test mode"), "{}", run.message(CHECK));
    }

    #[tokio::test]
    async fn the_comped_and_the_canary_pay_nothing() {
        scenario("healthy-comped").await.passes(CHECK);
        scenario("healthy-canary-customer").await.passes(CHECK);
    }

    #[tokio::test]
    async fn grace_is_given_to_what_just_happened_and_to_what_the_configuration_says() {
        scenario("healthy-just-paid").await.passes(CHECK);
        scenario("healthy-grace-for-past-due").await.passes(CHECK);
    }

    #[tokio::test]
    async fn users_and_subscriptions_are_found_by_what_clerk_holds() {
        for name in ["healthy-users-by-customer", "healthy-many-pages", "healthy-test-mode"] {
            let run = scenario(name).await;
            run.passes(CHECK);
            assert!(run.seen(CHECK).contains("2 pay and have their tier"), "{}", run.seen(CHECK));
        }
    }

    #[tokio::test]
    async fn a_faulty_catalogue_is_no_users_fault() {
        for name in ["prices-swapped", "price-shared", "metadata-case", "price-test-mode", "price-amount"] {
            let run = scenario(name).await;
            assert_eq!(run.failures().len(), 1, "{}", run.told());
        }
    }
}
