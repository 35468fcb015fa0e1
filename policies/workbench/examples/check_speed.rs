//! How long `check` takes beside loading, on a thousand policies and a thousand tools:
//!
//!     cargo run --release -p toolgate-workbench --example check_speed

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use toolgate::{Bundle, Engine, LoadError, Source};
use toolgate_workbench::lint;

fn main() -> Result<(), LoadError> {
    let bundle = bundle(20, 50, 1_000);
    let start = Instant::now();
    let engine = Engine::load(&bundle)?;
    let loading = start.elapsed();
    let start = Instant::now();
    let findings = lint::check_sources(&engine, &bundle, &engine.snapshot(), None);
    let checking = start.elapsed();
    println!(
        "{} policies, {} tools: loading {loading:.0?}, lints {checking:.0?}, {} findings; check is {:.2} times loading",
        engine.policy_ids().count(),
        engine.catalog().tools.len(),
        findings.len(),
        loading.saturating_add(checking).as_secs_f64() / loading.as_secs_f64(),
    );
    for lint in lint::LINTS {
        let found = findings.iter().filter(|finding| finding.lint.id == lint.id).count();
        if found > 0 {
            println!("  {found:5} {}", lint.id);
        }
    }
    Ok(())
}

/// Every second policy is about one tool, the others about one operation on one server.
fn bundle(servers: usize, tools: usize, policies: usize) -> Bundle {
    let (mut lists, mut overlay) = (BTreeMap::new(), String::new());
    for server in 0..servers {
        let list = (0..tools).map(|tool| {
            let hint = ["\"readOnlyHint\": true", "\"destructiveHint\": false", "\"destructiveHint\": true"]
                .get(tool % 3)
                .copied()
                .unwrap_or_default();
            format!(
                "{{\"name\": \"tool-{tool}\", \"annotations\": {{{hint}}}, \"inputSchema\": {{\"type\": \"object\", \
                 \"required\": [\"amount\", \"state\"], \"properties\": {{\"amount\": {{\"type\": \"integer\"}}, \
                 \"limit\": {{\"type\": \"integer\"}}, \"path\": {{\"type\": \"string\"}}, \"state\": {{\"type\": \
                 \"string\", \"enum\": [\"open\", \"closed\"]}}}}}}}}"
            )
        });
        let list = format!("[{}]", list.collect::<Vec<_>>().join(","));
        let id = format!("server-{server}");
        lists.insert(id.clone(), Source::new(format!("{id}.json"), list));
        let _ = write!(
            overlay,
            "[servers.{id}]\ntrusted = true\nowner = \"dana\"\ndefault_state = \"approved\"\n\
             [[servers.{id}.rules]]\ntools = [\"*\"]\nentitlements = [\"{id}:use\"]\nlabels = [\"private-data\"]\n"
        );
    }
    let text = (0..policies).map(|at| {
        let rest = |of: usize| at.checked_rem(of).unwrap_or(0);
        let (server, tool) = (rest(servers), rest(tools));
        let scope = match at % 2 {
            0 => format!("principal, action == Toolgate::Action::\"server-{server}/tool-{tool}\", resource"),
            _ => format!(
                "principal, action in Toolgate::Action::\"{}\", resource in Toolgate::Server::\"server-{server}\"",
                ["read", "write", "delete"].get(at % 3).copied().unwrap_or_default()
            ),
        };
        match at % 4 {
            0 => format!("@id(\"p{at}\")\nforbid ({scope})\nwhen {{ context.input.amount > {at} && resource.sensitive }};\n"),
            1 => format!("@id(\"p{at}\")\npermit ({scope})\nwhen {{ principal in resource.entitlements && context.session.calls < {at} }};\n"),
            2 => format!(
                "@id(\"p{at}\")\n@valid_for(\"15m\")\nforbid ({scope})\nwhen {{ context.input.state == \"open\" && context.input.amount > {at} }}\n\
                 unless {{ context.approval.manager }};\n"
            ),
            _ => format!("@id(\"p{at}\")\nforbid ({scope})\nwhen {{ context.session.labels.contains(\"private-data\") && context.session.calls > {at} }};\n"),
        }
    });
    let snapshot = r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
        "users": [{"id": "dana", "active": true}], "grants": []}"#;
    Bundle {
        policies: vec![Source::new("all.cedar", text.collect::<String>())],
        tools: lists,
        overlay: Some(Source::new("catalog.toml", overlay)),
        snapshot: Source::new("snapshot.json", snapshot),
    }
}
