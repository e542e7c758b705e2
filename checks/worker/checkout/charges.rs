//! What a session charges besides the tier's price, and what it takes off for everyone.

use super::super::fixes;
use super::{DISCOUNT, EXTRA_ITEM, finding};
use crate::check::prelude::*;
use crate::world::{CheckoutSession, LineItem, Price, Seen};

/// Judges every item but the one at `place`, which is the tier's.
pub(super) fn extra_items(
    world: &World,
    session: &Seen<CheckoutSession>,
    items: &[LineItem],
    place: usize,
    outcome: &mut Outcome,
) -> Answered {
    let id = &session.value.id;
    let others = items.iter().enumerate().filter(|(at, _)| *at != place);
    for (_, item) in others {
        let price = item.price.known(format_args!("line_items.data.price of {id}"))?;
        if price.unit_amount.nullable(format_args!("unit_amount of {}", price.id))? == Some(&0) {
            continue;
        }
        let code = if is_charged_each_time(price)? { EXTRA_ITEM } else { EXTRA_ITEM.as_warning() };
        let seen = format!("{} ({})", price.id, price.terms());
        let message = format!("The Worker's Checkout also charges {seen}.");
        let evidence = session.answer.evidence("line_items.data.price", seen);
        let fix = fixes::deploy(world, format!("Remove {} from line_items.", price.id));
        outcome.find(finding(code, message, "only the tier's price", evidence, fix));
    }
    Ok(())
}

/// Whether every bill has it in full. What is charged once may be a setup fee, and what is charged by use an overage.
fn is_charged_each_time(price: &Price) -> Answered<bool> {
    let Some(recurring) = price.recurring()? else { return Ok(false) };
    Ok(recurring.usage_type()? == "licensed")
}

/// Judges a discount that the Worker gives to everyone: customers did not enter it.
pub(super) fn discount(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let Some(name) = session.value.discount()? else { return Ok(()) };
    let is_free = session.value.is_free_by_discount()?;
    let (code, left) = if is_free { (DISCOUNT, "nothing to pay") } else { (DISCOUNT.as_warning(), "less to pay") };
    let message = format!("The Worker's Checkout gives everyone the discount {name}, which leaves {left}.");
    let evidence = session.answer.evidence("discounts", name.to_owned());
    let fix = fixes::deploy(
        world,
        "Remove discounts from checkout.sessions.create. If it is a launch offer, waive this finding until it ends.",
    );
    outcome.find(finding(code, message, "no discount", evidence, fix));
    Ok(())
}
