//! The tables as the plain snapshot they were made from, changes included.

use crate::compile::people::{EXTRA, Grant, Holder, ItemId, NamesRef, People, What, index};
use crate::data::names::Names;
use crate::data::snapshot::{
    self as plain, Client, Entitlement, Granted, Group, Profile, ServicePrincipal, Snapshot, User,
};
use crate::load::people::ACTIVE;

impl People {
    /// The snapshot, in the order it was read in; what changes added comes last.
    pub(crate) fn to_snapshot(&self, names: &NamesRef<'_>) -> Snapshot {
        let grants = Naming { names: *names, people: self }.grants(|_, _| true);
        Snapshot { grants, ..self.without_grants(names) }
    }

    /// The same without grants, of which there may be a million.
    pub(crate) fn without_grants(&self, names: &NamesRef<'_>) -> Snapshot {
        let names = &Naming { names: *names, people: self };
        Snapshot {
            version: self.version,
            issued_at: self.issued_at,
            max_age: self.max_age,
            users: names.users(),
            groups: names.groups(),
            clients: names.clients(),
            service_principals: names.service_principals(),
            entitlements: names.entitlements(),
            profiles: names.profiles(),
            grants: Vec::new(),
            approvals: self.recorded(),
            kill_switches: (*self.kill_switches).clone(),
        }
    }

    /// The grants that name a user, group, service principal, client or profile that nothing defines. They give
    /// nothing, and are seldom meant.
    pub(crate) fn loose_grants(&self, names: &NamesRef<'_>) -> Vec<plain::Grant> {
        let loose = |holder: Holder, grant: &Grant| {
            let holder = match holder {
                Holder::User(id) => self.user(id).is_none(),
                Holder::Group(id) => !self.is_group(id),
                Holder::ServicePrincipal(id) => self.service_principal(id).is_none(),
            };
            let profile = if let What::Profile(id) = grant.what { self.profile(id).is_none() } else { false };
            holder || profile || grant.client.is_some_and(|client| self.client(client).is_none())
        };
        Naming { names: *names, people: self }.grants(loose)
    }

    fn recorded(&self) -> Vec<plain::Approval> {
        let mut all: Vec<_> = self.approvals.iter().flat_map(|(_, all)| all.iter()).collect();
        all.sort_by_key(|recorded| recorded.sequence);
        all.into_iter().map(|recorded| (*recorded.approval).clone()).collect()
    }
}

/// Numbers with their names.
struct Naming<'a> {
    names: NamesRef<'a>,
    people: &'a People,
}

impl Naming<'_> {
    fn users(&self) -> Vec<User> {
        let tables = &*self.people.tables;
        let user = |(id, row): (u32, &crate::load::people::UserRow)| User {
            id: self.user(id),
            active: row.entitlements & ACTIVE != 0,
            manager: super::some(row.manager).map(|manager| self.user(manager)),
            groups: self.group_names(row.groups),
            entitlements: self.entitlement_names(row.entitlements & !ACTIVE),
        };
        (0..).zip(&tables.users).map(user).collect()
    }

    fn groups(&self) -> Vec<Group> {
        let group = |(id, parents): (u32, &u32)| Group { id: self.group(id), parents: self.group_names(*parents) };
        (0..).zip(&self.people.tables.groups).map(group).collect()
    }

    fn clients(&self) -> Vec<Client> {
        let all = (0..).zip(&self.people.tables.clients);
        all.map(|(id, (kind, state))| Client { id: self.client(id), kind: *kind, state: *state }).collect()
    }

    fn service_principals(&self) -> Vec<ServicePrincipal> {
        let all = (0..).zip(&self.people.tables.service_principals);
        let principal = all.map(|(id, row)| ServicePrincipal {
            id: self.service_principal(id),
            active: row.active,
            owner: self.user(row.owner),
            manager: super::some(row.manager).map(|manager| self.user(manager)),
            groups: self.group_names(row.groups),
        });
        principal.collect()
    }

    fn entitlements(&self) -> Vec<Entitlement> {
        let all = (0..).zip(&self.people.tables.entitlements);
        let entitlement = all.map(|(id, row)| Entitlement {
            id: self.entitlement(id),
            owners: self.user_names(row.owners),
            requestable_by: self.group_names(row.requestable_by),
            request_approval: row.request_approval,
            max_duration: row.max_duration,
        });
        entitlement.collect()
    }

    fn profiles(&self) -> Vec<Profile> {
        let all = (0..).zip(&self.people.tables.profiles);
        let profile = all.map(|(id, row)| Profile {
            id: self.profile(id),
            entitlements: self.entitlement_names(row.entitlements),
            owners: self.user_names(row.owners),
            requestable_by: self.group_names(row.requestable_by),
            request_approval: row.request_approval,
            max_duration: row.max_duration,
        });
        profile.collect()
    }

    /// The grants that are wanted.
    fn grants(&self, wanted: impl Fn(Holder, &Grant) -> bool) -> Vec<plain::Grant> {
        let people = self.people;
        let tables = &*people.tables;
        // whose grant is at each place, if it is there and wanted
        let mut holders: Vec<Option<Holder>> = vec![None; tables.grants.len()];
        let mut added = Vec::new();
        for holder in tables.holders() {
            let changed = people.changed.get(&holder.key()).is_some();
            for (place, row) in tables.range(holder).zip(tables.rows(holder)) {
                if let Some(slot) = holders.get_mut(index(place)).filter(|_| !changed) {
                    *slot = Some(holder).filter(|holder| wanted(*holder, &tables.grant(row)));
                }
            }
        }
        for (key, items) in people.changed.iter() {
            let holder = Holder::of_key(*key);
            for item in items.iter().filter(|item| wanted(holder, &item.grant)) {
                match &item.id {
                    ItemId::Table(place) => {
                        holders.get_mut(index(*place)).into_iter().for_each(|slot| *slot = Some(holder));
                    }
                    ItemId::Added(id, sequence) => added.push((*sequence, id, holder, item.grant)),
                }
            }
        }
        added.sort_by_key(|(sequence, ..)| *sequence);
        let mut all = Vec::new();
        if holders.iter().any(Option::is_some) {
            let mut ids: Vec<String> = tables.grant_ids.iter().collect();
            let in_order = (0..tables.grant_ids.len()).filter_map(|at| {
                let rank = tables.ranks.get(at);
                let place = index(tables.places.get(rank));
                let id = ids.get_mut(index(rank)).map(std::mem::take)?;
                Some(self.grant(id, (*holders.get(place)?)?, tables.grant(tables.grants.get(place)?)))
            });
            all.extend(in_order);
        }
        all.extend(added.into_iter().map(|(_, id, holder, grant)| self.grant(id.to_string(), holder, grant)));
        all
    }

    fn grant(&self, id: String, holder: Holder, grant: Grant) -> plain::Grant {
        let to = match (holder, grant.client) {
            (Holder::User(user), None) => plain::Holder::User(self.user(user)),
            (Holder::User(user), Some(client)) => {
                plain::Holder::UserClient { user: self.user(user), client: self.client(client) }
            }
            (Holder::Group(group), _) => plain::Holder::Group(self.group(group)),
            (Holder::ServicePrincipal(id), _) => plain::Holder::ServicePrincipal(self.service_principal(id)),
        };
        let what = match grant.what {
            What::Entitlement(id) => Granted::Entitlement(self.entitlement(id)),
            What::Profile(id) => Granted::Profile(self.profile(id)),
        };
        plain::Grant { id, to, what, from: grant.from, until: grant.until }
    }

    fn user(&self, id: u32) -> String {
        named(self.names.users, &self.people.extra.users, id)
    }

    fn group(&self, id: u32) -> String {
        named(self.names.groups, &self.people.extra.groups, id)
    }

    fn client(&self, id: u32) -> String {
        named(self.names.clients, &self.people.extra.clients, id)
    }

    fn service_principal(&self, id: u32) -> String {
        named(self.names.service_principals, &self.people.extra.service_principals, id)
    }

    fn entitlement(&self, id: u32) -> String {
        named(self.names.entitlements, &self.people.extra.entitlements, id)
    }

    fn profile(&self, id: u32) -> String {
        named(self.names.profiles, &self.people.extra.profiles, id)
    }

    fn group_names(&self, list: u32) -> Vec<String> {
        self.people.tables.group_lists.get(list).iter().map(|id| self.group(*id)).collect()
    }

    fn entitlement_names(&self, list: u32) -> Vec<String> {
        self.people.tables.entitlement_lists.get(list).iter().map(|id| self.entitlement(*id)).collect()
    }

    fn user_names(&self, list: u32) -> Vec<String> {
        self.people.tables.user_lists.get(list).iter().map(|id| self.user(*id)).collect()
    }
}

fn named(names: &Names, extra: &Names, id: u32) -> String {
    id.checked_sub(EXTRA).map_or_else(|| names.name(id), |id| extra.name(id)).to_owned()
}
