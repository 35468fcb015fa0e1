//! From Python values to the JSON text that the core's reader judges. Nothing is rounded, dropped or merged on the way:
//! what has no JSON is an error.

use std::borrow::Cow;
use std::fmt::Write as _;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::raise::raise;

/// What is wrong, and the JSON pointer of where.
pub(crate) struct Fault(String, String);

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into(), String::new())
    }

    pub(crate) fn under(mut self, key: &str) -> Self {
        self.1 = format!("/{}{}", key.replace('~', "~0").replace('/', "~1"), self.1);
        self
    }

    pub(crate) fn raise(&self, py: Python<'_>) -> PyErr {
        raise(py, "call_error", &self.0, &self.1)
    }
}

/// The JSON of a value. A text or bytes are JSON already. Beyond `limit` bytes there may be less: more than the reader
/// takes is refused by its size. `ours` are values in which instants and durations stand for texts; arguments are not.
pub(crate) fn json(value: &Bound<'_, PyAny>, ours: bool, limit: usize) -> Result<String, Fault> {
    if let Ok(text) = value.cast::<PyString>() {
        return plain(text).map(Into::into);
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return String::from_utf8(bytes.as_bytes().to_vec()).map_err(|error| Fault::new(error.to_string()));
    }
    let mut writer = Writer { out: String::with_capacity(256), ours, limit };
    writer.value(value, 0).map(|()| writer.out)
}

/// A text in UTF-8.
pub(crate) fn plain<'a>(text: &'a Bound<'_, PyString>) -> Result<Cow<'a, str>, Fault> {
    text.to_cow().map_err(|_| Fault::new("the text has half a surrogate pair, which no UTF-8 stands for"))
}

/// A text as JSON.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    push_text(&mut out, text);
    out
}

fn push_text(out: &mut String, mut text: &str) {
    out.push('"');
    while let Some(at) = text.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        let (before, from) = text.split_at(at);
        let (special, after) = from.split_at(1);
        let control = special.bytes().find(|byte| *byte < b' ');
        out.extend([before, &control.map_or_else(|| format!("\\{special}"), |byte| format!("\\u{byte:04x}"))]);
        text = after;
    }
    out.extend([text, "\""]);
}

struct Writer {
    out: String,
    ours: bool,
    limit: usize,
}

impl Writer {
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<(), Fault> {
        if self.out.len() > self.limit {
            return Ok(());
        }
        // deeper than any limit, and shallow enough for any stack
        if depth > 200 {
            return Err(Fault::new("nested more than 200 deep, or part of itself"));
        }
        if let Ok(text) = value.cast::<PyString>() {
            push_text(&mut self.out, &plain(text)?);
        } else if let Ok(members) = value.cast::<PyDict>() {
            self.members(members, depth)?;
        } else if let Ok(items) = value.cast::<PyList>() {
            self.items(items.iter(), depth)?;
        } else if value.is_none() {
            self.out.push_str("null");
        } else if let Ok(truth) = value.cast::<PyBool>() {
            self.out.push_str(if truth.is_true() { "true" } else { "false" });
        } else if let Ok(integer) = value.cast::<PyInt>() {
            self.out.push_str(&digits(integer)?);
        } else if let Ok(float) = value.cast::<PyFloat>() {
            if !float.value().is_finite() {
                return Err(Fault::new(format!("`{}` has no JSON", float.value())));
            }
            let _ = write!(self.out, "{:?}", float.value());
        } else if let Ok(items) = value.cast::<PyTuple>() {
            self.items(items.iter(), depth)?;
        } else {
            let text = other(value, self.ours)?;
            push_text(&mut self.out, &text);
        }
        Ok(())
    }

    fn members(&mut self, members: &Bound<'_, PyDict>, depth: usize) -> Result<(), Fault> {
        self.out.push('{');
        for (at, (key, value)) in members.iter().enumerate() {
            let shown = || key.repr().map_or_else(|_| "?".into(), |shown| shown.to_string());
            let key = key.cast::<PyString>().map_err(|_| Fault::new(format!("the key {} is no text", shown())))?;
            let name = plain(key)?;
            self.out.push_str(if at == 0 { "" } else { "," });
            push_text(&mut self.out, &name);
            self.out.push(':');
            self.value(&value, depth.saturating_add(1)).map_err(|fault| fault.under(&name))?;
        }
        self.out.push('}');
        Ok(())
    }

    fn items<'py>(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) -> Result<(), Fault> {
        self.out.push('[');
        for (at, item) in items.enumerate() {
            self.out.push_str(if at == 0 { "" } else { "," });
            self.value(&item, depth.saturating_add(1)).map_err(|fault| fault.under(&at.to_string()))?;
        }
        self.out.push(']');
        Ok(())
    }
}

/// The text that something else stands for.
fn other(value: &Bound<'_, PyAny>, ours: bool) -> Result<String, Fault> {
    let text = value.py().import("toolgate._errors").and_then(|module| module.call_method1("text", (value, ours)));
    text.and_then(|text| text.extract()).map_err(|error| Fault::new(error.value(value.py()).to_string()))
}

/// An integer of any size, digit by digit.
fn digits(integer: &Bound<'_, PyInt>) -> Result<String, Fault> {
    if let Ok(small) = integer.extract::<i64>() {
        return Ok(small.to_string());
    }
    let written = integer.py().get_type::<PyInt>().call_method1("__repr__", (integer,));
    written.and_then(|text| text.extract()).map_err(|error| Fault::new(error.to_string()))
}
