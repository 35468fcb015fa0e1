//! Where in the text and in its values a fault lies.

use super::{Fault, NONE, Reader};
use crate::data::names::{index, number};
use crate::error::{Error, ErrorKind};
use crate::load::tape::Kind;

impl Reader<'_> {
    /// The error of a fault that lies in what is open now.
    pub(super) fn place(&self, fault: Fault) -> Error {
        let mut error = Error::new(fault.kind, fault.message).at_pointer("");
        let duplicate = fault.kind == ErrorKind::JsonDuplicateKey;
        let (mut open, mut inner) = (self.open, NONE);
        while let Some(node) = self.tape.nodes.get(index(open)) {
            error = self.under(error, open, inner, duplicate);
            (inner, open) = (open, node.next);
        }
        if !fault.help.is_empty() {
            error = error.help(fault.help);
        }
        error.at_span(self.text, fault.start, fault.end)
    }

    /// The error in `open`, of which `inner` is still open too, one level further out.
    fn under(&self, error: Error, open: u32, inner: u32, duplicate: bool) -> Error {
        let nodes = &self.tape.nodes;
        let complete = |at: usize| nodes.get(at).filter(|_| at != index(inner)).map(|node| index(node.next));
        let mut at = index(open).saturating_add(1);
        if nodes.get(index(open)).is_some_and(|node| node.kind == Kind::Array) {
            let mut items = 0usize;
            while let Some(next) = complete(at) {
                items = items.saturating_add(1);
                at = next;
            }
            return error.under(&items.to_string());
        }
        // Of an object, the key whose value is not complete.
        let (mut key, mut has_empty) = ("", false);
        while nodes.get(at).is_some() {
            let name = self.text_of(number(at));
            match complete(at.saturating_add(1)) {
                Some(next) => {
                    has_empty |= name.is_empty();
                    at = next;
                }
                None => {
                    key = name;
                    break;
                }
            }
        }
        // Before its first key, an object has only itself to point at.
        if key.is_empty() && !duplicate && !has_empty { error } else { error.under(key) }
    }
}
