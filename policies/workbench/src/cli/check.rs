//! `toolgate check`.

use std::path::PathBuf;

use crate::{Output, bundle, check};

/// Load a bundle and report what is wrong, and what is worth knowing
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate check demo
  toolgate check demo --json | jq .findings

Exit codes: 0 = it loads (findings are notes), 1 = it does not load, 2 = files are missing or cannot be read.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    bundle: PathBuf,
    /// Show every note
    #[arg(short, long)]
    verbose: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Output {
    match bundle::load(&args.bundle) {
        Ok(loaded) => check::report(&loaded, args.verbose, args.json),
        Err(error) => check::refused(&error, args.json),
    }
}
