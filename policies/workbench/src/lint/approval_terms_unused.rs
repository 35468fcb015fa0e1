//! Terms of an approval on a policy that no approval moves.

use super::approval_without_valid_for::reads_approval;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "approval_terms_unused",
    level: Level::Warning,
    title: "terms of an approval on a policy that reads none",
    page: include_str!("../../docs/lints/approval_terms_unused.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let approval = reads_approval(policy);
        let manager = approval && (policy.reads(&["context", "approval", "manager"]) || whole(policy));
        for (key, counts) in [("valid_for", approval), ("reuse", approval), ("approvers", manager)] {
            if counts || policy.annotation(key).is_none() {
                continue;
            }
            let what = if approval { "`context.approval.manager`" } else { "`context.approval`" };
            let message = format!("`@{key}` says nothing here: policy `{}` does not read {what}", policy.id());
            let help = "remove it, or add the approval to the condition that it is about";
            findings.find(("policy", policy.id()), policy.at_annotation(key), message, help);
        }
    }
}

/// Whether more than the user's own yes is read in one.
fn whole(policy: &super::subject::Policy<'_>) -> bool {
    !policy.reads(&["context", "approval", "self"])
}
