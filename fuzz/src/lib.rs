//! The bodies of the fuzz targets: bytes in, a panic if a promise of toolgate is broken. Public API only.
//!
//! `core/tests/crashes.rs` includes this file too and replays the seeds and every crash found so far.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use toolgate::facts::{Granted, Holder};
use toolgate::{
    Bundle, Call, Decision, Effect, Engine, ErrorKind, Instant, Json, LoadError, Outcome, Reason, Session, Source,
    Subject, ToolId, Visibility,
};

/// One JSON text: read as serde_json reads it or not at all, and printed as it was read.
pub fn reader(data: &[u8]) {
    let call = Call::parse(data);
    let theirs = serde_json::from_slice::<Value>(data);
    let ours = match Json::parse(data) {
        Ok(ours) => ours,
        Err(error) => {
            assert!(call.is_err(), "no JSON ({error}), and yet a call");
            assert!(error.span().is_none_or(|span| span.start <= span.end && span.end <= data.len()), "{error}");
            let on_purpose = matches!(error.kind(), ErrorKind::JsonDuplicateKey | ErrorKind::LimitExceeded);
            assert!(on_purpose || theirs.is_err(), "refused without need: {error}");
            return;
        }
    };
    match theirs {
        Ok(theirs) => assert!(same(&ours, &theirs), "read differently: {ours} and {theirs}"),
        // serde_json's own bounds
        Err(error) => {
            let error = error.to_string();
            let bound = ["number out of range", "recursion limit exceeded"];
            assert!(bound.iter().any(|bound| error.starts_with(bound)), "serde_json refuses it: {error}");
        }
    }
    let printed = ours.to_string();
    match Json::parse(printed.as_bytes()) {
        Ok(again) => assert_eq!(again, ours, "printed as {printed}"),
        // escapes may take more room than what they stand for
        Err(error) => assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}: {printed}"),
    }
    assert_eq!(Call::from_json(&ours).ok(), call.ok(), "from bytes and from JSON");
}

/// Whether two readers understood the same.
fn same(ours: &Json, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::String(a), Value::String(b)) => a == b,
        (Json::Number(a), Value::Number(b)) => {
            let text = a.as_str();
            let whole = b.as_i64().map(i128::from).or_else(|| b.as_u64().map(i128::from));
            let close = |a: f64, b: f64| (a - b).abs() <= a.abs() * 1e-14 + f64::MIN_POSITIVE;
            match whole {
                Some(whole) => text.parse() == Ok(whole),
                None => text.parse().is_ok_and(|a| b.as_f64().is_some_and(|b| close(a, b))),
            }
        }
        (Json::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => false,
    }
}

/// What a stranger's `tools/list` is served under: every tool approved, its hints believed, and open policies.
const OPEN_OVERLAY: &str = "[servers.s]\ntrusted = true\ndefault_state = \"approved\"\n";
const OPEN_POLICIES: &str = r#"
    @id("reads-run") permit (principal, action in Toolgate::Action::"read", resource);
    @id("all-asks") permit (principal, action, resource) when { context.approval.self };
"#;
const OPEN_SNAPSHOT: &str = r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
    "users": [{"id": "ann", "active": true}], "clients": [{"id": "cli", "kind": "personal", "state": "active"}]}"#;
const TOOLS_FILE: &str = "catalog/s.json";

/// One server's `tools/list`, and after a record separator (0x1E, which no JSON has) arguments for its tools.
pub fn tools_list(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0x1e);
    let (list, tail) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let bundle = Bundle {
        policies: vec![Source::new("open.cedar", OPEN_POLICIES)],
        tools: [("s".to_string(), Source::new(TOOLS_FILE, list))].into(),
        overlay: Some(Source::new("catalog.toml", OPEN_OVERLAY)),
        snapshot: Source::new("snapshot.json", OPEN_SNAPSHOT),
    };
    // what only a fault in the schema that toolgate makes of it could lead to is not among these
    let may_be = [
        ErrorKind::DuplicateId,
        ErrorKind::InvalidValue,
        ErrorKind::JsonDuplicateKey,
        ErrorKind::JsonSyntax,
        ErrorKind::LimitExceeded,
        ErrorKind::NameUnsafe,
        ErrorKind::WrongType,
    ];
    let Some(engine) = loaded(Engine::load(&bundle), TOOLS_FILE, &may_be) else { return };
    assert!(!engine.schema().is_empty(), "the schema cannot be written down");
    assert_eq!(engine.report().tools.len(), engine.catalog().tools.len(), "every tool is reported on");

    let tail = Json::parse(tail).ok().filter(|tail| matches!(tail, Json::Object(_)));
    let view = View::new(&engine, Subject::agent("ann", "cli"), Session::default(), at("2026-11-20T10:00:00Z"));
    for id in engine.catalog().tools.keys() {
        assert_eq!(id.to_string().parse().as_ref(), Ok(id), "a tool's name leads back to it");
        for arguments in [Some(Json::Object(BTreeMap::new())), tail.clone()].into_iter().flatten() {
            let decision = view.decide(&Call { arguments, ..view.call(id) });
            // neither policy can err, so only what was made of the arguments could
            assert_ne!(decision.reason, Reason::EvaluationError, "{id}: {:?}", decision.detail);
            assert!(
                matches!(
                    decision.reason,
                    Reason::AllowedHeld | Reason::ApprovalRequired | Reason::ArgumentInvalid | Reason::LimitExceeded
                ),
                "{id}: {}",
                decision.reason
            );
        }
    }
}

/// A small company's catalog and policies, with ids that the acme snapshot knows.
const CRM_TOOLS: &str = r#"[
    {"name": "search_records", "annotations": {"readOnlyHint": true}, "inputSchema": {"type": "object",
        "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["query"]}},
    {"name": "update_record", "annotations": {"destructiveHint": false}, "inputSchema": {"type": "object",
        "properties": {"amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": false}},
    {"name": "delete_record", "inputSchema": {"type": "object"}}
]"#;
const CRM_OVERLAY: &str = r#"
    tenant.guidance = { message = "Ask the desk", url = "https://help.acme.example/" }
    [servers.crm]
    trusted = true
    owner = "dana"
    default_state = "approved"
    credential = { mode = "shared", ref = "vault:crm" }
    [[servers.crm.rules]]
    tools = ["*"]
    entitlements = ["crm:write", "crm:admin"]
    labels = ["private-data"]
    [[servers.crm.rules]]
    tools = ["search_records"]
    entitlements = ["crm:read"]
"#;
const CRM_POLICIES: &str = r#"
    @id("reads-run")
    permit (principal, action in Toolgate::Action::"read", resource) when { principal in resource.entitlements };
    @id("writes-ask") @valid_for("1h") @reuse("tool") @obligations("log")
    permit (principal, action in Toolgate::Action::"write", resource)
    when { principal in resource.entitlements && context.approval.self };
    @id("deletes-ask-owners") @valid_for("15m") @reuse("server") @approvers("entitlement-owner,server-owner,group:sales")
    permit (principal, action in Toolgate::Action::"delete", resource)
    when { principal in resource.entitlements && context.approval.manager };
    @id("large-asks-manager") @reuse("operation")
    forbid (principal, action == Toolgate::Action::"crm/update_record", resource)
    when { context.input.amount > 100 } unless { context.approval.manager };
    @id("strangers-stay-out")
    forbid (principal in Toolgate::Group::"strangers", action, resource);
    @id("shared-only-read")
    forbid (principal is Toolgate::Agent, action in Toolgate::Action::"write", resource)
    when { principal.client.kind == "shared" };
    @id("admin-is-not-asked-for")
    forbid (principal, action == Toolgate::Action::"request", resource in Toolgate::Entitlement::"crm:admin");
    @id("freeze")
    forbid (principal, action in Toolgate::Action::"delete", resource)
    when { context.now >= datetime("2026-12-19T00:00:00Z") && context.now < datetime("2027-01-04T00:00:00Z") };
"#;

/// A snapshot: JSON, or JSON Lines if the first byte, which is left out, is odd (`0{…}` and `1{…}`).
pub fn snapshot(data: &[u8]) {
    let (first, text) = data.split_first().unwrap_or((&0, &[]));
    let file = if first % 2 == 1 { "snapshot.jsonl" } else { "snapshot.json" };
    let bundle = Bundle {
        policies: vec![Source::new("crm.cedar", CRM_POLICIES)],
        tools: [("crm".to_string(), Source::new("catalog/crm.json", CRM_TOOLS))].into(),
        overlay: Some(Source::new("catalog.toml", CRM_OVERLAY)),
        snapshot: Source::new(file, text),
    };
    let may_be = [
        ErrorKind::DuplicateId,
        ErrorKind::InvalidValue,
        ErrorKind::JsonDuplicateKey,
        ErrorKind::JsonSyntax,
        ErrorKind::LimitExceeded,
        ErrorKind::NameUnsafe,
        ErrorKind::SnapshotCycle,
        ErrorKind::UnknownField,
        ErrorKind::WrongType,
    ];
    let Some(engine) = loaded(Engine::load(&bundle), file, &may_be) else { return };
    let written = serde_json::to_string(&engine.snapshot()).unwrap_or_default();
    for (file, text) in [("snapshot.json", written.clone()), ("snapshot.jsonl", as_lines(&written))] {
        let again = Engine::load(&Bundle { snapshot: Source::new(file, text.as_str()), ..bundle.clone() });
        match &again {
            Ok(again) => assert_eq!(again.snapshot(), engine.snapshot(), "written as {text}"),
            Err(error) => panic!("written as {text}: {error}"),
        }
    }

    let facts = engine.snapshot();
    let clients = facts.clients.first().into_iter().chain(facts.clients.last());
    let users = facts.users.first().into_iter().chain(facts.users.last());
    let agents = users.zip(clients).map(|(user, client)| Subject::agent(&user.id, &client.id));
    let principals = facts.service_principals.first().map(|principal| Subject::service_principal(&principal.id));
    let approved = facts.approvals.first().map(|approval| approval.subject.clone());
    let mut subjects: Vec<Subject> = agents.chain(principals).chain(approved).collect();
    subjects.dedup();
    let begins = facts.approvals.first().map(|approval| approval.from);
    let ends = facts.grants.iter().filter_map(|grant| grant.until).min();
    let mut times: Vec<Instant> = [Some(facts.issued_at), begins, ends].into_iter().flatten().collect();
    times.dedup();
    let mut tools: Vec<&ToolId> = engine.catalog().tools.keys().collect();
    tools.extend(facts.kill_switches.tools.first());
    for subject in &subjects {
        for now in &times {
            let view = View::new(&engine, subject.clone(), Session::default(), *now);
            for id in &tools {
                let mut call = view.call(id);
                let (key, value) = if id.name == "update_record" { ("amount", "120") } else { ("query", "\"a\"") };
                call.arguments = json(&format!("{{\"{key}\": {value}}}"));
                let decision = view.decide(&call);
                // nobody is told to ask for what is granted to them by name for good
                if let Some(request) = decision.access_request {
                    let held = |what: &Granted| match what {
                        Granted::Entitlement(id) => request.entitlement.as_deref() == Some(id),
                        Granted::Profile(id) => request.profile.as_deref() == Some(id),
                    };
                    let own = facts.grants.iter().filter(|grant| match (&grant.to, subject) {
                        (Holder::User(id), Subject::Agent { user, .. }) => id == user,
                        (Holder::ServicePrincipal(held), Subject::ServicePrincipal { id }) => held == id,
                        _ => false,
                    });
                    let always = own.filter(|grant| grant.from.is_none() && grant.until.is_none());
                    assert!(!always.into_iter().any(|grant| held(&grant.what)), "asks for what it holds: {request:?}");
                }
            }
        }
    }
}

/// A snapshot as JSON Lines. A client's and an approval's own kind give way to the line's.
fn as_lines(snapshot: &str) -> String {
    let Ok(Value::Object(mut head)) = serde_json::from_str(snapshot) else { return String::new() };
    let mut lines = Vec::new();
    for (list, kind) in [
        ("approvals", "approval"),
        ("clients", "client"),
        ("entitlements", "entitlement"),
        ("grants", "grant"),
        ("groups", "group"),
        ("profiles", "profile"),
        ("service_principals", "service_principal"),
        ("users", "user"),
    ] {
        for item in head.remove(list).iter().flat_map(|list| list.as_array()).flatten() {
            let mut line = item.as_object().cloned().unwrap_or_default();
            if let Some(own) = line.remove("kind") {
                line.insert(format!("{kind}_kind"), own);
            }
            line.insert("kind".into(), kind.into());
            lines.push(Value::Object(line).to_string());
        }
    }
    let mut switches = head.remove("kill_switches").unwrap_or_default();
    if let Some(switches) = switches.as_object_mut() {
        switches.insert("kind".into(), "kill_switches".into());
    }
    lines.push(switches.to_string());
    head.insert("kind".into(), "snapshot".into());
    lines.push(Value::Object(head).to_string());
    lines.join("\n")
}

/// A call to the acme example: JSON, or short (`!`, seven bytes that choose, and the arguments as JSON).
pub fn decide(data: &[u8]) {
    let engine = acme();
    let data = spelled_out(data);
    let decision = engine.decide_json(&data);
    let call = match Call::parse(&data) {
        Ok(call) => call,
        Err(error) => {
            let limit = error.kind() == ErrorKind::LimitExceeded;
            assert_eq!(decision.reason, if limit { Reason::LimitExceeded } else { Reason::InvalidRequest }, "{error}");
            assert_eq!(engine.decide_json(&data), decision, "the same bytes twice");
            plain(engine, &decision);
            return;
        }
    };
    let view = View::new(engine, call.subject.clone(), call.session.clone(), call.now);
    assert_eq!(view.decide(&call), decision, "as a call and as its bytes");
    if let Ok(json) = Json::parse(&data) {
        let again = engine.decide_json(json.to_string().as_bytes());
        assert!(again == decision || again.reason == Reason::LimitExceeded, "printed and read again: {again:?}");
    }

    // In toolgate's own words, a tool that may not be seen and one that does not exist sound alike.
    let absent = Call { tool: ToolId::new(&call.tool.server, "no-such-tool"), ..call.clone() };
    let absent = engine.decide(&absent);
    if own_words(&absent) != own_words(&decision) {
        assert_ne!(view.of(&call.tool), Visibility::Hidden, "told apart from none: {decision:?}");
    }
}

/// The acme example.
fn acme() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    macro_rules! source {
        ($file:literal) => {
            Source::new($file, include_bytes!(concat!("../../policies/examples/acme/", $file)).as_slice())
        };
    }
    ENGINE.get_or_init(|| {
        let bundle = Bundle {
            policies: vec![
                source!("policies/autonomous.cedar"),
                source!("policies/deletes.cedar"),
                source!("policies/money.cedar"),
                source!("policies/reads.cedar"),
                source!("policies/toxic-flow.cedar"),
                source!("policies/writes.cedar"),
            ],
            tools: [
                ("analytics".to_string(), source!("catalog/analytics.json")),
                ("billing".to_string(), source!("catalog/billing.json")),
                ("codehost".to_string(), source!("catalog/codehost.json")),
                ("crm".to_string(), source!("catalog/crm.json")),
                ("mail".to_string(), source!("catalog/mail.json")),
                ("siem".to_string(), source!("catalog/siem.json")),
                ("web".to_string(), source!("catalog/web.json")),
                ("wiki".to_string(), source!("catalog/wiki.json")),
            ]
            .into(),
            overlay: Some(source!("catalog.toml")),
            snapshot: source!("snapshot.json"),
        };
        Engine::load(&bundle).unwrap_or_else(|error| panic!("the acme example does not load: {error}"))
    })
}

/// A short input as the call it stands for, so that few mutations are lost on what is not the arguments.
fn spelled_out(data: &[u8]) -> Cow<'_, [u8]> {
    let Some((&[b'!', subject, tool, day, minute, labels, calls, signed_in], arguments)) =
        data.split_first_chunk::<8>()
    else {
        return Cow::Borrowed(data);
    };
    fn pick<T>(mut from: impl ExactSizeIterator<Item = T>, by: u8) -> Option<T> {
        let at = usize::from(by).checked_rem(from.len())?;
        from.nth(at)
    }
    let subjects = [
        r#"{"user":"alice","client":"claude-code"}"#,
        r#"{"user":"bob","client":"claude-code"}"#,
        r#"{"user":"carol","client":"cursor"}"#,
        r#"{"user":"frank","client":"cursor"}"#,
        r#"{"user":"olga","client":"team-assistant"}"#,
        r#"{"user":"paul","client":"cursor"}"#,
        r#"{"service_principal":"soc-triage"}"#,
    ];
    let subject = pick(subjects.iter(), subject).copied().unwrap_or_default();
    let tool = pick(acme().catalog().tools.keys(), tool).map(ToString::to_string).unwrap_or_default();
    let (day, hour, minute) = (20 + day / 128, minute / 11, minute % 60);
    let all = ["private-data", "untrusted-content", "secrets", "external-sink"];
    let known: Vec<&str> = all.iter().enumerate().filter(|(bit, _)| labels >> bit & 1 == 1).map(|(_, l)| *l).collect();
    let acr = if signed_in % 2 == 1 { "phr" } else { "pwd" };
    let session = if labels >= 128 {
        "{}".to_string()
    } else {
        format!(r#"{{"calls":{calls},"labels":{known:?},"authenticated_at":"2026-11-20T08:30:00Z","acr":"{acr}"}}"#)
    };
    let head = format!(
        r#"{{"subject":{subject},"tool":"{tool}","session":{session},"now":"2026-11-{day}T{hour:02}:{minute:02}:00Z","arguments":"#
    );
    Cow::Owned([head.as_bytes(), arguments, b"}"].concat())
}

/// The engine, if it loads. If not, every error is about the file under test and of a kind that its text can cause.
fn loaded(engine: Result<Engine, LoadError>, file: &str, may_be: &[ErrorKind]) -> Option<Engine> {
    let errors = match engine {
        Ok(engine) => return Some(engine),
        Err(errors) => errors,
    };
    assert!(!errors.errors().is_empty(), "refused for nothing");
    for error in errors.errors() {
        assert_eq!(error.file(), Some(file), "{error}");
        assert!(may_be.contains(&error.kind()), "{}: {error}", error.code());
    }
    None
}

/// What one subject sees at one time, and what is decided for it.
struct View<'a> {
    engine: &'a Engine,
    subject: Subject,
    session: Session,
    now: Instant,
    visible: OnceCell<BTreeMap<ToolId, Visibility>>,
}

impl<'a> View<'a> {
    fn new(engine: &'a Engine, subject: Subject, session: Session, now: Instant) -> Self {
        Self { engine, subject, session, now, visible: OnceCell::new() }
    }

    /// A call without arguments.
    fn call(&self, tool: &ToolId) -> Call {
        let call = Call::new(self.subject.clone(), tool.clone(), self.now);
        Call { session: self.session.clone(), ..call }
    }

    /// How the tool shows in the list of tools. One that is not listed is hidden.
    fn of(&self, tool: &ToolId) -> Visibility {
        let all = self.visible.get_or_init(|| {
            let all = self.engine.visible_tools(&self.subject, &self.session, self.now);
            let all = all.into_iter().map(|tool| (tool.tool.into_owned(), tool.visibility));
            let all: BTreeMap<ToolId, Visibility> = all.collect();
            assert!(all.keys().eq(self.engine.catalog().tools.keys()), "every tool of the catalog and no other");
            all
        });
        all.get(tool).copied().unwrap_or(Visibility::Hidden)
    }

    /// Decides, and asserts what holds for every decision.
    fn decide(&self, call: &Call) -> Decision<'a> {
        let decision = self.engine.decide(call);
        plain(self.engine, &decision);
        let seen = || self.of(&call.tool);
        match (decision.outcome, &decision.access_request, &decision.approval_request) {
            (Outcome::Deny | Outcome::TicketFallback, ..) => {}
            (_, Some(_), _) => assert_ne!(seen(), Visibility::Hidden, "{decision:?}"),
            (Outcome::AutoApprove, None, None) => assert_eq!(seen(), Visibility::Callable, "{decision:?}"),
            (Outcome::SelfApprove | Outcome::ManagerApprove, None, Some(request)) => {
                assert!(seen() <= Visibility::NeedsApproval, "{}: {decision:?}", seen());
                assert_eq!(request.subject, call.subject);
                assert!(!request.approvers.is_empty(), "nobody to ask: {decision:?}");
            }
            _ => panic!("outcome and requests do not fit: {decision:?}"),
        }
        self.same_until(call, &decision);
        decision
    }

    /// `valid_until` is the first instant at which time alone could change the answer.
    fn same_until(&self, call: &Call, decision: &Decision) {
        const TEN_YEARS: Duration = Duration::from_secs(3653 * 86_400);
        let later = match decision.valid_until {
            None => call.now.saturating_add(TEN_YEARS),
            Some(until) => {
                let left = until.since(call.now).unwrap_or_default();
                assert!(!left.is_zero(), "over already: {decision:?}");
                call.now.saturating_add(left.saturating_sub(Duration::from_nanos(1)))
            }
        };
        if later != call.now {
            let then = self.engine.decide(&Call { now: later, ..call.clone() });
            assert_eq!(&then, decision, "at {} and at {later}", call.now);
        }
    }
}

/// What holds for a decision by itself.
fn plain(engine: &Engine, decision: &Decision) {
    let written = serde_json::to_string(decision);
    assert!(written.is_ok(), "{written:?}");
    assert_eq!((&*decision.engine, decision.snapshot_version), (engine.digest(), engine.snapshot_version()));
    let message = &decision.agent_message;
    assert!(!message.is_empty() && !message.chars().any(char::is_control), "{message:?}");
    assert_eq!(decision.is_allowed(), decision.outcome == Outcome::AutoApprove && decision.access_request.is_none());
    if matches!(decision.outcome, Outcome::Deny | Outcome::TicketFallback) {
        let offers = decision.approval_request.is_some() || decision.access_request.is_some();
        let runs =
            decision.credential.is_some() || !decision.obligations.is_empty() || !decision.gains_labels.is_empty();
        assert!(!offers && !runs, "a refusal that offers something: {decision:?}");
    } else {
        let permits = decision.policies.iter().any(|policy| policy.effect == Effect::Permit);
        assert!(permits, "nothing permits it: {decision:?}");
        let faults = [Reason::EvaluationError, Reason::LimitExceeded, Reason::InvalidRequest, Reason::ArgumentInvalid];
        assert!(!faults.contains(&decision.reason), "{decision:?}");
    }
}

/// What the agent is told, without what an administrator wrote.
fn own_words<'a>(decision: &'a Decision<'_>) -> &'a str {
    let message = &*decision.agent_message;
    let Some(guidance) = &decision.guidance else { return message };
    message.split_once(format!(" {}", guidance.message).as_str()).map_or(message, |(own, _)| own)
}

fn at(text: &str) -> Instant {
    text.parse().unwrap_or(Instant::MIN)
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or(Json::Null)
}
