//! What the customer has: the plan in Clerk, the claim in a token, and the Worker's tier.

use jiff::Timestamp;

use super::due::Due;
use super::facts::Facts;
use super::step::{Link, State, Verdict};
use super::tracer::{Ended, Traced, Tracer, failures};
use crate::change::Fix;
use crate::checks::clerk::jwt_template;
use crate::checks::entitlements::wording;
use crate::finding::NoAnswer;
use crate::world::{PlanMismatch, Route, World, holder_page, plan_mismatch};

/// The end of the path of a customer who rightly has no tier.
pub(super) fn without_tier(tracer: &mut Tracer<'_>, facts: &Facts, due: &Due<'_>) -> Traced<Verdict> {
    if let Some(holder) = &facts.holder {
        let plan = facts.plan(tracer.world)?;
        let has = plan.map_or_else(|| "no plan".to_owned(), |plan| format!("the plan \"{plan}\""));
        tracer.see(Link::Metadata, State::Ok, None, format!("{} has {has}, as it should be", holder.id));
    }
    Ok(match due {
        Due::Lapsed(subscription) => {
            let (id, status) = (&subscription.id, &subscription.status);
            Verdict::NoTier(Link::Subscription, format!("{id} is {status}, which does not grant a tier."))
        }
        Due::Nothing(link, why) => Verdict::NoTier(*link, format!("{}.", capitalized(why))),
        Due::Paid { .. } | Due::Comped(_) => Verdict::Served("The tier that is due is free.".to_owned()),
    })
}

/// Whether the holder's public metadata has the plan that is due.
pub(super) fn metadata(tracer: &mut Tracer<'_>, facts: &Facts, due: &Due<'_>) -> Traced {
    let world = tracer.world;
    let Some(holder) = &facts.holder else {
        let kind = world.config().entitlement.holder.word();
        return Err(Ended::Unknown(format!("Which Clerk {kind} this customer is could not be seen.")));
    };
    let (id, plan) = (&holder.id, facts.plan(world)?);
    let has = match &plan {
        None => "no plan".to_owned(),
        Some(plan) => match plan_mismatch(plan, &world.config().tiers) {
            None | Some(PlanMismatch::UnknownTier) => format!("the plan \"{plan}\""),
            Some(mismatch) => format!("the plan \"{plan}\", which {}", mismatch.difference()),
        },
    };
    if tracer.is_served {
        tracer.see(Link::Metadata, State::Ok, None, format!("{id} has {has}"));
        return Ok(());
    }
    too_early(tracer, due)?;
    let key = &world.config().clerk.metadata_key;
    let repair = match facts.repair(world, due)? {
        Some((_, change)) => change,
        None => world.plan_of(id, plan.clone(), serde_json::Value::Null),
    };
    let (message, fix) = match due {
        Due::Paid { tier, subscription } => (
            format!(
                "{id} pays for \"{}\" with {} but has {has}, so the Worker {}.",
                tier.metadata,
                subscription.id,
                if plan.is_none() { "treats the customer as free" } else { "grants that instead" }
            ),
            Fix::new(format!(
                "Set {key} to {} in the public metadata of {id}, and find out in the Worker's logs why the event did not set it.",
                tier.metadata
            ))
            .then(repair),
        ),
        Due::Lapsed(subscription) if !subscription.is_over() => {
            let status = &subscription.status;
            (
                format!("{id} still has {has}, although {} is {status}. The customer uses it without paying.", subscription.id),
                Fix::new(wording::end_tier(world, id, status)).link(holder_page(id)),
            )
        }
        Due::Lapsed(_) | Due::Nothing(..) | Due::Comped(_) => {
            let why = match due {
                Due::Lapsed(subscription) => format!("{} is {}", subscription.id, subscription.status),
                Due::Nothing(_, why) => why.clone(),
                _ => "nothing was bought".to_owned(),
            };
            (
                format!("{id} has {has} but does not pay for it: {why}."),
                Fix::new(format!(
                    "Set {key} to the free tier in the public metadata of {id}, or add {id} to entitlement.comped if the tier should be free."
                ))
                .suggest(repair),
            )
        }
    };
    Err(tracer.broken(Link::Metadata, message, fix))
}

/// A webhook takes moments, and Stripe retries it for minutes.
fn too_early(tracer: &Tracer<'_>, due: &Due<'_>) -> Traced {
    let Some(subscription) = due.subscription() else { return Ok(()) };
    let events = tracer.steps.iter().filter(|step| step.link == Link::Delivery);
    let newest = events.filter_map(|step| step.at).map(Timestamp::as_second).fold(subscription.changed()?, i64::max);
    let age = tracer.world.now().as_second() - newest;
    if age >= tracer.grace {
        return Ok(());
    }
    Err(Ended::Unknown(format!(
        "It is too early to tell: {} changed {age} seconds ago, and a delivery may take {} minutes. Trace it again then.",
        subscription.id,
        tracer.grace / 60
    )))
}

/// Asks what [`claim`] and [`worker`] will ask, so that their answers are there.
pub(super) async fn ask_ahead(world: &World) {
    let template = async {
        if let Some(name) = &world.config().clerk.jwt_template {
            let _ = world.clerk().jwt_template(name).await;
        }
    };
    let tiers = async {
        if world.worker().lacks(Route::Tiers).is_none() {
            let _ = world.worker().listed_tiers().await;
        }
    };
    futures::join!(template, tiers);
}

/// Whether a token of this holder would carry the plan. No token is created: that would need the holder's session.
pub(super) async fn claim(tracer: &mut Tracer<'_>, facts: &Facts, due: &Due<'_>) -> Traced {
    let Some((tier, holder)) = due.tier().zip(facts.holder.as_ref()) else { return Ok(()) };
    let clerk = &tracer.world.config().clerk;
    let (claim, Some(name)) = (&clerk.plan_claim, &clerk.jwt_template) else {
        let words =
            "the session token carries the claim, which `preflight run --only=clerk/plan-claim` proves with the canary";
        tracer.see(Link::Claim, State::Note, None, words);
        return Ok(());
    };
    let (found, unanswered) = failures(tracer.world, &jwt_template::CHECK).await;
    if let Some(finding) = found.into_iter().next() {
        let message = format!("{} So {} does not get \"{}\".", finding.message, holder.id, tier.metadata);
        return Err(tracer.broken(Link::Claim, message, finding.fix));
    }
    if let Some(why) = unanswered.into_iter().next() {
        tracer.leave_open(Link::Claim, &why);
        return Ok(());
    }
    let template = tracer.world.clerk().jwt_template(name).await?.value;
    let expression = template.ok().map(|template| template.claim(claim)).transpose()?.flatten();
    let value = expression.as_ref().and_then(|expression| expression.value_for(holder));
    let words = match (value, expression) {
        (Some(value), _) => format!("a token from the template \"{name}\" would carry {claim} = \"{value}\""),
        (None, Some(expression)) => format!("the template \"{name}\" sets {claim} to {}", expression.text()),
        (None, None) => format!("the template \"{name}\" carries {claim}"),
    };
    tracer.see(Link::Claim, State::Ok, None, words);
    Ok(())
}

/// Whether the Worker knows the tier.
pub(super) async fn worker(tracer: &mut Tracer<'_>, due: &Due<'_>) -> Traced {
    let Some(tier) = due.tier() else { return Ok(()) };
    let (world, name) = (tracer.world, &tier.name);
    if let Some(lacking) = world.worker().lacks(Route::Tiers) {
        tracer.see(Link::Worker, State::Note, None, lacking);
        return Ok(());
    }
    let announced = match world.worker().listed_tiers().await {
        Ok(announced) => announced,
        Err(why) => {
            tracer.leave_open(Link::Worker, &why);
            return Ok(());
        }
    };
    let path = world.config().worker.tiers.as_deref().unwrap_or_default();
    match announced.tiers.iter().find(|found| found.is(tier)) {
        Some(found) => {
            let limit = found.limit.map_or_else(String::new, |limit| format!(" with {limit}"));
            let (state, but) = match found.limit.and_then(|limit| tier.limit_instead_of(limit)) {
                Some(wanted) => (State::Note, format!(", but preflight.toml says {wanted}")),
                None => (State::Ok, String::new()),
            };
            tracer.see(Link::Worker, state, None, format!("{path} lists {name}{limit}{but}"));
            Ok(())
        }
        // It may be one of those that could not be read.
        None => match announced.unread.into_iter().next() {
            Some(why) => {
                tracer.leave_open(Link::Worker, &why);
                Ok(())
            }
            None => Err(unlisted(tracer, name, path)),
        },
    }
}

fn unlisted(tracer: &mut Tracer<'_>, tier: &str, path: &str) -> Ended {
    let message =
        format!("The Worker does not list the tier {tier} in {path}, so it may not grant what the customer pays for.");
    let fix = Fix::new(format!(
        "Add {tier} to the Worker's table of tiers and deploy it, or correct the tier in preflight.toml."
    ))
    .then(tracer.world.deployment());
    tracer.broken(Link::Worker, message, fix)
}

/// Where the path ends if no link is broken.
pub(super) fn conclude(tracer: &Tracer<'_>, facts: &Facts, due: &Due<'_>) -> Traced<Verdict> {
    let decides = |link: Link| matches!(link, Link::Metadata | Link::Claim | Link::Worker);
    if let Some(step) = tracer.steps.iter().find(|step| step.state == State::Unknown && decides(step.link)) {
        return Ok(Verdict::Unknown(format!("The {} could not be checked: {}.", step.link.word(), step.words)));
    }
    let holder = facts.holder.as_ref().map_or("The customer", |holder| holder.id.as_str());
    Ok(match due {
        Due::Paid { tier, subscription } => {
            Verdict::Served(format!("{holder} pays for \"{}\" with {} and has it.", tier.metadata, subscription.id))
        }
        Due::Comped(tier) => {
            Verdict::Served(format!("{holder} has \"{}\" without paying, as preflight.toml says.", tier.metadata))
        }
        Due::Lapsed(_) | Due::Nothing(..) => return Err(NoAnswer::unknown("no tier is due").into()),
    })
}

fn capitalized(words: &str) -> String {
    // An ID stays as it is.
    words.strip_prefix("the ").map_or_else(|| words.to_owned(), |rest| format!("The {rest}"))
}
