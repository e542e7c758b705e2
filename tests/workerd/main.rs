//! Checks a real Worker in Cloudflare's own runtime, with Stripe's and Clerk's own SDKs. The result must be the same as for the
//! sandbox's Worker.

mod cases;
mod judging;
#[path = "../support/node.rs"]
mod node;
mod workers;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use cases::{CASES, HEALTHY};

fn main() -> ExitCode {
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials());
    workers::stop();
    conclusion.exit_code()
}

fn trials() -> Vec<Trial> {
    let healthy = HEALTHY.iter().map(|(scenario, deployed)| {
        trial(format!("a healthy Worker is GO in {scenario}"), move || {
            judging::healthy_worker_is_go(scenario, deployed)
        })
    });
    // A case without its check is ignored, which shows in the output.
    let broken = CASES.iter().map(|case| {
        trial(case.name(), move || judging::verdicts_agree(*case)).with_ignored_flag(!case.has_its_checks())
    });
    let complete = [
        trial("every defect of the Worker is a case".to_owned(), cases::every_defect_is_a_case),
        trial("every scenario of the Worker is a case".to_owned(), cases::every_scenario_of_the_worker_is_a_case),
    ];
    healthy.chain(broken).chain(complete).collect()
}

fn trial(name: String, test: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, || test().map_err(Failed::from))
}
