//! What is wrong with an account, in words.

use super::catalog::{Catalog, PaysFor};
use super::users::{SampledUser, UnknownId};
use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::Subscription;

/// What is wrong, as a sentence without its period, and how to fix it.
pub(crate) struct Wording {
    pub words: String,
    pub fix: String,
}

/// A user pays for a price that does not belong to any tier.
pub(crate) fn no_tier(user: &SampledUser, subscription: &Subscription) -> Wording {
    let price = subscription.prices();
    let price = price.iter().flatten().next().map_or("a price", |price| price.id.as_str());
    let (id, shown) = (&user.id, shown(subscription));
    Wording {
        words: format!("{id} pays for {price} with {shown}, but that price does not belong to any tier"),
        fix: format!("Add {price} to a tier in preflight.toml, or move {} to a tier's price.", subscription.id),
    }
}

/// A user does not have the tier that they pay for.
pub(crate) fn misses(world: &World, user: &SampledUser, paid: &Tier, subscription: &Subscription) -> Wording {
    let (id, has) = (&user.id, has_plan(user));
    let (value, shown, key) = (&paid.metadata, shown(subscription), &world.config().clerk.metadata_key);
    Wording {
        words: format!("{id} pays for the tier \"{value}\" with {shown} but has {has}"),
        fix: format!(
            "Set {key} to {value} in the public metadata of {id}, and find out which event the Worker missed."
        ),
    }
}

/// A user has a tier and does not pay for it.
pub(crate) fn free(world: &World, user: &SampledUser, subscription: Option<&Subscription>) -> Wording {
    let (id, has, plan) = (&user.id, has_plan(user), &world.config().clerk.metadata_key);
    let shown = subscription.map_or_else(|| "no subscription".to_owned(), shown);
    Wording {
        words: format!("{id} has {has} but does not pay for it: {shown}"),
        fix: format!(
            "Set {plan} to the free tier in the public metadata of {id}, or add {id} to entitlement.comped if the tier should be free."
        ),
    }
}

/// A user has the tier of a subscription whose status does not grant it.
pub(crate) fn lapsed(world: &World, user: &SampledUser, subscription: &Subscription) -> Wording {
    let (id, has) = (&user.id, has_plan(user));
    Wording {
        words: format!("{id} still has {has} with {}", shown(subscription)),
        fix: end_tier(world, id, &subscription.status),
    }
}

/// How to end a tier that outlived its subscription. The Worker gets no event for what is past, so the user must be changed, too.
pub(crate) fn end_tier(world: &World, user: &str, status: &str) -> String {
    let key = &world.config().clerk.metadata_key;
    format!(
        "Make the Worker end the tier at \"{status}\", and set {key} to the free tier in the public metadata of {user}. Or, if \"{status}\" grants the tier, add it to entitlement.entitling_statuses."
    )
}

/// A subscription belongs to a user who does not exist.
pub(crate) fn ghost(world: &World, catalog: &Catalog<'_>, subscription: &Subscription, user: &str) -> Wording {
    let (id, key) = (&subscription.id, &world.config().entitlement.user_key);
    let tier = match catalog.pays_for(subscription) {
        PaysFor::Tier(tier) => format!("the tier \"{}\"", tier.metadata),
        PaysFor::Unclear(..) | PaysFor::NoTier => "a tier".to_owned(),
    };
    Wording {
        words: format!("{id} pays for {tier} for {user}, who does not exist in Clerk"),
        fix: format!("Set metadata.{key} of {id} to the user who pays, or cancel and refund the subscription."),
    }
}

/// A paid subscription has no such key in its metadata, where the Worker reads it.
pub(crate) fn unmappable(world: &World, subscription: &Subscription, key: &str) -> Wording {
    let id = &subscription.id;
    let (so, what, or) = if *key == world.config().entitlement.user_key {
        let other = subscription.metadata.texts().find(|(_, text)| text.starts_with("user_"));
        let or = match other {
            Some((other, _)) => format!(" Or, if the Worker reads {other}, set entitlement.user_key to \"{other}\"."),
            None => " Or, if the Worker finds the user by the customer, set entitlement.user_from to \"customer\"."
                .to_owned(),
        };
        ("canceling it never takes the tier away", "the user who pays", or)
    } else {
        ("the Worker cannot tell what is paid for", "the tier that is paid for", String::new())
    };
    Wording {
        words: format!("{id} has no {key} in its metadata, so {so}"),
        fix: format!(
            "Set metadata.{key} of {id} to {what}, and pass {key} in subscription_data.metadata when the Worker creates a Checkout Session.{or}"
        ),
    }
}

/// A user's public metadata names the customer or the subscription of another user.
pub(crate) fn shared(world: &World, user: &SampledUser, subscription: &Subscription, other: &str) -> Wording {
    let (id, named, config) = (&user.id, &subscription.id, world.config());
    let customer = user.customer.as_deref().filter(|customer| Some(*customer) == subscription.customer.text());
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

/// A paid subscription whose customer no user holds, where the Worker finds the user by the customer.
pub(crate) fn unheld(world: &World, subscription: &Subscription) -> Wording {
    let (id, key) = (&subscription.id, &world.config().clerk.customer_key);
    let customer = subscription.customer.text().unwrap_or("its customer");
    Wording {
        words: format!("{id} is paid by {customer}, whom no user has as {key}, so it grants no tier"),
        fix: format!(
            "Set {key} to {customer} in the public metadata of the user who pays, and resend the event that the Worker missed."
        ),
    }
}

/// A user's public metadata has an ID that Stripe does not know.
pub(crate) fn no_such_id(user: &SampledUser, unknown: &UnknownId) -> Wording {
    let UnknownId { id, known_in, .. } = unknown;
    let elsewhere =
        known_in.map_or_else(String::new, |mode| format!(" in this mode, but only in {} mode", mode.word()));
    Wording {
        words: format!("{} has {} and {id}, which does not exist in Stripe{elsewhere}", user.id, has_plan(user)),
        fix: format!("Remove {id} from the public metadata of {}: checkout and the portal fail with it.", user.id),
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

/// A user's plan, for a sentence.
pub(crate) fn has_plan(user: &SampledUser) -> String {
    user.plan.as_ref().map_or_else(|| "no plan".to_owned(), |plan| format!("the plan \"{plan}\""))
}

/// A subscription and its status.
pub(crate) fn shown(subscription: &Subscription) -> String {
    format!("{} ({})", subscription.id, subscription.status)
}
