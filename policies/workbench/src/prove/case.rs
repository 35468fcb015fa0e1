//! From a counterexample in Cedar's terms to a test case in the bundle's: a call, and what the snapshot has to hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};
use toolgate::Instant;
use toolgate::facts::{Approval, Grant, Granted, Holder, Snapshot};

use super::arguments;
use super::question::Counter;
use super::rewrite::{Name, entity};
use super::world::{Asked, PrincipalKind, Target, kind};

/// Whoever is in a counterexample without a name that matters.
const USER: &str = "some-user";
const CLIENT: &str = "some-client";
const OWNER: &str = "some-owner";
const SERVICE: &str = "some-service";
const MANAGER: &str = "some-manager";
const CLIENT_KINDS: [&str; 4] = ["personal", "shared", "service", "ephemeral"];

/// A test case, as `toolgate test` takes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// Who calls.
    pub subject: Value,
    /// When.
    pub now: String,
    /// Which tool.
    pub tool: String,
    /// With which arguments.
    pub arguments: Value,
    /// In which session.
    pub session: Value,
    /// What the snapshot holds besides, or instead.
    pub snapshot: Value,
    /// What the property wants.
    pub expect: Value,
}

impl Case {
    /// The case as an item of a suite's `cases`.
    pub fn to_yaml(&self) -> String {
        let field = |name: &str, value: &Value| format!("    {name}: {}\n", flow(value));
        let mut out = format!("  - name: {}\n", flow(&json!(self.name)));
        out.push_str(&field("subject", &self.subject));
        out.push_str(&field("now", &json!(self.now)));
        out.push_str(&field("tool", &json!(self.tool)));
        out.push_str(&field("arguments", &self.arguments));
        out.push_str(&field("session", &self.session));
        out.push_str("    snapshot:\n");
        for (list, items) in self.snapshot.as_object().into_iter().flatten() {
            match items {
                Value::Array(items) => {
                    out.push_str(&format!("      {list}:\n"));
                    items.iter().for_each(|item| out.push_str(&format!("        - {}\n", flow(item))));
                }
                other => out.push_str(&format!("      {list}: {}\n", flow(other))),
            }
        }
        out.push_str(&field("expect", &self.expect));
        out
    }

    /// The call as JSON.
    pub(super) fn call(&self) -> Value {
        json!({
            "subject": self.subject, "tool": self.tool, "arguments": self.arguments, "session": self.session,
            "now": self.now,
        })
    }
}

/// A value as YAML on one line, which JSON is; plain words stay plain.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{}: {}", word(name), flow(value))).collect();
            if members.is_empty() { "{}".into() } else { format!("{{ {} }}", members.join(", ")) }
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// A text, bare if no reader of YAML could take it for anything else.
fn word(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if bare { text.to_owned() } else { Value::from(text).to_string() }
}

/// What a case is made from.
pub(super) struct Making<'a> {
    pub(super) counter: &'a Counter,
    pub(super) target: &'a Target,
    pub(super) principal: PrincipalKind,
    /// What the policies and the property read.
    pub(super) reads: &'a BTreeSet<String>,
    /// The entities that they name.
    pub(super) names: &'a BTreeSet<Name>,
    pub(super) snapshot: &'a Snapshot,
}

/// The entities of a counterexample: what each is, and what it is in.
struct Entities(BTreeMap<Name, (Value, Vec<Name>)>);

impl Making<'_> {
    /// The case, named and with nothing expected yet; none if what is asked for is no call of a tool.
    pub(super) fn case(&self) -> Result<Option<Case>, String> {
        let Asked::Tool(tool) = &self.target.asked else { return Ok(None) };
        let entities = Entities::new(self.counter)?;
        let request = &self.counter.env.request;
        let context = request.context().ok_or("the counterexample has no context")?;
        let context = context.to_json_value().map_err(|error| error.to_string())?;
        let at = |path: &str| context.pointer(path).unwrap_or(&Value::Null);

        let issued = self.snapshot.issued_at;
        let tells_time = self.reads.contains("now") || self.reads.contains("authenticated_at");
        let now =
            if tells_time { arguments::millis(at("/now")).and_then(Instant::from_unix_millis) } else { Some(issued) };
        let now = now.ok_or("the time of the counterexample is beyond any calendar")?;
        let arguments = arguments::from_input(at("/input"), self.target.schema.as_ref().unwrap_or(&Value::Null));

        let (subject, mut overlay) = self.people(&entities)?;
        let age = now.unix_millis().saturating_sub(issued.unix_millis());
        let oldest = i64::try_from(self.snapshot.max_age.as_millis()).unwrap_or(i64::MAX);
        if age < 0 || age >= oldest {
            overlay.insert("issued_at".into(), json!(now.to_string()));
        }
        Ok(Some(Case {
            name: String::new(),
            subject,
            now: now.to_string(),
            tool: tool.to_string(),
            arguments,
            session: self.session(at("/session"), at("/channel")),
            snapshot: Value::Object(overlay),
            expect: Value::Null,
        }))
    }

    /// What the policies read of the session, and the labels always: a host that says nothing of them is not asked.
    fn session(&self, session: &Value, channel: &Value) -> Value {
        let mut out = Map::new();
        let labels = session.get("labels").cloned().unwrap_or_else(|| json!([]));
        out.insert("labels".into(), labels);
        for name in ["id", "calls", "acr"].into_iter().filter(|name| self.reads.contains(*name)) {
            out.extend(session.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        if self.reads.contains("channel") {
            out.insert("channel".into(), channel.clone());
        }
        if self.reads.contains("authenticated_at") {
            let at = session.get("authenticated_at").and_then(arguments::millis).and_then(Instant::from_unix_millis);
            out.extend(at.map(|at| ("authenticated_at".to_owned(), json!(at.to_string()))));
        }
        Value::Object(out)
    }

    /// Who calls, and what the snapshot must say of them.
    fn people(&self, entities: &Entities) -> Result<(Value, Map<String, Value>), String> {
        let caller = self.counter.env.request.principal().ok_or("the counterexample has no principal")?;
        let caller: Name = (caller.type_name().to_string(), caller.id().unescaped().to_owned());
        let attribute = |name: &str| entities.attribute(&caller, name).and_then(entity);
        let held = self.held(entities, &caller);
        let mut overlay = Map::new();
        let mut groups: BTreeSet<String> = BTreeSet::new();
        let subject = match self.principal {
            PrincipalKind::Agent => {
                let (user, client) = (attribute("user").unwrap_or_default(), attribute("client").unwrap_or_default());
                let client_kind = entities.attribute(&client, "kind").and_then(Value::as_str).unwrap_or_default();
                let client_kind = if CLIENT_KINDS.contains(&client_kind) { client_kind } else { "personal" };
                let (own, user) =
                    (self.known(entities, &user, "Group"), self.person(entities, &user, USER, &mut overlay));
                let client = self.named("Client", &client, CLIENT);
                groups.extend(own);
                overlay.insert("clients".into(), json!([{"id": client, "kind": client_kind, "state": "active"}]));
                json!({"user": user, "client": client})
            }
            PrincipalKind::ServicePrincipal => {
                let id = self.named("ServicePrincipal", &caller, SERVICE);
                let owner = self.person(entities, &attribute("owner").unwrap_or_default(), OWNER, &mut overlay);
                groups.extend(self.known(entities, &caller, "Group"));
                overlay.insert(
                    "service_principals".into(),
                    json!([{
                        "id": id, "active": true, "owner": owner, "manager": MANAGER, "groups": groups,
                    }]),
                );
                json!({"service_principal": id})
            }
        };
        self.grants(entities, &subject, &held, &groups, &mut overlay);
        if !groups.is_empty() {
            // alone: what they are in is for the counterexample to say
            let groups: Vec<Value> = groups.iter().map(|id| json!({"id": id, "parents": []})).collect();
            overlay.insert("groups".into(), Value::Array(groups));
        }
        Ok((subject, overlay))
    }

    /// A user and a manager, both active.
    fn person(&self, entities: &Entities, user: &Name, otherwise: &str, overlay: &mut Map<String, Value>) -> String {
        let id = self.named("User", user, otherwise);
        overlay.insert(
            "users".into(),
            json!([
                {
                    "id": id, "active": true, "manager": MANAGER, "groups": self.known(entities, user, "Group"),
                    "entitlements": self.known(entities, user, "Entitlement"),
                },
                {"id": MANAGER, "active": true},
            ]),
        );
        id
    }

    /// What the caller holds: entitlements and profiles.
    fn held(&self, entities: &Entities, caller: &Name) -> (Vec<String>, Vec<String>) {
        (self.known(entities, caller, "Entitlement"), self.known(entities, caller, "Profile"))
    }

    fn grants(
        &self,
        entities: &Entities,
        subject: &Value,
        (held, profiles): &(Vec<String>, Vec<String>),
        groups: &BTreeSet<String>,
        overlay: &mut Map<String, Value>,
    ) {
        let mut grants = Vec::new();
        for (field, id) in held.iter().map(|id| ("entitlement", id)).chain(profiles.iter().map(|id| ("profile", id))) {
            let number = grants.len().saturating_add(1);
            grants.push(json!({"id": format!("some-grant-{number}"), "to": subject, field: id}));
        }
        let new: Vec<Value> = held
            .iter()
            .filter(|id| !self.snapshot.entitlements.iter().any(|known| known.id == **id))
            .map(|id| json!({"id": id}))
            .collect();
        let bundled: Vec<Value> = profiles
            .iter()
            .map(|id| json!({"id": id, "entitlements": self.known(entities, &(kind("Profile"), id.clone()), "Entitlement")}))
            .collect();
        for (list, items) in [("entitlements", new), ("profiles", bundled), ("grants", grants)] {
            if !items.is_empty() {
                overlay.insert(list.into(), Value::Array(items));
            }
        }
        // what the snapshot grants besides, the counterexample does not have
        let more = |grant: &&Grant| reaches(&grant.to, subject, groups) && !given(&grant.what, held, profiles);
        let grants: Vec<&str> = self.snapshot.grants.iter().filter(more).map(|grant| grant.id.as_str()).collect();
        let approved = |approval: &&Approval| json!(approval.subject) == *subject;
        let approvals: Vec<&str> =
            self.snapshot.approvals.iter().filter(approved).map(|approval| approval.id.as_str()).collect();
        let remove: Map<String, Value> = [("grants", grants), ("approvals", approvals)]
            .into_iter()
            .filter(|(_, ids)| !ids.is_empty())
            .map(|(list, ids)| (list.to_owned(), json!(ids)))
            .collect();
        if !remove.is_empty() {
            overlay.insert("remove".into(), Value::Object(remove));
        }
    }

    /// What an entity is in, of a kind: those that a policy or the tool names; no other can matter.
    fn known(&self, entities: &Entities, of: &Name, what: &str) -> Vec<String> {
        let what = kind(what);
        let matters = |name: &Name| {
            self.names.contains(name)
                || name.0 == kind("Entitlement") && self.target.facts.entitlements.contains(&name.1)
        };
        let parents = entities.0.get(of).map(|(_, parents)| parents.as_slice()).unwrap_or_default();
        parents.iter().filter(|name| name.0 == what && matters(name)).map(|(_, id)| id.clone()).collect()
    }

    /// An id: its own if a policy names it, else one to read.
    fn named(&self, what: &str, name: &Name, otherwise: &str) -> String {
        if name.0 == kind(what) && self.names.contains(name) { name.1.clone() } else { otherwise.to_owned() }
    }
}

fn given(what: &Granted, held: &[String], profiles: &[String]) -> bool {
    match what {
        Granted::Entitlement(id) => held.contains(id),
        Granted::Profile(id) => profiles.contains(id),
    }
}

fn reaches(holder: &Holder, subject: &Value, groups: &BTreeSet<String>) -> bool {
    let is = |field: &str, id: &String| subject.get(field).and_then(Value::as_str) == Some(id);
    match holder {
        Holder::User(user) => is("user", user),
        Holder::UserClient { user, client } => is("user", user) && is("client", client),
        Holder::Group(group) => groups.contains(group),
        Holder::ServicePrincipal(id) => is("service_principal", id),
    }
}

impl Entities {
    fn new(counter: &Counter) -> Result<Self, String> {
        let json = counter.env.entities.to_json_value().map_err(|error| error.to_string())?;
        let mut all = BTreeMap::new();
        for item in json.as_array().into_iter().flatten() {
            let parents =
                item.get("parents").and_then(Value::as_array).into_iter().flatten().filter_map(entity).collect();
            if let Some(name) = item.get("uid").and_then(entity) {
                all.insert(name, (item.get("attrs").cloned().unwrap_or_default(), parents));
            }
        }
        Ok(Self(all))
    }

    fn attribute(&self, of: &Name, name: &str) -> Option<&Value> {
        self.0.get(of)?.0.get(name)
    }
}
