//! `worker/tiers`.

use crate::check::prelude::*;
use crate::config::{Limit, Tier};
use crate::world::{Announced, Answer, Route};

check! {
    /// The Worker announces the tiers, prices and limits that are sold.
    ///
    /// ## Why it matters
    /// The pricing page shows what this route says, and Stripe charges what its own price says. Where they differ, the
    /// customer pays another amount than was read.
    ///
    /// ## How it is verified
    /// The announced list (`{"tiers": [{"id", "price", "limit"}]}`, prices in whole units of the currency) is compared with
    /// the tiers of this configuration, whose prices `stripe/price-terms` compares with Stripe's. A tier that is sold at
    /// several prices may announce any of them. A list of another shape cannot be judged.
    ///
    /// ## Findings
    /// - `missing`: a tier is not announced. A warning for a tier that costs nothing.
    /// - `amount`: another price is announced.
    /// - `limit`: another limit is announced.
    /// - `surplus`: a tier is announced that this configuration does not know; a warning.
    /// - `broken`: the route does not work.
    ///
    /// ## How to mend it
    /// Mend the Worker's table of tiers and deploy it, or mend the tiers in `preflight.toml`.
    pub const CHECK = Check {
        need: Need::Configured("worker.tiers"),
        sends: "",
        owns: [AnnouncedTiersDiffer],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Tiers) {
        return Ok(Verdict::NotApplicable(lacking));
    }
    let announced = match worker.tiers().await? {
        Ok(announced) => announced,
        Err(breakdown) => return Ok(breakdown.finding("broken", "200 and a list of tiers").into()),
    };
    let (mut findings, mut blocked) = (Vec::new(), None);
    for tier in &world.config().tiers {
        match judge(world, tier, &announced.value, &announced.answer).await {
            Ok(found) => findings.extend(found),
            Err(why) => blocked = Some(why),
        }
    }
    let known = |found: &&Announced| !world.config().tiers.iter().any(|tier| found.is(tier));
    for extra in announced.value.iter().filter(known) {
        let message = format!("The Worker announces a tier \"{}\" that this configuration does not know.", extra.id);
        let names: Vec<&str> = world.config().tiers.iter().map(|tier| tier.name.as_str()).collect();
        let summary = "Add it to preflight.toml, or stop announcing it.";
        findings.push(finding(
            &announced.answer,
            ("surplus", Severity::Warning),
            message,
            (names.join(", "), extra.id.clone()),
            summary,
        ));
    }
    match blocked {
        Some(blocked) if findings.is_empty() => Err(blocked),
        _ => Ok(Verdict::of(findings, format!("{} tiers are announced as they are sold", announced.value.len()))),
    }
}

async fn judge(world: &World, tier: &Tier, all: &[Announced], answer: &Answer) -> Result<Vec<Finding>, NoAnswer> {
    let name = &tier.name;
    let mend = "Mend the Worker's table of tiers and deploy it, or mend the tier in preflight.toml.";
    let Some(found) = all.iter().find(|found| found.is(tier)) else {
        let severity = if tier.prices.is_empty() { Severity::Warning } else { Severity::Failure };
        let listed: Vec<&str> = all.iter().map(|found| found.id.as_str()).collect();
        let message = format!("The Worker does not announce tier {name}.");
        return Ok(vec![finding(answer, ("missing", severity), message, (name.clone(), listed.join(", ")), mend)]);
    };
    let mut findings = Vec::new();
    let price = found.price.clone().unwrap_or_default();
    let is_free = tier.prices.is_empty();
    let costs = tier.prices.iter().any(|wanted| found.costs(&wanted.money));
    if found.price.is_some() && !(costs || is_free && price == "0") {
        // What the Worker and Stripe agree on is not the Worker's slip.
        for offer in offers(world).iter().filter(|offer| offer.tier.name == *name) {
            let charged = world.stripe().price(offer).await.ok().and_then(|price| price.value.money());
            if charged.is_some_and(|charged| found.costs(&charged)) {
                return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
            }
        }
        let wanted: Vec<String> = tier.prices.iter().map(|wanted| wanted.money.to_string()).collect();
        let wanted = if is_free { "0".to_owned() } else { wanted.join(" or ") };
        let message = format!("The Worker announces tier {name} at {price}, and it costs {wanted}.");
        findings.push(finding(answer, ("amount", Severity::Failure), message, (wanted, price), mend));
    }
    if let Some(limit) = found.limit.filter(|limit| *limit != tier.limit) {
        let message = format!("The Worker announces {} for tier {name}, and it has {}.", uses(limit), uses(tier.limit));
        findings.push(finding(answer, ("limit", Severity::Failure), message, (uses(tier.limit), uses(limit)), mend));
    }
    Ok(findings)
}

fn uses(limit: Limit) -> String {
    match limit {
        Limit::Uses(uses) => format!("{uses} uses"),
        Limit::Unlimited => "no limit".to_owned(),
    }
}

fn finding(
    answer: &Answer,
    (code, severity): (&'static str, Severity),
    message: String,
    (expected, actual): (String, String),
    summary: &str,
) -> Finding {
    let evidence = vec![answer.evidence("tiers", actual.clone())];
    Finding { code, severity, message, expected, actual, evidence, fix: Fix::new(summary).command("wrangler deploy") }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_what_is_announced_otherwise_than_it_is_sold() {
        for (name, code) in [("tiers-amount", "amount"), ("tiers-limit", "limit"), ("tiers-missing", "missing")] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn warns_of_a_tier_that_nobody_configured() {
        scenario("tiers-surplus").await.warns(CHECK, "surplus");
    }

    #[tokio::test]
    async fn a_currency_without_decimals_is_announced_as_it_is() {
        scenario("healthy-yen").await.passes(CHECK);
    }

    #[tokio::test]
    async fn any_price_of_a_tier_may_be_announced() {
        scenario("healthy-yearly-and-monthly").await.passes(CHECK);
    }
}
