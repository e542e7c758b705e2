//! Tracks which requests a check made and which got no answer, so that no check can pass without one it needs.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::sync::OnceCell;

use crate::finding::Answered;

tokio::task_local! {
    static TRAIL: RefCell<Trail>;
}

/// The requests behind an answer.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// Their indexes in the request log.
    pub asked: BTreeSet<usize>,
    /// Why the others got no answer.
    pub unanswered: Vec<String>,
    /// Whether one was retried.
    pub retried: bool,
}

impl Trail {
    fn join(&mut self, other: &Self) {
        self.asked.extend(&other.asked);
        self.retried |= other.retried;
        for reason in &other.unanswered {
            if !self.unanswered.contains(reason) {
                self.unanswered.push(reason.clone());
            }
        }
    }
}

/// Runs `question` and returns the requests behind its answer.
pub(crate) async fn followed<F: Future>(question: F) -> (F::Output, Trail) {
    let kept = async {
        let output = question.await;
        (output, TRAIL.with(RefCell::take))
    };
    TRAIL.scope(RefCell::default(), kept).await
}

/// Asks a question whose answer only helps to word a fix or to choose between two diagnoses. Without an answer the check still
/// stands, with less detail.
pub async fn optional<T>(question: impl Future<Output = Answered<T>>) -> Option<T> {
    Box::pin(followed(question)).await.0.ok()
}

/// Adds to the trail of the current check. Does nothing outside of a check.
pub(in crate::world) fn note(trail: &Trail) {
    let _ = TRAIL.try_with(|followed| followed.borrow_mut().join(trail));
}

/// Notes a response that could not be read.
pub(super) fn note_unreadable(reason: &str) {
    note(&Trail { unanswered: vec![reason.to_owned()], ..Trail::default() });
}

/// An answer that is computed once in a run. Everyone who asks gets it with the requests behind it.
#[derive(Debug)]
pub(in crate::world) struct Once<T>(OnceCell<(T, Trail)>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Once<T> {
    /// The answer. Later callers wait for the first.
    pub async fn ask<F: Future<Output = T>>(&self, question: impl FnOnce() -> F) -> &T {
        let (answer, trail) = self.0.get_or_init(|| Box::pin(followed(question()))).await;
        note(trail);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::{Once, followed, note_unreadable, optional};
    use crate::finding::NoAnswer;

    #[tokio::test]
    async fn every_caller_of_a_shared_answer_gets_its_trail() {
        let shared = Once::default();
        let ask = || async {
            note_unreadable("one page was cut off");
            1
        };
        let ((), first) = followed(async { _ = shared.ask(ask).await }).await;
        let ((), second) = followed(async { _ = shared.ask(ask).await }).await;
        assert_eq!((first.unanswered, second.unanswered.len()), (vec!["one page was cut off".to_owned()], 1));
    }

    #[tokio::test]
    async fn an_optional_question_leaves_no_trail() {
        let asks = async {
            optional(async {
                note_unreadable("no list of prices");
                Err::<(), _>(NoAnswer::unknown("no list of prices"))
            })
            .await
        };
        let (answer, trail) = followed(asks).await;
        assert_eq!((answer, trail.unanswered.len()), (None, 0));
    }
}
