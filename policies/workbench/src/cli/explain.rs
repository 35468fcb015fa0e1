//! `toolgate explain`.

use std::path::PathBuf;

use super::{width, with};
use crate::bundle::FileError;
use crate::render::json_line;
use crate::{Output, check, decide, explain, source};

/// Explain why a call comes out as it does, and what would change that
///
/// Rung by rung: which policies permit and forbid, which yes counts and which does not, and of the nearest policies
/// that do not permit the operands that failed, with their values. What would change the outcome was tried, not guessed.
///
/// For people who write policies. Never show it to the agent: it names policies, people and what would get around them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate explain demo --call call.json
  toolgate explain demo --call demo/calls.jsonl --line 3
  jq -c .call record.json | toolgate explain demo --call - --json

Exit codes: 0 = explained, whatever the outcome; 2 = the bundle does not load, or the call cannot be read.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    bundle: PathBuf,
    /// The call, or several as JSON Lines; `-` is stdin
    #[arg(long, visible_alias = "calls", value_name = "FILE")]
    call: PathBuf,
    /// Only the call on that line
    #[arg(long, value_name = "N")]
    line: Option<usize>,
    /// Print one JSON object a call (`toolgate schema --format explanation`)
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Output {
    with(&args.bundle, |loaded| {
        let fail = |message: String, help: &str| {
            Output::failure(check::file_error(&FileError::new(args.call.display(), message).help(help)))
        };
        let input = match decide::read_calls(&args.call) {
            Ok(input) => input,
            Err(error) => return Output::failure(check::file_error(&error)),
        };
        let files = match source::read(&loaded.folder.bundle.policies) {
            Ok(files) => files,
            Err(error) => return fail(format!("the policies cannot be quoted: {error}"), "run `toolgate check`"),
        };
        let calls = decide::split(&input);
        if calls.is_empty() {
            return fail("there are no calls".into(), "a call is a JSON object on a line");
        }
        let several = calls.len() > 1;
        let wanted = calls.iter().filter(|(line, _)| args.line.is_none_or(|wanted| wanted == *line));
        let mut pages = Vec::new();
        for (line, call) in wanted {
            let mut explanation = explain::explain_json(&loaded.engine, &files, call);
            explanation.line = several.then_some(*line);
            pages.push(if args.json { json_line(&explanation) } else { explain::text(&explanation, width()) });
        }
        if pages.is_empty() {
            let lines = format!("there is no call on line {}", args.line.unwrap_or_default());
            return fail(lines, "lines count from 1, blank ones included");
        }
        Output::answer(pages.join(if args.json { "" } else { "\n\n" }))
    })
}
