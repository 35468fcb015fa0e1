//! What the command line takes, in clap's words.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use toolgate::{Instant, Subject};
use toolgate_workbench::tools::parse_subject;

/// Decides AI agents' tool calls against policies: auto_approve, self_approve, manager_approve, deny, ticket_fallback.
#[derive(Parser)]
#[command(
    name = "toolgate",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  toolgate init demo                                start with a small bundle that works
  toolgate check demo                               does it load, and what was found
  toolgate decide demo --calls demo/calls.jsonl     decide some calls
  toolgate tools demo --subject ann/claude-code     what an agent sees

Exit codes: 0 = fine, 1 = the answer is no, 2 = it could not run."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Decide calls
    ///
    /// Calls are JSON Lines, or one JSON object over as many lines as you like. A line that is no call is denied as
    /// invalid_request, never skipped.
    #[command(after_help = "\
Examples:
  toolgate decide demo --calls demo/calls.jsonl
  toolgate decide demo --calls call.json && echo it may run now
  jq -c .call records.jsonl | toolgate decide demo --json | jq -r .outcome

Exit codes: 0 = decided; 1 = there was exactly one call, and it may not run now: refused, or somebody must be asked first (with several calls the answers are in the output); 2 = the bundle does not load, or the calls cannot be read.")]
    Decide(DecideArgs),
    /// List the tools, or what a subject sees of them
    #[command(after_help = "\
Examples:
  toolgate tools demo                       the inventory
  toolgate tools demo --subject ann/claude-code --now 2026-11-20T10:00:00Z
  toolgate tools demo --subject ann/claude-code --labels untrusted-content
  toolgate tools demo --json | jq -r 'select(.state != \"approved\") | .tool'

A subject is seen in a session that has just begun: no calls, signed in now, no labels but those of --labels. \
Without --acr nobody knows how, and policies take that as the weakest way.

Exit codes: 0 = listed, 2 = the bundle does not load.")]
    Tools(ToolsArgs),
    /// Print the Cedar schema that policies are validated against
    #[command(after_help = "\
Examples:
  toolgate schema demo > demo.cedarschema           for editors and other Cedar tools

Exit codes: 0 = printed, 2 = the bundle does not load.")]
    Schema {
        /// The folder that holds toolgate.toml
        bundle: PathBuf,
    },
    /// Load a bundle and report what is wrong, and what is worth knowing
    #[command(after_help = "\
Examples:
  toolgate check demo
  toolgate check demo --json | jq .findings

Exit codes: 0 = it loads (findings are notes), 1 = it does not load, 2 = files are missing or cannot be read.")]
    Check {
        /// The folder that holds toolgate.toml
        bundle: PathBuf,
        /// Show every note
        #[arg(short, long)]
        verbose: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write a small bundle that works into a new folder
    #[command(after_help = "\
Examples:
  toolgate init demo

Exit codes: 0 = written, 2 = the folder is not empty, or cannot be written.")]
    Init {
        /// The folder; new or empty
        dir: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct DecideArgs {
    /// The folder that holds toolgate.toml
    pub(crate) bundle: PathBuf,
    /// The calls; `-` is stdin, and the default unless stdin is a terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) calls: Option<PathBuf>,
    /// Print the decisions, one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ToolsArgs {
    /// The folder that holds toolgate.toml
    pub(crate) bundle: PathBuf,
    /// Whose tools: `user/client`, or a service principal
    #[arg(long, value_name = "SUBJECT", value_parser = parse_subject)]
    pub(crate) subject: Option<Subject>,
    /// When [default: now]
    #[arg(long, value_name = "RFC3339", requires = "subject")]
    pub(crate) now: Option<Instant>,
    /// What the session has seen
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',', requires = "subject")]
    pub(crate) labels: Vec<String>,
    /// How the user signed in: the authentication context class that policies read [default: unknown]
    #[arg(long, value_name = "ACR", requires = "subject")]
    pub(crate) acr: Option<String>,
    /// List hidden tools too
    #[arg(long, requires = "subject")]
    pub(crate) all: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
