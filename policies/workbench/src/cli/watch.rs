//! Running again whenever a file of a bundle changes.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher as _};

use crate::bundle::{self, FileError};
use crate::{Output, check};

/// An editor writes several times when it saves once.
const SETTLE: Duration = Duration::from_millis(150);

/// Runs now, and again after every change in the folders of the bundles, until stopped.
pub(super) fn run(bundles: &[PathBuf], once: impl Fn() -> Output) -> Output {
    let (sender, changes) = mpsc::channel();
    let changed = move |event: notify::Result<notify::Event>| {
        // reading is no change
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            let _ = sender.send(());
        }
    };
    let mut watcher = match notify::recommended_watcher(changed) {
        Ok(watcher) => watcher,
        Err(error) => return Output::failure(format!("error: files cannot be watched: {error}\n")),
    };
    for folder in folders(bundles) {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::Recursive) {
            let error = FileError::new(folder.display(), format!("it cannot be watched: {error}"));
            return Output::failure(check::file_error(&error));
        }
    }
    loop {
        let output = once();
        let shown = show(&output);
        if shown.is_err() || changes.recv().is_err() {
            return Output::default();
        }
        while changes.recv_timeout(SETTLE).is_ok() {}
    }
}

fn show(output: &Output) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    stderr.write_all(output.notes.as_bytes())?;
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(output.answer.as_bytes())?;
    stdout.flush()?;
    stderr.write_all("\nwaiting for a change; stop with Ctrl-C\n\n".as_bytes())
}

/// The folders of the bundles, and those outside that their manifests name policies in.
fn folders(bundles: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for dir in bundles {
        folders.insert(dir.clone());
        let Ok(folder) = bundle::read_bundle(dir) else { continue };
        let outside = folder.manifest.policies.iter().chain(&folder.manifest.tests).filter_map(|pattern| {
            let (folder, _) = pattern.rsplit_once('/')?;
            Some(dir.join(folder)).filter(|path| path.is_dir() && outside(dir, path))
        });
        folders.extend(outside.collect::<Vec<_>>());
    }
    folders
}

fn outside(dir: &Path, path: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    !real(path).starts_with(real(dir))
}
