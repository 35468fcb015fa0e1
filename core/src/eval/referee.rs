//! What each policy says, asked of Cedar itself: one policy at a time, at each level of approval.
//!
//! Slow and readable on purpose. A faster evaluator has to agree with this one.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, Entity, EntityUid, Request, RestrictedExpression as Expr,
};

use crate::compile::build::Compiled;
use crate::compile::directory::Held;
use crate::compile::policies::{AnyInput, Policy};
use crate::compile::vocabulary::{DEFAULT_ENVIRONMENT, ISSUE_TOKEN, REQUEST, uid};
use crate::data::call::Session;
use crate::data::catalog::{Server, Tool};
use crate::data::decision::Effect;
use crate::data::id::Subject;
use crate::data::time::Instant;
use crate::eval::facts::Facts;
use crate::eval::ladder::{Rung, Truth};

/// What is asked of the policies.
pub(crate) struct Question<'a> {
    pub(crate) engine: &'a Compiled,
    pub(crate) facts: &'a Facts<'a>,
    /// What the agent holds, or would if it were given what it asks for.
    pub(crate) held: &'a Held,
    pub(crate) target: Target<'a>,
    pub(crate) session: &'a Session,
    pub(crate) now: Instant,
}

/// What the question is about.
pub(crate) enum Target<'a> {
    /// Running a tool with these arguments.
    Call { tool: &'a Tool, server: &'a Server, input: Expr },
    /// Running a tool with some arguments or other.
    AnyCall { tool: &'a Tool, server: &'a Server },
    /// Asking for an entitlement.
    Request { entitlement: &'a str },
    /// Putting a scope into a token.
    Scope { server_id: &'a str, server: &'a Server, scope: &'a str },
}

/// What every policy says at each level of approval, in the policies' order; or what Cedar would not accept.
pub(crate) fn ask(question: &Question<'_>) -> Result<Vec<[Truth; 3]>, String> {
    ask_some(question, |_| true)
}

/// The same of some policies; the others say nothing.
pub(crate) fn ask_some(question: &Question<'_>, wanted: impl Fn(&Policy) -> bool) -> Result<Vec<[Truth; 3]>, String> {
    let engine = question.engine;
    let entities = question.entities()?;
    let requests = question.requests(engine.all_labels.iter())?;
    // FAIL-CLOSED: unknown_labels_open_nothing. They could be all there are or none; a policy is asked under both.
    let unknown = question.session.labels.is_none() && engine.policies.iter().any(|policy| policy.reads_labels);
    let unlabelled = if unknown { Some(question.requests(std::iter::empty())?) } else { None };
    let any_input = matches!(question.target, Target::AnyCall { .. });
    let authorizer = Authorizer::new();
    let one = |policy: &Policy| {
        let ask = |request: &Request| truth(&authorizer, policy, request, &entities, any_input);
        let labelled = requests.each_ref().map(ask);
        match &unlabelled {
            Some(unlabelled) if policy.reads_labels => {
                let [a, b, c] = unlabelled.each_ref().map(ask);
                let [x, y, z] = labelled;
                [(a, x), (b, y), (c, z)].map(|(none, all)| worse(policy.terms.effect, none, all))
            }
            _ => labelled,
        }
    };
    Ok(engine.policies.iter().map(|policy| if wanted(policy) { one(policy) } else { [Truth::False; 3] }).collect())
}

/// The answer that opens less: an error, else a forbid that holds, else a permit that does not.
fn worse(effect: Effect, a: Truth, b: Truth) -> Truth {
    let less_open = if effect == Effect::Forbid { Truth::True } else { Truth::False };
    if a == Truth::Error || b == Truth::Error {
        Truth::Error
    } else if a == less_open || b == less_open {
        less_open
    } else {
        a
    }
}

fn truth(authorizer: &Authorizer, policy: &Policy, request: &Request, entities: &Entities, any_input: bool) -> Truth {
    let set = match policy.any_input {
        AnyInput::AtMost if any_input => policy.weaker(),
        AnyInput::MayNotHold if any_input => return Truth::False,
        _ => policy.exact(),
    };
    let Ok(set) = set else { return Truth::Error };
    let response = authorizer.is_authorized(request, set, entities);
    // FAIL-CLOSED: an_error_is_not_false. Cedar reports the error beside an answer that ignores it.
    if response.diagnostics().errors().next().is_some() {
        return Truth::Error;
    }
    let holds = match policy.terms.effect {
        Effect::Permit => response.decision() == CedarDecision::Allow,
        Effect::Forbid => response.diagnostics().reason().next().is_some(),
    };
    if holds { Truth::True } else { Truth::False }
}

impl Question<'_> {
    fn principal(&self) -> EntityUid {
        let types = &self.engine.types;
        match self.facts.subject {
            // the pair is the identity; a length keeps `a` + `bc` and `ab` + `c` apart
            Subject::Agent { user, client } => uid(&types.agent, &format!("{}:{user}/{client}", user.len())),
            Subject::ServicePrincipal { id } => uid(&types.service_principal, id),
        }
    }

    fn action(&self) -> EntityUid {
        let name = match &self.target {
            Target::Call { tool, .. } | Target::AnyCall { tool, .. } => tool.id.to_string(),
            Target::Request { .. } => REQUEST.into(),
            Target::Scope { .. } => ISSUE_TOKEN.into(),
        };
        uid(&self.engine.types.action, &name)
    }

    fn resource(&self) -> EntityUid {
        let types = &self.engine.types;
        match &self.target {
            Target::Call { tool, .. } | Target::AnyCall { tool, .. } => uid(&types.tool, &tool.id.to_string()),
            Target::Request { entitlement } => uid(&types.entitlement, entitlement),
            Target::Scope { server_id, scope, .. } => uid(&types.scope, &format!("{server_id}/{scope}")),
        }
    }

    /// The same request with no approval, with the user's, and with the manager's, which counts as both.
    /// `unknown` are the session's labels if the host does not say.
    fn requests<'b>(&'b self, unknown: impl Iterator<Item = &'b String>) -> Result<[Request; 3], String> {
        let labels: BTreeSet<&String> = match &self.session.labels {
            Some(labels) => labels.iter().collect(),
            None => unknown.collect(),
        };
        // arguments that are not known cannot be checked against the schema
        let known = !matches!(self.target, Target::AnyCall { .. });
        let schema = if known { Some(self.engine.schema()?) } else { None };
        let one = |level: Rung| {
            let context = Context::from_pairs(self.context(level, &labels)?).map_err(|error| error.to_string())?;
            Request::new(self.principal(), self.action(), self.resource(), context, schema)
                .map_err(|error| error.to_string())
        };
        Ok([one(Rung::InForce)?, one(Rung::SelfApproval)?, one(Rung::Manager)?])
    }

    fn context(&self, level: Rung, labels: &BTreeSet<&String>) -> Result<Vec<(String, Expr)>, String> {
        let record = |fields: Vec<(String, Expr)>| Expr::new_record(fields).map_err(|error| error.to_string());
        let approval = record(vec![
            ("self".into(), Expr::new_bool(level >= Rung::SelfApproval)),
            ("manager".into(), Expr::new_bool(level >= Rung::Manager)),
        ])?;
        let mut pairs = vec![
            ("approval".into(), approval),
            ("session".into(), record(self.session(labels))?),
            ("now".into(), datetime(self.now)),
            ("channel".into(), Expr::new_string(self.session.channel.clone().unwrap_or_default())),
        ];
        match &self.target {
            Target::Call { input, .. } => pairs.push(("input".into(), input.clone())),
            Target::AnyCall { .. } => pairs.push(("input".into(), record(Vec::new())?)),
            _ => {}
        }
        Ok(pairs)
    }

    // FAIL-CLOSED: an_absent_session_fact_is_the_worst
    fn session(&self, labels: &BTreeSet<&String>) -> Vec<(String, Expr)> {
        let session = self.session;
        let text = |value: &Option<String>| Expr::new_string(value.clone().unwrap_or_default());
        let calls = session.calls.and_then(|calls| i64::try_from(calls).ok()).unwrap_or(i64::MAX);
        // an authentication that lies in the future did not happen
        let authenticated = session.authenticated_at.filter(|at| *at <= self.now);
        vec![
            ("id".into(), text(&session.id)),
            ("calls".into(), Expr::new_long(calls)),
            ("labels".into(), Expr::new_set(labels.iter().map(|label| Expr::new_string((*label).clone())))),
            ("authenticated_at".into(), authenticated.map_or_else(|| Expr::new_datetime("1970-01-01"), datetime)),
            ("acr".into(), text(&session.acr)),
        ]
    }

    /// Everything a policy can reach from this request, made anew from the snapshot.
    fn entities(&self) -> Result<Entities, String> {
        let (engine, facts) = (self.engine, self.facts);
        let types = &engine.types;
        let entity = |uid: EntityUid, attributes: Vec<(&str, Expr)>, parents: HashSet<EntityUid>| {
            let attributes: HashMap<String, Expr> =
                attributes.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
            Entity::new(uid, attributes, parents).map_err(|error| error.to_string())
        };
        let reference = |entity_type, id: &str| Expr::new_entity_uid(uid(entity_type, id));
        let group_uids = |groups: &[String]| groups.iter().map(|id| uid(&types.group, id)).collect::<Vec<_>>();

        let mut parents: HashSet<EntityUid> = group_uids(facts.direct_groups).into_iter().collect();
        parents.extend(self.held.entitlements.iter().map(|id| uid(&types.entitlement, id)));
        parents.extend(self.held.profiles.iter().map(|id| uid(&types.profile, id)));

        let mut all = Vec::new();
        match facts.subject {
            Subject::Agent { user, client } => {
                let attributes =
                    vec![("user", reference(&types.user, user)), ("client", reference(&types.client, client))];
                all.push(entity(self.principal(), attributes, parents)?);
                let kind = engine.directory.client(client).map_or("", |client| client.kind.as_str());
                let kind = Expr::new_string(kind.into());
                all.push(entity(uid(&types.client, client), vec![("kind", kind)], HashSet::new())?);
                let own = facts.human_entitlements.iter().map(|id| uid(&types.entitlement, id));
                let parents = group_uids(facts.direct_groups).into_iter().chain(own).collect();
                all.push(entity(uid(&types.user, user), Vec::new(), parents)?);
            }
            Subject::ServicePrincipal { .. } => {
                let owner = vec![("owner", reference(&types.user, facts.requester))];
                all.push(entity(self.principal(), owner, parents)?);
                let owner = engine.directory.user(facts.requester);
                let (groups, own) = owner.map_or((&[][..], &[][..]), |owner| (&owner.groups, &owner.entitlements));
                let own = own.iter().map(|id| uid(&types.entitlement, id));
                let parents = group_uids(groups).into_iter().chain(own).collect();
                all.push(entity(uid(&types.user, facts.requester), Vec::new(), parents)?);
            }
        }
        let owner_groups = engine.directory.user(facts.requester).map_or(&[][..], |user| user.groups.as_slice());
        let mut groups = facts.groups.clone();
        groups.extend(engine.directory.with_ancestors(owner_groups));
        for id in groups {
            let above = engine.directory.group(id).map_or(&[][..], |group| group.parents.as_slice());
            all.push(entity(uid(&types.group, id), Vec::new(), group_uids(above).into_iter().collect())?);
        }
        for id in &self.held.profiles {
            let bundled = engine.directory.profile(id).into_iter().flat_map(|profile| &profile.entitlements);
            let parents = bundled.map(|id| uid(&types.entitlement, id)).collect();
            all.push(entity(uid(&types.profile, id), Vec::new(), parents)?);
        }

        let guarded = |entitlements: &[String], labels: &[String], sensitive: bool, server: Option<&Server>| {
            let environment = server.and_then(|server| server.environment.as_deref()).unwrap_or(DEFAULT_ENVIRONMENT);
            vec![
                ("entitlements", Expr::new_set(entitlements.iter().map(|id| reference(&types.entitlement, id)))),
                ("labels", Expr::new_set(labels.iter().cloned().map(Expr::new_string))),
                ("sensitive", Expr::new_bool(sensitive)),
                ("trusted", Expr::new_bool(server.is_none_or(|server| server.trusted))),
                ("environment", Expr::new_string(environment.into())),
            ]
        };
        let (attributes, server) = match &self.target {
            Target::Call { tool, server, .. } | Target::AnyCall { tool, server } => {
                let group = HashSet::from([uid(&types.action, tool.operation.as_str())]);
                all.push(Entity::new_no_attrs(self.action(), group));
                let attributes = guarded(&tool.entitlements, &tool.labels, tool.sensitive, Some(server));
                (attributes, Some(tool.id.server.as_str()))
            }
            Target::Request { entitlement } => (guarded(&[(*entitlement).to_string()], &[], false, None), None),
            Target::Scope { server_id, server, scope } => {
                let rule = server.scopes.get(*scope);
                let (entitlements, labels) = rule.map_or((&[][..], &[][..]), |rule| (&rule.entitlements, &rule.labels));
                let attributes = guarded(entitlements, labels, rule.is_none_or(|rule| rule.sensitive), Some(server));
                (attributes, Some(*server_id))
            }
        };
        let server = server.map(|id| uid(&types.server, id));
        all.push(entity(self.resource(), attributes, server.iter().cloned().collect())?);
        all.extend(server.map(|server| Entity::new_no_attrs(server, HashSet::new())));
        Entities::from_entities(all, None).map_err(|error| error.to_string())
    }
}

/// Cedar's `datetime` has milliseconds; the decision's `now` is rounded down to them.
fn datetime(at: Instant) -> Expr {
    let millis = Instant::from_unix_millis(at.unix_millis()).unwrap_or(at);
    let text = millis.to_string();
    // Cedar knows seconds and exactly three digits of them
    let text = match text.split_once('.') {
        Some((whole, fraction)) => format!("{whole}.{:0<3}Z", fraction.trim_end_matches('Z')),
        None => text,
    };
    Expr::new_datetime(text)
}
