//! Where customers are sent back to: from Checkout, and from the customer portal.

use url::Url;

use crate::check::prelude::*;
use crate::world::{HostRelation, host_relation, is_development_host};

/// An address that does not lead back to the frontend.
pub(super) struct Astray {
    /// Where it leads, as the end of a sentence.
    pub to: String,
    /// Whether it may be another part of the same site.
    pub may_be_intended: bool,
}

/// Where a return URL leads, if not to the frontend.
pub(super) fn astray(world: &World, url: &str) -> Option<Astray> {
    let parsed = Url::parse(url).ok();
    let origin = parsed.as_ref().map(Url::origin).filter(url::Origin::is_tuple);
    let origin = origin.map_or_else(|| url.to_owned(), |origin| origin.ascii_serialization());
    let wrong = |to| Some(Astray { to, may_be_intended: false });
    if parsed.as_ref().is_some_and(is_development_host) {
        return wrong(format!("{origin}, a development address"));
    }
    let Some(address) = parsed.filter(|address| address.scheme() == "https") else {
        return wrong(format!("{origin}, which is not an HTTPS address"));
    };
    let home = &world.config().frontend.as_ref()?.url;
    let frontend = home.host_str()?;
    let maybe = |to| Some(Astray { to, may_be_intended: true });
    match host_relation(address.host_str()?, frontend) {
        HostRelation::SameHost if address.port_or_known_default() == home.port_or_known_default() => None,
        HostRelation::SameHost => maybe(format!("{origin}, another port than that of {frontend}")),
        HostRelation::SameSite => maybe(format!("{origin}, not to {frontend}")),
        HostRelation::CrossSite => wrong(format!("{origin}, another site than {frontend}")),
    }
}
