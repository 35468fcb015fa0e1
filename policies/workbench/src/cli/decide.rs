//! `toolgate decide`.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::{width, with};
use crate::bundle::FileError;
use crate::{Output, check, decide};

/// Decide calls
///
/// Calls are JSON Lines, or one JSON object over as many lines as you like. A line that is no call is denied as
/// invalid_request, never skipped.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate decide demo --calls demo/calls.jsonl
  toolgate decide demo --calls call.json && echo it may run now
  jq -c .call records.jsonl | toolgate decide demo --json | jq -r .outcome

Exit codes: 0 = decided; 1 = there was exactly one call, and it may not run now: refused, or somebody must be asked first (with several calls the answers are in the output); 2 = the bundle does not load, or the calls cannot be read.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    bundle: PathBuf,
    /// The calls; `-` is stdin, and the default unless stdin is a terminal
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
    /// Print the decisions, one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Output {
    with(&args.bundle, |loaded| {
        let input = calls(args).and_then(|path| decide::read_calls(&path).map(|input| (path, input)));
        let (path, input) = match input {
            Ok(input) => input,
            Err(error) => return Output::failure(check::file_error(&error)),
        };
        let decided = decide::all(&loaded.engine, &input);
        if decided.is_empty() {
            let error = FileError::new(path.display(), "there are no calls").help("a call is a JSON object on a line");
            return Output::failure(check::file_error(&error));
        }
        let answer = if args.json { decide::json(&decided) } else { decide::table(&decided, width()) };
        Output { answer, notes: String::new(), code: decide::exit_code(&decided) }
    })
}

/// Where the calls come from.
fn calls(args: &Args) -> Result<PathBuf, FileError> {
    if let Some(path) = &args.calls {
        return Ok(path.clone());
    }
    if !io::stdin().is_terminal() {
        return Ok(PathBuf::from("-"));
    }
    let own = args.bundle.join("calls.jsonl");
    let help = if own.is_file() {
        format!("pass --calls FILE, or pipe calls in; this bundle brings some: --calls {}", own.display())
    } else {
        "pass --calls FILE.jsonl, or pipe calls in".into()
    };
    Err(FileError::new("stdin", "no calls were given, and stdin is a terminal").help(help))
}
