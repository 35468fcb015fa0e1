//! Exceptions, which are written in Python; and no panic gets past here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

/// The exception that a function of `toolgate._errors` makes.
pub(crate) fn raise(py: Python<'_>, make: &str, text: &str, pointer: &str) -> PyErr {
    let made = py.import("toolgate._errors").and_then(|module| module.call_method1(make, (text, pointer)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// Makes a `LoadError` of errors as JSON.
pub(crate) fn load_error(py: Python<'_>) -> impl Fn(String) -> PyErr {
    move |errors| raise(py, "load_error", &errors, "")
}

/// Runs `f`; a panic in it raises `InternalError`, a subclass of `Exception`.
pub(crate) fn guard<R>(py: Python<'_>, f: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Err(raise(py, "internal_error", &text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_default(), ""))
    })
}
