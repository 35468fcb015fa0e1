//! A forbid about arguments that one yes lifts for other arguments too.

use toolgate::Effect;

use super::approval_without_valid_for::reads_approval;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "reuse_wider_than_call",
    level: Level::Warning,
    title: "a forbid about arguments that one approval lifts for all arguments",
    page: include_str!("../../docs/lints/reuse_wider_than_call.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in subject.with(Effect::Forbid) {
        let Some(reuse) = policy.annotation("reuse").filter(|reuse| *reuse != "call") else { continue };
        if !reads_approval(policy) || !policy.reads(&["context", "input"]) {
            continue;
        }
        let message = format!(
            "policy `{}` forbids because of arguments, and one yes lifts it for every argument: it is reused for a {reuse}",
            policy.id()
        );
        let help = "write `@reuse(\"call\")`, so that each such call is looked at";
        findings.find(("policy", policy.id()), policy.at_annotation("reuse"), message, help);
    }
}
