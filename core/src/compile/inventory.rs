//! The catalog by numbers: tools, servers and scopes as a decision looks at them.

use std::collections::BTreeMap;

use crate::compile::people::{Definition, People};
use crate::compile::plan::Plan;
use crate::compile::reads::Reads;
use crate::compile::symbols::{self, Symbols};
use crate::compile::vocabulary::{DEFAULT_ENVIRONMENT, ISSUE_TOKEN, REQUEST};
use crate::data::catalog::{Catalog, Server, Tool, ToolState};
use crate::data::decision::{Credential, Guidance};
use crate::data::id::{Operation, ToolId};
use crate::data::names::{index, number};
use crate::data::reason::Reason;
use crate::data::snapshot::{KillSwitches, RequestApproval, Scope};
use crate::data::value::{Const, Ent};
use crate::load::arguments::Arguments;

/// Actions have their numbers in this order: the operations, the two that are no tool, then the tools.
const FIXED_ACTIONS: [&str; 5] = ["read", "write", "delete", REQUEST, ISSUE_TOKEN];

/// Tools, servers and scopes, each by its number.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) tools: Vec<ToolEntry>,
    pub(crate) servers: Vec<ServerEntry>,
}

/// What is decided on: a tool, a scope or an entitlement, as policies see it.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// Sorted.
    pub(crate) entitlements: Box<[u32]>,
    /// Sorted.
    pub(crate) labels: Box<[Const]>,
    pub(crate) sensitive: bool,
    pub(crate) trusted: bool,
    pub(crate) environment: Box<str>,
}

/// A tool.
#[derive(Debug)]
pub(crate) struct ToolEntry {
    pub(crate) id: ToolId,
    pub(crate) server: u32,
    pub(crate) operation: Operation,
    /// Why it may not be used at all, if it may not.
    pub(crate) shut: Option<(Reason, String)>,
    /// The digest of its definition.
    pub(crate) digest: String,
    pub(crate) guarded: Guarded,
    pub(crate) labels: Vec<String>,
    /// Help for whoever is refused: the tool's, else its server's, else the tenant's.
    pub(crate) guidance: Option<Guidance>,
    /// What a yes for the tool, for its operation and for its server would cover.
    pub(crate) scopes: [Scope; 3],
    /// What could be asked for that unlocks it, in order of preference.
    pub(crate) askable: Box<[Candidate]>,
    pub(crate) plan: Plan,
}

/// A server.
#[derive(Debug)]
pub(crate) struct ServerEntry {
    pub(crate) id: String,
    /// The user who answers for it, if the snapshot has one of that name.
    pub(crate) owner: Option<u32>,
    /// Why nothing on it may be used, if so.
    pub(crate) shut: Option<(Reason, String)>,
    pub(crate) credential: Option<Credential>,
    pub(crate) guidance: Option<Guidance>,
    /// Sorted by name.
    pub(crate) scopes: Vec<ScopeEntry>,
}

/// A scope of a server reached by token.
#[derive(Debug)]
pub(crate) struct ScopeEntry {
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) enabled: bool,
    pub(crate) guarded: Guarded,
}

/// Something that could be asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    // the order is the order of preference: least friction, then id
    pub(crate) approval: RequestApproval,
    pub(crate) id: String,
    pub(crate) is_profile: bool,
    pub(crate) number: u32,
}

/// The arguments of a tool that nobody typed, which there is none of.
static UNTYPED: Arguments = Arguments { root: None, notes: Vec::new() };

/// The action of a tool.
pub(crate) fn action_of(tool: u32) -> Ent {
    Ent { kind: symbols::ACTION, id: tool.saturating_add(number(FIXED_ACTIONS.len())) }
}

/// The action of an operation's group, of asking for an entitlement, and of putting a scope into a token.
pub(crate) fn fixed_action(name: &str) -> Ent {
    let at = FIXED_ACTIONS.iter().position(|action| *action == name).unwrap_or(usize::MAX);
    Ent { kind: symbols::ACTION, id: number(at) }
}

/// Numbers everything that the catalog names. To be called before any policy is compiled.
pub(crate) fn number_names(catalog: &Catalog, symbols: &mut Symbols) {
    for name in FIXED_ACTIONS {
        symbols.entity(symbols::ACTION, name);
    }
    for (id, tool) in &catalog.tools {
        let name = id.to_string();
        symbols.entity(symbols::ACTION, &name);
        symbols.entity(symbols::TOOL, &name);
        for entitlement in &tool.entitlements {
            symbols.entity(symbols::ENTITLEMENT, entitlement);
        }
    }
    for (id, server) in &catalog.servers {
        symbols.entity(symbols::SERVER, id);
        for (scope, rule) in &server.scopes {
            symbols.entity(symbols::SCOPE, &format!("{id}/{scope}"));
            for entitlement in &rule.entitlements {
                symbols.entity(symbols::ENTITLEMENT, entitlement);
            }
        }
    }
}

/// The catalog by numbers. `reads` says what policies read of each tool's arguments.
pub(crate) fn take(
    catalog: &Catalog,
    arguments: &BTreeMap<ToolId, Arguments>,
    people: &People,
    symbols: &mut Symbols,
    reads: &Reads,
) -> Inventory {
    let switches = people.kill_switches();
    let unlocked_by = candidates(people, symbols);
    let servers = catalog.servers.iter().map(|(id, server)| server_entry(catalog, id, server, people, symbols));
    let servers = servers.collect();
    let mut tools = Vec::with_capacity(catalog.tools.len());
    for (at, (id, tool)) in catalog.tools.iter().enumerate() {
        let server = catalog.servers.get(&id.server);
        let guarded = guarded(&tool.entitlements, &tool.labels, tool.sensitive, server, symbols);
        let askable = guarded.entitlements.iter().filter_map(|id| unlocked_by.get(id)).flatten().cloned();
        let mut askable: Vec<Candidate> = askable.collect();
        askable.sort();
        askable.dedup();
        let of_server = || server.and_then(|server| server.guidance.clone());
        let action = action_of(number(at));
        let read = reads.of(action, fixed_action(tool.operation.as_str()));
        tools.push(ToolEntry {
            id: id.clone(),
            server: symbols.entity(symbols::SERVER, &id.server).id,
            operation: tool.operation,
            shut: shut(tool, server, switches),
            digest: tool.definition.digest.clone(),
            guarded,
            labels: tool.labels.clone(),
            guidance: tool.guidance.clone().or_else(of_server).or_else(|| catalog.tenant.guidance.clone()),
            scopes: [
                Scope::Tool(id.clone()),
                Scope::Operation { operation: tool.operation, server: id.server.clone() },
                Scope::Server(id.server.clone()),
            ],
            askable: askable.into(),
            plan: Plan::new(arguments.get(id).unwrap_or(&UNTYPED), &read, symbols.attrs_mut()),
        });
    }
    Inventory { tools, servers }
}

fn server_entry(catalog: &Catalog, id: &str, server: &Server, people: &People, symbols: &mut Symbols) -> ServerEntry {
    let owner = server.owner.as_deref().and_then(|owner| symbols.find(symbols::USER, owner)).map(|user| user.id);
    let scopes = server.scopes.iter().map(|(name, rule)| ScopeEntry {
        name: name.clone(),
        number: symbols.entity(symbols::SCOPE, &format!("{id}/{name}")).id,
        enabled: rule.enabled,
        guarded: guarded(&rule.entitlements, &rule.labels, rule.sensitive, Some(server), symbols),
    });
    ServerEntry {
        id: id.to_string(),
        owner,
        shut: server_shut(id, server, people.kill_switches()),
        credential: server.credential.clone(),
        guidance: server.guidance.clone().or_else(|| catalog.tenant.guidance.clone()),
        scopes: scopes.collect(),
    }
}

/// A server's own reason to refuse everything on it.
fn server_shut(id: &str, server: &Server, switches: &KillSwitches) -> Option<(Reason, String)> {
    if switches.servers.iter().any(|off| off == id) {
        return Some((Reason::KillSwitchActive, format!("server `{id}` is switched off")));
    }
    server.paused.then(|| (Reason::ServerPaused, format!("server `{id}`")))
}

/// Why a tool may not be used at all.
fn shut(tool: &Tool, server: Option<&Server>, switches: &KillSwitches) -> Option<(Reason, String)> {
    let id = &tool.id;
    // an unknown server has no tools
    let Some(server) = server else { return Some((Reason::ToolUnknown, format!("`{id}`"))) };
    if switches.servers.contains(&id.server) {
        return server_shut(&id.server, server, switches);
    }
    if switches.tools.contains(id) {
        return Some((Reason::KillSwitchActive, format!("tool `{id}` is switched off")));
    }
    if server.paused {
        return server_shut(&id.server, server, switches);
    }
    match tool.state {
        ToolState::Approved => {}
        ToolState::Disabled => return Some((Reason::ToolNotApproved, format!("`{id}` is disabled"))),
        // FAIL-CLOSED: a_tool_nobody_approved_is_refused
        ToolState::Unset => return Some((Reason::ToolNotApproved, format!("nobody approved `{id}` yet"))),
    }
    // FAIL-CLOSED: a_changed_definition_is_refused. What was approved is not what the server publishes now.
    if tool.pin.as_ref().is_some_and(|pin| *pin != tool.definition.digest) {
        return Some((Reason::ToolDefinitionChanged, format!("`{id}` is now {}", tool.definition.digest)));
    }
    None
}

fn guarded(
    entitlements: &[String],
    labels: &[String],
    sensitive: bool,
    server: Option<&Server>,
    symbols: &mut Symbols,
) -> Guarded {
    let mut entitlements: Vec<u32> =
        entitlements.iter().map(|id| symbols.entity(symbols::ENTITLEMENT, id).id).collect();
    entitlements.sort_unstable();
    entitlements.dedup();
    let environment = server.and_then(|server| server.environment.as_deref()).unwrap_or(DEFAULT_ENVIRONMENT);
    Guarded {
        entitlements: entitlements.into(),
        labels: texts(labels.iter().map(String::as_str)),
        sensitive,
        trusted: server.is_none_or(|server| server.trusted),
        environment: environment.into(),
    }
}

/// Texts as a set that policies read.
pub(crate) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Box<[Const]> {
    let mut all: Vec<Const> = texts.map(|text| Const::String(text.into())).collect();
    all.sort();
    all.dedup();
    all.into()
}

/// What can be asked for, by the entitlement it gives.
fn candidates(people: &People, symbols: &Symbols) -> BTreeMap<u32, Vec<Candidate>> {
    let mut all: BTreeMap<u32, Vec<Candidate>> = BTreeMap::new();
    let name = |kind, id| symbols.name(Ent { kind, id }).1.to_string();
    let [.., entitlements, profiles] = people.counts();
    for id in 0..entitlements {
        if let Some(defined) = people.entitlement(id).filter(Definition::is_requestable) {
            let id_text = name(symbols::ENTITLEMENT, id);
            let candidate =
                Candidate { approval: defined.request_approval, id: id_text, is_profile: false, number: id };
            all.entry(id).or_default().push(candidate);
        }
    }
    for id in 0..profiles {
        let Some(defined) = people.profile(id).filter(Definition::is_requestable) else { continue };
        let candidate = Candidate {
            approval: defined.request_approval,
            id: name(symbols::PROFILE, id),
            is_profile: true,
            number: id,
        };
        for entitlement in defined.entitlements.iter() {
            all.entry(*entitlement).or_default().push(candidate.clone());
        }
    }
    all
}

impl Inventory {
    pub(crate) fn tool(&self, number: u32) -> Option<&ToolEntry> {
        self.tools.get(index(number))
    }

    pub(crate) fn server(&self, number: u32) -> Option<&ServerEntry> {
        self.servers.get(index(number))
    }
}

impl ServerEntry {
    /// The scope of that name.
    pub(crate) fn scope(&self, name: &str) -> Option<&ScopeEntry> {
        let at = self.scopes.binary_search_by(|scope| scope.name.as_str().cmp(name)).ok()?;
        self.scopes.get(at)
    }
}
