//! `stripe/promotion-codes`.

use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::{Answer, CheckoutAnswer, PromotionCode, Route};

check! {
    /// No promotion code gives a tier away to everyone who knows it.
    ///
    /// ## Why it matters
    /// A code for 100 % off is created to try out live checkout, and then forgotten. It works for every customer, and codes
    /// spread: coupon sites list them.
    ///
    /// ## How it is verified
    /// All active promotion codes and their coupons are read. A code is reported if it takes 100 % off a tier, for several
    /// months or forever, and nothing limits it: no number of uses, no end date, no single customer. It is a warning, because
    /// you may have given such a code to partners, and nothing in Stripe shows who knows it. 100 % off the first payment or
    /// month is a common offer and is not reported, and neither are codes for an amount. If customers can enter codes neither in the
    /// Worker's Checkout Sessions nor in the portal, the check passes. If it cannot see that, it assumes that they can. It
    /// cannot see payment links. A restricted key may lack the permission for promotion codes: then the check is unknown, and
    /// the verdict does not need it.
    ///
    /// ## How to fix it
    /// Deactivate the code. If you want to keep it, create one with a number of uses or an end date instead, or waive the
    /// warning.
    pub const CHECK = Check {
        need: Need::Configured("a key that can read promotion codes"),
        sends: "if there is such a code, what worker/checkout sends, once for both checks",
        subjects: deployment,
        run
    };
}

codes! {
    /// A code without a limit makes a tier free.
    UNLIMITED: Warning,
}

/// A code that takes 100 % off for everyone, without a limit.
struct Gift<'c> {
    code: &'c PromotionCode,
    tiers: Vec<&'c Tier>,
    /// For how long: `forever`, `for 12 months`.
    term: String,
}

/// Where customers can enter a code.
#[derive(PartialEq, Eq)]
enum Entry {
    Nowhere,
    In(&'static str),
    /// Checkout or the portal could not be asked.
    Unseen,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let codes = world.stripe().promotion_codes().await?;
    codes.unread.iter().for_each(|why| outcome.leave_open(why.clone()));
    for code in &codes.items {
        let Some(Some(gift)) = outcome.ask(gift(world, code).await) else { continue };
        match entry(world, &gift).await {
            Entry::Nowhere => {
                outcome.pass(format!("{} is unlimited, but Checkout and the portal accept no codes", code.code));
            }
            entry => outcome.find(unlimited(world, &gift, &entry, &codes.answer)),
        }
    }
    outcome
        .pass_if_clean(format!("none of {} active promotion codes makes a tier free without limit", codes.items.len()));
    Ok(())
}

/// The tiers that a code makes free for everyone, if nothing limits it.
async fn gift<'c>(world: &'c World, code: &'c PromotionCode) -> Answered<Option<Gift<'c>>> {
    let of_code = |field: &str| format!("{field} of {}", code.id);
    let of_coupon = |field: &str| format!("promotion.coupon.{field} of {}", code.id);
    let Some(coupon) = code.coupon()? else { return Ok(None) };
    let is_free = coupon.percent_off.nullable(of_coupon("percent_off"))?.is_some_and(|percent| *percent >= 100.0);
    if !is_free || !*coupon.valid.known(of_coupon("valid"))? {
        return Ok(None);
    }
    let is_limited = code.max_redemptions.nullable(of_code("max_redemptions"))?.is_some()
        || code.expires_at.nullable(of_code("expires_at"))?.is_some()
        || code.customer.nullable(of_code("customer"))?.is_some()
        || code.customer_account.nullable(of_code("customer_account"))?.is_some()
        || coupon.max_redemptions.nullable(of_coupon("max_redemptions"))?.is_some()
        || coupon.redeem_by.nullable(of_coupon("redeem_by"))?.is_some();
    let term = match coupon.duration.known(of_coupon("duration"))?.as_str() {
        "once" => return Ok(None),
        "repeating" => match coupon.duration_in_months.known(of_coupon("duration_in_months"))? {
            0 | 1 => return Ok(None),
            months => format!("for {months} months"),
        },
        _ => "forever".to_owned(),
    };
    if is_limited {
        return Ok(None);
    }
    let mut tiers: Vec<&Tier> = Vec::new();
    for offer in offers(world) {
        let applies = match coupon.products()? {
            None => true,
            Some(products) => {
                let price = world.stripe().price(&offer).await?.value;
                let product = price.product.known(format_args!("product of {}", price.id))?;
                products.iter().any(|id| id == product.id())
            }
        };
        if applies && !tiers.iter().any(|tier| tier.name == offer.tier.name) {
            tiers.push(offer.tier);
        }
    }
    Ok((!tiers.is_empty()).then_some(Gift { code, tiers, term }))
}

/// Where customers can enter the code. What could not be asked is no reason to leave a code unreported.
async fn entry(world: &World, gift: &Gift<'_>) -> Entry {
    let mut seen = Vec::new();
    for tier in &gift.tiers {
        seen.push(("Checkout", optional(checkout_accepts_codes(world, tier)).await));
    }
    seen.push(("the portal", optional(portal_accepts_codes(world)).await));
    if let Some((place, _)) = seen.iter().find(|(_, accepts)| *accepts == Some(true)) {
        return Entry::In(place);
    }
    if seen.iter().all(|(_, accepts)| accepts.is_some()) { Entry::Nowhere } else { Entry::Unseen }
}

async fn checkout_accepts_codes(world: &World, tier: &Tier) -> Answered<bool> {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Checkout) {
        return Err(NoAnswer::Unknown(lacking));
    }
    let checkouts = worker.checkouts().await;
    checkouts.ready.clone()?;
    match checkouts.of(tier) {
        Some(Ok(CheckoutAnswer::Session { session, .. })) => session.value.allows_promotion_codes(),
        Some(Err(why)) => Err(why.clone()),
        Some(Ok(_)) | None => Err(NoAnswer::unknown("the Worker created no Checkout Session that could be read")),
    }
}

async fn portal_accepts_codes(world: &World) -> Answered<bool> {
    world.stripe().portal().await?.value.subscription_update()?.allows_promotion_codes()
}

fn unlimited(world: &World, gift: &Gift<'_>, entry: &Entry, answer: &Answer) -> Finding {
    let Gift { code: PromotionCode { id, code, .. }, tiers, term } = gift;
    let tiers = tiers.iter().map(|tier| tier.name.as_str()).collect::<Vec<_>>().join(" or ");
    let place = match entry {
        Entry::In(place) => format!("enters it in {place}"),
        Entry::Nowhere | Entry::Unseen => "can enter it".to_owned(),
    };
    let unseen = if *entry == Entry::Unseen { " Whether Checkout accepts codes could not be seen." } else { "" };
    let seen = "100 % off, with no max_redemptions, no expires_at and no customer";
    Finding {
        code: UNLIMITED,
        message: format!("Anyone who knows the promotion code {code} and {place} gets {tiers} free {term}.{unseen}"),
        expected: "a limit on every code for 100 % off".to_owned(),
        actual: format!("{code}: {seen}"),
        evidence: vec![answer.evidence("data[].promotion.coupon.percent_off", format!("{id}: {seen}"))],
        fix: Fix::new(format!(
            "Deactivate {code} if it is left over from a test. To keep it, replace it with a code that has max_redemptions or \
             expires_at."
        ))
        .suggest(world.stripe().update(StripeResource::PromotionCode, id, code).set("active", true, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_fix_deactivates_exactly_this_code() {
        let run = scenario("promotion-code-unlimited").await;
        let fix = run.fix(CHECK);
        assert!(fix.summary.starts_with("Deactivate FRIENDS"), "{}", fix.summary);
        let command = "stripe promotion_codes update promo_1Rlivecme7LaunchFriends0 -d active=false --live";
        assert_eq!(fix.commands(), [command]);
        assert_eq!(fix.links(), ["https://dashboard.stripe.com/promotion_codes/promo_1Rlivecme7LaunchFriends0"]);
    }

    #[tokio::test]
    async fn the_message_says_what_is_free_for_how_long_and_where_the_code_is_entered() {
        for (name, message) in [
            ("promotion-code-unlimited", "and enters it in Checkout gets pro or enterprise free forever."),
            ("promotion-code-for-one-tier", "and enters it in Checkout gets pro free for 12 months."),
            ("promotion-code-in-the-portal", "and enters it in the portal gets pro or enterprise free forever."),
            ("promotion-code-without-checkout", "free forever. Whether Checkout accepts codes could not be seen."),
        ] {
            let run = scenario(name).await;
            assert!(run.message(CHECK).ends_with(message), "{}", run.summary());
        }
    }

    #[tokio::test]
    async fn without_such_a_code_the_worker_is_not_asked() {
        let run = scenario("healthy").await;
        let sent = &run.report().requests;
        let mut asked = run.line(CHECK).asked.iter().map(|index| sent[*index].path.as_str());
        assert!(asked.all(|path| path.starts_with("/v1/")), "{}", run.summary());
    }

    #[tokio::test]
    async fn a_code_that_is_limited_or_cannot_be_entered_is_no_warning() {
        for name in ["for-one-customer", "for-another-product", "for-the-first-month", "not-accepted"] {
            let run = scenario(&format!("healthy-promotion-code-{name}")).await;
            run.passes(CHECK);
            assert!(run.line(CHECK).findings.is_empty(), "{}", run.summary());
        }
    }

    #[tokio::test]
    async fn a_restricted_key_without_the_permission_does_not_change_the_verdict() {
        let run = scenario("healthy-key-without-promotion-codes").await;
        assert!(run.reasons(CHECK).contains("rak_promotion_code_read"), "{}", run.summary());
        assert_eq!(run.failures(), Vec::<String>::new());
    }
}
