//! Paths built only from literals and IDs.

use std::fmt::{Display, Write as _};

use url::Url;

/// What may be one segment of a path.
pub(in crate::world) trait PathId {
    /// Its placeholder in a template: `{session_id}`.
    const TEMPLATE: &'static str;

    /// The ID as the provider writes it.
    fn as_str(&self) -> &str;

    /// The ID encoded as a path segment. Stripe's builders do not encode it.
    fn segment(&self) -> String {
        encoded(self.as_str())
    }
}

/// A path and query below an API's base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world) struct ApiPath {
    text: String,
    template: String,
    query: String,
}

impl ApiPath {
    /// A path that starts with `literal`.
    pub fn new(literal: &'static str) -> Self {
        Self { text: literal.to_owned(), template: literal.to_owned(), query: String::new() }
    }

    /// Appends an ID.
    pub fn id<I: PathId>(mut self, id: &I) -> Self {
        self.text.push_str(&id.segment());
        self.template.push_str(I::TEMPLATE);
        self
    }

    /// Appends a literal.
    pub fn then(mut self, literal: &'static str) -> Self {
        self.text.push_str(literal);
        self.template.push_str(literal);
        self
    }

    /// Adds a query parameter. Its value may be any text.
    pub fn query(mut self, name: &'static str, value: impl Display) -> Self {
        let separator = if self.query.is_empty() { "" } else { "&" };
        // Writing to a string cannot fail.
        let _ = write!(self.query, "{separator}{name}={}", encoded(&value.to_string()));
        self
    }

    /// The path without its query.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The query.
    pub fn parameters(&self) -> Option<&str> {
        Some(self.query.as_str()).filter(|query| !query.is_empty())
    }

    /// The path with placeholders for its IDs: `/v1/sessions/{session_id}/revoke`.
    #[cfg(test)]
    pub fn template(&self) -> &str {
        &self.template
    }

    /// The full URL below `base`.
    pub fn at(&self, base: &Url) -> Url {
        let mut url = base.clone();
        url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), self.text));
        url.set_query(self.parameters());
        url
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::super::{SessionId, TemplateName};
    use super::ApiPath;

    #[test]
    fn a_path_is_built_from_literals_and_ids() {
        let (session, name) = (SessionId::parse("sess_1").unwrap(), TemplateName::parse("pan api").unwrap());
        let path = ApiPath::new("/v1/sessions/").id(&session).then("/tokens/").id(&name);
        assert_eq!(path.template(), "/v1/sessions/{session_id}/tokens/{template_name}");
        let base = Url::parse("https://acme.com/__clerk/").unwrap();
        assert_eq!(path.at(&base).as_str(), "https://acme.com/__clerk/v1/sessions/sess_1/tokens/pan%20api");
    }

    #[test]
    fn a_parameter_stays_in_its_place() {
        let path = ApiPath::new("/v1/users").query("limit", 1).query("email", "a+b@acme.com&x=/../");
        let url = path.at(&Url::parse("https://api.clerk.com").unwrap());
        assert_eq!(url.as_str(), "https://api.clerk.com/v1/users?limit=1&email=a%2Bb%40acme.com%26x%3D%2F..%2F");
    }
}
