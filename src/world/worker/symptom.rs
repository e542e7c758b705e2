//! What can be wrong with the Worker's answer.

use super::Route;
use crate::config::Tier;
use crate::world::transport::Answer;

/// Something that is wrong with the Worker's answer, and what it may be judged by.
#[derive(Debug, Clone, Copy)]
pub enum Symptom<'a> {
    /// A route returned this answer.
    Answer(Route, &'a Answer),
    /// A route did not answer.
    Silence(Route),
    /// A signed event got this 5xx.
    SignedEvent(&'a Answer),
    /// The health route lists these names as missing.
    MissingNames(&'a [&'a str], &'a Answer),
    /// The Worker says that it has no price ID, which these variables should hold.
    UnsetPrice(&'a [&'a str], &'a Answer),
    /// The Worker created no Checkout Session.
    NoCheckout(&'a Answer),
    /// The Worker created no Checkout Session for this tier, and its answer does not say why.
    UnexplainedCheckout(&'a Tier),
    /// The Worker did not open the customer portal.
    NoPortal(&'a Answer),
    /// The Worker's customer portal is in the other mode.
    PortalInOtherMode,
    /// The Worker grants the canary another plan than its token has.
    OtherPlan,
    /// The Worker uses another value than expected, which these variables should hold.
    OtherValue(&'a [&'a str]),
}
