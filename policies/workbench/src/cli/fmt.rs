//! `toolgate fmt`.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toolgate::Limits;

use crate::bundle::{self, FileError};
use crate::fmt::{self, Formatted};
use crate::{Output, check};

/// Lay out policies as Cedar's own formatter does
///
/// Comments stay where they are, and so do blank lines between them. A file that is no Cedar, or that would lose a
/// comment, is left alone.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  toolgate fmt demo                            every policy file of a bundle
  toolgate fmt policies/*.cedar --check        in CI: what would change, nothing is written
  toolgate fmt --stdin < a.cedar > b.cedar     for editors

Exit codes: 0 = formatted (with --check: all were); 1 = with --check: some are not; 2 = a file is left alone, or \
cannot be read or written.")]
pub(super) struct Args {
    /// Bundles (folders with a toolgate.toml) and policy files
    #[arg(value_name = "PATH", required_unless_present = "stdin", conflicts_with = "stdin")]
    paths: Vec<PathBuf>,
    /// Write nothing; show what would change
    #[arg(long)]
    check: bool,
    /// Read one file from stdin, write it to stdout
    #[arg(long)]
    stdin: bool,
    /// Print one JSON object a file
    #[arg(long, conflicts_with = "stdin")]
    json: bool,
}

pub(super) fn run(args: &Args) -> Output {
    if args.stdin {
        return stdin(args.check);
    }
    let (mut files, mut problems): (Vec<Formatted>, Vec<FileError>) = (Vec::new(), Vec::new());
    // two bundles may share a file
    let mut seen = BTreeSet::new();
    for path in args.paths.iter().flat_map(|path| expand(path, &mut problems)).collect::<Vec<_>>() {
        if !seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            continue;
        }
        match read(&path) {
            Ok(text) => files.push(Formatted::new(path.display().to_string(), text)),
            Err(error) => problems.push(error),
        }
    }
    if !args.check {
        for file in &mut files {
            let changed = file.changes();
            let Ok(text) = &file.after else { continue };
            if changed && let Err(error) = bundle::replace(Path::new(&file.file), text.as_bytes()) {
                file.after = Err(error);
            }
        }
    }
    let mut output = fmt::report(&files, args.check, args.json);
    for problem in &problems {
        output.notes += &check::file_error(problem);
        output.code = 2;
    }
    output
}

/// The policy files of a bundle, or the file itself.
fn expand(path: &Path, problems: &mut Vec<FileError>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_path_buf()];
    }
    match bundle::policy_files(path) {
        Ok(paths) => paths,
        Err(errors) => {
            problems.extend(errors);
            Vec::new()
        }
    }
}

fn read(path: &Path) -> Result<String, FileError> {
    let source = bundle::read(path, Limits::default().policy_file_bytes)?;
    text(source.bytes, &source.file)
}

fn text(bytes: Vec<u8>, file: &str) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|_| FileError::new(file, "the file is not UTF-8").help("save the file as UTF-8"))
}

fn stdin(check: bool) -> Output {
    let limit = Limits::default().policy_file_bytes;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let result = std::io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| FileError::new("stdin", bundle::said(&error)))
        .and_then(|_| match bytes.len() > limit {
            true => Err(FileError::new("stdin", format!("there is more than {limit} bytes"))),
            false => text(std::mem::take(&mut bytes), "stdin"),
        });
    let file = match result {
        Ok(text) => Formatted::new("stdin", text),
        Err(error) => return Output::failure(check::file_error(&error)),
    };
    match &file.after {
        Ok(_) if check => fmt::report(std::slice::from_ref(&file), true, false),
        Ok(after) => Output::answer(after.as_str()),
        Err(error) => Output::failure(check::file_error(error)),
    }
}
