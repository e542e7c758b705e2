//! Probes, manual items and waivers.

use std::ops::Range;

use reqwest::header::{HeaderName, HeaderValue};

use super::Build;
use crate::config::raw::{self, At};
use crate::config::source::Diagnostic;
use crate::config::{Expectation, Manual, Probe, Waiver, hardcoded};

impl Build<'_, '_> {
    pub(super) fn probes(&mut self, probes: Vec<At<raw::Probe>>) -> Option<Vec<Probe>> {
        let mut made: Vec<Probe> = Vec::new();
        let mut whole = true;
        for At { value: probe, span } in probes {
            let place = probe.name.as_ref().and_then(|name| name.span.clone());
            let line = self.diagnostics.line(span.map_or(0, |span| span.start));
            let Some(probe) = self.probe(probe, line) else {
                whole = false;
                continue;
            };
            if probe.slug().is_empty() {
                self.diagnostics
                    .add(Diagnostic::at(place, "a probe's name needs a letter or a digit").label("this has none"));
            } else if let Some(other) = made.iter().find(|other| other.slug() == probe.slug()) {
                let message = format!("two probes have the ID probe/{}", probe.slug());
                self.diagnostics
                    .add(Diagnostic::at(place, message).label(format!("the other one is in line {}", other.line)));
            }
            made.push(probe);
        }
        whole.then_some(made)
    }

    fn probe(&mut self, probe: raw::Probe, line: usize) -> Option<Probe> {
        let url = probe.url.as_ref().and_then(|url| self.url("probe.url", url));
        let headers = probe.headers.iter().filter_map(|(name, value)| self.header(name, value)).collect();
        for pointer in probe.expect.json.keys().filter(|pointer| !pointer.value.is_empty()) {
            self.check_pointer(&pointer.value, pointer.span.as_ref());
        }
        Some(Probe {
            name: probe.name?.value.0,
            url: url?,
            method: probe.method.map(|method| method.0).unwrap_or_default(),
            headers,
            expect: Expectation {
                status: probe.expect.status,
                json: probe.expect.json.into_iter().map(|(pointer, value)| (pointer.value, value.0)).collect(),
                max_ms: probe.expect.max_ms,
            },
            line,
        })
    }

    /// Reports text that is not a JSON pointer.
    pub(super) fn check_pointer(&mut self, pointer: &str, at: Option<&Range<usize>>) -> Option<()> {
        if pointer.starts_with('/') {
            return Some(());
        }
        let diagnostic = Diagnostic::at(at.cloned(), "a JSON pointer starts with a slash");
        self.diagnostics.add(diagnostic.label(format!("did you mean \"/{}\"?", pointer.replace('.', "/"))));
        None
    }

    fn header(&mut self, name: &At<String>, value: &At<String>) -> Option<(HeaderName, HeaderValue)> {
        if value.value.split_whitespace().any(hardcoded::is_token) {
            self.diagnostics.secret(value.span.clone().map(|span| span.start + 1..span.end.saturating_sub(1)));
        }
        let header_name = HeaderName::from_bytes(name.value.as_bytes()).map_err(|_| {
            let diagnostic = Diagnostic::at(name.span.clone(), "this is not a valid header name");
            self.diagnostics.add(diagnostic.label("use letters, digits and hyphens"));
        });
        let header_value = HeaderValue::from_str(&value.value).map_err(|_| {
            let diagnostic = Diagnostic::at(value.span.clone(), "this is not a valid header value");
            self.diagnostics.add(diagnostic.label("it has a newline or another control character"));
        });
        Some((header_name.ok()?, header_value.ok()?))
    }

    pub(super) fn manual(&mut self, items: Vec<At<raw::Manual>>) -> Option<Vec<Manual>> {
        let mut made: Vec<Manual> = Vec::new();
        let mut whole = true;
        for (at, At { value: item, span }) in items.into_iter().enumerate() {
            let keys = ["signed_off_by", "on", "expires"];
            if !keys.iter().any(|key| self.diagnostics.is_rejected(&format!("manual[{at}].{key}"))) {
                self.check_sign_off(&item);
            }
            let line = self.diagnostics.line(span.map_or(0, |span| span.start));
            let (Some(id), Some(title)) = (item.id, item.title) else {
                whole = false;
                continue;
            };
            if let Some(other) = made.iter().find(|other| other.id == id.value.0) {
                let diagnostic = Diagnostic::at(id.span, format!("two manual items have the ID manual/{}", other.id));
                self.diagnostics.add(diagnostic.label(format!("the other one is in line {}", other.line)));
            }
            made.push(Manual {
                id: id.value.0,
                title: title.0,
                signed_off_by: item.signed_off_by.map(|name| name.value.0),
                on: item.on.map(|day| day.value.0),
                expires: item.expires.map(|day| day.value.0),
                line,
            });
        }
        whole.then_some(made)
    }

    /// A sign-off has a name and a date, and expires after that date.
    fn check_sign_off(&mut self, item: &raw::Manual) {
        match (&item.signed_off_by, &item.on, &item.expires) {
            (Some(by), None, _) => {
                let diagnostic = Diagnostic::at(by.span.clone(), "this sign-off has no date");
                self.diagnostics.add(diagnostic.label("add on = YYYY-MM-DD"));
            }
            (None, Some(day), _) | (None, None, Some(day)) => {
                let diagnostic = Diagnostic::at(day.span.clone(), "a date without a sign-off");
                self.diagnostics.add(diagnostic.label("add signed_off_by, or remove the date until someone checked"));
            }
            (_, Some(on), Some(expires)) if expires.value.0 < on.value.0 => {
                let diagnostic = Diagnostic::at(expires.span.clone(), "this sign-off expires before its date");
                self.diagnostics
                    .add(diagnostic.label(format!("earlier than {}", on.value.0)).related(on.span.clone(), "its date"));
            }
            _ => {}
        }
    }

    pub(super) fn waivers(&self, waivers: Vec<At<raw::Waiver>>) -> Option<Vec<Waiver>> {
        let made = waivers.into_iter().map(|At { value: waiver, span }| {
            Some(Waiver {
                check: waiver.check?.0,
                finding: waiver.finding.map(|finding| finding.0),
                reason: waiver.reason?.0,
                owner: waiver.owner?.0,
                expires: waiver.expires?.0,
                line: self.diagnostics.line(span.map_or(0, |span| span.start)),
            })
        });
        made.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sample::{loaded, minimal_with, refused};

    fn with(keys: &str) -> String {
        minimal_with("[tiers.free]", &format!("{keys}\n[tiers.free]"))
    }

    fn reports(keys: &str, message: &str) {
        let rendered = refused(&with(keys));
        assert!(rendered.contains(message), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 1, "{rendered}");
    }

    #[test]
    fn a_probe_uses_get_and_expects_200() {
        let config = loaded(&with("[[probe]]\nname = \"Docs: up?\"\nurl = \"http://docs.acme.com\""));
        let probe = &config.probes[0];
        assert_eq!((probe.method.as_str(), probe.expect.status, probe.line), ("GET", 200, 7));
        assert_eq!(probe.slug(), "docs-up");
    }

    #[test]
    fn two_probes_cannot_share_an_id() {
        let one = "[[probe]]\nname = \"a b\"\nurl = \"https://a.b\"\n";
        reports(&format!("{one}{}", one.replace("a b", "A-b")), "two probes have the ID probe/a-b");
    }

    #[test]
    fn an_invalid_header_is_reported() {
        let probe = "[[probe]]\nname = \"a\"\nurl = \"https://a.b\"\n";
        reports(&format!("{probe}headers = {{ \"a b\" = \"c\" }}"), "not a valid header name");
        reports(&format!("{probe}headers = {{ a = \"b\\nc\" }}"), "not a valid header value");
    }

    #[test]
    fn a_place_in_the_response_is_a_json_pointer() {
        let probe = "[[probe]]\nname = \"a\"\nurl = \"https://a.b\"\n";
        reports(&format!("{probe}expect = {{ json = {{ \"a.b\" = 1 }} }}"), "did you mean \"/a/b\"?");
    }

    #[test]
    fn an_open_manual_item_needs_no_sign_off() {
        let config = loaded(&with("[[manual]]\nid = \"tax\"\ntitle = \"Tax\""));
        assert_eq!((&config.manual[0].signed_off_by, config.manual[0].line), (&None, 7));
    }

    #[test]
    fn a_sign_off_has_a_name_and_a_date() {
        let item = "[[manual]]\nid = \"tax\"\ntitle = \"Tax\"\n";
        reports(&format!("{item}signed_off_by = \"ana\""), "this sign-off has no date");
        reports(&format!("{item}on = 2026-01-01"), "a date without a sign-off");
        reports(
            &format!("{item}signed_off_by = \"ana\"\non = 2026-02-01\nexpires = 2026-01-01"),
            "expires before its date",
        );
    }

    #[test]
    fn a_wrong_date_is_reported_once() {
        let item = "[[manual]]\nid = \"tax\"\ntitle = \"Tax\"\nsigned_off_by = \"ana\"\n";
        reports(&format!("{item}on = \"2026-01-01\""), "a date without quotes");
        reports(&format!("{item}on = 2026-01-01T10:00:00Z"), "this is a date with a time");
        reports(&format!("{item}on = 2026-02-30"), "invalid date");
    }

    #[test]
    fn two_manual_items_cannot_share_an_id() {
        let item = "[[manual]]\nid = \"tax\"\ntitle = \"Tax\"\n";
        reports(&format!("{item}{item}"), "two manual items have the ID manual/tax");
    }

    #[test]
    fn a_waiver_needs_a_reason_an_owner_and_an_end() {
        let rendered = refused(&with("[[waive]]\ncheck = \"no/such-check\""));
        for key in ["reason", "owner", "expires"] {
            assert!(rendered.contains(&format!("`waive[0].{key}` is missing")), "{rendered}");
        }
    }
}
