//! Where Stripe delivers events: classic webhook endpoints and event destinations, as one type.

use jiff::Timestamp;
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_misc::webhook_endpoint::ListWebhookEndpoint;
use url::Url;

use super::client::{MAX_PAGES, Permission, Stripe};
use super::error::Found;
use crate::finding::{Answered, NoAnswer};
use crate::world::field::{Field, Items};
use crate::world::seen::{List, Seen};

pub(super) const ENDPOINTS: Permission =
    Permission { name: "rak_webhook_read", purpose: "read webhook endpoints", shown_by: |_| Some(classic_endpoints()) };

pub(super) const DESTINATIONS: Permission =
    Permission { name: "rak_event_destination_read", purpose: "read event destinations", shown_by: |_| None };

/// A place that Stripe delivers events to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `we_…` or `ed_…`.
    pub id: String,
    /// Which kind it is.
    pub kind: EndpointKind,
    /// The URL that it delivers to; `None` if that is not a valid URL.
    pub url: Option<Url>,
    /// The same, exactly as Stripe shows it.
    pub url_text: String,
    pub enabled: Answered<bool>,
    /// The selected event types; `*` is all that need not be selected individually.
    pub events: Field<Vec<String>>,
    /// The API version of the payloads; null means the account's default.
    pub api_version: Field<String>,
    pub created: Field<Timestamp>,
    /// Whether it delivers whole objects. A thin payload contains only an ID.
    pub whole_objects: bool,
}

/// Stripe's two kinds of endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// `/v1/webhook_endpoints`.
    Classic,
    /// `/v2/core/event_destinations`.
    Destination,
}

impl Endpoint {
    /// The selected event types.
    pub fn events(&self) -> Answered<&[String]> {
        self.events.known(format_args!("enabled_events of {}", self.id)).map(Vec::as_slice)
    }

    /// Whether events of this type are delivered.
    pub fn selects(&self, event: &str) -> Answered<bool> {
        Ok(self.events()?.iter().any(|selected| selected == event || selected == "*"))
    }

    /// The endpoint, for a sentence.
    pub fn name(&self) -> String {
        match self.kind {
            EndpointKind::Classic => format!("the webhook endpoint {}", self.id),
            EndpointKind::Destination => format!("the event destination {}", self.id),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
struct ClassicEndpoint {
    id: String,
    #[serde(default)]
    url: Field<String>,
    #[serde(default)]
    status: Field<String>,
    #[serde(default)]
    enabled_events: Field<Vec<String>>,
    #[serde(default)]
    api_version: Field<String>,
    #[serde(default)]
    created: Field<i64>,
}

#[derive(Debug, Clone, Deserialize)]
struct EventDestination {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    event_payload: Field<String>,
    #[serde(default)]
    enabled_events: Field<Vec<String>>,
    #[serde(default)]
    status: Field<String>,
    #[serde(default)]
    snapshot_api_version: Field<String>,
    #[serde(default)]
    created: Field<Timestamp>,
    #[serde(default)]
    webhook_endpoint: Field<DestinationUrl>,
}

#[derive(Debug, Clone, Deserialize)]
struct DestinationUrl {
    #[serde(default)]
    url: Field<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DestinationPage {
    data: Field<Items<EventDestination>>,
    next_page_url: Field<String>,
}

impl TryFrom<ClassicEndpoint> for Endpoint {
    type Error = NoAnswer;

    fn try_from(classic: ClassicEndpoint) -> Result<Self, NoAnswer> {
        let url = classic.url.known(format_args!("url of {}", classic.id))?.clone();
        let created = match classic.created.map(Timestamp::from_second) {
            Field::Is(Ok(created)) => Field::Is(created),
            Field::Is(Err(_)) => Field::Unreadable,
            other => other.map(|_| Timestamp::UNIX_EPOCH),
        };
        Ok(Self {
            kind: EndpointKind::Classic,
            url: Url::parse(&url).ok(),
            url_text: url,
            enabled: enabled(&classic.id, &classic.status),
            events: classic.enabled_events,
            api_version: classic.api_version,
            created,
            whole_objects: true,
            id: classic.id,
        })
    }
}

fn enabled(id: &str, status: &Field<String>) -> Answered<bool> {
    match status.known(format_args!("status of {id}"))?.as_str() {
        "enabled" => Ok(true),
        "disabled" => Ok(false),
        other => Err(NoAnswer::unknown(format!(
            "Stripe says that {id} is \"{other}\", which is neither enabled nor disabled"
        ))),
    }
}

fn classic_endpoints() -> RequestBuilder {
    ListWebhookEndpoint::new().limit(100).build()
}

impl Stripe<'_> {
    /// Every classic endpoint.
    async fn classic_endpoints(self) -> Answered<List<Endpoint>> {
        let mut read = self.list(classic_endpoints(), |endpoint: &ClassicEndpoint| &endpoint.id).await?;
        let mut items = Vec::new();
        for endpoint in read.items {
            match Endpoint::try_from(endpoint) {
                Ok(endpoint) => items.push(endpoint),
                Err(why) => read.unread.push(why),
            }
        }
        Ok(List { items, unread: read.unread, answer: read.answer })
    }

    /// Every event destination with a URL, and what could not be read of the list.
    async fn event_destinations(self) -> (Vec<Endpoint>, Vec<NoAnswer>) {
        // Every page omits the URLs unless they are included (docs/providers.md, "Stripe API objects").
        let first_page = "limit=100&include[0]=webhook_endpoint.url".to_owned();
        let mut request = RequestBuilder::new(StripeMethod::Get, "/v2/core/event_destinations");
        request.query = Some(first_page);
        let (mut items, mut unread) = (Vec::new(), Vec::new());
        for _ in 0..MAX_PAGES {
            match self.destinations_page(&request, &mut items, &mut unread).await {
                Ok(Some(query)) => request.query = Some(query),
                Ok(None) => return (items, unread),
                Err(why) => {
                    unread.push(why);
                    return (items, unread);
                }
            }
        }
        unread.push(NoAnswer::unknown("Stripe's list of event destinations has more pages than could be read"));
        (items, unread)
    }

    /// Reads one page of event destinations. Returns the query of the next page, if there is one.
    async fn destinations_page(
        self,
        request: &RequestBuilder,
        items: &mut Vec<Endpoint>,
        unread: &mut Vec<NoAnswer>,
    ) -> Answered<Option<String>> {
        let Found::Here(Seen { value, answer }) = self.ask::<DestinationPage>(request).await? else {
            return Err(NoAnswer::unknown("Stripe has no list of event destinations for this account"));
        };
        let request = &answer.request;
        value.data.known(format_args!("data of {request}"))?;
        if let Field::Is(data) = value.data {
            let (read, unreadable) = data.split(|place| format!("data[{place}] of {request}"));
            unread.extend(unreadable);
            for destination in read.into_iter().filter(|destination| destination.kind == "webhook_endpoint") {
                match Endpoint::try_from(destination) {
                    Ok(endpoint) => items.push(endpoint),
                    Err(why) => unread.push(why),
                }
            }
        }
        let next = value.next_page_url.nullable(format_args!("next_page_url of {request}"))?;
        let Some(next) = next else { return Ok(None) };
        let query = next.split_once('?').map(|(_, query)| with_url(query));
        query.map(Some).ok_or_else(|| NoAnswer::Unknown(format!("next_page_url of {request} has no query")))
    }

    /// Every classic endpoint and every event destination, and whether the list is complete: an endpoint that is not in an
    /// incomplete list may still exist. Stripe may show one endpoint in both lists (docs/providers.md, "Stripe API
    /// objects"). `Unknown` if the classic endpoints cannot be read.
    pub async fn endpoints(self) -> Answered<(List<Endpoint>, Answered)> {
        let (classic, (destinations, unread)) = futures::join!(self.classic_endpoints(), self.event_destinations());
        let mut all = classic?;
        all.items.extend(destinations);
        all.unread.extend(unread);
        let complete = all.unread.first().map_or(Ok(()), |why| Err(why.clone()));
        Ok((all, complete))
    }
}

fn with_url(query: &str) -> String {
    if query.contains("include") { query.to_owned() } else { format!("{query}&include[0]=webhook_endpoint.url") }
}

impl TryFrom<EventDestination> for Endpoint {
    type Error = NoAnswer;

    fn try_from(destination: EventDestination) -> Result<Self, NoAnswer> {
        let id = &destination.id;
        let endpoint = destination.webhook_endpoint.known(format_args!("webhook_endpoint of {id}"))?;
        let url = endpoint.url.known(format_args!("webhook_endpoint.url of {id}"))?.clone();
        let payload = destination.event_payload.known(format_args!("event_payload of {id}"))?;
        Ok(Self {
            kind: EndpointKind::Destination,
            url: Url::parse(&url).ok(),
            url_text: url,
            enabled: enabled(&destination.id, &destination.status),
            events: destination.enabled_events,
            api_version: destination.snapshot_api_version,
            created: destination.created,
            whole_objects: payload == "snapshot",
            id: destination.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Endpoint, EventDestination};
    use crate::finding::NoAnswer;

    #[test]
    fn a_destination_without_a_url_is_unknown() {
        let destination: EventDestination = serde_json::from_value(json!({
            "id": "ed_1", "type": "webhook_endpoint", "status": "enabled", "event_payload": "snapshot",
            "webhook_endpoint": {},
        }))
        .unwrap();
        let why = Endpoint::try_from(destination).map(|endpoint| endpoint.id);
        assert_eq!(why, Err(NoAnswer::unknown("webhook_endpoint.url of ed_1 is missing")));
    }
}
