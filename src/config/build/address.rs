//! Addresses: where a secret may be sent, and what an origin is.

use url::{Host, Url};

use super::Build;
use crate::config::raw::{At, Word};
use crate::config::source::Fault;

impl Build<'_, '_> {
    /// Any address on the web.
    pub(super) fn url(&mut self, setting: &str, given: &At<Word>) -> Option<Url> {
        let text = given.value.0.trim();
        let fault = |label: String| {
            Fault::at(given.span.clone(), format!("`{setting}` must be a URL, such as \"https://acme.com\""))
                .label(label)
        };
        let url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => url,
            // `acme.com`, and `localhost:8787`, which parses as a URL of the scheme `localhost`.
            _ if !text.contains("://") => {
                self.faults.add(fault("this has no scheme: write https:// before it".to_owned()));
                return None;
            }
            Ok(_) => {
                self.faults.add(fault("this is no address on the web".to_owned()));
                return None;
            }
            Err(error) => {
                self.faults.add(fault(error.to_string()));
                return None;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.faults.add(fault("a user name or a password does not belong here".to_owned()));
            return None;
        }
        Some(url)
    }

    /// An address that is asked with something that others must not read.
    pub(super) fn secure_url(&mut self, setting: &str, given: &At<Word>) -> Option<Url> {
        let url = self.url(setting, given)?;
        if url.scheme() == "http" && !is_loopback(&url) {
            let message = format!("`{setting}` must begin with https://");
            self.faults.add(Fault::at(given.span.clone(), message).label("http is for loopback only"));
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
        self.faults.add(
            Fault::at(given.span.clone(), message)
                .label(format!("this has {excess}; the routes have keys of their own")),
        );
        None
    }

    /// Where a provider is asked, with a secret: its own host, loopback, or a host that the command line allows.
    pub(super) fn api_base(&mut self, setting: &str, given: &At<Word>, own: &str) -> Option<Url> {
        let mut url = self.secure_url(setting, given)?;
        if url.query().is_some() || url.fragment().is_some() {
            let message = format!("`{setting}` must be an address without a query");
            self.faults.add(Fault::at(given.span.clone(), message).label("requests add their own"));
            return None;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let with_port = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let allowed = self.options.allow_hosts.iter().any(|allowed| *allowed == host || *allowed == with_port);
        if host != own && !is_loopback(&url) && !allowed {
            let whose = if own.is_empty() { String::new() } else { format!(" ({own})") };
            let message = format!("`{setting}` would send a secret to {host}");
            let fault = Fault::at(given.span.clone(), message).label(format!("not the provider's own host{whose}"));
            self.faults.add(fault.help(format!("if that is what you want, say so with --allow-host {with_port}")));
            return None;
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Some(url)
    }

    /// A host without anything around it.
    pub(super) fn host(&mut self, setting: &str, given: &At<Word>) -> Option<String> {
        let text = given.value.0.trim();
        let url = Url::parse(&format!("https://{text}")).ok();
        let bare = |url: &Url| url.path() == "/" && !text.contains(['/', '?', '#', '@']);
        let host = url.filter(bare).and_then(|url| Some((url.host_str()?.to_owned(), url.port())));
        if host.is_none() {
            let message = format!("`{setting}` must list hosts, such as \"api.acme.com\"");
            self.faults.add(Fault::at(given.span.clone(), message).label("this is more, or less, than a host"));
        }
        host.map(|(host, port)| port.map_or(host.clone(), |port| format!("{host}:{port}")))
    }
}

/// Whether an address leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
