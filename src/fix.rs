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
        let mut others = failures.iter().filter(|(_, other)| !std::ptr::eq(*other, *reported));
        if let Some(obstacle) = others.find_map(|(name, other)| obstacle(&changes, finding, name, other)) {
            plan.by_hand.push(by_hand(finding, reported, Some(obstacle)));
            continue;
        }
        for change in changes {
            match plan.changes.iter_mut().find(|planned| planned.change == *change) {
                Some(planned) => planned.asked_by.push(finding.clone()),
                None => plan.changes.push(Planned { change: change.clone(), asked_by: vec![finding.clone()] }),
            }
        }
    }
    plan.changes = ordered(plan.changes);
    plan
}

/// The changes by rank, and what needs a value of a new object right after its creation.
fn ordered(mut changes: Vec<Planned>) -> Vec<Planned> {
    changes.sort_by_key(|planned| rank(&planned.change));
    let (followers, mut ordered): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|planned| planned.change.needs().is_some());
    for follower in followers.into_iter().rev() {
        let creation = ordered.iter().position(|planned| follower.change.follows(&planned.change));
        ordered.insert(creation.map_or(ordered.len(), |at| at + 1), follower);
    }
    ordered
}

/// Why changes are not made while another finding is there.
fn obstacle(changes: &[&Change], finding: &str, name: &str, other: &Reported) -> Option<String> {
    // Nothing is created with a key that may belong to another account.
    if name.ends_with(": other-account") && name != finding && changes.iter().any(|change| change.creates()) {
        return Some(format!("{name} must be fixed first"));
    }
    let contradicts = |step: &Change| changes.iter().any(|change| contradicts(change, step));
    other.finding.fix.steps.iter().any(contradicts).then(|| format!("{name} asks for another value"))
}

fn by_hand(finding: &str, reported: &Reported, reason: Option<String>) -> ByHand {
    let fix = &reported.finding.fix;
    ByHand {
        finding: finding.to_owned(),
        summary: fix.summary.clone(),
        commands: fix.commands(),
        code: fix.code_lines(),
        links: fix.links(),
        reason,
    }
}

/// A new endpoint has a new secret, so the local copy of the old one is not worth setting.
fn superseding<'r>(change: &Change, failures: &[(String, &'r Reported)]) -> Option<&'r Change> {
    let Change::WorkerSecret(secret) = change else { return None };
    let mut steps = failures.iter().flat_map(|(_, other)| &other.finding.fix.steps);
    steps.find(|step| matches!(step, Change::WorkerSecret(other) if other.supersedes(secret)))
}

/// Whether two changes set one thing to different values. A value that a person has to enter differs from any other.
fn contradicts(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (Change::WorkerSecret(one), Change::WorkerSecret(other)) => {
            one.name == other.name
                && !one.supersedes(other)
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
            one.holder == other.holder && one.key == other.key && one.after != other.after
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
        // The signing secret of a new endpoint must have a place before Stripe shows it.
        let mut followers = plan.changes.iter().filter(|other| other.change.follows(&planned.change));
        let result = match followers.try_for_each(|follower| ChangeDoor::can_make(&follower.change)) {
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
mod tests;
