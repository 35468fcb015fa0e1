//! A pin that is not the digest of the definition there is: every call of the tool is denied.

use std::collections::BTreeSet;

use toolgate::facts::Server;
use wildmatch::WildMatch;

use super::place::{Place, Step};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "pin_outdated",
    level: Level::Error,
    title: "a pin of a definition that the server no longer publishes",
    page: include_str!("../../docs/lints/pin_outdated.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let report = &subject.engine.report().findings;
    let unusable: BTreeSet<&str> = report
        .iter()
        .filter(|finding| finding.kind == toolgate::FindingKind::PinUnusable)
        .filter_map(|finding| finding.names.as_deref())
        .collect();
    for tool in subject.catalog.tools.values().filter(|tool| subject.is_offered(tool)) {
        let Some(pin) = tool.pin.as_deref() else { continue };
        if pin == tool.definition.digest || unusable.contains(pin) {
            continue;
        }
        let (id, server) = (tool.id.to_string(), subject.catalog.servers.get(&tool.id.server));
        let place = server.map(|server| at(subject, &tool.id.server, server, &tool.id.name, pin));
        let message = format!("`{id}` is not what was pinned: every call is denied as `tool_definition_changed`");
        let help = format!("look at what has changed; if it is fine, pin `{}`", tool.definition.digest);
        let place = place.unwrap_or_else(|| subject.places.tool(&tool.id.server, &tool.id.name));
        findings.find(("tool", &id), place, message, help);
    }
}

/// The rule that pins the tool: the last that names it.
fn at(subject: &Subject<'_>, id: &str, server: &Server, tool: &str, pin: &str) -> Place {
    let pins = |rule: &toolgate::facts::Rule| {
        rule.pin.as_deref() == Some(pin) && rule.tools.iter().any(|glob| WildMatch::new(glob).matches(tool))
    };
    let rule = server.rules.iter().rposition(pins).unwrap_or(0);
    let key = Step::Key;
    subject.places.overlay(&[key("servers"), key(id), key("rules"), Step::At(rule), key("pin")])
}
