//! The command line's arguments.

use clap::{Parser, Subcommand};

use super::cleanup::CleanupArgs;
use super::completions::CompletionsArgs;
use super::explain::ExplainArgs;
use super::fix::FixArgs;
use super::init::InitArgs;
use super::list::ListArgs;
use super::manual::ManArgs;
use super::reconcile::ReconcileArgs;
use super::rehearse::RehearseArgs;
use super::report::ReportArgs;
use super::run::RunArgs;
use super::sandbox::SandboxArgs;
use super::schema::SchemaArgs;
use super::terminal::ColorChoice;
use super::trace::TraceArgs;

/// Checks from the outside, in seconds, that a subscription business on Stripe, Clerk and Cloudflare Workers is ready to take
/// real money. If it is not, names the exact problem and how to fix it.
#[derive(Debug, Parser)]
#[command(
    name = "preflight",
    version,
    after_help = GET_STARTED,
    after_long_help = format!("{GET_STARTED}\n\n{EXIT_STATUSES}")
)]
pub struct Arguments {
    /// When to use color.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(help = "When to use color: auto, always or never")]
    pub color: ColorChoice,

    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write preflight.toml from what is there: your Stripe and Clerk accounts, and this folder.
    Init(Box<InitArgs>),
    /// Run the checks, write a report, and exit with the verdict: GO, NO-GO or NOT PROVEN.
    Run(Box<RunArgs>),
    /// Fix what failed: show every change, ask, make it, and run the checks again.
    Fix(Box<FixArgs>),
    /// Send the events of a customer's life to the Worker, for the canary, and put the canary back as it was.
    Rehearse(Box<RehearseArgs>),
    /// Put the canary back after a rehearsal that was killed.
    Cleanup(Box<CleanupArgs>),
    /// Trace one customer through Stripe, Clerk and the Worker, and name the first broken link.
    Trace(Box<TraceArgs>),
    /// Compare every Stripe subscription with every Clerk user.
    Reconcile(Box<ReconcileArgs>),
    /// Show a saved JSON report in another format, several with the worst first, or what changed since an older one.
    Report(ReportArgs),
    /// List every check with what it needs and sends.
    List(ListArgs),
    /// Explain a check: why it matters, how it works, and how to fix what it finds.
    Explain(ExplainArgs),
    /// List the least rights that the keys need: a restricted Stripe key, a Cloudflare token, a Clerk key.
    Permissions,
    /// Serve the read-only commands as tools for a coding agent (Model Context Protocol, over standard input and output).
    Mcp,
    /// Serve the sandbox on localhost: Stripe, Clerk, Cloudflare, a Worker and a frontend.
    Sandbox(SandboxArgs),
    /// Print a JSON Schema.
    Schema(SchemaArgs),
    /// Print shell completions.
    Completions(CompletionsArgs),
    /// Print the man page.
    Man(ManArgs),
}

const GET_STARTED: &str = "\
Get started:
  preflight run --sandbox
      Try it without an account
  preflight run --sandbox=price-test-mode
      See what a problem looks like
  preflight init
      Describe your own deployment, from your accounts and this folder
  preflight run --env-file .env
      Check it";

const EXIT_STATUSES: &str = "\
Exit status of `run` and `rehearse`:
    0  GO: every required check passed
    1  NO-GO: something failed
    2  NOT PROVEN: a required check could not be verified
    3  a rehearsal could not put the canary back: run `preflight cleanup`
    4  no checks ran
   64  the command line is invalid
   70  preflight crashed, or could not write a GO report
   78  the configuration is missing or invalid
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_watched_run_has_no_other_format_and_no_last_report() {
        for flag in ["--failed", "--format=json", "--offline"] {
            assert!(Arguments::try_parse_from(["preflight", "run", "--watch", flag]).is_err(), "{flag}");
        }
        assert!(Arguments::try_parse_from(["preflight", "run", "--watch", "--only=stripe"]).is_ok());
    }

    #[test]
    fn the_sandbox_replaces_the_network_and_may_be_checked_against_a_configuration() {
        let is_accepted = |flag| Arguments::try_parse_from(["preflight", "run", "--sandbox", flag]).is_ok();
        for flag in ["--resolve=a.b:1:::1", "--cacert=a", "--allow-host=a"] {
            assert!(!is_accepted(flag), "{flag}");
        }
        for flag in ["--config=a", "--env-file=a", "--offline"] {
            assert!(is_accepted(flag), "{flag}");
        }
    }

    #[test]
    fn scenarios_follow_an_equals_sign() {
        let run = |arguments: &[&str]| match Arguments::try_parse_from(arguments).unwrap().command {
            Command::Run(run) => run.target.sandbox.map(|names| names.0),
            other => panic!("{other:?}"),
        };
        assert_eq!(run(&["preflight", "run"]), None);
        assert_eq!(run(&["preflight", "run", "--sandbox"]), Some(vec![]));
        let both = run(&["preflight", "run", "--sandbox=price-test-mode,metadata-case"]);
        assert_eq!(both, Some(vec!["price-test-mode".to_owned(), "metadata-case".to_owned()]));
    }
}
