//! From Stripe to the Worker: the endpoint, what it selects, and the deliveries of the customer's events.

use super::due::Due;
use super::facts::Facts;
use super::step::{Link, State};
use super::tracer::{Traced, Tracer, failures};
use crate::change::Fix;
use crate::checks::webhook;
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::{EVENTS_KEPT, Endpoint, EventRecord, Subscription, World, age};

/// What tells the Worker of a purchase.
const BOUGHT: [&str; 2] = ["checkout.session.completed", "customer.subscription.created"];
/// What tells the Worker that a subscription ended.
const ENDED: [&str; 2] = ["customer.subscription.deleted", "customer.subscription.updated"];
/// How long before the subscription its Checkout Session may have been completed, in seconds.
const CHECKOUT_TIME: i64 = 10 * 60;
/// Most events that are shown.
const SHOWN: usize = 5;

/// The customer's events, the oldest first.
struct History {
    events: Vec<EventRecord>,
    /// Why older ones, or some of them, could not be read.
    gap: Option<String>,
}

/// Judges everything between Stripe and the Worker.
pub(super) async fn judge(tracer: &mut Tracer<'_>, facts: &Facts, due: &Due<'_>) -> Traced {
    let Some(subscription) = due.subscription() else { return Ok(()) };
    let who = facts.holder.as_ref().map_or("the customer", |user| user.id.as_str());
    let effect = match due {
        _ if tracer.is_served => "the Worker will not hear of the next change".to_owned(),
        Due::Lapsed(_) => format!("the Worker does not hear that the subscription of {who} ended"),
        _ => format!("the Worker does not hear that {who} paid"),
    };
    let world = tracer.world;
    let (endpoint, history) = futures::join!(world.webhook().endpoint(), history(tracer, facts, subscription));
    let history = match history {
        Ok(history) => Some(history),
        Err(why) => {
            tracer.leave_open(Link::Delivery, &why);
            None
        }
    };
    let endpoint = match endpoint {
        Ok(seen) => seen.value,
        Err(NoAnswer::Because(Cause::EndpointNotRegistered)) => {
            show(tracer, history.as_ref().map_or(&[][..], |history| &history.events), None);
            return no_endpoint(tracer, facts, due, &effect).await;
        }
        Err(why) => {
            tracer.leave_open(Link::Endpoint, &why);
            return Ok(());
        }
    };
    let created = endpoint.created.value().map(|created| created.as_second());
    tracer.see(Link::Endpoint, State::Ok, created, format!("{} delivers to {}", endpoint.id, endpoint.url_text));
    let events = history.as_ref().map_or(&[][..], |history| &history.events);
    selection(tracer, &endpoint, events, (facts, due), &effect).await?;
    match &history {
        Some(history) => deliveries(tracer, &endpoint, history, due, &effect).await,
        None => Ok(()),
    }
}

async fn no_endpoint(tracer: &mut Tracer<'_>, facts: &Facts, due: &Due<'_>, effect: &str) -> Traced {
    if tracer.is_served {
        let url = &tracer.world.config().webhook.url;
        tracer.see(Link::Endpoint, State::Note, None, format!("No endpoint delivers to {url}, so {effect}."));
        return Ok(());
    }
    let (found, unanswered) = failures(tracer.world, &webhook::endpoint::CHECK).await;
    for why in unanswered {
        tracer.leave_open(Link::Endpoint, &why);
    }
    let Some(finding) = found.into_iter().next() else { return Ok(()) };
    let said = finding.message.replace(", so the Worker gets no events.", ".");
    let message = format!("{} So {effect}.", said.trim_end());
    let fix = facts.and_repair(tracer.world, due, finding.fix)?;
    tracer.problem(Link::Endpoint, message, fix)
}

/// The event types that matter for what is due: those of a purchase or its end, and those that happened.
fn wanted<'c>(world: &'c World, events: &[EventRecord], due: &Due<'_>) -> Vec<&'c str> {
    let usual = if matches!(due, Due::Lapsed(_)) { &ENDED } else { &BOUGHT };
    let handled = world.config().webhook.events.iter().map(String::as_str);
    handled.filter(|kind| usual.contains(kind) || events.iter().any(|event| event.kind == *kind)).collect()
}

async fn selection(
    tracer: &mut Tracer<'_>,
    endpoint: &Endpoint,
    events: &[EventRecord],
    (facts, due): (&Facts, &Due<'_>),
    effect: &str,
) -> Traced {
    let mut missing = Vec::new();
    let wanted = wanted(tracer.world, events, due);
    for kind in &wanted {
        match endpoint.selects(kind) {
            Ok(true) => {}
            Ok(false) => missing.push(*kind),
            Err(why) => {
                tracer.leave_open(Link::Events, &why);
                return Ok(());
            }
        }
    }
    if missing.is_empty() {
        tracer.see(Link::Events, State::Ok, None, format!("{} selects {}", endpoint.id, wanted.join(", ")));
        return Ok(());
    }
    let (found, _) = failures(tracer.world, &webhook::events::CHECK).await;
    let fix = found
        .into_iter()
        .next()
        .map_or_else(|| Fix::new(format!("Select {} on {}.", missing.join(", "), endpoint.id)), |finding| finding.fix);
    let message = format!("{} does not select {}, so {effect}.", endpoint.id, missing.join(", "));
    let fix = facts.and_repair(tracer.world, due, fix)?;
    tracer.problem(Link::Events, message, fix)
}

async fn deliveries(
    tracer: &mut Tracer<'_>,
    endpoint: &Endpoint,
    history: &History,
    due: &Due<'_>,
    effect: &str,
) -> Traced {
    let wanted = wanted(tracer.world, &history.events, due);
    let decides =
        |event: &EventRecord| wanted.contains(&event.kind.as_str()) && endpoint.selects(&event.kind) != Ok(false);
    let Some(place) = history.events.iter().rposition(decides) else {
        show(tracer, &history.events, Some(endpoint));
        let why = history.gap.clone().unwrap_or_else(|| "Stripe lists no event about this subscription".to_owned());
        // What the user has shows that an event arrived.
        let state = if tracer.is_served { State::Note } else { State::Unknown };
        tracer.see(Link::Delivery, state, None, why);
        return Ok(());
    };
    let newest = &history.events[place];
    let (what, age_of_it) =
        (format!("{} ({})", newest.kind, newest.id), tracer.world.now().as_second() - newest.created);
    let is_late = is_before(newest, endpoint) && !tracer.is_served;
    let is_failing = newest.pending().is_ok_and(|pending| pending > 0) && age_of_it >= tracer.grace;
    let is_shown = !is_late && !is_failing;
    show(tracer, &history.events[..place + usize::from(is_shown)], Some(endpoint));
    if is_shown {
        return Ok(());
    }
    let resend =
        |fix: Fix| webhook::deliveries::resend(tracer.world, endpoint, &newest.id).into_iter().fold(fix, Fix::command);
    let page = tracer.world.stripe().dashboard(&format!("webhooks/{}", endpoint.id));
    if is_late {
        let message = format!("{what} happened before {} was created, so {effect}.", endpoint.id);
        let fix = resend(Fix::new(format!("Resend {} to {}.", newest.id, endpoint.id)).link(page));
        return tracer.problem(Link::Delivery, message, fix);
    }
    let (listed, complete) = tracer.world.stripe().endpoints().await?;
    let gets_it_too = |other: &&Endpoint| {
        other.id != endpoint.id && other.enabled != Ok(false) && other.selects(&newest.kind) != Ok(false)
    };
    let other = listed.items.iter().find(gets_it_too).map(|other| other.url_text.as_str());
    if let Some(other) = other.or_else(|| complete.is_err().then_some("an endpoint that could not be read")) {
        let why = format!("{what} is undelivered, and Stripe does not say whether to {} or to {other}", endpoint.id);
        tracer.leave_open(Link::Delivery, &NoAnswer::Unknown(why));
        return Ok(());
    }
    let effect = if tracer.is_served { "the Worker does not know of it" } else { effect };
    let message = format!("{what} is undelivered after {}, so {effect}.", age(newest.created, tracer.world.now()));
    let fix = Fix::new(format!(
        "Open the failed delivery on the page of {}, fix what the Worker's answer shows, and resend {}.",
        endpoint.id, newest.id
    ));
    tracer.problem(Link::Delivery, message, resend(fix.link(page)))
}

/// Whether an event happened before there was an endpoint for it.
fn is_before(event: &EventRecord, endpoint: &Endpoint) -> bool {
    endpoint.created.value().is_some_and(|created| event.created < created.as_second())
}

/// One step for each of the newest of these events. Without an endpoint, an event is delivered nowhere.
fn show(tracer: &mut Tracer<'_>, events: &[EventRecord], endpoint: Option<&Endpoint>) {
    for event in &events[events.len().saturating_sub(SHOWN)..] {
        let what = format!("{} ({})", event.kind, event.id);
        // An event that no endpoint gets is pending for none.
        let (state, words) = match (endpoint, event.pending()) {
            (None, _) => (State::Note, format!("{what} happened")),
            (Some(endpoint), _) if endpoint.selects(&event.kind) == Ok(false) => {
                (State::Note, format!("{what} happened, but {} does not select it", endpoint.id))
            }
            (Some(endpoint), _) if is_before(event, endpoint) => {
                (State::Note, format!("{what} happened before {} was created", endpoint.id))
            }
            (Some(_), Ok(0)) => (State::Ok, format!("{what} was delivered")),
            (Some(_), Ok(_)) => (State::Note, format!("{what} is not delivered yet")),
            (Some(_), Err(why)) => (State::Unknown, why.to_string()),
        };
        tracer.see(Link::Delivery, state, Some(event.created), words);
    }
}

/// Reads the customer's events of the types that the Worker handles, since the purchase.
async fn history(tracer: &Tracer<'_>, facts: &Facts, subscription: &Subscription) -> Answered<History> {
    let world = tracer.world;
    let (types, oldest) = (&world.config().webhook.events, world.now().as_second() - EVENTS_KEPT);
    if types.is_empty() {
        return Err(NoAnswer::unknown("webhook.events is empty, so there are no events to look for"));
    }
    let start = subscription.created - CHECKOUT_TIME;
    let from = start.max(oldest);
    let mut gap = (start < oldest).then(|| "Stripe keeps events for 30 days, and the purchase is older".to_owned());
    let (mut listed, has_more) = world.stripe().events_between(types, from, None, None).await?;
    if has_more {
        gap = Some("there are too many events since the purchase to read them all".to_owned());
    }
    if has_more && !tracer.is_served {
        // On a busy account, those of the purchase itself and the undelivered ones are the most interesting.
        let until = subscription.created + CHECKOUT_TIME;
        let (bought, undelivered) = futures::join!(
            world.stripe().events_between(types, from, Some(until.max(from)), None),
            world.stripe().events_between(types, from, None, Some(false))
        );
        listed.items.extend(bought?.0.items);
        listed.items.extend(undelivered?.0.items);
    }
    if let Some(why) = listed.unread.into_iter().next() {
        return Err(why);
    }
    let customer = subscription.customer.text().or(facts.customer.as_deref());
    let is_theirs = |event: &EventRecord| match event.subscription() {
        Some(id) => id == subscription.id,
        None => event.customer().is_some() && event.customer() == customer,
    };
    let asked = facts.event.iter().cloned();
    let mut events: Vec<EventRecord> = listed.items.into_iter().filter(is_theirs).chain(asked).collect();
    events.sort_by(|left, right| (left.created, &left.id).cmp(&(right.created, &right.id)));
    events.dedup_by(|left, right| left.id == right.id);
    Ok(History { events, gap })
}
