//! An enabled scope that no token ever carries.

use toolgate::Effect;
use toolgate::facts::Path;

use super::facts::{Truth, truth};
use super::place::Step;
use super::scope::Bound;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "scope_never_issued",
    level: Level::Warning,
    title: "an enabled scope that no token can carry",
    page: include_str!("../../docs/lints/scope_never_issued.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, server) in &subject.catalog.servers {
        for (name, scope) in server.scopes.iter().filter(|(_, scope)| scope.enabled) {
            // a token is issued on no yes that is still to be given
            let permitted = subject.with(Effect::Permit).any(|policy| {
                (policy.actions.any || policy.actions.token)
                    && Bound::of(policy.resource()).lets_scope(id, name)
                    && policy
                        .condition()
                        .is_none_or(|condition| truth(condition, &policy.facts(), &|_| None) != Truth::False)
            });
            let (why, help) = if server.path == Path::Gateway {
                ("its server is reached through the gateway", "set `path` to `token`, or remove the scope")
            } else if scope.entitlements.is_empty() {
                ("it names no entitlement that unlocks it", "name the entitlements that unlock it")
            } else if !permitted {
                ("no policy permits `issue_token` for it", "permit `Toolgate::Action::\"issue_token\"`")
            } else {
                continue;
            };
            let place = subject.places.overlay(&["servers", id, "scopes", name].map(Step::Key));
            let message = format!("no token ever carries scope `{name}` of server `{id}`: {why}");
            findings.find(("scope", &format!("{id}/{name}")), place, message, help);
        }
    }
}
