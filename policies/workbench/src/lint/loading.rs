//! What loading found: the same findings as `Engine::report`, with their places.

use toolgate::{About, FindingKind};

use super::place::{Place, Step};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const CATALOG_INCOMPLETE: Lint = Lint {
    id: "catalog_incomplete",
    level: Level::Warning,
    title: "a tool list with more pages than were given",
    page: include_str!("../../docs/lints/catalog_incomplete.md"),
    run: |subject, findings| {
        let help = "fetch the pages that `nextCursor` leads to, and put all tools into one list";
        found(subject, findings, FindingKind::CatalogIncomplete, help);
    },
};

pub(super) const OVERLAY_UNUSED: Lint = Lint {
    id: "overlay_unused",
    level: Level::Warning,
    title: "a rule of catalog.toml for tools that no server has",
    page: include_str!("../../docs/lints/overlay_unused.md"),
    run: |subject, findings| {
        let help = "correct the name, or remove it; `toolgate tools` lists what there is";
        found(subject, findings, FindingKind::OverlayUnused, help);
    },
};

pub(super) const PIN_UNUSABLE: Lint = Lint {
    id: "pin_unusable",
    level: Level::Error,
    title: "a pin that denies more than it pins",
    page: include_str!("../../docs/lints/pin_unusable.md"),
    run: |subject, findings| {
        let help = "give each tool a rule of its own with its digest, as `toolgate tools --json` prints it";
        found(subject, findings, FindingKind::PinUnusable, help);
    },
};

pub(super) const POLICY_INERT: Lint = Lint {
    id: "policy_inert",
    level: Level::Note,
    title: "a policy for tools that this catalog does not have",
    page: include_str!("../../docs/lints/policy_inert.md"),
    run: |subject, findings| {
        let help = "correct the tool's name, or remove the policy if the tool is gone for good";
        found(subject, findings, FindingKind::PolicyInert, help);
    },
};

pub(super) const POLICY_NOT_COMPILED: Lint = Lint {
    id: "policy_not_compiled",
    level: Level::Note,
    title: "a policy that Cedar's own evaluator answers; right, but slower",
    page: include_str!("../../docs/lints/policy_not_compiled.md"),
    run: |subject, findings| {
        let help = "write the policy in another way, or report it";
        found(subject, findings, FindingKind::PolicyNotCompiled, help);
    },
};

pub(super) const POLICY_WARNING: Lint = Lint {
    id: "policy_warning",
    level: Level::Warning,
    title: "a warning of Cedar's validator",
    page: include_str!("../../docs/lints/policy_warning.md"),
    run: |subject, findings| {
        found(subject, findings, FindingKind::PolicyWarning, "use plain characters that cannot be taken for others");
    },
};

pub(super) const REFERENCE_UNKNOWN: Lint = Lint {
    id: "reference_unknown",
    level: Level::Warning,
    title: "an id that nothing defines; it grants nothing",
    page: include_str!("../../docs/lints/reference_unknown.md"),
    run: |subject, findings| {
        let help = "correct the id, define what it means, or remove it";
        found(subject, findings, FindingKind::ReferenceUnknown, help);
    },
};

pub(super) const TOKEN_PATH_INCOMPLETE: Lint = Lint {
    id: "token_path_incomplete",
    level: Level::Error,
    title: "a server reached by token for which none can be issued",
    page: include_str!("../../docs/lints/token_path_incomplete.md"),
    run: |subject, findings| {
        let help = "give the server `audience`, the issuer of its own authorization server, and `resource_uris`";
        found(subject, findings, FindingKind::TokenPathIncomplete, help);
    },
};

fn found(subject: &Subject<'_>, findings: &mut Findings, kind: FindingKind, help: &str) {
    for finding in subject.engine.report().findings.iter().filter(|finding| finding.kind == kind) {
        let Some(about) = &finding.about else {
            let nowhere = Place { file: crate::bundle::MANIFEST.into(), span: None, pointer: None };
            findings.find(("bundle", ""), nowhere, finding.message.clone(), help);
            continue;
        };
        // a lint of its own says that, and more
        if about.what == "service principal" && finding.message.contains(" names owner ") {
            continue;
        }
        let place = place(subject, about, finding.names.as_deref());
        findings.find((about.what, &about.id), place, finding.message.clone(), help);
    }
}

fn place(subject: &Subject<'_>, about: &About, name: Option<&str>) -> Place {
    let id = about.id.as_str();
    let in_snapshot = |section: &str| named(subject, section, id, name);
    match about.what {
        "policy" => in_policy(subject, id, name),
        "server" => in_server(subject, id, name),
        "user" => in_snapshot("users"),
        "group" => in_snapshot("groups"),
        "service principal" => in_snapshot("service_principals"),
        "grant" => in_snapshot("grants"),
        "kill switch" => subject.places.kill_switch(id, name.unwrap_or_default()),
        _ => subject.places.cursor(id),
    }
}

/// The policy, or what in it names something.
fn in_policy(subject: &Subject<'_>, id: &str, name: Option<&str>) -> Place {
    let file = || Place { file: "policies".into(), span: None, pointer: None };
    let Some(policy) = subject.policies.iter().find(|policy| policy.id() == id) else { return file() };
    let text = policy.file.at(&policy.text.span);
    let written = name.map(|name| format!("\"{}\"", name.escape_debug()));
    let quoted = written.as_ref().and_then(|written| Some((text.rfind(written.as_str())?, written.len())));
    let plain = || name.and_then(|name| Some((text.find(&format!(":{name}"))?.saturating_add(1), name.len())));
    match quoted.or_else(plain) {
        Some((at, length)) => {
            let start = policy.text.span.start.saturating_add(at);
            policy.place(&(start..start.saturating_add(length)))
        }
        None => policy.head(),
    }
}

/// The server's entry, or what in its rules is that glob or pin.
fn in_server(subject: &Subject<'_>, id: &str, name: Option<&str>) -> Place {
    let server = subject.catalog.servers.get(id);
    let (head, rules) = ([Step::Key("servers"), Step::Key(id)], server.map(|server| &server.rules));
    for (at, rule) in rules.into_iter().flatten().enumerate() {
        let step = |more: &[Step<'_>]| {
            let steps: Vec<Step<'_>> =
                head.iter().chain(&[Step::Key("rules"), Step::At(at)]).chain(more).copied().collect();
            subject.places.overlay(&steps)
        };
        match name {
            Some(name) if rule.tools.iter().any(|glob| glob == name) => {
                return step(&[Step::Key("tools"), Step::Is(name)]);
            }
            Some(name) if rule.pin.as_deref() == Some(name) => return step(&[Step::Key("pin")]),
            _ => {}
        }
    }
    let member = match server {
        Some(server) if name.is_some() && server.owner.as_deref() == name => Some("owner"),
        Some(server) if name.is_some() && server.audience.as_deref() == name => Some("audience"),
        _ => None,
    };
    let steps: Vec<Step<'_>> = head.into_iter().chain(member.map(Step::Key)).collect();
    subject.places.overlay(&steps)
}

/// The thing in the snapshot, or its member that names something.
fn named(subject: &Subject<'_>, section: &str, id: &str, name: Option<&str>) -> Place {
    let whole = subject.places.snapshot(section, id, &[Step::Key("id")]);
    let Some(name) = name else { return whole };
    let ways: [&[Step<'_>]; 9] = [
        &[Step::Key("groups"), Step::Is(name)],
        &[Step::Key("parents"), Step::Is(name)],
        &[Step::Key("to"), Step::Key("user")],
        &[Step::Key("to"), Step::Key("client")],
        &[Step::Key("to"), Step::Key("group")],
        &[Step::Key("to"), Step::Key("service_principal")],
        &[Step::Key("profile")],
        &[Step::Key("manager")],
        &[Step::Key("owner")],
    ];
    let found = ways.into_iter().map(|steps| subject.places.snapshot(section, id, steps));
    found
        .into_iter()
        .find(|place| subject.places.snapshot_text(place).is_some_and(|text| text.trim_matches('"') == name))
        .unwrap_or(whole)
}
