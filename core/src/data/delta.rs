//! What changed since a snapshot: grants and approvals given and taken back, at a newer version.

use serde::{Deserialize, Serialize};

use crate::data::snapshot::{Approval, Grant};
use crate::data::time::Instant;

/// A change of a snapshot; everything it does not mention stays as it is.
///
/// What is revoked goes first, so that a grant may be revoked and another added under the same id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// Greater than that of the snapshot it changes.
    pub version: u64,
    /// When it was made: `max_age` counts from here.
    pub issued_at: Instant,
    /// Who no longer holds what, and who holds what from now on.
    #[serde(default)]
    pub grants: Changes<Grant>,
    /// Which human yeses are taken back, and which were given.
    #[serde(default)]
    pub approvals: Changes<Approval>,
}

/// What changes in one list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>", serialize = "T: Serialize"))]
pub struct Changes<T> {
    /// New ones, at the end; each under an id that no other has.
    #[serde(default = "Vec::new")]
    pub add: Vec<T>,
    /// Ids of those that are gone. An id that is not there is an error: something else was meant.
    #[serde(default)]
    pub revoke: Vec<String>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self { add: Vec::new(), revoke: Vec::new() }
    }
}
