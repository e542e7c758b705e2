//! `preflight sandbox`.

use std::fmt::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use preflight::change::quoted;
use preflight::report::paragraph::wrap;
use preflight::run::Interruption;
use preflight::sandbox::{self, Plain, Sandbox, Scenario};
use url::Url;

use super::exit::{self, CliError};
use super::run::block_on;
use super::score;
use super::signals::{self, Signals};
use super::terminal::{self, Terminal};
use super::values::{self, NameList};

/// Serve the sandbox on localhost: Stripe, Clerk, Cloudflare, a Worker and a frontend.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// The problems in the sandbox, separated by commas; without any it is healthy
    #[arg(value_name = "SCENARIO,…")]
    scenarios: Vec<NameList>,
    /// List the scenarios and the findings that they must cause
    #[arg(long, conflicts_with_all = ["scenarios", "latency", "worker", "score"])]
    list: bool,
    /// Run every scenario and count the findings, or tamper with one response at a time
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "scenarios", conflicts_with = "worker")]
    score: Option<Score>,
    /// With `--score=unanswerable` or `--score=fields`: change each request or field in only one way
    #[arg(long, requires = "score")]
    sample: bool,
    /// Milliseconds to add to every response
    #[arg(long, value_name = "MS")]
    latency: Option<u64>,
    /// Forward requests for the Worker to this URL, such as your own Worker in `wrangler dev`
    #[arg(long, value_name = "URL")]
    worker: Option<Url>,
}

/// What to score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Score {
    /// How many scenarios are found
    Scenarios,
    /// What passes or fails when a request gets no answer
    Unanswerable,
    /// How many scenarios `preflight fix` heals
    Fixes,
    /// What fails or is unknown when a field of a response is missing or wrong
    Fields,
}

/// Serves, lists or scores the sandbox.
pub fn execute(args: &SandboxArgs, terminal: Terminal) -> Result<u8, CliError> {
    if args.list {
        terminal::print(&catalog(sandbox::scenarios(), terminal))?;
        return Ok(exit::GO);
    }
    block_on(async {
        let names = values::joined(&args.scenarios);
        match args.score {
            None => serve(args).await,
            Some(Score::Scenarios) if !names.is_empty() || args.sample => Err(CliError::Usage(
                "`--score` runs every scenario, so it takes neither names nor `--sample`".to_owned(),
            )),
            Some(Score::Scenarios) => score::execute(args.latency(), terminal).await,
            Some(Score::Fixes) => score::closure::execute(&names, args.latency(), terminal).await,
            Some(Score::Fields) => score::fields::execute(&names, args.sample, args.latency(), terminal).await,
            Some(Score::Unanswerable) => {
                score::unanswerable::execute(&names, args.sample, args.latency(), terminal).await
            }
        }
    })
}

async fn serve(args: &SandboxArgs) -> Result<u8, CliError> {
    let names = values::joined(&args.scenarios);
    let scenarios: Vec<&str> = names.iter().map(String::as_str).collect();
    let worker = args.worker.clone();
    let options = sandbox::Options { latency: args.latency(), worker, ..sandbox::Options::default() };
    let sandbox = Sandbox::start(&scenarios, options).await?;
    let mut signals = Signals::listen()?;
    terminal::print(&directions(&sandbox, &names))?;
    Ok(match signals.first().await {
        // Ctrl-C is the normal way to stop it.
        Interruption::Interrupt => exit::GO,
        other => signals::status(other),
    })
}

impl SandboxArgs {
    fn latency(&self) -> Duration {
        Duration::from_millis(self.latency.unwrap_or(0))
    }
}

/// How to use the running sandbox: a configuration, an environment and the addresses.
fn directions(sandbox: &Sandbox, scenarios: &[String]) -> String {
    let what = if scenarios.is_empty() { "A healthy deployment".to_owned() } else { scenarios.join(", ") };
    let mut text = format!("# {what}. Press Ctrl-C to stop.\n\n# preflight.toml\n");
    let _ = writeln!(text, "{}", with_sandbox_addresses(sandbox.configuration(), sandbox.plain()));
    text.push_str("\n# Environment. These keys work only with this sandbox.\n");
    for (name, value) in sandbox.environment() {
        let _ = writeln!(text, "export {name}={}", quoted(value));
    }
    text.push_str(
        "\n# Servers, without TLS, for other programs. To check this sandbox, use `preflight run --sandbox`.\n",
    );
    for (name, url) in servers(sandbox.plain()) {
        let _ = writeln!(text, "#   {name:<18} {url}");
    }
    text
}

fn servers(plain: &Plain) -> [(&'static str, &Url); 6] {
    [
        ("Stripe", &plain.stripe),
        ("Clerk", &plain.clerk),
        ("Clerk frontend API", &plain.clerk_frontend),
        ("Cloudflare", &plain.cloudflare),
        ("Worker", &plain.worker),
        ("Frontend", &plain.frontend),
    ]
}

/// The configuration with the sandbox's addresses for the providers. The Worker and the frontend keep their names, because
/// Stripe and Clerk know them by name.
fn with_sandbox_addresses(configuration: &str, plain: &Plain) -> String {
    let address = |key: &str, url: &Url| format!("{key} = \"{}\"", url.as_str().trim_end_matches('/'));
    let clerk = [address("api_base", &plain.clerk), address("frontend_api", &plain.clerk_frontend)].join("\n");
    let additions = [
        ("[stripe]", address("api_base", &plain.stripe), true),
        ("[clerk]", clerk, true),
        // Without its table, Cloudflare stays unconfigured.
        ("[cloudflare]", address("api_base", &plain.cloudflare), false),
    ];
    let mut lines: Vec<String> = configuration.trim_end().lines().map(str::to_owned).collect();
    for (table, addition, is_needed) in additions {
        match lines.iter().position(|line| line.trim_end() == table) {
            Some(at) => lines.insert(at + 1, addition),
            None if is_needed => lines.push(format!("\n{table}\n{addition}")),
            None => {}
        }
    }
    lines.join("\n")
}

/// Every scenario, by group.
fn catalog(scenarios: &[Scenario], terminal: Terminal) -> String {
    let width = terminal.width.min(100);
    let mut text = String::new();
    for group in scenarios.chunk_by(|left, right| left.group == right.group) {
        let heading = group.first().map_or("", |scenario| scenario.group.as_str());
        let _ = write!(text, "{}{}\n\n", if text.is_empty() { "" } else { "\n" }, terminal.strong(heading));
        for scenario in group {
            text.push_str(&wrap(&scenario.about, &format!("  {}\n      ", scenario.name), "      ", width));
            for expected in &scenario.finds {
                let severity = expected.severity.suffix();
                let found = format!("finding: {}: {}{severity}", expected.check, expected.code);
                text.push_str(&wrap(&found, "      ", "      ", width));
            }
            if !scenario.unknown.is_empty() {
                let unknown = format!("unknown: {}", scenario.unknown.join(", "));
                text.push_str(&wrap(&unknown, "      ", "      ", width));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Plain {
        let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        Plain {
            stripe: url(1),
            clerk: url(2),
            clerk_frontend: url(3),
            cloudflare: url(4).join("/client/v4").unwrap(),
            worker: url(5),
            frontend: url(6),
        }
    }

    #[test]
    fn the_configuration_points_at_the_sandbox() {
        let text = with_sandbox_addresses("[project]\nname = \"acme\"\n[cloudflare]\nscript = \"a\"\n", &plain());
        let document: toml::Table = text.parse().unwrap();
        assert_eq!(document["stripe"]["api_base"].as_str(), Some("http://127.0.0.1:1"));
        assert_eq!(document["clerk"]["frontend_api"].as_str(), Some("http://127.0.0.1:3"));
        assert_eq!(document["cloudflare"]["api_base"].as_str(), Some("http://127.0.0.1:4/client/v4"));
        assert_eq!(document["cloudflare"]["script"].as_str(), Some("a"));
    }

    #[test]
    fn an_unconfigured_provider_stays_unconfigured() {
        let text = with_sandbox_addresses("[project]\nname = \"acme\"\n", &plain());
        assert!(!text.contains("cloudflare"), "{text}");
    }
}
