//! Errors as JSON.

use serde::Serialize;

use super::text;
use crate::error::Error;

/// Errors as `{"errors": [{"code", "message", "help", "file", "pointer", "line", "column", "text"}, …]}`; what is not
/// known is null, `text` is the whole on one line.
pub fn errors(errors: &[Error]) -> String {
    #[derive(Serialize)]
    struct All<'e> {
        errors: Vec<Said<'e>>,
    }
    text(&All { errors: errors.iter().map(Said::from).collect() })
}

#[derive(Serialize)]
struct Said<'e> {
    code: &'static str,
    message: &'e str,
    help: &'e str,
    file: Option<&'e str>,
    pointer: Option<&'e str>,
    line: Option<usize>,
    column: Option<usize>,
    text: String,
}

impl<'e> From<&'e Error> for Said<'e> {
    fn from(error: &'e Error) -> Self {
        Self {
            code: error.code(),
            message: error.message(),
            help: error.next_step(),
            file: error.file(),
            pointer: error.pointer(),
            line: error.span().map(|span| span.line),
            column: error.span().map(|span| span.column),
            text: error.to_string(),
        }
    }
}
