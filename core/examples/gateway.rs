//! What a gateway does with each of the five outcomes: `cargo run -p toolgate --example gateway`.

use toolgate::{Bundle, Call, Decision, Engine, Instant, Json, Outcome, Source, Subject, ToolId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = load()?;

    // who calls comes from the verified token, the time from the gateway's clock; toolgate has neither
    let now: Instant = "2026-11-20T09:45:00Z".parse()?;
    for (tool, arguments) in [
        ("search_records", r#"{"object": "account", "query": "acme"}"#),
        ("update_record", r#"{"object": "opportunity", "record_id": "opp-118", "field": "stage", "value": "won"}"#),
        ("export_contacts", r#"{"segment": "renewals", "limit": 500}"#),
        ("delete_record", r#"{"object": "contact", "record_id": "con-7"}"#),
        ("merge_accounts", r#"{"keep_id": "acc-1", "merge_id": "acc-2"}"#),
    ] {
        let mut call = Call::new(Subject::agent("alice", "claude-code"), ToolId::new("crm", tool), now);
        call.arguments = Json::parse(arguments.as_bytes())?;
        call.session.labels = Some(Default::default());
        println!("{tool}: {}", act(&engine.decide(&call)));
    }
    Ok(())
}

/// The whole of a gateway's duty, in the order of the outcomes.
fn act(decision: &Decision) -> String {
    match decision.outcome {
        Outcome::AutoApprove if decision.is_allowed() => {
            let credential = decision.credential.as_ref().and_then(|credential| credential.reference.as_deref());
            format!(
                "run it with {}; the session gains {:?}",
                credential.unwrap_or("no credential"),
                decision.gains_labels
            )
        }
        Outcome::AutoApprove | Outcome::SelfApprove | Outcome::ManagerApprove => {
            match (&decision.access_request, &decision.approval_request) {
                (Some(access), _) => {
                    format!("file a request for {:?}; {:?} must agree", access.entitlement, access.approvers)
                }
                (None, Some(yes)) => {
                    format!("ask {:?}, record the yes for {:?}, decide again", yes.approvers, yes.scope)
                }
                // a host that does not know what to do refuses
                (None, None) => "refuse".into(),
            }
        }
        Outcome::Deny | Outcome::TicketFallback => format!("refuse, and tell the agent: {}", decision.agent_message),
    }
}

fn load() -> Result<Engine, Box<dyn std::error::Error>> {
    let acme = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/examples/acme");
    let file = |path: &str| std::fs::read(format!("{acme}/{path}")).map(|bytes| Source::new(path, bytes));
    Ok(Engine::load(&Bundle {
        policies: vec![file("policies/reads.cedar")?, file("policies/writes.cedar")?, file("policies/deletes.cedar")?],
        tools: [("crm".to_string(), file("catalog/crm.json")?)].into(),
        overlay: Some(file("catalog.toml")?),
        snapshot: file("snapshot.json")?,
    })?)
}
