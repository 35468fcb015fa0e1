//! The `toolgate` command: arguments in, exit code out. What it does is in the library.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use toolgate::Instant;
use toolgate_workbench::bundle::{self, FileError, Loaded};
use toolgate_workbench::{Output, check, decide, init, schema, tools};

mod args;

use args::{Cli, Command, DecideArgs, ToolsArgs};

fn main() -> ExitCode {
    let output = run(Cli::parse().command);
    let notes = put(anstream::stderr().lock(), &output.notes);
    match put(anstream::stdout().lock(), &output.answer) {
        Ok(()) => ExitCode::from(output.code),
        Err(error) => {
            let message = format!("error: the answer cannot be written: {}\n", error.kind());
            // if stderr is gone as well there is nobody left to tell
            let _ = notes.and_then(|()| put(anstream::stderr().lock(), &message));
            ExitCode::from(2)
        }
    }
}

/// Writes all of `text`. A reader that has gone away (`| head`) has what it wanted.
fn put(mut to: impl Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn run(command: Command) -> Output {
    match command {
        Command::Decide(args) => decide_calls(&args),
        Command::Tools(args) => list_tools(args),
        Command::Schema { bundle } => with(&bundle, |loaded| schema::schema(&loaded.engine)),
        Command::Check { bundle, verbose, json } => match bundle::load(&bundle) {
            Ok(loaded) => check::report(&loaded, verbose, json),
            Err(error) => check::refused(&error, json),
        },
        Command::Init { dir } => init::init(&dir).unwrap_or_else(|error| Output::failure(check::file_error(&error))),
    }
}

/// Runs a command on a bundle, if it loads.
fn with(dir: &Path, command: impl FnOnce(&Loaded) -> Output) -> Output {
    match bundle::load(dir) {
        Ok(loaded) => command(&loaded),
        Err(error) => Output::failure(check::failure(&error)),
    }
}

fn decide_calls(args: &DecideArgs) -> Output {
    with(&args.bundle, |loaded| {
        let input = calls(args).and_then(|path| decide::read_calls(&path).map(|input| (path, input)));
        let (path, input) = match input {
            Ok(input) => input,
            Err(error) => return Output::failure(check::file_error(&error)),
        };
        let decided = decide::all(&loaded.engine, &input);
        if decided.is_empty() {
            let error = FileError::new(path.display(), "there are no calls").help("a call is a JSON object on a line");
            return Output::failure(check::file_error(&error));
        }
        let answer = if args.json { decide::json(&decided) } else { decide::table(&decided, width()) };
        Output { answer, notes: String::new(), code: decide::exit_code(&decided) }
    })
}

/// Where the calls come from.
fn calls(args: &DecideArgs) -> Result<PathBuf, FileError> {
    if let Some(path) = &args.calls {
        return Ok(path.clone());
    }
    if !io::stdin().is_terminal() {
        return Ok(PathBuf::from("-"));
    }
    let own = args.bundle.join("calls.jsonl");
    let help = if own.is_file() {
        format!("pass --calls FILE, or pipe calls in; this bundle brings some: --calls {}", own.display())
    } else {
        "pass --calls FILE.jsonl, or pipe calls in".into()
    };
    Err(FileError::new("stdin", "no calls were given, and stdin is a terminal").help(help))
}

fn list_tools(args: ToolsArgs) -> Output {
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
