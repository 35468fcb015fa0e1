//! A comment or a level that names no lint, or gives no reason.

use super::{LINTS, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "allow_invalid",
    level: Level::Error,
    title: "an allowance that names no lint, or gives no reason",
    page: include_str!("../../docs/lints/allow_invalid.md"),
    // found where comments and levels are read
    run: |_, _| {},
};

/// What to do about a name that no lint has.
pub fn near(name: &str) -> String {
    let wanted = name.replace('-', "_").to_lowercase();
    let distance = |id: &str| super::label_misspelt::distance(id, &wanted);
    match LINTS.iter().min_by_key(|lint| distance(lint.id)).filter(|lint| distance(lint.id) <= 3) {
        Some(lint) => format!("did you mean `{}`?", lint.id),
        None => "`toolgate check --lints` lists them".into(),
    }
}
