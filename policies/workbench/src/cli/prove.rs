//! `toolgate prove`.

#[cfg(feature = "prove")]
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
#[cfg(feature = "prove")]
use std::time::Duration;

#[cfg(feature = "prove")]
use super::with;
use crate::Output;
#[cfg(feature = "prove")]
use crate::{
    bundle::{FileError, Loaded},
    check,
    prove::{self, Listener, Options, Progress, Property},
};

/// Prove statements about all calls, or find one that shows otherwise
///
/// Built-in properties: no policy can be in error; approval only ever loosens; no delete runs by itself; nobody without
/// an entitlement is permitted. Your own stand in `properties/*.toml` of the bundle. A counterexample is put to the
/// engine and printed as a test case. Needs the solver cvc5: on the PATH, or named by the environment variable CVC5.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate prove demo                                  the built-in properties and the bundle's own
  toolgate prove demo --property extra.toml            and those of another file
  toolgate prove demo --only no-delete-runs-by-itself  one of them
  toolgate prove demo --save demo/tests/found.yaml     counterexamples as a test suite
  toolgate prove demo --against main/demo              nothing became more permissive

A property file:
  [[property]]
  name = \"large-refunds-need-the-manager\"
  tools = [\"billing/create_refund\"]
  when = 'context.input.amount > 50000'
  then = \"at least manager_approve\"

Exit codes: 0 = all proved, 1 = a property is refuted, or unknown, 2 = the bundle does not load, a property file is wrong, or there is no solver.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    bundle: PathBuf,
    /// Prove the properties of this file as well; may be repeated
    #[arg(long, value_name = "FILE")]
    property: Vec<PathBuf>,
    /// Prove only the property of this name; may be repeated
    #[arg(long, value_name = "NAME", conflicts_with = "against")]
    only: Vec<String>,
    /// Prove that nothing became more permissive than in this bundle
    #[arg(long, value_name = "OLD", conflicts_with = "property")]
    against: Option<PathBuf>,
    /// How long the solver may think about one question, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// How many solvers work at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Write all counterexamples to this file, as a test suite
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Print the answers, one JSON object a line
    #[arg(long)]
    json: bool,
}

#[cfg(not(feature = "prove"))]
pub(super) fn run(_: &Args) -> Output {
    Output::failure(
        "error: this toolgate was built without proofs\n help: build it with the feature `prove`, which is on by default\n",
    )
}

#[cfg(feature = "prove")]
pub(super) fn run(args: &Args) -> Output {
    with(&args.bundle, |loaded| match &args.against {
        None => prove_it(args, loaded),
        Some(old) => with(old, |old| compare(args, loaded, old)),
    })
}

#[cfg(feature = "prove")]
fn prove_it(args: &Args, loaded: &Loaded) -> Output {
    let properties = match properties(args) {
        Ok(properties) => properties,
        Err(errors) => return Output::failure(errors.iter().map(check::file_error).collect::<String>()),
    };
    let options = match options(args) {
        Ok(options) => options,
        Err(failure) => return failure,
    };
    finish(args, loaded, &mut |listen| prove::prove(loaded, &properties, &options, listen))
}

#[cfg(feature = "prove")]
fn compare(args: &Args, loaded: &Loaded, old: &Loaded) -> Output {
    match options(args) {
        Ok(options) => finish(args, loaded, &mut |listen| prove::compare(loaded, old, &options, listen)),
        Err(failure) => failure,
    }
}

/// The built-in properties, the bundle's, and those of the files named; or of all these the ones asked for.
#[cfg(feature = "prove")]
fn properties(args: &Args) -> Result<Vec<Property>, Vec<FileError>> {
    let mut paths = prove::find_properties(&args.bundle).map_err(|error| vec![error])?;
    // naming a file of the bundle is no second one
    let same = |a: &PathBuf, b: &PathBuf| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    for path in &args.property {
        if !paths.iter().any(|known| same(known, path)) {
            paths.push(path.clone());
        }
    }
    let mut all = Property::built_in();
    all.extend(prove::read_properties(&paths)?);
    if let Some(unknown) = args.only.iter().find(|name| !all.iter().any(|property| property.name == **name)) {
        let names: Vec<&str> = all.iter().map(|property| property.name.as_str()).collect();
        let error = FileError::new("--only", format!("there is no property `{unknown}`"));
        return Err(vec![error.help(format!("there are {}", names.join(", ")))]);
    }
    all.retain(|property| args.only.is_empty() || args.only.contains(&property.name));
    Ok(all)
}

#[cfg(feature = "prove")]
fn options(args: &Args) -> Result<Options, Output> {
    let solver = prove::find_solver().map_err(|why| {
        Output::failure(format!(
            "error: {why}\n help: install it (Debian and Ubuntu: `apt-get install cvc5`; macOS: `brew install cvc5/cvc5/cvc5`; \
             others: https://github.com/cvc5/cvc5/releases), or name it with the environment variable CVC5\n"
        ))
    })?;
    Ok(Options { solver, timeout: Duration::from_secs(args.timeout), workers: args.jobs.into() })
}

#[cfg(feature = "prove")]
fn finish(args: &Args, loaded: &Loaded, work: &mut dyn FnMut(Listener<'_>) -> Result<prove::Report, String>) -> Output {
    let shows = io::stderr().is_terminal();
    let listen = |progress: &Progress<'_>| {
        if shows {
            tell(progress);
        }
    };
    let report = work(&listen);
    if shows {
        // the line of the progress goes when the answer comes
        let _ = write!(io::stderr(), "\r\u{1b}[2K");
    }
    let report = match report {
        Ok(report) => report,
        Err(why) => return Output::failure(format!("error: {why}\n")),
    };
    if let (Some(path), Some(suite)) = (&args.save, prove::suite(&report))
        && let Err(error) = std::fs::write(path, suite)
    {
        let error = FileError::new(path.display(), format!("it cannot be written: {}", error.kind()));
        return Output::failure(check::file_error(&error));
    }
    if args.json {
        prove::report::json(&report, args.against.is_some())
    } else {
        prove::report::text(&report, &loaded.folder.manifest.name)
    }
}

#[cfg(feature = "prove")]
fn tell(progress: &Progress<'_>) {
    let ((property, properties), (environment, environments)) = (progress.property, progress.environment);
    let asked = crate::render::short(&progress.asked.to_string(), 40).into_owned();
    let line =
        format!("property {property} of {properties}, {}: {environment} of {environments}, {asked}", progress.name);
    // a terminal that is gone has nobody to tell
    let _ = write!(io::stderr(), "\r\u{1b}[2K{}", crate::render::clean(&line));
}
