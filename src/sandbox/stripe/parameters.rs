//! The parameters of a request: the query of a GET, the form of a POST.

use super::error::StripeError;

/// The parameters of a request, in order. `expand[0]` and `expand[]` are both `expand[]`.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `a=1&b[c]=2&d[]=3`.
    pub(super) fn read(encoded: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(encoded);
        Self(pairs.map(|(name, value)| (without_last_index(&name), value.into_owned())).collect())
    }

    /// Rejects parameters that are not in `known`, by the name before the first bracket.
    pub(super) fn allow(&self, known: &[&[&str]], paged: bool) -> Result<(), StripeError> {
        for (name, _) in &self.0 {
            let base = name.split('[').next().unwrap_or_default();
            let turns_pages = paged && ["limit", "starting_after", "ending_before"].contains(&base);
            if base != "expand" && !turns_pages && !known.iter().any(|known| known.contains(&base)) {
                return Err(StripeError::unknown_parameter(name));
            }
        }
        Ok(())
    }

    /// Those whose names begin with this, and the others.
    pub(super) fn partition(&self, beginning: &str) -> (Self, Self) {
        let (these, others) = self.0.iter().cloned().partition(|(name, _)| name.starts_with(beginning));
        (Self(these), Self(others))
    }

    /// Those under a name, `default_price_data[recurring][interval]` as `recurring[interval]`.
    pub(super) fn below(&self, name: &str) -> Self {
        let below = |given: &str| {
            let (first, rest) = given.strip_prefix(name)?.strip_prefix('[')?.split_once(']')?;
            Some(format!("{first}{rest}"))
        };
        Self(self.0.iter().filter_map(|(given, value)| Some((below(given)?, value.clone()))).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, StripeError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| StripeError::missing_parameter(name))
    }

    /// Every value of a list, `types[]`.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let name = format!("{name}[]");
        self.0.iter().filter(|(given, _)| *given == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, StripeError> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(StripeError::bad(format!("Invalid boolean: {other}")).about(name)),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, StripeError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().map_err(|_| StripeError::bad(format!("Invalid integer: {text}")).about(name))?;
        Ok(Some(number))
    }

    /// The keys and values under a name, `metadata[plan]=pro`.
    pub(super) fn map(&self, name: &str) -> serde_json::Map<String, serde_json::Value> {
        let prefix = format!("{name}[");
        let pairs = self.0.iter().filter_map(|(given, value)| {
            let key = given.strip_prefix(&prefix)?.strip_suffix(']')?;
            Some((key.to_owned(), value.as_str().into()))
        });
        pairs.collect()
    }

    /// Whether there is a parameter with this name, or one under it such as `line_items[0][price]`.
    pub(super) fn any_under(&self, name: &str) -> bool {
        let prefix = format!("{name}[");
        self.0.iter().any(|(given, _)| given == name || given.starts_with(&prefix))
    }
}

fn without_last_index(name: &str) -> String {
    match name.strip_suffix(']').and_then(|open| open.rsplit_once('[')) {
        Some((before, index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => format!("{before}[]"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_can_have_indexes_or_not() {
        assert_eq!(Parameters::read(b"types[]=a&types%5B1%5D=b").all("types"), ["a", "b"]);
    }

    #[test]
    fn the_error_for_an_unknown_parameter_names_it() {
        let error = Parameters::read(b"limit=3&colour=blue").allow(&[], true).unwrap_err();
        assert_eq!(error.body("req_1")["error"]["param"], "colour");
    }

    #[test]
    fn a_route_without_pages_has_no_limit() {
        assert!(Parameters::read(b"limit=3").allow(&[], false).is_err());
    }

    #[test]
    fn metadata_is_a_map() {
        assert_eq!(Parameters::read(b"metadata[plan]=pro").map("metadata")["plan"], "pro");
    }
}
