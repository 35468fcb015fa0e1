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
            grants: names.grants(),
            approvals: self.recorded(),
            kill_switches: (*self.kill_switches).clone(),
        }
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

    fn grants(&self) -> Vec<plain::Grant> {
        let people = self.people;
        let tables = &*people.tables;
        // the id of each place, which goes once the grant is revoked
        let mut ids: Vec<Option<String>> = tables.grants.iter().map(|_| None).collect();
        for (rank, id) in (0..).zip(tables.grant_ids.iter()) {
            if let Some(slot) = ids.get_mut(index(tables.places.get(rank))) {
                *slot = Some(id);
            }
        }
        let mut added = Vec::new();
        for (key, items) in people.changed.iter() {
            let holder = Holder::of_key(*key);
            let mut kept = Vec::new();
            for item in items.iter() {
                match &item.id {
                    ItemId::Table(place) => kept.push(*place),
                    ItemId::Added(id, sequence) => added.push((*sequence, id, holder, item.grant)),
                }
            }
            for place in tables.range(holder).filter(|place| !kept.contains(place)) {
                ids.get_mut(index(place)).into_iter().for_each(|id| *id = None);
            }
        }
        added.sort_by_key(|(sequence, ..)| *sequence);
        let in_order = (0..tables.grant_ids.len()).map(|at| tables.places.get(tables.ranks.get(at)));
        let kept = in_order.filter_map(|place| {
            let id = ids.get_mut(index(place))?.take()?;
            Some(self.grant(id, tables.holder(place), tables.grant(tables.grants.get(index(place))?)))
        });
        let mut all: Vec<plain::Grant> = kept.collect();
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
