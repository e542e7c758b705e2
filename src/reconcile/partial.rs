//! What was read before an interruption: kept in a file, so that the next comparison of the same accounts goes on from there.
//!
//! Each line is a page. A page that is not in the file is read again, so lines need not be on disk before the next request.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rows::{Edges, Holders, Keys, SavedHolder, SavedSubscription, Subscriptions, edge};
use crate::config::hash;
use crate::world::{HOLDERS_ON_A_PAGE, SubscriptionSpan, World};

/// After so many seconds, too much has changed.
const LONGEST: i64 = 60 * 60;
/// The version of the file's format.
const VERSION: u32 = 2;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The first line: which accounts, and when they were first read.
    Head { version: u32, of: String, began: i64 },
    /// A page of subscriptions, with what is left of its span, and the products that they are for.
    Subscriptions { of: Option<Span>, rest: Vec<Span>, products: BTreeSet<String>, rows: Vec<SavedSubscription> },
    /// A page of holders.
    Holders { offset: usize, rows: Vec<SavedHolder> },
}

/// A span of creation times, and the subscription that it goes on after.
type Span = (i64, i64, Option<String>);

fn span(SubscriptionSpan { from, until, after }: &SubscriptionSpan) -> Span {
    (*from, *until, after.clone())
}

/// What was read of accounts before.
#[derive(Debug, Default)]
pub(super) struct Kept<'w> {
    /// When reading began, in Unix seconds. `None` if it begins now.
    pub began: Option<i64>,
    pub subscriptions: Subscriptions<'w>,
    pub holders: Holders,
    /// The products of the subscriptions.
    pub products: BTreeSet<String>,
    /// The spans of subscriptions that are left.
    pub left: Vec<SubscriptionSpan>,
    /// The second after the last one of all spans, read or left. `None` if there are none.
    pub until: Option<i64>,
    /// The edges of the pages of holders that were read.
    pub edges: Edges,
}

/// The file that grows with each page.
#[derive(Debug)]
pub(super) struct Partial {
    path: Option<PathBuf>,
    /// `None` if nothing can be kept, or nothing more.
    file: Mutex<Option<File>>,
}

/// Which accounts a comparison is about. The keys are part of it: the file of another account is useless.
pub(super) fn identity(world: &World, since: Option<Timestamp>) -> String {
    let config = world.config();
    let keys = [&config.stripe.secret_key, &config.clerk.secret_key].map(|key| {
        let held = key.value.as_ref().map(|secret| secret.lend(hash));
        held.unwrap_or_default()
    });
    hash(&format!("{} {keys:?} {since:?}", config.fingerprint("reconcile")))
}

impl Partial {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self { path: None, file: Mutex::new(None) }
    }

    /// The file at `path`, and what it holds of these accounts. Without a file that can be used, reading begins now.
    pub fn open<'w>(path: &Path, of: &str, world: &'w World, keys: &Keys, now: i64) -> (Self, Kept<'w>) {
        let opened = open(path).and_then(|mut file| {
            let kept = restore(&mut file, of, world, keys, now)?;
            Ok((file, kept))
        });
        match opened {
            Ok((file, kept)) => (Self { path: Some(path.to_owned()), file: Mutex::new(Some(file)) }, kept),
            // Reading does not depend on it.
            Err(_) => (Self::none(), Kept::default()),
        }
    }

    /// Keeps a page of subscriptions and what is left of its span.
    pub fn keep_subscriptions<'s>(
        &self,
        of: Option<&SubscriptionSpan>,
        rest: impl Iterator<Item = &'s SubscriptionSpan>,
        products: BTreeSet<String>,
        rows: Vec<SavedSubscription>,
    ) {
        self.write(&Line::Subscriptions { of: of.map(span), rest: rest.map(span).collect(), products, rows });
    }

    /// Keeps a page of holders. The last one is not full, and more may come.
    pub fn keep_holders(&self, offset: usize, rows: Vec<SavedHolder>) {
        if rows.len() == HOLDERS_ON_A_PAGE {
            self.write(&Line::Holders { offset, rows });
        }
    }

    /// Removes the file and keeps nothing more: everything was read, or a page only in part.
    pub fn discard(&self) {
        if self.file().take().is_some() {
            self.remove();
        }
    }

    /// Whether the next comparison can go on from here.
    pub fn is_kept(&self) -> bool {
        self.file().is_some()
    }

    fn write(&self, line: &Line) {
        let mut file = self.file();
        let Some(open) = file.as_mut() else { return };
        let written = serde_json::to_string(line)
            .map_err(io::Error::other)
            .and_then(|line| open.write_all(format!("{line}\n").as_bytes()));
        // A full disk ends the file, and not the comparison.
        if written.is_err() {
            *file = None;
            self.remove();
        }
    }

    fn remove(&self) {
        if let Some(path) = &self.path {
            drop(fs::remove_file(path));
        }
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the file for its owner only. Two comparisons at once do not share it.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Reads what the file holds of these accounts, and leaves it ready for the next line.
fn restore<'w>(file: &mut File, of: &str, world: &'w World, keys: &Keys, now: i64) -> io::Result<Kept<'w>> {
    let mut kept = Kept::default();
    let mut usable = 0;
    let mut reader = BufReader::new(&*file);
    let mut text = String::new();
    loop {
        text.clear();
        let length = reader.read_line(&mut text)?;
        // The last line may be cut off.
        let Ok(line) = serde_json::from_str(text.trim_end_matches('\n')) else { break };
        match (line, kept.began) {
            (Line::Head { version: VERSION, of: theirs, began }, None)
                if theirs == of && (0..LONGEST).contains(&(now - began)) =>
            {
                kept.began = Some(began);
            }
            (Line::Subscriptions { of, rest, products, rows }, Some(_)) => {
                match of {
                    Some(of) => kept.left.retain(|left| span(left) != of),
                    // The start of a comparison adds what was created since the one before.
                    None => kept.until = rest.iter().map(|(_, until, _)| *until).chain(kept.until).max(),
                }
                let rest = rest.into_iter().map(|(from, until, after)| SubscriptionSpan { from, until, after });
                kept.left.extend(rest);
                kept.products.extend(products);
                for row in rows {
                    kept.subscriptions.restore(keys, world, row);
                }
            }
            (Line::Holders { offset, rows }, Some(_)) => {
                kept.edges.extend(edge(offset, rows.iter().map(SavedHolder::id)));
                for row in rows {
                    kept.holders.restore(keys, world, row);
                }
            }
            (Line::Head { .. }, _) | (_, None) => break,
        }
        usable += length as u64;
    }
    kept.holders.keep_each_once();
    if kept.began.is_none() {
        usable = 0;
    }
    file.set_len(usable)?;
    file.seek(SeekFrom::End(0))?;
    if kept.began.is_none() {
        let head = serde_json::to_string(&Line::Head { version: VERSION, of: of.to_owned(), began: now });
        file.write_all(format!("{}\n", head.map_err(io::Error::other)?).as_bytes())?;
    }
    Ok(kept)
}
