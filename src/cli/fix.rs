//! `preflight fix`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use clap::Args;
use preflight::change::{Change, StripeResource};
use preflight::checks;
use preflight::finding::Severity;
use preflight::fix::{self, Plan, Planned};
use preflight::report::Style;
use preflight::report::paragraph::wrap;
use preflight::report::text::clean;
use preflight::run::{CheckFinding, Report, Selection, Status};
use preflight::world::{ChangeRecord, Made, NotMade, last_fix};

use super::exit::{self, CliError};
use super::question::{Answer, agreed};
use super::run::{block_on, deliver, run_with_progress};
use super::signals::Signals;
use super::target::TargetArgs;
use super::terminal::{Terminal, print};
use super::values::{self, Format, NameList};

/// Fix what failed: shows every change before it is made, asks, makes it, and runs the checks again.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// Fix only what these checks find: IDs, groups or globs, separated by commas
    #[arg(value_name = "CHECK,…", value_parser = values::checks)]
    checks: Vec<NameList>,
    #[command(flatten)]
    target: TargetArgs,
    /// Make the changes without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show the changes, and make none
    #[arg(long)]
    dry_run: bool,
    /// Take the last fix back, as far as nothing else was changed since
    #[arg(long, conflicts_with_all = ["checks", "sandbox"])]
    undo: bool,
    /// Directory with the journal of changes
    #[arg(long, value_name = "DIR", default_value = "reports")]
    report_dir: PathBuf,
}

/// Shows what would fix the failures, and makes those changes if the user agrees.
pub fn execute(args: &FixArgs, terminal: Terminal) -> Result<u8, CliError> {
    block_on(async {
        let status = if args.undo { undo(args, terminal).await } else { perform(args, terminal).await };
        args.target.forget_files();
        status
    })
}

async fn perform(args: &FixArgs, terminal: Terminal) -> Result<u8, CliError> {
    let options = args.target.options(args.report_dir.join("journal.jsonl"))?;
    let (mut world, mut sandbox) = args.target.world(options.clone()).await?;
    if let Some(sandbox) = &mut sandbox {
        TargetArgs::keep_environment(sandbox)?;
        world = args.target.world_again(Some(sandbox), options.clone())?;
    }
    // A run may only end what it started, and for a few seconds. What comes after it needs a world that is new.
    let again = || args.target.world_again(sandbox.as_ref(), options.clone());
    let all = checks::all(world.config());
    let selection = Selection::new(&all, &values::joined(&args.checks), &[])?.with_flags(args.target.flags());
    let mut signals = Signals::listen()?;
    let mut report = run_with_progress(&world, &selection, &mut signals, terminal).await?;
    let id = report.started_at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut plan = fix::plan(&report);
    print(&shown(&plan, terminal))?;
    let mut has_changed = false;
    for _ in 0..fix::ROUNDS {
        if report.interruption.is_some() || plan.changes.is_empty() {
            break;
        }
        let answer = if args.dry_run { Answer::No } else { agreed(args.yes, &question(&plan), &mut signals).await? };
        if answer != Answer::Yes {
            print(if has_changed { "Nothing else was changed.\n" } else { "Nothing was changed.\n" })?;
            return Ok(answer.status().unwrap_or_else(|| report.exit_code()));
        }
        has_changed = true;
        let mut lines = String::new();
        let object = |planned: &Planned| clean(&planned.change.object());
        fix::make(&again()?, &plan, &id, |planned, made| lines.push_str(&outcome(&object(planned), made, terminal)))
            .await;
        print(&format!("\n{lines}\nRunning the checks again …\n\n"))?;
        let after = run_with_progress(&again()?, &selection, &mut signals, terminal).await?;
        print(&compared(&after, &plan, terminal))?;
        let made = plan;
        plan = fix::plan(&after);
        // What did not help once is not made again.
        plan.changes.retain(|planned| !made.changes.iter().any(|before| before.change == planned.change));
        report = after;
        if !plan.changes.is_empty() {
            print(&format!("That showed more to fix.\n\n{}", shown(&plan, terminal)))?;
        }
    }
    if !has_changed {
        return Ok(report.exit_code());
    }
    let style = Style { color: terminal.stdout_color, width: terminal.width, ..Style::plain() };
    Ok(deliver::deliver(&mut report, &[], Format::Table, style))
}

async fn undo(args: &FixArgs, terminal: Terminal) -> Result<u8, CliError> {
    let journal = args.report_dir.join("journal.jsonl");
    let records = match last_fix(&journal) {
        Ok(records) => records,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(CliError::Defect(format!("could not read {}: {error}", journal.display()))),
    };
    if records.is_empty() {
        print(&format!("There is no fix to undo in {}.\n", journal.display()))?;
        return Ok(exit::GO);
    }
    let mut text = format!("The fix of {} changed:\n\n", records[0].fix);
    for record in &records {
        text.push_str(&title(&clean(&record.change.object()), "  ", terminal));
        match taken_back(record) {
            Some(how) => text.push_str(&row(how, terminal)),
            None => {
                for (field, before, after) in record.change.fields() {
                    text.push_str(&row(&changed(&field, &after, &before), terminal));
                }
            }
        }
    }
    print(&text)?;
    let mut signals = Signals::listen()?;
    let question = "Take these changes back?";
    let answer = if args.dry_run { Answer::No } else { agreed(args.yes, question, &mut signals).await? };
    if answer != Answer::Yes {
        print("Nothing was changed.\n")?;
        return Ok(answer.status().unwrap_or(exit::GO));
    }
    let (world, _) = args.target.world(args.target.options(journal)?).await?;
    let mut lines = String::new();
    let is_whole = fix::take_back(&world, &records, |record, made| {
        lines.push_str(&outcome(&record.change.object(), made, terminal));
    })
    .await;
    print(&format!("\n{lines}"))?;
    Ok(u8::from(!is_whole))
}

/// The plan: each change with its fields before and after, and then what only a person can do.
fn shown(plan: &Plan, terminal: Terminal) -> String {
    let mut text = String::new();
    if plan.changes.is_empty() && plan.by_hand.is_empty() {
        return "There is nothing to fix: no check failed.\n".to_owned();
    }
    if !plan.changes.is_empty() {
        let count = plan.changes.len();
        let noun = if count == 1 { "change" } else { "changes" };
        text.push_str(&format!("{}\n\n", terminal.strong(&format!("{count} {noun} that preflight can make"))));
        for (number, planned) in plan.changes.iter().enumerate() {
            let object = format!("{}. {}", number + 1, clean(&planned.change.object()));
            text.push_str(&title(&object, "  ", terminal));
            for (field, before, after) in planned.change.fields() {
                let line = if planned.change.creates() {
                    format!("{field}: {after}")
                } else {
                    changed(&field, &before, &after)
                };
                text.push_str(&row(&line, terminal));
            }
            text.push_str(&wrap(&format!("for {}", planned.asked_by.join(", ")), "     ", "     ", terminal.width));
        }
        text.extend(rights(plan).map(|rights| format!("\n{}", wrap(&rights, "", "", terminal.width))));
    }
    if !plan.by_hand.is_empty() {
        text.push_str(&format!("\n{}\n\n", terminal.strong("Only you can do this")));
        for hand in &plan.by_hand {
            text.push_str(&format!("  {}\n", terminal.strong(&hand.finding)));
            let why = hand.reason.as_ref().map_or_else(String::new, |reason| format!(" (Not made: {reason}.)"));
            text.push_str(&wrap(&format!("{}{why}", hand.summary), "     ", "     ", terminal.width));
            for line in &hand.code {
                text.push_str(&format!("       {}\n", clean(line)));
            }
            for line in hand.commands.iter().chain(&hand.links) {
                text.push_str(&format!("     {}\n", clean(line)));
            }
        }
    }
    text
}

/// The rights that the changes need and `run` does not, as a sentence.
fn rights(plan: &Plan) -> Option<String> {
    let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, rights) in plan.changes.iter().filter_map(|planned| planned.change.permissions()) {
        needed.entry(key).or_default().extend(rights);
    }
    let needs = needed.iter().map(|(key, rights)| {
        let rights: Vec<&str> = rights.iter().copied().collect();
        format!("{key} needs {}", rights.join(" and "))
    });
    let needs = needs.collect::<Vec<String>>().join("; ");
    (!needs.is_empty()).then(|| format!("Besides what `run` needs, {needs}."))
}

/// What happens to something that has no value to restore. `None` if it has.
const fn taken_back(record: &ChangeRecord) -> Option<&'static str> {
    match &record.change {
        Change::Stripe(stripe) if stripe.id.is_none() => Some(match stripe.resource {
            StripeResource::WebhookEndpoint => "will be deleted",
            _ => "will be archived, because Stripe keeps products and prices",
        }),
        Change::ClerkTemplate(template) if template.id.is_none() => Some("will be deleted"),
        Change::WorkerSecret(_) if record.existed => Some("stays, because Cloudflare does not show what it was before"),
        Change::WorkerSecret(_) => Some("will be deleted"),
        _ => None,
    }
}

/// The name of what is changed, on as many lines as it needs.
fn title(object: &str, indent: &str, terminal: Terminal) -> String {
    let lines = wrap(object, indent, "     ", terminal.width);
    lines.lines().map(|line| terminal.strong(line) + "\n").collect()
}

fn changed(field: &str, before: &str, after: &str) -> String {
    format!("{field}: {before} → {after}")
}

fn row(line: &str, terminal: Terminal) -> String {
    wrap(line, "     ", "       ", terminal.width)
}

fn outcome(object: &str, made: &Result<Made, NotMade>, terminal: Terminal) -> String {
    let (word, line) = match made {
        Ok(Made::Changed) => ("changed", object.to_owned()),
        Ok(Made::AlreadyRight) => ("already correct", object.to_owned()),
        Ok(Made::Archived) => ("archived", object.to_owned()),
        Err(why) => ("not changed", format!("{object}: {why}")),
    };
    wrap(&line, &format!("{word:<17}"), &" ".repeat(17), terminal.width)
}

/// What became of each finding that a change was made for.
fn compared(after: &Report, plan: &Plan, terminal: Terminal) -> String {
    let failing: Vec<String> = after.findings(Severity::Failure).iter().map(CheckFinding::name).collect();
    let mut text = String::new();
    let mut told: Vec<&String> = Vec::new();
    for finding in plan.changes.iter().flat_map(|planned| &planned.asked_by) {
        if told.contains(&finding) {
            continue;
        }
        told.push(finding);
        // A check that could not look any more has not seen that it is fixed.
        let id = finding.split(": ").next().unwrap_or_default();
        let was_seen = after.checks.iter().any(|check| {
            check.id.as_str() == id
                && (check.status.is_verified() || (check.status == Status::Fail && check.reasons.is_empty()))
        });
        let word = match (failing.contains(finding), was_seen) {
            (true, _) => "STILL FAILING",
            (false, true) => "FIXED",
            (false, false) => "NOT VERIFIED",
        };
        text.push_str(&wrap(&format!("{word}  {finding}"), "", "  ", terminal.width));
    }
    text.push('\n');
    text
}

fn question(plan: &Plan) -> String {
    let count = plan.changes.len();
    if count == 1 { "Make this change?".to_owned() } else { format!("Make these {count} changes?") }
}
