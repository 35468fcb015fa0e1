//! `toolgate tools`.

use std::path::PathBuf;

use toolgate::{Instant, Subject};

use super::{clock, width, with};
use crate::tools::parse_subject;
use crate::{Output, tools};

/// List the tools, or what a subject sees of them
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate tools demo                       the inventory
  toolgate tools demo --subject ann/claude-code --now 2026-11-20T10:00:00Z
  toolgate tools demo --subject ann/claude-code --labels untrusted-content
  toolgate tools demo --json | jq -r 'select(.state != \"approved\") | .tool'

A subject is seen in a session that has just begun: no calls, signed in now, no labels but those of --labels. \
Without --acr nobody knows how, and policies take that as the weakest way.

Exit codes: 0 = listed, 2 = the bundle does not load.")]
pub(super) struct Args {
    /// The folder that holds toolgate.toml
    bundle: PathBuf,
    /// Whose tools: `user/client`, or a service principal
    #[arg(long, value_name = "SUBJECT", value_parser = parse_subject)]
    subject: Option<Subject>,
    /// When [default: now]
    #[arg(long, value_name = "RFC3339", requires = "subject")]
    now: Option<Instant>,
    /// What the session has seen
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',', requires = "subject")]
    labels: Vec<String>,
    /// How the user signed in: the authentication context class that policies read [default: unknown]
    #[arg(long, value_name = "ACR", requires = "subject")]
    acr: Option<String>,
    /// List hidden tools too
    #[arg(long, requires = "subject")]
    all: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Output {
    with(&args.bundle.clone(), |loaded| {
        let Some(subject) = args.subject else { return tools::inventory(&loaded.engine, args.json, width()) };
        let Some(now) = args.now.or_else(clock) else {
            return Output::failure("error: the system clock shows no usable time; pass --now\n");
        };
        let labels = args.labels.into_iter().filter(|label| !label.is_empty()).collect();
        let view = tools::View { subject, now, labels, acr: args.acr, all: args.all };
        tools::visible(&loaded.engine, &view, args.json, width())
    })
}
