//! Follows a path link by link, and keeps what it saw.

use jiff::Timestamp;

use super::step::{Break, Link, State, Step};
use crate::change::Fix;
use crate::check::Check;
use crate::checks;
use crate::finding::{Finding, NoAnswer, Severity};
use crate::world::World;

/// Why the path was not followed to its end.
#[derive(Debug)]
pub(super) enum Ended {
    Broken(Box<Break>),
    Unknown(String),
}

pub(super) type Traced<T = ()> = Result<T, Ended>;

impl From<NoAnswer> for Ended {
    fn from(why: NoAnswer) -> Self {
        Self::Unknown(reason(&why))
    }
}

/// Why a question has no answer, for a sentence.
pub(super) fn reason(why: &NoAnswer) -> String {
    match why {
        NoAnswer::Because(cause) => {
            format!("a problem that `preflight run --only={}` reports is in the way", checks::owner(*cause))
        }
        NoAnswer::Unknown(_) | NoAnswer::LeftOut(_) => why.to_string(),
    }
}

/// Follows a path and keeps what it saw.
pub(super) struct Tracer<'w> {
    pub world: &'w World,
    pub steps: Vec<Step>,
    /// How many seconds a delivery may take.
    pub grace: i64,
    /// Whether the user already has what is due: then problems on the way are notes.
    pub is_served: bool,
}

impl Tracer<'_> {
    pub fn see(&mut self, link: Link, state: State, at: Option<i64>, words: impl Into<String>) {
        let at = at.and_then(|seconds| Timestamp::from_second(seconds).ok());
        self.steps.push(Step { link, state, at, words: words.into() });
    }

    /// Notes what could not be read. The links after it are still looked at.
    pub fn leave_open(&mut self, link: Link, why: &NoAnswer) {
        self.see(link, State::Unknown, None, reason(why));
    }

    /// Ends the path here, unless the customer has what is due anyway.
    pub fn problem(&mut self, link: Link, message: impl Into<String>, fix: Fix) -> Traced {
        let message = message.into();
        if self.is_served {
            self.see(link, State::Note, None, message);
            return Ok(());
        }
        Err(self.broken(link, message, fix))
    }

    /// Ends the path here.
    pub fn broken(&mut self, link: Link, message: impl Into<String>, fix: Fix) -> Ended {
        let message = message.into();
        self.see(link, State::Broken, None, message.clone());
        Ended::Broken(Box::new(Break { link, message, fix }))
    }
}

/// The failures that a check finds now, and what it could not read.
pub(super) async fn failures(world: &World, check: &Check) -> (Vec<Finding>, Vec<NoAnswer>) {
    let judged = (check.judge)(world, &check.id).await;
    let (mut findings, mut unanswered) = (Vec::new(), Vec::new());
    for judgement in judged {
        findings.extend(judgement.outcome.findings);
        unanswered.extend(judgement.outcome.unanswered);
    }
    findings.retain(|finding| finding.code.severity() == Severity::Failure);
    (findings, unanswered)
}
