//! `toolgate check`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::bundle::said;
use crate::lint::{self, LINTS, Level};
use crate::render::Grid;
use crate::{Output, bundle, check, sarif};

/// Load a bundle and report what is wrong, and what is most likely not meant
///
/// What loads is looked at by the lints. A comment above a policy (`// toolgate: allow LINT because REASON`) leaves out
/// what is meant; `[lints]` in toolgate.toml sets levels: `LINT = "error"`, `"warning"`, `"note"` or `"allow"`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate check demo
  toolgate check demo --deny warnings --sarif toolgate.sarif    in CI
  toolgate check demo --json | jq .findings
  toolgate check --lints                                        what is looked for
  toolgate check --explain forbid_behind_has                    one of them, with examples

Exit codes: 0 = it loads and nothing is wrong, 1 = it does not load, or a finding is an error or denied,
2 = files are missing or cannot be read.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    #[arg(required_unless_present_any = ["explain", "lints"])]
    bundle: Option<PathBuf>,
    /// Show every note and every finding
    #[arg(short, long)]
    verbose: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Fail on warnings, or on notes as well
    #[arg(long, value_enum)]
    deny: Option<Deny>,
    /// Write the findings to a file as SARIF 2.1.0, for code hosts and editors
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Print the page of a lint: what to avoid, what to prefer, and why
    #[arg(long, value_name = "LINT", conflicts_with_all = ["bundle", "lints"])]
    explain: Option<String>,
    /// List the lints
    #[arg(long, conflicts_with = "bundle")]
    lints: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Deny {
    Warnings,
    Notes,
}

pub(super) fn run(args: &Args) -> Output {
    if let Some(id) = &args.explain {
        return explain(id);
    }
    let Some(dir) = args.bundle.as_deref().filter(|_| !args.lints) else { return list() };
    let deny = args.deny.map(|deny| match deny {
        Deny::Warnings => Level::Warning,
        Deny::Notes => Level::Note,
    });
    let (mut output, report) = match bundle::load(dir) {
        Ok(loaded) => {
            let findings = lint::check(&loaded);
            let options = check::Options { verbose: args.verbose, json: args.json, deny };
            let report = args.sarif.as_ref().map(|_| sarif::findings(&findings, &loaded.folder));
            (check::report(&loaded, &findings, options), report)
        }
        Err(error) => (check::refused(&error, args.json), args.sarif.as_ref().map(|_| sarif::refused(&error))),
    };
    if let (Some(path), Some(report)) = (&args.sarif, report)
        && let Err(error) = std::fs::write(path, report)
    {
        output.notes.push_str(&format!("error: {} cannot be written: {}\n", path.display(), said(&error)));
        output.code = 2;
    }
    output
}

fn explain(id: &str) -> Output {
    match lint::find(id) {
        Some(lint) => Output::answer(lint.page),
        None => Output::failure(format!("error: there is no lint `{id}`\n help: {}\n", lint::near(id))),
    }
}

fn list() -> Output {
    let mut grid = Grid::new(&["lint", "level", "what it finds"]);
    for lint in LINTS {
        grid.row(vec![lint.id.into(), lint.level.as_str().into(), lint.title.into()]);
    }
    Output::answer(grid.render(super::width()))
}
