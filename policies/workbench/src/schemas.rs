//! JSON Schemas (draft 2020-12) of every format that a person or a program writes or reads, for editors and clients.
//!
//! The files lie in `schemas/`; tests hold them to the readers.

use crate::Output;
use crate::render::Grid;

/// A format and its schema.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Its name, as `toolgate schema --format` takes it.
    pub name: &'static str,
    /// The files, or what prints it.
    pub about: &'static str,
    /// The schema.
    pub schema: &'static str,
}

macro_rules! formats {
    ($($name:literal $about:literal)*) => {
        /// Every format.
        pub const FORMATS: &[Format] = &[$(Format {
            name: $name,
            about: $about,
            schema: include_str!(concat!("../schemas/", $name, ".schema.json")),
        }),*];
    };
}

formats! {
    "toolgate" "toolgate.toml"
    "catalog" "catalog.toml"
    "snapshot" "snapshot.json"
    "snapshot-line" "a line of snapshot.jsonl"
    "delta" "a change of a snapshot: Engine::with, Live::apply"
    "call" "a call: a line of `decide --calls`"
    "decision" "a decision: a line of `decide --json`"
    "token-request" "a token request"
    "token-decision" "the answer to a token request"
    "tests" "tests/*.yaml, for `toolgate test`"
    "properties" "properties/*.toml, for `toolgate prove`"
    "explanation" "a line of `explain --json`"
}

/// One format by its name.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// The schema of a format.
pub fn schema(format: &Format) -> Output {
    Output::answer(format.schema)
}

/// The formats and what each is.
pub fn list(width: usize) -> Output {
    let mut grid = Grid::new(&["format", "what it is"]);
    FORMATS.iter().for_each(|format| grid.row(vec![format.name.into(), format.about.into()]));
    Output::answer(grid.render(width))
}
