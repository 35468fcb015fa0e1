//! A snapshot after a change, sharing all that did not change.

use std::sync::Arc;

use crate::compile::people::{
    EXTRA, Grant, Holder, Item, ItemId, NamesRef, People, PeopleNames, Recorded, SubjectId, What,
};
use crate::data::delta::Delta;
use crate::data::id::Subject;
use crate::data::names::{Names, index};
use crate::data::snapshot::{self as plain, Approval, Granted};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::name;
use crate::load::snapshot::{check_approval, check_grant, check_id, twice};

impl People {
    /// This snapshot after a change, or the first fault in the change. `names` are those it was loaded with.
    ///
    /// Costs what the holders and subjects it names cost, not what the snapshot does; only an id that is not ASCII, or
    /// any id beside such ones, is compared with all others.
    pub(crate) fn with(&self, delta: &Delta, names: &NamesRef<'_>, limits: &Limits) -> Result<Self, Error> {
        // FAIL-CLOSED: a_change_is_newer_than_what_it_changes
        if delta.version <= self.version {
            let message = format!("version {} is not after {}", delta.version, self.version);
            return Err(Error::new(ErrorKind::SnapshotOlder, message)
                .help("apply each change once, in the order of their versions")
                .under("version"));
        }
        let mut people = self.clone();
        people.version = delta.version;
        people.issued_at = delta.issued_at;
        people.interval = super::interval(delta.issued_at, people.max_age);
        for (at, id) in delta.grants.revoke.iter().enumerate() {
            people.revoke_grant(id).map_err(place("grants", "revoke", at))?;
        }
        for (at, id) in delta.approvals.revoke.iter().enumerate() {
            people.revoke_approval(id).map_err(place("approvals", "revoke", at))?;
        }
        for (at, grant) in delta.grants.add.iter().enumerate() {
            people.add_grant(grant, names, limits).map_err(place("grants", "add", at))?;
        }
        for (at, approval) in delta.approvals.add.iter().enumerate() {
            people.add_approval(approval, names, limits).map_err(place("approvals", "add", at))?;
        }
        Ok(people)
    }

    /// The grants of a holder as a list that can change.
    fn items(&self, holder: Holder) -> Vec<Item> {
        if let Some(items) = self.changed.get(&holder.key()) {
            return items.to_vec();
        }
        let rows = self.tables.range(holder).zip(self.tables.rows(holder));
        rows.map(|(place, row)| Item { grant: self.tables.grant(row), id: ItemId::Table(place) }).collect()
    }

    /// Whose grant it is, and which of theirs.
    fn find_grant(&self, id: &str) -> Option<(Holder, usize)> {
        if let Some(holder) = self.added.get(id) {
            let items = self.changed.get(&holder.key())?;
            let this = |item: &Item| matches!(&item.id, ItemId::Added(known, _) if **known == *id);
            return items.iter().position(this).map(|at| (*holder, at));
        }
        let place = self.tables.find(id)?;
        let holder = self.tables.holder(place);
        match self.changed.get(&holder.key()) {
            Some(items) => items.iter().position(|item| item.id == ItemId::Table(place)).map(|at| (holder, at)),
            None => Some((holder, index(place.saturating_sub(self.tables.range(holder).start)))),
        }
    }

    fn revoke_grant(&mut self, id: &str) -> Result<(), Error> {
        let (holder, at) = self.find_grant(id).ok_or_else(|| unknown("grant", id))?;
        let mut items = self.items(holder);
        // FAIL-CLOSED: what_is_revoked_is_gone_at_once
        items.remove(at);
        self.changed.set(holder.key(), items.into());
        self.added.remove(id);
        Ok(())
    }

    fn add_grant(&mut self, grant: &plain::Grant, names: &NamesRef<'_>, limits: &Limits) -> Result<(), Error> {
        let what = "grant id";
        check_id("grants", what, &grant.id, limits).map_err(|error| error.under("id"))?;
        if self.find_grant(&grant.id).is_some() {
            return Err(twice(what, &grant.id).under("id"));
        }
        check_looks(self.foreign.grants, what, &grant.id, || self.grant_ids())?;
        check_grant(grant)?;
        let extra = &mut self.extra;
        let (holder, client) = match &grant.to {
            plain::Holder::User(user) => {
                (Holder::User(numbered(names.users, extra, |extra| &mut extra.users, user)), None)
            }
            plain::Holder::UserClient { user, client } => (
                Holder::User(numbered(names.users, extra, |extra| &mut extra.users, user)),
                Some(numbered(names.clients, extra, |extra| &mut extra.clients, client)),
            ),
            plain::Holder::Group(group) => {
                (Holder::Group(numbered(names.groups, extra, |extra| &mut extra.groups, group)), None)
            }
            plain::Holder::ServicePrincipal(id) => {
                let id = numbered(names.service_principals, extra, |extra| &mut extra.service_principals, id);
                (Holder::ServicePrincipal(id), None)
            }
        };
        let what = match &grant.what {
            Granted::Entitlement(id) => {
                What::Entitlement(numbered(names.entitlements, extra, |extra| &mut extra.entitlements, id))
            }
            Granted::Profile(id) => What::Profile(numbered(names.profiles, extra, |extra| &mut extra.profiles, id)),
        };
        let id: Arc<str> = grant.id.as_str().into();
        let mut items = self.items(holder);
        items.push(Item {
            grant: Grant { what, client, from: grant.from, until: grant.until },
            id: ItemId::Added(id.clone(), self.next),
        });
        self.changed.set(holder.key(), items.into());
        self.added.set(id, holder);
        self.next = self.next.saturating_add(1);
        self.foreign.grants |= !grant.id.is_ascii();
        Ok(())
    }

    fn revoke_approval(&mut self, id: &str) -> Result<(), Error> {
        let subject = *self.approval_ids.get(id).ok_or_else(|| unknown("approval", id))?;
        let all = self.approvals.get(&subject).map_or(&[][..], |all| all);
        let left: Arc<[Recorded]> = all.iter().filter(|recorded| recorded.approval.id != id).cloned().collect();
        // FAIL-CLOSED: what_is_revoked_is_gone_at_once
        if left.is_empty() {
            self.approvals.remove(&subject);
        } else {
            self.approvals.set(subject, left);
        }
        self.approval_ids.remove(id);
        Ok(())
    }

    fn add_approval(&mut self, approval: &Approval, names: &NamesRef<'_>, limits: &Limits) -> Result<(), Error> {
        let what = "approval id";
        check_id("approvals", what, &approval.id, limits).map_err(|error| error.under("id"))?;
        if self.approval_ids.get(approval.id.as_str()).is_some() {
            return Err(twice(what, &approval.id).under("id"));
        }
        let ids = || self.approval_ids.iter().map(|(id, _)| id.to_string()).collect();
        check_looks(self.foreign.approvals, what, &approval.id, ids)?;
        check_approval(approval)?;
        let extra = &mut self.extra;
        let subject = match &approval.subject {
            Subject::Agent { user, client } => SubjectId::Agent {
                user: numbered(names.users, extra, |extra| &mut extra.users, user),
                client: numbered(names.clients, extra, |extra| &mut extra.clients, client),
            },
            Subject::ServicePrincipal { id } => SubjectId::ServicePrincipal(numbered(
                names.service_principals,
                extra,
                |extra| &mut extra.service_principals,
                id,
            )),
        };
        let by = numbered(names.users, extra, |extra| &mut extra.users, &approval.by);
        let recorded = Recorded { approval: Arc::new(approval.clone()), by, sequence: self.next };
        let all = self.approvals(subject).iter().cloned().chain([recorded]).collect();
        self.approvals.set(subject.key(), all);
        self.approval_ids.set(approval.id.as_str().into(), subject.key());
        self.next = self.next.saturating_add(1);
        self.foreign.approvals |= !approval.id.is_ascii();
        Ok(())
    }

    /// The ids of all grants there are now.
    fn grant_ids(&self) -> Vec<String> {
        let ids = self.tables.grant_ids.iter().filter(|id| self.find_grant(id).is_some());
        ids.chain(self.added.iter().map(|(id, _)| id.to_string())).collect()
    }
}

/// Refuses an id that looks like another; two in ASCII never do.
fn check_looks(foreign: bool, what: &str, id: &str, others: impl FnOnce() -> Vec<String>) -> Result<(), Error> {
    if id.is_ascii() && !foreign {
        return Ok(());
    }
    let others = others();
    let alike = |other: &&String| !(other.is_ascii() && id.is_ascii()) && name::look_alike(other, id);
    others.iter().find(alike).map_or(Ok(()), |other| Err(name::looks_like(what, id, other).under("id")))
}

/// The number of a name, new or not.
fn numbered(
    names: &Names,
    extra: &mut Arc<PeopleNames>,
    kind: impl Fn(&mut PeopleNames) -> &mut Names,
    name: &str,
) -> u32 {
    names.get(name).unwrap_or_else(|| kind(Arc::make_mut(extra)).add(name).saturating_add(EXTRA))
}

fn unknown(what: &str, id: &str) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("there is no {what} `{}` to revoke", id.escape_debug()))
        .help("it may be revoked already; if a change was missed, load the whole snapshot")
}

fn place(list: &'static str, change: &'static str, at: usize) -> impl Fn(Error) -> Error {
    move |error| error.under(&at.to_string()).under(change).under(list)
}
