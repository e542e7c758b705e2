//! How the code learns who bought what: the metadata that it writes at checkout and reads from events, and price IDs.

use super::facts::{Found, TierSource, once};
use super::project::{At, Project};
use super::reads::{Read, reads};
use super::tree::{Key, Kind, Node};
use super::words::{names_organization, names_tier, names_user};
use crate::config::Source;

/// Keys that make an object the parameters of a Checkout Session.
const CHECKOUT: [&str; 3] = ["line_items", "success_url", "ui_mode"];

/// Calls whose parameters have the metadata of a session or a subscription.
const CALLS: [&[&str]; 3] = [&["sessions", "create"], &["subscriptions", "create"], &["subscriptions", "update"]];

/// The beginnings of the names of metadata in a form.
const FORMS: [&str; 2] = ["metadata[", "subscription_data[metadata]["];

/// What the code writes to and reads from metadata.
#[derive(Debug, Default)]
pub(super) struct Entitlement {
    /// Keys that hold the user.
    pub user: Vec<Found<String>>,
    /// Keys that hold the organization.
    pub organization: Vec<Found<String>>,
    /// Keys that hold the tier.
    pub tier: Vec<Found<String>>,
    /// Where the tier is read.
    pub source: Vec<Found<TierSource>>,
}

/// Reads how the code learns who bought what.
pub(super) fn entitlement(project: &Project) -> Entitlement {
    let mut found = Entitlement::default();
    for at in project.all() {
        found.write(project, at);
        if asks_for_price(project, at) {
            found.source.push(project.found(at, TierSource { source: Source::PriceId, key: None }));
        }
    }
    let reads = reads(project, |key| names_tier(key) || names_user(key) || names_organization(key));
    reads.iter().filter(|read| read.claim().is_none()).for_each(|read| found.read(project, read));
    let Entitlement { user, organization, tier, source } = found;
    Entitlement { user: once(user), organization: once(organization), tier: once(tier), source: once(source) }
}

impl Entitlement {
    /// What a node writes to metadata.
    fn write<'t>(&mut self, project: &Project<'t>, at: At<'t>) {
        let parameters: Vec<&Node> = match &at.node.kind {
            Kind::Object(_) if CHECKOUT.iter().any(|key| at.node.property(key).is_some()) => vec![at.node],
            Kind::Call(callee, arguments) if CALLS.iter().any(|path| callee.ends_with(path)) => {
                arguments.iter().collect()
            }
            Kind::Text(text) => {
                let key = FORMS.iter().find_map(|form| text.strip_prefix(form)?.strip_suffix(']'));
                return key.into_iter().for_each(|key| self.add(project.found(at, key.to_owned()), &[]));
            }
            _ => return,
        };
        for parameters in parameters.into_iter().map(|node| project.follow(at.to(node))) {
            let own = project.property(parameters, "metadata");
            let data = project.property(parameters, "subscription_data");
            let data = data.into_iter().flat_map(|data| project.objects(data));
            let data = data.filter_map(|data| project.property(data, "metadata"));
            let objects = own.into_iter().chain(data).flat_map(|metadata| project.objects(metadata));
            for (value, property) in objects.flat_map(|object| project.properties(object)).collect::<Vec<_>>() {
                if let Some(key) = property.name() {
                    let fact = project.found_on(value, property.line, key.to_owned());
                    self.add(fact, &project.origin(value));
                }
            }
        }
    }

    /// Adds a key that is written, by its name or by its value.
    fn add(&mut self, fact: Found<String>, value: &[String]) {
        let (of, last) = match value {
            [.., of, last] => (of.as_str(), last.as_str()),
            [last] => ("", last.as_str()),
            [] => ("", ""),
        };
        let by_value = |names: fn(&str) -> bool| names(last) || (last == "id" && names(of));
        if names_user(&fact.value) {
            self.user.push(fact);
        } else if names_organization(&fact.value) {
            self.organization.push(fact);
        } else if names_tier(&fact.value) {
            self.tier.push(fact);
        } else if by_value(names_user) {
            self.user.push(fact);
        } else if by_value(names_organization) {
            self.organization.push(fact);
        } else if by_value(names_tier) {
            self.tier.push(fact);
        }
    }

    /// What is read from metadata.
    fn read(&mut self, project: &Project, read: &Read) {
        let of = read.paths.iter().filter(|path| path.last().is_some_and(|last| is_metadata(last)));
        let Some(owner) = of.map(|path| owner(&path[..path.len() - 1])).max() else { return };
        let key = project.found(read.at, read.key.clone());
        let source = match owner {
            Owner::Other => return,
            Owner::Product => Source::ProductMetadata,
            Owner::Price => Source::PriceMetadata,
            Owner::Subscription => Source::SubscriptionMetadata,
            // A parameter: the key is what callers have, but not where they have it from.
            Owner::Unknown if names_user(&read.key) => return self.user.push(key),
            Owner::Unknown if names_organization(&read.key) => return self.organization.push(key),
            Owner::Unknown => return self.tier.push(key),
        };
        if names_tier(&read.key) {
            self.source.push(project.found(read.at, TierSource { source, key: Some(read.key.clone()) }));
        }
        match source {
            Source::SubscriptionMetadata if names_user(&read.key) => self.user.push(key),
            Source::SubscriptionMetadata if names_organization(&read.key) => self.organization.push(key),
            Source::SubscriptionMetadata => self.tier.push(key),
            Source::ProductMetadata | Source::PriceMetadata | Source::PriceId => {}
        }
    }
}

/// `metadata`, and `subscriptionMetadata`, but not that of a user at Clerk.
fn is_metadata(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with("metadata") && !["public", "private", "unsafe", "user"].iter().any(|owner| name.starts_with(owner))
}

/// Whose metadata it is, from what says least to what says most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Unknown,
    Subscription,
    Price,
    Product,
    Other,
}

/// Whose metadata is read, by the names that lead to it.
fn owner(path: &[String]) -> Owner {
    for name in path.iter().rev().take(3).map(|name| name.to_lowercase()) {
        if name.contains("product") {
            return Owner::Product;
        } else if name.contains("price") {
            return Owner::Price;
        } else if name.contains("customer") || name.contains("user") {
            return Owner::Other;
        } else if ["subscription", "session", "object", "invoice", "event", "intent"]
            .iter()
            .any(|one| name.contains(one))
        {
            return Owner::Subscription;
        }
    }
    if path.is_empty() { Owner::Unknown } else { Owner::Subscription }
}

/// Whether a node looks a tier up by the price's ID: a comparison, a case or a table.
fn asks_for_price(project: &Project, at: At) -> bool {
    let is_variable = |node: &Node| project.origin(at.to(node)).last().is_some_and(|last| is_price_variable(last));
    let is_bought = |node: &Node| {
        project.written(at.to(node)).iter().rev().take(2).any(|name| name.to_lowercase().contains("price"))
    };
    match &at.node.kind {
        Kind::Compare(true, one, other) => {
            (is_variable(one) && !is_variable(other) && is_bought(other))
                || (is_variable(other) && !is_variable(one) && is_bought(one))
        }
        Kind::Switch(_, cases) => cases.iter().filter_map(|case| case.test.as_ref()).any(is_variable),
        Kind::Object(properties) => properties.iter().any(|property| match &property.key {
            Key::Computed(key) => is_variable(key),
            Key::Named(name) => name.starts_with("price_1"),
            Key::Spread => false,
        }),
        _ => false,
    }
}

/// `STRIPE_PRICE_ID_PRO`
fn is_price_variable(name: &str) -> bool {
    name.contains("PRICE")
        && name.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_')
}

#[cfg(test)]
mod tests {
    use crate::config::Source;
    use crate::source::testing::{facts, values};

    fn sources(text: &str) -> Vec<(Source, Option<String>)> {
        values(&facts(text).tier_source).into_iter().map(|found| (found.source, found.key)).collect()
    }

    fn user(text: &str) -> Vec<String> {
        values(&facts(text).user_key)
    }

    fn tier(text: &str) -> Vec<String> {
        values(&facts(text).tier_key)
    }

    #[test]
    fn metadata_of_a_session_names_the_user_and_the_tier() {
        let text = "stripe.checkout.sessions.create({ line_items, metadata: { userId, tier } });";
        assert_eq!((user(text), tier(text)), (vec!["userId".to_owned()], vec!["tier".to_owned()]));
    }

    #[test]
    fn metadata_of_the_subscription_is_followed_to_its_declaration() {
        let text = r"
            const metadata = { clerk_user_id: id, plan };
            stripe.checkout.sessions.create({ line_items, subscription_data: { metadata } });
        ";
        assert_eq!((user(text), tier(text)), (vec!["clerk_user_id".to_owned()], vec!["plan".to_owned()]));
    }

    #[test]
    fn metadata_that_depends_on_a_condition_is_read() {
        let text = r"stripe.checkout.sessions.create({
            line_items,
            subscription_data: { trial_period_days: 7, ...(user ? { metadata: { clerkUserId: user.id } } : {}) },
        });";
        assert_eq!(user(text), ["clerkUserId"]);
    }

    #[test]
    fn the_value_shows_the_user_where_the_key_does_not() {
        assert_eq!(user("stripe.checkout.sessions.create({ line_items, metadata: { ref: user.id } });"), ["ref"]);
        assert_eq!(user("stripe.checkout.sessions.create({ line_items, metadata: { ref: claims.sub } });"), ["ref"]);
    }

    #[test]
    fn metadata_in_a_form_is_read() {
        assert_eq!(user(r#"form.append("subscription_data[metadata][userId]", id);"#), ["userId"]);
    }

    #[test]
    fn keys_that_a_handler_reads_are_found() {
        assert_eq!(user(r#"const id = session.metadata?.["clerkUserId"];"#), ["clerkUserId"]);
        assert_eq!(user("const { userId } = event.data.object.metadata;"), ["userId"]);
    }

    #[test]
    fn metadata_that_a_function_is_given_is_read() {
        assert_eq!(
            user("const userOf = (subscriptionMetadata) => subscriptionMetadata?.clerkUserId;"),
            ["clerkUserId"]
        );
    }

    #[test]
    fn public_metadata_of_a_user_is_none_of_stripes() {
        assert_eq!(user("const id = user.publicMetadata.clerkUserId;"), [""; 0]);
    }

    #[test]
    fn metadata_of_a_customer_reaches_no_event() {
        assert_eq!(user("stripe.customers.create({ metadata: { userId } });"), [""; 0]);
        assert_eq!(
            user("const customer = await stripe.customers.retrieve(id); use(customer.metadata.userId);"),
            [""; 0]
        );
    }

    #[test]
    fn the_tier_can_be_in_the_metadata_of_the_product() {
        let text = "const product = await stripe.products.retrieve(id); save(product.metadata.plan);";
        assert_eq!(sources(text), [(Source::ProductMetadata, Some("plan".to_owned()))]);
        let text = "save((item.price.product as Stripe.Product).metadata.tier);";
        assert_eq!(sources(text), [(Source::ProductMetadata, Some("tier".to_owned()))]);
    }

    #[test]
    fn the_tier_can_be_in_the_metadata_of_the_price() {
        let text = "save(subscription.items.data[0].price.metadata.plan);";
        assert_eq!(sources(text), [(Source::PriceMetadata, Some("plan".to_owned()))]);
    }

    #[test]
    fn the_tier_can_be_in_the_metadata_of_the_subscription() {
        let text = "const { plan } = subscription.metadata;";
        assert_eq!(sources(text), [(Source::SubscriptionMetadata, Some("plan".to_owned()))]);
    }

    #[test]
    fn the_tier_can_be_looked_up_by_the_price() {
        let by_price = [(Source::PriceId, None)];
        assert_eq!(sources(r#"const TIERS = { [env.STRIPE_PRICE_ID_PRO]: "pro" };"#), by_price);
        assert_eq!(sources(r#"if (price.id === env.STRIPE_PRICE_ID_PRO) tier = "pro";"#), by_price);
        assert_eq!(sources(r#"switch (priceId) { case env.PRICE_PRO: return "pro"; }"#), by_price);
        assert_eq!(sources(r#"const TIERS = { price_1Qabcdefghijklmn: "pro" };"#), by_price);
    }

    #[test]
    fn the_prices_that_a_checkout_sells_are_no_lookup() {
        assert_eq!(sources("const PRICES = { pro: env.STRIPE_PRICE_ID_PRO };"), []);
    }

    #[test]
    fn a_claim_is_not_metadata_of_a_subscription() {
        let text = "const claims = await verifyToken(t, {}); const metadata = claims.metadata; use(metadata.plan);";
        assert_eq!((sources(text), tier(text)), (Vec::new(), Vec::new()));
    }
}
