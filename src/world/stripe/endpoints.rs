//! Where Stripe delivers events: classic webhook endpoints and event destinations, seen as one.

use jiff::Timestamp;
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_misc::webhook_endpoint::ListWebhookEndpoint;
use url::Url;

use super::{Found, Listed, NoAnswer, Seen, Stripe};

/// A place that Stripe delivers events to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `we_…` or `ed_…`.
    pub id: String,
    /// Which of Stripe's two lists it stands in.
    pub kind: EndpointKind,
    /// Where it delivers to; `None` where that cannot be read as a URL.
    pub url: Option<Url>,
    /// The same as Stripe has it.
    pub url_text: String,
    /// Whether it delivers.
    pub enabled: bool,
    /// The event types that are selected; `*` is all that need no selection of their own.
    pub events: Vec<String>,
    /// The version that gives the payloads their shape; `None` is the account's default.
    pub api_version: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it delivers whole objects. A thin payload holds an ID only.
    pub whole_objects: bool,
}

/// Which of Stripe's two lists an endpoint stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// `/v1/webhook_endpoints`.
    Classic,
    /// `/v2/core/event_destinations`.
    Destination,
}

impl Endpoint {
    /// Whether events of this type are delivered.
    #[must_use]
    pub fn selects(&self, event: &str) -> bool {
        self.events.iter().any(|selected| selected == event || selected == "*")
    }

    /// The endpoint in a sentence.
    #[must_use]
    pub fn name(&self) -> String {
        match self.kind {
            EndpointKind::Classic => format!("the webhook endpoint {}", self.id),
            EndpointKind::Destination => format!("the event destination {}", self.id),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Classic {
    id: String,
    url: String,
    status: String,
    enabled_events: Vec<String>,
    api_version: Option<String>,
    created: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct Destination {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    event_payload: String,
    enabled_events: Vec<String>,
    status: String,
    snapshot_api_version: Option<String>,
    created: Timestamp,
    webhook_endpoint: Option<DestinationUrl>,
}

#[derive(Debug, Clone, Deserialize)]
struct DestinationUrl {
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DestinationPage {
    data: Vec<Destination>,
    next_page_url: Option<String>,
}

impl TryFrom<Classic> for Endpoint {
    type Error = NoAnswer;

    fn try_from(classic: Classic) -> Result<Self, NoAnswer> {
        let created = Timestamp::from_second(classic.created);
        Ok(Self {
            kind: EndpointKind::Classic,
            url: Url::parse(&classic.url).ok(),
            url_text: classic.url,
            enabled: enabled(&classic.id, &classic.status)?,
            events: classic.enabled_events,
            api_version: classic.api_version,
            created: created.map_err(|error| NoAnswer::unknown(format!("{} has no age: {error}", classic.id)))?,
            whole_objects: true,
            id: classic.id,
        })
    }
}

fn enabled(id: &str, status: &str) -> Result<bool, NoAnswer> {
    match status {
        "enabled" => Ok(true),
        "disabled" => Ok(false),
        other => Err(NoAnswer::unknown(format!("Stripe says that {id} is \"{other}\", which is neither on nor off"))),
    }
}

pub(super) fn classic_page(cursor: Option<String>) -> RequestBuilder {
    let request = ListWebhookEndpoint::new().limit(100);
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

impl Stripe<'_> {
    /// Every classic endpoint.
    ///
    /// # Errors
    /// Where nobody can tell.
    async fn classic_endpoints(self) -> Result<Listed<Endpoint>, NoAnswer> {
        let Listed { items, answer } = self.list(classic_page, |endpoint: &Classic| &endpoint.id).await?;
        Ok(Listed { items: items.into_iter().map(Endpoint::try_from).collect::<Result<_, _>>()?, answer })
    }

    /// Every event destination that is a URL.
    async fn event_destinations(self) -> Result<Listed<Endpoint>, NoAnswer> {
        // The URL is hidden unless it is asked for, on every page (facts.md, A2).
        let first_page = "limit=100&include[0]=webhook_endpoint.url".to_owned();
        let mut request = RequestBuilder::new(StripeMethod::Get, "/v2/core/event_destinations");
        request.query = Some(first_page);
        let (mut items, mut first) = (Vec::new(), None);
        for _ in 0..super::MOST_PAGES {
            let Found::Here(Seen { value, answer }) = self.ask::<DestinationPage>(&request).await? else {
                return Err(NoAnswer::unknown("Stripe has no list of event destinations for this account"));
            };
            for destination in value.data.into_iter().filter(|destination| destination.kind == "webhook_endpoint") {
                items.push(destination.try_into()?);
            }
            let first = first.get_or_insert(answer);
            let Some(next) = value.next_page_url else {
                return Ok(Listed { items, answer: std::sync::Arc::clone(first) });
            };
            request.query = next.split_once('?').map(|(_, query)| with_url(query));
        }
        Err(NoAnswer::unknown("Stripe's list of event destinations does not end"))
    }

    /// Every endpoint and every event destination. Whether Stripe shows one in both lists is not known (facts.md, A2), so
    /// both are read. Where a restricted key may not read the event destinations, they are an error beside the rest.
    ///
    /// # Errors
    /// Where the classic endpoints cannot be read.
    pub async fn endpoints(self) -> Result<(Listed<Endpoint>, Result<(), NoAnswer>), NoAnswer> {
        let (classic, destinations) = futures::join!(self.classic_endpoints(), self.event_destinations());
        let mut all = classic?;
        let complete = destinations.map(|destinations| all.items.extend(destinations.items));
        Ok((all, complete))
    }
}

fn with_url(query: &str) -> String {
    if query.contains("include") { query.to_owned() } else { format!("{query}&include[0]=webhook_endpoint.url") }
}

impl TryFrom<Destination> for Endpoint {
    type Error = NoAnswer;

    fn try_from(destination: Destination) -> Result<Self, NoAnswer> {
        let url = destination.webhook_endpoint.and_then(|endpoint| endpoint.url).unwrap_or_default();
        Ok(Self {
            kind: EndpointKind::Destination,
            url: Url::parse(&url).ok(),
            url_text: url,
            enabled: enabled(&destination.id, &destination.status)?,
            events: destination.enabled_events,
            api_version: destination.snapshot_api_version,
            created: destination.created,
            whole_objects: destination.event_payload == "snapshot",
            id: destination.id,
        })
    }
}
