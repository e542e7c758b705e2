//! The tiers that the Worker announces.

use serde_json::Value;

use super::{NoAnswer, Route, RouteAnswer, RouteFailure, Worker, unreadable};
use crate::config::{Limit, Money, Tier};
use crate::finding::Answered;
use crate::world::Seen;
use crate::world::transport::{Answer, Party};

/// A tier as the Worker announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedTier {
    /// Its name in requests.
    pub id: String,
    /// The price in whole units of the currency, as the Worker writes it; `None` if it announces none.
    pub price: Option<String>,
    /// The limit; `None` if it announces none.
    pub limit: Option<Limit>,
}

/// The tiers that the Worker announces.
#[derive(Debug, Clone)]
pub struct AnnouncedTiers {
    /// Those that could be read.
    pub tiers: Vec<AnnouncedTier>,
    /// A reason for each that could not be read.
    pub unread: Vec<NoAnswer>,
}

impl AnnouncedTiers {
    fn read(answer: &Answer) -> Answered<Self> {
        let body: Value = answer.json()?;
        let listed = body.get("tiers").unwrap_or(&body).as_array().ok_or_else(|| unreadable(answer))?;
        let (mut tiers, mut unread) = (Vec::new(), Vec::new());
        for (place, tier) in listed.iter().enumerate() {
            match announced(tier) {
                Some(tier) => tiers.push(tier),
                None => {
                    unread.push(NoAnswer::Unknown(format!("tiers[{place}] of {} could not be read", answer.request)));
                }
            }
        }
        Ok(Self { tiers, unread })
    }
}

impl AnnouncedTier {
    /// Whether it is `tier`.
    #[must_use]
    pub fn is(&self, tier: &Tier) -> bool {
        self.id == tier.name || self.id == tier.metadata
    }

    /// Whether it announces this price, or none.
    #[must_use]
    pub fn costs(&self, money: &Money) -> bool {
        self.price.as_deref().is_none_or(|price| Money::parse(price, &money.currency).as_ref() == Ok(money))
    }
}

impl Worker<'_> {
    /// The tiers that the Worker announces.
    ///
    /// # Errors
    /// Unknown if the list has another shape, and blocked if another check reports why the route fails.
    pub async fn tiers(self) -> Answered<Result<Seen<AnnouncedTiers>, RouteFailure>> {
        let answer = match self.tiers_answer().await? {
            Ok(answer) if answer.is_success() => answer,
            Ok(answer) => return Ok(Err(RouteFailure::of(Route::Tiers, &answer))),
            Err(failure) => return Ok(Err(failure)),
        };
        Ok(Ok(Seen { value: AnnouncedTiers::read(&answer)?, answer }))
    }

    /// The same through the read door: if the route fails, nothing else is asked to find out why.
    ///
    /// # Errors
    /// Unknown if the route does not answer with a list of tiers.
    pub async fn listed_tiers(self) -> Answered<AnnouncedTiers> {
        let headers = Self::headers_from(self.origin().as_deref());
        let asked = self.world.reads().get(Party::Worker, self.url(Route::Tiers)?, headers, None).await;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        if answer.is_success() {
            return AnnouncedTiers::read(&answer);
        }
        Err(NoAnswer::Unknown(RouteFailure::of(Route::Tiers, &answer).words()))
    }

    pub(super) async fn tiers_answer(self) -> Answered<RouteAnswer> {
        let asked = self.get(Route::Tiers, None).await?;
        self.answer(Route::Tiers, asked).await
    }
}

fn announced(tier: &Value) -> Option<AnnouncedTier> {
    let price = match tier.get("price") {
        None | Some(Value::Null) => None,
        Some(Value::Number(price)) => Some(plain(&price.to_string())),
        Some(Value::String(price)) => Some(plain(price)),
        Some(_) => return None,
    };
    let limit = match tier.get("limit") {
        None => None,
        Some(limit) => Some(read_limit(limit)?),
    };
    Some(AnnouncedTier { id: tier.get("id")?.as_str()?.to_owned(), price, limit })
}

/// `29` for `29.0`, since some currencies have no decimals.
fn plain(amount: &str) -> String {
    let is_fraction = amount.contains('.');
    if is_fraction { amount.trim_end_matches('0').trim_end_matches('.').to_owned() } else { amount.to_owned() }
}

/// A limit as Workers write it: a number, or a word for no limit. JavaScript writes `Infinity` as `null`.
pub(super) fn read_limit(limit: &Value) -> Option<Limit> {
    match limit {
        Value::Number(number) if number.as_i64() == Some(-1) => Some(Limit::Unlimited),
        Value::Number(number) => number.as_u64().map(Limit::Uses),
        Value::String(word) if word.eq_ignore_ascii_case("unlimited") => Some(Limit::Unlimited),
        Value::Null => Some(Limit::Unlimited),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{announced, read_limit};
    use crate::config::{Limit, Money};

    #[test]
    fn a_price_is_read_with_or_without_decimals() {
        let costs = |price: serde_json::Value, minor, currency: &str| {
            let tier = announced(&json!({ "id": "pro", "price": price })).unwrap();
            tier.costs(&Money { minor, currency: currency.to_owned() })
        };
        assert!(costs(json!(29), 2900, "usd") && costs(json!(29.0), 2900, "usd") && costs(json!("29.00"), 2900, "usd"));
        assert!(costs(json!(2900.0), 2900, "jpy") && costs(json!(29.5), 2950, "usd"));
        assert!(!costs(json!(2900), 2900, "usd") && !costs(json!(19), 2900, "usd"));
    }

    #[test]
    fn workers_write_no_limit_in_several_ways() {
        for unlimited in [json!("unlimited"), json!(null), json!(-1)] {
            assert_eq!(read_limit(&unlimited), Some(Limit::Unlimited));
        }
        assert_eq!(read_limit(&json!(50)), Some(Limit::Uses(50)));
        assert_eq!(read_limit(&json!({ "uses": 50 })), None);
    }
}
