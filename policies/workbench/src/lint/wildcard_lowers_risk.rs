//! A rule that calls whatever an untrusted server will ever publish harmless.

use toolgate::Operation;
use toolgate::facts::ToolState;

use super::place::Step;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "wildcard_lowers_risk",
    level: Level::Warning,
    title: "a wildcard that lowers the risk of tools of an untrusted server",
    page: include_str!("../../docs/lints/wildcard_lowers_risk.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, server) in subject.catalog.servers.iter().filter(|(_, server)| !server.trusted) {
        for (at, rule) in server.rules.iter().enumerate() {
            let Some(operation) = rule.operation.filter(|operation| *operation != Operation::Delete) else { continue };
            let state = rule.state.unwrap_or(server.default_state);
            let Some(wild) = rule.tools.iter().find(|glob| glob.contains(['*', '?'])) else { continue };
            if state != ToolState::Approved {
                continue;
            }
            let key = Step::Key;
            let steps = [key("servers"), key(id), key("rules"), Step::At(at), key("tools"), Step::Is(wild)];
            let message = format!(
                "whatever server `{id}` will publish under `{wild}` is approved as a {operation}, unseen: nobody vouches \
                 for the server"
            );
            let help =
                "name the tools that were looked at, or set `trusted` if the server's annotations are to be believed";
            findings.find(("server", id), subject.places.overlay(&steps), message, help);
        }
    }
}
