//! Whom and what a policy is about, before any condition: the first lines of a policy, over numbered entities.

use cedar_policy::pst::{ActionConstraint, EntityOrSlot, PrincipalConstraint, ResourceConstraint, Template};

use crate::compile::condition::{Unknown, entity};
use crate::compile::symbols::Symbols;
use crate::data::value::Ent;

/// The scope of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) principal: Bound,
    pub(crate) action: Actions,
    pub(crate) resource: Bound,
}

/// What is said of the principal or of the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Any,
    Is(u32),
    Eq(Ent),
    In(Ent),
    IsIn(u32, Ent),
}

/// What is said of the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actions {
    Any,
    Eq(Ent),
    /// Any of these actions and groups of actions.
    In(Box<[Ent]>),
}

impl Scope {
    /// The scope of a policy without slots.
    pub(crate) fn new(policy: &Template, symbols: &mut Symbols) -> Result<Self, Unknown> {
        let mut of = |uid: &EntityOrSlot| match uid {
            EntityOrSlot::Entity(uid) => Ok(entity(uid, symbols)),
            EntityOrSlot::Slot(_) => Err(Unknown { construct: "a template slot" }),
        };
        let principal = match &policy.principal {
            PrincipalConstraint::Any => Bound::Any,
            PrincipalConstraint::Eq(uid) => Bound::Eq(of(uid)?),
            PrincipalConstraint::In(uid) => Bound::In(of(uid)?),
            PrincipalConstraint::Is(_) => Bound::Is(0),
            PrincipalConstraint::IsIn(_, uid) => Bound::IsIn(0, of(uid)?),
        };
        let resource = match &policy.resource {
            ResourceConstraint::Any => Bound::Any,
            ResourceConstraint::Eq(uid) => Bound::Eq(of(uid)?),
            ResourceConstraint::In(uid) => Bound::In(of(uid)?),
            ResourceConstraint::Is(_) => Bound::Is(0),
            ResourceConstraint::IsIn(_, uid) => Bound::IsIn(0, of(uid)?),
        };
        let principal = match &policy.principal {
            PrincipalConstraint::Is(kind) | PrincipalConstraint::IsIn(kind, _) => {
                principal.of(symbols.kind(&kind.to_string()))
            }
            _ => principal,
        };
        let resource = match &policy.resource {
            ResourceConstraint::Is(kind) | ResourceConstraint::IsIn(kind, _) => {
                resource.of(symbols.kind(&kind.to_string()))
            }
            _ => resource,
        };
        let action = match &policy.action {
            ActionConstraint::Any => Actions::Any,
            ActionConstraint::Eq(uid) => Actions::Eq(entity(uid, symbols)),
            ActionConstraint::In(uids) => Actions::In(uids.iter().map(|uid| entity(uid, symbols)).collect()),
        };
        Ok(Self { principal, action, resource })
    }
}

impl Bound {
    fn of(self, kind: u32) -> Self {
        match self {
            Self::IsIn(_, above) => Self::IsIn(kind, above),
            _ => Self::Is(kind),
        }
    }
}

#[cfg(test)]
impl Bound {
    fn matches(self, entity: Ent, is_in: &impl Fn(Ent, Ent) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Is(kind) => entity.kind == kind,
            Self::Eq(one) => entity == one,
            Self::In(above) => is_in(entity, above),
            Self::IsIn(kind, above) => entity.kind == kind && is_in(entity, above),
        }
    }
}

#[cfg(test)]
impl Scope {
    /// Whether the policy is about a request. `is_in` says whether an entity is another or below it.
    pub(crate) fn matches(&self, principal: Ent, action: Ent, resource: Ent, is_in: impl Fn(Ent, Ent) -> bool) -> bool {
        let action = match &self.action {
            Actions::Any => true,
            Actions::Eq(one) => *one == action,
            Actions::In(some) => some.iter().any(|one| is_in(action, *one)),
        };
        action && self.principal.matches(principal, &is_in) && self.resource.matches(resource, &is_in)
    }
}
