//! `worker/deployed-version`.

use crate::check::prelude::*;

check! {
    /// The newest version of the Worker serves all traffic.
    ///
    /// ## Why it matters
    /// A version that was uploaded but not deployed fixes nothing, and `wrangler secret put` fails while there is one. If two
    /// versions share the traffic, each finding in this report may be about either of them.
    ///
    /// ## How it is verified
    /// Cloudflare's list of versions of the deployed script is compared with its newest deployment. Whether the newest version
    /// is the code that you want to launch cannot be seen.
    ///
    /// ## How to fix it
    /// `wrangler versions deploy` sends all traffic to the newest version, and `wrangler deploy` uploads and deploys at once.
    pub const CHECK = Check { need: Need::Configured("cloudflare"), sends: "", subjects: deployment, run };
}

codes! {
    /// The newest version serves no traffic.
    NOT_DEPLOYED: Failure,
    /// It shares the traffic with another version.
    SPLIT: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let (Some(config), Some(cloudflare)) = (&world.config().cloudflare, world.cloudflare()) else {
        return outcome.not_applicable("[cloudflare] is not configured");
    };
    let seen = cloudflare.rollout().await?;
    let rollout = &seen.value;
    let (script, share) = (config.deployed_script(), rollout.share());
    let newest = format!("The newest {} of {script}", rollout.described);
    let (code, message) = if share <= 0.0 {
        (NOT_DEPLOYED, format!("{newest} is not deployed: customers still get an older version."))
    } else if share < 100.0 {
        (SPLIT, format!("{newest} serves only {share} % of the traffic."))
    } else {
        outcome.pass(format!("{newest} serves all traffic"));
        return Ok(());
    };
    let shares: Vec<String> = rollout.serving.iter().map(|(id, share)| format!("{id} {share} %")).collect();
    let actual = if shares.is_empty() { "nothing is deployed".to_owned() } else { shares.join(", ") };
    let summary =
        format!("Send all traffic to version {}, or deploy the version that you want to launch.", rollout.newest);
    outcome.find(Finding {
        code,
        message,
        expected: format!("{} 100 %", rollout.newest),
        actual: actual.clone(),
        evidence: vec![seen.answer.evidence("result.deployments[0].versions", actual)],
        fix: Fix::new(summary).command(format!(
            "npx wrangler versions deploy {} --name {} -y",
            quoted(&format!("{}@100%", rollout.newest)),
            quoted(&script)
        )),
    });
    Ok(())
}
