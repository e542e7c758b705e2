//! Customers.

use serde::Deserialize;
use stripe_client_core::RequestBuilder;

use super::super::canary::CustomerByEmail;
use super::super::id::{ApiPath, CustomerId};
use super::account::get;
use super::{Found, NoAnswer, Page, Seen, Stripe};
use crate::world::field::Field;

#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    created: Field<i64>,
    #[serde(default)]
    deleted: Field<bool>,
}

#[derive(Deserialize)]
struct Customer {
    id: String,
}

/// The request for the customers with an e-mail address; Stripe looks for it to the letter (facts.md, A2).
pub(super) fn page_with(email: &str) -> RequestBuilder {
    get(&ApiPath::new("/customers").query("email", email).query("limit", PAGE))
}

/// A hundred is the most that Stripe gives at once, and one is as good as many.
const PAGE: usize = 100;

impl Stripe<'_> {
    /// The customers with an e-mail address.
    pub(in crate::world) async fn customers_with(self, email: &str) -> Result<Vec<CustomerByEmail>, NoAnswer> {
        match self.ask::<Page<Customer>>(&page_with(email)).await? {
            Found::Here(Seen { value, answer }) => {
                let (customers, unread, _) = value.read(&answer.request)?;
                if let Some(why) = unread.into_iter().next() {
                    return Err(why);
                }
                let known = |Customer { id }| CustomerByEmail { id, email: email.to_owned(), answer: answer.clone() };
                Ok(customers.into_iter().map(known).collect())
            }
            Found::Missing(refusal) => Err(refusal.unknown()),
        }
    }

    /// Whether a customer was made since the run began.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn is_new_customer(self, id: &CustomerId) -> Result<bool, NoAnswer> {
        let customer = self.there::<Made>(&get(&ApiPath::new("/customers/").id(id))).await?.value;
        // Of a deleted customer Stripe shows nothing but the ID, and the run deletes none.
        if customer.deleted.is(&true) {
            return Ok(false);
        }
        Ok(*customer.created.known(format_args!("created of {id}"))? >= self.world.now.as_second())
    }
}
