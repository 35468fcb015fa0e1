//! What is defined once: rows, the numbers of their names, and the first fault in these.

use crate::data::names::{Names, index};
use crate::error::Error;
use crate::limits::Limits;
use crate::load::name;
use crate::load::snapshot::{check_id, twice};

/// One list of the snapshot, and the first fault in its ids.
pub(super) struct List<T> {
    list: &'static str,
    what: &'static str,
    pub(super) rows: Vec<T>,
    /// The number of each one's name.
    pub(super) numbers: Vec<u32>,
    pub(super) lines: Vec<u32>,
    /// By number.
    defined: Vec<bool>,
    foreign: bool,
    fault: Option<(usize, Error)>,
}

impl<T> List<T> {
    pub(super) fn new(list: &'static str, what: &'static str) -> Self {
        Self {
            list,
            what,
            rows: Vec::new(),
            numbers: Vec::new(),
            lines: Vec::new(),
            defined: Vec::new(),
            foreign: false,
            fault: None,
        }
    }

    /// Adds one, under the number of its name.
    pub(super) fn define(&mut self, id: &str, number: u32, row: T, line: u32, limits: &Limits) {
        let at = self.rows.len();
        self.foreign |= !id.is_ascii();
        let number_at = index(number);
        if self.defined.len() <= number_at {
            self.defined.resize(number_at.saturating_add(1), false);
        }
        let again = self.defined.get_mut(number_at).is_some_and(|defined| std::mem::replace(defined, true));
        if self.fault.is_none() {
            let unsafe_name = check_id(self.list, self.what, id, limits).err();
            let fault = unsafe_name.or_else(|| again.then(|| twice(self.what, id)));
            self.fault = fault.map(|error| (at, error));
        }
        self.rows.push(row);
        self.numbers.push(number);
        self.lines.push(line);
    }

    /// Refuses the first fault.
    pub(super) fn check(&mut self, names: &Names) -> Result<(), Error> {
        let ids = self.numbers.iter().map(|number| names.name(*number));
        let alike = if self.foreign { name::first_lookalike(self.what, ids) } else { None };
        let first = self.fault.take().into_iter().chain(alike).min_by_key(|(at, _)| *at);
        place(first.map(|(at, error)| (at, error.under("id"))), self.list, &self.lines)
    }
}

/// Refuses a fault at its place in a list, and on its line.
pub(super) fn place(fault: Option<(usize, Error)>, list: &str, lines: &[u32]) -> Result<(), Error> {
    match fault {
        Some((at, error)) => Err(on_line(error.under(&at.to_string()).under(list), lines.get(at))),
        None => Ok(()),
    }
}

/// On its line, if it has one.
pub(super) fn on_line(error: Error, line: Option<&u32>) -> Error {
    match line {
        Some(&line) if line > 0 => error.on_line(index(line)),
        _ => error,
    }
}
