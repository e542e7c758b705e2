//! What all answers of a run may hold together: each is kept until the run ends, since it may be asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Party, Trouble};

/// The files of a frontend, in bytes. A large one has 15 MB of scripts.
const FRONTEND: usize = 24 << 20;
/// All else, in bytes. A deployment with many pages of everything has a fifth of it.
const OTHERS: usize = 24 << 20;

/// What is held by all answers of a run. A frontend without an end takes nothing from the others.
#[derive(Debug, Default)]
pub(super) struct Budget {
    frontend: Arc<AtomicUsize>,
    others: Arc<AtomicUsize>,
}

impl Budget {
    /// What an answer of `party` holds of it: nothing yet.
    pub fn share(&self, party: Party) -> Share {
        let (all, most) = match party {
            Party::Frontend => (&self.frontend, FRONTEND),
            _ => (&self.others, OTHERS),
        };
        Share { all: Arc::clone(all), most, held: 0 }
    }
}

/// What one answer holds. It is given back when the answer is gone.
#[derive(Debug)]
pub(super) struct Share {
    /// What is held by all of its kind, in bytes.
    all: Arc<AtomicUsize>,
    most: usize,
    held: usize,
}

impl Share {
    /// Takes more of the budget, in bytes.
    ///
    /// # Errors
    /// Where less than that is left.
    pub fn take(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.held += bytes;
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.most { Err(Trouble::TooMuch) } else { Ok(()) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gone_answer_held_can_be_had_again() {
        let budget = Budget::default();
        let mut first = budget.share(Party::Stripe);
        assert_eq!(first.take(OTHERS), Ok(()));
        assert_eq!(budget.share(Party::Clerk).take(1), Err(Trouble::TooMuch));
        drop(first);
        assert_eq!(budget.share(Party::Clerk).take(OTHERS), Ok(()));
    }

    #[test]
    fn a_frontend_without_an_end_leaves_room_for_the_providers() {
        let budget = Budget::default();
        assert_eq!(budget.share(Party::Frontend).take(FRONTEND + 1), Err(Trouble::TooMuch));
        assert_eq!(budget.share(Party::Stripe).take(1), Ok(()));
    }
}
