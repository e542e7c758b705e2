//! The tiers and what they are sold at.

use std::collections::BTreeMap;

use super::{Build, Need};
use crate::config::raw::{self, At};
use crate::config::source::Fault;
use crate::config::{Interval, Kind, Limit, Money, Tier, TierPrice};

impl Build<'_, '_> {
    /// Every tier, in the order of the file.
    pub(super) fn tiers(&mut self, tiers: BTreeMap<At<String>, raw::Tier>) -> Option<Vec<Tier>> {
        let mut tiers: Vec<(At<String>, raw::Tier)> = tiers.into_iter().collect();
        tiers.sort_by_key(|(name, _)| name.span.as_ref().map(|span| span.start));
        self.tell_shared_metadata(&tiers);
        let sold = tiers.iter().any(|(_, tier)| tier.price.is_some() || tier.prices.is_some());
        // A price that could not be used was told already.
        if !sold && self.faults.are_none() {
            let first = tiers.first().and_then(|(name, _)| name.span.clone());
            let fault = Fault::at(first, "no tier is sold: none has a price");
            self.faults.add(fault.help("add a [tiers.NAME] with price = \"29.00\" for what your customers pay"));
        }
        let made: Vec<Option<Tier>> = tiers.into_iter().map(|(name, tier)| self.tier(&name, tier)).collect();
        made.into_iter().collect()
    }

    fn tier(&mut self, name: &At<String>, tier: raw::Tier) -> Option<Tier> {
        let path = format!("tiers.{}", name.value);
        let own = raw::Price {
            price: tier.price,
            currency: tier.currency,
            interval: tier.interval,
            interval_count: tier.interval_count,
            price_id: tier.price_id,
        };
        let is_rejected = |key: &str| self.faults.is_rejected(&format!("{path}.{key}"));
        let priced = tier.prices.is_some() || own.price.is_some();
        let prices = match tier.prices {
            None if !priced && (is_rejected("price") || is_rejected("prices")) => None,
            None if own.price.is_none() => {
                self.tell_terms(&own, &format!("`{path}` has no price: it is free"), "a free tier has no such key");
                Some(Vec::new())
            }
            None => self.price(&path, &own, &default_variable(&name.value)).map(|price| vec![price]),
            Some(prices) => {
                if let Some(price) = &own.price {
                    let fault =
                        Fault::at(price.span.clone(), format!("`{path}` has both a price and a list of prices"));
                    self.faults.add(fault.label(format!("put it into a [[{path}.prices]] of its own")));
                }
                let told = format!("`{path}` has a list of prices");
                self.tell_terms(&own, &told, &format!("this belongs in each [[{path}.prices]]"));
                self.prices(&path, &name.value, &prices)
            }
        };
        if name.value.trim().is_empty() {
            self.faults.add(Fault::at(name.span.clone(), "a tier needs a name").label("this is empty"));
        }
        Some(Tier {
            name: name.value.clone(),
            limit: match tier.limit? {
                raw::Limit::Uses(uses) => Limit::Uses(uses),
                raw::Limit::Unlimited(_) => Limit::Unlimited,
            },
            metadata: tier.metadata.map_or_else(|| name.value.clone(), |metadata| metadata.value.0),
            prices: prices?,
            line: self.faults.line(name.span.as_ref().map_or(0, |span| span.start)),
        })
    }

    /// Several prices: the variable of each is told from the others by what tells the prices apart.
    fn prices(&mut self, path: &str, tier: &str, prices: &[At<raw::Price>]) -> Option<Vec<TierPrice>> {
        let variables = default_variables(tier, prices);
        let made: Vec<Option<TierPrice>> = prices
            .iter()
            .enumerate()
            .map(|(at, price)| {
                let same = variables[..at].iter().zip(prices).find(|(variable, _)| **variable == variables[at]);
                if let (Some((variable, other)), None) = (same, &price.value.price_id) {
                    let message = format!("two prices of `{path}` are charged alike, and {variable} can hold one");
                    let fault = Fault::at(price.span.clone(), message).related(other.span.clone(), "the other one");
                    self.faults.add(fault.label("add price_id = { env = \"NAME\" }"));
                }
                self.price(&format!("{path}.prices[{at}]"), &price.value, &variables[at])
            })
            .collect();
        made.into_iter().collect()
    }

    fn price(&mut self, path: &str, price: &raw::Price, variable: &str) -> Option<TierPrice> {
        let default = At::unwritten(variable);
        let price_id = price.price_id.as_ref().unwrap_or(&default);
        let price_id =
            self.public(&format!("{path}.price_id"), price_id, variable, Kind::StripePriceId, Need::Required);
        let amount = price.price.as_ref()?;
        let currency = currency(price);
        let money = match Money::parse(&amount.value.0, &currency) {
            Ok(money) if money.minor == 0 => Err("this is nothing; a free tier has no price at all".to_owned()),
            Ok(money) => Ok(money),
            Err(expected) => Err(format!("expected {expected}")),
        };
        let money = money.map_err(|label| {
            let message = format!("`{path}.price` is not an amount in {}", currency.to_uppercase());
            self.faults.add(Fault::at(amount.span.clone(), message).label(label));
        });
        Some(TierPrice { money: money.ok()?, interval: interval(price), interval_count: count(price), price_id })
    }

    /// Terms where there is no price that they could be of.
    fn tell_terms(&mut self, terms: &raw::Price, message: &str, label: &str) {
        let places = [
            terms.currency.as_ref().map(|at| &at.span),
            terms.interval.as_ref().map(|at| &at.span),
            terms.interval_count.as_ref().map(|at| &at.span),
            terms.price_id.as_ref().map(|at| &at.span),
        ];
        for place in places.into_iter().flatten() {
            self.faults.add(Fault::at(place.clone(), message).label(label));
        }
    }

    /// Two tiers of one value could not be told apart, neither by the Worker nor by us.
    fn tell_shared_metadata(&mut self, tiers: &[(At<String>, raw::Tier)]) {
        let value = |(name, tier): &(At<String>, raw::Tier)| {
            tier.metadata.as_ref().map_or_else(
                || name.clone(),
                |metadata| At { value: metadata.value.0.clone(), span: metadata.span.clone() },
            )
        };
        for (at, tier) in tiers.iter().enumerate() {
            let own = value(tier);
            let Some(other) = tiers[..at].iter().find(|other| value(other).value == own.value) else { continue };
            let message = format!("two tiers have the metadata value \"{}\"", own.value);
            let fault = Fault::at(own.span, message).label(format!("`tiers.{}`", tier.0.value));
            self.faults.add(fault.related(value(other).span, format!("`tiers.{}`", other.0.value)));
        }
    }
}

/// `pro-plus` has its price ID in `STRIPE_PRICE_ID_PRO_PLUS`.
fn default_variable(tier: &str) -> String {
    let letters =
        tier.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' });
    format!("STRIPE_PRICE_ID_{}", letters.collect::<String>())
}

/// A list of one has the tier's variable; of several, each adds what differs among them: the interval, the currency.
fn default_variables(tier: &str, prices: &[At<raw::Price>]) -> Vec<String> {
    let differs =
        |term: fn(&raw::Price) -> String| prices.iter().any(|price| term(&price.value) != term(&prices[0].value));
    let terms: [fn(&raw::Price) -> String; 2] = [interval_word, |price| currency(price).to_uppercase()];
    let terms: Vec<_> = terms.into_iter().filter(|term| differs(*term)).collect();
    let variable = |price: &At<raw::Price>| {
        let suffixes: String = terms.iter().map(|term| format!("_{}", term(&price.value))).collect();
        default_variable(tier) + &suffixes
    };
    prices.iter().map(variable).collect()
}

/// `MONTH`, `3_MONTH`.
fn interval_word(price: &raw::Price) -> String {
    let word = interval(price).word().to_uppercase();
    if count(price) == 1 { word } else { format!("{}_{word}", count(price)) }
}

fn currency(price: &raw::Price) -> String {
    price.currency.as_ref().map_or_else(|| "usd".to_owned(), |currency| currency.value.0.to_lowercase())
}

fn interval(price: &raw::Price) -> Interval {
    price.interval.as_ref().map_or(Interval::Month, |interval| interval.value)
}

fn count(price: &raw::Price) -> u64 {
    price.interval_count.as_ref().map_or(1, |count| count.value)
}
