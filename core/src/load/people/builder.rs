//! Rows from what a snapshot says, and every fault that only shows once several of them are known.
//!
//! Refuses what [`snapshot`](crate::load::snapshot) refuses, in its order: ids of one kind after the other, then grants, approvals and groups.
//! So faults are kept until the end, of each kind the first.

use std::collections::HashMap;

use crate::data::id::Subject;
use crate::data::ids::{Ids, Order, order};
use crate::data::lists::ListTable;
use crate::data::names::{Names, index, number};
use crate::data::snapshot::{
    self as plain, Approval, Client, ClientKind, ClientState, Entitlement, Grant, Granted, Group, KillSwitches,
    Profile, ServicePrincipal, Snapshot, User,
};
use crate::data::time::Instant;
use crate::data::times::Times;
use crate::error::Error;
use crate::limits::Limits;
use crate::load::name;
use crate::load::people::list::{List, on_line, place};
use crate::load::people::plain::{Gives, To};
use crate::load::people::{
    ACTIVE, ApprovalRow, DefinitionRow, GrantRow, Holder, Loaded, NONE, Pair, PeopleNames, PrincipalRow, SubjectId,
    UserRow, What,
};
use crate::load::snapshot::{acyclic, check_approval, check_grant_parts, check_id, twice};

/// What has been read so far. A `line` of 0 is none. Numbers are those of names in the order they were met.
pub(crate) struct Builder<'a> {
    limits: &'a Limits,
    names: PeopleNames,
    users: List<UserRow>,
    groups: List<u32>,
    clients: List<(ClientKind, ClientState)>,
    service_principals: List<PrincipalRow>,
    entitlements: List<DefinitionRow>,
    profiles: List<DefinitionRow>,
    group_lists: ListTable,
    entitlement_lists: ListTable,
    user_lists: ListTable,
    /// For making a list of numbers.
    scratch: Vec<u32>,
    pairs: Vec<Pair>,
    known_pairs: HashMap<Pair, u32>,
    times: Times,
    odd_times: HashMap<Instant, u32>,
    grants: Vec<(Holder, GrantRow)>,
    /// The user of the grant before: grants often come by user.
    last_user: u32,
    grant_ids: Texts,
    grant_lines: Vec<u32>,
    /// Ids that nobody may have, and grants that cannot be.
    grant_id_fault: Option<(usize, Error)>,
    grant_fault: Option<(usize, Error)>,
    approvals: Vec<ApprovalRow>,
    approval_lines: Vec<u32>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            names: PeopleNames::default(),
            users: List::new("users", "user id"),
            groups: List::new("groups", "group id"),
            clients: List::new("clients", "client id"),
            service_principals: List::new("service_principals", "service principal id"),
            entitlements: List::new("entitlements", "entitlement id"),
            profiles: List::new("profiles", "profile id"),
            group_lists: ListTable::default(),
            entitlement_lists: ListTable::default(),
            user_lists: ListTable::default(),
            scratch: Vec::new(),
            pairs: Vec::new(),
            known_pairs: HashMap::new(),
            times: Times::default(),
            odd_times: HashMap::new(),
            grants: Vec::new(),
            last_user: NONE,
            grant_ids: Texts::default(),
            grant_lines: Vec::new(),
            grant_id_fault: None,
            grant_fault: None,
            approvals: Vec::new(),
            approval_lines: Vec::new(),
        }
    }

    pub(crate) fn user<S: AsRef<str>>(
        &mut self,
        id: &str,
        active: bool,
        manager: Option<&str>,
        groups: &[S],
        entitlements: &[S],
        line: u32,
    ) {
        let number = self.names.users.add(id);
        let manager = manager.map_or(NONE, |manager| self.names.users.add(manager));
        let groups = list(&mut self.scratch, &mut self.group_lists, &mut self.names.groups, groups);
        let own = list(&mut self.scratch, &mut self.entitlement_lists, &mut self.names.entitlements, entitlements);
        let entitlements = own | if active { ACTIVE } else { 0 };
        self.users.define(id, number, UserRow { manager, groups, entitlements }, line, self.limits);
    }

    pub(crate) fn plain_user(&mut self, user: &User, line: u32) {
        self.user(&user.id, user.active, user.manager.as_deref(), &user.groups, &user.entitlements, line);
    }

    pub(crate) fn group(&mut self, group: &Group, line: u32) {
        let number = self.names.groups.add(&group.id);
        let parents = list(&mut self.scratch, &mut self.group_lists, &mut self.names.groups, &group.parents);
        self.groups.define(&group.id, number, parents, line, self.limits);
    }

    pub(crate) fn client(&mut self, client: &Client, line: u32) {
        let number = self.names.clients.add(&client.id);
        self.clients.define(&client.id, number, (client.kind, client.state), line, self.limits);
    }

    pub(crate) fn service_principal(&mut self, principal: &ServicePrincipal, line: u32) {
        let number = self.names.service_principals.add(&principal.id);
        let owner = self.names.users.add(&principal.owner);
        let manager = principal.manager.as_deref().map_or(NONE, |manager| self.names.users.add(manager));
        let groups = list(&mut self.scratch, &mut self.group_lists, &mut self.names.groups, &principal.groups);
        let row = PrincipalRow { active: principal.active, owner, manager, groups };
        self.service_principals.define(&principal.id, number, row, line, self.limits);
    }

    pub(crate) fn entitlement(&mut self, entitlement: &Entitlement, line: u32) {
        let number = self.names.entitlements.add(&entitlement.id);
        let row = DefinitionRow {
            owners: list(&mut self.scratch, &mut self.user_lists, &mut self.names.users, &entitlement.owners),
            requestable_by: list(
                &mut self.scratch,
                &mut self.group_lists,
                &mut self.names.groups,
                &entitlement.requestable_by,
            ),
            request_approval: entitlement.request_approval,
            max_duration: entitlement.max_duration,
            entitlements: NONE,
        };
        self.entitlements.define(&entitlement.id, number, row, line, self.limits);
    }

    pub(crate) fn profile(&mut self, profile: &Profile, line: u32) {
        let number = self.names.profiles.add(&profile.id);
        let names = &mut self.names;
        let row = DefinitionRow {
            owners: list(&mut self.scratch, &mut self.user_lists, &mut names.users, &profile.owners),
            requestable_by: list(&mut self.scratch, &mut self.group_lists, &mut names.groups, &profile.requestable_by),
            request_approval: profile.request_approval,
            max_duration: profile.max_duration,
            entitlements: list(
                &mut self.scratch,
                &mut self.entitlement_lists,
                &mut names.entitlements,
                &profile.entitlements,
            ),
        };
        self.profiles.define(&profile.id, number, row, line, self.limits);
    }

    pub(crate) fn grant(
        &mut self,
        id: &str,
        to: To<'_>,
        what: Gives<'_>,
        from: Option<Instant>,
        until: Option<Instant>,
        line: u32,
    ) {
        let at = self.grants.len();
        if let Err(error) = check_id("grants", "grant id", id, self.limits) {
            self.grant_id_fault.get_or_insert((at, error));
        }
        let (holder, client) = match to {
            To::User(user) => (Holder::User(self.holding_user(user)), None),
            To::UserClient(user, client) => (Holder::User(self.holding_user(user)), Some(client)),
            To::Group(group) => (Holder::Group(self.names.groups.add(group)), None),
            To::ServicePrincipal(id) => (Holder::ServicePrincipal(self.names.service_principals.add(id)), None),
        };
        if let Err(error) = check_grant_parts(client, from, until) {
            self.grant_fault.get_or_insert((at, error));
        }
        let what = match what {
            Gives::Entitlement(id) => What::Entitlement(self.names.entitlements.add(id)),
            Gives::Profile(id) => What::Profile(self.names.profiles.add(id)),
        };
        let client = client.map_or(NONE, |client| self.names.clients.add(client));
        let pairs = &mut self.pairs;
        let pair = *self.known_pairs.entry(Pair { what, client }).or_insert_with_key(|pair| {
            pairs.push(*pair);
            number(pairs.len()).wrapping_sub(1)
        });
        let (from, until) = (self.time(from), self.time(until));
        self.grants.push((holder, GrantRow { pair, from, until }));
        self.grant_ids.push(id);
        self.grant_lines.push(line);
    }

    fn holding_user(&mut self, user: &str) -> u32 {
        if self.last_user == NONE || self.names.users.name(self.last_user) != user {
            self.last_user = self.names.users.add(user);
        }
        self.last_user
    }

    pub(crate) fn plain_grant(&mut self, grant: &Grant, line: u32) {
        let to = match &grant.to {
            plain::Holder::User(user) => To::User(user),
            plain::Holder::UserClient { user, client } => To::UserClient(user, client),
            plain::Holder::Group(group) => To::Group(group),
            plain::Holder::ServicePrincipal(id) => To::ServicePrincipal(id),
        };
        let what = match &grant.what {
            Granted::Entitlement(id) => Gives::Entitlement(id),
            Granted::Profile(id) => Gives::Profile(id),
        };
        self.grant(&grant.id, to, what, grant.from, grant.until, line);
    }

    pub(crate) fn approval(&mut self, approval: Approval, line: u32) {
        let names = &mut self.names;
        let subject = match &approval.subject {
            Subject::Agent { user, client } => {
                SubjectId::Agent { user: names.users.add(user), client: names.clients.add(client) }
            }
            Subject::ServicePrincipal { id } => SubjectId::ServicePrincipal(names.service_principals.add(id)),
        };
        let by = names.users.add(&approval.by);
        self.approvals.push(ApprovalRow { subject, by, approval });
        self.approval_lines.push(line);
    }

    fn time(&mut self, at: Option<Instant>) -> u32 {
        Times::plain(at).unwrap_or_else(|| {
            let times = &mut self.times;
            at.map_or(0, |at| *self.odd_times.entry(at).or_insert_with(|| times.add(at)))
        })
    }

    /// The tables, under a head of which only the head is read; or the first fault.
    pub(crate) fn finish(mut self, head: &Snapshot, kill_switches: KillSwitches) -> Result<Loaded, Error> {
        self.users.check(&self.names.users)?;
        self.groups.check(&self.names.groups)?;
        self.clients.check(&self.names.clients)?;
        self.service_principals.check(&self.names.service_principals)?;
        self.entitlements.check(&self.names.entitlements)?;
        self.profiles.check(&self.names.profiles)?;
        let sorted = self.check_grant_ids()?;
        self.check_approval_ids()?;
        place(self.grant_fault.take(), "grants", &self.grant_lines)?;
        self.check_approvals()?;
        self.check_groups()?;

        let sorted_ids = sorted.iter().map(|at| self.grant_ids.get(index(*at)));
        let grant_ids = Ids::new(sorted_ids);
        let mut ranks = vec![0; sorted.len()];
        for (rank, at) in sorted.iter().enumerate() {
            if let Some(slot) = ranks.get_mut(index(*at)) {
                *slot = number(rank);
            }
        }
        let foreign_grants = self.grant_ids.foreign;
        drop((sorted, std::mem::take(&mut self.grant_ids), std::mem::take(&mut self.grant_lines)));
        let mut loaded = Loaded {
            version: head.version,
            issued_at: head.issued_at,
            max_age: head.max_age,
            kill_switches,
            names: self.names,
            users: self.users.rows,
            groups: self.groups.rows,
            clients: self.clients.rows,
            service_principals: self.service_principals.rows,
            entitlements: self.entitlements.rows,
            profiles: self.profiles.rows,
            group_lists: self.group_lists,
            entitlement_lists: self.entitlement_lists,
            user_lists: Default::default(),
            pairs: self.pairs,
            times: self.times,
            grants: self.grants,
            grant_ids,
            foreign_grants,
            grant_ranks: Order::new(ranks),
            approvals: self.approvals,
        };
        let names = &mut loaded.names;
        let users = defined_first(&mut names.users, &self.users.numbers);
        let groups = defined_first(&mut names.groups, &self.groups.numbers);
        let clients = defined_first(&mut names.clients, &self.clients.numbers);
        let principals = defined_first(&mut names.service_principals, &self.service_principals.numbers);
        let entitlements = defined_first(&mut names.entitlements, &self.entitlements.numbers);
        let profiles = defined_first(&mut names.profiles, &self.profiles.numbers);
        for row in &mut loaded.users {
            row.manager = users.get(row.manager);
        }
        for row in &mut loaded.service_principals {
            (row.owner, row.manager) = (users.get(row.owner), users.get(row.manager));
        }
        loaded.group_lists = loaded.group_lists.map(|group| groups.get(group));
        loaded.entitlement_lists = loaded.entitlement_lists.map(|entitlement| entitlements.get(entitlement));
        loaded.user_lists = self.user_lists.map(|user| users.get(user)).finish();
        for pair in &mut loaded.pairs {
            pair.client = clients.get(pair.client);
            match &mut pair.what {
                What::Entitlement(id) => *id = entitlements.get(*id),
                What::Profile(id) => *id = profiles.get(*id),
            }
        }
        for (holder, _) in &mut loaded.grants {
            match holder {
                Holder::User(id) => *id = users.get(*id),
                Holder::Group(id) => *id = groups.get(*id),
                Holder::ServicePrincipal(id) => *id = principals.get(*id),
            }
        }
        for row in &mut loaded.approvals {
            row.by = users.get(row.by);
            match &mut row.subject {
                SubjectId::Agent { user, client } => (*user, *client) = (users.get(*user), clients.get(*client)),
                SubjectId::ServicePrincipal(id) => *id = principals.get(*id),
            }
        }
        Ok(loaded)
    }

    /// The grants in the order of their ids; or the first fault in one of these.
    fn check_grant_ids(&mut self) -> Result<Vec<u32>, Error> {
        let ids = &self.grant_ids;
        let sorted = ids.sorted();
        let mut faults: Vec<(usize, Error)> = self.grant_id_fault.take().into_iter().collect();
        let pairs = sorted.iter().zip(sorted.iter().skip(1));
        let equal = pairs.filter(|(one, other)| ids.get(index(**one)) == ids.get(index(**other)));
        // equal ids stand in the order they were read, so the second of them is the one too many
        if let Some(at) = equal.map(|(_, second)| index(*second)).min() {
            faults.push((at, twice("grant id", ids.get(at))));
        }
        if ids.foreign {
            faults.extend(name::first_lookalike("grant id", (0..ids.ends.len()).map(|at| ids.get(at))));
        }
        let first = faults.into_iter().min_by_key(|(at, _)| *at);
        place(first.map(|(at, error)| (at, error.under("id"))), "grants", &self.grant_lines)?;
        Ok(sorted)
    }

    fn check_approval_ids(&self) -> Result<(), Error> {
        let mut seen = Names::default();
        let mut fault = None;
        for (at, row) in self.approvals.iter().enumerate() {
            let id = &row.approval.id;
            let result = check_id("approvals", "approval id", id, self.limits);
            let known = seen.len();
            let again = seen.add(id) < known;
            fault = result.err().or_else(|| again.then(|| twice("approval id", id))).map(|error| (at, error));
            if fault.is_some() {
                break;
            }
        }
        let alike = name::first_lookalike("approval id", self.approvals.iter().map(|row| row.approval.id.as_str()));
        let first = fault.into_iter().chain(alike).min_by_key(|(at, _)| *at);
        place(first.map(|(at, error)| (at, error.under("id"))), "approvals", &self.approval_lines)
    }

    fn check_approvals(&self) -> Result<(), Error> {
        let faults = self.approvals.iter().enumerate();
        let mut faults = faults.filter_map(|(at, row)| check_approval(&row.approval).err().map(|error| (at, error)));
        place(faults.next(), "approvals", &self.approval_lines)
    }

    fn check_groups(&self) -> Result<(), Error> {
        let name = |number: u32| self.names.groups.name(number).to_owned();
        let lists = self.group_lists.lists();
        let rows = self.groups.numbers.iter().zip(&self.groups.rows);
        let groups: Vec<Group> = rows
            .map(|(id, parents)| Group {
                id: name(*id),
                parents: lists.get(*parents).iter().map(|id| name(*id)).collect(),
            })
            .collect();
        acyclic(&groups, self.limits).map_err(|error| {
            let at = error.pointer().and_then(|pointer| pointer.split('/').nth(2)).and_then(|at| at.parse().ok());
            on_line(error, at.and_then(|at: usize| self.groups.lines.get(at)))
        })
    }
}

/// A list of names as a list of numbers.
fn list<S: AsRef<str>>(scratch: &mut Vec<u32>, lists: &mut ListTable, names: &mut Names, list: &[S]) -> u32 {
    scratch.clear();
    scratch.extend(list.iter().map(|name| names.add(name.as_ref())));
    lists.add(scratch)
}

/// Numbers names anew, so that the defined ones come first. Where each old number leads.
fn defined_first(names: &mut Names, defined: &[u32]) -> Order {
    if defined.iter().enumerate().all(|(at, id)| number(at) == *id) {
        names.shrink();
        return Order::default();
    }
    let mut all = Names::default();
    for id in defined {
        all.add(names.name(*id));
    }
    let to = (0..names.len()).map(|id| all.add(names.name(id))).collect();
    all.shrink();
    *names = all;
    Order::new(to)
}

/// Texts one after the other.
#[derive(Default)]
struct Texts {
    text: String,
    ends: Vec<u32>,
    /// Whether one is not ASCII.
    foreign: bool,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.foreign |= !text.is_ascii();
        self.text.push_str(text);
        self.ends.push(number(self.text.len()));
    }

    fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| index(*end));
        self.ends.get(at).and_then(|end| self.text.get(start..index(*end))).unwrap_or_default()
    }

    /// All of them in order, equal ones as they came.
    fn sorted(&self) -> Vec<u32> {
        // the length and the first bytes decide nearly always
        let key = |at: usize| {
            let id = self.get(at).as_bytes();
            let length = u128::from(u16::try_from(id.len()).unwrap_or(u16::MAX));
            let first = id.iter().chain(std::iter::repeat(&0)).take(14);
            first.fold(length, |key, byte| (key << 8) | u128::from(*byte))
        };
        let mut all: Vec<(u128, u32)> = (0..self.ends.len()).map(|at| (key(at), number(at))).collect();
        let text = |at: u32| self.get(index(at)).as_bytes();
        all.sort_unstable_by(|one, other| {
            one.0.cmp(&other.0).then_with(|| order(text(one.1), text(other.1))).then(one.1.cmp(&other.1))
        });
        all.into_iter().map(|(_, at)| at).collect()
    }
}
