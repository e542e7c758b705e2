//! `worker/tiers`.

use super::fixes;
use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::{AnnouncedTier, AnnouncedTiers, Answer, Route};

check! {
    /// The Worker announces the right tiers, prices and limits.
    ///
    /// ## Why it matters
    /// The pricing page shows what this route announces, and Stripe charges its own price. If they differ, customers pay another
    /// amount than they saw.
    ///
    /// ## How it is verified
    /// The announced list (`{"tiers": [{"id", "price", "limit"}]}`, prices in whole units of the currency) is compared with
    /// the tiers of this configuration, whose prices `stripe/price-terms` compares with Stripe's. A tier with
    /// several prices may announce any of them. A list of another shape cannot be judged.
    ///
    /// ## How to fix it
    /// Correct the Worker's table of tiers and deploy it, or correct the tiers in `preflight.toml`.
    pub const CHECK = Check {
        need: Need::Configured("worker.tiers"),
        sends: "",
        owns: [AnnouncedTiersDiffer],
        subjects: deployment,
        run
    };
}

codes! {
    /// A tier is not announced. A warning for a free tier.
    MISSING: Failure,
    /// Another price is announced.
    AMOUNT: Failure(Money),
    /// Another limit is announced.
    LIMIT: Failure,
    /// A tier is announced that this configuration does not have.
    SURPLUS: Warning,
    /// The route does not work.
    BROKEN: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Tiers) {
        return outcome.not_applicable(lacking);
    }
    let announced = match worker.tiers().await? {
        Ok(announced) => announced,
        Err(failure) => {
            outcome.find(fixes::broken(world, BROKEN, failure, "200 and a list of tiers"));
            return Ok(());
        }
    };
    let AnnouncedTiers { tiers, unread } = &announced.value;
    for why in unread {
        outcome.leave_open(why.clone());
    }
    for tier in &world.config().tiers {
        let judged = match tiers.iter().find(|found| found.is(tier)) {
            Some(found) => judge(world, tier, found, &announced.answer, outcome).await,
            // It may be one of those that could not be read.
            None if !unread.is_empty() => continue,
            None => {
                outcome.find(missing(world, tier, tiers, &announced.answer));
                continue;
            }
        };
        outcome.ask(judged);
    }
    let known = |found: &&AnnouncedTier| !world.config().tiers.iter().any(|tier| found.is(tier));
    for extra in tiers.iter().filter(known) {
        let message = format!("The Worker announces a tier \"{}\" that this configuration does not have.", extra.id);
        let names: Vec<&str> = world.config().tiers.iter().map(|tier| tier.name.as_str()).collect();
        let found = (names.join(", "), extra.id.clone());
        let summary = "Add it to preflight.toml, or stop announcing it.";
        outcome.find(finding(world, &announced.answer, SURPLUS, message, found, summary));
    }
    Ok(())
}

/// How to fix a tier that the Worker has wrong.
pub(super) const CORRECT: &str =
    "Correct the Worker's table of tiers and deploy it, or correct the tier in preflight.toml.";

fn missing(world: &World, tier: &Tier, all: &[AnnouncedTier], answer: &Answer) -> Finding {
    let code = if tier.is_paid() { MISSING } else { MISSING.as_warning() };
    let listed: Vec<&str> = all.iter().map(|found| found.id.as_str()).collect();
    let message = format!("The Worker does not announce tier {}, so the pricing page cannot show it.", tier.name);
    finding(world, answer, code, message, (tier.name.clone(), listed.join(", ")), CORRECT)
}

async fn judge(world: &World, tier: &Tier, found: &AnnouncedTier, answer: &Answer, outcome: &mut Outcome) -> Answered {
    let (name, mut is_right) = (&tier.name, true);
    let differs = found.limit.and_then(|limit| Some((limit, tier.limit_instead_of(limit)?)));
    if let Some((limit, wanted)) = differs {
        let message = format!("The Worker announces {limit} for tier {name}, but the tier has {wanted}.");
        let wanted = (wanted.to_string(), limit.to_string());
        outcome.find(finding(world, answer, LIMIT, message, wanted, CORRECT));
        is_right = false;
    }
    let costs = tier.prices.iter().any(|wanted| found.costs(&wanted.money));
    if let Some(price) = found.price.clone().filter(|price| !(costs || !tier.is_paid() && price == "0")) {
        // If the Worker and Stripe agree, `stripe/price-terms` reports the difference from this configuration.
        for offer in offers(world).iter().filter(|offer| offer.tier.name == *name) {
            let charged = optional(world.stripe().price(offer)).await.and_then(|price| price.value.money());
            if charged.is_some_and(|charged| found.costs(&charged)) {
                return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
            }
        }
        let wanted: Vec<String> = tier.prices.iter().map(|wanted| wanted.money.to_string()).collect();
        let wanted = if tier.is_paid() { wanted.join(" or ") } else { "0".to_owned() };
        let message = format!("The Worker announces tier {name} at {price}, but it costs {wanted}.");
        outcome.find(finding(world, answer, AMOUNT, message, (wanted, price), CORRECT));
        is_right = false;
    }
    let price = found.price.as_ref().map_or("without a price", |_| "at its price");
    if is_right {
        outcome.pass(format!("tier {name} is announced {price}"));
    }
    Ok(())
}

fn finding(
    world: &World,
    answer: &Answer,
    code: Code,
    message: String,
    (expected, actual): (String, String),
    summary: &str,
) -> Finding {
    let evidence = vec![answer.evidence("tiers", actual.clone())];
    Finding { code, message, expected, actual, evidence, fix: fixes::deploy(world, summary) }
}
