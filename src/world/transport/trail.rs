//! Which requests a check asked, and which of them got no answer: so that no check is green without one that it needed.

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
    /// Their places in the log of requests.
    pub asked: BTreeSet<usize>,
    /// Why those that got no answer got none; one sentence each.
    pub unanswered: Vec<String>,
    /// Whether one had to be made again.
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

/// Runs `question` and keeps the requests behind it apart.
pub(crate) async fn followed<F: Future>(question: F) -> (F::Output, Trail) {
    let kept = async {
        let output = question.await;
        (output, TRAIL.with(RefCell::take))
    };
    TRAIL.scope(RefCell::default(), kept).await
}

/// A question whose answer only words a fix or chooses between two diagnoses: no check is less green without it, and without an
/// answer there is just less to say.
pub async fn optional<T>(question: impl Future<Output = Answered<T>>) -> Option<T> {
    Box::pin(followed(question)).await.0.ok()
}

/// Adds to what is being followed. Outside a check (in a clean-up) nothing is.
pub(in crate::world) fn note(trail: &Trail) {
    let _ = TRAIL.try_with(|followed| followed.borrow_mut().join(trail));
}

/// An answer that came, but that nothing can be read from.
pub(super) fn note_unreadable(reason: &str) {
    note(&Trail { unanswered: vec![reason.to_owned()], ..Trail::default() });
}

/// An answer that is found once in a run. Every asker gets it with the requests behind it.
#[derive(Debug)]
pub(in crate::world) struct Once<T>(OnceCell<(T, Trail)>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Once<T> {
    /// The answer. Late askers wait for the first.
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
    async fn every_asker_of_a_shared_answer_hears_what_it_lacks() {
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
    async fn what_only_words_a_fix_leaves_no_trail() {
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
