//! `toolgate schema`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use super::{width, with};
use crate::{Output, schema, schemas};

/// Print the Cedar schema of a bundle, or the JSON Schema of a file format
///
/// Policies of a bundle are validated against its Cedar schema, which follows from its tools. The JSON Schemas are the
/// same for every bundle: editors check toolgate.toml, catalog.toml, snapshots and tests against them while you type.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate schema demo > demo.cedarschema           for editors and other Cedar tools
  toolgate schema --format catalog > catalog.schema.json
  toolgate schema --formats                         which formats there are

Exit codes: 0 = printed, 2 = the bundle does not load.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml: print its Cedar schema
    #[arg(required_unless_present_any = ["format", "formats"], conflicts_with_all = ["format", "formats"])]
    bundle: Option<PathBuf>,
    /// Print the JSON Schema of this format instead
    #[arg(long, value_name = "NAME", value_parser = names(), hide_possible_values = true)]
    format: Option<String>,
    /// List the formats that have a JSON Schema
    #[arg(long, conflicts_with = "format")]
    formats: bool,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(schemas::FORMATS.iter().map(|format| format.name))
}

pub(super) fn run(args: &Args) -> Output {
    match (&args.bundle, args.format.as_deref().and_then(schemas::find)) {
        (Some(bundle), _) => with(bundle, |loaded| schema::schema(&loaded.engine)),
        (None, Some(format)) => schemas::schema(format),
        (None, None) => schemas::list(width()),
    }
}
