//! The numbers of entity types, entities and attributes: one table for everything an engine knows by name.
//!
//! It grows while the engine is built, from the snapshot, the catalog and the policies' literals, and is then only
//! read.

use crate::data::names::{Names, index};
use crate::data::value::{Attr, Ent};
use crate::load::people::{NamesRef, PeopleNames};

/// The kinds that every engine has, in this order.
pub(crate) const ACTION: u32 = 0;
pub(crate) const AGENT: u32 = 1;
pub(crate) const CLIENT: u32 = 2;
pub(crate) const ENTITLEMENT: u32 = 3;
pub(crate) const GROUP: u32 = 4;
pub(crate) const PROFILE: u32 = 5;
pub(crate) const SCOPE: u32 = 6;
pub(crate) const SERVER: u32 = 7;
pub(crate) const SERVICE_PRINCIPAL: u32 = 8;
pub(crate) const TOOL: u32 = 9;
pub(crate) const USER: u32 = 10;

const KINDS: [&str; 11] = [
    "Toolgate::Action",
    "Toolgate::Agent",
    "Toolgate::Client",
    "Toolgate::Entitlement",
    "Toolgate::Group",
    "Toolgate::Profile",
    "Toolgate::Scope",
    "Toolgate::Server",
    "Toolgate::ServicePrincipal",
    "Toolgate::Tool",
    "Toolgate::User",
];

/// The attributes that every engine has, in this order.
pub(crate) mod attr {
    use crate::data::value::Attr;

    pub(crate) const USER: Attr = 0;
    pub(crate) const CLIENT: Attr = 1;
    pub(crate) const OWNER: Attr = 2;
    pub(crate) const KIND: Attr = 3;
    pub(crate) const ENTITLEMENTS: Attr = 4;
    pub(crate) const LABELS: Attr = 5;
    pub(crate) const SENSITIVE: Attr = 6;
    pub(crate) const TRUSTED: Attr = 7;
    pub(crate) const ENVIRONMENT: Attr = 8;
    pub(crate) const INPUT: Attr = 9;
    pub(crate) const APPROVAL: Attr = 10;
    pub(crate) const SELF: Attr = 11;
    pub(crate) const MANAGER: Attr = 12;
    pub(crate) const NOW: Attr = 13;
    pub(crate) const SESSION: Attr = 14;
    pub(crate) const CHANNEL: Attr = 15;
    pub(crate) const ID: Attr = 16;
    pub(crate) const CALLS: Attr = 17;
    pub(crate) const AUTHENTICATED_AT: Attr = 18;
    pub(crate) const ACR: Attr = 19;
}

const ATTRS: [&str; 20] = [
    "user",
    "client",
    "owner",
    "kind",
    "entitlements",
    "labels",
    "sensitive",
    "trusted",
    "environment",
    "input",
    "approval",
    "self",
    "manager",
    "now",
    "session",
    "channel",
    "id",
    "calls",
    "authenticated_at",
    "acr",
];

/// What is known by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    kinds: Names,
    /// The entities of each kind.
    ids: Vec<Names>,
    attrs: Names,
}

impl Symbols {
    /// A table with toolgate's own kinds and attributes.
    pub(crate) fn toolgate() -> Self {
        let mut symbols = Self::default();
        for name in KINDS {
            symbols.kind(name);
        }
        for name in ATTRS {
            symbols.attr(name);
        }
        symbols
    }

    /// The number of an entity type, given to it if it has none yet.
    pub(crate) fn kind(&mut self, name: &str) -> u32 {
        let kind = self.kinds.add(name);
        while self.ids.len() <= index(kind) {
            self.ids.push(Names::default());
        }
        kind
    }

    /// An entity of a kind that is there, numbered if it is not yet.
    pub(crate) fn entity(&mut self, kind: u32, id: &str) -> Ent {
        let id = self.ids.get_mut(index(kind)).map_or(u32::MAX, |names| names.add(id));
        Ent { kind, id }
    }

    /// The number of an attribute, given to it if it has none yet.
    pub(crate) fn attr(&mut self, name: &str) -> Attr {
        self.attrs.add(name)
    }

    /// An entity, if its name was ever heard of.
    pub(crate) fn find(&self, kind: u32, id: &str) -> Option<Ent> {
        let id = self.ids.get(index(kind))?.get(id)?;
        Some(Ent { kind, id })
    }

    /// The type and the id of an entity; empty for what has no name.
    pub(crate) fn name(&self, entity: Ent) -> (&str, &str) {
        let id = self.ids.get(index(entity.kind)).map_or("", |names| names.name(entity.id));
        (self.kinds.name(entity.kind), id)
    }

    /// How many entities of a kind there are.
    pub(crate) fn entities(&self, kind: u32) -> u32 {
        self.ids.get(index(kind)).map_or(0, Names::len)
    }

    /// Takes over the names of a snapshot. To be called before anything else is numbered.
    pub(crate) fn take(&mut self, names: PeopleNames) {
        let PeopleNames { users, groups, clients, service_principals, entitlements, profiles } = names;
        for (kind, names) in [
            (USER, users),
            (GROUP, groups),
            (CLIENT, clients),
            (SERVICE_PRINCIPAL, service_principals),
            (ENTITLEMENT, entitlements),
            (PROFILE, profiles),
        ] {
            if let Some(place) = self.ids.get_mut(index(kind)) {
                *place = names;
            }
        }
    }

    /// The names that a snapshot is about.
    pub(crate) fn people(&self) -> NamesRef<'_> {
        let of = |kind| self.ids.get(index(kind)).unwrap_or(&self.kinds);
        NamesRef {
            users: of(USER),
            groups: of(GROUP),
            clients: of(CLIENT),
            service_principals: of(SERVICE_PRINCIPAL),
            entitlements: of(ENTITLEMENT),
            profiles: of(PROFILE),
        }
    }

    /// The table of attributes, for what numbers them itself.
    pub(crate) fn attrs_mut(&mut self) -> &mut Names {
        &mut self.attrs
    }

    /// Gives back what was reserved for more.
    pub(crate) fn shrink(&mut self) {
        self.ids.iter_mut().chain([&mut self.kinds, &mut self.attrs]).for_each(Names::shrink);
    }
}

#[cfg(test)]
impl Symbols {
    /// The number of an entity type.
    pub(crate) fn find_kind(&self, name: &str) -> Option<u32> {
        self.kinds.get(name)
    }

    /// The number of an attribute.
    pub(crate) fn find_attr(&self, name: &str) -> Option<Attr> {
        self.attrs.get(name)
    }

    /// How many entity types there are.
    pub(crate) fn kinds(&self) -> u32 {
        self.kinds.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_names_have_their_numbers() {
        let mut symbols = Symbols::toolgate();
        assert_eq!((symbols.kinds(), symbols.attrs.len()), (11, 20));
        for (name, number) in [("Action", ACTION), ("Agent", AGENT), ("Client", CLIENT), ("User", USER)] {
            assert_eq!(symbols.find_kind(&format!("Toolgate::{name}")), Some(number), "{name}");
        }
        for (name, number) in
            [("Entitlement", ENTITLEMENT), ("Group", GROUP), ("Profile", PROFILE), ("Scope", SCOPE), ("Server", SERVER)]
        {
            assert_eq!(symbols.find_kind(&format!("Toolgate::{name}")), Some(number), "{name}");
        }
        for (name, number) in [("ServicePrincipal", SERVICE_PRINCIPAL), ("Tool", TOOL)] {
            assert_eq!(symbols.find_kind(&format!("Toolgate::{name}")), Some(number), "{name}");
        }
        for (name, number) in [
            ("user", attr::USER),
            ("client", attr::CLIENT),
            ("owner", attr::OWNER),
            ("kind", attr::KIND),
            ("entitlements", attr::ENTITLEMENTS),
            ("labels", attr::LABELS),
            ("sensitive", attr::SENSITIVE),
            ("trusted", attr::TRUSTED),
            ("environment", attr::ENVIRONMENT),
            ("input", attr::INPUT),
            ("approval", attr::APPROVAL),
            ("self", attr::SELF),
            ("manager", attr::MANAGER),
            ("now", attr::NOW),
            ("session", attr::SESSION),
            ("channel", attr::CHANNEL),
            ("id", attr::ID),
            ("calls", attr::CALLS),
            ("authenticated_at", attr::AUTHENTICATED_AT),
            ("acr", attr::ACR),
        ] {
            assert_eq!((symbols.find_attr(name), symbols.attr(name)), (Some(number), number), "{name}");
        }
    }

    #[test]
    fn entities_are_numbered_by_kind() {
        let mut symbols = Symbols::toolgate();
        let alice = symbols.entity(USER, "alice");
        let other = symbols.kind("Elsewhere");
        let namesake = symbols.entity(other, "alice");
        assert_eq!((alice, namesake), (Ent { kind: USER, id: 0 }, Ent { kind: 11, id: 0 }));
        assert_eq!(symbols.entity(USER, "alice"), alice);
        assert_eq!((symbols.find(USER, "alice"), symbols.find(USER, "bob")), (Some(alice), None));
        assert_eq!(symbols.name(alice), ("Toolgate::User", "alice"));
        assert_eq!(symbols.name(Ent { kind: 99, id: 0 }), ("", ""));
    }
}
