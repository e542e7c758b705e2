//! A Worker of the reference stack in Cloudflare's own runtime, with Stripe's and Clerk's own SDKs, judged by preflight:
//! what is concluded about it has to be what is concluded about the sandbox's own Worker.

mod cases;
mod judging;
#[path = "../support/node.rs"]
mod node;
mod workers;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use cases::{CASES, HEALTHY};

fn main() -> ExitCode {
    let concluded = libtest_mimic::run(&Arguments::from_args(), trials());
    workers::leave();
    concluded.exit_code()
}

fn trials() -> Vec<Trial> {
    let sound = HEALTHY.iter().map(|(scenario, deployed)| {
        trial(format!("a sound Worker is GO in {scenario}"), move || judging::sound_worker_is_go(scenario, deployed))
    });
    // A case is ignored, for everybody to see, until there is a check that can find it.
    let broken = CASES.iter().map(|case| {
        trial(case.name(), move || judging::verdicts_agree(*case)).with_ignored_flag(!case.has_its_checks())
    });
    let complete = [
        trial("every defect of the Worker is a case".to_owned(), cases::every_defect_is_a_case),
        trial("every scenario of the Worker is a case".to_owned(), cases::every_scenario_of_the_worker_is_a_case),
    ];
    sound.chain(broken).chain(complete).collect()
}

fn trial(name: String, test: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, || test().map_err(Failed::from))
}
