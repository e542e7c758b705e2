//! Customers.

use serde::Deserialize;

use super::super::canary::KnownCustomer;
use super::super::id::{ApiPath, CustomerId};
use super::account::get;
use super::{Found, NoAnswer, Page, Seen, Stripe};

#[derive(Deserialize)]
struct Made {
    created: i64,
}

#[derive(Deserialize)]
struct Customer {
    id: String,
}

/// A hundred is the most that Stripe gives at once, and one is as good as many.
const PAGE: usize = 100;

impl Stripe<'_> {
    /// The customers with an e-mail address; Stripe looks for it to the letter (facts.md, A2).
    pub(in crate::world) async fn customers_with(self, email: &str) -> Result<Vec<KnownCustomer>, NoAnswer> {
        let path = ApiPath::new("/customers").query("email", email).query("limit", PAGE);
        match self.ask::<Page<Customer>>(&get(&path)).await? {
            Found::Here(Seen { value, answer }) => {
                let known = |Customer { id }| KnownCustomer { id, email: email.to_owned(), answer: answer.clone() };
                Ok(value.data.into_iter().map(known).collect())
            }
            Found::Missing(refusal) => Err(refusal.unknown()),
        }
    }

    /// Whether a customer was made since the run began.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn is_new_customer(self, id: &CustomerId) -> Result<bool, NoAnswer> {
        let customer: Seen<Made> = self.there(&get(&ApiPath::new("/customers/").id(id))).await?;
        Ok(customer.value.created >= self.world.now.as_second())
    }
}
