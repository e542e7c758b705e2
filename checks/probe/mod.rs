//! Your own probes: one check for each `[[probe]]` in the configuration.

use serde_json::Value;

use crate::check::prelude::*;
use crate::config::{Config, Probe};
use crate::world::{Answer, Failure};

check! {
    /// Your probe got the expected response.
    ///
    /// ## Why it matters
    /// A launch depends on more than Stripe, Clerk and the Worker: documentation, a status page, a second API. A probe checks
    /// them in the same run.
    ///
    /// ## How it is verified
    /// preflight sends the request of the `[[probe]]` with its method and headers, and compares the status. Redirects are not
    /// followed. Then it compares the values in the JSON response that `expect.json` names. The time includes the network,
    /// from the first byte sent to the last received. How the page looks in a browser is not checked.
    ///
    /// ## How to fix it
    /// Fix the service at that URL, or correct the `[[probe]]` if the response is right.
    pub const KIND = Check {
        id: "probe/<name>",
        need: Need::Required,
        sends: "the request of the [[probe]]",
        subjects: probe,
        run
    };
}

codes! {
    /// There was no response.
    UNREACHABLE: Failure(Other),
    /// The response has another status. For a redirect, the finding says where it leads.
    STATUS: Failure(Other),
    /// A value in the response differs, or the response is not JSON.
    JSON: Failure(Other),
    /// The response took longer than `expect.max_ms`.
    SLOW: Failure(Other),
}

/// A check for each `[[probe]]`.
pub fn configured(config: &Config) -> impl Iterator<Item = Check> {
    config.probes.iter().map(|probe| {
        let sends = if probe.is_read() { String::new() } else { format!("{} {}", probe.method, probe.url) };
        Check { sends: sends.into(), ..KIND.made(&probe.slug(), &probe.name) }
    })
}

fn probe<'w>(world: &'w World, id: &CheckId) -> Vec<&'w Probe> {
    let is_called = |probe: &&Probe| CheckId::made("probe", &probe.slug()) == *id;
    world.config().probes.iter().filter(is_called).collect()
}

async fn run(world: &World, probe: &Probe, outcome: &mut Outcome) -> Answered {
    let answer = match world.probe(probe).await? {
        Ok(answer) => answer,
        Err(failure) => {
            outcome.find(unreachable(world, probe, &failure));
            return Ok(());
        }
    };
    let Probe { expect, .. } = probe;
    if answer.status == expect.status {
        for finding in differing_values(world, probe, &answer) {
            outcome.find(finding);
        }
    } else {
        let leads = answer.shown_location().map_or_else(String::new, |to| format!(", which leads to {to}"));
        let message = format!("{} answered {}{leads}, not {}.", probe.url, answer.status, expect.status);
        let seen = format!("{}{leads}", answer.status);
        let evidence = answer.evidence("status", format!("{seen}: {}", answer.excerpt()));
        outcome.find(finding(world, probe, STATUS, message, expect.status.to_string(), seen, evidence));
    }
    let took = answer.elapsed.as_millis();
    if let Some(most) = expect.max_ms.filter(|most| took > u128::from(*most)) {
        let message = format!("{} took {took} ms to answer.", probe.url);
        let evidence = answer.evidence("time", format!("{took} ms"));
        let (most, took) = (format!("at most {most} ms"), format!("{took} ms"));
        outcome.find(finding(world, probe, SLOW, message, most, took, evidence));
    }
    outcome.pass_if_clean(format!("{} answered {} as expected, in {took} ms", probe.url, answer.status));
    Ok(())
}

/// The values in the response that differ from `expect.json`.
fn differing_values(world: &World, probe: &Probe, answer: &Answer) -> Vec<Finding> {
    if probe.expect.json.is_empty() {
        return Vec::new();
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        let evidence = answer.evidence("body", answer.excerpt());
        let message = format!("The response of {} is not JSON.", probe.url);
        return vec![finding(world, probe, JSON, message, "JSON".to_owned(), answer.excerpt(), evidence)];
    };
    let differs = |(pointer, expected): &(String, Value)| {
        let found = body.pointer(pointer);
        // A server may write the number 1 as 1.0.
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        let same = found == Some(expected) || (number(found).is_some() && number(found) == number(Some(expected)));
        let seen = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let place = if pointer.is_empty() { "the top level" } else { pointer };
        let message = format!("{} has {seen} at {place} instead of {expected}.", probe.url);
        let evidence = answer.evidence(place, seen.clone());
        (!same).then(|| finding(world, probe, JSON, message, expected.to_string(), seen, evidence))
    };
    probe.expect.json.iter().filter_map(differs).collect()
}

fn unreachable(world: &World, probe: &Probe, failure: &Failure) -> Finding {
    let (seen, evidence) = (failure.trouble.to_string(), failure.evidence());
    let message = format!("{} did not respond: {seen}.", probe.url);
    finding(world, probe, UNREACHABLE, message, "a response".to_owned(), seen, evidence)
}

fn finding(
    world: &World,
    probe: &Probe,
    code: Code,
    message: String,
    expected: String,
    actual: String,
    evidence: Evidence,
) -> Finding {
    let place = format!("{}:{}", world.config().path.display(), probe.line);
    let summary =
        format!("Fix the service at {}, or correct the [[probe]] at {place} if the response is right.", probe.url);
    let fix = Fix::new(summary).command(format!(
        "curl -i -X {} {}",
        quoted(probe.method.as_str()),
        quoted(probe.url.as_str())
    ));
    Finding { code, message, expected, actual, evidence: vec![evidence], fix }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{TestRun, scenario};
    use crate::run::Status;

    /// The line of the scenarios' one probe.
    fn line(run: &TestRun) -> (Status, Vec<&'static str>, String) {
        let line = run.report().checks.iter().find(|check| check.id.as_str() == "probe/the-worker-is-up").unwrap();
        (line.status, line.findings.iter().map(|found| found.finding.code.name()).collect(), line.title.clone())
    }

    #[tokio::test]
    async fn a_probe_is_a_check_with_its_own_title() {
        let run = scenario("healthy-probe").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.summary());
        assert_eq!(line(&run), (Status::Pass, Vec::new(), "The Worker is up".to_owned()));
    }

    #[tokio::test]
    async fn a_redirect_is_reported_and_not_followed() {
        let run = scenario("probe-redirect").await;
        let line = run.report().checks.iter().find(|check| check.id.as_str() == "probe/the-worker-is-up").unwrap();
        let message = &line.findings[0].finding.message;
        assert!(message.contains("which leads to https://"), "{message}");
    }
}
