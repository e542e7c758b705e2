//! Where `preflight.toml` says what a check judges, so that a report can point there.

use super::{CheckReport, Reported};
use crate::config::Config;

/// Gives a check and its findings their lines.
pub(super) fn locate(check: &mut CheckReport, config: &Config) {
    let line = of_check(config, check.id.as_str());
    check.line = line;
    for reported in check.reported_mut() {
        reported.line = of_finding(config, reported).unwrap_or(line);
    }
}

/// The line of an item that makes a check, or of the table that a group is about. `[project]` is in every file.
fn of_check(config: &Config, id: &str) -> usize {
    let (group, name) = id.split_once('/').unwrap_or((id, ""));
    let item = match group {
        "probe" => config.probes.iter().find(|probe| probe.slug() == name).map(|probe| probe.line),
        "manual" => config.manual.iter().find(|manual| manual.id == name).map(|manual| manual.line),
        _ => None,
    };
    let table = match group {
        "portal" => "stripe.portal_configuration",
        "billing" => "stripe",
        "entitlements" => "entitlement",
        "rehearsal" => "worker",
        "config" | "probe" | "manual" => "project",
        group => group,
    };
    item.or_else(|| config.line(table)).or_else(|| config.line("project")).unwrap_or(1)
}

/// The line of the tier or of the variable that a finding is about.
fn of_finding(config: &Config, reported: &Reported) -> Option<usize> {
    let Reported { subject, finding, .. } = reported;
    let tier = subject.strip_prefix("tier ").map(|rest| rest.split(',').next().unwrap_or(rest));
    if let Some(tier) = tier.and_then(|tier| config.tiers.iter().find(|known| known.name == tier)) {
        return config.line(&format!("tiers.{}", tier.name));
    }
    let is_named = |name: &str| {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        finding.message.split(|letter| !is_part(letter)).chain([subject.as_str()]).any(|word| word == name)
    };
    let variables = config.variables();
    let named = variables.iter().find(|variable| is_named(variable.name))?;
    named.line.or_else(|| config.line(named.setting))
}

#[cfg(test)]
mod tests {
    use crate::run::{Selection, run};
    use crate::sandbox::{Options, Sandbox};
    use crate::world::{self, World};

    /// The text of the lines that the findings of a check against a scenario point to.
    async fn lines(scenario: &str, check: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(&[scenario], Options::default()).await.unwrap();
        let config = sandbox.config(None).unwrap();
        let selection = Selection::new(&crate::checks::all(&config), &[check.to_owned()], &[]).unwrap();
        let journal = folder.path().join("journal.jsonl");
        let options = sandbox.options(world::Options { journal, ..world::Options::default() });
        let report = run(&World::new(config, options).unwrap(), &selection, None, std::future::pending()).await;
        let text = sandbox.configuration();
        let line = |number: usize| text.lines().nth(number - 1).unwrap().to_owned();
        let check = report.checks.iter().find(|found| found.id.as_str() == check).unwrap();
        check.findings.iter().map(|reported| line(reported.line)).chain([line(check.line)]).collect()
    }

    #[tokio::test]
    async fn a_finding_about_a_tier_points_to_the_tier() {
        assert_eq!(lines("price-test-mode", "stripe/price-mode").await, ["[tiers.pro]", "[stripe]"]);
    }

    #[tokio::test]
    async fn a_finding_about_the_deployment_points_to_the_table_of_its_check() {
        assert_eq!(lines("endpoint-slash", "webhook/endpoint").await, ["[webhook]", "[webhook]"]);
    }

    #[tokio::test]
    async fn a_check_whose_table_is_not_in_the_file_points_to_the_project() {
        assert_eq!(lines("jwt-template-missing", "clerk/jwt-template").await, ["[project]", "[project]"]);
    }

    #[tokio::test]
    async fn a_check_of_an_item_points_to_the_item() {
        assert_eq!(lines("healthy", "manual/fraud-rules").await, ["[[manual]]"]);
    }
}
