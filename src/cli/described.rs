//! Checks as JSON, for `list` and `explain`.

use preflight::check::{Check, Need};
use preflight::finding::Severity;
use serde::Serialize;

use super::exit::CliError;

/// A check.
#[derive(Debug, Serialize)]
struct DescribedCheck<'c> {
    id: &'c str,
    title: &'c str,
    /// Whether the verdict depends on it. Otherwise `needs` says when it applies.
    required: bool,
    needs: Option<&'c str>,
    /// What it sends besides reads; empty if nothing.
    sends: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_it_matters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how_it_is_verified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how_to_fix_it: Option<String>,
    findings: Vec<DescribedFinding>,
}

/// A finding that a check can have.
#[derive(Debug, Serialize)]
struct DescribedFinding {
    code: &'static str,
    severity: &'static str,
    meaning: String,
}

/// Some checks as a JSON array, with their documentation if it is asked for.
pub fn json<'c>(checks: impl IntoIterator<Item = &'c Check>, is_whole: bool) -> Result<String, CliError> {
    let all: Vec<DescribedCheck> = checks.into_iter().map(|check| described(check, is_whole)).collect();
    let text = serde_json::to_string_pretty(&all);
    text.map(|text| format!("{text}\n")).map_err(|error| CliError::Defect(format!("could not print JSON: {error}")))
}

fn described(check: &Check, is_whole: bool) -> DescribedCheck<'_> {
    let section = |heading: &str| check.section(heading).filter(|_| is_whole);
    DescribedCheck {
        id: check.id.as_str(),
        title: check.title(),
        required: check.need == Need::Required,
        needs: match check.need {
            Need::Required => None,
            Need::Configured(what) => Some(what),
        },
        sends: &check.sends,
        why_it_matters: section("Why it matters"),
        how_it_is_verified: section("How it is verified"),
        how_to_fix_it: section("How to fix it"),
        findings: check
            .codes
            .iter()
            .map(|code| DescribedFinding {
                code: code.name(),
                severity: match code.severity() {
                    Severity::Failure => "failure",
                    Severity::Warning => "warning",
                    Severity::Note => "note",
                },
                meaning: code.meaning(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use preflight::checks;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_check_has_its_findings_and_on_demand_its_documentation() {
        let check = checks::ALL.iter().find(|check| check.is_called("stripe/price-mode")).unwrap();
        let read = |is_whole| serde_json::from_str::<Value>(&json([check], is_whole).unwrap()).unwrap();
        let (short, whole) = (read(false), read(true));
        assert_eq!((&short[0]["id"], &short[0]["required"]), (&"stripe/price-mode".into(), &true.into()));
        assert!(
            short[0]["findings"].as_array().unwrap().iter().any(|found| found["code"] == "other-mode"),
            "{short:#}"
        );
        assert!(short[0].get("how_to_fix_it").is_none() && whole[0]["how_to_fix_it"].is_string(), "{whole:#}");
    }
}
