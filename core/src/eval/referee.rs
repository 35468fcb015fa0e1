//! What each policy says, asked of Cedar itself: one policy at a time, at each level of approval.
//!
//! Slow and readable on purpose. It answers for policies that could not be compiled, and everything that is compiled
//! has to agree with it.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision as CedarDecision, Entities, Entity, EntityUid, PrincipalConstraint,
    Request, ResourceConstraint, RestrictedExpression as Expr,
};

use crate::compile::arguments;
use crate::compile::policies::{AnyInput, Brief, Policy};
use crate::compile::symbols;
use crate::compile::vocabulary::{DEFAULT_ENVIRONMENT, ISSUE_TOKEN, REQUEST, uid};
use crate::data::decision::Effect;
use crate::data::names::number;
use crate::data::time::Instant;
use crate::data::value::{Const, Ent};
use crate::eval::ladder::{Rung, Truth};
use crate::eval::question::{Input, Question, Target, worse};
use crate::eval::trace::CedarQuestion;
use crate::load::people::SubjectId;

/// What every policy whose scope fits says at each level of approval; or what Cedar would not accept.
pub(crate) fn ask(
    question: &Question<'_>,
    wanted: impl Fn(&Brief) -> bool,
    told: &mut dyn FnMut(u32, &Brief, [Truth; 3]),
) -> Result<(), String> {
    let asked = Asked::new(question)?;
    for (at, policy) in question.engine.policies.iter().enumerate() {
        let brief = policy.brief();
        if wanted(&brief) && asked.fits(policy) {
            told(number(at), &brief, asked.of(policy)?);
        }
    }
    Ok(())
}

/// A question in Cedar's own terms.
pub(crate) struct Asked {
    entities: Entities,
    /// With no approval, the user's, and the manager's.
    requests: [Request; 3],
    /// The same with a session of no labels, if the host does not say which it has.
    unlabelled: Option<[Request; 3]>,
    any_input: bool,
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    authorizer: Authorizer,
}

impl Asked {
    pub(crate) fn new(question: &Question<'_>) -> Result<Self, String> {
        let engine = question.engine;
        let all_labels: Vec<&str> = engine.all_labels.iter().filter_map(text).collect();
        // FAIL-CLOSED: unknown_labels_open_nothing. They could be all there are or none; a policy is asked under both.
        let unknown = question.facets.labels.is_none() && engine.policies.iter().any(|policy| policy.reads_labels);
        Ok(Self {
            entities: question.entities()?,
            requests: question.requests(&all_labels)?,
            unlabelled: if unknown { Some(question.requests(&[])?) } else { None },
            any_input: matches!(question.target, Target::Call { input: Input::Unknown, .. }),
            principal: question.principal(),
            action: question.action(),
            resource: question.resource(),
            authorizer: Authorizer::new(),
        })
    }

    /// For tools that go on with Cedar's own library.
    pub(crate) fn into_question(self) -> CedarQuestion {
        CedarQuestion { entities: self.entities, requests: self.requests, unlabelled: self.unlabelled }
    }

    /// Whether a policy's scope lets the request through, by Cedar's own words.
    pub(crate) fn fits(&self, policy: &Policy) -> bool {
        let within = |entity: &EntityUid, of: &EntityUid| entity == of || self.entities.is_ancestor_of(of, entity);
        let is = |entity: &EntityUid, kind: &cedar_policy::EntityTypeName| entity.type_name() == kind;
        let principal = match policy.cedar.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Eq(uid) => self.principal == uid,
            PrincipalConstraint::In(uid) => within(&self.principal, &uid),
            PrincipalConstraint::Is(kind) => is(&self.principal, &kind),
            PrincipalConstraint::IsIn(kind, uid) => is(&self.principal, &kind) && within(&self.principal, &uid),
        };
        let action = match policy.cedar.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => self.action == uid,
            ActionConstraint::In(uids) => uids.iter().any(|uid| within(&self.action, uid)),
        };
        let resource = match policy.cedar.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Eq(uid) => self.resource == uid,
            ResourceConstraint::In(uid) => within(&self.resource, &uid),
            ResourceConstraint::Is(kind) => is(&self.resource, &kind),
            ResourceConstraint::IsIn(kind, uid) => is(&self.resource, &kind) && within(&self.resource, &uid),
        };
        principal && action && resource
    }

    /// What one policy says at each level of approval.
    pub(crate) fn of(&self, policy: &Policy) -> Result<[Truth; 3], String> {
        let ask = |requests: &[Request; 3]| {
            let [none, own, manager] = requests;
            Ok::<_, String>([self.truth(policy, none)?, self.truth(policy, own)?, self.truth(policy, manager)?])
        };
        let labelled = ask(&self.requests)?;
        match &self.unlabelled {
            Some(unlabelled) if policy.reads_labels => Ok(worse(policy.terms.effect, ask(unlabelled)?, labelled)),
            _ => Ok(labelled),
        }
    }

    fn truth(&self, policy: &Policy, request: &Request) -> Result<Truth, String> {
        let alone = policy.alone()?;
        let set = match &alone.any_input {
            AnyInput::AtMost(weaker) if self.any_input => weaker,
            AnyInput::MayNotHold if self.any_input => return Ok(Truth::False),
            _ => &alone.exact,
        };
        let response = self.authorizer.is_authorized(request, set, &self.entities);
        // FAIL-CLOSED: an_error_is_not_false. Cedar reports the error beside an answer that ignores it.
        if response.diagnostics().errors().next().is_some() {
            return Ok(Truth::Error);
        }
        let holds = match policy.terms.effect {
            Effect::Permit => response.decision() == CedarDecision::Allow,
            Effect::Forbid => response.diagnostics().reason().next().is_some(),
        };
        Ok(if holds { Truth::True } else { Truth::False })
    }
}

fn text(value: &Const) -> Option<&str> {
    if let Const::String(text) = value { Some(text) } else { None }
}

impl Question<'_> {
    fn name(&self, kind: u32, id: u32) -> &str {
        self.engine.symbols.name(Ent { kind, id }).1
    }

    fn principal(&self) -> EntityUid {
        let types = &self.engine.types;
        match self.facts.who {
            // the pair is the identity; a length keeps `a` + `bc` and `ab` + `c` apart
            SubjectId::Agent { user, client } => {
                let (user, client) = (self.name(symbols::USER, user), self.name(symbols::CLIENT, client));
                uid(&types.agent, &format!("{}:{user}/{client}", user.len()))
            }
            SubjectId::ServicePrincipal(id) => uid(&types.service_principal, self.name(symbols::SERVICE_PRINCIPAL, id)),
        }
    }

    fn action(&self) -> EntityUid {
        let name = match &self.target {
            Target::Call { tool, .. } => tool.id.to_string(),
            Target::Request { .. } => REQUEST.into(),
            Target::Scope { .. } => ISSUE_TOKEN.into(),
        };
        uid(&self.engine.types.action, &name)
    }

    fn resource(&self) -> EntityUid {
        let types = &self.engine.types;
        match &self.target {
            Target::Call { tool, .. } => uid(&types.tool, &tool.id.to_string()),
            Target::Request { entitlement, .. } => {
                uid(&types.entitlement, self.name(symbols::ENTITLEMENT, *entitlement))
            }
            Target::Scope { scope, .. } => uid(&types.scope, self.name(symbols::SCOPE, scope.number)),
        }
    }

    /// The same request with no approval, with the user's, and with the manager's, which counts as both.
    /// `unknown` are the session's labels if the host does not say.
    fn requests(&self, unknown: &[&str]) -> Result<[Request; 3], String> {
        let labels: BTreeSet<&str> = self.facets.labels.unwrap_or(unknown).iter().copied().collect();
        let any_input = matches!(self.target, Target::Call { input: Input::Unknown, .. });
        let one = |level: Rung| {
            let context = Context::from_pairs(self.context(level, &labels)?).map_err(|error| error.to_string())?;
            // arguments that are not known cannot be checked against the schema
            let schema = if any_input { None } else { Some(self.engine.schema()?) };
            Request::new(self.principal(), self.action(), self.resource(), context, schema)
                .map_err(|error| error.to_string())
        };
        Ok([one(Rung::InForce)?, one(Rung::SelfApproval)?, one(Rung::Manager)?])
    }

    fn context(&self, level: Rung, labels: &BTreeSet<&str>) -> Result<Vec<(String, Expr)>, String> {
        let record = |fields: Vec<(String, Expr)>| Expr::new_record(fields).map_err(|error| error.to_string());
        let approval = record(vec![
            ("self".into(), Expr::new_bool(level >= Rung::SelfApproval)),
            ("manager".into(), Expr::new_bool(level >= Rung::Manager)),
        ])?;
        let mut pairs = vec![
            ("approval".into(), approval),
            ("session".into(), record(self.session(labels))?),
            ("now".into(), datetime(self.facets.now)),
            ("channel".into(), Expr::new_string(self.facets.channel.into())),
        ];
        if let Target::Call { tool, input, .. } = &self.target {
            let input = match input {
                Input::Given { arguments, .. } => {
                    let declared = self.engine.arguments.get(&tool.id);
                    let declared =
                        declared.ok_or_else(|| format!("the arguments of `{}` were never typed", tool.id))?;
                    arguments::bind(declared, &arguments.to_json()).map_err(|error| error.brief())?
                }
                Input::Unknown => record(Vec::new())?,
            };
            pairs.push(("input".into(), input));
        }
        Ok(pairs)
    }

    fn session(&self, labels: &BTreeSet<&str>) -> Vec<(String, Expr)> {
        let facets = self.facets;
        vec![
            ("id".into(), Expr::new_string(facets.id.into())),
            ("calls".into(), Expr::new_long(facets.calls)),
            ("labels".into(), Expr::new_set(labels.iter().map(|label| Expr::new_string((*label).into())))),
            ("authenticated_at".into(), datetime(facets.authenticated_at)),
            ("acr".into(), Expr::new_string(facets.acr.into())),
        ]
    }

    /// Everything a policy can reach from this request, made anew from the snapshot.
    fn entities(&self) -> Result<Entities, String> {
        let (engine, facts) = (self.engine, self.facts);
        let (types, people) = (&engine.types, &engine.people);
        let entity = |uid: EntityUid, attributes: Vec<(&str, Expr)>, parents: HashSet<EntityUid>| {
            let attributes: HashMap<String, Expr> =
                attributes.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
            Entity::new(uid, attributes, parents).map_err(|error| error.to_string())
        };
        let reference = |entity_type, id: &str| Expr::new_entity_uid(uid(entity_type, id));
        let of = |kind: u32, entity_type: &cedar_policy::EntityTypeName, ids: &[u32]| {
            ids.iter().map(|id| uid(entity_type, self.name(kind, *id))).collect::<Vec<_>>()
        };
        let groups = |ids: &[u32]| of(symbols::GROUP, &types.group, ids);
        let entitlements = |ids: &[u32]| of(symbols::ENTITLEMENT, &types.entitlement, ids);

        let mut all = Vec::new();
        let human = people.user(facts.requester);
        let human_id = engine.user_name(facts.requester);
        let (direct, attributes) = match facts.who {
            SubjectId::Agent { client, .. } => {
                let client = self.name(symbols::CLIENT, client);
                let kind = Expr::new_string(facts.client_kind.into());
                all.push(entity(uid(&types.client, client), vec![("kind", kind)], HashSet::new())?);
                let attributes =
                    vec![("user", reference(&types.user, human_id)), ("client", reference(&types.client, client))];
                (human.map_or(&[][..], |human| human.direct_groups), attributes)
            }
            SubjectId::ServicePrincipal(id) => {
                let principal = people.service_principal(id);
                let direct = principal.map_or(&[][..], |principal| principal.direct_groups);
                (direct, vec![("owner", reference(&types.user, human_id))])
            }
        };
        let mut parents: HashSet<EntityUid> = groups(direct).into_iter().collect();
        parents.extend(entitlements(&self.held.entitlements));
        parents.extend(of(symbols::PROFILE, &types.profile, &self.held.profiles));
        all.push(entity(self.principal(), attributes, parents)?);
        let (own_groups, own) = human.map_or((&[][..], &[][..]), |human| (human.direct_groups, human.entitlements));
        let parents = groups(own_groups).into_iter().chain(entitlements(own)).collect();
        all.push(entity(uid(&types.user, human_id), Vec::new(), parents)?);

        let reached: BTreeSet<u32> = facts.groups.iter().chain(facts.human_groups).copied().collect();
        for id in reached {
            let above = groups(people.parents(id)).into_iter().collect();
            all.push(entity(uid(&types.group, self.name(symbols::GROUP, id)), Vec::new(), above)?);
        }
        for id in &self.held.profiles {
            let bundled = people.profile(*id).map_or(&[][..], |profile| profile.entitlements);
            let parents = entitlements(bundled).into_iter().collect();
            all.push(entity(uid(&types.profile, self.name(symbols::PROFILE, *id)), Vec::new(), parents)?);
        }

        if let Target::Call { tool, .. } = &self.target {
            let group = HashSet::from([uid(&types.action, tool.operation.as_str())]);
            all.push(Entity::new_no_attrs(self.action(), group));
        }
        let (unlocking, labels, sensitive, trusted, environment): (&[u32], &[Const], bool, bool, &str) =
            match (self.guarded(), &self.target) {
                (Some(it), _) => (&it.entitlements, &it.labels, it.sensitive, it.trusted, &it.environment),
                (None, Target::Request { own, .. }) => (*own, &[], false, true, DEFAULT_ENVIRONMENT),
                (None, _) => (&[], &[], true, false, DEFAULT_ENVIRONMENT),
            };
        let attributes = vec![
            ("entitlements", Expr::new_set(entitlements(unlocking).into_iter().map(Expr::new_entity_uid))),
            ("labels", Expr::new_set(labels.iter().filter_map(text).map(|label| Expr::new_string(label.into())))),
            ("sensitive", Expr::new_bool(sensitive)),
            ("trusted", Expr::new_bool(trusted)),
            ("environment", Expr::new_string(environment.into())),
        ];
        let server = self.server().map(|id| uid(&types.server, self.name(symbols::SERVER, id)));
        // an agent may hold the very entitlement that is asked for
        all.push(entity(self.resource(), attributes, server.iter().cloned().collect())?);
        all.extend(server.map(|server| Entity::new_no_attrs(server, HashSet::new())));
        Entities::from_entities(all, None).map_err(|error| error.to_string())
    }
}

/// Cedar's `datetime` from milliseconds since 1970.
fn datetime(millis: i64) -> Expr {
    let text = Instant::from_unix_millis(millis).map(|at| at.to_string()).unwrap_or_default();
    // Cedar knows seconds and exactly three digits of them
    let text = match text.split_once('.') {
        Some((whole, fraction)) => format!("{whole}.{:0<3}Z", fraction.trim_end_matches('Z')),
        None => text,
    };
    Expr::new_datetime(text)
}
