//! What `preflight fix` does: the changes that a report asks for, in the order in which they are safe.

use crate::change::{Actor, Change, SecretSource, StripeResource};
use crate::finding::Severity;
use crate::run::{Report, Reported};
use crate::world::{ChangeDoor, ChangeRecord, Made, NotMade, UNDO, World};

/// What would fix the failures of a report.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What can be changed through an API, in the order in which it is safe.
    pub changes: Vec<Planned>,
    /// What only a person can do, in the order of the report.
    pub by_hand: Vec<ByHand>,
}

/// How often a fix looks for changes again: one problem may hide the next, such as a wrong key a wrong price ID.
pub const ROUNDS: usize = 3;

/// A change, and the findings that ask for it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The change.
    pub change: Change,
    /// The findings: `stripe/price-mode: other-mode`.
    pub asked_by: Vec<String>,
}

/// A fix that needs a person.
#[derive(Debug, Clone)]
pub struct ByHand {
    /// The finding.
    pub finding: String,
    /// What to do.
    pub summary: String,
    /// The commands to type.
    pub commands: Vec<String>,
    /// Lines of code for the Worker.
    pub code: Vec<String>,
    /// The pages to open.
    pub links: Vec<String>,
    /// Why `fix` does not do it, if it could.
    pub reason: Option<String>,
}

/// The plan for the failures of a report. Warnings are left to a person.
#[must_use]
pub fn plan(report: &Report) -> Plan {
    let failures: Vec<(String, &Reported)> =
        report.findings(Severity::Failure).into_iter().map(|found| (found.name(), found.reported)).collect();
    let mut plan = Plan::default();
    for (finding, reported) in &failures {
        let fix = &reported.finding.fix;
        if fix.actor() != Actor::Machine {
            plan.by_hand.push(by_hand(finding, reported, None));
            continue;
        }
        let changes = fix.steps.iter().filter(|step| step.is_for_machine());
        let changes: Vec<&Change> = changes.map(|change| superseding(change, &failures).unwrap_or(change)).collect();
        // Nothing is created with a key that may belong to another account.
        if let Some((other, _)) = failures.iter().find(|(name, _)| name.ends_with(": other-account") && name != finding)
            && changes.iter().any(|change| change.creates())
        {
            let reason = format!("{other} must be fixed first");
            plan.by_hand.push(by_hand(finding, reported, Some(reason)));
            continue;
        }
        let others = failures.iter().filter(|(_, other)| !std::ptr::eq(*other, *reported));
        let mut steps = others.flat_map(|(name, other)| other.finding.fix.steps.iter().map(move |step| (name, step)));
        if let Some((other, _)) = steps.find(|(_, step)| changes.iter().any(|change| contradicts(change, step))) {
            let reason = format!("{other} asks for another value");
            plan.by_hand.push(by_hand(finding, reported, Some(reason)));
            continue;
        }
        for change in changes {
            match plan.changes.iter_mut().find(|planned| planned.change == *change) {
                Some(planned) => planned.asked_by.push(finding.clone()),
                None => plan.changes.push(Planned { change: change.clone(), asked_by: vec![finding.clone()] }),
            }
        }
    }
    plan.changes.sort_by_key(|planned| rank(&planned.change));
    // What needs a value of a new object follows its creation.
    let mut followers = Vec::new();
    plan.changes.retain(|planned| {
        let is_follower = planned.change.needs().is_some();
        if is_follower {
            followers.push(planned.clone());
        }
        !is_follower
    });
    for follower in followers.into_iter().rev() {
        let is_needed =
            |planned: &Planned| follower.change.needs().is_some_and(|needed| needed.object == planned.change.object());
        let at = plan.changes.iter().position(is_needed).map_or(plan.changes.len(), |at| at + 1);
        plan.changes.insert(at, follower);
    }
    plan
}

fn by_hand(finding: &str, reported: &Reported, reason: Option<String>) -> ByHand {
    let fix = &reported.finding.fix;
    ByHand {
        finding: finding.to_owned(),
        summary: fix.summary.clone(),
        commands: fix.commands(),
        code: fix.code_lines().into_iter().map(str::to_owned).collect(),
        links: fix.links(),
        reason,
    }
}

/// A new endpoint has a new secret, so the local copy of the old one is not worth setting.
fn superseding<'r>(change: &Change, failures: &[(String, &'r Reported)]) -> Option<&'r Change> {
    let Change::WorkerSecret(secret) = change else { return None };
    if !secret.source.is_local() {
        return None;
    }
    let mut steps = failures.iter().flat_map(|(_, other)| &other.finding.fix.steps);
    steps.find(
        |step| matches!(step, Change::WorkerSecret(other) if other.name == secret.name && other.source.is_created()),
    )
}

/// Whether two changes set one thing to different values. A value that a person has to enter differs from any other.
fn contradicts(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (Change::WorkerSecret(one), Change::WorkerSecret(other)) => {
            let is_superseded = one.source.is_local() != other.source.is_local()
                && (one.source.is_created() || other.source.is_created());
            one.name == other.name
                && !is_superseded
                && (one.source != other.source || one.source == SecretSource::Entered)
        }
        // What needs a value of a new object knows it by this name.
        (Change::Stripe(one), Change::Stripe(other)) if one.id.is_none() || other.id.is_none() => {
            one.object() == other.object() && one != other
        }
        (Change::Stripe(one), Change::Stripe(other)) => {
            one.resource == other.resource
                && one.id == other.id
                && one
                    .fields
                    .iter()
                    .any(|field| other.fields.iter().any(|same| same.field == field.field && same.after != field.after))
        }
        (Change::ClerkMetadata(one), Change::ClerkMetadata(other)) => {
            one.user == other.user && one.key == other.key && one.after != other.after
        }
        (Change::EnvLine(one), Change::EnvLine(other)) => one.name == other.name && one.after != other.after,
        (Change::ClerkTemplate(one), Change::ClerkTemplate(other)) => one.name == other.name && one != other,
        _ => false,
    }
}

/// What customers are served with comes first: an endpoint delivers only to a Worker that can verify and map its events.
const fn rank(change: &Change) -> u8 {
    match change {
        Change::Stripe(stripe) if matches!(stripe.resource, StripeResource::WebhookEndpoint) => 4,
        Change::Stripe(_) => 0,
        Change::ClerkTemplate(_) | Change::EnvLine(_) => 1,
        Change::ClerkMetadata(_) => 2,
        Change::WorkerSecret(_) => 3,
        Change::Deploy(_) | Change::Code(_) | Change::Command(_) | Change::Page(_) => 5,
    }
}

/// Makes the changes of a plan, in order, and says of each what became of it. One that is refused does not stop the others.
pub async fn make(
    world: &World,
    plan: &Plan,
    fix: &str,
    mut told: impl FnMut(&Planned, &Result<Made, NotMade>),
) -> usize {
    let door = world.change_door(fix);
    let mut made = 0;
    for planned in &plan.changes {
        let needed_by = |follower: &&Planned| {
            follower.change.needs().is_some_and(|needed| needed.object == planned.change.object())
        };
        // The signing secret of a new endpoint must have a place before Stripe shows it.
        let is_ready =
            plan.changes.iter().filter(needed_by).try_for_each(|follower| ChangeDoor::can_make(&follower.change));
        let result = match is_ready {
            Ok(()) => door.make(&planned.change).await,
            Err(why) => Err(why),
        };
        made += usize::from(result.is_ok());
        told(planned, &result);
    }
    made
}

/// Takes a group of changes back, the last one first. Returns whether all of them were taken back that can be.
pub async fn take_back(
    world: &World,
    records: &[ChangeRecord],
    mut told: impl FnMut(&ChangeRecord, &Result<Made, NotMade>),
) -> bool {
    let fix = records.first().map_or("", |record| record.fix.as_str());
    let name = format!("{UNDO}{fix}");
    let door = world.change_door(&name);
    door.remember(records);
    let mut is_whole = true;
    for record in records.iter().rev() {
        let result = door.take_back(record).await;
        is_whole &= matches!(result, Ok(_) | Err(NotMade::Lasting(_)));
        told(record, &result);
    }
    if is_whole {
        // Without the note, the next undo finds that there is nothing left to take back.
        let _ = door.note_taken_back(fix);
    }
    is_whole
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::task::Poll;

    use super::{Plan, make, plan, take_back};
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
        make(&deployment.world(), plan, "one", |planned, made| assert_eq!(*made, Ok(Made::Changed), "{planned:?}"))
            .await;
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

    /// A future that is dropped in the middle, as a killed process drops it.
    async fn killed_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let mut left = polls;
        std::future::poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            future.as_mut().poll(context).map(Some)
        })
        .await
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
            // Lets the sandbox finish the request that was under way.
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
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
}
