//! Checks of the user's own: one for each `[[probe]]` of the configuration.

use serde_json::Value;

use crate::check::prelude::*;
use crate::config::{Config, Probe};
use crate::world::{Answer, Failure};

check! {
    /// What the configuration asks for is answered as it says.
    ///
    /// ## Why it matters
    /// A launch depends on more than Stripe, Clerk and the Worker: documentation, a status page, a second API. Whoever knows
    /// of one can have it looked at with the rest.
    ///
    /// ## How it is verified
    /// The request of the `[[probe]]` is made with its method and its headers. No redirect is followed: a redirect is an
    /// answer like any other, and its status is compared like any other. Then the places in the JSON answer that
    /// `expect.json` names are read. The time is from the first byte sent to the last received, so the network is part of
    /// it. What the answer looks like in a browser cannot be seen.
    ///
    /// ## How to fix it
    /// Mend what answers there, or the `[[probe]]` where the answer is right.
    pub const KIND = Check {
        id: "probe/<name>",
        need: Need::Required,
        sends: "the request of the [[probe]]",
        subjects: probe,
        run
    };
}

codes! {
    /// No answer came.
    UNREACHABLE: Failure,
    /// The answer has another status; of a redirect the finding says where it leads.
    STATUS: Failure,
    /// A place in the answer has another value, or the answer is no JSON.
    JSON: Failure,
    /// It took longer than `expect.max_ms`.
    SLOW: Failure,
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
        for finding in misplaced(world, probe, &answer) {
            outcome.find(finding);
        }
    } else {
        let leads = answer.shown_location().map_or_else(String::new, |to| format!(", which leads to {to}"));
        let message = format!("{} answers {}{leads}.", probe.url, answer.status);
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
    outcome.pass_if_clean(format!("{} answers {} as it should, in {took} ms", probe.url, answer.status));
    Ok(())
}

/// The places in the answer that have another value than they should.
fn misplaced(world: &World, probe: &Probe, answer: &Answer) -> Vec<Finding> {
    if probe.expect.json.is_empty() {
        return Vec::new();
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        let evidence = answer.evidence("body", answer.excerpt());
        let message = format!("{} answers with something that is no JSON.", probe.url);
        return vec![finding(world, probe, JSON, message, "JSON".to_owned(), answer.excerpt(), evidence)];
    };
    let differs = |(pointer, expected): &(String, Value)| {
        let found = body.pointer(pointer);
        // What TOML writes as 1, a server may write as 1.0.
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        let same = found == Some(expected) || (number(found).is_some() && number(found) == number(Some(expected)));
        let seen = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let place = if pointer.is_empty() { "the answer" } else { pointer };
        let message = format!("{} has {seen} at {place}, where {expected} ought to be.", probe.url);
        let evidence = answer.evidence(place, seen.clone());
        (!same).then(|| finding(world, probe, JSON, message, expected.to_string(), seen, evidence))
    };
    probe.expect.json.iter().filter_map(differs).collect()
}

fn unreachable(world: &World, probe: &Probe, failure: &Failure) -> Finding {
    let (seen, evidence) = (failure.trouble.to_string(), failure.evidence());
    let message = format!("{} gives no answer: {seen}.", probe.url);
    finding(world, probe, UNREACHABLE, message, "an answer".to_owned(), seen, evidence)
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
    let summary = format!("Mend what answers at {}, or the [[probe]] at {place} where this is right.", probe.url);
    let fix = Fix::new(summary).command(format!("curl -i -X {} '{}'", probe.method, probe.url));
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
    async fn a_probe_is_a_check_like_any_other() {
        let run = scenario("healthy-probe").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
        assert_eq!(line(&run), (Status::Pass, Vec::new(), "The Worker is up".to_owned()));
    }

    #[tokio::test]
    async fn finds_each_way_in_which_an_answer_can_differ() {
        for (name, code) in [
            ("probe-status", "status"),
            ("probe-json", "json"),
            ("probe-slow", "slow"),
            ("probe-unreachable", "unreachable"),
        ] {
            let run = scenario(name).await;
            assert_eq!(run.failures(), [format!("probe/the-worker-is-up: {code}")], "{}", run.told());
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_is_told() {
        let run = scenario("probe-redirect").await;
        let line = run.report().checks.iter().find(|check| check.id.as_str() == "probe/the-worker-is-up").unwrap();
        let message = &line.findings[0].finding.message;
        assert!(message.contains("which leads to https://"), "{message}");
    }
}
