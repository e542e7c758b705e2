//! Customers.

use serde::Deserialize;

use super::super::canary::KnownCustomer;
use super::account::get;
use super::{Found, NoAnswer, Page, Seen, Stripe, segment};
use crate::world::field::Field;

#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    created: Field<i64>,
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
        let mut request = get("/customers");
        request.query = Some(format!("email={}&limit={PAGE}", segment(email)));
        match self.ask::<Page<Customer>>(&request).await? {
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
    pub async fn is_new_customer(self, id: &str) -> Result<bool, NoAnswer> {
        let customer: Seen<Made> = self.there(&get(&format!("/customers/{}", segment(id)))).await?;
        let created = customer.value.created.known(format_args!("created of customer {id}"))?;
        Ok(*created >= self.world.now.as_second())
    }
}
