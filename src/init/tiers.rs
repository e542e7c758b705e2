//! The tiers that are on sale: from the prices at Stripe, and the variables that hold their IDs.

use std::collections::BTreeMap;

use super::file::{Entry, Table, inline_env, quoted};
use super::folder::Folder;
use super::variables::Variables;
use crate::config::{Money, Source};
use crate::world::Price;

/// The metadata keys that people keep the tier under, the usual one first.
const KEYS: [&str; 4] = ["plan", "tier", "plan_id", "planId"];

/// The beginning of the variables that hold price IDs.
const VARIABLE: &str = "STRIPE_PRICE_ID_";

/// The tiers, and how the Worker learns which one was bought.
#[derive(Debug)]
pub(super) struct Tiers {
    /// `[tiers.NAME]` and `[[tiers.NAME.prices]]`, cheapest first, without free tiers.
    pub tables: Vec<Table>,
    /// `entitlement.source`, and why.
    pub source: (Source, String),
    /// `entitlement.key`.
    pub key: String,
    /// What does not belong to a tier.
    pub remarks: Vec<String>,
}

/// A price, and where its ID is.
struct Offer<'p> {
    price: &'p Price,
    id: Option<PriceId>,
}

/// Where the ID of a price is.
enum PriceId {
    /// In a variable with this name, at this place.
    Variable(String, String),
    /// Only in the Wrangler file, which a run does not read: the name there, and the file.
    Wrangler(String, String),
}

impl PriceId {
    fn name(&self) -> &str {
        match self {
            Self::Variable(name, _) | Self::Wrangler(name, _) => name,
        }
    }
}

/// The tiers that these prices are.
pub(super) fn tiers(prices: &[Price], variables: &Variables, folder: &Folder) -> Tiers {
    let (source, key) = source(prices);
    let mut remarks = Vec::new();
    let mut tiers: BTreeMap<String, Vec<Offer>> = BTreeMap::new();
    for price in prices {
        let id = place(price, variables, folder);
        let by_variable = || id.as_ref()?.name().strip_prefix(VARIABLE).map(str::to_lowercase);
        let tier = value(price, source.0, &key).map(str::to_owned).or_else(by_variable);
        match tier {
            Some(tier) => tiers.entry(tier).or_default().push(Offer { price, id }),
            None => remarks.push(format!(
                "{} ({}, {}) does not belong to a tier: its metadata does not name one, and no {VARIABLE}… holds it",
                price.id,
                price.product_name(),
                price.terms()
            )),
        }
    }
    let mut ranked: Vec<(i64, Vec<Table>)> = Vec::new();
    for (tier, mut offers) in tiers {
        // Others of the tier may be left from earlier, if the project names the ones that it sells.
        if offers.iter().any(|offer| offer.id.is_some()) {
            offers.retain(|offer| offer.id.is_some());
        }
        let unreadable = offers.iter().filter(|offer| offer.price.money().is_none());
        remarks.extend(unreadable.map(|offer| {
            format!("{} of tier {tier} has no fixed amount, which preflight cannot compare", offer.price.id)
        }));
        offers.retain(|offer| offer.price.money().is_some());
        let cheapest = offers.iter().filter_map(|offer| Some(offer.price.money()?.minor)).min();
        if let Some(cheapest) = cheapest {
            ranked.push((cheapest, tables(&tier, &offers)));
        }
    }
    ranked.sort_by_key(|(cheapest, _)| *cheapest);
    Tiers { tables: ranked.into_iter().flat_map(|(_, tables)| tables).collect(), source, key, remarks }
}

/// Where the ID of a price is.
fn place(price: &Price, variables: &Variables, folder: &Folder) -> Option<PriceId> {
    if let Some((name, place)) = variables.holding(&price.id, |name| name.starts_with(VARIABLE)) {
        return Some(PriceId::Variable(name.to_owned(), place));
    }
    let declared = folder.declared(variables.mode)?;
    let (name, _) = declared.vars.iter().find(|(_, value)| value.as_deref() == Some(price.id.as_str()))?;
    Some(PriceId::Wrangler(name.clone(), folder.wrangler.as_ref()?.path.display().to_string()))
}

/// Where most prices name a tier.
fn source(prices: &[Price]) -> ((Source, String), String) {
    let named = |source, key: &str| prices.iter().filter(|price| value(price, source, key).is_some()).count();
    let places = [Source::ProductMetadata, Source::PriceMetadata];
    let all = places.into_iter().flat_map(|source| KEYS.map(|key| (source, key)));
    // Of equals, the first: the usual place and key.
    let (source, key) =
        all.rev().max_by_key(|(source, key)| named(*source, key)).unwrap_or((Source::ProductMetadata, "plan"));
    if named(source, key) == 0 {
        let why = "no product's or price's metadata names a tier";
        let source = if prices.is_empty() { Source::ProductMetadata } else { Source::PriceId };
        return ((source, why.to_owned()), "plan".to_owned());
    }
    let of = if source == Source::ProductMetadata { "products" } else { "prices" };
    ((source, format!("Stripe: metadata.{key} of {} {of}", named(source, key))), key.to_owned())
}

fn value<'p>(price: &'p Price, source: Source, key: &str) -> Option<&'p str> {
    match source {
        Source::ProductMetadata => price.product()?.metadata.text(key),
        Source::PriceMetadata => price.metadata.text(key),
        Source::SubscriptionMetadata | Source::PriceId => None,
    }
    .filter(|value| !value.is_empty())
}

/// The tables of a tier: one, or one more for each price if there are several.
fn tables(tier: &str, offers: &[Offer]) -> Vec<Table> {
    let name = slug(tier);
    let mut table = Table::new(&format!("[tiers.{name}]"));
    // A typo in the dashboard, such as "Pro" for "pro", must not become the intended value: then a run would not find it.
    let is_typo = tier.trim().to_lowercase() == name;
    if name != tier && !is_typo {
        let entry = Entry::new("metadata", quoted(tier), "Stripe: the metadata, byte for byte");
        table.entries.push(entry.doubtful("the Worker must expect exactly this value"));
    }
    if let [offer] = offers {
        table.entries.extend(terms(offer, &name, false));
        if let Some(price) = table.entries.first_mut().filter(|_| name != tier && is_typo) {
            price.doubt = Some(format!(
                "Stripe says {}. If the Worker expects that, add metadata = {}",
                quoted(tier),
                quoted(tier)
            ));
        }
        return vec![table];
    }
    let each = offers.iter().map(|offer| {
        let mut table = Table::new(&format!("[[tiers.{name}.prices]]"));
        table.entries = terms(offer, &name, true);
        table
    });
    let each: Vec<Table> = each.collect();
    std::iter::once(table).chain(each).collect()
}

/// The terms of a price, and its variable. One of several always has one.
fn terms(offer: &Offer, tier: &str, is_one_of_several: bool) -> Vec<Entry> {
    let price = offer.price;
    let Some(Money { minor, currency }) = price.money() else { return Vec::new() };
    let amount = Money { minor, currency: currency.clone() }.to_string();
    let amount = amount.split(' ').next().unwrap_or_default().to_owned();
    let from = format!("Stripe: {} ({})", price.id, price.product_name());
    let mut entries = vec![Entry::new("price", quoted(&amount), from.clone())];
    if currency != "usd" {
        entries.push(Entry::new("currency", quoted(&currency), from.clone()));
    }
    if let Ok(Some(recurring)) = price.recurring() {
        let interval = recurring.interval.text().unwrap_or("month");
        let count = recurring.interval_count.value().copied().unwrap_or(1);
        if interval != "month" {
            entries.push(Entry::new("interval", quoted(interval), from.clone()));
        }
        if count != 1 {
            entries.push(Entry::new("interval_count", count.to_string(), from));
        }
    }
    let usual = format!("{VARIABLE}{}", tier.to_uppercase().replace('-', "_"));
    entries.push(match &offer.id {
        Some(PriceId::Wrangler(name, place)) => Entry::new("price_id", quoted(&price.id), format!("{name} in {place}")),
        Some(PriceId::Variable(name, place)) => {
            Entry::new("price_id", inline_env(name), place).unless(*name == usual && !is_one_of_several)
        }
        None if is_one_of_several => {
            let name = format!("{usual}_{}", period(price));
            Entry::new("price_id", inline_env(&name), "a name that preflight chose")
                .doubtful(format!("no variable holds {}. Set {name}={}.", price.id, price.id))
        }
        None => Entry::new("price_id", inline_env(&usual), "the usual name")
            .doubtful(format!("no variable holds {}. Set {usual}={}.", price.id, price.id)),
    });
    entries
}

/// `MONTH`, `3_MONTH`.
fn period(price: &Price) -> String {
    let Ok(Some(recurring)) = price.recurring() else { return "ONCE".to_owned() };
    let interval = recurring.interval.text().unwrap_or("month").to_uppercase();
    match recurring.interval_count.value() {
        Some(count) if *count != 1 => format!("{count}_{interval}"),
        _ => interval,
    }
}

/// A name that is a key of TOML without quotes.
fn slug(tier: &str) -> String {
    let words = tier.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Text;
    use crate::init::folder::Folder;

    fn price(id: &str, amount: i64, product: &Value, more: &Value) -> Price {
        let mut price = json!({
            "id": id, "active": true, "livemode": true, "currency": "usd", "unit_amount": amount, "product": product,
            "recurring": { "interval": "month", "interval_count": 1, "usage_type": "licensed" }, "metadata": {},
        });
        price.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(price).unwrap()
    }

    fn product(name: &str, metadata: &Value) -> Value {
        json!({ "id": format!("prod_{name}"), "name": name, "active": true, "metadata": metadata })
    }

    fn variables(text: &str) -> Variables {
        let folder = Folder { env_files: vec![Text::new(".env", text)], ..Folder::default() };
        Variables::of(&folder, Vec::new(), None)
    }

    fn written(tiers: &Tiers) -> String {
        tiers.tables.iter().map(|table| table.text(false)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn tiers_are_named_by_the_metadata_of_their_products_cheapest_first() {
        let prices = [
            price("price_2", 9900, &product("Enterprise", &json!({ "plan": "enterprise" })), &json!({})),
            price("price_1", 2900, &product("Pro", &json!({ "plan": "pro" })), &json!({})),
        ];
        let tiers = tiers(
            &prices,
            &variables("STRIPE_PRICE_ID_PRO=price_1\nSTRIPE_PRICE_ID_ENTERPRISE=price_2\n"),
            &Folder::default(),
        );
        assert_eq!(written(&tiers), "[tiers.pro]\nprice = \"29.00\"\n\n[tiers.enterprise]\nprice = \"99.00\"\n");
        assert_eq!((tiers.source.0, tiers.key.as_str()), (Source::ProductMetadata, "plan"));
    }

    #[test]
    fn a_variable_with_another_name_is_written_and_a_missing_one_is_a_doubt() {
        let prices = [price("price_1", 2900, &product("Pro", &json!({ "tier": "pro" })), &json!({}))];
        let named = tiers(&prices, &variables("PRO_PRICE=price_1\n"), &Folder::default());
        assert!(written(&named).contains("price_id = { env = \"PRO_PRICE\" }\n"), "{}", written(&named));
        assert_eq!(named.key, "tier");
        let unnamed = tiers(&prices, &variables(""), &Folder::default());
        assert!(written(&unnamed).contains("# Check: no variable holds price_1. Set STRIPE_PRICE_ID_PRO=price_1.\n"));
    }

    #[test]
    fn of_two_variables_with_one_price_the_usual_name_is_taken() {
        let prices = [price("price_1", 2900, &product("Pro", &json!({ "plan": "pro" })), &json!({}))];
        let both = "PRO=price_1\nSTRIPE_PRICE_ID_PRO=price_1\n";
        assert!(!written(&tiers(&prices, &variables(both), &Folder::default())).contains("price_id"));
    }

    #[test]
    fn an_id_that_only_the_wrangler_file_has_is_written_itself() {
        let prices = [price("price_1", 2900, &product("Pro", &json!({ "plan": "pro" })), &json!({}))];
        let text = Text::new("api/wrangler.toml", "name = \"a\"\n[vars]\nPRO_PRICE = \"price_1\"\n");
        let folder = Folder { wrangler: Some(crate::config::Wrangler::of(&text).unwrap()), ..Folder::default() };
        let text = written(&tiers(&prices, &variables(""), &folder));
        assert!(text.contains("price_id = \"price_1\"\n") && !text.contains("Check"), "{text}");
    }

    #[test]
    fn a_tier_with_two_prices_lists_both() {
        let year = json!({ "recurring": { "interval": "year", "interval_count": 1, "usage_type": "licensed" } });
        let pro = || product("Pro", &json!({ "plan": "pro" }));
        let prices = [price("price_m", 2900, &pro(), &json!({})), price("price_y", 29000, &pro(), &year)];
        let both = "STRIPE_PRICE_ID_PRO=price_m\nSTRIPE_PRICE_ID_PRO_YEARLY=price_y\n";
        let text = written(&tiers(&prices, &variables(both), &Folder::default()));
        for line in [
            "[tiers.pro]\n",
            "[[tiers.pro.prices]]\nprice = \"29.00\"\nprice_id = { env = \"STRIPE_PRICE_ID_PRO\" }\n",
            "price = \"290.00\"\ninterval = \"year\"\nprice_id = { env = \"STRIPE_PRICE_ID_PRO_YEARLY\" }\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn a_price_that_the_project_does_not_name_is_left_out_if_it_names_others_of_the_tier() {
        let pro = || product("Pro", &json!({ "plan": "pro" }));
        let prices = [price("price_old", 1900, &pro(), &json!({})), price("price_1", 2900, &pro(), &json!({}))];
        let text = written(&tiers(&prices, &variables("STRIPE_PRICE_ID_PRO=price_1\n"), &Folder::default()));
        assert!(text.contains("29.00") && !text.contains("19.00"), "{text}");
    }

    #[test]
    fn without_metadata_the_variables_name_the_tiers() {
        let prices = [
            price("price_1", 2900, &product("Pro", &json!({})), &json!({})),
            price("price_x", 500, &product("Sticker club", &json!({})), &json!({})),
        ];
        let tiers = tiers(&prices, &variables("STRIPE_PRICE_ID_PRO=price_1\n"), &Folder::default());
        assert_eq!(tiers.source.0, Source::PriceId);
        assert_eq!(written(&tiers), "[tiers.pro]\nprice = \"29.00\"\n");
        assert!(tiers.remarks[0].contains("price_x (Sticker club, 5.00 USD a month)"), "{:?}", tiers.remarks);
    }

    #[test]
    fn a_value_that_is_no_key_of_toml_keeps_its_bytes_as_metadata() {
        let prices = [price("price_1", 2900, &product("Pro", &json!({ "plan": "Pro Plan" })), &json!({}))];
        let text = written(&tiers(&prices, &variables(""), &Folder::default()));
        assert!(text.contains("\nmetadata = \"Pro Plan\"\n"), "{text}");
        assert!(text.contains("STRIPE_PRICE_ID_PRO_PLAN"), "{text}");
    }

    #[test]
    fn a_typo_in_the_metadata_is_a_doubt_and_not_the_intended_value() {
        let prices = [price("price_1", 2900, &product("Pro", &json!({ "plan": "Pro" })), &json!({}))];
        let text = written(&tiers(&prices, &variables("STRIPE_PRICE_ID_PRO=price_1\n"), &Folder::default()));
        let expected = "[tiers.pro]\n# Check: Stripe says \"Pro\". If the Worker expects that, add metadata = \"Pro\"\nprice = \"29.00\"\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn yen_and_quarters_are_written_as_they_are() {
        let more = json!({ "currency": "jpy", "recurring": { "interval": "month", "interval_count": 3, "usage_type": "licensed" } });
        let prices = [price("price_1", 2900, &product("Pro", &json!({ "plan": "pro" })), &more)];
        let text = written(&tiers(&prices, &variables("STRIPE_PRICE_ID_PRO=price_1\n"), &Folder::default()));
        assert_eq!(text, "[tiers.pro]\nprice = \"2900\"\ncurrency = \"jpy\"\ninterval_count = 3\n");
    }
}
