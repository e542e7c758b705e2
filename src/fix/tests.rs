//! Plans against sandboxes: made, killed and taken back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Plan, make, plan, take_back};
use crate::check::testing::killed_after;
use crate::run::{Decision, Report, Selection, run};
use crate::sandbox::{Options, Sandbox};
use crate::world::{self, ChangeRecord, Made, NotMade, World, last_fix};

/// A sandbox with these problems, an env file and a journal.
struct Deployment {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Deployment {
    async fn with(scenarios: &[&str]) -> Self {
        let mut sandbox = Sandbox::start(scenarios, Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        sandbox.keep_environment_in(folder.path().join("environment")).unwrap();
        Self { sandbox, folder }
    }

    /// What a fix can change: the providers' state, and the env file.
    fn state(&self) -> (serde_json::Value, String) {
        (self.sandbox.state(), std::fs::read_to_string(self.folder.path().join("environment")).unwrap())
    }

    /// The account's objects of a kind in live mode.
    fn live(&self, kind: &str) -> Vec<serde_json::Value> {
        let all = self.sandbox.state()["stripe"][kind].as_object().cloned().unwrap_or_default();
        let is_own = |object: &serde_json::Value| !object["id"].as_str().unwrap().contains("ther");
        all.into_values().filter(|object| object["livemode"] == true && is_own(object)).collect()
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    fn world(&self) -> World {
        let options = world::Options { journal: self.journal(), ..world::Options::default() };
        World::new(self.sandbox.config(None).unwrap(), self.sandbox.options(options)).unwrap()
    }

    async fn report(&self) -> Report {
        run(&self.world(), &Selection::default(), None, std::future::pending()).await
    }

    async fn plan(&self) -> Plan {
        plan(&self.report().await)
    }
}

async fn make_all(deployment: &Deployment, plan: &Plan) {
    make(&deployment.world(), plan, "one", |planned, made| assert_eq!(*made, Ok(Made::Changed), "{planned:?}")).await;
}

fn recorded(journal: &Path) -> Vec<ChangeRecord> {
    last_fix(journal).unwrap()
}

const PROBLEMS: &[&str] = &["metadata-case", "endpoint-slash", "jwt-template-missing", "portal-no-cancel"];

#[tokio::test]
async fn independent_problems_are_fixed_together() {
    let deployment = Deployment::with(PROBLEMS).await;
    let plan = deployment.plan().await;
    assert!(plan.by_hand.is_empty(), "{plan:?}");
    make_all(&deployment, &plan).await;
    assert_eq!(deployment.report().await.decision, Decision::Go);
}

#[tokio::test]
async fn a_fix_that_was_cut_short_is_in_the_journal_and_can_be_taken_back() {
    let deployment = Deployment::with(PROBLEMS).await;
    let before = deployment.plan().await;
    let mut cut_short = before.clone();
    cut_short.changes.truncate(2);
    make_all(&deployment, &cut_short).await;
    let records = recorded(&deployment.journal());
    let noted: Vec<_> = records.iter().map(|record| &record.change).collect();
    assert_eq!(noted, cut_short.changes.iter().map(|planned| &planned.change).collect::<Vec<_>>());
    assert!(take_back(&deployment.world(), &records, |_, _| ()).await);
    let after = deployment.plan().await;
    let changes = |plan: &Plan| plan.changes.iter().map(|planned| planned.change.clone()).collect::<Vec<_>>();
    assert_eq!(changes(&after), changes(&before));
    assert!(recorded(&deployment.journal()).is_empty());
}

#[tokio::test]
async fn everything_that_was_changed_or_created_is_as_before_after_an_undo() {
    let deployment =
        Deployment::with(&["metadata-case", "endpoint-slash", "jwt-template-missing", "secret-not-set"]).await;
    let plan = deployment.plan().await;
    let before = deployment.state();
    make_all(&deployment, &plan).await;
    assert_ne!(deployment.state(), before);
    let records = recorded(&deployment.journal());
    assert_eq!(records.len(), plan.changes.len());
    assert!(
        take_back(&deployment.world(), &records, |record, made| assert!(made.is_ok(), "{record:?} {made:?}")).await
    );
    assert_eq!(deployment.state(), before);
}

#[tokio::test]
async fn a_fix_that_was_killed_at_any_point_can_be_taken_back() {
    let deployment =
        Deployment::with(&["metadata-case", "jwt-template-missing", "endpoint-none", "secret-not-set"]).await;
    let plan = deployment.plan().await;
    assert!(plan.by_hand.is_empty(), "{plan:?}");
    let before = deployment.state();
    for polls in 1.. {
        let name = format!("killed after {polls}");
        let made = killed_after(
            polls,
            make(&deployment.world(), &plan, &name, |_, made| assert_eq!(*made, Ok(Made::Changed))),
        )
        .await;
        let records = recorded(&deployment.journal());
        let world = deployment.world();
        let all = |record: &ChangeRecord, made: &Result<Made, NotMade>| {
            assert!(made.is_ok(), "{name}: {record:?} {made:?}");
        };
        assert!(take_back(&world, &records, all).await);
        assert_eq!(deployment.state(), before, "{name}");
        if made.is_some() {
            assert_eq!(records.len(), plan.changes.len());
            return;
        }
    }
}

#[tokio::test]
async fn everything_that_live_mode_lacks_is_made_as_in_test_mode() {
    let deployment = Deployment::with(&["live-mode-empty"]).await;
    let plan = deployment.plan().await;
    assert!(plan.by_hand.is_empty(), "{plan:?}");
    make_all(&deployment, &plan).await;
    let report = deployment.report().await;
    assert_eq!(report.decision, Decision::Go, "{:?}", report.checks);
    let live = |kind| deployment.live(kind).len();
    assert_eq!((live("products"), live("prices"), live("webhook_endpoints")), (2, 2, 1));
}

#[tokio::test]
async fn no_secret_is_in_the_journal() {
    let deployment = Deployment::with(&["live-mode-empty"]).await;
    make_all(&deployment, &deployment.plan().await).await;
    let journal = std::fs::read_to_string(deployment.journal()).unwrap();
    let environment = std::fs::read_to_string(deployment.folder.path().join("environment")).unwrap();
    let secret = environment.lines().find_map(|line| line.strip_prefix("STRIPE_WEBHOOK_SECRET=")).unwrap();
    assert!(secret.starts_with("whsec_Sandbox") && !journal.contains("whsec_"), "{journal}");
}

#[tokio::test]
async fn what_was_created_is_removed_or_archived_by_an_undo() {
    let deployment = Deployment::with(&["live-mode-empty"]).await;
    let (_, environment) = deployment.state();
    make_all(&deployment, &deployment.plan().await).await;
    let mut results = Vec::new();
    take_back(&deployment.world(), &recorded(&deployment.journal()), |_, made| results.push(made.clone())).await;
    assert_eq!(results.iter().filter(|made| **made == Ok(Made::Archived)).count(), 2, "{results:?}");
    assert!(deployment.live("products").iter().all(|product| product["active"] == false));
    assert!(deployment.live("webhook_endpoints").is_empty());
    assert_eq!(deployment.state().1, environment);
}

#[tokio::test]
async fn a_live_price_on_the_same_terms_is_not_taken_for_the_tiers() {
    let deployment = Deployment::with(&["catalogue-unmapped", "live-mode-empty"]).await;
    let others = deployment.live("products");
    make_all(&deployment, &deployment.plan().await).await;
    let products = deployment.live("products");
    assert_eq!(products.len(), others.len() + 2);
    assert!(others.iter().all(|other| products.contains(other)), "{products:?}");
}

#[tokio::test]
async fn a_secret_is_not_written_into_the_value_of_another_variable() {
    let deployment = Deployment::with(&["endpoint-none"]).await;
    let path = deployment.folder.path().join("environment");
    let text = std::fs::read_to_string(&path).unwrap() + "NOTES=\"see\nSTRIPE_WEBHOOK_SECRET=whsec_note\nend\"\n";
    std::fs::write(&path, &text).unwrap();
    let plan = deployment.plan().await;
    let made = make(&deployment.world(), &plan, "one", |_, made| assert!(made.is_err(), "{made:?}")).await;
    // Without a place for its secret, the endpoint is not created either.
    assert_eq!((made, deployment.live("webhook_endpoints").len()), (0, 0));
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

#[tokio::test]
async fn a_change_that_was_rejected_is_not_taken_back() {
    let deployment = Deployment::with(&["endpoint-none", "healthy-restricted-key"]).await;
    let plan = deployment.plan().await;
    let mut rejected = 0;
    make(&deployment.world(), &plan, "one", |_, made| {
        rejected += usize::from(matches!(made, Err(NotMade::Rejected(_))));
    })
    .await;
    assert!(rejected > 0, "{plan:?}");
    let noted: Vec<String> = recorded(&deployment.journal()).iter().map(|record| record.change.object()).collect();
    assert!(!noted.iter().any(|object| object.contains("webhook endpoint")), "{noted:?}");
}

#[tokio::test]
async fn an_undo_ends_even_if_a_replaced_secret_stays() {
    let deployment = Deployment::with(&["endpoint-none"]).await;
    make_all(&deployment, &deployment.plan().await).await;
    let mut lasting = 0;
    let (world, records) = (deployment.world(), recorded(&deployment.journal()));
    let count = |_: &ChangeRecord, made: &Result<Made, NotMade>| {
        lasting += usize::from(matches!(made, Err(NotMade::Lasting(_))));
    };
    assert!(take_back(&world, &records, count).await);
    assert_eq!((lasting, recorded(&deployment.journal()).len()), (1, 0));
}

#[tokio::test]
async fn a_secret_that_was_changed_since_is_kept_by_an_undo() {
    let deployment = Deployment::with(&["endpoint-none"]).await;
    make_all(&deployment, &deployment.plan().await).await;
    let path = deployment.folder.path().join("environment");
    let text = std::fs::read_to_string(&path).unwrap().replace("=whsec_Sandbox", "=whsec_Rolled");
    std::fs::write(&path, &text).unwrap();
    assert!(!take_back(&deployment.world(), &recorded(&deployment.journal()), |_, _| ()).await);
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

#[tokio::test]
async fn a_fix_of_another_deployment_is_not_taken_back() {
    let deployment = Deployment::with(&["metadata-case"]).await;
    make_all(&deployment, &deployment.plan().await).await;
    let mut records = recorded(&deployment.journal());
    records[0].deployment = "acme, test mode, https://test.acme.com/".to_owned();
    let before = deployment.state();
    assert!(!take_back(&deployment.world(), &records, |_, _| ()).await);
    assert_eq!(deployment.state(), before);
}

#[tokio::test]
async fn without_an_env_file_for_its_secret_a_person_creates_the_endpoint() {
    let deployment = Deployment {
        sandbox: Sandbox::start(&["endpoint-none"], Options::default()).await.unwrap(),
        folder: tempfile::tempdir().unwrap(),
    };
    let plan = deployment.plan().await;
    assert_eq!((plan.changes.len(), plan.by_hand.len()), (0, 1), "{plan:?}");
}

#[tokio::test]
async fn a_line_of_an_env_file_is_changed_and_restored() {
    let deployment = Deployment::with(&["healthy"]).await;
    let path = deployment.folder.path().join(".env");
    let text = "KEPT=1\nSTRIPE_PRICE_ID_PRO=price_old\n";
    std::fs::write(&path, text).unwrap();
    let line = crate::change::EnvLine {
        path: path.display().to_string(),
        line: Some(2),
        name: "STRIPE_PRICE_ID_PRO".to_owned(),
        before: Some("price_old".to_owned()),
        after: crate::change::NewValue::Known("price_new".to_owned()),
    };
    let planned = super::Planned { change: line.into(), asked_by: Vec::new() };
    make_all(&deployment, &Plan { changes: vec![planned], by_hand: Vec::new() }).await;
    let changed = std::fs::read_to_string(&path).unwrap();
    assert!(changed.ends_with("\nSTRIPE_PRICE_ID_PRO=price_new\n"), "{changed}");
    assert!(take_back(&deployment.world(), &recorded(&deployment.journal()), |_, _| ()).await);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(std::fs::read_dir(deployment.folder.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn an_object_that_someone_else_changed_is_left_alone() {
    let deployment = Deployment::with(&["metadata-case"]).await;
    let plan = deployment.plan().await;
    make_all(&deployment, &plan).await;
    // The same plan again, as if it was read before someone else made the change.
    make(&deployment.world(), &plan, "two", |_, made| assert_eq!(*made, Ok(Made::AlreadyRight))).await;
    let mut stale = plan.clone();
    let crate::change::Change::Stripe(stripe) = &mut stale.changes[0].change else { panic!("{plan:?}") };
    stripe.fields[0].after = "enterprise".into();
    let mut refused = Vec::new();
    make(&deployment.world(), &stale, "three", |_, made| refused.push(made.clone())).await;
    assert!(matches!(refused[..], [Err(NotMade::Moved { .. })]), "{refused:?}");
}

#[tokio::test]
async fn a_change_that_was_recorded_but_never_made_needs_no_undo() {
    let deployment = Deployment::with(&["endpoint-slash"]).await;
    let change = deployment.plan().await.changes[0].change.clone();
    let record = ChangeRecord {
        fix: "one".to_owned(),
        deployment: String::new(),
        existed: true,
        change,
        created: BTreeMap::default(),
    };
    let mut results = Vec::new();
    take_back(&deployment.world(), &[record], |_, made| results.push(made.clone())).await;
    assert_eq!(results, [Ok(Made::AlreadyRight)]);
}

#[tokio::test]
async fn two_findings_that_disagree_are_left_to_a_person() {
    let deployment = Deployment::with(&["metadata-case"]).await;
    let mut report = deployment.report().await;
    let check = report.checks.iter_mut().find(|check| !check.findings.is_empty()).unwrap();
    let mut other = check.findings[0].clone();
    let crate::change::Change::Stripe(stripe) = &mut other.finding.fix.steps[0] else { panic!() };
    stripe.fields[0].after = "enterprise".into();
    check.findings.push(other);
    let plan = plan(&report);
    assert_eq!((plan.changes.len(), plan.by_hand.len()), (0, 2), "{plan:?}");
}
