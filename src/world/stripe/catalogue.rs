//! What can be asked about products and prices.

use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_product::price::{ListPrice, RetrievePrice};
use stripe_product::product::{ListProduct, RetrieveProduct};
use stripe_shared::PriceType;

use super::client::{Permission, Stripe};
use super::error::Found;
use super::price::{Price, PriceProduct, Product, all_of};
use crate::config::Source;
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::id::{PathId, PriceId, ProductId, configured};
use crate::world::seen::{List, Seen};
use crate::world::subjects::{Offer, offers};

/// A hundred is the most that Stripe returns at once.
const PAGE: i64 = 100;

pub(super) const PRICES: Permission = Permission {
    name: "rak_plan_read",
    purpose: "read prices",
    shown_by: |stripe| {
        let offer = offers(stripe.world).into_iter().find(|offer| !offer.id().is_empty())?;
        PriceId::parse(offer.id()).ok().map(|price| retrieve_price(&price, &offer))
    },
};

pub(super) const PRODUCTS: Permission =
    Permission { name: "rak_product_read", purpose: "read products", shown_by: |_| Some(active_products()) };

/// Stripe shows the amounts in other currencies only on demand.
fn retrieve_price(id: &PriceId, offer: &Offer<'_>) -> RequestBuilder {
    let options = (!offer.price.currency_options.is_empty()).then(|| "currency_options".to_owned());
    RetrievePrice::new(id.segment())
        .expand(["product".to_owned()].into_iter().chain(options).collect::<Vec<_>>())
        .build()
}

fn active_products() -> RequestBuilder {
    ListProduct::new().active(true).limit(PAGE).build()
}

impl Stripe<'_> {
    /// The price with the ID of `offer`, in whatever mode; `stripe/price-mode` judges it.
    pub async fn find_price(self, offer: &Offer<'_>) -> Answered<Found<Price>> {
        let id = configured(&offer.price.price_id, PriceId::parse)?;
        self.ask(&retrieve_price(&id, offer)).await
    }

    /// The price of `offer`, which exists in this mode.
    /// Blocked by `stripe/price-mode` if it does not.
    pub async fn price(self, offer: &Offer<'_>) -> Answered<Seen<Price>> {
        match self.find_price(offer).await? {
            // If Stripe does not say which mode it is in, that is unknown in `stripe/price-mode`; the rest can be judged.
            Found::Here(price) if !price.value.mode().is_ok_and(|mode| mode != self.mode) => Ok(price),
            Found::Here(_) | Found::Missing(_) => Err(NoAnswer::Because(Cause::PriceNotFound)),
        }
    }

    /// The price of `offer`, which is on sale on the tier's terms.
    /// Blocked by `stripe/price-mode` or `stripe/price-terms` if it is not.
    pub async fn valid_price(self, offer: &Offer<'_>) -> Answered<Seen<Price>> {
        let price = self.price(offer).await?;
        let is_valid = all_of([price.value.is_on_sale(), price.value.matches(offer)])?;
        if is_valid { Ok(price) } else { Err(NoAnswer::Because(Cause::PriceTermsDiffer)) }
    }

    /// The price of `offer`, unless it is really the price of another tier that has the same ID.
    /// Blocked by `stripe/price-mode` or `stripe/price-terms` if there is no such price.
    pub async fn own_price(self, offer: &Offer<'_>) -> Answered<Seen<Price>> {
        let price = self.price(offer).await?;
        if !offer.shared_with(self.world).is_empty() && !price.value.matches(offer)? {
            return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
        }
        Ok(price)
    }

    /// The tier value in the product or price metadata that the Worker reads; `None` if there is none, or if the Worker
    /// reads the tier elsewhere.
    pub fn tier_value(self, price: &Price) -> Answered<Option<&str>> {
        let entitlement = &self.world.config.entitlement;
        match entitlement.source {
            Source::ProductMetadata => match price.product.known(price.named("product"))? {
                PriceProduct::Product(product) => product.metadata.get(&entitlement.key, &product.id),
                PriceProduct::Deleted(_) => Ok(None),
                PriceProduct::Id(id) => {
                    Err(NoAnswer::Unknown(format!("Stripe did not show the product {id} of {}", price.id)))
                }
            },
            Source::PriceMetadata => price.metadata.get(&entitlement.key, &price.id),
            Source::SubscriptionMetadata | Source::PriceId => Ok(None),
        }
    }

    /// A price with its product, just as Stripe shows them, to create another one like it.
    pub async fn whole_price(self, price: &Price) -> Answered<Found<serde_json::Value>> {
        let id = PriceId::parse(&price.id).map_err(|malformed| NoAnswer::unknown(malformed.to_string()))?;
        let expand = ["product".to_owned(), "currency_options".to_owned()];
        self.ask(&RetrievePrice::new(id.segment()).expand(expand).build()).await
    }

    /// Every active recurring price, with its product.
    pub async fn recurring_prices(self) -> Answered<List<Price>> {
        let request = ListPrice::new().active(true).type_(PriceType::Recurring).limit(PAGE);
        self.list(request.expand(["data.product".to_owned()]).build(), |price: &Price| &price.id).await
    }

    /// One product, on sale or not.
    pub async fn product(self, id: &ProductId) -> Answered<Found<Product>> {
        self.ask(&RetrieveProduct::new(id.segment()).build()).await
    }

    /// Every active product.
    pub async fn products(self) -> Answered<List<Product>> {
        self.list(active_products(), |product: &Product| &product.id).await
    }
}
