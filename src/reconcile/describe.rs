//! Candidates that still differ, as accounts of the result.

use super::drift::{Bucket, DriftedAccount};
use super::monthly::Monthly;
use crate::checks::entitlements::catalog::{Catalog, PaysFor};
use crate::checks::entitlements::judgement::Comparison;
use crate::checks::entitlements::sampled::SampledHolder;
use crate::checks::entitlements::wording::{self, Wording};
use crate::config::Tier;
use crate::finding::Answered;
use crate::pattern::patterns;
use crate::world::{Subscription, World};

patterns! {
    /// An email address, wherever someone put it: a plan, a holder's ID in metadata.
    ADDRESS = r#"[^\s@"'<>(),;:]+@[^\s@"'<>(),;:]+"#;
}

/// `text` without email addresses.
pub(super) fn without_addresses(text: &str) -> String {
    ADDRESS.replace_all(text, "(an email address)").into_owned()
}

/// How many characters of a text from outside are shown.
const LONGEST: usize = 600;

/// The account without anything from outside that could disturb a report.
pub(super) fn cleaned(world: &World, mut account: DriftedAccount) -> DriftedAccount {
    let clean = |text: &mut String| *text = without_addresses(&world.redactor().quote(text, LONGEST));
    let DriftedAccount { holder, customer, status, plan, pays_for, .. } = &mut account;
    [holder, customer, status, plan, pays_for].into_iter().flatten().for_each(clean);
    account.subscriptions.iter_mut().for_each(clean);
    clean(&mut account.message);
    clean(&mut account.fix);
    account
}

/// An account about a subscription.
pub(super) fn of_subscription(
    catalog: &Catalog<'_>,
    bucket: Bucket,
    subscription: &Subscription,
    holder: Option<&str>,
    Wording { words, fix }: Wording,
) -> DriftedAccount {
    DriftedAccount {
        bucket,
        holder: holder.map(str::to_owned),
        customer: subscription.customer.text().map(str::to_owned),
        subscriptions: vec![subscription.id.clone()],
        status: Some(subscription.status.clone()),
        plan: None,
        pays_for: paid_tier(catalog, subscription),
        monthly: Monthly::of(subscription),
        message: format!("{words}."),
        fix,
    }
}

/// The account of a holder whose tier differs from what is paid for.
pub(super) fn drifted(
    world: &World,
    catalog: &Catalog<'_>,
    holder: &SampledHolder,
    comparison: Comparison<'_>,
) -> Answered<Option<DriftedAccount>> {
    let subscription = |place: usize| &holder.subscriptions[place];
    let misses = |bucket, tier: &Tier, place| {
        let subscription = subscription(place);
        account(bucket, holder, Some(subscription), wording::misses(world, holder, tier, subscription))
    };
    let account = match comparison {
        Comparison::Nothing | Comparison::Agrees => return Ok(None),
        Comparison::PaidButFree(tier, place) => misses(Bucket::PaidButFree, tier, place),
        Comparison::WrongTier(tier, place) => misses(Bucket::WrongTier, tier, place),
        // The Worker knows no such tier.
        Comparison::UnknownPlan(place) => match catalog.pays_for(subscription(place)) {
            PaysFor::Tier(tier) => misses(Bucket::WrongTier, tier, place),
            PaysFor::Unclear(_, why) => return Err(why),
            PaysFor::NoTier => no_tier(holder, subscription(place)),
        },
        Comparison::NoTier(place) => no_tier(holder, subscription(place)),
        Comparison::FreeButEntitled(place) => {
            let subscription = place.map(subscription);
            let account =
                account(Bucket::FreeButEntitled, holder, subscription, wording::free(world, holder, subscription));
            let of_tier = || holder.tier(world).map_or_else(Monthly::unknown, Monthly::of_tier);
            DriftedAccount { monthly: subscription.map_or_else(of_tier, Monthly::of), ..account }
        }
        Comparison::Lapsed(place) => {
            let subscription = subscription(place);
            let bucket = if subscription.is_past_due() { Bucket::PastDueEntitled } else { Bucket::FreeButEntitled };
            account(bucket, holder, Some(subscription), wording::lapsed(world, holder, subscription))
        }
    };
    let pays_for =
        account.subscriptions.first().and_then(|id| holder.subscriptions.iter().find(|known| known.id == *id));
    Ok(Some(DriftedAccount { pays_for: pays_for.and_then(|paid| paid_tier(catalog, paid)), ..account }))
}

fn no_tier(holder: &SampledHolder, subscription: &Subscription) -> DriftedAccount {
    account(Bucket::NoTier, holder, Some(subscription), wording::no_tier(holder, subscription))
}

/// A holder whose public metadata has an ID that does not exist. Money is at risk if it has a tier and nothing is paid.
pub(super) fn ghost_id(
    world: &World,
    catalog: &Catalog<'_>,
    holder: &SampledHolder,
    wording: Wording,
) -> DriftedAccount {
    let pays = holder.subscriptions.iter().find(|subscription| catalog.grants(subscription));
    let tier = holder.tier(world).filter(|tier| tier.is_paid() && pays.is_none());
    let account = account(Bucket::Ghost, holder, pays, wording);
    DriftedAccount { monthly: tier.map(Monthly::of_tier).unwrap_or_default(), ..account }
}

/// An account about a holder, and one of its subscriptions.
pub(super) fn account(
    bucket: Bucket,
    holder: &SampledHolder,
    subscription: Option<&Subscription>,
    Wording { words, fix }: Wording,
) -> DriftedAccount {
    let customer = subscription.and_then(|subscription| subscription.customer.text().map(str::to_owned));
    DriftedAccount {
        bucket,
        holder: Some(holder.id.clone()),
        customer: customer.or_else(|| holder.customer.clone()),
        subscriptions: subscription.map(|subscription| subscription.id.clone()).into_iter().collect(),
        status: subscription.map(|subscription| subscription.status.clone()),
        plan: holder.plan.clone(),
        pays_for: None,
        monthly: subscription.map(Monthly::of).unwrap_or_default(),
        message: format!("{words}."),
        fix,
    }
}

/// The value of the tier that a subscription is for, if it is one.
fn paid_tier(catalog: &Catalog<'_>, subscription: &Subscription) -> Option<String> {
    match catalog.pays_for(subscription) {
        PaysFor::Tier(tier) => Some(tier.metadata.clone()),
        PaysFor::Unclear(..) | PaysFor::NoTier => None,
    }
}

#[cfg(test)]
mod tests {
    use super::without_addresses;

    #[test]
    fn an_email_address_is_not_shown_wherever_it_stands() {
        let text = "sub_1 pays for ada+shop@example.com, who does not exist (plan \"a@b.co\")";
        assert_eq!(
            without_addresses(text),
            "sub_1 pays for (an email address), who does not exist (plan \"(an email address)\")"
        );
    }
}
