//! The native half of the Python package `toolgate`: texts in, texts out, without the interpreter's lock where it is
//! worth it. What Python's people expect is written in Python (`python/toolgate`).

#[expect(clippy::needless_pass_by_value, reason = "what Python passes comes by value")]
mod engine;
mod raise;
mod write;

use std::ffi::OsString;

use pyo3::prelude::*;

/// The native half of `toolgate`.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::{codes, dumps, engine::Engine, engine::Live, main, panic};
}

/// Runs the `toolgate` command; the first argument is the program's name. Returns the exit code.
#[pyfunction]
fn main(py: Python<'_>, args: Vec<OsString>) -> PyResult<u8> {
    raise::guard(py, || Ok(py.detach(|| toolgate_workbench::cli::main(args))))
}

/// Every code there is, as JSON.
#[pyfunction]
fn codes() -> String {
    toolgate::wire::codes()
}

/// The JSON of a value, with instants and durations as text; a text or bytes are JSON already.
#[pyfunction]
fn dumps(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<String> {
    raise::guard(py, || write::json(value, true, usize::MAX).map_err(|fault| fault.raise(py)))
}

/// Panics, to show that a panic is an exception like any other.
#[pyfunction]
fn panic(py: Python<'_>) -> PyResult<()> {
    raise::guard(py, || std::panic::resume_unwind(Box::new("as asked")))
}
