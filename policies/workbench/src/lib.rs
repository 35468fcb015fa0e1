//! The workbench: everything the `toolgate` command does, as a library.
//!
//! Each command is a function from an engine and its input to text. Only [`bundle`], [`init`] and
//! [`decide::read_calls`] touch files; only [`cli`] reads a clock and prints.
//!
//! ```no_run
//! use std::path::Path;
//! use toolgate_workbench::{bundle, decide};
//!
//! let loaded = bundle::load(Path::new("policies/examples/acme"))?;
//! let calls = std::fs::read("policies/examples/acme/calls.jsonl")?;
//! print!("{}", decide::table(&decide::all(&loaded.engine, &calls), 80));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bundle;
pub mod check;
pub mod cli;
pub mod coverage;
pub mod decide;
pub mod diff;
pub mod explain;
pub mod fmt;
pub mod init;
pub mod lint;
pub mod matrix;
pub mod mutate;
#[cfg(feature = "prove")]
pub mod prove;
pub mod render;
pub mod samples;
pub mod sarif;
pub mod schema;
pub mod schemas;
pub mod source;
mod stack;
pub mod suite;
pub mod tools;

/// What a command has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The answer, for stdout. May hold colours (ANSI), which the caller strips where they do not belong.
    pub answer: String,
    /// Everything for a person that is not the answer, for stderr.
    pub notes: String,
    /// The exit code: 0 = fine, 1 = the answer is no, 2 = it could not run.
    pub code: u8,
}

impl Output {
    /// An answer that is fine.
    pub fn answer(answer: impl Into<String>) -> Self {
        Self { answer: answer.into(), ..Self::default() }
    }

    /// It could not run, and why.
    pub fn failure(notes: impl Into<String>) -> Self {
        Self { notes: notes.into(), code: 2, ..Self::default() }
    }
}
