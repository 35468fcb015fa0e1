//! An approval that makes a call less allowed.

use toolgate::Effect;

use super::condition::{Way, parts, path};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "approval_forbids",
    level: Level::Error,
    title: "an approval that forbids; approvals only loosen",
    page: include_str!("../../docs/lints/approval_forbids.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        let tightens = if policy.text.effect == Effect::Forbid { Way::With } else { Way::Against };
        parts(condition, Way::With, &mut |part, way| {
            let Some(path) = path(part).filter(|path| path.starts_with(&["context", "approval"])) else { return };
            if way != tightens {
                return;
            }
            let whose = if path.last() == Some(&"manager") { "the manager's yes" } else { "the user's yes" };
            let (message, help) = match policy.text.effect {
                Effect::Forbid => (
                    format!("policy `{}` forbids because {whose} was given", policy.id()),
                    "an approval lifts a forbid: write `unless { context.approval… }`",
                ),
                Effect::Permit => (
                    format!("policy `{}` stops permitting once {whose} is given", policy.id()),
                    "drop the `!`; what is permitted without an approval needs no word about it",
                ),
            };
            findings.find(("policy", policy.id()), policy.at(part), message, help);
        });
    }
}
