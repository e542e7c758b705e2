//! `preflight init`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use preflight::change::quoted;
use preflight::config::{self, Config, Mode, Text};
use preflight::holder::HolderKind;
use preflight::init::{AGENTS, AGENTS_PATH, Accounts, Draft, Folder, Variables, WORKFLOW_PATH, draft, workflow};
use preflight::report::file;
use preflight::report::paragraph::wrap;
use preflight::report::text::clean;
use preflight::sandbox::Sandbox;
use preflight::world::{self, Canary, World};
use url::Url;

use super::deployment::CONFIGURATION;
use super::exit::{self, CliError};
use super::question::{self, Answer, Reply, agreed};
use super::run::block_on;
use super::signals::{self, Signals};
use super::target::TargetArgs;
use super::terminal::{Terminal, note, print};

/// The JSON Schema of the configuration, beside it, so that editors complete it.
const SCHEMA: &str = "preflight.schema.json";

/// The settings that are asked about on a terminal, if they are doubtful: addresses.
const ASKED: [&str; 2] = ["worker.url", "frontend.url"];

/// Write preflight.toml from what is there: your Stripe and Clerk accounts, and this folder.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub struct InitArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Also create the user for checks at Clerk, with this email address that you own, and a paid plan
    #[arg(long, value_name = "EMAIL")]
    canary: Option<String>,
    /// Also write a GitHub workflow that runs preflight every night
    #[arg(long)]
    ci: bool,
    /// Also write preflight.agents.md, which tells coding agents how to use preflight
    #[arg(long)]
    agents: bool,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    /// Show the file, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask no questions; what is doubtful becomes a comment
    #[arg(short, long)]
    yes: bool,
}

impl InitArgs {
    /// How to reach the accounts. Nothing is sent to the Worker.
    fn world_options(&self, sandbox: Option<&Sandbox>) -> Result<world::Options, CliError> {
        let options = self.target.options(PathBuf::from("reports/journal.jsonl"))?;
        let options = world::Options { probe: false, ..options };
        Ok(match sandbox {
            Some(sandbox) => sandbox.options(options),
            None => options,
        })
    }
}

/// Writes the file, and returns the exit status.
pub fn execute(args: &InitArgs, terminal: Terminal) -> Result<u8, CliError> {
    block_on(perform(args, terminal))
}

async fn perform(args: &InitArgs, terminal: Terminal) -> Result<u8, CliError> {
    let path = args.target.config().unwrap_or(Path::new(CONFIGURATION)).to_owned();
    let root = path.parent().unwrap_or(Path::new(""));
    let schema = root.join(SCHEMA);
    let repository = repository(root);
    let (ci, agents) = (repository.join(WORKFLOW_PATH), root.join(AGENTS_PATH));
    // A schema that is there already describes the file well enough.
    let writes_schema = args.force || !schema.exists();
    let asked = [(true, &path), (writes_schema, &schema), (args.ci, &ci), (args.agents, &agents)];
    let written: Vec<&Path> =
        asked.into_iter().filter_map(|(is_asked, path)| is_asked.then_some(path.as_path())).collect();
    let mut there = written.iter().filter(|path| !args.force && !args.dry_run && path.exists());
    if let Some(there) = there.next() {
        return Err(CliError::Usage(format!("{} exists. To replace it, use --force", there.display())));
    }
    let mut signals = Signals::listen()?;
    let sandbox = args.target.started_sandbox().await?;
    let mut folder = Folder::read(if root.as_os_str().is_empty() { Path::new(".") } else { root });
    if !args.target.env_files().is_empty() {
        folder.env_files = args.target.env_files().iter().map(|path| Text::read(path)).collect::<Result<_, _>>()?;
    }
    let variables = variables(&folder, sandbox.as_ref(), args.target.mode());
    let accounts = tokio::select! {
        interruption = signals.first() => return Ok(signals::status(interruption)),
        asked = ask(args, &path, &folder, &variables, sandbox.as_ref()) => asked?,
    };
    let mut draft = draft(&folder, &variables, &accounts);
    let is_asked = !args.yes && !args.dry_run && io::stdin().is_terminal() && io::stderr().is_terminal();
    print(&listed(&draft, terminal.width))?;
    if is_asked && let Some(status) = questions(&mut draft, &mut signals).await? {
        return Ok(status);
    }
    let text = draft.text(&format!("./{SCHEMA}"));
    let config = loaded(&text, &path, &variables)?;
    if args.dry_run {
        print(&format!("\n{text}"))?;
        return Ok(exit::GO);
    }
    let failed = |error: file::WriteError| CliError::Defect(error.to_string());
    if writes_schema {
        let json = serde_json::to_string_pretty(&config::schema());
        let json = json.map_err(|error| CliError::Defect(format!("could not generate the schema: {error}")))?;
        file::write(&schema, &format!("{json}\n")).map_err(failed)?;
    }
    file::write(&path, &text).map_err(failed)?;
    if args.ci {
        file::write(&ci, &workflow(&config, &flags_in(&repository, &path))).map_err(failed)?;
    }
    if args.agents {
        file::write(&agents, AGENTS).map_err(failed)?;
    }
    let canary = match &args.canary {
        Some(email) if !variables.has_canary(draft.holder) => {
            match canary(args, email, config, sandbox.as_ref(), &mut signals).await? {
                Ok(id) => Some(id),
                Err(status) => return Ok(status),
            }
        }
        _ => None,
    };
    args.target.forget_files();
    print(&closing(args, &written, &variables, &draft, canary.as_ref(), terminal.width))?;
    Ok(exit::GO)
}

/// Creates the canary, after asking. Returns the exit status if there is none.
async fn canary(
    args: &InitArgs,
    email: &str,
    config: Config,
    sandbox: Option<&Sandbox>,
    signals: &mut Signals,
) -> Result<Result<Canary, u8>, CliError> {
    let Some(tier) = config.paid_tiers().next().cloned() else { return Ok(Err(exit::DEFECT)) };
    let (user, sent) = (format!("the user {}", clean(email)), "user.created");
    let (what, sent) = match config.entitlement.holder {
        HolderKind::User => (user, sent.to_owned()),
        HolderKind::Organization if config.clerk.canary_user.is_set() => {
            ("an organization with the canary as its member".to_owned(), "organization.created".to_owned())
        }
        HolderKind::Organization => {
            (format!("{user} and an organization with this member"), format!("{sent} and organization.created"))
        }
    };
    let question = format!(
        "Create {what} at Clerk in {} mode, with {}: \"{}\" in its public metadata? Clerk may send {sent} to your webhooks.",
        config.project.mode.word(),
        config.clerk.metadata_key,
        tier.metadata
    );
    let answer = agreed(args.yes, &question, signals).await?;
    if answer != Answer::Yes {
        note("Nothing was created at Clerk.");
        return Ok(Err(answer.status().unwrap_or(exit::NOTHING_RAN)));
    }
    let world = World::new(config, args.world_options(sandbox)?)?;
    match world.change_door("init").create_canary(email, &tier).await {
        Ok(canary) => Ok(Ok(canary)),
        Err(why) => Err(CliError::Defect(format!("the canary was not created: {why}"))),
    }
}

/// The folder of the repository: the nearest one above that has a `.git`, or else the folder itself.
fn repository(root: &Path) -> PathBuf {
    let here = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let Ok(absolute) = here.canonicalize() else { return root.to_owned() };
    let found = absolute.ancestors().find(|folder| folder.join(".git").exists());
    // The usual case is shown as it was typed.
    found.filter(|found| *found != absolute).map_or_else(|| root.to_owned(), Path::to_owned)
}

/// The flags of a run that starts in the repository's folder.
fn flags_in(repository: &Path, path: &Path) -> String {
    let absolute =
        |path: &Path| if path.as_os_str().is_empty() { Path::new(".").canonicalize() } else { path.canonicalize() };
    let relative = absolute(path).and_then(|path| {
        let repository = absolute(repository)?;
        path.strip_prefix(repository).map(Path::to_owned).map_err(io::Error::other)
    });
    match relative {
        Ok(relative) if relative == Path::new(CONFIGURATION) => String::new(),
        Ok(relative) => format!(" -c {}", quoted(&relative.to_string_lossy())),
        Err(_) => String::new(),
    }
}

/// What the folder's env files hold, and the environment. A sandbox has an environment for a folder without keys.
fn variables(folder: &Folder, sandbox: Option<&Sandbox>, mode: Option<Mode>) -> Variables {
    let Some(sandbox) = sandbox else {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        return Variables::of(folder, environment.collect(), mode);
    };
    let held = Variables::of(folder, Vec::new(), mode);
    if held.has_keys {
        return held;
    }
    let environment = sandbox.environment().iter().map(|(name, value)| (name.clone(), value.clone()));
    Variables::of(folder, environment.collect(), mode)
}

/// Asks the accounts with the keys that were found.
async fn ask(
    args: &InitArgs,
    path: &Path,
    folder: &Folder,
    variables: &Variables,
    sandbox: Option<&Sandbox>,
) -> Result<Accounts, CliError> {
    let first = draft(folder, variables, &Accounts::default()).text(SCHEMA);
    let config = loaded(&first, path, variables)?;
    Ok(Accounts::ask(&World::new(config, args.world_options(sandbox)?)?).await)
}

/// The configuration that a draft is. A draft that is none is a defect.
fn loaded(text: &str, path: &Path, variables: &Variables) -> Result<Config, CliError> {
    let loaded = config::load(&Text::new(path, text), variables.values(), &config::Options::default());
    loaded.map_err(|problems| {
        CliError::Defect(format!(
            "the draft is not a valid configuration, which is a bug:\n{}",
            problems.render(false, 100)
        ))
    })
}

/// Asks about the doubtful addresses. Returns the exit status if a signal was the answer.
async fn questions(draft: &mut Draft, signals: &mut Signals) -> Result<Option<u8>, CliError> {
    for (path, entry) in draft.entries_mut() {
        let Some(doubt) = entry.doubt.clone().filter(|_| ASKED.contains(&path.as_str())) else { continue };
        let proposed = entry.value.trim_matches('"').to_owned();
        loop {
            let prompt = format!("{path} ({})\n[{}]: ", clean(&doubt), clean(&proposed));
            match question::reply(&prompt, signals).await? {
                Reply::Interrupted(interruption) => return Ok(Some(signals::status(interruption))),
                Reply::Text(text) if text.is_empty() => break,
                Reply::Text(text) => match Url::parse(&text) {
                    Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                        entry.value = toml::Value::String(text.trim_end_matches('/').to_owned()).to_string();
                        (entry.doubt, entry.from) = (None, "your answer".to_owned());
                        break;
                    }
                    _ => note("An address such as https://app.example.com is needed."),
                },
            }
        }
    }
    Ok(None)
}

/// Every setting with its value and where it comes from, and what was seen and not used.
fn listed(draft: &Draft, width: usize) -> String {
    let mut text = String::from("Found\n");
    for (path, entry) in draft.entries() {
        let line = format!("{path} = {} ({})", clean(&entry.value), clean(&entry.from));
        text.push_str(&wrap(&line, "  ", "      ", width));
    }
    if !draft.remarks.is_empty() {
        text.push_str("\nNot used\n");
        for remark in &draft.remarks {
            text.push_str(&wrap(&clean(remark), "- ", "  ", width));
        }
    }
    text
}

/// What a canary is, and how to make one.
fn no_canary(holder: HolderKind) -> String {
    let (what, set) = match holder {
        HolderKind::User => (
            "a Clerk user just for checks, with a paid plan in its public metadata and no subscription",
            "PREFLIGHT_CANARY_USER to its ID",
        ),
        HolderKind::Organization => (
            "a Clerk user just for checks, and an organization with this member, a paid plan in its public metadata and no subscription",
            "PREFLIGHT_CANARY_USER and PREFLIGHT_CANARY_ORGANIZATION to their IDs",
        ),
    };
    format!(
        "There is no canary yet: {what}. Create one in Clerk's dashboard, or with `preflight init --force --canary EMAIL`, and set {set}. Without it, some checks are unknown."
    )
}

/// What was written, what to check, and what to run next.
fn closing(
    args: &InitArgs,
    written: &[&Path],
    variables: &Variables,
    draft: &Draft,
    canary: Option<&Canary>,
    width: usize,
) -> String {
    let mut text = String::new();
    let doubts = draft.entries().filter_map(|(path, entry)| Some((path, entry.doubt.as_ref()?)));
    let mut doubts = doubts.peekable();
    if doubts.peek().is_some() {
        text.push_str("\nCheck\n");
        for (path, doubt) in doubts {
            text.push_str(&wrap(&format!("{path}: {}", clean(doubt)), "- ", "  ", width));
        }
    }
    if let Some(Canary { user, organization }) = canary {
        let set = [("USER", user), ("ORGANIZATION", organization)];
        let set = set.into_iter().filter_map(|(name, id)| Some(format!("PREFLIGHT_CANARY_{name}={}", id.as_ref()?)));
        let set = set.collect::<Vec<_>>().join(" and ");
        let _ = writeln!(text, "\nCreated the canary. Set {set} where your other values are.");
    } else if !variables.has_canary(draft.holder) {
        text.push('\n');
        text.push_str(&wrap(&no_canary(draft.holder), "", "", width));
    }
    let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    let _ = writeln!(text, "\nWrote {}.", names.join(", "));
    let missing = variables.missing();
    if !missing.is_empty() {
        let names = missing.join(", ");
        let set =
            format!("Set {names} in .dev.vars, .env or the environment, so that preflight can ask your accounts.");
        text.push_str(&wrap(&set, "", "", width));
        text.push_str("Next: preflight init --force\n");
        return text;
    }
    let given = args.target.env_files();
    let files = if given.is_empty() { &variables.files[..] } else { given };
    // A run of the sandbox has its own configuration, unless one is named.
    let own_file =
        if args.target.sandbox.is_some() && args.target.config().is_none() { " -c preflight.toml" } else { "" };
    let _ = writeln!(text, "Next: preflight run{own_file}{}", args.target.flags_with(files));
    text
}
