//! Customers.

use serde::Deserialize;
use stripe_client_core::RequestBuilder;

use super::client::{ListPage, Permission, Stripe, get};
use super::error::Found;
use crate::finding::Answered;
use crate::world::World;
use crate::world::field::{Field, Metadata};
use crate::world::id::{ApiPath, CustomerId};
use crate::world::seen::Seen;

pub(super) const CUSTOMERS: Permission = Permission {
    name: "rak_customer_read",
    purpose: "make sure that the canary has no subscription",
    // Checkout is only requested once Stripe has confirmed that the canary has no subscription. No customer has this address.
    shown_by: |stripe| {
        let config = &stripe.world.config;
        let is_needed = config.worker.checkout.is_some() && config.clerk.canary_user.value.is_some();
        is_needed.then(|| with_email("no-customer@preflight.invalid"))
    },
};

/// A customer who was found by email address.
#[derive(Debug, Clone)]
pub struct Customer {
    /// `cus_…`.
    pub id: String,
    /// The email address.
    pub email: String,
}

#[derive(Deserialize)]
struct ListedCustomer {
    id: String,
}

/// A customer who was found by ID (docs/providers.md, "Stripe API objects").
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ExistingCustomer {
    id: String,
    created: Field<i64>,
    deleted: Field<bool>,
    email: Field<String>,
    /// Its metadata.
    pub metadata: Metadata,
}

impl ExistingCustomer {
    /// Whether it was created after the run began.
    pub(crate) fn is_new(&self, world: &World) -> Answered<bool> {
        Ok(*self.created.known(format_args!("created of {}", self.id))? >= world.now.as_second())
    }
}

/// The request for the customers with an email address, which Stripe compares exactly (docs/providers.md, "Stripe API
/// objects"). A hundred is the most that Stripe returns at once, and one is as good as many.
fn with_email(email: &str) -> RequestBuilder {
    get(&ApiPath::new("/customers").query("email", email).query("limit", 100))
}

impl Stripe<'_> {
    /// The customers with an email address.
    pub(crate) async fn customers_with(self, email: &str) -> Answered<Vec<Customer>> {
        let Seen { value, answer } = self.ask_existing::<ListPage<ListedCustomer>>(&with_email(email)).await?;
        let (customers, unread, _) = value.read(&answer.request)?;
        if let Some(why) = unread.into_iter().next() {
            return Err(why);
        }
        let customer = |ListedCustomer { id }| Customer { id, email: email.to_owned() };
        Ok(customers.into_iter().map(customer).collect())
    }

    /// The email address of a customer; `None` if there is none or the customer was deleted.
    pub async fn customer_email(self, id: &CustomerId) -> Answered<Found<Option<String>>> {
        let found = self.ask::<ExistingCustomer>(&get(&ApiPath::new("/customers/").id(id))).await?;
        Ok(match found {
            Found::Here(Seen { value, answer }) if value.deleted.is(&true) => Found::Here(Seen { value: None, answer }),
            Found::Here(Seen { value, answer }) => {
                let email = value.email.nullable(format_args!("email of {id}"))?.cloned();
                Found::Here(Seen { value: email, answer })
            }
            Found::Missing(error) => Found::Missing(error),
        })
    }

    /// The customer with this ID; `None` if it was deleted.
    pub(crate) async fn customer(self, id: &CustomerId) -> Answered<Option<ExistingCustomer>> {
        let path = get(&ApiPath::new("/customers/").id(id));
        let customer = self.ask_existing::<ExistingCustomer>(&path).await?.value;
        // Stripe shows nothing but the ID of a deleted customer.
        Ok(Some(customer).filter(|customer| !customer.deleted.is(&true)))
    }
}
