//! `entitlements/sample`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Case, Mismatch, Sample};

check! {
    /// Whoever pays has the tier, and whoever has the tier pays.
    ///
    /// ## Why it matters
    /// This is what all the rest is for. A customer who pays and has nothing writes to the bank, one who has the tier of a
    /// subscription that ended long ago pays nothing for years, and neither shows on any dashboard.
    ///
    /// ## How it is verified
    /// The newest 100 subscriptions are led to their users by the user in their metadata (`entitlement.user_key`), or by the
    /// customer's or the subscription's ID in the user's public metadata, and the newest 500 users with a tier to their
    /// subscriptions; up to 40 users whose IDs are not in the sample are looked up at Stripe. The tier that is paid for comes
    /// from the configured price ID and from what the Worker reads. The canary and `entitlement.comped` are left out, and so
    /// is what happened in the last ten minutes: it may be on its way. Users whose subscription is older than the sample and
    /// whom nothing leads there cannot be seen; `preflight reconcile` looks at all.
    ///
    /// ## Findings
    /// - `paid-but-free`: a user pays for a tier and has none.
    /// - `free-but-entitled`: a user has a tier and pays for nothing.
    /// - `wrong-tier`: a user has another tier than is paid for.
    /// - `ghost-user`: a subscription is paid for a user who does not exist.
    /// - `no-such-customer`: Clerk holds the ID of a customer that Stripe does not know in this mode.
    /// - `no-such-subscription`: the same of a subscription.
    /// - `past-due-entitled`: a user has the tier of a subscription whose status does not grant it; a warning.
    /// - `no-tier`: a user pays for a price that is no tier's; a warning.
    ///
    /// ## How to mend it
    /// Correct the user's public metadata in Clerk's dashboard or send the missed event again, and see on the endpoint's page
    /// what became of it. Staff belong into `entitlement.comped`.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

/// The codes, and whether one is a failure.
const CODES: [(&str, Severity); 8] = [
    ("paid-but-free", Severity::Failure),
    ("wrong-tier", Severity::Failure),
    ("ghost-user", Severity::Failure),
    ("free-but-entitled", Severity::Failure),
    ("no-such-customer", Severity::Failure),
    ("no-such-subscription", Severity::Failure),
    ("past-due-entitled", Severity::Warning),
    ("no-tier", Severity::Warning),
];

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let sample = world.entitlement_sample().await?;
    let findings: Vec<Finding> = CODES
        .iter()
        .filter_map(|(code, severity)| {
            let cases: Vec<&Case> = sample.cases.iter().filter(|case| code_of(&case.mismatch) == *code).collect();
            (!cases.is_empty()).then(|| finding(world, (code, *severity), &cases, &sample))
        })
        .collect();
    let Sample { subscriptions, users, agree, unplaced, left, doubt, .. } = sample;
    if let (true, Some(doubt)) = (findings.is_empty(), doubt) {
        return Err(doubt);
    }
    if findings.is_empty() && agree == 0 && unplaced > 0 {
        let key = &world.config().entitlement.user_key;
        return Err(NoAnswer::unknown(format!(
            "none of {unplaced} subscriptions that are paid could be led to a user: their metadata holds no {key}, and of the newest users none holds their IDs"
        )));
    }
    let mut seen = format!("of {subscriptions} subscriptions and {users} users, {agree} pay and have their tier");
    if unplaced > 0 {
        seen += &format!("; {unplaced} subscriptions could not be led to a user");
    }
    if left > 0 {
        seen += &format!("; {left} users with a tier could not be looked up");
    }
    Ok(Verdict::of(findings, seen))
}

const fn code_of(mismatch: &Mismatch) -> &'static str {
    match mismatch {
        Mismatch::PaidButFree { .. } => "paid-but-free",
        Mismatch::FreeButEntitled => "free-but-entitled",
        Mismatch::WrongTier { .. } => "wrong-tier",
        Mismatch::GhostUser { .. } => "ghost-user",
        Mismatch::PastDueEntitled { .. } => "past-due-entitled",
        Mismatch::NoTier { .. } => "no-tier",
        Mismatch::NoSuchCustomer { .. } => "no-such-customer",
        Mismatch::NoSuchSubscription { .. } => "no-such-subscription",
    }
}

/// One case as a sentence without its full stop.
fn words(case: &Case) -> String {
    let Case { user, plan, subscription, mismatch } = case;
    let plan = plan.as_ref().map_or_else(|| "no plan".to_owned(), |plan| format!("the plan \"{plan}\""));
    let subscription = subscription.as_deref().unwrap_or("no subscription");
    let elsewhere =
        |mode: &Option<Mode>| mode.map_or_else(String::new, |mode| format!(", but {} mode does", mode.word()));
    match mismatch {
        Mismatch::PaidButFree { tier } | Mismatch::WrongTier { tier } => {
            format!("{user} pays for {tier} with {subscription} and has {plan}")
        }
        Mismatch::FreeButEntitled => format!("{user} has {plan} and {subscription}"),
        Mismatch::GhostUser { tier } => {
            let tier = tier.as_deref().unwrap_or("a tier");
            format!("{subscription} pays {tier} for {user}, who does not exist in Clerk")
        }
        Mismatch::PastDueEntitled { status } => format!("{user} has {plan}, and {subscription} is {status}"),
        Mismatch::NoTier { price } => format!("{user} pays for {price} with {subscription}, which is no tier's"),
        Mismatch::NoSuchCustomer { id, known_in } | Mismatch::NoSuchSubscription { id, known_in } => {
            format!("{user} has {plan} and {id}, which Stripe does not know{}", elsewhere(known_in))
        }
    }
}

fn finding(world: &World, (code, severity): (&'static str, Severity), cases: &[&Case], sample: &Sample) -> Finding {
    let first = cases[0];
    let shown: Vec<String> = cases.iter().take(5).map(|case| words(case)).collect();
    let more =
        if cases.len() > shown.len() { format!("; and {} more", cases.len() - shown.len()) } else { String::new() };
    let shown = format!("{}{more}", shown.join("; "));
    let plan = &world.config().clerk.metadata_key;
    let (user, subscription) = (&first.user, first.subscription.as_deref().unwrap_or_default());
    let summary = match &first.mismatch {
        Mismatch::PaidButFree { tier } | Mismatch::WrongTier { tier } => {
            format!("Set {plan} to {tier} in the public metadata of {user}, and see which event the Worker missed.")
        }
        Mismatch::FreeButEntitled => {
            format!(
                "Set {plan} to the free tier in the public metadata of {user}, or name the user in entitlement.comped."
            )
        }
        Mismatch::GhostUser { .. } => format!("Cancel and refund {subscription}, or lead it to the user who pays."),
        Mismatch::PastDueEntitled { status } => {
            format!("Let the Worker end the tier at \"{status}\", or add that to entitlement.entitling_statuses.")
        }
        Mismatch::NoTier { price } => format!("Add {price} to a tier in preflight.toml, or end the subscription."),
        Mismatch::NoSuchCustomer { id, .. } | Mismatch::NoSuchSubscription { id, .. } => {
            format!("Take {id} out of the public metadata of {user}: with it, checkout and the portal fail.")
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
        severity,
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
        assert!(run.message(CHECK).contains("test mode does"), "{}", run.message(CHECK));
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
