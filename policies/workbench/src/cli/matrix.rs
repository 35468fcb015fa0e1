//! `toolgate matrix`.

use std::path::PathBuf;

use toolgate::{Call, Instant};

use super::{clock, width, with};
use crate::bundle::{FileError, Loaded};
use crate::matrix::{self, Setting, Tries};
use crate::samples::Compared;
use crate::{Output, check, decide, source};

/// Show who may call what: subjects × tools, with outcomes
///
/// What a call leads to depends on its arguments. Each cell is decided with samples on both sides of what the policies
/// compare arguments with, and with those of recorded calls (--calls). It shows every outcome that came out, the best
/// first, and `?` if other arguments could do better.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate matrix demo
  toolgate matrix demo --subject 'ann/*' --tool 'expenses/*'
  toolgate matrix demo --labels untrusted-content      once the session has seen that
  toolgate matrix demo --html matrix.html              one page, for a review
  toolgate matrix demo --json | jq -r 'select(.outcome == \"auto_approve\") | .tool' | sort -u

Letters: A S M = auto_, self_, manager_approve; a s m = the same, once access was requested; D deny, d deny until the \
user has signed in again, T ticket_fallback.

Exit codes: 0 = shown, 2 = the bundle does not load, or a pattern names nothing.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    bundle: PathBuf,
    /// Whose: `user/client` or a service principal, `*` for any [default: each active user through each client in use,
    /// and each active service principal]
    #[arg(long, value_name = "PATTERN")]
    subject: Vec<String>,
    /// Which tools: a glob on `server/name` [default: all]
    #[arg(long, value_name = "GLOB")]
    tool: Vec<String>,
    /// When [default: now, or the moment the snapshot was issued if it is not good now]
    #[arg(long, value_name = "RFC3339")]
    now: Option<Instant>,
    /// What the session has seen
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',')]
    labels: Vec<String>,
    /// How the user signed in [default: unknown]
    #[arg(long, value_name = "ACR")]
    acr: Option<String>,
    /// Try the arguments of these calls too; `-` is stdin
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
    /// Write one HTML page that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Print one JSON object a cell
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Output {
    with(&args.bundle, |loaded| match ask(args, loaded) {
        Ok((matrix, notes)) => {
            let name = &loaded.folder.manifest.name;
            let answer = match &args.html {
                Some(path) => {
                    let page = matrix::html::page(&matrix, name, &loaded.engine);
                    if let Err(error) = std::fs::write(path, page) {
                        let error = FileError::new(path.display(), format!("it cannot be written: {}", error.kind()));
                        return Output::failure(check::file_error(&error));
                    }
                    format!("{}\n", path.display())
                }
                None if args.json => matrix::json(&matrix),
                None => matrix::text::render(&matrix, width()),
            };
            Output { answer, notes, code: 0 }
        }
        Err(failure) => failure,
    })
}

fn ask(args: &Args, loaded: &Loaded) -> Result<(matrix::Matrix, String), Output> {
    let engine = &loaded.engine;
    let refuse = |message: String| Output::failure(format!("error: {message}\n"));
    let subjects = matrix::pick_subjects(matrix::everyone(&engine.snapshot()), &args.subject).map_err(refuse)?;
    let tools = matrix::pick_tools(engine, &args.tool).map_err(refuse)?;
    too_many(subjects.len(), tools.len()).map_err(refuse)?;
    let now = args.now.unwrap_or_else(|| matrix::moment(clock(), engine));
    let mut notes = String::new();
    if args.now.is_none() && clock().is_none_or(|clock| clock != now) && !is_recent(now) {
        notes = format!("note: the snapshot is not good now; this is how things stood at {now} (--now)\n");
    }
    let compared = Compared::of(&source::read(&loaded.folder.bundle.policies).map_err(refuse)?);
    let mut tries = Tries::samples(&[engine], &compared, &tools);
    for (_, call) in recorded(args.calls.as_ref())? {
        tries.add(&call);
    }
    let labels = args.labels.iter().filter(|label| !label.is_empty()).cloned().collect();
    let setting = Setting { now, labels, acr: args.acr.clone() };
    Ok((matrix::build(engine, subjects, &tools, &tries, setting), notes))
}

/// Whether an instant is the clock's, give or take the time it took to get here.
fn is_recent(now: Instant) -> bool {
    clock().is_some_and(|clock| clock.unix_millis().saturating_sub(now.unix_millis()).abs() < 60_000)
}

/// Refuses what would take long and be read by nobody.
pub(super) fn too_many(subjects: usize, tools: usize) -> Result<(), String> {
    if subjects.saturating_mul(tools) <= matrix::CELLS {
        return Ok(());
    }
    let most = matrix::CELLS;
    Err(format!("{subjects} subjects × {tools} tools are more than {most} cells; name some with --subject and --tool"))
}

/// The calls of a file. A line that is no call is an error: it would be missed.
pub(super) fn recorded(path: Option<&PathBuf>) -> Result<Vec<(usize, Call)>, Output> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let input = decide::read_calls(path).map_err(|error| Output::failure(check::file_error(&error)))?;
    let read = |(line, bytes): (usize, &[u8])| {
        Call::parse(bytes).map(|call| (line, call)).map_err(|error| {
            let place = format!("{}:{line}", path.display());
            Output::failure(check::file_error(&FileError::new(place, error.to_string())))
        })
    };
    decide::split(&input).into_iter().map(read).collect()
}
