//! `toolgate test`.

use std::path::{Path, PathBuf};

use super::{mutate, watch, width};
use crate::bundle::{self, FileError};
use crate::coverage::{self, Coverage, Share};
use crate::render::{clean, json_line};
use crate::suite::{self, Filter, LoadError, Results, Suite, formats, report};
use crate::{Output, check};

/// Run the tests of bundles
///
/// Suites are the files that toolgate.toml names under `tests`, `tests/*.yaml` if it names none. Files of `cedar
/// run-tests` (JSON) that lie beside them run too, on the same policies by Cedar's own authorizer.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate test demo
  toolgate test demo --filter refund                 a part of a suite's, case's, subject's or tool's name
  toolgate test demo --filter 'billing/*' --verbose
  toolgate test demo --watch                         again whenever a file of the bundle changes
  toolgate test packs/*/example --junit report.xml
  toolgate test demo --coverage --min-coverage 100 --lcov lcov.info
  toolgate test demo --mutate                        which mistakes in the policies would no test notice

The format of suites is in docs/testing.md.

Exit codes: 0 = all passed; 1 = a case failed, there was nothing to run, too little is covered, or a mutant survived; 2 = a bundle or a suite does not load.")]
pub(super) struct Args {
    /// The folders that hold a toolgate.toml each
    #[arg(required = true)]
    bundles: Vec<PathBuf>,
    /// Only cases of which the suite, the name, the subject or the tool contains this, or is matched by it (`*`, `?`)
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Show the cases that passed as well
    #[arg(short, long)]
    verbose: bool,
    /// Print one JSON object a line: the cases, then a summary
    #[arg(long, conflicts_with = "tap")]
    json: bool,
    /// Print TAP 14
    #[arg(long)]
    tap: bool,
    /// Write a JUnit report to this file as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run this file of `cedar run-tests` as well; may be given again
    #[arg(long, value_name = "FILE")]
    cedar_tests: Vec<PathBuf>,
    /// Measure what of the policies the cases reach
    #[arg(long)]
    coverage: bool,
    /// Fail if less than so many percent are covered: policies that determined an answer and sides of operands together
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_coverage: Option<f64>,
    /// Fail if less than so many percent of the policies determined an answer
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_policies: Option<f64>,
    /// Fail if less than so many percent of the sides of operands were seen
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_operands: Option<f64>,
    /// Write coverage as LCOV to this file, for editors
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,
    /// Run again whenever a file of a bundle changes, until stopped
    #[arg(long)]
    watch: bool,
    /// Test the tests: make the policies wrong, one change at a time, and report which changes no test notices
    #[arg(long, conflicts_with_all = ["filter", "verbose", "tap", "junit", "cedar_tests", "coverage"])]
    mutate: bool,
    /// With --mutate, only policies whose `@id` is matched by this (`*`, `?`)
    #[arg(long, value_name = "GLOB", requires = "mutate")]
    policy: Vec<String>,
}

pub(super) fn run(args: &Args) -> Output {
    if args.watch { watch::run(&args.bundles, || once(args)) } else { once(args) }
}

/// A bundle with its suites.
struct Tested {
    name: String,
    loaded: bundle::Loaded,
    suites: Vec<Suite>,
}

fn once(args: &Args) -> Output {
    if args.mutate {
        return mutate::run(&args.bundles, &args.policy, args.json);
    }
    let (mut tested, mut notes) = (Vec::new(), String::new());
    for dir in &args.bundles {
        match load(dir, &args.cedar_tests) {
            Ok(bundle) => tested.push(bundle),
            Err(text) => notes += &text,
        }
    }
    if !notes.is_empty() {
        return Output::failure(notes);
    }
    let filter = args.filter.as_deref().map_or_else(Filter::default, Filter::new);
    let all: Vec<(String, Results<'_>)> = tested
        .iter()
        .map(|it| (it.name.clone(), suite::run(&it.loaded.engine, &it.loaded.folder.bundle, &it.suites, &filter)))
        .collect();
    let mut output = Output::default();
    for (it, (name, results)) in tested.iter().zip(&all) {
        // a filter may match in one bundle and not in another
        let elsewhere = all.iter().any(|(_, results)| !results.cases.is_empty());
        let filtered = args.filter.is_some() && results.cases.is_empty() && elsewhere;
        if let Some(text) = report::nothing(&it.suites, results, args.filter.as_deref()).filter(|_| !filtered) {
            output.notes += &text;
            output.code = 1;
        }
        if results.failed() > 0 {
            output.code = 1;
        }
        if args.json {
            output.answer += &formats::json(results, name);
        } else if !args.tap && !results.cases.is_empty() {
            if all.len() > 1 {
                output.answer += &report::heading(name);
            }
            output.answer += &report::people(results, args.verbose);
            output.answer += if all.len() > 1 { "\n" } else { "" };
        }
    }
    if args.tap {
        output.answer = formats::tap(&all);
    }
    if args.measures() {
        cover(args, &tested, &all, &mut output);
    }
    if let Some(path) = &args.junit
        && let Err(text) = formats::junit(&all).and_then(|xml| write(path, &xml))
    {
        output.notes += &check::file_error(&FileError::new(path.display(), text));
        output.code = 2;
    }
    output
}

impl Args {
    fn measures(&self) -> bool {
        let least = [self.min_coverage, self.min_policies, self.min_operands];
        self.coverage || self.lcov.is_some() || least.iter().any(Option::is_some)
    }
}

/// Adds what was covered to the output.
fn cover(args: &Args, tested: &[Tested], all: &[(String, Results<'_>)], output: &mut Output) {
    let mut lcov = String::new();
    for (it, (name, results)) in tested.iter().zip(all).filter(|(_, (_, results))| !results.cases.is_empty()) {
        let covered = match coverage::measure(results, &it.loaded.engine, &it.loaded.folder.bundle.policies) {
            Ok(covered) => covered,
            Err(message) => {
                output.notes += &check::file_error(&FileError::new(name, message));
                output.code = 2;
                continue;
            }
        };
        if args.json {
            output.answer += &json_line(&serde_json::json!({"bundle": name, "coverage": covered.json()}));
        } else if !args.tap {
            let heading = if all.len() > 1 { report::heading(name) } else { String::new() };
            output.answer += &format!("\n{heading}{}", coverage::people(&covered, width(), args.verbose));
        }
        for text in args.short_of(&covered) {
            output.notes += &format!("error: {}: {text}\n", clean(name));
            output.code = output.code.max(1);
        }
        lcov += &coverage::lcov(&covered);
    }
    if let Some(path) = &args.lcov
        && let Err(text) = write(path, &lcov)
    {
        output.notes += &check::file_error(&FileError::new(path.display(), text));
        output.code = 2;
    }
}

impl Args {
    /// What falls short of what was asked for.
    fn short_of(&self, covered: &Coverage) -> Vec<String> {
        let asked: [(Option<f64>, Share, &str); 3] = [
            (self.min_coverage, covered.whole(), "is covered"),
            (self.min_policies, covered.of_policies(), "of the policies determined an answer"),
            (self.min_operands, covered.of_operands(), "of the sides of operands were seen"),
        ];
        let short = asked.into_iter().filter_map(|(least, share, what)| {
            let least = least.filter(|least| share.percent() < *least)?;
            Some(format!("{} % {what}, less than {least} %", share.percent()))
        });
        short.collect()
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim_end_matches('%').trim().parse().ok();
    number.filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| "write a number from 0 to 100".into())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("it cannot be written: {}", error.kind()))
}

fn load(dir: &Path, cedar_tests: &[PathBuf]) -> Result<Tested, String> {
    let loaded = bundle::load(dir).map_err(|error| check::failure(&error))?;
    let suites = suite::load(dir, &loaded);
    let mut suites = match suites {
        // Cedar's tests need no folder of ours
        Err(LoadError::Unreadable(_)) if !cedar_tests.is_empty() => Vec::new(),
        suites => suites.map_err(|error| report::failure(&error))?,
    };
    for path in cedar_tests {
        let source = bundle::read(path, suite::BYTES).map_err(|error| check::file_error(&error))?;
        let read = suite::cedar::read(&source);
        suites.push(read.map_err(|fault| report::failure(&LoadError::Refused(vec![fault])))?);
    }
    Ok(Tested { name: dir.display().to_string(), loaded, suites })
}
