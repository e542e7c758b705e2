//! What a check has to say of one subject.

use crate::finding::{Answered, Finding, NoAnswer};

/// Everything that came of judging one subject, part by part: what was seen to be right, what is wrong, and what could not
/// be looked at.
///
/// A check is handed its outcome and can only add to it: no part replaces another, so a finding never hides a question that
/// has no answer, and `?` on such a question ends the check with all that was said before. Only the runner makes a status of
/// the parts.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub(crate) findings: Vec<Finding>,
    pub(crate) unanswered: Vec<NoAnswer>,
    pub(crate) passed: Vec<String>,
    pub(crate) not_applicable: Vec<String>,
}

impl Outcome {
    /// Nothing said yet, which is no pass.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer to a question, or `None` and a part that could not be looked at.
    pub fn ask<T>(&mut self, answered: Answered<T>) -> Option<T> {
        answered.map_err(|why| self.leave_open(why)).ok()
    }

    /// A part that could not be looked at.
    pub fn leave_open(&mut self, why: NoAnswer) {
        if !self.unanswered.contains(&why) {
            self.unanswered.push(why);
        }
    }

    /// A part that is wrong. What is wrong for several parts for one reason is said once.
    pub fn find(&mut self, finding: Finding) {
        let is_said = |said: &Finding| said.code == finding.code && said.message == finding.message;
        if !self.findings.iter().any(is_said) {
            self.findings.push(finding);
        }
    }

    /// A part that is as it should be; what was seen.
    pub fn pass(&mut self, seen: impl Into<String>) {
        let seen = seen.into();
        // Two questions may have the same answer, which is said once.
        if !self.passed.contains(&seen) {
            self.passed.push(seen);
        }
    }

    /// The check has nothing to judge here, and why.
    pub fn not_applicable(&mut self, reason: impl Into<String>) {
        self.not_applicable.push(reason.into());
    }

    /// How many parts could not be looked at so far.
    #[must_use]
    pub const fn unanswered_parts(&self) -> usize {
        self.unanswered.len()
    }

    /// Whether no part was spoken of.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.findings.is_empty()
            && self.unanswered.is_empty()
            && self.passed.is_empty()
            && self.not_applicable.is_empty()
    }

    /// What was seen, unless something is wrong or could not be looked at: for a sentence that speaks of every part.
    pub fn pass_if_clean(&mut self, seen: impl Into<String>) {
        if self.findings.is_empty() && self.unanswered.is_empty() {
            self.pass(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;
    use crate::finding::{Answered, NoAnswer};

    fn check(outcome: &mut Outcome) -> Answered {
        outcome.pass("the first tier is sold");
        Err(NoAnswer::unknown("the second tier was answered 429"))?;
        outcome.pass("the third tier is sold");
        Ok(())
    }

    #[test]
    fn what_was_said_before_a_question_without_an_answer_stays_beside_it() {
        let mut outcome = Outcome::new();
        let ended = check(&mut outcome);
        outcome.ask(ended);
        assert_eq!(outcome.passed, ["the first tier is sold"]);
        assert_eq!(outcome.unanswered, [NoAnswer::unknown("the second tier was answered 429")]);
    }
}
