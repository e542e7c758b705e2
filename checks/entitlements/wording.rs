//! What is wrong with an account, in words.

use super::catalog::{Catalog, PaysFor};
use super::sampled::{SampledHolder, UnknownId};
use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::Subscription;

/// What is wrong, as a sentence without its period, and how to fix it.
pub(crate) struct Wording {
    pub words: String,
    pub fix: String,
}

/// A holder pays for a price that does not belong to any tier.
pub(crate) fn no_tier(holder: &SampledHolder, subscription: &Subscription) -> Wording {
    let price = subscription.prices();
    let price = price.iter().flatten().next().map_or("a price", |price| price.id.as_str());
    let (id, shown) = (&holder.id, shown(subscription));
    Wording {
        words: format!("{id} pays for {price} with {shown}, but that price does not belong to any tier"),
        fix: format!("Add {price} to a tier in preflight.toml, or move {} to a tier's price.", subscription.id),
    }
}

/// A holder does not have the tier that is paid for.
pub(crate) fn misses(world: &World, holder: &SampledHolder, paid: &Tier, subscription: &Subscription) -> Wording {
    let (id, has) = (&holder.id, has_plan(holder));
    let (value, shown, key) = (&paid.metadata, shown(subscription), &world.config().clerk.metadata_key);
    Wording {
        words: format!("{id} pays for the tier \"{value}\" with {shown} but has {has}"),
        fix: format!(
            "Set {key} to {value} in the public metadata of {id}, and find out which event the Worker missed."
        ),
    }
}

/// A holder has a tier that is not paid for.
pub(crate) fn free(world: &World, holder: &SampledHolder, subscription: Option<&Subscription>) -> Wording {
    let (id, has, plan) = (&holder.id, has_plan(holder), &world.config().clerk.metadata_key);
    let shown = subscription.map_or_else(|| "no subscription".to_owned(), shown);
    Wording {
        words: format!("{id} has {has} but does not pay for it: {shown}"),
        fix: format!(
            "Set {plan} to the free tier in the public metadata of {id}, or add {id} to entitlement.comped if the tier should be free."
        ),
    }
}

/// A holder has the tier of a subscription whose status does not grant it.
pub(crate) fn lapsed(world: &World, holder: &SampledHolder, subscription: &Subscription) -> Wording {
    let (id, has) = (&holder.id, has_plan(holder));
    Wording {
        words: format!("{id} still has {has} with {}", shown(subscription)),
        fix: end_tier(world, id, &subscription.status),
    }
}

/// How to end a tier that outlived its subscription. The Worker gets no event for what is past, so the holder must be changed, too.
pub(crate) fn end_tier(world: &World, holder: &str, status: &str) -> String {
    let key = &world.config().clerk.metadata_key;
    format!(
        "Make the Worker end the tier at \"{status}\", and set {key} to the free tier in the public metadata of {holder}. Or, if \"{status}\" grants the tier, add it to entitlement.entitling_statuses."
    )
}

/// A subscription names a holder that does not exist.
pub(crate) fn ghost(world: &World, catalog: &Catalog<'_>, subscription: &Subscription, named: &str) -> Wording {
    let id = &subscription.id;
    let tier = match catalog.pays_for(subscription) {
        PaysFor::Tier(tier) => format!("the tier \"{}\"", tier.metadata),
        PaysFor::Unclear(..) | PaysFor::NoTier => "a tier".to_owned(),
    };
    Wording {
        words: format!("{id} pays for {tier} for {named}, {}", no_such_holder(world, named)),
        fix: ghost_fix(world, id, named),
    }
}

/// How to fix a subscription that names a holder that does not exist.
pub(crate) fn ghost_fix(world: &World, id: &str, named: &str) -> String {
    let (key, kind) = (&world.config().entitlement.user_key, world.config().entitlement.holder);
    format!(
        "Set metadata.{key} of {id} to {}, or cancel and refund the subscription.{}",
        payer(kind),
        or_other_kind(kind, named)
    )
}

/// Why nothing in Clerk has this ID, after the ID and a comma: `who does not exist in Clerk`.
pub(crate) fn no_such_holder(world: &World, id: &str) -> String {
    let kind = world.config().entitlement.holder;
    kind.other_of(id).map_or_else(
        || format!("{} does not exist in Clerk", kind.who()),
        |other| format!("which is the ID of {}, not of {}", other.one(), kind.one()),
    )
}

/// What the configuration may have to say, if an ID belongs to the other kind.
fn or_other_kind(kind: HolderKind, id: &str) -> String {
    kind.other_of(id).map_or_else(String::new, |other| {
        format!(" Or, if {} have the plans, set entitlement.holder to \"{}\".", other.plural(), other.word())
    })
}

/// `the user who pays`.
pub(crate) fn payer(kind: HolderKind) -> String {
    format!("the {} {} pays", kind.word(), kind.that())
}

/// A paid subscription has no such key in its metadata, where the Worker reads it.
pub(crate) fn unmappable(world: &World, subscription: &Subscription, key: &str) -> Wording {
    let id = &subscription.id;
    let (so, what, or) = if *key == world.config().entitlement.user_key {
        let kind = world.config().entitlement.holder;
        let with = |text: &str| subscription.metadata.texts().find(|(_, value)| value.starts_with(text));
        let of_other_kind = || subscription.metadata.texts().find(|(_, value)| kind.other_of(value).is_some());
        let or = match (with(kind.prefix()), of_other_kind()) {
            (Some((other, _)), _) => {
                format!(" Or, if the Worker reads {other}, set entitlement.user_key to \"{other}\".")
            }
            (None, Some((other, id))) => {
                let or = or_other_kind(kind, id);
                format!("{or} Then entitlement.user_key is \"{other}\".")
            }
            (None, None) => format!(
                " Or, if the Worker finds the {} by the customer, set entitlement.user_from to \"customer\".",
                kind.word()
            ),
        };
        ("canceling it never takes the tier away", payer(kind), or)
    } else {
        ("the Worker cannot tell what is paid for", "the tier that is paid for".to_owned(), String::new())
    };
    Wording {
        words: format!("{id} has no {key} in its metadata, so {so}"),
        fix: format!(
            "Set metadata.{key} of {id} to {what}, and pass {key} in subscription_data.metadata when the Worker creates a Checkout Session.{or}"
        ),
    }
}

/// A holder's public metadata names the customer or the subscription of another holder.
pub(crate) fn shared(world: &World, holder: &SampledHolder, subscription: &Subscription, other: &str) -> Wording {
    let (id, named, config) = (&holder.id, &subscription.id, world.config());
    let customer = holder.customer.as_deref().filter(|customer| Some(*customer) == subscription.customer.text());
    let (held, key) = match customer {
        Some(customer) => (customer, &config.clerk.customer_key),
        None => (subscription.id.as_str(), &config.clerk.subscription_key),
    };
    Wording {
        words: format!("{id} has {held} in Clerk and can manage {named} in the portal, but {named} names {other}"),
        fix: format!(
            "If they are not one team, remove {key} from the public metadata of {id}, and find out how the Worker mixed them up."
        ),
    }
}

/// A paid subscription whose customer no holder has, where the Worker finds the holder by the customer.
pub(crate) fn unheld(world: &World, subscription: &Subscription) -> Wording {
    let (id, key, kind) = (&subscription.id, &world.config().clerk.customer_key, world.config().entitlement.holder);
    let customer = subscription.customer.text().unwrap_or("its customer");
    Wording {
        words: format!("{id} is paid by {customer}, whom no {} has as {key}, so it grants no tier", kind.word()),
        fix: format!(
            "Set {key} to {customer} in the public metadata of {}, and resend the event that the Worker missed.",
            payer(kind)
        ),
    }
}

/// A holder's public metadata has an ID that Stripe does not know.
pub(crate) fn no_such_id(holder: &SampledHolder, unknown: &UnknownId) -> Wording {
    let UnknownId { id, known_in, .. } = unknown;
    let elsewhere =
        known_in.map_or_else(String::new, |mode| format!(" in this mode, but only in {} mode", mode.word()));
    Wording {
        words: format!("{} has {} and {id}, which does not exist in Stripe{elsewhere}", holder.id, has_plan(holder)),
        fix: format!("Remove {id} from the public metadata of {}: checkout and the portal fail with it.", holder.id),
    }
}

/// A customer is charged for each of several subscriptions; the newest is the last.
pub(crate) fn charged_twice(customer: &str, subscriptions: &[&str]) -> Wording {
    let (all, last) = (subscriptions.join(", "), subscriptions.last().copied().unwrap_or_default());
    Wording {
        words: format!("{customer} has {} active subscriptions and is charged for each: {all}", subscriptions.len()),
        fix: format!(
            "Cancel and refund the subscription that was not intended, such as {last}. Make the Worker change an existing subscription instead of adding one."
        ),
    }
}

/// A holder's plan, for a sentence.
pub(crate) fn has_plan(holder: &SampledHolder) -> String {
    holder.plan.as_ref().map_or_else(|| "no plan".to_owned(), |plan| format!("the plan \"{plan}\""))
}

/// A subscription and its status.
pub(crate) fn shown(subscription: &Subscription) -> String {
    format!("{} ({})", subscription.id, subscription.status)
}
