//! The shape of the code, held by a test: arrows point one way, files stay small, and what keeps the gate shut is
//! tested by name.

#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::path::{Path, PathBuf};

const PHASES: [&str; 4] = ["data", "load", "compile", "eval"];

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            all.push((path, text));
        }
    }
    all.sort();
    all
}

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The part of a file that ships: everything before its tests.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// The files that ship.
fn shipping(folder: &Path) -> Vec<(PathBuf, String)> {
    let is_test = |path: &Path| path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"));
    sources(folder).into_iter().filter(|(path, _)| !is_test(path)).collect()
}

#[test]
fn arrows_point_one_way() {
    for (at, phase) in PHASES.iter().enumerate() {
        for (path, text) in shipping(&core().join("src").join(phase)) {
            for later in &PHASES[at + 1..] {
                let arrow = format!("crate::{later}");
                assert!(!shipped(&text).contains(&arrow), "{} points up to {later}", path.display());
            }
            for top in ["crate::engine", "crate::live", "crate::wire"] {
                assert!(!shipped(&text).contains(top), "{} points up to {top}", path.display());
            }
        }
    }
}

#[test]
fn data_and_the_ladder_know_no_cedar() {
    let mut plain = sources(&core().join("src/data"));
    plain.extend(sources(&core().join("src/eval")).into_iter().filter(|(path, _)| path.ends_with("ladder.rs")));
    assert!(plain.len() > 8);
    for (path, text) in plain {
        assert!(!text.contains("cedar_policy"), "{}", path.display());
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in sources(&core().join("src")) {
        let lines = shipped(&text).lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
    let ladder = std::fs::read_to_string(core().join("src/eval/ladder.rs")).unwrap();
    assert!(shipped(&ladder).lines().count() <= 110, "the rule no longer fits on a screen or two");
}

/// Cedar's JSON parser turns `{"__entity": …}` in an argument into an entity: it is not used.
#[test]
fn arguments_never_pass_through_cedars_json_parser() {
    for (path, text) in shipping(&core().join("src")) {
        for parser in ["Context::from_json", "Entities::from_json", "from_json_str(", "Entity::from_json"] {
            assert!(!shipped(&text).contains(parser), "{} uses {parser}", path.display());
        }
    }
}

/// `// FAIL-CLOSED: name` marks a line that keeps the gate shut; a test bears that name.
#[test]
fn every_line_that_keeps_the_gate_shut_is_tested_by_name() {
    let mut all = sources(&core().join("src"));
    all.extend(sources(&core().join("tests")));
    let tests: String = all.iter().map(|(_, text)| text.as_str()).collect();
    let mut marks = 0;
    for (path, text) in sources(&core().join("src")) {
        for line in text.lines().filter_map(|line| line.split_once("// FAIL-CLOSED: ")) {
            let name = line.1.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(tests.contains(&format!("fn {name}()")), "{}: no test is called `{name}`", path.display());
            marks += 1;
        }
    }
    assert!(marks >= 20, "{marks}");
}

/// What is decided is decided here; a binding in another language is lifetimes and habits of its people.
#[test]
fn bindings_stay_thin() {
    let root = core().join("..");
    let mut bindings = 0;
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("bindings-") && path.join("src").is_dir() {
            let lines: usize = sources(&path.join("src")).iter().map(|(_, text)| text.lines().count()).sum();
            assert!((1..=350).contains(&lines), "{name} has {lines} lines of Rust");
            bindings += 1;
        }
    }
    assert!(bindings >= 1);
}

#[test]
fn core_stays_small() {
    let manifest = std::fs::read_to_string(core().join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let count = dependencies.lines().filter(|line| line.contains('=')).count();
    assert!((1..=13).contains(&count), "{count} direct dependencies");
    for (path, text) in shipping(&core().join("src")) {
        for io in [
            "std::fs",
            "TcpStream",
            "UdpSocket",
            "ToSocketAddrs",
            "std::env",
            "std::process",
            "SystemTime",
            "Instant::now",
            "std::io",
            "println!",
            "thread::",
        ] {
            // loading and many decisions at once use every processor; what comes out does not depend on how many
            if io == "thread::" && path.ends_with("src/parallel.rs") {
                continue;
            }
            assert!(!shipped(&text).contains(io), "{} does {io}", path.display());
        }
    }
}
