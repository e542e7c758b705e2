//! Comparisons in the sandbox.

use std::collections::BTreeSet;
use std::future::{pending, ready};
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use super::{Bucket, Options, Progress, Reconciliation, reconcile};
use crate::sandbox::{self, Drift, ManyAccounts, RequestKey, Sandbox, Tampered, Tampering, Unanswerable, scenarios};
use crate::world::{self, World};

/// No pause, and everything.
const ALL: Options = Options { pause: Duration::ZERO, since: None, partial: None };

fn world(sandbox: &Sandbox) -> World {
    let options = world::Options { stripe_rate: NonZeroU32::new(1000), ..world::Options::default() };
    World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap()
}

async fn in_sandbox(sandbox: &Sandbox, options: Options) -> Reconciliation {
    reconcile(&world(sandbox), options, &Progress::default(), pending()).await
}

async fn in_scenario(name: &str) -> Reconciliation {
    let names: Vec<&str> = name.split(',').collect();
    let sandbox = Sandbox::start(&names, sandbox::Options::default()).await.unwrap();
    in_sandbox(&sandbox, ALL).await
}

async fn of_accounts(count: u64, drift: bool) -> Sandbox {
    let accounts = Some(ManyAccounts { count, drift });
    Sandbox::start(&[], sandbox::Options { accounts, ..sandbox::Options::default() }).await.unwrap()
}

/// Every drifted account: its bucket, and what it is about.
fn drift(found: &Reconciliation) -> BTreeSet<(&'static str, String)> {
    let drifted = found.accounts.iter().filter(|account| account.bucket.is_drift());
    drifted.map(|account| (account.bucket.word(), subject(account))).collect()
}

fn subject(account: &super::DriftedAccount) -> String {
    match account.bucket {
        Bucket::Unmappable | Bucket::TwoSubscriptions => account.subscriptions.join(" "),
        Bucket::Ghost if account.message.starts_with("sub_") => account.subscriptions.join(" "),
        _ => account.holder.clone().unwrap_or_default(),
    }
}

fn planted() -> BTreeSet<(&'static str, String)> {
    let user = |kind: Drift| format!("user_2acct{:022}", kind.account());
    let subscription = |number: u64| format!("sub_1Rlivecme7Acct{number:010}");
    let of = |kind: Drift| match kind {
        Drift::PaidButFree => ("paid-but-free", user(kind)),
        Drift::FreeButEntitled => ("free-but-entitled", user(kind)),
        Drift::WrongTier => ("wrong-tier", user(kind)),
        Drift::PastDue => ("past-due-entitled", user(kind)),
        Drift::GhostUser => ("ghost", subscription(kind.account())),
        Drift::GhostCustomer | Drift::GhostSubscription => ("ghost", user(kind)),
        Drift::Unmappable => ("unmappable", subscription(kind.account())),
        Drift::TwoSubscriptions => {
            ("two-subscriptions", format!("{} {}", subscription(kind.account()), subscription(kind.account() + 1)))
        }
    };
    Drift::ALL.into_iter().map(of).collect()
}

#[tokio::test]
async fn every_planted_drift_is_found_and_nothing_else() {
    let found = in_sandbox(&of_accounts(1500, true).await, ALL).await;
    assert_eq!(drift(&found), planted());
    assert_eq!((found.subscriptions, found.holders, found.exit_code()), (1503, 1506, 1));
    assert!(found.is_complete(), "{:?}", found.not_compared);
}

#[tokio::test]
async fn accounts_without_drift_have_none() {
    let found = in_sandbox(&of_accounts(1500, false).await, ALL).await;
    assert_eq!((drift(&found), found.exit_code()), (BTreeSet::new(), 0), "{:?}", found.not_compared);
    // One in ten is canceled and free.
    assert_eq!(found.agree, 1350 + 2);
}

#[tokio::test]
async fn no_healthy_world_has_drift() {
    let healthy = scenarios().iter().filter(|scenario| scenario.name.starts_with("healthy"));
    for healthy in healthy.filter(|healthy| healthy.name != "healthy-many-users") {
        let found = in_scenario(&healthy.name).await;
        assert_eq!(drift(&found), BTreeSet::new(), "{}", healthy.name);
        // The canary may be a user with a tier and no subscription: without its ID, that cannot be told.
        let is_complete = found.is_complete() || healthy.name.contains("without-canary");
        assert!(is_complete, "{}: {:?}", healthy.name, found.not_compared);
    }
}

#[tokio::test]
async fn every_scenario_of_entitlements_has_its_bucket() {
    for (scenario, bucket) in [
        ("paid-but-free", "paid-but-free"),
        ("free-but-entitled", "free-but-entitled"),
        ("wrong-tier", "wrong-tier"),
        ("ghost-user", "ghost"),
        ("past-due-entitled", "past-due-entitled"),
        ("cancelled-but-entitled", "free-but-entitled"),
        ("test-mode-customer", "ghost"),
        ("unknown-subscription", "ghost"),
        ("organizations-paid-but-free", "paid-but-free"),
        ("organizations-free-but-entitled", "free-but-entitled"),
        ("organizations-wrong-tier", "wrong-tier"),
        ("organizations-ghost", "ghost"),
        ("organizations-subscription-names-user", "ghost"),
    ] {
        let found = in_scenario(scenario).await;
        let buckets: Vec<&str> = drift(&found).into_iter().map(|(bucket, _)| bucket).collect();
        assert_eq!((buckets, found.exit_code()), (vec![bucket], 1), "{scenario}");
    }
}

#[tokio::test]
async fn with_the_plans_of_the_other_kind_of_holder_nothing_is_called_drift() {
    let found = in_scenario("organizations-not-configured").await;
    assert_eq!((drift(&found), found.exit_code()), (BTreeSet::new(), 2), "{found:?}");
    let found = in_scenario("organizations-claim-of-user").await;
    assert_eq!((drift(&found), found.exit_code()), (BTreeSet::new(), 2), "{found:?}");
}

#[tokio::test]
async fn a_price_without_a_tier_is_for_information() {
    let found = in_scenario("subscription-without-tier").await;
    assert_eq!((found.of(Bucket::NoTier).count(), found.exit_code()), (1, 0), "{found:?}");
}

#[tokio::test]
async fn a_wrong_catalog_is_not_reported_as_drift() {
    for name in ["prices-swapped", "price-shared", "metadata-case", "price-test-mode", "price-amount"] {
        let found = in_scenario(name).await;
        assert_eq!(drift(&found), BTreeSet::new(), "{name}");
    }
}

#[tokio::test]
async fn only_what_changed_since_then_is_reported() {
    let sandbox = of_accounts(300, true).await;
    let now = Timestamp::now();
    let recent = in_sandbox(&sandbox, Options { since: Some(now), ..ALL }).await;
    assert_eq!((drift(&recent), recent.exit_code()), (BTreeSet::new(), 0));
    // Every account by formula is older than 2026.
    let long_ago = "2020-01-01T00:00:00Z".parse().ok();
    let all = in_sandbox(&sandbox, Options { since: long_ago, ..ALL }).await;
    assert_eq!(drift(&all), planted());
    let sandbox = Sandbox::start(&["cancelled-but-entitled"], sandbox::Options::default()).await.unwrap();
    // The subscription was created before, and canceled since.
    let since = now.checked_sub(jiff::SignedDuration::from_hours(10 * 24)).ok();
    let canceled = in_sandbox(&sandbox, Options { since, ..ALL }).await;
    assert_eq!(canceled.of(Bucket::FreeButEntitled).count(), 1);
}

/// What is found if one request has no valid answer.
async fn with_unanswerable(target: &str, provider: &'static str, occurrence: usize, drift: bool) -> Reconciliation {
    let sandbox = of_accounts(1500, drift).await;
    let (method, detail) = ("GET".to_owned(), String::new());
    for unanswerable in [Unanswerable::TooMany, Unanswerable::CutOff] {
        let key = RequestKey {
            provider,
            method: method.clone(),
            target: target.to_owned(),
            detail: detail.clone(),
            occurrence,
        };
        sandbox.tamper(Some(Tampering { key, with: Tampered::Unanswerable(unanswerable) }));
        let found = in_sandbox(&sandbox, ALL).await;
        assert!(!found.is_complete(), "{}: {found:?}", unanswerable.word());
        assert!(!format!("{found:?}").contains('@'), "{found:?}");
        if unanswerable == Unanswerable::CutOff {
            return found;
        }
        sandbox.renew().unwrap();
    }
    unreachable!("the last one returns")
}

const SUBSCRIPTIONS: &str = "/v1/subscriptions?limit=100&status=all&created[gte]=*&created[lt]=*";

#[tokio::test]
async fn a_page_of_subscriptions_without_an_answer_makes_the_result_incomplete() {
    for occurrence in [0, 3] {
        let found = with_unanswerable(SUBSCRIPTIONS, "stripe", occurrence, false).await;
        assert_eq!((drift(&found), found.exit_code()), (BTreeSet::new(), 2));
    }
}

#[tokio::test]
async fn a_page_of_users_without_an_answer_makes_the_result_incomplete() {
    let target = "/v1/users?limit=500&offset=499&order_by=%2Bcreated_at";
    let found = with_unanswerable(target, "clerk", 0, false).await;
    assert_eq!((drift(&found), found.exit_code(), found.holders), (BTreeSet::new(), 2, 1008));
    let count = with_unanswerable("/v1/users/count", "clerk", 0, false).await;
    assert_eq!((drift(&count), count.exit_code()), (BTreeSet::new(), 2));
}

#[tokio::test]
async fn drift_beside_a_missing_page_is_found() {
    let target = "/v1/users?limit=500&offset=998&order_by=%2Bcreated_at";
    let found = with_unanswerable(target, "clerk", 0, true).await;
    assert_eq!((drift(&found), found.exit_code()), (planted(), 1));
}

#[tokio::test]
async fn without_a_provider_nothing_is_compared_and_nothing_is_clean() {
    for name in ["provider-dark", "stripe-key-revoked", "clerk-key-revoked"] {
        let found = in_scenario(name).await;
        assert_eq!((drift(&found), found.exit_code()), (BTreeSet::new(), 2), "{name}");
    }
}

#[tokio::test]
async fn what_was_found_before_it_was_stopped_is_incomplete() {
    let sandbox = of_accounts(1500, true).await;
    let found = reconcile(&world(&sandbox), ALL, &Progress::default(), ready(())).await;
    assert!(found.is_interrupted && !found.is_complete());
    assert_eq!(found.exit_code(), 2);
}

#[tokio::test]
async fn drift_that_is_gone_when_it_is_read_again_is_none() {
    let sandbox = Sandbox::start(&["paid-but-free"], sandbox::Options::default()).await.unwrap();
    let (world, progress) = (world(&sandbox), Progress::default());
    let options = Options { pause: Duration::from_millis(200), ..ALL };
    let heal = async {
        while progress.stage() == super::Stage::Reading {
            tokio::task::yield_now().await;
        }
        let client = reqwest::Client::new();
        let url = format!("{}v1/users/user_2adaAcme0000000000000000000/metadata", sandbox.plain().clerk);
        let request = client.patch(url).bearer_auth(&sandbox.environment()["CLERK_SECRET_KEY"]);
        let body = serde_json::json!({ "public_metadata": { "plan": "pro" } });
        assert!(request.json(&body).send().await.unwrap().status().is_success());
    };
    let (found, ()) = futures::join!(reconcile(&world, options, &progress, pending()), heal);
    assert_eq!((drift(&found), found.exit_code()), (BTreeSet::new(), 0), "{found:?}");
}

#[tokio::test]
async fn the_money_at_risk_is_that_of_the_subscriptions() {
    let found = in_scenario("paid-but-free").await;
    let amounts: Vec<String> = found.accounts[0].monthly.amounts().map(|money| money.to_string()).collect();
    assert_eq!(amounts, ["29.00 USD"]);
}

#[tokio::test]
async fn no_page_is_read_twice_and_the_log_does_not_grow() {
    let sandbox = of_accounts(2000, false).await;
    let options = world::Options { stripe_rate: NonZeroU32::new(1000), most_logged: 10, ..world::Options::default() };
    let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
    reconcile(&world, ALL, &Progress::default(), pending()).await;
    assert_eq!(world.requests().len(), 10);
    let mut asked = sandbox.requests();
    let all = asked.len();
    // It counts the users before and after.
    asked.retain(|(_, request)| !request.contains("/users/count"));
    assert_eq!(asked.len(), all - 2);
    asked.sort();
    let (count, lines) = (asked.len(), asked.clone());
    asked.dedup();
    assert_eq!(asked.len(), count, "{lines:#?}");
}

/// A file for what was read, in a folder that goes with it.
fn partial() -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let partial = Some(folder.path().join("reports/reconcile.partial.jsonl"));
    (folder, Options { partial, ..ALL })
}

/// A comparison that is stopped after so many requests for pages.
async fn stopped_after(sandbox: &Sandbox, options: &Options, pages: usize) -> Reconciliation {
    let (world, progress) = (world(sandbox), Progress::default());
    let asked = || sandbox.requests().iter().filter(|(_, line)| line.contains("limit=")).count();
    let stop = async {
        while asked() < pages {
            tokio::task::yield_now().await;
        }
    };
    reconcile(&world, options.clone(), &progress, stop).await
}

fn lines(options: &Options) -> usize {
    std::fs::read_to_string(options.partial.as_ref().unwrap()).unwrap().lines().count()
}

#[tokio::test]
async fn an_interrupted_comparison_goes_on_with_what_is_missing() {
    let whole = in_sandbox(&of_accounts(2000, true).await, ALL).await;
    let (mut lasts, mut counts) = (Vec::new(), Vec::new());
    for pages in [1, 5, 9, 13] {
        let (sandbox, (_folder, options)) = (of_accounts(2000, true).await, partial());
        let stopped = stopped_after(&sandbox, &options, pages).await;
        assert!(stopped.is_interrupted && stopped.can_go_on, "{pages}");
        // Without its first line and the span of everything.
        counts.push(lines(&options) - 2);
        let before = sandbox.requests().len();
        let found = in_sandbox(&sandbox, options.clone()).await;
        assert_eq!((drift(&found), found.agree), (drift(&whole), whole.agree), "{pages}");
        assert_eq!((found.subscriptions, found.holders), (whole.subscriptions, whole.holders), "{pages}");
        assert!(found.is_complete() && !found.can_go_on, "{:?}", found.not_compared);
        assert!(found.resumed.is_some() && !options.partial.unwrap().exists());
        lasts.push(sandbox.requests().len() - before);
    }
    assert!(counts[0] < counts[3] && lasts[3] < lasts[0], "{counts:?} pages were kept, {lasts:?} requests were left");
}

#[tokio::test]
async fn a_page_that_got_no_answer_is_all_that_is_read_the_next_time() {
    let (sandbox, (_folder, options)) = (of_accounts(2000, true).await, partial());
    let key = RequestKey {
        provider: "clerk",
        method: "GET".to_owned(),
        target: "/v1/users?limit=500&offset=998&order_by=%2Bcreated_at".to_owned(),
        detail: String::new(),
        occurrence: 0,
    };
    sandbox.tamper(Some(Tampering { key, with: Tampered::Unanswerable(Unanswerable::CutOff) }));
    let first = in_sandbox(&sandbox, options.clone()).await;
    assert!(!first.is_complete() && first.can_go_on);
    sandbox.tamper(None);
    let before = sandbox.requests().len();
    let found = in_sandbox(&sandbox, options).await;
    assert_eq!((drift(&found), found.is_complete()), (planted(), true), "{:?}", found.not_compared);
    let asked = sandbox.requests().split_off(before);
    let pages: Vec<&String> =
        asked.iter().map(|(_, line)| line).filter(|line| line.contains("/v1/users?limit=500")).collect();
    // That page and the last one, which may have grown.
    assert_eq!(pages.len(), 2, "{pages:#?}");
}

/// A file whose comparison began so many seconds earlier.
fn begun_earlier(kept: &str, seconds: i64) -> String {
    let began = kept.split("\"began\":").nth(1).unwrap().split('}').next().unwrap();
    kept.replacen(began, &(began.parse::<i64>().unwrap() - seconds).to_string(), 1)
}

#[tokio::test]
async fn each_comparison_adds_only_what_was_created_since_the_one_before() {
    let (sandbox, (_folder, options)) = (of_accounts(2000, true).await, partial());
    let path = options.partial.clone().unwrap();
    for pages in [5, 9] {
        stopped_after(&sandbox, &options, pages).await;
        let kept = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, begun_earlier(&kept, 60)).unwrap();
    }
    stopped_after(&sandbox, &options, 12).await;
    let kept = std::fs::read_to_string(&path).unwrap();
    let lines = kept.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let added = lines.filter_map(|line| {
        let page = line.get("subscriptions").filter(|page| page["of"].is_null())?;
        Some((page["rest"][0][0].as_i64().unwrap(), page["rest"][0][1].as_i64().unwrap()))
    });
    let added: Vec<(i64, i64)> = added.collect();
    assert!(added.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{added:?}");
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_read_again() {
    let whole = in_sandbox(&of_accounts(2000, true).await, ALL).await;
    let (sandbox, (_folder, options)) = (of_accounts(2000, true).await, partial());
    stopped_after(&sandbox, &options, 9).await;
    let path = options.partial.clone().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 40]).unwrap();
    let found = in_sandbox(&sandbox, options).await;
    assert_eq!((drift(&found), found.agree), (drift(&whole), whole.agree));
    assert!(found.resumed.is_some() && found.is_complete());
}

#[tokio::test]
async fn what_was_read_of_other_accounts_or_long_ago_is_of_no_use() {
    let (sandbox, (_folder, options)) = (of_accounts(1500, true).await, partial());
    stopped_after(&sandbox, &options, 9).await;
    let path = options.partial.clone().unwrap();
    let kept = std::fs::read_to_string(&path).unwrap();
    let since = Options { since: "2020-01-01T00:00:00Z".parse().ok(), ..options.clone() };
    for (text, options) in [(kept.clone(), since), (begun_earlier(&kept, 3601), options)] {
        std::fs::write(&path, text).unwrap();
        let found = in_sandbox(&sandbox, options).await;
        assert_eq!((found.resumed, drift(&found)), (None, planted()));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_what_was_kept_and_it_has_no_address_and_no_key() {
    use std::os::unix::fs::PermissionsExt;
    let (sandbox, (_folder, options)) = (of_accounts(1500, true).await, partial());
    stopped_after(&sandbox, &options, 9).await;
    let path = options.partial.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains('@') && !text.contains("sk_live") && text.contains("sub_1Rlivecme7Acct"), "{text}");
}

#[tokio::test]
async fn without_a_place_for_the_file_everything_is_compared_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reports"), "a file, not a folder").unwrap();
    let options = Options { partial: Some(folder.path().join("reports/partial.jsonl")), ..ALL };
    let found = in_sandbox(&of_accounts(300, true).await, options).await;
    assert_eq!((drift(&found), found.can_go_on), (planted(), false));
}
