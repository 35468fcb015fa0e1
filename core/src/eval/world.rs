//! A question as compiled policies see it: who asks for what, by numbers, borrowed from where it already is.

use std::cell::OnceCell;

use smallvec::SmallVec;

use crate::compile::condition::Var;
use crate::compile::index;
use crate::compile::inventory::{Guarded, action_of, fixed_action};
use crate::compile::policies::Brief;
use crate::compile::symbols::{self, attr};
use crate::compile::vocabulary::{DEFAULT_ENVIRONMENT, ISSUE_TOKEN, REQUEST};
use crate::data::value::{Attr, Ent, Record, Set, Value};
use crate::eval::ladder::Truth;
use crate::eval::machine::{Attribute, LEVELS, Machine, World};
use crate::eval::question::{Before, Input, Question, Target, most_open, worse};
use crate::eval::referee;
use crate::load::people::{SubjectId, What};

/// What every policy whose scope fits says at each level of approval; or what Cedar would not accept.
pub(crate) fn ask(
    question: &Question<'_>,
    wanted: impl Fn(&Brief) -> bool,
    mut told: impl FnMut(u32, &Brief, [Truth; 3]),
) -> Result<(), String> {
    let engine = question.engine;
    let mut candidates: SmallVec<[u32; 32]> = SmallVec::new();
    find(question, &mut candidates);
    let mut earlier = question.before.as_ref().map_or(&[][..], |before| before.truths).iter().peekable();

    // FAIL-CLOSED: unknown_labels_open_nothing. They could be all there are or none; a policy is asked under both.
    let (given, sessions) = (question.facets.labels, [OnceCell::new(), OnceCell::new()]);
    let [session, no_session] = &sessions;
    let labels = given.map_or(Set::Const(&engine.all_labels), Set::Texts);
    let asked = Asked { question, labels, session };
    let unlabelled = Asked { question, labels: Set::Const(&[]), session: no_session };
    let mut machine = Machine::new(&engine.code, &asked);
    let mut by_cedar: Option<referee::Asked> = None;

    let any_input = matches!(question.target, Target::Call { input: Input::Unknown, .. });

    for number in &candidates {
        let Some(policy) = engine.brief(*number) else { continue };
        if !wanted(policy) {
            continue;
        }
        if let Some((_, says)) = earlier.next_if(|(earlier, _)| earlier == number)
            && !policy.reads_held
        {
            told(*number, policy, *says);
            continue;
        }
        if any_input && policy.escapable {
            told(*number, policy, [Truth::False; 3]);
            continue;
        }
        let effect = policy.effect;
        let says = match policy.condition {
            Some(condition) => {
                let says = most_open(effect, machine.run(condition, LEVELS));
                if given.is_none() && policy.reads_labels {
                    let other = Machine::new(&engine.code, &unlabelled).run(condition, LEVELS);
                    worse(effect, most_open(effect, other), says)
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
                asked.of(engine.policy(*number).ok_or("a policy without a number")?)?
            }
        };
        told(*number, policy, says);
    }
    Ok(())
}

/// The policies whose scope fits.
fn find(question: &Question<'_>, into: &mut SmallVec<[u32; 32]>) {
    let (held, groups) = (question.held, question.facts.groups);
    let group = match question.target {
        Target::Call { tool, .. } => Some(fixed_action(tool.operation.as_str())),
        Target::Request { .. } | Target::Scope { .. } => None,
    };
    let server = question.server();
    let one = question.before.map_or([0], |before| match before.more {
        What::Entitlement(id) | What::Profile(id) => [id],
    });
    let (entitlements, groups, profiles) = match question.before {
        None => (&held.entitlements[..], groups, &held.profiles[..]),
        // the policies that were found before, and those that name what is held besides
        Some(Before { truths, more }) => {
            into.extend(truths.iter().map(|(policy, _)| *policy));
            match more {
                What::Entitlement(_) => (&one[..], &[][..], &[][..]),
                What::Profile(id) => (question.engine.people.bundled(id), &[][..], &one[..]),
            }
        }
    };
    let asked = index::Asked {
        principal: question.facts.principal(),
        principal_in: &[(symbols::ENTITLEMENT, entitlements), (symbols::GROUP, groups), (symbols::PROFILE, profiles)],
        action: action(question),
        action_in: group.as_slice(),
        resource: resource(question),
        resource_in: &[(symbols::SERVER, server.as_slice())],
    };
    match question.before {
        None => question.engine.index.find(&asked, into),
        Some(_) => question.engine.index.find_more(&asked, into),
    }
}

fn action(question: &Question<'_>) -> Ent {
    match question.target {
        Target::Call { number, .. } => action_of(number),
        Target::Request { .. } => fixed_action(REQUEST),
        Target::Scope { .. } => fixed_action(ISSUE_TOKEN),
    }
}

fn resource(question: &Question<'_>) -> Ent {
    match question.target {
        Target::Call { number, .. } => Ent { kind: symbols::TOOL, id: number },
        Target::Request { entitlement, .. } => Ent { kind: symbols::ENTITLEMENT, id: entitlement },
        Target::Scope { scope, .. } => Ent { kind: symbols::SCOPE, id: scope.number },
    }
}

type Session<'a> = [(Attr, Value<'a>); 5];

struct Asked<'a, 'q> {
    question: &'q Question<'a>,
    /// The session's.
    labels: Set<'a>,
    /// The session as a record, once a policy takes it as a whole.
    session: &'q OnceCell<Session<'a>>,
}

impl<'a: 'q, 'q> World<'q> for Asked<'a, 'q> {
    #[inline]
    fn principal(&self) -> Ent {
        self.question.facts.principal()
    }

    fn action(&self) -> Ent {
        action(self.question)
    }

    #[inline]
    fn resource(&self) -> Ent {
        resource(self.question)
    }

    #[inline]
    fn var_attr(&self, var: Var, name: Attr) -> Attribute<'q> {
        match var {
            Var::Principal => self.of_principal(name),
            Var::Resource => self.guarded(name),
            Var::Action => Attribute::Missing,
        }
    }

    #[inline]
    fn var_path(&self, var: Var, of: Attr, name: Attr) -> Attribute<'q> {
        match (var, of, name, self.question.facts.who) {
            (Var::Principal, attr::CLIENT, attr::KIND, SubjectId::Agent { .. }) => {
                Attribute::Value(Value::String(self.question.facts.client_kind))
            }
            _ => self.within(self.var_attr(var, of), name),
        }
    }

    #[inline]
    fn context_path(&self, of: Attr, name: Attr) -> Attribute<'q> {
        match (of, self.question.target) {
            (attr::SESSION, _) => self.of_session(name).map_or(Attribute::Missing, Attribute::Value),
            (attr::INPUT, Target::Call { input: Input::Given { record: Value::Record(record), .. }, .. }) => {
                record.get(name).map_or(Attribute::Missing, Attribute::Value)
            }
            _ => self.within(self.context(of), name),
        }
    }

    fn attr(&self, entity: Ent, name: Attr) -> Attribute<'q> {
        let facts = self.question.facts;
        if entity == self.principal() {
            return self.of_principal(name);
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

    #[inline]
    fn context(&self, name: Attr) -> Attribute<'q> {
        let facets = self.question.facets;
        match name {
            attr::INPUT => match self.question.target {
                Target::Call { input: Input::Given { record, .. }, .. } => Attribute::Value(record),
                Target::Call { input: Input::Unknown, .. } => Attribute::UnknownRecord,
                _ => Attribute::Missing,
            },
            attr::SESSION => {
                Attribute::Value(Value::Record(Record::Fields(self.session.get_or_init(|| self.whole_session()))))
            }
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
const SESSION: [Attr; 5] = [attr::LABELS, attr::ID, attr::CALLS, attr::AUTHENTICATED_AT, attr::ACR];

impl<'a: 'q, 'q> Asked<'a, 'q> {
    #[inline]
    fn of_principal(&self, name: Attr) -> Attribute<'q> {
        let facts = self.question.facts;
        let reference = |kind, id| Attribute::Value(Value::Entity(Ent { kind, id }));
        match (facts.who, name) {
            (SubjectId::Agent { user, .. }, attr::USER) => reference(symbols::USER, user),
            (SubjectId::Agent { client, .. }, attr::CLIENT) => reference(symbols::CLIENT, client),
            (SubjectId::ServicePrincipal(_), attr::OWNER) => reference(symbols::USER, facts.requester),
            _ => Attribute::Missing,
        }
    }

    /// An attribute of the tool, scope or entitlement.
    #[inline]
    fn guarded(&self, name: Attr) -> Attribute<'q> {
        let entitlements = |ids: &'q [u32]| Value::Set(Set::Entities { kind: symbols::ENTITLEMENT, ids });
        let it: Option<&'q Guarded> = self.question.guarded();
        Attribute::Value(match (it, name, self.question.target) {
            (Some(it), attr::ENTITLEMENTS, _) => entitlements(&it.entitlements),
            (Some(it), attr::LABELS, _) => Value::Set(Set::Const(&it.labels)),
            (Some(it), attr::SENSITIVE, _) => Value::Bool(it.sensitive),
            (Some(it), attr::TRUSTED, _) => Value::Bool(it.trusted),
            (Some(it), attr::ENVIRONMENT, _) => Value::String(&it.environment),
            // what is asked for has no labels, and nobody placed it
            (None, attr::ENTITLEMENTS, Target::Request { own, .. }) => entitlements(own),
            (None, attr::LABELS, _) => Value::Set(Set::Const(&[])),
            (None, attr::SENSITIVE, _) => Value::Bool(false),
            (None, attr::TRUSTED, _) => Value::Bool(true),
            (None, attr::ENVIRONMENT, _) => Value::String(DEFAULT_ENVIRONMENT),
            _ => return Attribute::Missing,
        })
    }

    /// A fact of the session.
    #[inline]
    fn of_session(&self, name: Attr) -> Option<Value<'a>> {
        let facets = self.question.facets;
        Some(match name {
            attr::LABELS => Value::Set(self.labels),
            attr::ID => Value::String(facets.id),
            attr::CALLS => Value::Long(facets.calls),
            attr::AUTHENTICATED_AT => Value::Datetime(facets.authenticated_at),
            attr::ACR => Value::String(facets.acr),
            _ => return None,
        })
    }

    /// All of them, in the order of their numbers.
    fn whole_session(&self) -> Session<'a> {
        SESSION.map(|name| (name, self.of_session(name).unwrap_or(Value::Bool(false))))
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
