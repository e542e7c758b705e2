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
mod tests;
