//! A world as files: policies, overlay, snapshot, catalog; and its calls as a host sends them.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};
use toolgate::{Bundle, Engine, Instant, Source};

use crate::world::{
    Approver, Call, Condition, Holder, Killed, MINUTE, NOW, OPS, Policy, REUSE, Requestable, STAR, Scope, Subject,
    TOOLS, VALID, What, Who, World,
};

fn at(millis: i64) -> String {
    Instant::from_unix_millis(NOW + millis).unwrap().to_string()
}

impl World {
    pub(crate) fn id(&self, kind: &str, at: usize) -> String {
        if self.renamed { format!("z{kind}-{}", 90 - at) } else { format!("{kind}{at}") }
    }
    fn all(&self, kind: &str, at: &[usize]) -> Vec<String> {
        at.iter().map(|&at| if at == STAR { "*".into() } else { self.id(kind, at) }).collect()
    }
    fn tool_id(&self, tool: usize) -> String {
        format!("{}/{}", self.id("s", TOOLS.get(tool).copied().unwrap_or(0)), self.id("t", tool))
    }

    fn cedar_condition(&self, c: &Condition) -> String {
        let both = |a: &Condition, op: &str, b: &Condition| {
            format!("({} {op} {})", self.cedar_condition(a), self.cedar_condition(b))
        };
        match c {
            Condition::SelfYes => "context.approval.self".into(),
            Condition::ManagerYes => "context.approval.manager".into(),
            Condition::Held => "principal in resource.entitlements".into(),
            Condition::Group(g) => format!("principal in Toolgate::Group::\"{}\"", self.id("g", *g)),
            Condition::Ent(e) => format!("principal in Toolgate::Entitlement::\"{}\"", self.id("e", *e)),
            Condition::Label(l) => format!("resource.labels.contains(\"l{l}\")"),
            Condition::Sensitive => "resource.sensitive".into(),
            Condition::Production => "resource.environment == \"production\"".into(),
            Condition::SessionLabel(l) => format!("context.session.labels.contains(\"l{l}\")"),
            Condition::Calls(n) => format!("context.session.calls > {n}"),
            Condition::Before(t) => format!("context.now < datetime(\"{}\")", at(*t)),
            Condition::SignedInLongAgo => {
                "context.now.durationSince(context.session.authenticated_at) > duration(\"1h\")".into()
            }
            Condition::Amount(n) => format!("(context.input has amount && context.input.amount > {n})"),
            Condition::AmountTimes => "(context.input has amount && context.input.amount * 1000 > 50)".into(),
            Condition::CallsPlus => "context.session.calls + 1 > 5".into(),
            Condition::Web => "context.channel == \"web\"".into(),
            Condition::Not(c) => format!("!({})", self.cedar_condition(c)),
            Condition::And(a, b) => both(a, "&&", b),
            Condition::Or(a, b) => both(a, "||", b),
        }
    }

    pub(crate) fn cedar(&self, at: usize, p: &Policy) -> String {
        let mut text = format!("@id(\"{}\") @reuse(\"{}\")", self.id("p", at), REUSE[p.reuse]);
        if let Some((valid_for, _)) = VALID[p.valid_for] {
            text.push_str(&format!(" @valid_for(\"{valid_for}\")"));
        }
        let approvers: Vec<String> = p
            .approvers
            .iter()
            .map(|approver| match approver {
                Approver::ServerOwner => "server-owner".into(),
                Approver::EntitlementOwner => "entitlement-owner".into(),
                Approver::Group(g) => format!("group:{}", self.id("g", *g)),
                Approver::User(u) => format!("user:{}", self.id("u", *u)),
            })
            .collect();
        if !approvers.is_empty() {
            text.push_str(&format!(" @approvers(\"{}\")", approvers.join(", ")));
        }
        if p.remedy {
            text.push_str(" @remedy(\"reauthenticate\")");
        }
        let who = match &p.who {
            Who::Any => String::new(),
            Who::Agent => " is Toolgate::Agent".into(),
            Who::ServicePrincipal => " is Toolgate::ServicePrincipal".into(),
            Who::Group(g) => format!(" in Toolgate::Group::\"{}\"", self.id("g", *g)),
            Who::Ent(e) => format!(" in Toolgate::Entitlement::\"{}\"", self.id("e", *e)),
        };
        let action = |name: &str| format!("Toolgate::Action::\"{name}\"");
        let what = match &p.what {
            What::Any => String::new(),
            What::Operation(op) => format!(" in {}", action(OPS[*op])),
            What::Tool(tool) => format!(" == {}", action(&self.tool_id(*tool))),
            What::Tools(tools) => {
                let tools = tools.iter().map(|tool| action(&self.tool_id(*tool)));
                format!(" in [{}]", tools.chain([action("s0/absent")]).collect::<Vec<_>>().join(", "))
            }
            What::Request => format!(" == {}", action("request")),
            What::IssueToken => format!(" == {}", action("issue_token")),
        };
        let server = p.server.map_or(String::new(), |s| format!(" in Toolgate::Server::\"{}\"", self.id("s", s)));
        let effect = if p.forbid { "forbid" } else { "permit" };
        text.push_str(&format!("\n{effect} (principal{who}, action{what}, resource{server})"));
        for (word, clause) in [("when", &p.when), ("unless", &p.unless)] {
            if let Some(c) = clause {
                text.push_str(&format!(" {word} {{ {} }}", self.cedar_condition(c)));
            }
        }
        text + ";\n"
    }

    pub(crate) fn overlay(&self) -> String {
        let mut toml = String::new();
        for (s, server) in self.servers.iter().enumerate() {
            let id = self.id("s", s);
            let environment = if server.production { "production" } else { "test" };
            toml.push_str(&format!(
                "[servers.{id}]\npaused = {}\nenvironment = \"{environment}\"\nowner = \"{}\"\n",
                server.paused,
                self.id("u", server.owner)
            ));
            for (t, tool) in self.tools.iter().enumerate().filter(|(t, _)| TOOLS[*t] == s) {
                let labels: Vec<String> = tool.labels.iter().map(|l| format!("l{l}")).collect();
                toml.push_str(&format!(
                    "[[servers.{id}.rules]]\ntools = [\"{}\"]\noperation = \"{}\"\nentitlements = {:?}\nlabels = {:?}\nsensitive = {}\nstate = \"{}\"\n",
                    self.id("t", t), OPS[tool.operation], self.all("e", &tool.ents), labels, tool.sensitive,
                    ["approved", "disabled", "unset"][tool.state],
                ));
            }
        }
        toml.push_str("[servers.tok]\npath = \"token\"\naudience = \"https://as/\"\nresource_uris = [\"https://tok/\"]\nmax_token_lifetime = \"PT3H\"\n");
        for (s, scope) in self.scopes.iter().enumerate() {
            toml.push_str(&format!(
                "[servers.tok.scopes.sc{s}]\nenabled = {}\nentitlements = {:?}\nsensitive = {}\n",
                scope.enabled,
                self.all("e", &scope.ents),
                scope.sensitive
            ));
        }
        toml
    }

    fn subject(&self, subject: Subject) -> Value {
        match subject {
            Subject::Agent(user, client) => json!({"user": self.id("u", user), "client": self.id("c", client)}),
            Subject::ServicePrincipal(id) => json!({"service_principal": self.id("sp", id)}),
        }
    }

    pub(crate) fn snapshot(&self) -> Value {
        let user = |u: &Option<usize>| u.map(|u| self.id("u", u));
        let requestable = |kind: &str, at: usize, a: &Requestable| {
            let mut value = json!({"id": self.id(kind, at), "owners": self.all("u", &a.owners),
                "requestable_by": self.all("g", &a.by), "request_approval": (["auto", "self", "manager"][a.approval])});
            if kind == "f" {
                value["entitlements"] = json!(self.all("e", &a.ents));
            }
            value
        };
        let Killed { tenant, server, tool, client } = &self.killed;
        json!({
            "version": 1, "issued_at": at(-60 * MINUTE), "max_age": format!("PT{}M", self.max_age / MINUTE),
            "users": self.users.iter().enumerate().map(|(u, it)| json!({"id": self.id("u", u), "active": it.active,
                "manager": user(&it.manager), "groups": self.all("g", &it.groups), "entitlements": self.all("e", &it.own)})).collect::<Vec<_>>(),
            "groups": self.groups.iter().enumerate().map(|(g, parents)| json!({"id": self.id("g", g), "parents": self.all("g", parents)})).collect::<Vec<_>>(),
            "clients": (0..3).map(|c| json!({"id": self.id("c", c), "kind": "personal", "state": (["active", "hidden", "closed"][c])})).collect::<Vec<_>>(),
            "service_principals": self.principals.iter().enumerate().map(|(p, it)| json!({"id": self.id("sp", p),
                "active": it.active, "owner": self.id("u", it.owner), "manager": user(&it.manager), "groups": self.all("g", &it.groups)})).collect::<Vec<_>>(),
            "entitlements": self.ents.iter().enumerate().filter_map(|(e, it)| it.as_ref().map(|it| requestable("e", e, it))).collect::<Vec<_>>(),
            "profiles": self.profiles.iter().enumerate().map(|(f, it)| requestable("f", f, it)).collect::<Vec<_>>(),
            "grants": self.grants.iter().enumerate().map(|(g, it)| {
                let to = match it.to {
                    Holder::User(u) => json!({"user": self.id("u", u)}),
                    Holder::Via(u, c) => json!({"user": self.id("u", u), "client": self.id("c", c)}),
                    Holder::Group(g) => json!({"group": self.id("g", g)}),
                    Holder::ServicePrincipal(p) => json!({"service_principal": self.id("sp", p)}),
                };
                let (key, what) = if it.profile { ("profile", self.id("f", it.what)) } else { ("entitlement", self.id("e", it.what)) };
                json!({"id": self.id("gr", g), "to": to, key: what, "from": it.from.map(at), "until": it.until.map(at)})
            }).collect::<Vec<_>>(),
            "approvals": self.approvals.iter().enumerate().map(|(a, it)| {
                let scope = match it.scope {
                    Scope::Call(call) => json!({"call": self.binding(&self.calls[call])}),
                    Scope::Tool(tool) => json!({"tool": self.tool_id(tool)}),
                    Scope::Operation(op, server) => json!({"operation": OPS[op], "server": self.id("s", server)}),
                    Scope::Server(server) => json!({"server": self.id("s", server)}),
                };
                json!({"id": self.id("a", a), "kind": if it.manager { "manager" } else { "self" }, "by": self.id("u", it.by),
                    "subject": self.subject(it.subject), "scope": scope, "from": at(it.from), "until": at(it.until)})
            }).collect::<Vec<_>>(),
            "kill_switches": {"tenant": tenant, "servers": server.iter().map(|s| self.id("s", *s)).collect::<Vec<_>>(),
                "tools": tool.iter().map(|t| self.tool_id(*t)).collect::<Vec<_>>(), "clients": client.iter().map(|c| self.id("c", *c)).collect::<Vec<_>>()},
        })
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let schema = json!({"type": "object", "properties": {"amount": {"type": "integer"}}});
        let list = |server: usize| {
            let tools = (0..TOOLS.len()).filter(|t| TOOLS[*t] == server);
            json!(tools.map(|t| json!({"name": self.id("t", t), "inputSchema": schema})).collect::<Vec<_>>())
                .to_string()
        };
        Bundle {
            policies: self
                .policies
                .iter()
                .enumerate()
                .map(|(p, it)| Source::new(format!("{p}.cedar"), self.cedar(p, it)))
                .collect(),
            tools: (0..2).map(|s| (self.id("s", s), Source::new("catalog", list(s)))).collect(),
            overlay: Some(Source::new("catalog.toml", self.overlay())),
            snapshot: Source::new("snapshot.json", self.snapshot().to_string()),
        }
    }

    pub(crate) fn load(&self) -> Engine {
        Engine::load(&self.bundle()).unwrap_or_else(|error| panic!("{error}\n{self:#?}"))
    }

    /// What a host sends.
    pub(crate) fn call_json(&self, call: &Call) -> Vec<u8> {
        let mut arguments = json!({});
        if let Some(amount) = call.amount {
            arguments["amount"] = json!(amount);
        }
        if call.wrong {
            arguments["amount"] = json!("many");
        }
        let session = json!({"calls": call.calls, "labels": call.labels.as_ref().map(|all| all.iter().map(|l| format!("l{l}")).collect::<Vec<_>>()),
            "authenticated_at": call.signed_in.map(at), "channel": call.web.then_some("web")});
        json!({"subject": self.subject(call.subject), "tool": self.tool_id(call.tool), "arguments": arguments,
            "session": session, "now": at(call.now)})
        .to_string()
        .into_bytes()
    }

    /// The binding of a call, asked of a company where everybody must always be asked.
    fn binding(&self, call: &Call) -> String {
        type Known = HashMap<(bool, Vec<u8>), String>;
        static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
        let key = (self.renamed, self.call_json(call));
        let known = KNOWN.get_or_init(Mutex::default);
        if let Some(found) = known.lock().unwrap().get(&key) {
            return found.clone();
        }
        let asks = Policy {
            forbid: false,
            who: Who::Any,
            what: What::Any,
            server: None,
            when: Some(Condition::SelfYes),
            unless: None,
            valid_for: 0,
            reuse: 0,
            approvers: vec![],
            remedy: false,
        };
        let mut world = Self::drawn(&[], false);
        world.renamed = self.renamed;
        world.policies = vec![asks];
        world.killed = Killed::default();
        world.grants.clear();
        world.approvals.clear();
        let engine = world.load();
        let decision = engine.decide_json(&key.1);
        let binding = decision.approval_request.map_or_else(|| "sha256:none".into(), |request| request.binding);
        known.lock().unwrap().insert(key, binding.clone());
        binding
    }
}
