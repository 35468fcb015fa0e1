//! Decides AI agents' tool calls against Cedar policies and a snapshot of entitlements.

mod data {
    pub(crate) mod canonical;
    pub(crate) mod json;
}
mod error;
mod limits;
mod load {
    pub(crate) mod json;
    pub(crate) mod scan;
    pub(crate) mod stack;
}

pub use crate::data::json::{Json, Number};
pub use crate::error::{Error, ErrorKind, Span};
pub use crate::limits::Limits;
