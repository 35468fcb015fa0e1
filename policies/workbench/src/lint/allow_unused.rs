//! A comment that allows what is not there.

use super::{Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "allow_unused",
    level: Level::Warning,
    title: "a comment that allows something that is not found",
    page: include_str!("../../docs/lints/allow_unused.md"),
    // found once everything else is
    run: |_, _| {},
};
