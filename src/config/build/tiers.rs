//! The tiers and their prices.

use std::collections::BTreeMap;

use super::{Build, Need};
use crate::config::raw::{self, Amount, At};
use crate::config::source::Diagnostic;
use crate::config::{Interval, Kind, Limit, Money, Tier, TierPrice};

impl Build<'_, '_> {
    /// Every tier, in the order of the file.
    pub(super) fn tiers(&mut self, tiers: BTreeMap<At<String>, raw::Tier>) -> Option<Vec<Tier>> {
        let mut tiers: Vec<(At<String>, raw::Tier)> = tiers.into_iter().collect();
        tiers.sort_by_key(|(name, _)| name.span.as_ref().map(|span| span.start));
        self.check_shared_metadata(&tiers);
        let sold = tiers.iter().any(|(_, tier)| tier.price.is_some() || tier.prices.is_some());
        // An invalid price was reported already.
        if !sold && self.diagnostics.are_none() {
            let first = tiers.first().and_then(|(name, _)| name.span.clone());
            let diagnostic = Diagnostic::at(first, "no tier has a price");
            self.diagnostics.add(
                diagnostic.help("add a [tiers.NAME] with the price that customers pay, such as price = \"29.00\""),
            );
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
            currency_options: tier.currency_options,
        };
        let is_rejected = |key: &str| self.diagnostics.is_rejected(&format!("{path}.{key}"));
        let is_free = tier.prices.is_none() && own.price.is_none();
        let prices = match tier.prices {
            None if is_free && (is_rejected("price") || is_rejected("prices")) => None,
            None if is_free => {
                self.reject_terms(&own, &format!("`{path}` has no price: it is free"), "remove this, or add a price");
                Some(Vec::new())
            }
            None => self.price(&path, &own, &default_variable(&name.value)).map(|price| vec![price]),
            Some(prices) => {
                if let Some(price) = &own.price {
                    let diagnostic =
                        Diagnostic::at(price.span.clone(), format!("`{path}` has both a price and a list of prices"));
                    self.diagnostics.add(diagnostic.label(format!("move it to its own [[{path}.prices]]")));
                }
                let message = format!("`{path}` has a list of prices");
                self.reject_terms(&own, &message, &format!("move this to each [[{path}.prices]]"));
                self.prices(&path, &name.value, &prices)
            }
        };
        if name.value.trim().is_empty() {
            self.diagnostics.add(Diagnostic::at(name.span.clone(), "a tier needs a name").label("this is empty"));
        }
        Some(Tier {
            name: name.value.clone(),
            limit: tier.limit.map(|limit| match limit {
                raw::Limit::Uses(uses) => Limit::Uses(uses),
                raw::Limit::Unlimited(_) => Limit::Unlimited,
            }),
            metadata: tier.metadata.map_or_else(|| name.value.clone(), |metadata| metadata.value.0),
            prices: prices?,
        })
    }

    /// Several prices. The default variable of each is named by what differs between them.
    fn prices(&mut self, path: &str, tier: &str, prices: &[At<raw::Price>]) -> Option<Vec<TierPrice>> {
        let variables = default_variables(tier, prices);
        let made: Vec<Option<TierPrice>> = prices
            .iter()
            .enumerate()
            .map(|(at, price)| {
                let same = variables[..at].iter().zip(prices).find(|(variable, _)| **variable == variables[at]);
                if let (Some((variable, other)), None) = (same, &price.value.price_id) {
                    let message = format!("two prices of `{path}` have the same interval and currency, but {variable} holds only one price ID");
                    let diagnostic = Diagnostic::at(price.span.clone(), message).related(other.span.clone(), "the other one");
                    self.diagnostics.add(diagnostic.label("add price_id = { env = \"NAME\" }"));
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
            Ok(money) if money.minor == 0 => Err("a free tier has no price: remove this".to_owned()),
            Ok(money) => Ok(money),
            Err(expected) => Err(format!("expected {expected}")),
        };
        let money = money.map_err(|label| {
            let message = format!("`{path}.price` is not an amount in {}", currency.to_uppercase());
            self.diagnostics.add(Diagnostic::at(amount.span.clone(), message).label(label));
        });
        let options =
            price.currency_options.iter().map(|(at, amount)| self.currency_option(path, at, amount, &currency));
        let options: Vec<Option<Money>> = options.collect();
        Some(TierPrice {
            money: money.ok()?,
            interval: interval(price),
            interval_count: count(price),
            price_id,
            currency_options: options.into_iter().collect::<Option<_>>()?,
        })
    }

    /// The amount in another currency.
    fn currency_option(&mut self, path: &str, currency: &At<String>, amount: &At<Amount>, own: &str) -> Option<Money> {
        let name = currency.value.to_lowercase();
        if name.len() != 3 || !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
            let message = format!("`{path}.currency_options` names currencies");
            let diagnostic = Diagnostic::at(currency.span.clone(), message);
            self.diagnostics.add(diagnostic.label("expected a currency of three letters, such as eur"));
            return None;
        }
        if name == own {
            let message = format!("`{path}.price` already says what customers pay in {}", name.to_uppercase());
            self.diagnostics.add(Diagnostic::at(currency.span.clone(), message).label("remove this"));
            return None;
        }
        let money = Money::parse(&amount.value.0, &name).map_err(|expected| {
            let message = format!("`{path}.currency_options.{name}` is not an amount in {}", name.to_uppercase());
            let diagnostic = Diagnostic::at(amount.span.clone(), message);
            self.diagnostics.add(diagnostic.label(format!("expected {expected}")));
        });
        money.ok()
    }

    /// Reports terms without a price.
    fn reject_terms(&mut self, terms: &raw::Price, message: &str, label: &str) {
        let places = [
            terms.currency.as_ref().map(|at| &at.span),
            terms.interval.as_ref().map(|at| &at.span),
            terms.interval_count.as_ref().map(|at| &at.span),
            terms.price_id.as_ref().map(|at| &at.span),
            terms.currency_options.keys().next().map(|at| &at.span),
        ];
        for place in places.into_iter().flatten() {
            self.diagnostics.add(Diagnostic::at(place.clone(), message).label(label));
        }
    }

    /// The Worker cannot tell two tiers with one metadata value apart.
    fn check_shared_metadata(&mut self, tiers: &[(At<String>, raw::Tier)]) {
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
            let diagnostic = Diagnostic::at(own.span, message).label(format!("`tiers.{}`", tier.0.value));
            self.diagnostics.add(diagnostic.related(value(other).span, format!("`tiers.{}`", other.0.value)));
        }
    }
}

/// `pro-plus` has its price ID in `STRIPE_PRICE_ID_PRO_PLUS`.
fn default_variable(tier: &str) -> String {
    let letters =
        tier.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' });
    format!("STRIPE_PRICE_ID_{}", letters.collect::<String>())
}

/// A single price has the tier's variable. Several add what differs between them: the interval, the currency.
fn default_variables(tier: &str, prices: &[At<raw::Price>]) -> Vec<String> {
    let differs =
        |term: fn(&raw::Price) -> String| prices.iter().any(|price| term(&price.value) != term(&prices[0].value));
    let terms: [fn(&raw::Price) -> String; 2] = [interval_word, |price| currency(price).to_uppercase()];
    let terms: Vec<_> = terms.into_iter().filter(|term| differs(*term)).collect();
    let variable = |price: &At<raw::Price>| {
        let suffixes = terms.iter().map(|term| term(&price.value));
        [default_variable(tier)].into_iter().chain(suffixes).collect::<Vec<_>>().join("_")
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

#[cfg(test)]
mod tests {
    use crate::config::sample::{loaded, minimal_with, refused};

    /// The minimal file with these keys in place of the price of tier pro.
    fn pro(keys: &str) -> String {
        minimal_with("price = \"29.00\"", keys)
    }

    fn variables(text: &str) -> Vec<String> {
        loaded(text).tiers[1].prices.iter().map(|price| price.price_id.name.clone()).collect()
    }

    fn reports(text: &str, message: &str, place: &str) {
        let rendered = refused(text);
        assert!(rendered.contains(message) && rendered.contains(&format!("toml:{place}\n")), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 1, "{rendered}");
    }

    #[test]
    fn prices_in_several_intervals_have_variables_named_by_the_interval() {
        let prices = "prices = [{ price = \"29\" }, { price = \"290\", interval = \"year\" }]";
        assert_eq!(variables(&pro(prices)), ["STRIPE_PRICE_ID_PRO_MONTH", "STRIPE_PRICE_ID_PRO_YEAR"]);
    }

    #[test]
    fn prices_in_several_currencies_have_variables_named_by_the_currency() {
        let prices = "prices = [{ price = \"29\" }, { price = \"27\", currency = \"eur\" }]";
        assert_eq!(variables(&pro(prices)), ["STRIPE_PRICE_ID_PRO_USD", "STRIPE_PRICE_ID_PRO_EUR"]);
    }

    #[test]
    fn a_quarter_is_three_months() {
        let prices = "prices = [{ price = \"29\" }, { price = \"80\", interval_count = 3 }]";
        assert_eq!(variables(&pro(prices)), ["STRIPE_PRICE_ID_PRO_MONTH", "STRIPE_PRICE_ID_PRO_3_MONTH"]);
    }

    #[test]
    fn one_price_in_a_list_has_the_variable_of_the_tier() {
        assert_eq!(variables(&pro("prices = [{ price = \"29\" }]")), ["STRIPE_PRICE_ID_PRO"]);
    }

    #[test]
    fn a_tiers_name_becomes_a_variables_name() {
        let config = loaded(&minimal_with("[tiers.pro]", "[tiers.\"pro-plus 2\"]"));
        assert_eq!(config.tiers[1].prices[0].price_id.name, "STRIPE_PRICE_ID_PRO_PLUS_2");
    }

    #[test]
    fn prices_without_a_difference_need_names() {
        reports(&pro("prices = [{ price = \"29\" }, { price = \"39\" }]"), "the same interval and currency", "11:29");
    }

    #[test]
    fn a_tier_has_a_price_or_a_list_of_prices() {
        reports(&pro("price = \"29\"\nprices = [{ price = \"29\" }]"), "both a price and a list", "11:9");
        reports(&pro("currency = \"eur\"\nprices = [{ price = \"29\" }]"), "has a list of prices", "11:12");
    }

    #[test]
    fn a_free_tier_has_no_terms() {
        reports(&minimal_with("limit = 10", "limit = 10\nprice_id = \"gold\""), "`tiers.free` has no price", "9:12");
    }

    #[test]
    fn a_price_that_is_not_text_is_reported_once() {
        reports(&pro("price = 29.00\ninterval = \"year\""), "must be an amount in quotes", "11:9");
        reports(&pro("prise = \"29.00\"\ninterval = \"year\""), "unknown key `prise`", "11:1");
    }

    #[test]
    fn a_price_of_zero_is_rejected() {
        reports(&pro("price = \"0.00\""), "not an amount in USD", "11:9");
    }

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        reports(&pro("price = \"29.00\"\ncurrency = \"JPY\""), "not an amount in JPY", "11:9");
    }

    #[test]
    fn a_currency_has_three_letters() {
        reports(&pro("price = \"29.00\"\ncurrency = \"dollar\""), "a currency of three letters", "12:12");
    }

    #[test]
    fn two_tiers_cannot_have_one_metadata_value() {
        reports(&pro("price = \"29.00\"\nmetadata = \"free\""), "the metadata value \"free\"", "12:12");
    }

    #[test]
    fn one_tier_must_have_a_price() {
        let text = "[project]\nname = \"a\"\n[worker]\nurl = \"https://a.b\"\n[tiers.free]\nlimit = 1\n";
        reports(text, "no tier has a price", "5:8");
    }

    #[test]
    fn a_price_may_have_other_amounts_in_other_currencies() {
        let config = loaded(&pro("price = \"29.00\"\ncurrency_options = { EUR = \"27.50\", jpy = \"4000\" }"));
        let options = config.tiers[1].prices[0].currency_options.iter().map(ToString::to_string);
        assert_eq!(options.collect::<Vec<_>>(), ["27.50 EUR", "4000 JPY"]);
    }

    #[test]
    fn each_error_of_a_currency_option_is_shown_at_its_place() {
        let options = |text: &str| pro(&format!("price = \"29.00\"\ncurrency_options = {{ {text} }}"));
        reports(&options("usd = \"29.00\""), "already says what customers pay in USD", "12:22");
        reports(&options("jpy = \"29.00\""), "not an amount in JPY", "12:28");
        reports(&options("euro = \"29.00\""), "expected a currency of three letters", "12:22");
    }

    #[test]
    fn a_variable_name_is_not_a_price_id() {
        let text = pro("price = \"29.00\"\nprice_id = \"STRIPE_PRICE_ID_PRO\"");
        reports(&text, "is a variable's name", "12:12");
    }
}
