//! The tables that a change shares, and how they come from what was loaded.

use crate::compile::people::{Grant, Holder, index, some};
use crate::data::ids::{Ids, Order};
use crate::data::lists::{ListTable, Lists};
use crate::data::names::number;
use crate::data::snapshot::{ClientKind, ClientState};
use crate::data::times::Times;
use crate::load::people::{DefinitionRow, GrantRow, Loaded, NONE, Pair, PeopleNames, PrincipalRow, UserRow, What};

/// Rows by number, and lists by what refers to them.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) users: Vec<UserRow>,
    pub(super) groups: Vec<u32>,
    pub(super) clients: Vec<(ClientKind, ClientState)>,
    pub(super) service_principals: Vec<PrincipalRow>,
    pub(super) entitlements: Vec<DefinitionRow>,
    pub(super) profiles: Vec<DefinitionRow>,
    /// Lists as the snapshot has them, and their closures.
    pub(super) group_lists: Lists,
    /// The list of each list's groups and all above them, sorted.
    closures: Vec<u32>,
    /// Lists as the snapshot has them, and the same sorted.
    pub(super) entitlement_lists: Lists,
    sorted: Order,
    pub(super) user_lists: Lists,
    /// The group `*`, as far as anything mentions it.
    pub(super) everyone: Option<u32>,
    pub(super) pairs: Vec<Pair>,
    pub(super) times: Times,
    /// By holder: users, then groups, then service principals. Those of one holder in the order of the snapshot.
    pub(super) grants: Vec<GrantRow>,
    /// Where the grants of each holder end.
    user_ends: Vec<u32>,
    group_ends: Vec<u32>,
    principal_ends: Vec<u32>,
    pub(super) grant_ids: Ids,
    /// The grant of each id, by rank.
    pub(super) places: Order,
    /// The ranks in the order of the snapshot.
    pub(super) ranks: Order,
}

impl Tables {
    pub(super) fn new(loaded: Loaded, names: &PeopleNames) -> Self {
        let (group_lists, closures) = closures(loaded.group_lists, &loaded.groups, names.groups.len());
        let (entitlement_lists, sorted) = sorted(loaded.entitlement_lists);
        let first_group = names.users.len();
        let first_principal = first_group.saturating_add(names.groups.len());
        let holders = first_principal.saturating_add(names.service_principals.len());
        // how many grants each holder has, then where they end
        let mut ends = vec![0u32; index(holders)];
        let place = |holder: Holder| match holder {
            Holder::User(id) => index(id),
            Holder::Group(id) => index(first_group.saturating_add(id)),
            Holder::ServicePrincipal(id) => index(first_principal.saturating_add(id)),
        };
        for (holder, _) in &loaded.grants {
            if let Some(count) = ends.get_mut(place(*holder)) {
                *count = count.saturating_add(1);
            }
        }
        let mut next = Vec::with_capacity(ends.len());
        let mut total = 0u32;
        for end in &mut ends {
            next.push(total);
            total = total.saturating_add(*end);
            *end = total;
        }
        let mut grants = vec![GrantRow::default(); loaded.grants.len()];
        let mut places = vec![0u32; loaded.grants.len()];
        for (at, (holder, row)) in (0..).zip(&loaded.grants) {
            let Some(next) = next.get_mut(place(*holder)) else { continue };
            if let (Some(slot), Some(to)) =
                (grants.get_mut(index(*next)), places.get_mut(index(loaded.grant_ranks.get(at))))
            {
                *slot = *row;
                *to = *next;
            }
            *next = next.saturating_add(1);
        }
        drop(next);
        let principal_ends = ends.split_off(index(first_principal).min(ends.len()));
        let group_ends = ends.split_off(index(first_group).min(ends.len()));
        ends.shrink_to_fit();
        let mut all = Self {
            users: loaded.users,
            groups: loaded.groups,
            clients: loaded.clients,
            service_principals: loaded.service_principals,
            entitlements: loaded.entitlements,
            profiles: loaded.profiles,
            group_lists,
            closures,
            entitlement_lists,
            sorted,
            user_lists: loaded.user_lists,
            everyone: names.groups.get("*"),
            pairs: loaded.pairs,
            times: loaded.times,
            grants,
            user_ends: ends,
            group_ends,
            principal_ends,
            grant_ids: loaded.grant_ids,
            places: Order::new(places),
            ranks: loaded.grant_ranks,
        };
        all.users.shrink_to_fit();
        all.service_principals.shrink_to_fit();
        all.pairs.shrink_to_fit();
        all
    }

    pub(super) fn counts(&self) -> [u32; 6] {
        [
            self.users.len(),
            self.groups.len(),
            self.clients.len(),
            self.service_principals.len(),
            self.entitlements.len(),
            self.profiles.len(),
        ]
        .map(number)
    }

    /// The groups of a list and all above them, sorted.
    pub(super) fn closure(&self, list: u32) -> &[u32] {
        self.closures.get(index(list)).map_or(&[], |closure| self.group_lists.get(*closure))
    }

    /// Whether the closure of each list has a group.
    pub(super) fn lists_within(&self, group: u32) -> Vec<bool> {
        let has = |closure: &u32| self.group_lists.get(*closure).binary_search(&group).is_ok();
        self.closures.iter().map(has).collect()
    }

    pub(super) fn sorted_entitlements(&self, list: u32) -> &[u32] {
        self.entitlement_lists.get(self.sorted.get(list))
    }

    /// Everyone whom a grant could name.
    pub(super) fn holders(&self) -> impl Iterator<Item = Holder> {
        let ids = |ends: &Vec<u32>| 0..number(ends.len());
        let groups = ids(&self.group_ends).map(Holder::Group);
        let principals = ids(&self.principal_ends).map(Holder::ServicePrincipal);
        ids(&self.user_ends).map(Holder::User).chain(groups).chain(principals)
    }

    /// Where the grants of a holder begin and end.
    pub(super) fn range(&self, holder: Holder) -> std::ops::Range<u32> {
        let (ends, id, before) = match holder {
            Holder::User(id) => (&self.user_ends, id, None),
            Holder::Group(id) => (&self.group_ends, id, self.user_ends.last()),
            Holder::ServicePrincipal(id) => {
                (&self.principal_ends, id, self.group_ends.last().or_else(|| self.user_ends.last()))
            }
        };
        let Some(end) = ends.get(index(id)) else { return 0..0 };
        let start = match id.checked_sub(1) {
            Some(before) => ends.get(index(before)),
            None => before,
        };
        start.copied().unwrap_or_default()..*end
    }

    /// The grants of a holder.
    pub(super) fn rows(&self, holder: Holder) -> &[GrantRow] {
        let range = self.range(holder);
        self.grants.get(index(range.start)..index(range.end)).unwrap_or_default()
    }

    pub(super) fn grant(&self, row: &GrantRow) -> Grant {
        // every row has a pair; without one it would give what nothing has the number of
        let none = Pair { what: What::Entitlement(NONE), client: NONE };
        let pair = self.pairs.get(index(row.pair)).copied().unwrap_or(none);
        Grant {
            what: pair.what,
            client: some(pair.client),
            from: self.times.at(row.from),
            until: self.times.at(row.until),
        }
    }

    /// The holder of the grant at a place.
    pub(super) fn holder(&self, place: u32) -> Holder {
        let find =
            |ends: &[u32]| Some(number(ends.partition_point(|end| *end <= place))).filter(|id| index(*id) < ends.len());
        let user = find(&self.user_ends).map(Holder::User);
        let group = || find(&self.group_ends).map(Holder::Group);
        user.or_else(group).unwrap_or_else(|| Holder::ServicePrincipal(find(&self.principal_ends).unwrap_or(NONE)))
    }

    /// The place of the grant with an id.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.grant_ids.find(id).map(|rank| self.places.get(rank))
    }
}

/// Adds the closure of each list. Loading refused cycles; an undefined group has no parents.
fn closures(mut table: ListTable, parents: &[u32], groups: u32) -> (Lists, Vec<u32>) {
    let count = table.lists().len();
    let mut closures = Vec::with_capacity(index(count));
    // the last list that each group was met for, and one more
    let mut met = vec![0u32; index(groups)];
    let mut all = Vec::new();
    let mut open = Vec::new();
    for list in 0..count {
        let stamp = list.saturating_add(1);
        all.clear();
        open.extend_from_slice(table.lists().get(list));
        while let Some(group) = open.pop() {
            let met = met.get_mut(index(group)).is_none_or(|met| std::mem::replace(met, stamp) == stamp);
            if !met {
                all.push(group);
                open.extend(parents.get(index(group)).into_iter().flat_map(|list| table.lists().get(*list)));
            }
        }
        all.sort_unstable();
        closures.push(table.add(&all));
    }
    (table.finish(), closures)
}

/// Adds each list sorted, every item once.
fn sorted(mut table: ListTable) -> (Lists, Order) {
    let mut to = Vec::new();
    for list in 0..table.lists().len() {
        let mut all = table.lists().get(list).to_vec();
        all.sort_unstable();
        all.dedup();
        to.push(table.add(&all));
    }
    (table.finish(), Order::new(to))
}

#[cfg(test)]
impl Tables {
    pub(super) fn size(&self) -> Vec<(&'static str, usize)> {
        fn of<T>(all: &Vec<T>) -> usize {
            all.capacity().saturating_mul(size_of::<T>())
        }
        let ends = [&self.user_ends, &self.group_ends, &self.principal_ends].map(of);
        vec![
            ("grants: rows", of(&self.grants)),
            ("grants: what and through which client", of(&self.pairs)),
            ("grants: odd instants", self.times.size()),
            ("grants: ends by holder", ends.iter().sum()),
            ("grants: ids", self.grant_ids.size()),
            ("grants: id to row", self.places.size()),
            ("grants: order of the snapshot", self.ranks.size()),
            ("users: rows", of(&self.users)),
            ("lists of groups and closures", self.group_lists.size().saturating_add(of(&self.closures))),
            ("lists of entitlements", self.entitlement_lists.size().saturating_add(self.sorted.size())),
            ("lists of users", self.user_lists.size()),
            ("service principals", of(&self.service_principals)),
            ("definitions", of(&self.entitlements).saturating_add(of(&self.profiles))),
            ("groups and clients", of(&self.groups).saturating_add(of(&self.clients))),
        ]
    }
}
