//! Every way in which a customer's path can break, each in a scenario.

mod follow;

use std::time::Duration;

use super::{Asked, Link, State, Trace, Verdict, trace};
use crate::sandbox::{Options, Sandbox};
use crate::world::{self, World};

const ADA: &str = "user_2adaAcme0000000000000000000";
const FRIDA: &str = "user_2fridaAcme00000000000000000";
const GRACE: &str = "user_2graceAcme00000000000000000";
const SUBSCRIPTION: &str = "sub_1Rlivecme7LaunchAda00001";

/// A trace in scenarios that are joined by commas. It makes at most ten requests, and all of them read.
async fn traced(asked: &str, scenarios: &str) -> Trace {
    let names: Vec<&str> = scenarios.split(',').collect();
    let sandbox = Sandbox::start(&names, Options::default()).await.unwrap();
    let trace = traced_in(&sandbox, asked).await;
    let requests = sandbox.requests();
    assert!(requests.len() <= 10, "{asked} in {scenarios}: {requests:#?}");
    assert!(requests.iter().all(|(_, line)| line.starts_with("GET ")), "{requests:#?}");
    assert!(sandbox.effects().is_empty(), "{:?}", sandbox.effects());
    trace
}

async fn traced_in(sandbox: &Sandbox, asked: &str) -> Trace {
    let asked: Asked = asked.parse().unwrap();
    let options = world::Options { timeout: Duration::from_secs(4), probe: false, ..world::Options::default() };
    let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
    trace(&world, &asked).await
}

/// The broken link, its message in at most 25 words, and the fix, which says what to do.
async fn broken(asked: &str, scenarios: &str) -> (Link, String, String) {
    let trace = traced(asked, scenarios).await;
    let Verdict::Broken(broken) = &trace.verdict else { panic!("{asked} in {scenarios}: {trace:#?}") };
    let words = broken.message.split_whitespace().count();
    assert!(words <= 25, "{words} words: {}", broken.message);
    assert_eq!(trace.steps.iter().filter(|step| step.state == State::Broken).count(), 1, "{trace:#?}");
    assert!(trace.steps.iter().all(|step| step.link <= broken.link || step.link == Link::Delivery), "{trace:#?}");
    let fix = [vec![broken.fix.summary.clone()], broken.fix.commands(), broken.fix.links()].concat().join("\n");
    (broken.link, broken.message.clone(), fix)
}

/// Why no tier is due, and the link that decides it.
async fn free(asked: &str, scenarios: &str) -> (Link, String) {
    let trace = traced(asked, scenarios).await;
    let Verdict::NoTier(link, why) = trace.verdict else { panic!("{asked} in {scenarios}: {trace:#?}") };
    (link, why)
}

#[tokio::test]
async fn a_healthy_customer_is_served_whatever_is_asked_about() {
    for asked in [
        ADA,
        "ada@example.com",
        "cus_QpanAda0000001",
        SUBSCRIPTION,
        "evt_1Rlivecme7LaunchadaRenew",
        "evt_1Rlivecme7LaunchgraceChe",
    ] {
        let trace = traced(asked, "healthy").await;
        assert!(matches!(trace.verdict, Verdict::Served(_)), "{asked}: {trace:#?}");
        assert!(trace.steps.iter().all(|step| step.state == State::Ok), "{asked}: {trace:#?}");
    }
}

#[tokio::test]
async fn every_healthy_configuration_serves_ada() {
    for scenario in [
        "healthy-test-mode",
        "healthy-users-by-customer",
        "healthy-subscription-metadata",
        "healthy-price-metadata",
        "healthy-event-destination",
        "healthy-grace-for-past-due",
        "healthy-upgraded-with-a-new-subscription",
    ] {
        for asked in [ADA, SUBSCRIPTION] {
            let trace = traced(asked, scenario).await;
            assert!(matches!(trace.verdict, Verdict::Served(_)), "{scenario}: {trace:#?}");
        }
    }
}

/// Where organizations have the plans: Ada's, which also has Grace as a member.
const ENGINES: &str = "org_2enginesAcme0000000000000000";

#[tokio::test]
async fn a_member_or_a_purchase_leads_to_the_organization_that_has_the_plan() {
    for asked in [ENGINES, ADA, "ada@example.com", "cus_QpanAda0000001", SUBSCRIPTION] {
        let trace = traced(asked, "healthy-organizations").await;
        let Verdict::Served(words) = &trace.verdict else { panic!("{asked}: {trace:#?}") };
        assert!(words.starts_with(ENGINES), "{asked}: {words}");
    }
}

#[tokio::test]
async fn a_member_of_several_organizations_or_of_none_is_asked_to_choose() {
    for (asked, scenario, part) in [
        ("grace@example.com", "healthy-organizations", "is a member of 2 organizations"),
        ("noor@example.com", "healthy-organizations", "is not a member of any organization"),
        (ENGINES, "healthy", "users have the plans here"),
        ("org_2gone000", "healthy-organizations", "Clerk has no organization"),
    ] {
        let trace = traced(asked, scenario).await;
        let Verdict::Unknown(words) = &trace.verdict else { panic!("{asked}: {trace:#?}") };
        assert!(words.contains(part), "{asked}: {words}");
    }
}

#[tokio::test]
async fn a_subscription_that_names_a_member_in_place_of_the_organization_is_the_broken_link() {
    let (link, message, fix) = broken(SUBSCRIPTION, "organizations-subscription-names-user").await;
    assert!(link == Link::User && message.contains("the ID of a user, not of an organization"), "{message}");
    assert!(fix.contains("org_…") && fix.contains("the organization that pays"), "{fix}");
}

#[tokio::test]
async fn a_payment_that_is_not_completed_grants_nothing() {
    for asked in [FRIDA, "frida@example.com", "cs_live_a1sub1Rlivecme7LaunchFrida001"] {
        let (link, why) = free(asked, "healthy-checkout-open").await;
        assert_eq!(link, Link::Checkout);
        assert!(why.contains("has not paid: cs_live_") && why.contains("is open"), "{why}");
    }
}

#[tokio::test]
async fn a_user_without_a_subscription_rightly_has_no_tier() {
    let (link, why) = free("noor@example.com", "healthy").await;
    assert_eq!((link, why.as_str()), (Link::Subscription, "user_2noorAcme000000000000000000 has no subscription."));
}

#[tokio::test]
async fn a_subscription_that_is_past_due_or_canceled_grants_nothing() {
    let (link, why) = free(ADA, "past-due-entitled,paid-but-free").await;
    assert!(link == Link::Subscription && why.contains("is past_due"), "{why}");
    let (link, why) = free("alan@example.com", "healthy").await;
    assert!(link == Link::Subscription && why.contains("is canceled"), "{why}");
}

#[tokio::test]
async fn a_tier_that_is_kept_without_paying_is_a_broken_link() {
    for (asked, scenario) in
        [(ADA, "past-due-entitled"), ("alan@example.com", "cancelled-but-entitled"), (FRIDA, "free-but-entitled")]
    {
        let (link, message, _) = broken(asked, scenario).await;
        assert!(link == Link::Metadata && message.contains("pay"), "{message}");
    }
}

#[tokio::test]
async fn metadata_that_names_no_user_is_the_broken_link() {
    for asked in [SUBSCRIPTION, "ada@example.com", "cus_QpanAda0000001"] {
        let (link, message, fix) = broken(asked, "unmappable-and-unknown-to-clerk").await;
        assert!(link == Link::User && message.contains("names no user in metadata.userId"), "{message}");
        assert!(fix.contains("stripe subscriptions update sub_") && fix.contains(ADA), "{fix}");
    }
}

#[tokio::test]
async fn metadata_that_names_an_unknown_or_another_user_is_the_broken_link() {
    let (link, message, _) = broken(SUBSCRIPTION, "ghost-user").await;
    assert!(link == Link::User && message.contains("does not exist in Clerk"), "{message}");
    let (link, message, _) = broken("ada@example.com", "pays-for-another-user").await;
    assert!(link == Link::User && message.contains(&format!("names {FRIDA}, not {ADA}")), "{message}");
}

#[tokio::test]
async fn an_event_that_is_not_selected_is_the_broken_link() {
    for (scenario, event) in [
        ("events-missing-checkout", "checkout.session.completed"),
        ("events-missing-created", "customer.subscription.created"),
        ("events-missing-updated", "customer.subscription.updated"),
    ] {
        let (link, message, fix) = broken(ADA, &format!("paid-but-free,{scenario}")).await;
        assert!(link == Link::Events && message.contains(event), "{message}");
        assert!(fix.contains("stripe webhook_endpoints update we_"), "{fix}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_missing_or_disabled_is_the_broken_link() {
    for (scenario, seen) in
        [("endpoint-none", "No endpoint"), ("endpoint-disabled", "is disabled"), ("endpoint-slash", "the slash")]
    {
        let (link, message, fix) = broken("ada@example.com", &format!("paid-but-free,{scenario}")).await;
        assert!(link == Link::Endpoint && message.contains(seen), "{message}");
        assert!(fix.contains("stripe webhook_endpoints "), "{fix}");
    }
}

#[tokio::test]
async fn an_event_that_is_not_delivered_is_the_broken_link() {
    let (link, message, fix) = broken(ADA, "paid-but-free,deliveries-failing").await;
    assert!(link == Link::Delivery && message.contains("is undelivered after 2 days"), "{message}");
    assert!(fix.contains("stripe events resend evt_1Rlivecme7LaunchadaRenew --webhook-endpoint we_"), "{fix}");
}

#[tokio::test]
async fn a_delivery_that_may_be_for_another_endpoint_is_not_blamed() {
    let (link, ..) = broken(ADA, "paid-but-free,healthy-other-endpoint-failing").await;
    assert_eq!(link, Link::Metadata);
}

#[tokio::test]
async fn a_delivered_event_without_an_effect_is_the_broken_link() {
    let (link, message, fix) = broken("evt_1Rlivecme7LaunchadaRenew", "paid-but-free").await;
    assert!(link == Link::Metadata && message.contains("but has no plan"), "{message}");
    assert!(fix.contains(&format!("/v1/users/{ADA}/metadata")) && fix.contains("\"plan\":\"pro\""), "{fix}");
}

#[tokio::test]
async fn another_tier_in_clerk_is_the_broken_link() {
    let (link, message, _) = broken(ADA, "wrong-tier").await;
    assert!(link == Link::Metadata && message.contains("has the plan \"enterprise\""), "{message}");
}

#[tokio::test]
async fn a_claim_that_does_not_carry_the_plan_is_the_broken_link() {
    for scenario in
        ["jwt-claim-key", "jwt-claim-missing", "jwt-claim-constant", "jwt-template-missing", "jwt-custom-key"]
    {
        let (link, message, fix) = broken(ADA, scenario).await;
        assert!(link == Link::Claim && message.contains("does not get \"pro\""), "{message}");
        assert!(fix.contains("jwt"), "{fix}");
    }
}

#[tokio::test]
async fn a_tier_that_the_worker_does_not_list_is_the_broken_link() {
    let (link, message, _) = broken(GRACE, "tiers-missing").await;
    assert!(link == Link::Worker && message.contains("does not list the tier enterprise"), "{message}");
}

#[tokio::test]
async fn a_price_whose_tier_the_worker_cannot_read_is_the_broken_link() {
    let (link, message, fix) = broken(ADA, "paid-but-free,metadata-case").await;
    assert!(link == Link::Price && message.contains("is \"Pro\", not \"pro\""), "{message}");
    assert!(fix.contains("stripe products update prod_"), "{fix}");
    let (link, ..) = broken(FRIDA, "subscription-without-tier").await;
    assert_eq!(link, Link::Price);
}

#[tokio::test]
async fn a_problem_before_what_the_customer_has_is_a_note() {
    for (scenario, link) in [
        ("endpoint-none", Link::Endpoint),
        ("events-missing-checkout", Link::Events),
        ("deliveries-failing", Link::Delivery),
        ("metadata-case", Link::Price),
        ("charged-twice", Link::Subscription),
    ] {
        let trace = traced("ada@example.com", scenario).await;
        assert!(matches!(trace.verdict, Verdict::Served(_)), "{scenario}: {trace:#?}");
        let is_noted = |step: &super::Step| step.link == link && step.state == State::Note;
        assert!(trace.steps.iter().any(is_noted), "{scenario}: {trace:#?}");
    }
}

#[tokio::test]
async fn a_change_of_the_last_minutes_is_too_early_to_judge() {
    let trace = traced(FRIDA, "healthy-just-paid").await;
    let Verdict::Unknown(why) = &trace.verdict else { panic!("{trace:#?}") };
    assert!(why.starts_with("It is too early to tell"), "{why}");
}

#[tokio::test]
async fn an_id_of_the_other_mode_is_said_to_be_one() {
    let (_, message, _) = broken("cus_QpanFrida00001", "test-mode-customer").await;
    assert!(message.contains("is a test-mode customer"), "{message}");
    let (_, message, _) = broken("cs_test_a1b2", "healthy").await;
    assert!(message.contains("is a test-mode Checkout Session"), "{message}");
    let (link, message, _) = broken(FRIDA, "test-mode-customer").await;
    assert!(link == Link::Customer && message.contains("exists only in test mode"), "{message}");
}

#[tokio::test]
async fn what_cannot_be_found_or_read_is_unknown() {
    for (asked, scenario) in [
        ("cus_Nope", "healthy"),
        ("user_Nope", "healthy"),
        ("nope@example.com", "healthy"),
        ("evt_Nope", "healthy"),
        (ADA, "provider-dark"),
        (ADA, "worker-host-dark"),
    ] {
        let trace = traced(asked, scenario).await;
        assert!(matches!(trace.verdict, Verdict::Unknown(_)), "{asked} in {scenario}: {trace:#?}");
        assert_eq!(trace.verdict.exit_code(), 2);
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_read_hides_nothing() {
    let trace = traced(ADA, "stripe-key-restricted").await;
    assert!(matches!(trace.verdict, Verdict::Served(_)), "{trace:#?}");
    let is_open = |step: &super::Step| step.link == Link::Endpoint && step.state == State::Unknown;
    assert!(trace.steps.iter().any(is_open), "{trace:#?}");
}

#[tokio::test]
async fn email_addresses_are_masked() {
    let trace = traced("nope@example.com", "healthy").await;
    assert!(format!("{trace:?}").contains("nope@example.com"));
    assert!(format!("{:?}", trace.masked()).contains("n…@e….com"));
}

#[tokio::test]
async fn a_user_whom_only_the_checkout_session_names_is_followed_to_clerk() {
    for asked in [SUBSCRIPTION, "ada@example.com", "cs_live_a1sub1Rlivecme7LaunchAda00001"] {
        let (link, message, _) = broken(asked, "user-only-in-checkout").await;
        assert!(link == Link::Metadata && message.contains("has no plan"), "{message}");
    }
}

#[tokio::test]
async fn a_tier_that_is_missing_from_the_subscription_is_the_broken_link() {
    let (link, message, fix) =
        broken("cus_QpanAda0000001", "pays-for-another-user,healthy-subscription-metadata").await;
    assert!(link == Link::Metadata && message.contains(FRIDA), "{message}");
    assert!(fix.contains("plan"), "{fix}");
    let (link, message, fix) = broken(ADA, "user-only-in-checkout,healthy-subscription-metadata").await;
    assert!(
        link == Link::Price && message.contains("metadata.tier of sub_1Rlivecme7LaunchAda00001 is not set"),
        "{message}"
    );
    assert!(fix.contains("stripe subscriptions update sub_"), "{fix}");
}

#[tokio::test]
async fn an_event_that_is_not_selected_was_not_delivered() {
    let trace = traced("evt_1Rlivecme7LaunchadaRenew", "events-missing-updated").await;
    let words: Vec<&str> = trace.steps.iter().map(|step| step.words.as_str()).collect();
    assert!(words.iter().any(|words| words.ends_with("we_1Rlivecme7LaunchWorker00 does not select it")), "{words:#?}");
    assert!(!words.iter().any(|words| words.ends_with("was delivered")), "{words:#?}");
}

#[tokio::test]
async fn a_customer_who_paid_with_another_address_is_found_by_name() {
    let sandbox = Sandbox::start(&[], Options::default()).await.unwrap();
    let bought = sandbox.buy(FRIDA, "price_1Rlivecme7LaunchProMonth").unwrap();
    let trace = traced_in(&sandbox, FRIDA).await;
    let is_it = |step: &super::Step| step.link == Link::Subscription && step.words.contains(&bought.subscription);
    assert!(trace.steps.iter().any(is_it), "{trace:#?}");
    assert!(matches!(trace.verdict, Verdict::Unknown(_)), "{trace:#?}");
    sandbox.grant(&bought, "pro");
    assert!(matches!(traced_in(&sandbox, FRIDA).await.verdict, Verdict::Served(_)));
}

#[tokio::test]
async fn the_repair_gives_this_customer_the_plan_too() {
    for scenario in ["endpoint-disabled", "events-missing-checkout", "metadata-case"] {
        let (_, _, fix) = broken(ADA, &format!("paid-but-free,{scenario}")).await;
        assert!(fix.contains("Then set plan to pro") && fix.contains(&format!("/v1/users/{ADA}/metadata")), "{fix}");
    }
}
