//! Decides AI agents' tool calls against Cedar policies and a snapshot of entitlements.

mod data {
    pub(crate) mod json;
}
mod error;
mod limits;

pub use crate::data::json::Json;
pub use crate::error::{Error, ErrorKind, Span};
pub use crate::limits::Limits;
