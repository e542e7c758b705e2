//! Addresses: where a secret may be sent, and what an origin is.

use url::{Host, Url};

use super::Build;
use crate::config::raw::{At, Word};
use crate::config::source::Diagnostic;

impl Build<'_, '_> {
    /// Any address on the web.
    pub(super) fn url(&mut self, setting: &str, given: &At<Word>) -> Option<Url> {
        let text = given.value.0.trim();
        let diagnostic = |label: String| {
            Diagnostic::at(given.span.clone(), format!("`{setting}` must be a URL, such as \"https://acme.com\""))
                .label(label)
        };
        let url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => url,
            // `acme.com`, and `localhost:8787`, which parses as a URL with the scheme `localhost`.
            _ if !text.contains("://") => {
                self.diagnostics.add(diagnostic("this has no scheme: add https:// before it".to_owned()));
                return None;
            }
            Ok(_) => {
                self.diagnostics.add(diagnostic("this is not a web address".to_owned()));
                return None;
            }
            Err(error) => {
                self.diagnostics.add(diagnostic(error.to_string()));
                return None;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.diagnostics.add(diagnostic("remove the username and password".to_owned()));
            return None;
        }
        Some(url)
    }

    /// An address that receives private data.
    pub(super) fn secure_url(&mut self, setting: &str, given: &At<Word>) -> Option<Url> {
        let url = self.url(setting, given)?;
        if url.scheme() == "http" && !is_loopback(&url) {
            let message = format!("`{setting}` must begin with https://");
            self.diagnostics
                .add(Diagnostic::at(given.span.clone(), message).label("http is only for loopback addresses"));
            return None;
        }
        Some(url)
    }

    /// An address without a path.
    pub(super) fn origin(&mut self, setting: &str, given: &At<Word>) -> Option<Url> {
        let url = self.secure_url(setting, given)?;
        let excess = match &url {
            url if url.query().is_some() => "a query",
            url if url.fragment().is_some() => "a fragment",
            url if url.path() != "/" => "a path",
            _ => return Some(url),
        };
        let message = format!("`{setting}` must be an origin, \"{}\"", url.origin().ascii_serialization());
        self.diagnostics.add(
            Diagnostic::at(given.span.clone(), message)
                .label(format!("this has {excess}; set each route with its own key")),
        );
        None
    }

    /// A provider's API, which receives a secret: its own host, loopback, or a host that the command line allows.
    pub(super) fn api_base(&mut self, setting: &str, given: &At<Word>, own: &str) -> Option<Url> {
        let mut url = self.secure_url(setting, given)?;
        if url.query().is_some() || url.fragment().is_some() {
            let message = format!("`{setting}` must be a URL without a query or fragment");
            self.diagnostics
                .add(Diagnostic::at(given.span.clone(), message).label("remove everything from the ? or #"));
            return None;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let with_port = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let allowed = self.options.allow_hosts.iter().any(|allowed| *allowed == host || *allowed == with_port);
        if host != own && !is_loopback(&url) && !allowed {
            let whose = if own.is_empty() { String::new() } else { format!(" ({own})") };
            let message = format!("`{setting}` would send a secret to {host}");
            let diagnostic =
                Diagnostic::at(given.span.clone(), message).label(format!("not the provider's own host{whose}"));
            self.diagnostics
                .add(diagnostic.help(format!("if you want that, run preflight with --allow-host {with_port}")));
            return None;
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Some(url)
    }

    /// A host, with or without a port.
    pub(super) fn host(&mut self, setting: &str, given: &At<Word>) -> Option<String> {
        let text = given.value.0.trim();
        let url = Url::parse(&format!("https://{text}")).ok();
        let bare = |url: &Url| url.path() == "/" && !text.contains(['/', '?', '#', '@']);
        let host = url.filter(bare).and_then(|url| Some((url.host_str()?.to_owned(), url.port())));
        if host.is_none() {
            let message = format!("`{setting}` must list hosts, such as \"api.acme.com\"");
            self.diagnostics.add(Diagnostic::at(given.span.clone(), message).label("this is not just a host"));
        }
        host.map(|(host, port)| port.map_or(host.clone(), |port| format!("{host}:{port}")))
    }
}

/// Whether an address leads to this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sample::{loaded, minimal_with, nothing, refused, values_with};
    use crate::config::{Options, Text, load};

    const URL: &str = "https://pan-api.acme.workers.dev";

    fn worker_at(url: &str) -> String {
        minimal_with(URL, url)
    }

    fn with(keys: &str) -> String {
        minimal_with("[tiers.free]", &format!("{keys}\n[tiers.free]"))
    }

    fn reports(text: &str, message: &str, label: &str) {
        let rendered = refused(text);
        assert!(rendered.contains(message) && rendered.contains(label), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 1, "{rendered}");
    }

    #[test]
    fn http_is_for_loopback_only() {
        for url in ["http://127.0.0.1:8787", "http://localhost:8787", "http://[::1]:1", "http://pan-api.localhost"] {
            assert_eq!(loaded(&worker_at(url)).worker.url.scheme(), "http", "{url}");
        }
        reports(
            &worker_at("http://pan-api.acme.workers.dev"),
            "must begin with https://",
            "^ http is only for loopback",
        );
        reports(&worker_at("http://127.0.0.1.acme.com"), "must begin with https://", "^ http is only for loopback");
    }

    #[test]
    fn an_origin_has_no_path() {
        reports(&worker_at("https://acme.com/api"), "must be an origin, \"https://acme.com\"", "^ this has a path");
        reports(&worker_at("https://acme.com?x=1"), "must be an origin", "^ this has a query");
        assert_eq!(loaded(&worker_at("https://acme.com/")).worker.url.as_str(), "https://acme.com/");
    }

    #[test]
    fn an_invalid_url_is_reported_with_the_reason() {
        reports(&worker_at("acme.com"), "`worker.url` must be a URL", "^ this has no scheme");
        reports(&worker_at("localhost:8787"), "`worker.url` must be a URL", "^ this has no scheme");
        reports(&worker_at("ftp://acme.com"), "`worker.url` must be a URL", "^ this is not a web address");
        reports(&worker_at("https://"), "`worker.url` must be a URL", "^ empty host");
        reports(&worker_at("https://me@acme.com"), "`worker.url` must be a URL", "^ remove the username");
    }

    #[test]
    fn a_secret_goes_to_its_provider_or_to_loopback() {
        assert_eq!(loaded(&with("[stripe]\napi_base = \"http://127.0.0.1:1\"")).stripe.api_base.port(), Some(1));
        for (key, host) in
            [("stripe", "api.stripe.com"), ("clerk", "api.clerk.com"), ("cloudflare", "api.cloudflare.com")]
        {
            let host_label = format!("^ not the provider's own host ({host})");
            let text = with(&format!("[{key}]\napi_base = \"https://{host}.acme.com\""));
            reports(&text, &format!("`{key}.api_base` would send a secret to {host}.acme.com"), &host_label);
            reports(&text, "--allow-host", &host_label);
        }
    }

    #[test]
    fn a_secret_may_go_to_a_host_the_command_line_allows() {
        let text = with("[stripe]\napi_base = \"https://proxy.acme.com:8443/stripe/\"");
        for allowed in ["proxy.acme.com", "proxy.acme.com:8443"] {
            let options = Options { allow_hosts: vec![allowed.to_owned()], read: &nothing, ..Options::default() };
            let config = load(&Text::new("preflight.toml", text.clone()), &values_with(&[]), &options).unwrap();
            assert_eq!(config.stripe.api_base.as_str(), "https://proxy.acme.com:8443/stripe");
        }
    }

    #[test]
    fn the_frontend_api_is_where_the_publishable_key_says() {
        let text = with("[clerk]\nfrontend_api = \"https://clerk.acme.com\"");
        assert_eq!(loaded(&text).clerk.frontend_api().unwrap().as_str(), "https://clerk.acme.com/");
        reports(&with("[clerk]\nfrontend_api = \"https://clerk.evil.com\""), "would send a secret", "(clerk.acme.com)");
    }

    #[test]
    fn a_host_is_not_a_url() {
        assert_eq!(
            loaded(&with("[webhook]\nhosts = [\"API.acme.com\", \"[::1]:80\"]")).webhook.hosts,
            ["api.acme.com", "[::1]:80"]
        );
        reports(&with("[webhook]\nhosts = [\"https://acme.com\"]"), "must list hosts", "^ this is not just a host");
    }
}
