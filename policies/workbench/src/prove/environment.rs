//! The symbolic environment of one target and one kind of subject: what is known of the request, and what is open.

use std::sync::Arc;

use cedar_policy::{EntityId, EntityUid, RequestEnv, Schema, SchemaFragment};
use cedar_policy_symcc::term::{Term, TermVar};
use cedar_policy_symcc::term_type::TermType;
use cedar_policy_symcc::type_abbrevs::Attr;
use cedar_policy_symcc::{CompiledSchema, SymEnv, term_factory as factory};
use serde_json::{Map, Value, json};

use super::rewrite::KNOWN;
use super::world::{Facts, PrincipalKind, Target, kind};

/// The member of `context.toolgate` with the attributes of the resource.
pub(super) const NOW: &str = "resource";
/// The same as the bundle compared with has them.
pub(super) const BEFORE: &str = "before";

/// Which rungs are meant: what stands for `context.approval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Nobody said yes.
    None,
    /// The user did.
    User,
    /// The manager did, which counts as both.
    Manager,
    /// Nobody, or the user.
    AtMostUser,
    /// Any of the three.
    Any,
}

impl Level {
    const ALL: [Self; 5] = [Self::None, Self::User, Self::Manager, Self::AtMostUser, Self::Any];

    /// Its member of `context.toolgate`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::User => "user",
            Self::Manager => "manager",
            Self::AtMostUser => "at_most_user",
            Self::Any => "any",
        }
    }

    fn term(self) -> Term {
        let open = |name: &str| var(name, TermType::Bool);
        let (own, manager) = match self {
            Self::None => (false.into(), false.into()),
            Self::User => (true.into(), false.into()),
            Self::Manager => (true.into(), true.into()),
            Self::AtMostUser => (open("user_agrees"), false.into()),
            Self::Any => (factory::or(open("manager_agrees"), open("user_agrees")), open("manager_agrees")),
        };
        record([("self", own), ("manager", manager)])
    }
}

/// A bundle's schema with room for what is known, compiled.
#[derive(Clone, Debug)]
pub(super) struct Schemas {
    compiled: CompiledSchema,
}

impl Schemas {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let say = |error: &dyn std::fmt::Display| format!("the schema cannot be compiled: {error}");
        let (fragment, _) = SchemaFragment::from_cedarschema_str(text).map_err(|error| say(&error))?;
        let mut json = fragment.to_json_value().map_err(|error| say(&error))?;
        let namespaces = json.as_object_mut().into_iter().flat_map(|all| all.values_mut());
        for actions in namespaces.filter_map(|namespace| namespace.get_mut("actions")?.as_object_mut()) {
            for action in actions.values_mut() {
                let context = action.get_mut("appliesTo").and_then(|applies| applies.get_mut("context"));
                let attributes = context.and_then(|context| context.get_mut("attributes")?.as_object_mut());
                if let Some(attributes) = attributes {
                    attributes.insert(KNOWN.into(), known_type());
                }
            }
        }
        let schema = Schema::from_json_value(json).map_err(|error| say(&error))?;
        Ok(Self { compiled: CompiledSchema::new(&schema).map_err(|error| say(&error))? })
    }

    pub(super) fn schema(&self) -> &Schema {
        self.compiled.schema()
    }

    /// The environment of a target; `before` is what the other bundle's catalog says of it.
    pub(super) fn environment(
        &self,
        target: &Target,
        principal: PrincipalKind,
        before: Option<&Facts>,
    ) -> Result<(RequestEnv, SymEnv), String> {
        let resource = target.resource.as_ref().and_then(|line| line.first());
        let resource_type = resource.map_or_else(|| kind("Entitlement"), |(name, _)| name.clone());
        let action = target.action.first().ok_or("there is no action")?;
        let request = RequestEnv::new(type_name(&principal.type_name())?, uid(action)?, type_name(&resource_type)?);
        let mut symbolic = self.compiled.sym_env(&request).map_err(|error| error.to_string())?;
        if let Some(name) = resource {
            symbolic.request.resource = uid(name)?.into();
        }
        let itself = symbolic.request.resource.clone();
        let own = |facts: &Facts| facts_term(facts, resource.is_none().then_some(&itself));
        let mut known: Vec<(&str, Term)> = Level::ALL.iter().map(|level| (level.name(), level.term())).collect();
        known.push((NOW, own(&target.facts)?));
        known.push((BEFORE, own(before.unwrap_or(&target.facts))?));
        let context = symbolic.request.context.clone();
        symbolic.request.context = match &context {
            Term::Var(TermVar { ty: TermType::Record { rty }, .. }) => {
                let leaf = |(name, ty): (&Attr, &TermType)| {
                    let term = if name == KNOWN { record(known.clone()) } else { open(name, ty) };
                    (name.clone(), term)
                };
                Term::Record(Arc::new(rty.iter().map(leaf).collect()))
            }
            _ => return Err("the context is no record".into()),
        };
        Ok((request, symbolic))
    }
}

pub(super) fn uid((kind, id): &(String, String)) -> Result<EntityUid, String> {
    Ok(EntityUid::from_type_name_and_id(type_name(kind)?, EntityId::new(id)))
}

fn type_name(name: &str) -> Result<cedar_policy::EntityTypeName, String> {
    name.parse().map_err(|error| format!("`{name}`: {error}"))
}

/// A record is as many variables as it has members, so that what no policy reads is no part of a question.
fn open(path: &str, ty: &TermType) -> Term {
    match ty {
        TermType::Record { rty } => {
            let members = rty.iter().map(|(name, ty)| (name.clone(), open(&format!("{path}.{name}"), ty)));
            Term::Record(Arc::new(members.collect()))
        }
        _ => var(path, ty.clone()),
    }
}

fn var(name: &str, ty: TermType) -> Term {
    Term::Var(TermVar { id: Attr::new(name), ty })
}

fn record<'a>(members: impl IntoIterator<Item = (&'a str, Term)>) -> Term {
    Term::Record(Arc::new(members.into_iter().map(|(name, term)| (Attr::new(name), term)).collect()))
}

/// What the catalog says of a resource; an entitlement that is asked for unlocks itself.
fn facts_term(facts: &Facts, itself: Option<&Term>) -> Result<Term, String> {
    let entitlement = type_name(&kind("Entitlement"))?;
    let named = facts
        .entitlements
        .iter()
        .map(|id| Term::from(EntityUid::from_type_name_and_id(entitlement.clone(), EntityId::new(id))));
    let entitlements = factory::set_of(named.chain(itself.cloned()), TermType::Entity { ety: entitlement.clone() });
    let labels = facts.labels.iter().map(|label| Term::from(Attr::new(label)));
    Ok(record([
        ("entitlements", entitlements),
        ("labels", factory::set_of(labels, TermType::String)),
        ("sensitive", facts.sensitive.into()),
        ("trusted", facts.trusted.into()),
        ("environment", Attr::new(&facts.environment).into()),
    ]))
}

/// The type of `context.toolgate`.
fn known_type() -> Value {
    let of = |name: &str| json!({"type": "EntityOrCommon", "name": name});
    let (bool, string) = (of("__cedar::Bool"), of("__cedar::String"));
    let approval = json!({"type": "Record", "attributes": {"self": bool, "manager": bool}});
    let facts = json!({"type": "Record", "attributes": {
        "entitlements": {"type": "Set", "element": of(&kind("Entitlement"))},
        "labels": {"type": "Set", "element": string},
        "sensitive": bool,
        "trusted": bool,
        "environment": string,
    }});
    let levels = Level::ALL.iter().map(|level| (level.name().to_owned(), approval.clone()));
    let members: Map<String, Value> =
        levels.chain([(NOW.to_owned(), facts.clone()), (BEFORE.to_owned(), facts)]).collect();
    json!({"type": "Record", "attributes": members})
}
