//! Every seed and every crash found so far, through the bodies of the fuzz targets (`fuzz/README.md`).

#![expect(clippy::unwrap_used, reason = "a file that cannot be read is a failing test")]

use std::fs;
use std::path::{Path, PathBuf};

#[expect(clippy::arithmetic_side_effects, clippy::panic, reason = "an overflow or a panic here is a failing test")]
#[expect(unreachable_pub, reason = "the fuzz targets are another crate, and see these from there")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// The files in `fuzz/corpus/<target>` and `fuzz/crashes/<target>`; there may be no crashes yet.
fn inputs(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["corpus", "crashes"].map(|kind| fuzz.join(kind).join(target));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Replays them all, so that one failure does not hide another.
fn replay(target: &str, body: fn(&[u8])) {
    let files = inputs(target);
    assert!(!files.is_empty(), "no seeds for `{target}`");
    let failed: Vec<&PathBuf> = files
        .iter()
        .filter(|file| {
            let bytes = fs::read(file).unwrap();
            std::panic::catch_unwind(|| body(&bytes)).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn reader() {
    replay("reader", targets::reader);
}

#[test]
fn tools_list() {
    replay("tools_list", targets::tools_list);
}

#[test]
fn snapshot() {
    replay("snapshot", targets::snapshot);
}

#[test]
fn decide() {
    replay("decide", targets::decide);
}
