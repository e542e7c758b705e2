//! The result of a check for one subject.

use crate::finding::{Answered, Finding, NoAnswer, Severity};

/// The result of a check for one subject, part by part: what is right, what is wrong, and what could not be checked.
///
/// A check can only add to its outcome, so a finding never hides a question without an answer, and `?` on such a question
/// keeps everything before it. Only the runner turns the parts into a status.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub(crate) findings: Vec<Finding>,
    /// Findings that are no part: a note neither passes nor fails, so it cannot make a check verified.
    pub(crate) notes: Vec<Finding>,
    pub(crate) unanswered: Vec<NoAnswer>,
    pub(crate) passed: Vec<String>,
    pub(crate) not_applicable: Vec<String>,
}

impl Outcome {
    /// An empty outcome, which does not count as a pass.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer to a question. Without one, the part stays open.
    pub fn ask<T>(&mut self, answered: Answered<T>) -> Option<T> {
        answered.map_err(|why| self.leave_open(why)).ok()
    }

    /// Adds a part that could not be checked.
    pub fn leave_open(&mut self, why: NoAnswer) {
        if !self.unanswered.contains(&why) {
            self.unanswered.push(why);
        }
    }

    /// Adds a part that is wrong, or a note, which is no part. Reports a problem that several parts share once.
    pub fn find(&mut self, finding: Finding) {
        let list = match finding.code.severity() {
            Severity::Note => &mut self.notes,
            Severity::Warning | Severity::Failure => &mut self.findings,
        };
        let is_said = |said: &Finding| said.code == finding.code && said.message == finding.message;
        if !list.iter().any(is_said) {
            list.push(finding);
        }
    }

    /// Adds a part that is right, with what was seen.
    pub fn pass(&mut self, seen: impl Into<String>) {
        let seen = seen.into();
        if !self.passed.contains(&seen) {
            self.passed.push(seen);
        }
    }

    /// Adds the reason why the check does not apply, and ends the check there.
    ///
    /// # Errors
    /// None.
    pub fn not_applicable(&mut self, reason: impl Into<String>) -> Answered {
        self.not_applicable.push(reason.into());
        Ok(())
    }

    /// How many parts could not be checked so far.
    #[must_use]
    pub const fn unanswered_parts(&self) -> usize {
        self.unanswered.len()
    }

    /// Whether it has no parts.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.findings.is_empty()
            && self.unanswered.is_empty()
            && self.passed.is_empty()
            && self.not_applicable.is_empty()
    }

    /// Adds a passed part only if nothing is wrong or open: for a sentence about all parts.
    pub fn pass_if_clean(&mut self, seen: impl Into<String>) {
        if self.findings.is_empty() && self.unanswered.is_empty() {
            self.pass(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;
    use crate::change::Fix;
    use crate::finding::{Answered, Code, Finding, NoAnswer, Severity};

    fn check(outcome: &mut Outcome) -> Answered {
        outcome.pass("the first tier is sold");
        Err(NoAnswer::unknown("the second tier was answered 429"))?;
        outcome.pass("the third tier is sold");
        Ok(())
    }

    #[test]
    fn a_note_is_no_part() {
        let mut outcome = Outcome::new();
        outcome.find(Finding {
            code: Code::declared("full-access", Severity::Note, ""),
            message: "The key can do everything.".to_owned(),
            expected: String::new(),
            actual: String::new(),
            evidence: Vec::new(),
            fix: Fix::new("Use a restricted key."),
        });
        assert!(outcome.is_silent());
        outcome.pass_if_clean("all is well");
        assert_eq!((outcome.notes.len(), outcome.passed.len()), (1, 1));
    }

    #[test]
    fn a_question_without_an_answer_keeps_the_parts_before_it() {
        let mut outcome = Outcome::new();
        let ended = check(&mut outcome);
        outcome.ask(ended);
        assert_eq!(outcome.passed, ["the first tier is sold"]);
        assert_eq!(outcome.unanswered, [NoAnswer::unknown("the second tier was answered 429")]);
    }
}
