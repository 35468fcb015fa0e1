//! A server that no path leads to: nothing of it is approved, or nothing of it can be put into a token.

use toolgate::facts::{Path, ToolState};

use super::place::Step;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "server_unreachable",
    level: Level::Warning,
    title: "a server that neither the gateway nor a token leads to",
    page: include_str!("../../docs/lints/server_unreachable.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, server) in &subject.catalog.servers {
        let (message, help) = match server.path {
            Path::Gateway => {
                let tools = || subject.catalog.tools.values().filter(|tool| tool.id.server == *id);
                if tools().any(|tool| tool.state == ToolState::Approved) {
                    continue;
                }
                let why =
                    if tools().next().is_none() { "it has no tool list" } else { "none of its tools is approved" };
                let help = "approve the tools that may be used (`state`, `default_state`), or remove the server";
                (format!("server `{id}` cannot be used: {why}"), help)
            }
            Path::Token => {
                if server.scopes.values().any(|scope| scope.enabled) {
                    continue;
                }
                let help = "enable the scopes that tokens may carry, or set `path` to `gateway`";
                (format!("server `{id}` cannot be used: it is reached by token, and no scope of it is enabled"), help)
            }
        };
        let place = subject.places.overlay(&[Step::Key("servers"), Step::Key(id)]);
        findings.find(("server", id), place, message, help);
    }
}
