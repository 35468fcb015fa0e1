//! The token path: which scopes a short-lived token may carry when a server is reached directly.
//!
//! `granted = requested ∩ enabled ∩ held by the agent ∩ permitted by policy with the approvals in force`, scope by
//! scope, each refusal with its reason (ID-JAG section 4.3.3; MCP Enterprise-Managed Authorization section 7). Nobody
//! can be asked at a token endpoint, so a scope that would need a yes is not granted. The claims are returned, never
//! a signed token.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::compile::build::Compiled;
use crate::compile::inventory::{ScopeEntry, ServerEntry};
use crate::compile::symbols;
use crate::data::call::SessionView;
use crate::data::catalog::{Path, Server};
use crate::data::decision::{DeterminingPolicy, Effect};
use crate::data::id::SubjectRef;
use crate::data::reason::Reason;
use crate::data::time::Instant;
use crate::data::token::{RefusedScope, TokenClaims, TokenDecision, TokenRequest};
use crate::eval::approval::{Asked, Matter};
use crate::eval::check;
use crate::eval::detail::{Detail, Refusal};
use crate::eval::facts::{self, Facts};
use crate::eval::ladder::{Rung, Truth, Verdict};
use crate::eval::question::{Facets, Question, Target};
use crate::eval::ruling::{Ruled, ruled, stand_ins, verdict};
use crate::eval::trace::{self, Consultation};

/// How long a token lives where the administrator does not say (ID-JAG's examples; five minutes).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// Decides which scopes a token may carry.
pub(crate) fn decide(engine: &Compiled, request: &TokenRequest) -> TokenDecision {
    let mut decision = blank(engine);
    if let Err(refusal) = try_decide(engine, request, &mut decision) {
        // FAIL-CLOSED: a_fault_grants_no_scope
        decision.granted.clear();
        decision.obligations.clear();
        decision.gains_labels.clear();
        decision.claims = None;
        decision.reason = refusal.reason;
        decision.detail = Some(refusal.detail.to_string());
    }
    decision
}

/// Grants nothing, for a request that nobody could decide.
pub(crate) fn refuse(engine: &Compiled, reason: Reason, detail: String) -> TokenDecision {
    TokenDecision { reason, detail: Some(detail), ..blank(engine) }
}

/// What nobody has decided yet grants nothing.
fn blank(engine: &Compiled) -> TokenDecision {
    TokenDecision {
        granted: Vec::new(),
        refused: Vec::new(),
        claims: None,
        reason: Reason::InvalidRequest,
        detail: None,
        policies: Vec::new(),
        obligations: Vec::new(),
        gains_labels: Vec::new(),
        engine: engine.digest.clone(),
        snapshot_version: engine.people.version(),
    }
}

/// What the policies were asked for each scope that the request asks for.
pub(crate) fn trace(engine: &Compiled, request: &TokenRequest) -> Vec<(String, Consultation)> {
    let session = SessionView::from(&request.session);
    let Ok(facts) = facts::subject(engine, SubjectRef::from(&request.subject), request.now) else { return Vec::new() };
    let facets = Facets::new(&session, request.now);
    let Ok((server, number, entry)) = target(engine, request) else { return Vec::new() };
    let consulted = |scope: String| {
        let case = Case { engine, facts: &facts, facets: &facets, number, entry, scope: &scope, now: request.now };
        let entry = entry.scope(&scope)?;
        let consultation = trace::consult(&case.question(entry), &case.matter(entry)).ok()?;
        Some((scope, consultation))
    };
    requested(request, server).into_iter().filter_map(consulted).collect()
}

fn try_decide<'a>(
    engine: &'a Compiled,
    request: &'a TokenRequest,
    decision: &mut TokenDecision,
) -> Result<(), Refusal<'a>> {
    check_limits(engine, request)?;
    let session = SessionView::from(&request.session);
    let facts = facts::subject(engine, SubjectRef::from(&request.subject), request.now)?;
    let facets = Facets::new(&session, request.now);
    let (server, number, entry) = target(engine, request)?;
    let [_, mut until] = engine.people.interval();
    let mut policies = BTreeSet::new();
    for scope in requested(request, server) {
        let case = Case { engine, facts: &facts, facets: &facets, number, entry, scope: &scope, now: request.now };
        match case.decide(&mut until, &mut policies) {
            Ok(()) => decision.granted.push(scope),
            Err(reason) => {
                let detail = format!("scope `{}`", scope.escape_debug());
                decision.refused.push(RefusedScope { reason, detail, scope });
            }
        }
    }
    let terms = policies.iter().filter_map(|number| engine.policy(*number)).map(|policy| &policy.terms);
    decision.policies = terms.clone().map(|terms| terms.determining()).map(DeterminingPolicy::into_owned).collect();
    let end = request.now.saturating_add(server.max_token_lifetime.unwrap_or(DEFAULT_LIFETIME)).min(until);
    let lifetime = end.since(request.now).map_or(0, |left| left.as_secs());
    if decision.granted.is_empty() || lifetime == 0 {
        // an omitted scope is no free pass: nothing granted is an error
        let reason = decision.refused.first().map_or(Reason::NoGrant, |refused| refused.reason);
        return Err(Refusal::new(reason, "nothing could be granted"));
    }
    let obligations: BTreeSet<&String> = terms.flat_map(|terms| &terms.obligations).collect();
    decision.obligations = obligations.into_iter().cloned().collect();
    let labels = decision.granted.iter().filter_map(|scope| server.scopes.get(scope)).flat_map(|rule| &rule.labels);
    decision.gains_labels = labels.collect::<BTreeSet<_>>().into_iter().cloned().collect();
    decision.reason = Reason::AllowedHeld;
    decision.claims = Some(TokenClaims {
        audience: request.audience.clone(),
        resource: request.resource.clone(),
        scope: decision.granted.join(" "),
        expires_in: lifetime,
    });
    Ok(())
}

fn check_limits(engine: &Compiled, request: &TokenRequest) -> Result<(), Refusal<'static>> {
    let texts = [&request.resource, &request.scope].into_iter().flatten().chain([&request.audience]);
    let longest = texts.map(String::len).max().unwrap_or_default();
    let limit = engine.limits.string_bytes;
    if longest > limit {
        let detail = Detail::Exceeded { what: "a text of", count: longest, unit: "bytes", limit };
        return Err(Refusal { reason: Reason::LimitExceeded, detail });
    }
    check::session(&SessionView::from(&request.session), &engine.limits)
}

/// The server that the audience and resource name together; both are compared as exact strings.
fn target<'a>(engine: &'a Compiled, request: &TokenRequest) -> Result<(&'a Server, u32, &'a ServerEntry), Refusal<'a>> {
    if engine.catalog.tenant.issuer.as_ref() == Some(&request.audience) {
        return Err(Refusal::new(Reason::AudienceIsIssuer, "the audience is the issuer of the token itself"));
    }
    let mut found = engine.catalog.servers.iter().filter(|(_, server)| {
        server.path == Path::Token
            && server.audience.as_ref() == Some(&request.audience)
            && match &request.resource {
                // FAIL-CLOSED: audience_and_resource_belong_together
                Some(resource) => server.resource_uris.contains(resource),
                None => true,
            }
    });
    let not_registered = || {
        let detail = "not exactly one server is registered for this audience and resource";
        Refusal::new(Reason::TargetNotRegistered, detail)
    };
    let (Some((id, server)), None) = (found.next(), found.next()) else { return Err(not_registered()) };
    let number = engine.symbols.find(symbols::SERVER, id).ok_or_else(not_registered)?.id;
    let entry = engine.inventory.server(number).ok_or_else(not_registered)?;
    match &entry.shut {
        None => Ok((server, number, entry)),
        Some((reason, detail)) => Err(Refusal::new(*reason, detail.as_str())),
    }
}

/// The scopes asked for, once each; every enabled one if none is named.
fn requested(request: &TokenRequest, server: &Server) -> Vec<String> {
    let named: Vec<&str> =
        request.scope.as_deref().unwrap_or("").split(' ').filter(|scope| !scope.is_empty()).collect();
    if named.is_empty() {
        return server.scopes.iter().filter(|(_, rule)| rule.enabled).map(|(scope, _)| scope.clone()).collect();
    }
    let mut seen = BTreeSet::new();
    named.into_iter().filter(|scope| seen.insert(*scope)).map(ToString::to_string).collect()
}

struct Case<'a> {
    engine: &'a Compiled,
    facts: &'a Facts<'a>,
    facets: &'a Facets<'a>,
    number: u32,
    entry: &'a ServerEntry,
    scope: &'a str,
    now: Instant,
}

impl Case<'_> {
    fn decide(&self, until: &mut Instant, determining: &mut BTreeSet<u32>) -> Result<(), Reason> {
        let Some(scope) = self.entry.scope(self.scope) else { return Err(Reason::UnknownScope) };
        if !scope.enabled {
            return Err(Reason::ScopeNotEnabled);
        }
        let unlocking = &scope.guarded.entitlements;
        if !unlocking.iter().any(|id| self.facts.held.has(*id)) {
            let human = unlocking.iter().any(|id| self.facts.own().binary_search(id).is_ok());
            return Err(if human { Reason::AgentNotEntitled } else { Reason::NoGrant });
        }
        let matter = self.matter(scope);
        let question = self.question(scope);
        let rows = ruled(&question, &matter, None).map_err(|refusal| refusal.reason)?;
        determining.extend(rows.iter().filter_map(|ruled| {
            let permits = ruled.row.effect == Effect::Permit && ruled.row.is(Truth::True, Rung::InForce);
            let forbids = ruled.row.effect == Effect::Forbid && ruled.asked.contains(&Truth::True);
            (permits || forbids).then_some(ruled.policy)
        }));
        match verdict(&matter, &rows) {
            Verdict::Allowed(Rung::InForce) => {}
            Verdict::Allowed(_) | Verdict::Unresolved => return Err(Reason::ApprovalRequired),
            Verdict::Forbidden => return Err(Reason::PolicyDenied),
            Verdict::Undecidable => return Err(Reason::EvaluationError),
            Verdict::NotPermitted => return Err(Reason::Ineligible),
        }
        let ends = [self.facts.first_end, self.next_clock(&rows), first_end(&rows, &matter)];
        *until = ends.into_iter().flatten().chain([*until]).min().unwrap_or(*until);
        Ok(())
    }

    fn matter<'s>(&'s self, scope: &'s ScopeEntry) -> Matter<'s> {
        Matter {
            engine: self.engine,
            facts: self.facts,
            server: self.entry,
            entitlements: &scope.guarded.entitlements,
            asked: Asked::Token,
            now: self.now,
        }
    }

    fn question<'s>(&'s self, scope: &'s ScopeEntry) -> Question<'s> {
        Question {
            engine: self.engine,
            facts: self.facts,
            held: &self.facts.held,
            target: Target::Scope { server: self.number, scope },
            facets: self.facets,
            before: None,
        }
    }

    /// When time could next change what a policy says. A rule by the time of day cannot bound a token; it is asked
    /// again at the next one.
    fn next_clock(&self, rows: &[Ruled]) -> Option<Instant> {
        let policies = rows.iter().filter_map(|ruled| self.engine.policy(ruled.policy));
        policies.filter_map(|policy| policy.clock.next_fixed(self.now)).min()
    }
}

/// When the first approval that counts for one of the policies stops to.
fn first_end(rows: &[Ruled], matter: &Matter<'_>) -> Option<Instant> {
    let stand_ins = stand_ins(rows.iter().map(|ruled| (ruled.policy, ruled.asked)), matter);
    let policies = rows.iter().filter_map(|ruled| matter.engine.policy(ruled.policy));
    policies.filter_map(|policy| matter.end(policy, &stand_ins)).min()
}
