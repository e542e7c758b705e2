//! What the Worker announces for sale, and what it grants.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::seen::Seen;
use super::super::transport::Answer;
use super::{Breakdown, Heard, NoAnswer, Route, Worker};
use crate::config::{Limit, Money, Tier};
use crate::finding::{Answered, Cause};

/// A tier as the Worker announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// What it is called in requests.
    pub id: String,
    /// The price in whole units of the currency, as it is written; `None` where none is announced.
    pub price: Option<String>,
    /// The limit; `None` where none is announced.
    pub limit: Option<Limit>,
}

/// The tiers that the Worker announces.
#[derive(Debug, Clone)]
pub struct AnnouncedTiers {
    /// Those that could be read.
    pub tiers: Vec<Announced>,
    /// One for each that could not.
    pub unread: Vec<NoAnswer>,
}

impl Announced {
    /// Whether `tier` is meant.
    #[must_use]
    pub fn is(&self, tier: &Tier) -> bool {
        self.id == tier.name || self.id == tier.metadata
    }

    /// Whether the price is `money`.
    #[must_use]
    pub fn costs(&self, money: &Money) -> bool {
        self.price.as_deref().is_none_or(|price| Money::parse(price, &money.currency).as_ref() == Ok(money))
    }
}

/// What the Worker grants the canary.
#[derive(Debug, Clone)]
pub enum Usage {
    /// It takes the token.
    Granted(Grant),
    /// It refuses it; in its own words.
    Refused {
        /// What the answer says of the reason.
        reason: String,
        /// The answer.
        answer: Arc<Answer>,
    },
    /// The route does not work.
    Broken(Breakdown),
}

/// What a token gives a right to.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The plan, as the Worker calls it.
    pub plan: Answered<String>,
    /// Its limit; `None` where none is told.
    pub limit: Answered<Option<Limit>>,
    /// The tier that the token is of.
    pub tier: String,
    /// The answer.
    pub answer: Arc<Answer>,
}

impl Worker<'_> {
    /// The tiers that the Worker announces; asked by `worker/tiers`.
    ///
    /// # Errors
    /// Where nobody can tell, or it is another check's finding.
    pub async fn tiers(self) -> Answered<Result<Seen<AnnouncedTiers>, Breakdown>> {
        let answer = match self.tiers_answer().await? {
            Ok(answer) if answer.is_success() => answer,
            Ok(answer) => return Ok(Err(Breakdown::of(&answer))),
            Err(breakdown) => return Ok(Err(breakdown)),
        };
        let body: Value = answer.json()?;
        let listed = body.get("tiers").unwrap_or(&body).as_array().ok_or_else(|| unreadable(&answer))?;
        let (mut tiers, mut unread) = (Vec::new(), Vec::new());
        for (place, tier) in listed.iter().enumerate() {
            match announced(tier) {
                Some(tier) => tiers.push(tier),
                None => {
                    unread.push(NoAnswer::Unknown(format!("tiers[{place}] of {} could not be read", answer.request)));
                }
            }
        }
        Ok(Ok(Seen { value: AnnouncedTiers { tiers, unread }, answer }))
    }

    /// The answer that announces the tiers.
    pub(super) async fn tiers_answer(self) -> Result<Heard, NoAnswer> {
        let asked = self.get(Route::Tiers, None).await?;
        self.heard(Route::Tiers, asked).await
    }

    /// What the Worker grants the canary; asked by `worker/usage`.
    ///
    /// # Errors
    /// Where nobody can tell, or there is no token to ask with.
    pub async fn usage(self) -> Result<Usage, NoAnswer> {
        // Without the door nobody need be signed in.
        self.world.probes()?;
        let (token, tier) = self.world.clerk().proved_token().await?;
        let credential = token.credential(&self.world.config.worker.url);
        let asked = self.get(Route::Usage, Some(credential)).await?;
        let answer = match self.heard(Route::Usage, asked).await? {
            Ok(answer) => answer,
            Err(breakdown) => return Ok(Usage::Broken(breakdown)),
        };
        match answer.status {
            200..=299 => {
                let body: Map<String, Value> = answer.json()?;
                let names = [self.world.config.clerk.plan_claim.as_str(), "plan", "tier"];
                let plan = names.into_iter().find_map(|name| body.get(name)?.as_str());
                let plan = plan.ok_or_else(|| unreadable(&answer)).map(str::to_owned);
                let limit = body.get("limit").map(|limit| read_limit(limit).ok_or_else(|| unreadable(&answer)));
                let limit = limit.transpose();
                Ok(Usage::Granted(Grant { plan, limit, tier: tier.name.clone(), answer }))
            }
            401 | 403 => {
                let named = answer.header("x-clerk-auth-reason").filter(|reason| !reason.is_empty());
                // A token that was not made in a browser has no `azp`, and a Worker may insist on one (facts.md, B2).
                if token.party().is_none() && named.is_none_or(|reason| reason.contains("authorized-parties")) {
                    return Err(NoAnswer::unknown(format!(
                        "the Worker answered {} to {} with a token without azp, which browsers' tokens have: with \
                         [frontend] configured, the canary signs in from there",
                        answer.status, answer.request
                    )));
                }
                let message = answer.header("x-clerk-auth-message").filter(|message| !message.is_empty());
                let reason = match (named, message) {
                    (Some(reason), Some(message)) => answer.quote(&format!("{reason}: {message}")),
                    (Some(reason), None) => answer.quote(reason),
                    (None, _) => answer.excerpt(),
                };
                Ok(Usage::Refused { reason, answer })
            }
            _ => Ok(Usage::Broken(Breakdown::of(&answer))),
        }
    }

    /// That the Worker takes the canary's token at all, where that can be asked.
    ///
    /// # Errors
    /// Blocked by `worker/usage` where it does not.
    pub(super) async fn takes_the_token(self) -> Result<(), NoAnswer> {
        if self.path(Route::Usage).is_none() {
            return Ok(());
        }
        match self.usage().await? {
            Usage::Refused { .. } => Err(NoAnswer::Because(Cause::TokenRejectedByWorker)),
            Usage::Granted(_) | Usage::Broken(_) => Ok(()),
        }
    }
}

fn unreadable(answer: &Answer) -> NoAnswer {
    NoAnswer::Unknown(format!("what the Worker answers to {} has another shape: {}", answer.request, answer.excerpt()))
}

fn announced(tier: &Value) -> Option<Announced> {
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
    Some(Announced { id: tier.get("id")?.as_str()?.to_owned(), price, limit })
}

/// `29` for `29.0`: not every currency has decimals.
fn plain(amount: &str) -> String {
    let is_fraction = amount.contains('.');
    if is_fraction { amount.trim_end_matches('0').trim_end_matches('.').to_owned() } else { amount.to_owned() }
}

/// A limit as Workers write it: a number, or the word. JavaScript writes `Infinity` as `null`.
fn read_limit(limit: &Value) -> Option<Limit> {
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
    fn a_price_may_be_written_with_or_without_decimals() {
        let costs = |price: serde_json::Value, minor, currency: &str| {
            let tier = announced(&json!({ "id": "pro", "price": price })).unwrap();
            tier.costs(&Money { minor, currency: currency.to_owned() })
        };
        assert!(costs(json!(29), 2900, "usd") && costs(json!(29.0), 2900, "usd") && costs(json!("29.00"), 2900, "usd"));
        assert!(costs(json!(2900.0), 2900, "jpy") && costs(json!(29.5), 2950, "usd"));
        assert!(!costs(json!(2900), 2900, "usd") && !costs(json!(19), 2900, "usd"));
    }

    #[test]
    fn no_limit_is_written_in_several_ways() {
        for unlimited in [json!("unlimited"), json!(null), json!(-1)] {
            assert_eq!(read_limit(&unlimited), Some(Limit::Unlimited));
        }
        assert_eq!(read_limit(&json!(50)), Some(Limit::Uses(50)));
        assert_eq!(read_limit(&json!({ "uses": 50 })), None);
    }
}
