//! A question as compiled policies see it: who asks for what, by numbers, borrowed from where it already is.

use smallvec::SmallVec;

use crate::compile::index;
use crate::compile::inventory::{action_of, fixed_action};
use crate::compile::policies::Policy;
use crate::compile::symbols::{self, attr};
use crate::compile::vocabulary::{DEFAULT_ENVIRONMENT, ISSUE_TOKEN, REQUEST};
use crate::data::value::{Attr, Ent, Record, Set, Value};
use crate::eval::machine::{Attribute, LEVELS, Machine, World};
use crate::eval::question::{Input, Question, Target, Truths, most_open, worse};
use crate::eval::referee;
use crate::load::people::SubjectId;

/// What every policy whose scope fits says at each level of approval; or what Cedar would not accept.
pub(crate) fn ask(question: &Question<'_>, wanted: impl Fn(&Policy) -> bool) -> Result<Truths, String> {
    let engine = question.engine;
    let texts = |labels| Value::Set(labels);
    let told = question.facets.labels.map(|labels| texts(Set::Texts(labels)));
    let all = told.unwrap_or_else(|| texts(Set::Const(&engine.all_labels)));
    let session = session(question, all);
    let asked = Asked { question, session: &session };
    let mut candidates: SmallVec<[u32; 32]> = SmallVec::new();
    asked.find(&mut candidates);

    // FAIL-CLOSED: unknown_labels_open_nothing. They could be all there are or none; a policy is asked under both.
    let no_labels = self::session(question, texts(Set::Const(&[])));
    let unlabelled = Asked { question, session: &no_labels };
    let mut machine = Machine::new(&engine.code, &asked);
    let mut other = Machine::new(&engine.code, &unlabelled);
    let mut by_cedar: Option<referee::Asked> = None;

    let mut truths = Truths::new();
    for number in candidates {
        let Some(policy) = engine.policy(number).filter(|policy| wanted(policy)) else { continue };
        let effect = policy.terms.effect;
        let says = match policy.condition {
            Some(condition) => {
                let says = most_open(effect, machine.run(condition, LEVELS));
                if told.is_none() && policy.reads_labels {
                    worse(effect, most_open(effect, other.run(condition, LEVELS)), says)
                } else {
                    says
                }
            }
            // what the compiler does not know is asked of Cedar itself
            None => {
                let asked = match &mut by_cedar {
                    Some(asked) => asked,
                    none => none.insert(referee::Asked::new(question)?),
                };
                asked.of(policy)?
            }
        };
        truths.push((number, says));
    }
    Ok(truths)
}

fn session<'a>(question: &Question<'a>, labels: Value<'a>) -> [(Attr, Value<'a>); 5] {
    let facets = question.facets;
    // in the order of the attributes' numbers
    [
        (attr::LABELS, labels),
        (attr::ID, Value::String(facets.id)),
        (attr::CALLS, Value::Long(facets.calls)),
        (attr::AUTHENTICATED_AT, Value::Datetime(facets.authenticated_at)),
        (attr::ACR, Value::String(facets.acr)),
    ]
}

struct Asked<'a, 'q> {
    question: &'q Question<'a>,
    session: &'q [(Attr, Value<'a>); 5],
}

impl<'a: 'q, 'q> Asked<'a, 'q> {
    /// The policies whose scope fits.
    fn find(&self, into: &mut SmallVec<[u32; 32]>) {
        let (question, facts) = (self.question, self.question.facts);
        let action_in: SmallVec<[Ent; 1]> = match question.target {
            Target::Call { tool, .. } => SmallVec::from_elem(fixed_action(tool.operation.as_str()), 1),
            _ => SmallVec::new(),
        };
        let server: SmallVec<[u32; 1]> = question.server().into_iter().collect();
        let asked = index::Asked {
            principal: self.principal(),
            principal_in: &[
                (symbols::ENTITLEMENT, &question.held.entitlements),
                (symbols::GROUP, facts.groups),
                (symbols::PROFILE, &question.held.profiles),
            ],
            action: self.action(),
            action_in: &action_in,
            resource: self.resource(),
            resource_in: &[(symbols::SERVER, &server)],
        };
        question.engine.index.find(&asked, into);
    }
}

impl<'a: 'q, 'q> World<'q> for Asked<'a, 'q> {
    fn principal(&self) -> Ent {
        self.question.facts.principal()
    }

    fn action(&self) -> Ent {
        match self.question.target {
            Target::Call { number, .. } => action_of(number),
            Target::Request { .. } => fixed_action(REQUEST),
            Target::Scope { .. } => fixed_action(ISSUE_TOKEN),
        }
    }

    fn resource(&self) -> Ent {
        match self.question.target {
            Target::Call { number, .. } => Ent { kind: symbols::TOOL, id: number },
            Target::Request { entitlement, .. } => Ent { kind: symbols::ENTITLEMENT, id: entitlement },
            Target::Scope { scope, .. } => Ent { kind: symbols::SCOPE, id: scope.number },
        }
    }

    fn attr(&self, entity: Ent, name: Attr) -> Attribute<'q> {
        let facts = self.question.facts;
        let reference = |kind, id| Attribute::Value(Value::Entity(Ent { kind, id }));
        if entity == self.principal() {
            return match (facts.who, name) {
                (SubjectId::Agent { user, .. }, attr::USER) => reference(symbols::USER, user),
                (SubjectId::Agent { client, .. }, attr::CLIENT) => reference(symbols::CLIENT, client),
                (SubjectId::ServicePrincipal(_), attr::OWNER) => reference(symbols::USER, facts.requester),
                _ => Attribute::Missing,
            };
        }
        if entity == self.resource() {
            return self.guarded(name);
        }
        match (entity.kind, facts.who) {
            (symbols::CLIENT, SubjectId::Agent { client, .. }) if client == entity.id => match name {
                attr::KIND => Attribute::Value(Value::String(facts.client_kind)),
                _ => Attribute::Missing,
            },
            _ if self.exists(entity) => Attribute::Missing,
            _ => Attribute::NoEntity,
        }
    }

    fn tag(&self, entity: Ent, _: &str) -> Attribute<'q> {
        if self.exists(entity) { Attribute::Missing } else { Attribute::NoEntity }
    }

    fn is_in(&self, entity: Ent, ancestor: Ent) -> bool {
        if entity == ancestor {
            return true;
        }
        let (question, id) = (self.question, ancestor.id);
        let facts = question.facts;
        if entity == self.principal() {
            return match ancestor.kind {
                symbols::GROUP => has(facts.groups, id),
                symbols::ENTITLEMENT => question.held.has(id),
                symbols::PROFILE => question.held.has_profile(id),
                _ => false,
            };
        }
        let people = &question.engine.people;
        match (entity.kind, ancestor.kind) {
            (symbols::USER, symbols::GROUP) => entity.id == facts.requester && has(facts.human_groups, id),
            (symbols::USER, symbols::ENTITLEMENT) => entity.id == facts.requester && has(facts.human_entitlements, id),
            (symbols::ACTION, symbols::ACTION) => match question.target {
                Target::Call { tool, .. } => {
                    entity == self.action() && ancestor == fixed_action(tool.operation.as_str())
                }
                _ => false,
            },
            (symbols::TOOL | symbols::SCOPE, symbols::SERVER) => {
                entity == self.resource() && question.server() == Some(id)
            }
            (symbols::GROUP, symbols::GROUP) => self.exists(entity) && people.is_above(entity.id, id),
            (symbols::PROFILE, symbols::ENTITLEMENT) => {
                question.held.has_profile(entity.id)
                    && people.profile(entity.id).is_some_and(|profile| has(profile.entitlements, id))
            }
            _ => false,
        }
    }

    fn is_in_any(&self, entity: Ent, kind: u32, ids: &[u32]) -> bool {
        let (question, facts) = (self.question, self.question.facts);
        if entity == self.principal() {
            return match kind {
                symbols::ENTITLEMENT => meet(&question.held.entitlements, ids),
                symbols::GROUP => meet(facts.groups, ids),
                symbols::PROFILE => meet(&question.held.profiles, ids),
                _ => ids.iter().any(|id| entity == Ent { kind, id: *id }),
            };
        }
        ids.iter().any(|id| self.is_in(entity, Ent { kind, id: *id }))
    }

    fn context(&self, name: Attr) -> Attribute<'q> {
        let facets = self.question.facets;
        match name {
            attr::INPUT => match self.question.target {
                Target::Call { input: Input::Given { record, .. }, .. } => Attribute::Value(record),
                Target::Call { input: Input::Unknown, .. } => Attribute::UnknownRecord,
                _ => Attribute::Missing,
            },
            attr::SESSION => Attribute::Value(Value::Record(Record::Fields(self.session))),
            attr::NOW => Attribute::Value(Value::Datetime(facets.now)),
            attr::CHANNEL => Attribute::Value(Value::String(facets.channel)),
            _ => Attribute::Missing,
        }
    }

    fn context_attrs(&self) -> &[Attr] {
        match self.question.target {
            Target::Call { .. } => CONTEXT,
            _ => WITHOUT_INPUT,
        }
    }
}

/// In the order of their numbers. Approval is the machine's own.
const CONTEXT: &[Attr] = &[attr::INPUT, attr::NOW, attr::SESSION, attr::CHANNEL];
const WITHOUT_INPUT: &[Attr] = &[attr::NOW, attr::SESSION, attr::CHANNEL];

impl<'a: 'q, 'q> Asked<'a, 'q> {
    /// An attribute of the tool, scope or entitlement.
    fn guarded(&self, name: Attr) -> Attribute<'q> {
        let (entitlements, labels, sensitive, trusted, environment): (&'q [u32], _, _, _, &'q str) =
            match (self.question.guarded(), self.question.target) {
                (Some(it), _) => (&it.entitlements, &it.labels[..], it.sensitive, it.trusted, &it.environment),
                // what is asked for has no labels, and nobody placed it
                (None, Target::Request { own, .. }) => (own, &[][..], false, true, DEFAULT_ENVIRONMENT),
                (None, _) => return Attribute::NoEntity,
            };
        Attribute::Value(match name {
            attr::ENTITLEMENTS => Value::Set(Set::Entities { kind: symbols::ENTITLEMENT, ids: entitlements }),
            attr::LABELS => Value::Set(Set::Const(labels)),
            attr::SENSITIVE => Value::Bool(sensitive),
            attr::TRUSTED => Value::Bool(trusted),
            attr::ENVIRONMENT => Value::String(environment),
            _ => return Attribute::Missing,
        })
    }

    /// Whether the request has an entity at all.
    fn exists(&self, entity: Ent) -> bool {
        let (question, id) = (self.question, entity.id);
        let facts = question.facts;
        match entity.kind {
            symbols::AGENT | symbols::SERVICE_PRINCIPAL => entity == self.principal(),
            symbols::ACTION => entity == self.action(),
            symbols::CLIENT => matches!(facts.who, SubjectId::Agent { client, .. } if client == id),
            symbols::USER => id == facts.requester,
            symbols::GROUP => has(facts.groups, id) || has(facts.human_groups, id),
            symbols::PROFILE => question.held.has_profile(id),
            symbols::SERVER => question.server() == Some(id),
            _ => entity == self.resource(),
        }
    }
}

/// Whether two sorted lists have something in common: the shorter one is looked up in the other.
fn meet(left: &[u32], right: &[u32]) -> bool {
    let (few, many) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    few.iter().any(|id| has(many, *id))
}

fn has(sorted: &[u32], id: u32) -> bool {
    sorted.binary_search(&id).is_ok()
}
