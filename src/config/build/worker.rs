//! The Worker's routes, and how it is asked for a Checkout Session.

use reqwest::Method;

use super::Build;
use crate::config::checkout::{CHOSEN, ORGANIZATION, USER, placeholders, texts, usual_body};
use crate::config::nearest::nearest;
use crate::config::raw::{self, At, Checkout, Json, Route};
use crate::config::source::Diagnostic;
use crate::config::{CheckoutRoute, WorkerConfig};
use crate::holder::HolderKind;

impl Build<'_, '_> {
    pub(super) fn worker(
        &mut self,
        worker: raw::Worker,
        paid_tiers: usize,
        holder: HolderKind,
    ) -> Option<WorkerConfig> {
        let of_canary = match holder {
            HolderKind::User => vec![USER],
            HolderKind::Organization => vec![USER, ORGANIZATION],
        };
        let url = worker.url.as_ref().and_then(|url| self.origin("worker.url", url));
        let health = self.route(worker.health, &[]);
        let tiers = self.route(worker.tiers, &[]);
        let usage = self.route(worker.usage, &of_canary);
        let portal = self.route(worker.portal, &of_canary);
        let metered = self.route(worker.metered, &of_canary);
        let in_checkout = [&CHOSEN[..], &of_canary].concat();
        let checkout = self.checkout(worker.checkout, paid_tiers, &in_checkout);
        Some(WorkerConfig {
            url: url?,
            health: health?,
            tiers: tiers?,
            usage: usage?,
            checkout: checkout?,
            portal: portal?,
            metered: metered?,
            auth: worker.auth,
        })
    }

    /// The request for a Checkout Session; the outer `None` is an error, the inner one a Worker without that route.
    #[expect(clippy::option_option, reason = "the outer one is for an error, the inner one for a route that is off")]
    fn checkout(
        &mut self,
        At { value, span }: At<Checkout>,
        paid_tiers: usize,
        known: &[&str],
    ) -> Option<Option<CheckoutRoute>> {
        let route = match value {
            Checkout::Route(route) => match path(route) {
                None => return Some(None),
                Some(path) => {
                    let path = At { value: path, span: span.clone() };
                    self.check_placeholders(&path, &[&path.value], known)?;
                    CheckoutRoute::usual(&path.value)
                }
            },
            Checkout::Request(request) => self.checkout_request(request, known)?,
        };
        if paid_tiers > 1 && !route.names_the_tier() {
            let diagnostic = Diagnostic::at(span, "`worker.checkout` asks for the same session for every paid tier");
            self.diagnostics.add(
                diagnostic
                    .label("nothing here names the tier")
                    .help("add {tier}, {plan} or {price_id} to the path or to a text in the body"),
            );
            return None;
        }
        Some(Some(route))
    }

    /// The path of a route; the outer `None` is an error, the inner one a Worker without that route.
    #[expect(clippy::option_option, reason = "the outer one is for an error, the inner one for a route that is off")]
    fn route(&mut self, At { value, span }: At<Route>, known: &[&str]) -> Option<Option<String>> {
        let Some(path) = path(value) else { return Some(None) };
        let path = At { value: path, span };
        self.check_placeholders(&path, &[&path.value], known)?;
        Some(Some(path.value))
    }

    fn checkout_request(&mut self, request: raw::CheckoutRequest, known: &[&str]) -> Option<CheckoutRoute> {
        let method = request.method.as_ref().map_or(Method::POST, |method| method.value.into());
        let path = At { value: request.path.value.0, span: request.path.span };
        let known_path = self.check_placeholders(&path, &[&path.value], known);
        let known_body = request.body.as_ref().map_or(Some(()), |At { value: Json(body), span }| {
            let place = At { value: (), span: span.clone() };
            self.check_placeholders(&place, &texts(body), known)
        });
        if let (&Method::GET, Some(body)) = (&method, &request.body) {
            let diagnostic = Diagnostic::at(body.span.clone(), "a GET request has no body");
            self.diagnostics.add(diagnostic.label("name the tier in the path or its query, such as ?plan={plan}"));
            return None;
        }
        let session = request.session;
        let known_pointer = session.as_ref().map_or(Some(()), |at| self.check_pointer(&at.value.0, at.span.as_ref()));
        known_path.and(known_body).and(known_pointer)?;
        Some(CheckoutRoute {
            path: path.value,
            body: match request.body {
                Some(body) => Some(body.value.0),
                None => (method != Method::GET).then(usual_body),
            },
            method,
            session: session.map(|session| session.value.0),
        })
    }

    /// Reports words in braces that stand for nothing.
    fn check_placeholders<T>(&mut self, at: &At<T>, texts: &[&str], known: &[&str]) -> Option<()> {
        let unknown = texts.iter().flat_map(|text| placeholders(text)).find(|word| !known.contains(word));
        let Some(unknown) = unknown else { return Some(()) };
        let diagnostic = Diagnostic::at(at.span.clone(), format!("{{{unknown}}} stands for nothing"));
        let all = known.iter().map(|word| format!("{{{word}}}")).collect::<Vec<_>>().join(", ");
        self.diagnostics.add(match nearest(unknown, known.iter().copied()) {
            _ if unknown == ORGANIZATION => diagnostic.label("`entitlement.holder` is \"user\""),
            _ if known.is_empty() => diagnostic.label("this route has no placeholders"),
            Some(similar) => diagnostic.label(format!("did you mean {{{similar}}}?")),
            None => diagnostic.label("there is no such placeholder").help(format!("known placeholders: {all}")),
        });
        None
    }
}

fn path(route: Route) -> Option<String> {
    match route {
        Route::Path(path) => Some(path.0),
        Route::Off(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use serde_json::json;

    use crate::config::sample::{loaded, minimal_with, refused};
    use crate::config::{Choice, TokenPlace};

    const URL: &str = "url = \"https://pan-api.acme.workers.dev\"";

    fn with(keys: &str) -> String {
        minimal_with(URL, &format!("{URL}\n{keys}"))
    }

    #[test]
    fn the_canarys_ids_are_filled_in_only_where_a_token_is_sent() {
        let routes = "url = \"https://pan-api.acme.workers.dev\"\nhealth = \"/health/{user}\"\nusage = \"/o/{organization}/usage\"";
        let shown = refused(&minimal_with(URL, routes));
        assert!(shown.contains("this route has no placeholders"), "{shown}");
        assert!(shown.contains("`entitlement.holder` is \"user\""), "{shown}");
        let usage = "url = \"https://pan-api.acme.workers.dev\"\nusage = \"/o/{organization}/usage\"";
        let text = format!("{}\n[entitlement]\nholder = \"organization\"\n", minimal_with(URL, usage));
        assert_eq!(loaded(&text).worker.usage.as_deref(), Some("/o/{organization}/usage"));
    }

    #[test]
    fn a_path_is_sent_the_tiers_name() {
        let checkout = loaded(&with("checkout = \"/buy\"")).worker.checkout.unwrap();
        let sent = checkout.request(&Choice::unknown());
        assert_eq!((sent.method, sent.path.as_str()), (Method::POST, "/buy"));
        assert_eq!(sent.body, Some(json!({ "tier": "preflight-unknown" })));
    }

    #[test]
    fn a_table_has_the_whole_request() {
        let keys = "checkout = { path = \"/buy\", method = \"PUT\", body = { priceId = \"{price_id}\", seats = 1 }, session = \"/url\" }";
        let checkout = loaded(&with(keys)).worker.checkout.unwrap();
        let sent = checkout.request(&Choice::unknown());
        assert_eq!((sent.method, checkout.session.as_deref()), (Method::PUT, Some("/url")));
        assert_eq!(sent.body, Some(json!({ "priceId": "price_preflightUnknown", "seats": 1 })));
    }

    #[test]
    fn a_worker_that_is_sent_the_price_id_needs_none() {
        let needs_prices = |checkout: &str, more: &str| {
            let text = format!("{}\n[cloudflare]\n{more}", with(&format!("checkout = {checkout}")));
            loaded(&text).cloudflare.unwrap().secrets.iter().any(|name| name == "STRIPE_PRICE_ID_PRO")
        };
        let by_price = "{ path = \"/buy\", body = { priceId = \"{price_id}\" } }";
        assert!(needs_prices("\"/buy\"", "") && !needs_prices(by_price, ""));
        assert!(needs_prices(by_price, "[entitlement]\nsource = \"price-id\""));
    }

    #[test]
    fn a_get_has_no_body() {
        let checkout =
            loaded(&with("checkout = { path = \"/buy?plan={plan}\", method = \"GET\" }")).worker.checkout.unwrap();
        assert_eq!(checkout.request(&Choice::unknown()).body, None);
        let text = refused(&with("checkout = { path = \"/buy\", method = \"GET\", body = { tier = \"{tier}\" } }"));
        assert!(text.contains("a GET request has no body") && text.contains("?plan={plan}"), "{text}");
    }

    #[test]
    fn a_misspelled_placeholder_names_the_nearest() {
        for keys in [
            "checkout = { path = \"/buy\", body = { price = \"{priceid}\" } }",
            "checkout = { path = \"/buy/{price_di}\" }",
            "checkout = \"/buy/{price_ids}\"",
            "checkout = { path = \"/buy\", body = { price = \"{priceId}\", tier = \"{tier}\" } }",
        ] {
            let text = refused(&with(keys));
            assert!(text.contains("stands for nothing") && text.contains("did you mean {price_id}?"), "{text}");
        }
    }

    #[test]
    fn a_request_that_does_not_name_the_tier_is_rejected_if_there_are_several() {
        let keys = "checkout = { path = \"/buy\", body = { every = \"{interval}\" } }";
        let text = refused(&with(keys));
        assert!(text.contains("the same session for every paid tier"), "{text}");
        let one = with(keys).replace("price = \"99.00\"\n", "");
        assert!(loaded(&one).worker.checkout.is_some());
    }

    #[test]
    fn each_error_of_the_table_is_shown_at_its_key() {
        let text = refused(&with("checkout = { paths = \"/buy\" }"));
        assert!(text.contains("unknown key `paths`") && text.contains("did you mean `path`?"), "{text}");
        let text = refused(&with("checkout = { path = \"/buy\", method = \"DELETE\" }"));
        assert!(text.contains("`worker.checkout.method` must be"), "{text}");
        let text = refused(&with("checkout = { path = \"/buy\", session = \"data.url\" }"));
        assert!(text.contains("did you mean \"/data/url\"?"), "{text}");
    }

    #[test]
    fn a_cookie_holds_the_session_token_and_no_templates() {
        let config = loaded(&with("auth = \"cookie\""));
        assert_eq!((config.worker.auth, config.clerk.jwt_template), (TokenPlace::Cookie, None));
        let text = refused(&with("auth = \"cookie\"\n[clerk]\njwt_template = \"pan-api\""));
        assert!(text.contains("jwt_template = false"), "{text}");
    }
}
