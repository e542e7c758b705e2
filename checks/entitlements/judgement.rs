//! How a holder's tier compares with what is paid for. `entitlements/sample` judges the newest with it, and
//! `preflight reconcile` everyone.

use super::catalog::{Catalog, Payment, PaysFor};
use crate::check::prelude::*;
use crate::config::{Source, Tier, UserFrom};
use crate::world::Subscription;

/// A holder that was updated just now may have bought a subscription after the list was read. In seconds.
const JUST_UPDATED: i64 = 2 * 60;

/// What matters of a holder.
#[derive(Debug)]
pub(crate) struct Entitled<'u, 'w> {
    pub id: &'u str,
    /// The tier whose value its plan is.
    pub tier: Option<&'w Tier>,
    /// Whether it has a plan, a tier's value or not.
    pub has_plan: bool,
    pub was_just_updated: Answered<bool>,
}

/// How a holder's tier compares with what is paid for. An index is the place of one of its payments.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Comparison<'w> {
    /// There is no tier and no payment for one, or it is too early to tell.
    Nothing,
    /// The tier that is paid for is there.
    Agrees,
    /// A tier is paid for, and there is none.
    PaidButFree(&'w Tier, usize),
    /// Another tier is paid for than the one that is there.
    WrongTier(&'w Tier, usize),
    /// A tier is paid for, and the plan is not a tier's value.
    UnknownPlan(usize),
    /// A price is paid that does not belong to any tier.
    NoTier(usize),
    /// There is a tier that is not paid for, at most with a subscription that does not count.
    FreeButEntitled(Option<usize>),
    /// There is the tier of a subscription whose status does not grant it.
    Lapsed(usize),
}

/// Whether a holder has a tier without paying, as intended.
pub(crate) fn is_exempt(world: &World, holder: &str) -> bool {
    let config = world.config();
    config.clerk.canary_holder().value.as_deref() == Some(holder)
        || config.entitlement.comped.iter().any(|comped| comped == holder)
}

/// Whether a holder was updated just now; `updated_at` is in milliseconds.
pub(crate) fn was_just_updated(world: &World, updated_at: i64) -> bool {
    world.now().as_millisecond() - updated_at < JUST_UPDATED * 1000
}

/// Whether a subscription must have a holder: it pays for a tier, and has for a while.
pub(crate) fn needs_holder(payment: &Payment<'_>) -> Answered<bool> {
    if !payment.grants {
        return Ok(false);
    }
    match &payment.pays_for {
        // Another business on the same account has users elsewhere.
        PaysFor::NoTier => return Ok(false),
        PaysFor::Unclear(tiers, why) if tiers.is_empty() => return Err(why.clone()),
        PaysFor::Tier(_) | PaysFor::Unclear(..) => {}
    }
    payment.is_fresh.clone().map(|is_fresh| !is_fresh)
}

/// The key that the Worker reads in the metadata of a subscription, if this one does not have it: the holder's, or the tier's.
pub(crate) fn missing_key<'w>(world: &'w World, subscription: &Subscription) -> Answered<Option<&'w str>> {
    let entitlement = &world.config().entitlement;
    let needed = [
        (entitlement.user_from == UserFrom::Metadata).then_some(&entitlement.user_key),
        (entitlement.source == Source::SubscriptionMetadata).then_some(&entitlement.tier_key),
    ];
    for key in needed.into_iter().flatten() {
        if subscription.metadata.get(key, &subscription.id)?.is_none_or(str::is_empty) {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Compares a holder's tier with all of its subscriptions.
pub(crate) fn compare<'w>(
    catalog: &Catalog<'w>,
    holder: &Entitled<'_, 'w>,
    payments: &[Payment<'w>],
) -> Answered<Comparison<'w>> {
    let mut unknown_age = None;
    for payment in payments {
        match &payment.is_fresh {
            Ok(true) => return Ok(Comparison::Nothing),
            Ok(false) => {}
            Err(why) => unknown_age = Some(why.clone()),
        }
    }
    let granting: Vec<usize> = (0..payments.len()).filter(|place| payments[*place].grants).collect();
    let comparison = match (holder.has_plan && holder.tier.is_none(), granting.first()) {
        // An unknown plan is the finding of `clerk/metadata`.
        (true, None) => Comparison::Nothing,
        (true, Some(first)) => Comparison::UnknownPlan(*first),
        (false, None) => without_payment(catalog, holder, payments)?,
        (false, Some(_)) => with_payment(catalog, holder, payments, &granting)?,
    };
    match (comparison, unknown_age) {
        (Comparison::Nothing | Comparison::Agrees, _) | (_, None) => Ok(comparison),
        (_, Some(why)) => Err(why),
    }
}

fn with_payment<'w>(
    catalog: &Catalog<'w>,
    holder: &Entitled<'_, 'w>,
    payments: &[Payment<'w>],
    granting: &[usize],
) -> Answered<Comparison<'w>> {
    let (mut paid, mut unclear) = (Vec::new(), None);
    for &place in granting {
        match &payments[place].pays_for {
            PaysFor::Tier(tier) => paid.push((*tier, place)),
            PaysFor::Unclear(tiers, why) => {
                unclear = Some(why.clone());
                paid.extend(tiers.iter().map(|tier| (*tier, place)));
            }
            PaysFor::NoTier => {}
        }
    }
    if paid.iter().any(|(paid, _)| holder.tier.is_some_and(|tier| tier.name == paid.name)) {
        return Ok(Comparison::Agrees);
    }
    // The holder that it names is compared too, and that this one shares it is another finding.
    paid.retain(|(_, place)| !payments[*place].is_for_another);
    if paid.is_empty() && granting.iter().all(|place| payments[*place].is_for_another) {
        return Ok(Comparison::Nothing);
    }
    if let Some(why) = unclear.or_else(|| if paid.is_empty() { catalog.price_problem.clone() } else { None }) {
        return Err(why);
    }
    let Some((paid, place)) = paid.first() else { return Ok(Comparison::NoTier(granting[0])) };
    let is_free = holder.tier.is_none_or(|tier| !tier.is_paid());
    Ok(match (is_free, paid.is_paid()) {
        (true, false) => Comparison::Nothing,
        (true, true) => Comparison::PaidButFree(paid, *place),
        (false, _) => Comparison::WrongTier(paid, *place),
    })
}

fn without_payment<'w>(
    catalog: &Catalog<'w>,
    holder: &Entitled<'_, 'w>,
    payments: &[Payment<'w>],
) -> Answered<Comparison<'w>> {
    let Some(tier) = holder.tier.filter(|tier| tier.is_paid()) else { return Ok(Comparison::Nothing) };
    if let Some(place) = payments.iter().position(|payment| !payment.is_over) {
        // Only the tier of this subscription can be a grace period.
        if let PaysFor::Tier(unpaid) = payments[place].pays_for
            && unpaid.name != tier.name
        {
            return Ok(Comparison::FreeButEntitled(Some(place)));
        }
        return Ok(Comparison::Lapsed(place));
    }
    if holder.was_just_updated.clone()? {
        return Ok(Comparison::Nothing);
    }
    // The canary has a tier and no subscription, and may be this one.
    if payments.is_empty()
        && let Err(why) = catalog.world.canary_id()
    {
        return Err(match why {
            NoAnswer::Unknown(reason) => {
                let (id, canary) = (holder.id, catalog.world.config().entitlement.holder.canary());
                NoAnswer::Unknown(format!("{id} has a tier and no subscription, and may be the {canary}: {reason}"))
            }
            because => because,
        });
    }
    let last = (0..payments.len()).max_by_key(|place| payments[*place].created);
    Ok(Comparison::FreeButEntitled(last))
}
