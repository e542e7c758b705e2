//! One customer's path through Stripe, Clerk and the Worker, and the first broken link.
//!
//! The links are looked at in the order in which a purchase passes them. What a customer already has proves the links before it,
//! so a problem there is only a note: the next event will not arrive. If the customer does not have it, the first link with a
//! problem is the broken one, and the links after it are not looked at.

mod access;
mod asked;
mod delivery;
mod due;
mod facts;
mod follow;
mod gather;
mod mask;
mod missing;
mod payment;
mod step;
#[cfg(test)]
mod tests;
mod tracer;

use crate::checks::entitlements::catalog::GRACE;
use crate::world::World;

pub use asked::{Asked, NotTraceable};
pub use follow::{Happening, Pace, Sighting, follow};
pub use mask::mask;
pub use step::{Break, Link, State, Step, Trace, Verdict};

use tracer::{Ended, Traced, Tracer};

/// Follows one customer's path. Reads only, and signs no user in.
pub async fn trace(world: &World, asked: &Asked) -> Trace {
    trace_after(world, asked, GRACE).await
}

/// The same, if a delivery may take `grace` seconds.
pub async fn trace_after(world: &World, asked: &Asked, grace: i64) -> Trace {
    let mut tracer = Tracer { world, steps: Vec::new(), grace, is_served: false };
    let verdict = match path(&mut tracer, asked).await {
        Ok(verdict) => verdict,
        Err(Ended::Broken(broken)) => Verdict::Broken(*broken),
        Err(Ended::Unknown(why)) => Verdict::Unknown(why),
    };
    let Tracer { mut steps, .. } = tracer;
    steps.sort_by_key(|step| step.link);
    Trace { steps, verdict, requests: world.requests().len() }
}

async fn path(tracer: &mut Tracer<'_>, asked: &Asked) -> Traced<Verdict> {
    let facts = gather::gather(tracer, asked).await?;
    let due = payment::due(tracer, &facts).await?;
    tracer.is_served = facts.has_due_tier(tracer.world, &due)?;
    payment::mapping(tracer, &facts, &due)?;
    let is_free = due.tier().is_none();
    if is_free && tracer.is_served {
        return access::without_tier(tracer, &facts, &due);
    }
    let world = tracer.world;
    let is_followed_to_the_end = tracer.is_served;
    let ahead = async {
        // Nothing before the claim and the Worker can end the path now, so they need not wait.
        if is_followed_to_the_end {
            access::ask_ahead(world).await;
        }
    };
    let (judged, ()) = futures::join!(delivery::judge(tracer, &facts, &due), ahead);
    judged?;
    access::metadata(tracer, &facts, &due)?;
    access::claim(tracer, &facts, &due).await?;
    access::worker(tracer, &due).await?;
    access::conclude(tracer, &facts, &due)
}
