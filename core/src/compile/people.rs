//! People, agents and what they hold, by number: what a decision looks up in a snapshot.
//!
//! A million grants take 20 to 24 bytes each, and a change shares all but what it touches. Names stay outside: numbers
//! are those of the [`PeopleNames`] a snapshot was loaded with, in which the defined ones come first.

mod change;
mod restore;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use crate::compile::people::tables::Tables;
use crate::data::shards::Shards;
use crate::data::snapshot::{Approval, ClientKind, ClientState, KillSwitches, RequestApproval};
use crate::data::time::Instant;
use crate::data::times::Now;
use crate::load::people::{ACTIVE, DefinitionRow, Loaded, NONE};
pub(crate) use crate::load::people::{Holder, NamesRef, PeopleNames, SubjectId, What};

/// A snapshot for looking up. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct People {
    /// What a change shares.
    tables: Arc<Tables>,
    version: u64,
    issued_at: Instant,
    max_age: Duration,
    /// When it may be decided on: `[begin, end)`.
    interval: [Instant; 2],
    kill_switches: Arc<KillSwitches>,
    /// All grants of each holder for whom they changed.
    changed: Shards<u64, Arc<[Item]>>,
    /// Where each grant is that changes added.
    added: Shards<Arc<str>, Holder>,
    approvals: Shards<u64, Arc<[Recorded]>>,
    approval_ids: Shards<Arc<str>, u64>,
    /// Names that only changes mention, under numbers of their own.
    extra: Arc<PeopleNames>,
    /// Whether one of the ids is not ASCII.
    foreign: Foreign,
    /// What the next grant or approval that is added is numbered.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Foreign {
    grants: bool,
    approvals: bool,
}

/// The numbers of names that only changes mention begin here.
const EXTRA: u32 = 1 << 31;

/// A grant in a list that changed.
#[derive(Clone, Debug)]
struct Item {
    grant: Grant,
    id: ItemId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ItemId {
    /// Its place in the tables.
    Table(u32),
    /// One that was added, and when.
    Added(Arc<str>, u64),
}

/// An approval as it was recorded.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) approval: Arc<Approval>,
    /// The user who said yes.
    pub(crate) by: u32,
    /// The order they came in.
    sequence: u64,
}

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User<'a> {
    pub(crate) active: bool,
    pub(crate) manager: Option<u32>,
    /// As the snapshot lists them.
    pub(crate) direct_groups: &'a [u32],
    /// Those and all above them, sorted.
    pub(crate) groups: &'a [u32],
    /// The human's own, sorted.
    pub(crate) entitlements: &'a [u32],
}

/// A service principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServicePrincipal<'a> {
    pub(crate) active: bool,
    pub(crate) owner: u32,
    pub(crate) manager: Option<u32>,
    pub(crate) direct_groups: &'a [u32],
    /// Those and all above them, sorted.
    pub(crate) groups: &'a [u32],
}

/// An entitlement or a profile that is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Definition<'a> {
    pub(crate) owners: &'a [u32],
    /// Groups whose members may ask for it.
    pub(crate) requestable_by: &'a [u32],
    /// Whether everyone may.
    pub(crate) by_everyone: bool,
    pub(crate) request_approval: RequestApproval,
    pub(crate) max_duration: Option<Duration>,
    /// What a profile bundles, sorted.
    pub(crate) entitlements: &'a [u32],
}

/// What a holder has of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    /// It is in force.
    Now(What),
    /// It begins later.
    From(What, Instant),
}

/// When what somebody holds changes next: some as codes of the tables, some as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    next_code: u32,
    end_code: u32,
    next: Option<Instant>,
    first_end: Option<Instant>,
}

impl Changes {
    fn take(&mut self, grant: Grant, now: Instant, into: &mut impl FnMut(Holding)) {
        let begun = grant.from.is_none_or(|from| from <= now);
        let over = grant.until.is_some_and(|until| until <= now);
        match grant.from {
            _ if begun && !over => {
                into(Holding::Now(grant.what));
                self.first_end = first(self.first_end, grant.until);
            }
            Some(from) if !begun => into(Holding::From(grant.what, from)),
            _ => {}
        }
        let ahead = [grant.from, grant.until].into_iter().flatten().filter(|at| *at > now).min();
        self.next = first(self.next, ahead);
    }
}

fn first(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

impl Definition<'_> {
    /// Whether anybody may ask for it.
    pub(crate) fn is_requestable(&self) -> bool {
        self.by_everyone || !self.requestable_by.is_empty()
    }
}

/// An entitlement or a profile, given for a time. A number from 2^31 on is that of a name that only changes mention:
/// nothing else has it, so it is equal to nothing but itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) what: What,
    /// Only through this client.
    pub(crate) client: Option<u32>,
    pub(crate) from: Option<Instant>,
    pub(crate) until: Option<Instant>,
}

impl People {
    /// The tables of a snapshot, and the names they are about.
    pub(crate) fn new(mut loaded: Loaded) -> (Self, PeopleNames) {
        let names = std::mem::take(&mut loaded.names);
        let approvals = std::mem::take(&mut loaded.approvals);
        let foreign = Foreign {
            grants: loaded.foreign_grants,
            approvals: approvals.iter().any(|row| !row.approval.id.is_ascii()),
        };
        let next = u64::try_from(approvals.len().saturating_add(loaded.grants.len())).unwrap_or(u64::MAX);
        let mut ids = Vec::new();
        let mut all: Vec<(u64, Recorded)> = Vec::new();
        for (sequence, row) in (0..).zip(approvals) {
            ids.push((Arc::from(row.approval.id.as_str()), row.subject.key()));
            all.push((row.subject.key(), Recorded { approval: Arc::new(row.approval), by: row.by, sequence }));
        }
        all.sort_by_key(|(subject, _)| *subject);
        let by_subject = all.chunk_by(|(one, _), (other, _)| one == other);
        let approvals = by_subject
            .filter_map(|all| Some((all.first()?.0, all.iter().map(|(_, recorded)| recorded.clone()).collect())));
        let people = Self {
            version: loaded.version,
            issued_at: loaded.issued_at,
            max_age: loaded.max_age,
            interval: interval(loaded.issued_at, loaded.max_age),
            kill_switches: Arc::new(std::mem::take(&mut loaded.kill_switches)),
            changed: Shards::default(),
            added: Shards::default(),
            approvals: approvals.collect(),
            approval_ids: ids.into_iter().collect(),
            extra: Arc::default(),
            foreign,
            next,
            tables: Arc::new(Tables::new(loaded, &names)),
        };
        (people, names)
    }

    /// The snapshot's version.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// When it was made.
    pub(crate) fn issued_at(&self) -> Instant {
        self.issued_at
    }

    /// When it may be decided on: from the first of these instants until the second.
    pub(crate) fn interval(&self) -> [Instant; 2] {
        self.interval
    }

    /// What is switched off.
    pub(crate) fn kill_switches(&self) -> &KillSwitches {
        &self.kill_switches
    }

    /// How many users, groups, clients, service principals, entitlements and profiles are defined: their numbers are
    /// below.
    pub(crate) fn counts(&self) -> [u32; 6] {
        self.tables.counts()
    }

    /// A user, if defined.
    pub(crate) fn user(&self, id: u32) -> Option<User<'_>> {
        let tables = &*self.tables;
        let row = tables.users.get(index(id))?;
        Some(User {
            active: row.entitlements & ACTIVE != 0,
            manager: some(row.manager),
            direct_groups: tables.group_lists.get(row.groups),
            groups: tables.closure(row.groups),
            entitlements: tables.sorted_entitlements(row.entitlements & !ACTIVE),
        })
    }

    /// Whether a user is defined and active.
    pub(crate) fn is_active(&self, user: u32) -> bool {
        self.tables.users.get(index(user)).is_some_and(|row| row.entitlements & ACTIVE != 0)
    }

    /// Whether a group is defined.
    pub(crate) fn is_group(&self, id: u32) -> bool {
        self.tables.groups.get(index(id)).is_some()
    }

    /// The groups right above one.
    pub(crate) fn parents(&self, group: u32) -> &[u32] {
        self.tables.groups.get(index(group)).map_or(&[], |parents| self.tables.group_lists.get(*parents))
    }

    /// Whether one group lies above another.
    pub(crate) fn is_above(&self, group: u32, ancestor: u32) -> bool {
        // loading refused cycles
        let mut open = vec![group];
        while let Some(group) = open.pop() {
            let parents = self.parents(group);
            if parents.contains(&ancestor) {
                return true;
            }
            open.extend_from_slice(parents);
        }
        false
    }

    /// A client, if defined.
    pub(crate) fn client(&self, id: u32) -> Option<(ClientKind, ClientState)> {
        self.tables.clients.get(index(id)).copied()
    }

    /// A service principal, if defined.
    pub(crate) fn service_principal(&self, id: u32) -> Option<ServicePrincipal<'_>> {
        let tables = &*self.tables;
        let row = tables.service_principals.get(index(id))?;
        Some(ServicePrincipal {
            active: row.active,
            owner: row.owner,
            manager: some(row.manager),
            direct_groups: tables.group_lists.get(row.groups),
            groups: tables.closure(row.groups),
        })
    }

    /// An entitlement, if defined. Most are not.
    pub(crate) fn entitlement(&self, id: u32) -> Option<Definition<'_>> {
        self.tables.entitlements.get(index(id)).map(|row| self.definition(row))
    }

    /// A profile, if defined.
    pub(crate) fn profile(&self, id: u32) -> Option<Definition<'_>> {
        self.tables.profiles.get(index(id)).map(|row| self.definition(row))
    }

    fn definition(&self, row: &DefinitionRow) -> Definition<'_> {
        let tables = &*self.tables;
        let requestable_by = tables.group_lists.get(row.requestable_by);
        Definition {
            owners: tables.user_lists.get(row.owners),
            requestable_by,
            by_everyone: tables.everyone.is_some_and(|everyone| requestable_by.contains(&everyone)),
            request_approval: row.request_approval,
            max_duration: row.max_duration,
            entitlements: tables.sorted_entitlements(row.entitlements),
        }
    }

    /// The active users of a group, nested groups included. Goes through all users, and through each set of groups
    /// once.
    pub(crate) fn active_members(&self, group: u32) -> impl Iterator<Item = u32> {
        let tables = &*self.tables;
        let within = tables.lists_within(group);
        (0..).zip(&tables.users).filter_map(move |(id, row)| {
            let member = row.entitlements & ACTIVE != 0 && within.get(index(row.groups)).copied().unwrap_or_default();
            member.then_some(id)
        })
    }

    /// The grants that name a holder, in force or not, in the order of the snapshot.
    #[cfg(test)]
    pub(crate) fn grants(&self, holder: Holder) -> impl Iterator<Item = Grant> {
        let changed = self.changed.get(&holder.key());
        let rows = if changed.is_some() { &[][..] } else { self.tables.rows(holder) };
        let unchanged = rows.iter().map(|row| self.tables.grant(row));
        changed.map_or(&[][..], |items| items).iter().map(|item| item.grant).chain(unchanged)
    }

    /// Goes through the grants that name a holder and count through one client, as far as an instant is concerned.
    ///
    /// The same as going through [`grants`](Self::grants), without making instants of all their times.
    #[inline]
    pub(crate) fn holdings(
        &self,
        holder: Holder,
        via: u32,
        now: &Now,
        changes: &mut Changes,
        into: &mut impl FnMut(Holding),
    ) {
        let tables = &*self.tables;
        if let Some(items) = self.changed.get(&holder.key()) {
            for grant in items.iter().map(|item| item.grant).filter(|grant| grant.client.is_none_or(|id| id == via)) {
                changes.take(grant, now.at, into);
            }
            return;
        }
        for row in tables.rows(holder) {
            let Some(pair) = tables.pairs.get(index(row.pair)) else { continue };
            if pair.client != NONE && pair.client != via {
                continue;
            }
            let begun = row.from == 0 || tables.times.has_come(row.from, now);
            if begun && (row.until == 0 || !tables.times.has_come(row.until, now)) {
                into(Holding::Now(pair.what));
                changes.end_code = tables.times.earlier(changes.end_code, row.until);
            } else if !begun {
                changes.next_code = tables.times.earlier(changes.next_code, row.from);
                if let Some(from) = tables.times.at(row.from) {
                    into(Holding::From(pair.what, from));
                }
            }
        }
    }

    /// When what somebody holds changes: the first instant at which a grant begins or ends, and the first at which one
    /// in force ends.
    pub(crate) fn instants(&self, changes: &Changes) -> (Option<Instant>, Option<Instant>) {
        let times = &self.tables.times;
        let next = times.at(times.earlier(changes.next_code, changes.end_code));
        (first(changes.next, next), first(changes.first_end, times.at(changes.end_code)))
    }

    /// What a profile bundles, sorted; nothing if it is not defined.
    pub(crate) fn bundled(&self, profile: u32) -> &[u32] {
        self.tables.profiles.get(index(profile)).map_or(&[], |row| self.tables.sorted_entitlements(row.entitlements))
    }

    /// The approvals for exactly this subject, in force or not, in the order of the snapshot.
    pub(crate) fn approvals(&self, subject: SubjectId) -> &[Recorded] {
        self.approvals.get(&subject.key()).map_or(&[], |all| all)
    }
}

/// How far a host's clock may lag behind the one that issued the snapshot. AuthZEN's approval profile calls 30 s
/// typical and more than 60 s not recommended.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// When a snapshot may be decided on: `[issued_at - skew, issued_at + max_age)`.
fn interval(issued_at: Instant, max_age: Duration) -> [Instant; 2] {
    [issued_at.saturating_sub(CLOCK_SKEW), issued_at.saturating_add(max_age)]
}

impl Holder {
    /// One number for all kinds.
    fn key(self) -> u64 {
        let (kind, id) = match self {
            Self::User(id) => (0, id),
            Self::Group(id) => (1, id),
            Self::ServicePrincipal(id) => (2, id),
        };
        (kind << 32) | u64::from(id)
    }

    fn of_key(key: u64) -> Self {
        let id = u32::try_from(key & u64::from(u32::MAX)).unwrap_or(NONE);
        match key >> 32 {
            0 => Self::User(id),
            1 => Self::Group(id),
            _ => Self::ServicePrincipal(id),
        }
    }
}

impl SubjectId {
    /// One number for all kinds; no client has the number [`NONE`].
    fn key(self) -> u64 {
        let (first, second) = match self {
            Self::Agent { user, client } => (user, client),
            Self::ServicePrincipal(id) => (id, NONE),
        };
        (u64::from(first) << 32) | u64::from(second)
    }
}

fn some(id: u32) -> Option<u32> {
    (id != NONE).then_some(id)
}

fn index(id: u32) -> usize {
    crate::data::names::index(id)
}

#[cfg(test)]
impl People {
    /// The bytes it takes, by what they are spent on. Approvals are counted without their texts.
    pub(crate) fn size(&self) -> Vec<(&'static str, usize)> {
        let mut all = self.tables.size();
        let changes = self.changed.size().saturating_add(self.added.size());
        all.push(("changes", changes));
        all.push(("approvals", self.approvals.size().saturating_add(self.approval_ids.size())));
        all
    }
}

#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod directory_tests;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod tests;
