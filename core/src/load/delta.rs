//! A change of the snapshot, from JSON.

use crate::data::delta::Delta;
use crate::error::Error;
use crate::limits::Limits;
use crate::load::de;
use crate::load::json::{JsonLimits, read as read_json};

impl Delta {
    /// Reads a change from JSON, as strictly as a snapshot and within the default [`Limits`] of one.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        read(json, &Limits::default())
    }
}

/// Reads a change. Whether it fits a snapshot shows when it is applied to one.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Delta, Error> {
    de::from_json(&read_json(bytes, &JsonLimits::snapshot(limits))?)
}
