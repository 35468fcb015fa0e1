//! Every bound in one place.

use serde::Deserialize;

/// How much input is accepted. Beyond a limit, loading is refused with
/// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) and a call is denied with
/// [`Reason::LimitExceeded`](crate::Reason::LimitExceeded).
///
/// Sizes are checked before anything is allocated for the content, nesting before any recursive parser sees it.
///
/// ```
/// let limits = toolgate::Limits { call_bytes: 16 * 1024, ..Default::default() };
/// assert_eq!(limits.depth, 32);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one call, arguments included. 256 KiB.
    pub call_bytes: usize,
    /// JSON values in one call. 10 000: Cedar needs about 380 bytes for each byte of context (measured), so a
    /// call of bytes alone would not bound memory.
    pub call_nodes: usize,
    /// Bytes of one string in a call. 64 KiB.
    pub string_bytes: usize,
    /// Nesting of JSON, of TOML and of one policy. 32: Cedar's own parser aborts the process at 148 nested
    /// parentheses on a 2 MiB stack (measured).
    pub depth: usize,
    /// Bytes of one policy. 10 000, the cap of Amazon Verified Permissions.
    pub policy_bytes: usize,
    /// Bytes of one policy file. 16 MiB.
    pub policy_file_bytes: usize,
    /// Bytes of one `tools/list` or of the overlay. 4 MiB.
    pub catalog_bytes: usize,
    /// JSON values in one `tools/list`. 200 000.
    pub catalog_nodes: usize,
    /// Types one tool's arguments may unfold to once its `$ref`s are followed. 2 000.
    pub schema_nodes: usize,
    /// Bytes of the snapshot as one JSON document, and of one line of JSON Lines. 64 MiB.
    pub snapshot_bytes: usize,
    /// Bytes of the snapshot as JSON Lines, of which only one line at a time is held as JSON. 256 MiB: a million
    /// grants are about 120.
    pub snapshot_lines_bytes: usize,
    /// JSON values in the snapshot. 16 000 000.
    pub snapshot_nodes: usize,
    /// How many groups may lie above one another. 64: what a user is in is worked out with every call.
    pub group_depth: usize,
    /// Bytes of one id: user, tool, entitlement. 512.
    pub name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_bytes: 256 * 1024,
            call_nodes: 10_000,
            string_bytes: 64 * 1024,
            depth: 32,
            policy_bytes: 10_000,
            policy_file_bytes: 16 * 1024 * 1024,
            catalog_bytes: 4 * 1024 * 1024,
            catalog_nodes: 200_000,
            schema_nodes: 2_000,
            snapshot_bytes: 64 * 1024 * 1024,
            snapshot_lines_bytes: 256 * 1024 * 1024,
            snapshot_nodes: 16_000_000,
            group_depth: 64,
            name_bytes: 512,
        }
    }
}
