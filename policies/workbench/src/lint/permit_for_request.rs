//! A permit for asking: asking needs none.

use toolgate::Effect;

use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "permit_for_request",
    level: Level::Warning,
    title: "a permit for the action `request`, which needs none",
    page: include_str!("../../docs/lints/permit_for_request.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in subject.with(Effect::Permit) {
        let actions = &policy.actions;
        if actions.request && !actions.token && !actions.about_tools() {
            let message =
                format!("policy `{}` permits asking for entitlements, which no policy has to permit", policy.id());
            let help =
                "who may ask is `requestable_by` of the entitlement; only a forbid on `request` changes anything";
            findings.find(("policy", policy.id()), policy.place(&policy.text.action.span), message, help);
        }
    }
}
