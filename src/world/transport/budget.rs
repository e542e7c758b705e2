//! The memory that all responses of a run may use. Each is kept until the run ends, because it may be asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Party, Trouble};

/// For the frontend's files, in bytes. A large frontend has 15 MB of scripts.
const FRONTEND: usize = 24 << 20;
/// For everything else, in bytes. A large deployment needs a fifth of it.
const OTHERS: usize = 24 << 20;

/// The memory of all responses. An endless frontend takes nothing from the others.
#[derive(Debug, Default)]
pub(super) struct Budget {
    frontend: Arc<AtomicUsize>,
    others: Arc<AtomicUsize>,
}

impl Budget {
    /// The share of a response from `party`, empty at first.
    pub fn share(&self, party: Party) -> BudgetShare {
        let (all, most) = match party {
            Party::Frontend => (&self.frontend, FRONTEND),
            _ => (&self.others, OTHERS),
        };
        BudgetShare { all: Arc::clone(all), most, held: 0 }
    }
}

/// The memory of one response, given back when it is dropped.
#[derive(Debug)]
pub(super) struct BudgetShare {
    /// What all responses of its kind use, in bytes.
    all: Arc<AtomicUsize>,
    most: usize,
    held: usize,
}

impl BudgetShare {
    /// Takes `bytes` of the budget.
    ///
    /// # Errors
    /// If less than that is left.
    pub fn take(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.held += bytes;
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.most { Err(Trouble::TooMuch) } else { Ok(()) }
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.all.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_response_frees_its_share() {
        let budget = Budget::default();
        let mut first = budget.share(Party::Stripe);
        assert_eq!(first.take(OTHERS), Ok(()));
        assert_eq!(budget.share(Party::Clerk).take(1), Err(Trouble::TooMuch));
        drop(first);
        assert_eq!(budget.share(Party::Clerk).take(OTHERS), Ok(()));
    }

    #[test]
    fn an_endless_frontend_leaves_room_for_the_providers() {
        let budget = Budget::default();
        assert_eq!(budget.share(Party::Frontend).take(FRONTEND + 1), Err(Trouble::TooMuch));
        assert_eq!(budget.share(Party::Stripe).take(1), Ok(()));
    }
}
