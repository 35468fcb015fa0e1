//! The engine and the engine in use, by texts.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use toolgate::wire::{self, Answer, Parts};
use toolgate_workbench::bundle;

use crate::raise::{guard, load_error};
use crate::write::{json, plain, quote};

/// Outcome and reason by number, whether the call may run now, and the decision.
type Said = (u8, u8, bool, String);

/// Subject, tool, arguments, session and time.
type Call<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// An engine. Immutable, and safe to share between threads.
#[pyclass(frozen, module = "toolgate._native")]
pub(crate) struct Engine(toolgate::Engine);

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, sources: &str) -> PyResult<Self> {
        made(py, || wire::load(sources.as_bytes()))
    }

    #[staticmethod]
    fn from_bundle(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        made(py, || bundle::load(&path).map(|loaded| loaded.engine).map_err(|error| error.to_json()))
    }

    fn reload(&self, py: Python<'_>, sources: &str) -> PyResult<Self> {
        made(py, || wire::reload(&self.0, sources.as_bytes()))
    }

    fn with_delta(&self, py: Python<'_>, delta: &str) -> PyResult<Self> {
        made(py, || wire::with(&self.0, delta.as_bytes()))
    }

    fn decide(&self, py: Python<'_>, call: Call<'_>) -> PyResult<Said> {
        let limit = self.0.limits().call_bytes;
        let part = |name, value: &Bound<'_, PyAny>, ours| {
            let text = (!value.is_none()).then(|| json(value, ours, limit)).transpose();
            text.map_err(|fault| fault.under(name).raise(py))
        };
        guard(py, || {
            let (subject, tool) = (part("subject", &call.0, true)?, part("tool", &call.1, true)?);
            let (arguments, session) = (part("arguments", &call.2, false)?, part("session", &call.3, true)?);
            let now = part("now", &call.4, true)?;
            let parts = Parts {
                subject: subject.as_deref().unwrap_or("null"),
                tool: &quote(tool.as_deref().unwrap_or_default()),
                arguments: arguments.as_deref(),
                session: session.as_deref(),
                now: &quote(now.as_deref().unwrap_or_default()),
            };
            Ok(said(wire::decide(&self.0, parts.to_json().as_bytes())))
        })
    }

    fn decide_json(&self, py: Python<'_>, call: &Bound<'_, PyAny>) -> PyResult<Said> {
        guard(py, || {
            if let Ok(bytes) = call.cast::<PyBytes>() {
                return Ok(said(wire::decide(&self.0, bytes.as_bytes())));
            }
            let text = plain(call.cast::<PyString>()?).map_err(|fault| fault.raise(py))?;
            Ok(said(wire::decide(&self.0, text.as_bytes())))
        })
    }

    fn decide_many(&self, py: Python<'_>, calls: Vec<Bound<'_, PyAny>>, threads: usize) -> PyResult<Vec<Said>> {
        guard(py, || {
            let text = |call: &Bound<'_, PyAny>| match call.cast::<PyBytes>() {
                Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
                Err(_) => json(call, true, self.0.limits().call_bytes).map(String::into_bytes),
            };
            let numbered = calls.iter().enumerate();
            let texts = numbered.map(|(at, call)| text(call).map_err(|fault| fault.under(&at.to_string()).raise(py)));
            let texts: Vec<Vec<u8>> = texts.collect::<PyResult<_>>()?;
            let answers = py.detach(|| wire::decide_many(&self.0, &texts, threads));
            Ok(answers.into_iter().map(said).collect())
        })
    }

    fn visible_tools(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        guard(py, || py.detach(|| wire::visible_tools(&self.0, request.as_bytes())).map_err(load_error(py)))
    }

    fn decide_token(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        guard(py, || Ok(wire::decide_token(&self.0, request.as_bytes())))
    }

    fn describe(&self) -> String {
        wire::describe(&self.0)
    }

    fn schema(&self, py: Python<'_>) -> PyResult<String> {
        guard(py, || Ok(py.detach(|| self.0.schema())))
    }
}

/// The engine in use.
#[pyclass(frozen, module = "toolgate._native")]
pub(crate) struct Live(toolgate::Live);

#[pymethods]
impl Live {
    #[new]
    fn new(engine: &Engine) -> Self {
        Self(toolgate::Live::new(engine.0.clone()))
    }

    fn engine(&self) -> Engine {
        Engine(self.0.engine().clone())
    }

    fn swap(&self, py: Python<'_>, engine: &Engine) -> PyResult<()> {
        guard(py, || wire::swap(&self.0, engine.0.clone()).map_err(load_error(py)))
    }

    fn apply(&self, py: Python<'_>, delta: &str) -> PyResult<()> {
        guard(py, || py.detach(|| wire::apply(&self.0, delta.as_bytes())).map_err(load_error(py)))
    }
}

/// Loads without the interpreter's lock.
fn made(py: Python<'_>, load: impl FnOnce() -> Result<toolgate::Engine, String> + Send) -> PyResult<Engine> {
    guard(py, || py.detach(load).map(Engine).map_err(load_error(py)))
}

fn said(answer: Answer) -> Said {
    (answer.outcome as u8, answer.reason as u8, answer.allowed, answer.json)
}
