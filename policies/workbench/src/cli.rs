//! The command line: arguments in, text and exit code out. One file a command; what each does is in the library.
//!
//! It is a module, not only a binary, so that packages for other languages install the same command.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use toolgate::Instant;

use crate::Output;
use crate::bundle::{self, Loaded};

mod check;
mod decide;
mod diff;
mod explain;
mod fmt;
mod init;
mod matrix;
mod mutate;
mod prove;
mod schema;
mod test;
mod tools;
mod watch;

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
  toolgate test demo                                run its tests
  toolgate decide demo --calls demo/calls.jsonl     decide some calls
  toolgate explain demo --call demo/calls.jsonl --line 3   why, and why not
  toolgate tools demo --subject ann/claude-code     what an agent sees
  toolgate prove demo                               what holds for every call

Exit codes: 0 = fine, 1 = the answer is no, 2 = it could not run."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Decide(decide::Args),
    Tools(tools::Args),
    Schema(schema::Args),
    Check(check::Args),
    Prove(prove::Args),
    Test(test::Args),
    Explain(explain::Args),
    Fmt(fmt::Args),
    Init(init::Args),
    Matrix(matrix::Args),
    Diff(diff::Args),
}

/// Runs the command as if from a shell: reads the arguments (the first is the program's name), prints, and gives back
/// the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // help and version are answers too
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return code;
        }
    };
    let output = run(cli.command);
    let notes = put(anstream::stderr().lock(), &output.notes);
    match put(anstream::stdout().lock(), &output.answer) {
        Ok(()) => output.code,
        Err(error) => {
            let message = format!("error: the answer cannot be written: {}\n", error.kind());
            // if stderr is gone as well there is nobody left to tell
            let _ = notes.and_then(|()| put(anstream::stderr().lock(), &message));
            2
        }
    }
}

fn run(command: Command) -> Output {
    match command {
        Command::Decide(args) => decide::run(&args),
        Command::Tools(args) => tools::run(args),
        Command::Schema(args) => schema::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Diff(args) => diff::run(&args),
    }
}

/// Writes all of `text`. A reader that has gone away (`| head`) has what it wanted.
fn put(mut to: impl Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Runs a command on a bundle, if it loads.
fn with(dir: &Path, command: impl FnOnce(&Loaded) -> Output) -> Output {
    match bundle::load(dir) {
        Ok(loaded) => command(&loaded),
        Err(error) => Output::failure(crate::check::failure(&error)),
    }
}

/// The system's clock. The core has none.
fn clock() -> Option<Instant> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Instant::from_unix_millis(i64::try_from(since.as_millis()).ok()?)
}

/// How wide the answer may be: `COLUMNS`, else the terminal, else 80.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|&columns| columns > 0);
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).unwrap_or(80)
}
