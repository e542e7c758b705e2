//! The user's own checks, what a machine cannot see, and known exceptions.

use reqwest::header::{HeaderName, HeaderValue};

use super::Build;
use crate::config::raw::{self, At};
use crate::config::source::Fault;
use crate::config::{Expectation, Manual, Probe, Waiver, hardcoded};

impl Build<'_, '_> {
    pub(super) fn probes(&mut self, probes: Vec<At<raw::Probe>>) -> Option<Vec<Probe>> {
        let mut made: Vec<Probe> = Vec::new();
        let mut whole = true;
        for At { value: probe, span } in probes {
            let place = probe.name.as_ref().and_then(|name| name.span.clone());
            let line = self.faults.line(span.map_or(0, |span| span.start));
            let Some(probe) = self.probe(probe, line) else {
                whole = false;
                continue;
            };
            if probe.slug().is_empty() {
                self.faults.add(Fault::at(place, "a probe's name needs a letter or a digit").label("this has none"));
            } else if let Some(other) = made.iter().find(|other| other.slug() == probe.slug()) {
                let message = format!("two probes are called probe/{}", probe.slug());
                self.faults.add(Fault::at(place, message).label(format!("as is the one in line {}", other.line)));
            }
            made.push(probe);
        }
        whole.then_some(made)
    }

    fn probe(&mut self, probe: raw::Probe, line: usize) -> Option<Probe> {
        let url = probe.url.as_ref().and_then(|url| self.url("probe.url", url));
        for (name, value) in &probe.headers {
            if HeaderName::from_bytes(name.value.as_bytes()).is_err() {
                let fault = Fault::at(name.span.clone(), "this cannot be the name of a header");
                self.faults.add(fault.label("expected letters, digits and hyphens"));
            }
            if HeaderValue::from_str(&value.value).is_err() {
                let fault = Fault::at(value.span.clone(), "this cannot be the value of a header");
                self.faults.add(fault.label("it has a line end or another control character"));
            }
            if value.value.split_whitespace().any(hardcoded::is_token) {
                self.faults.secret(value.span.clone().map(|span| span.start + 1..span.end.saturating_sub(1)));
            }
        }
        for pointer in probe.expect.json.keys().filter(|pointer| !pointer.value.is_empty()) {
            if !pointer.value.starts_with('/') {
                let fault = Fault::at(pointer.span.clone(), "a place in a JSON answer begins with a slash");
                self.faults.add(fault.label(format!("did you mean \"/{}\"?", pointer.value.replace('.', "/"))));
            }
        }
        Some(Probe {
            name: probe.name?.value.0,
            url: url?,
            method: probe.method.unwrap_or(raw::HttpMethod::Get).word().to_owned(),
            headers: probe.headers.into_iter().map(|(name, value)| (name.value, value.value)).collect(),
            expect: Expectation {
                status: probe.expect.status,
                json: probe.expect.json.into_iter().map(|(pointer, value)| (pointer.value, value)).collect(),
                max_ms: probe.expect.max_ms,
            },
            line,
        })
    }

    pub(super) fn manual(&mut self, items: Vec<At<raw::Manual>>) -> Option<Vec<Manual>> {
        let mut made: Vec<Manual> = Vec::new();
        let mut whole = true;
        for (at, At { value: item, span }) in items.into_iter().enumerate() {
            let keys = ["signed_off_by", "on", "expires"];
            if !keys.iter().any(|key| self.faults.is_rejected(&format!("manual[{at}].{key}"))) {
                self.tell_sign_off(&item);
            }
            let line = self.faults.line(span.map_or(0, |span| span.start));
            let (Some(id), Some(title)) = (item.id, item.title) else {
                whole = false;
                continue;
            };
            if let Some(other) = made.iter().find(|other| other.id == id.value.0) {
                let fault = Fault::at(id.span, format!("two items are called manual/{}", other.id));
                self.faults.add(fault.label(format!("as is the one in line {}", other.line)));
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

    /// A sign-off is a name and a day, and ends after it began.
    fn tell_sign_off(&mut self, item: &raw::Manual) {
        match (&item.signed_off_by, &item.on, &item.expires) {
            (Some(by), None, _) => {
                let fault = Fault::at(by.span.clone(), "a sign-off needs its day");
                self.faults.add(fault.label("add on = and a date"));
            }
            (None, Some(day), _) | (None, None, Some(day)) => {
                let fault = Fault::at(day.span.clone(), "a date without a sign-off");
                self.faults.add(fault.label("add signed_off_by, or take this out until somebody looked"));
            }
            (_, Some(on), Some(expires)) if expires.value.0 < on.value.0 => {
                let fault = Fault::at(expires.span.clone(), "this sign-off ends before it begins");
                self.faults
                    .add(fault.label(format!("before {}", on.value.0)).related(on.span.clone(), "it begins here"));
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
                line: self.faults.line(span.map_or(0, |span| span.start)),
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

    fn told(keys: &str, message: &str) {
        let rendered = refused(&with(keys));
        assert!(rendered.contains(message), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 1, "{rendered}");
    }

    #[test]
    fn a_probe_asks_with_get_and_wants_200() {
        let config = loaded(&with("[[probe]]\nname = \"Docs: up?\"\nurl = \"http://docs.acme.com\""));
        let probe = &config.probes[0];
        assert_eq!((probe.method.as_str(), probe.expect.status, probe.line), ("GET", 200, 7));
        assert_eq!(probe.slug(), "docs-up");
    }

    #[test]
    fn two_probes_have_two_ids() {
        let one = "[[probe]]\nname = \"a b\"\nurl = \"https://a.b\"\n";
        told(&format!("{one}{}", one.replace("a b", "A-b")), "two probes are called probe/a-b");
    }

    #[test]
    fn a_header_must_be_one() {
        let probe = "[[probe]]\nname = \"a\"\nurl = \"https://a.b\"\n";
        told(&format!("{probe}headers = {{ \"a b\" = \"c\" }}"), "cannot be the name of a header");
        told(&format!("{probe}headers = {{ a = \"b\\nc\" }}"), "cannot be the value of a header");
    }

    #[test]
    fn a_place_in_the_answer_is_a_json_pointer() {
        let probe = "[[probe]]\nname = \"a\"\nurl = \"https://a.b\"\n";
        told(&format!("{probe}expect = {{ json = {{ \"a.b\" = 1 }} }}"), "did you mean \"/a/b\"?");
    }

    #[test]
    fn what_nobody_looked_at_yet_needs_no_sign_off() {
        let config = loaded(&with("[[manual]]\nid = \"tax\"\ntitle = \"Tax\""));
        assert_eq!((&config.manual[0].signed_off_by, config.manual[0].line), (&None, 7));
    }

    #[test]
    fn a_sign_off_has_a_name_and_a_day() {
        let item = "[[manual]]\nid = \"tax\"\ntitle = \"Tax\"\n";
        told(&format!("{item}signed_off_by = \"ana\""), "a sign-off needs its day");
        told(&format!("{item}on = 2026-01-01"), "a date without a sign-off");
        told(&format!("{item}signed_off_by = \"ana\"\non = 2026-02-01\nexpires = 2026-01-01"), "ends before it begins");
    }

    #[test]
    fn a_date_is_told_once() {
        let item = "[[manual]]\nid = \"tax\"\ntitle = \"Tax\"\nsigned_off_by = \"ana\"\n";
        told(&format!("{item}on = \"2026-01-01\""), "a date without quotes");
        told(&format!("{item}on = 2026-01-01T10:00:00Z"), "this is a date with a time");
        told(&format!("{item}on = 2026-02-30"), "invalid date");
    }

    #[test]
    fn two_items_have_two_ids() {
        let item = "[[manual]]\nid = \"tax\"\ntitle = \"Tax\"\n";
        told(&format!("{item}{item}"), "two items are called manual/tax");
    }

    #[test]
    fn a_waiver_needs_a_reason_an_owner_and_an_end() {
        let rendered = refused(&with("[[waive]]\ncheck = \"no/such-check\""));
        for key in ["reason", "owner", "expires"] {
            assert!(rendered.contains(&format!("`waive[0].{key}` is missing")), "{rendered}");
        }
    }
}
