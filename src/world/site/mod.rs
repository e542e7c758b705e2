//! The frontend as it is served: the page, its scripts, what those load, and their source maps.

mod addresses;
mod api;
mod digest;
mod keys;
mod load;
mod page;
mod place;
mod script;
mod served;
mod stop;

use url::Url;

use super::transport::{Once, Party};
use super::{NoAnswer, World};
use crate::finding::{Cause, Evidence};

pub use api::Destination;
pub use keys::{CarriedKey, KeySlip, Keys, Vendor};
pub use place::{Place, listed};
pub use served::{Leak, Served};

/// The frontend.
#[derive(Debug, Clone, Copy)]
pub struct Site<'w> {
    world: &'w World,
    url: &'w Url,
}

/// What was read of the frontend, once in a run.
#[derive(Debug, Default)]
pub(in crate::world) struct ServedCell(Once<Result<Result<Served, Unserved>, NoAnswer>>);

/// Why there is no page to be read.
#[derive(Debug, Clone)]
pub enum Unserved {
    /// No answer came.
    Unreachable {
        /// Whence.
        url: Url,
        /// What came instead.
        evidence: Evidence,
    },
    /// What answers is no page.
    NoPage {
        /// Where.
        url: Url,
        /// The HTTP status.
        status: u16,
        /// What came instead.
        evidence: Evidence,
    },
    /// The page leads to another site, or nowhere.
    Elsewhere {
        /// Whence.
        url: Url,
        /// Where to.
        to: String,
        /// Where that was seen.
        evidence: Evidence,
    },
}

impl World {
    /// The frontend, where one is configured.
    #[must_use]
    pub fn site(&self) -> Option<Site<'_>> {
        let frontend = self.config.frontend.as_ref()?;
        Some(Site { world: self, url: &frontend.url })
    }
}

impl<'w> Site<'w> {
    /// What the page and its scripts show.
    ///
    /// # Errors
    /// Blocked by `frontend/keys` where no page is served.
    pub async fn served(self) -> Result<&'w Served, NoAnswer> {
        match self.survey().await? {
            Ok(survey) => Ok(survey),
            Err(_) => Err(NoAnswer::Because(Cause::FrontendNotServed)),
        }
    }

    async fn survey(self) -> Result<Result<&'w Served, &'w Unserved>, NoAnswer> {
        match self.world.served.0.ask(|| self.load()).await {
            Ok(Ok(survey)) => Ok(Ok(survey)),
            Ok(Err(unserved)) => Ok(Err(unserved)),
            Err(why) => Err(why.clone()),
        }
    }
}
