//! The frontend as it is served: the page, its scripts, the scripts that those load, and their source maps.

mod addresses;
mod api;
mod digest;
mod load;
mod page;
mod place;
mod policy;
mod scan;
mod script;
mod stop;

use url::Url;

use super::transport::{Once, Party};
use super::{NoAnswer, World};
use crate::finding::{Answered, Cause, Evidence};

pub use addresses::Addresses;
pub use place::Place;
pub use policy::{ContentPolicy, Fetch};
pub use scan::{Leak, SiteScan};

/// The frontend.
#[derive(Debug, Clone, Copy)]
pub struct Site<'w> {
    world: &'w World,
    url: &'w Url,
}

/// What was read of the frontend, once in a run.
#[derive(Debug, Default)]
pub(in crate::world) struct ScanCell(Once<Answered<Result<SiteScan, PageError>>>);

/// Why there is no page to read.
#[derive(Debug, Clone)]
pub enum PageError {
    /// There was no answer.
    Unreachable {
        /// The URL that was asked for.
        url: Url,
        /// What happened instead.
        evidence: Evidence,
    },
    /// The answer is not a page.
    NotAPage {
        /// The URL that was asked for.
        url: Url,
        /// The HTTP status.
        status: u16,
        /// The answer.
        evidence: Evidence,
    },
    /// The page redirects to another site, nowhere, or in a circle.
    Redirected {
        /// The URL that redirects.
        url: Url,
        /// Where it redirects to.
        to: String,
        /// The answer that redirects.
        evidence: Evidence,
    },
}

impl World {
    /// The frontend, if one is configured.
    #[must_use]
    pub fn site(&self) -> Option<Site<'_>> {
        let frontend = self.config.frontend.as_ref()?;
        Some(Site { world: self, url: &frontend.url })
    }
}

impl<'w> Site<'w> {
    /// What the page and its scripts contain.
    ///
    /// # Errors
    /// Unknown if it cannot be read, and because of [`Cause::FrontendNotServed`] if no page is served.
    pub async fn scan(self) -> Answered<&'w SiteScan> {
        self.scan_or_page_error().await?.map_err(|_| NoAnswer::Because(Cause::FrontendNotServed))
    }

    /// What the page and its scripts contain, or why there is no page.
    ///
    /// # Errors
    /// Unknown if it cannot be read.
    pub async fn scan_or_page_error(self) -> Answered<Result<&'w SiteScan, &'w PageError>> {
        self.world.site_scan.0.ask(|| self.load()).await.as_ref().map(Result::as_ref).map_err(Clone::clone)
    }
}
