//! What `preflight fix` does: the changes that a report asks for, in the order in which they are safe.

use crate::change::{Actor, Change, SecretSource, StripeResource};
use crate::finding::Severity;
use crate::run::{Report, Reported};
use crate::world::{ChangeRecord, Made, NotMade, UNDO, World};

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
        let changes: Vec<&Change> = fix.steps.iter().filter(|step| step.is_for_machine()).collect();
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
    plan
}

fn by_hand(finding: &str, reported: &Reported, reason: Option<String>) -> ByHand {
    let fix = &reported.finding.fix;
    ByHand {
        finding: finding.to_owned(),
        summary: fix.summary.clone(),
        commands: fix.commands(),
        links: fix.links(),
        reason,
    }
}

/// Whether two changes set one thing to different values. A value that a person has to enter differs from any other.
fn contradicts(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (Change::WorkerSecret(one), Change::WorkerSecret(other)) => {
            one.name == other.name && (one.source != other.source || one.source == SecretSource::Entered)
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
        Change::Deploy(_) | Change::Command(_) | Change::Page(_) => 5,
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
        let result = door.make(&planned.change).await;
        made += usize::from(result.is_ok());
        told(planned, &result);
    }
    made
}

/// Takes a group of changes back, the last one first. Returns whether all of them are as they were before.
pub async fn take_back(
    world: &World,
    records: &[ChangeRecord],
    mut told: impl FnMut(&ChangeRecord, &Result<Made, NotMade>),
) -> bool {
    let fix = records.first().map_or("", |record| record.fix.as_str());
    let name = format!("{UNDO}{fix}");
    let door = world.change_door(&name);
    let mut is_whole = true;
    for record in records.iter().rev() {
        let result = door.take_back(record).await;
        is_whole &= result.is_ok();
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
    use std::path::{Path, PathBuf};

    use super::{Plan, make, plan, take_back};
    use crate::run::{Decision, Report, Selection, run};
    use crate::sandbox::{Options, Sandbox};
    use crate::world::{self, ChangeRecord, Made, NotMade, World, last_fix};

    /// A sandbox with these problems, and a journal.
    struct Deployment {
        sandbox: Sandbox,
        folder: tempfile::TempDir,
    }

    impl Deployment {
        async fn with(scenarios: &[&str]) -> Self {
            let sandbox = Sandbox::start(scenarios, Options::default()).await.unwrap();
            Self { sandbox, folder: tempfile::tempdir().unwrap() }
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
        let before = deployment.sandbox.state();
        make_all(&deployment, &plan).await;
        assert_ne!(deployment.sandbox.state(), before);
        let records = recorded(&deployment.journal());
        assert_eq!(records.len(), plan.changes.len());
        assert!(
            take_back(&deployment.world(), &records, |record, made| assert!(made.is_ok(), "{record:?} {made:?}")).await
        );
        assert_eq!(deployment.sandbox.state(), before);
    }

    #[tokio::test]
    async fn a_line_of_an_env_file_is_changed_and_restored() {
        let deployment = Deployment::with(&["healthy"]).await;
        let path = deployment.folder.path().join(".env");
        let text = "KEPT=1\nSTRIPE_PRICE_ID_PRO=price_old\n";
        std::fs::write(&path, text).unwrap();
        let line = crate::change::EnvLine {
            path: path.display().to_string(),
            line: 2,
            name: "STRIPE_PRICE_ID_PRO".to_owned(),
            before: "price_old".to_owned(),
            after: "price_new".to_owned(),
        };
        let planned = super::Planned { change: line.into(), asked_by: Vec::new() };
        make_all(&deployment, &Plan { changes: vec![planned], by_hand: Vec::new() }).await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "KEPT=1\nSTRIPE_PRICE_ID_PRO=price_new\n");
        assert!(take_back(&deployment.world(), &recorded(&deployment.journal()), |_, _| ()).await);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(std::fs::read_dir(deployment.folder.path()).unwrap().count(), 2);
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
        let record = ChangeRecord { fix: "one".to_owned(), existed: true, change };
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
