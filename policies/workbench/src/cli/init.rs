//! `toolgate init`.

use std::path::PathBuf;

use crate::{Output, check, init};

/// Write a small bundle that works into a new folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate init demo

Exit codes: 0 = written, 2 = the folder is not empty, or cannot be written.")]
pub(super) struct Args {
    /// The folder; new or empty
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Output {
    init::init(&args.dir).unwrap_or_else(|error| Output::failure(check::file_error(&error)))
}
