//! `toolgate diff`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;
use toolgate::Instant;

use super::matrix::{recorded, too_many};
use super::{clock, with};
use crate::bundle::Loaded;
use crate::diff::{self, Direction, Questions, Side};
use crate::matrix::{self, Setting, Tries};
use crate::samples::Compared;
use crate::{Output, source};

/// Show what another bundle would decide otherwise, what became more permissive first
///
/// Both bundles are asked about every subject and tool of either, with samples on both sides of what the policies
/// compare arguments with. `toolgate prove --against` answers for all requests.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  git worktree add /tmp/main main && toolgate diff /tmp/main/policies policies
  toolgate diff old new --calls records.jsonl        decide recorded calls by both as well
  toolgate diff old new --fail-on any                nothing at all may change
  toolgate diff old new --json | jq 'select(.direction == \"wider\")'

Exit codes: 0 = nothing became more permissive, 1 = something did (--fail-on says what counts), 2 = a bundle does not load.")]
pub(super) struct Args {
    /// The bundle as it was
    old: PathBuf,
    /// The bundle as it is to be
    new: PathBuf,
    /// Whose: `user/client` or a service principal, `*` for any [default: everyone of either]
    #[arg(long, value_name = "PATTERN")]
    subject: Vec<String>,
    /// Which tools: a glob on `server/name` [default: all of either]
    #[arg(long, value_name = "GLOB")]
    tool: Vec<String>,
    /// When [default: now, or the moment a snapshot was issued if it is not good now]
    #[arg(long, value_name = "RFC3339")]
    now: Option<Instant>,
    /// What the session has seen
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',')]
    labels: Vec<String>,
    /// How the user signed in [default: unknown]
    #[arg(long, value_name = "ACR")]
    acr: Option<String>,
    /// Decide these calls by both as well; `-` is stdin
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
    /// Which changes are a failure
    #[arg(long, value_enum, default_value_t = FailOn::Wider)]
    fail_on: FailOn,
    /// Print one JSON object a change, then a summary
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Any answer that changed
    Any,
    /// What became more permissive
    Wider,
    /// None
    Never,
}

pub(super) fn run(args: &Args) -> Output {
    with(&args.old, |old| with(&args.new, |new| ask(args, old, new).unwrap_or_else(|failure| failure)))
}

fn ask(args: &Args, old: &Loaded, new: &Loaded) -> Result<Output, Output> {
    let refuse = |message: String| Output::failure(format!("error: {message}\n"));
    let read = |loaded: &Loaded| source::read(&loaded.folder.bundle.policies).map_err(refuse);
    let (old_files, new_files) = (read(old)?, read(new)?);
    let everyone = |loaded: &Loaded| matrix::everyone(&loaded.engine.snapshot());
    let both: BTreeSet<_> = everyone(old).into_iter().chain(everyone(new)).collect();
    let subjects = matrix::pick_subjects(both.into_iter().collect(), &args.subject).map_err(refuse)?;
    // a glob has to name a tool of one of them
    let tools = match (matrix::pick_tools(&old.engine, &args.tool), matrix::pick_tools(&new.engine, &args.tool)) {
        (Err(error), Err(_)) => return Err(refuse(error)),
        (one, two) => one.into_iter().chain(two).flatten().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
    };
    too_many(subjects.len(), tools.len()).map_err(refuse)?;
    let (old_now, new_now) =
        args.now.map_or_else(|| diff::moments(clock(), &old.engine, &new.engine), |now| (now, now));
    let compared = Compared::of(old_files.iter().chain(&new_files));
    let tries = Tries::samples(&[&old.engine, &new.engine], &compared, &tools);
    let labels = args.labels.iter().filter(|label| !label.is_empty()).cloned().collect();
    let setting = Setting { now: new_now, labels, acr: args.acr.clone() };
    let calls = recorded(args.calls.as_ref())?;
    let questions = Questions { subjects, tools, tries, setting, calls };
    let side = |loaded, files, now| Side { engine: loaded, files, now };
    let found =
        diff::compare(side(&old.engine, &old_files, old_now), side(&new.engine, &new_files, new_now), &questions);
    let notes = if old_now == new_now {
        format!("both are asked at {new_now}\n")
    } else {
        format!("the snapshots are never good together: the old is asked at {old_now}, the new at {new_now}\n")
    };
    let failed = match args.fail_on {
        FailOn::Any => !found.changes.is_empty(),
        FailOn::Wider => found.count(Direction::Wider) > 0,
        FailOn::Never => false,
    };
    let answer = if args.json { diff::json(&found) } else { diff::text::render(&found) };
    Ok(Output { answer, notes, code: u8::from(failed) })
}
