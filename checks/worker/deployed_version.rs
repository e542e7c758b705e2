//! `worker/deployed-version`.

use crate::check::prelude::*;
use crate::world::Version;

check! {
    /// The newest version of the Worker serves all traffic.
    ///
    /// ## Why it matters
    /// A version that was uploaded and not deployed mends nothing, and `wrangler secret put` refuses to work beside it. While
    /// two versions share the traffic, every finding of this report is about one of them by chance.
    ///
    /// ## How it is verified
    /// Cloudflare's list of the deployed script's versions is compared with its newest deployment. Whether the newest version
    /// is the code that you mean to launch cannot be seen.
    ///
    /// ## Findings
    /// - `not-deployed`: the newest version serves nobody.
    /// - `split`: it shares the traffic with another; a warning.
    ///
    /// ## How to mend it
    /// `wrangler versions deploy` sends all traffic to the newest version, and `wrangler deploy` uploads and deploys at once.
    pub const CHECK = Check { need: Need::Configured("cloudflare"), sends: "", subjects: deployment, run };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let (Some(config), Some(cloudflare)) = (&world.config().cloudflare, world.cloudflare()) else {
        return Ok(Verdict::NotApplicable("[cloudflare] is not configured".to_owned()));
    };
    let rollout = cloudflare.rollout().await?;
    let (newest, serving) = (&rollout.value.newest, &rollout.value.serving);
    let script = config.deployed_script();
    let share = serving.iter().find(|(id, _)| *id == newest.id).map_or(0.0, |(_, share)| *share);
    let shares: Vec<String> = serving.iter().map(|(id, share)| format!("{id} {share} %")).collect();
    let seen = if shares.is_empty() { "nothing is deployed".to_owned() } else { shares.join(", ") };
    let (code, severity, message) = if share <= 0.0 {
        ("not-deployed", Severity::Failure, format!("{} of {script} serves nobody.", name(newest)))
    } else if share < 100.0 {
        ("split", Severity::Warning, format!("{} of {script} serves {share} % of the traffic.", name(newest)))
    } else {
        return Ok(Verdict::Pass(format!("{} of {script} serves all traffic", name(newest))));
    };
    let summary = format!("Send all traffic to version {}, or deploy the one that is meant.", newest.number);
    Ok(Finding {
        code,
        severity,
        message,
        expected: format!("{} 100 %", newest.id),
        actual: seen.clone(),
        evidence: vec![rollout.answer.evidence("result.deployments[0].versions", seen)],
        fix: Fix::new(summary).command(format!("wrangler versions deploy {}@100% --name {script}", newest.id)),
    }
    .into())
}

fn name(version: &Version) -> String {
    format!("the newest version, number {} of {},", version.number, version.metadata.created_on)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_version_that_serves_nobody() {
        scenario("version-not-deployed").await.finds(CHECK, "not-deployed");
    }

    #[tokio::test]
    async fn warns_where_two_versions_share_the_traffic() {
        scenario("version-split").await.warns(CHECK, "split");
    }
}
