//! `toolgate schema`.

use std::path::PathBuf;

use super::with;
use crate::{Output, schema};

/// Print the Cedar schema that policies are validated against
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate schema demo > demo.cedarschema           for editors and other Cedar tools

Exit codes: 0 = printed, 2 = the bundle does not load.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    bundle: PathBuf,
}

pub(super) fn run(args: &Args) -> Output {
    with(&args.bundle, |loaded| schema::schema(&loaded.engine))
}
