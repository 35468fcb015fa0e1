//! `toolgate init`: a small bundle that works and is worth reading.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::Output;
use crate::bundle::{FileError, said};
use crate::render::clean;

/// The files of the template, by path.
pub const TEMPLATE: &[(&str, &str)] = &[
    ("toolgate.toml", include_str!("../template/toolgate.toml")),
    ("policies/everyday.cedar", include_str!("../template/policies/everyday.cedar")),
    ("policies/limits.cedar", include_str!("../template/policies/limits.cedar")),
    ("catalog/expenses.json", include_str!("../template/catalog/expenses.json")),
    ("catalog.toml", include_str!("../template/catalog.toml")),
    ("snapshot.json", include_str!("../template/snapshot.json")),
    ("tests/expenses.yaml", include_str!("../template/tests/expenses.yaml")),
    ("calls.jsonl", include_str!("../template/calls.jsonl")),
];

/// Writes the template into a folder that is empty or not there yet, and says what to do next.
pub fn init(dir: &Path) -> Result<Output, FileError> {
    if dir.symlink_metadata().is_ok() {
        let refuse = |error: std::io::Error| FileError::new(dir.display(), said(&error));
        if !dir.is_dir() {
            return Err(
                FileError::new(dir.display(), "this is no folder").help("name a folder that does not exist yet")
            );
        }
        if fs::read_dir(dir).map_err(refuse)?.next().is_some() {
            return Err(FileError::new(dir.display(), "the folder is not empty; nothing was written")
                .help("name a folder that does not exist yet"));
        }
    }
    let mut answer = String::new();
    for (name, text) in TEMPLATE {
        let path = dir.join(name);
        let refuse =
            |error: std::io::Error| FileError::new(path.display(), format!("it cannot be written: {}", error.kind()));
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(refuse)?;
        // never over a file that somebody put there in the meantime
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(refuse)?;
        file.write_all(text.as_bytes()).map_err(refuse)?;
        answer += &format!("wrote {}\n", clean(&path.display().to_string()));
    }
    let (bundle, calls) = (quoted(dir), quoted(&dir.join("calls.jsonl")));
    answer += &format!(
        "\nNow run\n\n    toolgate decide {bundle} --calls {calls}\n\nand start reading at policies/everyday.cedar.\n"
    );
    Ok(Output::answer(answer))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@,".contains(c);
    let text = if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) };
    clean(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("a/b-c")), "a/b-c");
        assert_eq!(quoted(Path::new("it's here")), r"'it'\''s here'");
    }
}
