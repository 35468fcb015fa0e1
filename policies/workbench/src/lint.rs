//! Lints: what loads and is most likely not meant. One file and one page each.
//!
//! What a lint claims is so for every request, or it says nothing: each works from what the policies, the catalog and
//! the snapshot say, and leaves open what only a solver could know (`toolgate prove`).

use toolgate::facts::Snapshot;
use toolgate::{Bundle, Engine, LintLevel, Manifest, Source};

use crate::bundle::Loaded;
use crate::source;

mod allow;
mod arguments;
mod condition;
mod facts;
mod place;
mod scope;
mod subject;

mod allow_invalid;
mod allow_unused;
mod approval_forbids;
mod approval_terms_unused;
mod approval_without_valid_for;
mod approver_unresolvable;
mod client_gone;
mod condition_redundant;
mod entitlement_unlocks_nothing;
mod entitlement_unreachable;
mod forbid_behind_has;
mod forbid_can_error;
mod forbid_on_free_text;
mod grant_dead;
mod label_misspelt;
mod large_literal_set;
mod loading;
mod permit_for_request;
mod permit_without_entitlement;
mod pin_outdated;
mod policy_duplicate;
mod policy_shadowed;
mod policy_vacuous;
mod reuse_wider_than_call;
mod scope_never_issued;
mod scope_unknown;
mod server_unreachable;
mod service_principal_without_owner;
mod tool_never_permitted;
mod unguarded_like;
mod value_not_listed;
mod wildcard_lowers_risk;

pub use allow_invalid::near;
pub use place::Place;
use subject::Subject;

/// Every lint, in the order in which findings are shown.
pub static LINTS: &[&Lint] = &[
    // a forbid that does not hold when it should
    &forbid_can_error::LINT,
    &forbid_behind_has::LINT,
    &forbid_on_free_text::LINT,
    &unguarded_like::LINT,
    &value_not_listed::LINT,
    &label_misspelt::LINT,
    // approvals
    &approval_forbids::LINT,
    &approval_without_valid_for::LINT,
    &approval_terms_unused::LINT,
    &reuse_wider_than_call::LINT,
    &approver_unresolvable::LINT,
    // policies that do not matter, or more than they should
    &permit_without_entitlement::LINT,
    &permit_for_request::LINT,
    &policy_vacuous::LINT,
    &condition_redundant::LINT,
    &policy_shadowed::LINT,
    &policy_duplicate::LINT,
    &large_literal_set::LINT,
    &loading::POLICY_INERT,
    &loading::POLICY_WARNING,
    &loading::POLICY_NOT_COMPILED,
    // the catalog
    &tool_never_permitted::LINT,
    &server_unreachable::LINT,
    &scope_never_issued::LINT,
    &scope_unknown::LINT,
    &pin_outdated::LINT,
    &wildcard_lowers_risk::LINT,
    &loading::PIN_UNUSABLE,
    &loading::OVERLAY_UNUSED,
    &loading::TOKEN_PATH_INCOMPLETE,
    &loading::CATALOG_INCOMPLETE,
    // the people
    &entitlement_unlocks_nothing::LINT,
    &entitlement_unreachable::LINT,
    &service_principal_without_owner::LINT,
    &client_gone::LINT,
    &grant_dead::LINT,
    &loading::REFERENCE_UNKNOWN,
    // the lints themselves
    &allow_unused::LINT,
    &allow_invalid::LINT,
];

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Most likely wrong.
    Warning,
    /// Wrong: `check` fails.
    Error,
}

impl Level {
    /// `note`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A lint.
#[derive(Debug)]
pub struct Lint {
    /// Its name, in configuration, comments and machine output.
    pub id: &'static str,
    /// How serious its findings are unless `toolgate.toml` says otherwise.
    pub level: Level,
    /// What it finds, in a line.
    pub title: &'static str,
    /// Its page, in Markdown: what to avoid, what to prefer, and why.
    pub page: &'static str,
    run: fn(&Subject<'_>, &mut Findings),
}

impl Lint {
    /// Where its page is, in the project.
    pub fn page_path(&self) -> String {
        format!("policies/workbench/docs/lints/{}.md", self.id)
    }
}

/// A lint by its id.
pub fn find(id: &str) -> Option<&'static Lint> {
    LINTS.iter().copied().find(|lint| lint.id == id)
}

/// One thing that a lint found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The lint.
    pub lint: &'static Lint,
    /// How serious it is here.
    pub level: Level,
    /// What kind of thing it is about: `policy`, `tool`, `server`, `entitlement`, …
    pub what: &'static str,
    /// Which one.
    pub id: String,
    /// In a sentence.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Where.
    pub place: Place,
}

/// What the lints have found so far.
struct Findings {
    lint: &'static Lint,
    all: Vec<Finding>,
}

impl Findings {
    fn find(&mut self, about: (&'static str, &str), place: Place, message: String, help: impl Into<String>) {
        let (what, id) = about;
        let Lint { level, .. } = *self.lint;
        let (id, help) = (id.to_owned(), help.into());
        self.all.push(Finding { lint: self.lint, level, what, id, message, help, place });
    }
}

/// What is found in a bundle that loads, in the order of [`LINTS`] and, for each, of the places. What `toolgate.toml`
/// and comments allow is left out.
pub fn check(loaded: &Loaded) -> Vec<Finding> {
    let folder = &loaded.folder;
    let snapshot = loaded.engine.snapshot();
    check_sources(&loaded.engine, &folder.bundle, &snapshot, Some((&folder.manifest, &folder.manifest_file)))
}

/// The same for sources in memory; `snapshot` is the engine's own.
pub fn check_sources(
    engine: &Engine,
    bundle: &Bundle,
    snapshot: &Snapshot,
    manifest: Option<(&Manifest, &Source)>,
) -> Vec<Finding> {
    // the engine has parsed them before
    let files = source::read(&bundle.policies).unwrap_or_default();
    let manifest_file = manifest.map(|(_, file)| file);
    let subject = Subject::new(engine, bundle, snapshot, &files, manifest_file);
    let mut findings = Findings { lint: &allow_invalid::LINT, all: Vec::new() };
    for lint in LINTS {
        findings.lint = lint;
        (lint.run)(&subject, &mut findings);
    }
    allow::apply(&subject, bundle, &files, &mut findings);
    if let Some((manifest, _)) = manifest {
        levels(&subject, manifest, &mut findings);
    }
    let rank = |finding: &Finding| LINTS.iter().position(|lint| lint.id == finding.lint.id);
    findings.all.sort_by_cached_key(|finding| {
        let start = finding.place.span.map(|span| span.start);
        (rank(finding), finding.place.file.clone(), start, finding.id.clone())
    });
    findings.all
}

/// Gives findings the levels that `toolgate.toml` gives their lints.
fn levels(subject: &Subject<'_>, manifest: &Manifest, findings: &mut Findings) {
    findings.lint = &allow_invalid::LINT;
    for id in manifest.lints.keys().filter(|id| find(id).is_none()) {
        let message = format!("`[lints]` names `{id}`, and there is no such lint");
        findings.find(("lint", id), subject.places.manifest(id), message, allow_invalid::near(id));
    }
    let level = |finding: &Finding| manifest.lints.get(finding.lint.id).copied();
    findings.all.retain(|finding| level(finding) != Some(LintLevel::Allow));
    for finding in &mut findings.all {
        finding.level = match level(finding) {
            Some(LintLevel::Note) => Level::Note,
            Some(LintLevel::Warning) => Level::Warning,
            Some(LintLevel::Error) => Level::Error,
            _ => finding.level,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_lint_has_a_page_of_its_own() {
        let ids: BTreeSet<&str> = LINTS.iter().map(|lint| lint.id).collect();
        assert_eq!(ids.len(), LINTS.len());
        for lint in LINTS {
            assert!(lint.page.starts_with(&format!("# {}\n", lint.id)), "{}", lint.id);
            assert!(
                lint.page.contains(&format!("**{}**", lint.level.as_str())),
                "{}: the page says its level",
                lint.id
            );
            for heading in ["## Avoid", "## Prefer", "## Why"] {
                assert!(lint.page.contains(heading), "{}: {heading}", lint.id);
            }
            assert!(!lint.title.ends_with('.') && lint.title.len() < 100, "{}", lint.id);
        }
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lints");
        let pages = std::fs::read_dir(dir).unwrap().count();
        assert_eq!(pages, LINTS.len(), "no page without a lint");
    }
}
