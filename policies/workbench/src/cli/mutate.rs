//! `toolgate test --mutate`.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use wildmatch::WildMatch;

use crate::suite::{self, report};
use crate::{Output, bundle, check, mutate, source};

/// Makes policies wrong, one change at a time, and reports which changes no test notices.
pub(super) fn run(bundles: &[PathBuf], policies: &[String], json: bool) -> Output {
    let mut output = Output::default();
    for dir in bundles {
        match one(dir, policies, json) {
            Ok((text, clean)) => {
                output.answer += &text;
                output.code = output.code.max(u8::from(!clean));
            }
            Err(failure) => {
                output.notes += &failure.notes;
                output.code = output.code.max(failure.code);
            }
        }
    }
    output
}

fn one(dir: &Path, policies: &[String], json: bool) -> Result<(String, bool), Output> {
    let loaded = bundle::load(dir).map_err(|error| Output::failure(check::failure(&error)))?;
    let suites = suite::load(dir, &loaded).map_err(|error| Output::failure(report::failure(&error)))?;
    let (name, globs) =
        (dir.display().to_string(), policies.iter().map(|glob| WildMatch::new(glob)).collect::<Vec<_>>());
    let no = |notes: String| Output { answer: String::new(), notes, code: 1 };
    if suites.iter().all(|suite| suite.cases.is_empty()) {
        return Err(no(format!("error: {name} has no tests, so nothing can notice a change; write tests/*.yaml\n")));
    }
    for glob in &globs {
        if !loaded.engine.policy_ids().any(|id| glob.matches(id)) {
            return Err(Output::failure(format!("error: no policy of {name} is called `{glob}`\n")));
        }
    }
    let wanted = |id: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(id));
    // hidden unless stderr is a terminal
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} mutants, {msg}, {eta} left") {
        bar.set_style(style);
    }
    let progress = |done: usize, all: usize, survived: usize| {
        bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        bar.set_message(format!("{survived} not noticed"));
    };
    let outcome = mutate::run(&loaded, &suites, &wanted, &progress);
    bar.finish_and_clear();
    let outcome = outcome.map_err(|message| no(format!("error: {message}\n")))?;
    let clean = outcome.is_clean();
    if json {
        return Ok((mutate::report::json(&outcome, &name), clean));
    }
    let files = source::read(&loaded.folder.bundle.policies).map_err(Output::failure)?;
    Ok((mutate::report::people(&outcome, &files, &name), clean))
}
