//! The snapshot as tables of numbers, read line by line: a million grants never stand in memory as objects.
//!
//! Owns what [`snapshot`] owns for the plain form, and refuses the same with the same words: the usual lines are read
//! by [`plain`], all others as strictly as ever.

mod builder;
mod list;
mod plain;

use std::time::Duration;

use crate::data::ids::{Ids, Order};
use crate::data::lists::{ListTable, Lists};
use crate::data::names::Names;
use crate::data::snapshot::{Approval, ClientKind, ClientState, KillSwitches, RequestApproval, Snapshot};
use crate::data::time::Instant;
use crate::data::times::Times;
use crate::error::Error;
use crate::limits::Limits;
use crate::load::json::JsonLimits;
use crate::load::people::builder::Builder;
use crate::load::people::plain::{Plain, Scanner};
use crate::load::snapshot::{self, Item, Once};

/// The names that a snapshot defines or mentions, by kind. Those it defines have the lowest numbers, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeopleNames {
    pub(crate) users: Names,
    pub(crate) groups: Names,
    pub(crate) clients: Names,
    pub(crate) service_principals: Names,
    pub(crate) entitlements: Names,
    pub(crate) profiles: Names,
}

/// The same names, wherever they are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamesRef<'a> {
    pub(crate) users: &'a Names,
    pub(crate) groups: &'a Names,
    pub(crate) clients: &'a Names,
    pub(crate) service_principals: &'a Names,
    pub(crate) entitlements: &'a Names,
    pub(crate) profiles: &'a Names,
}

/// The number that stands for none.
pub(crate) const NONE: u32 = u32::MAX;

/// A user. Lists are numbers of lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserRow {
    /// A user, or [`NONE`].
    pub(crate) manager: u32,
    pub(crate) groups: u32,
    /// With [`ACTIVE`] on top.
    pub(crate) entitlements: u32,
}

/// The bit of [`UserRow::entitlements`] that says whether the user is active.
pub(crate) const ACTIVE: u32 = 1 << 31;

/// A service principal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrincipalRow {
    pub(crate) active: bool,
    pub(crate) owner: u32,
    /// A user, or [`NONE`].
    pub(crate) manager: u32,
    pub(crate) groups: u32,
}

/// An entitlement, or a profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DefinitionRow {
    pub(crate) owners: u32,
    pub(crate) requestable_by: u32,
    pub(crate) request_approval: RequestApproval,
    pub(crate) max_duration: Option<Duration>,
    /// What a profile bundles.
    pub(crate) entitlements: u32,
}

/// Whom a grant names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    User(u32),
    Group(u32),
    ServicePrincipal(u32),
}

/// What a grant gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum What {
    Entitlement(u32),
    Profile(u32),
}

/// What a grant gives, and through which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pair {
    pub(crate) what: What,
    /// A client, or [`NONE`] for any.
    pub(crate) client: u32,
}

/// One grant, whose holder is known from where it stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GrantRow {
    /// The number of its [`Pair`].
    pub(crate) pair: u32,
    /// Codes of [`Times`].
    pub(crate) from: u32,
    pub(crate) until: u32,
}

/// Exactly whose calls an approval covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubjectId {
    Agent { user: u32, client: u32 },
    ServicePrincipal(u32),
}

/// An approval, whose user is `by`.
#[derive(Clone, Debug)]
pub(crate) struct ApprovalRow {
    pub(crate) subject: SubjectId,
    pub(crate) by: u32,
    pub(crate) approval: Approval,
}

/// A checked snapshot. Rows stand in its order, under the numbers of their names.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) version: u64,
    pub(crate) issued_at: Instant,
    pub(crate) max_age: Duration,
    pub(crate) kill_switches: KillSwitches,
    pub(crate) names: PeopleNames,
    pub(crate) users: Vec<UserRow>,
    /// Parents.
    pub(crate) groups: Vec<u32>,
    pub(crate) clients: Vec<(ClientKind, ClientState)>,
    pub(crate) service_principals: Vec<PrincipalRow>,
    pub(crate) entitlements: Vec<DefinitionRow>,
    pub(crate) profiles: Vec<DefinitionRow>,
    /// Lists of groups, of entitlements and of users.
    pub(crate) group_lists: ListTable,
    pub(crate) entitlement_lists: ListTable,
    pub(crate) user_lists: Lists,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) times: Times,
    pub(crate) grants: Vec<(Holder, GrantRow)>,
    pub(crate) grant_ids: Ids,
    /// Whether one of them is not ASCII.
    pub(crate) foreign_grants: bool,
    /// The rank of each grant's id.
    pub(crate) grant_ranks: Order,
    pub(crate) approvals: Vec<ApprovalRow>,
}

/// Reads a snapshot; a file whose name ends in `.jsonl` is JSON Lines.
pub(crate) fn read(file: &str, bytes: &[u8], limits: &Limits) -> Result<Loaded, Error> {
    if file.ends_with(".jsonl") {
        return lines(bytes, limits);
    }
    from_snapshot(snapshot::document(bytes, limits)?, limits)
}

/// The tables of a plain snapshot, checked.
pub(crate) fn from_snapshot(snapshot: Snapshot, limits: &Limits) -> Result<Loaded, Error> {
    let mut builder = Builder::new(limits);
    snapshot.users.iter().for_each(|user| builder.plain_user(user, 0));
    snapshot.groups.iter().for_each(|group| builder.group(group, 0));
    snapshot.clients.iter().for_each(|client| builder.client(client, 0));
    snapshot.service_principals.iter().for_each(|principal| builder.service_principal(principal, 0));
    snapshot.entitlements.iter().for_each(|entitlement| builder.entitlement(entitlement, 0));
    snapshot.profiles.iter().for_each(|profile| builder.profile(profile, 0));
    snapshot.grants.iter().for_each(|grant| builder.plain_grant(grant, 0));
    let head = Snapshot { approvals: Vec::new(), ..snapshot };
    snapshot.approvals.into_iter().for_each(|approval| builder.approval(approval, 0));
    builder.finish(&head, head.kill_switches.clone())
}

fn lines(bytes: &[u8], limits: &Limits) -> Result<Loaded, Error> {
    snapshot::check_length(bytes, limits)?;
    let json_limits = JsonLimits::snapshot(limits);
    let mut builder = Builder::new(limits);
    let mut scanner = Scanner::new(bytes, &json_limits);
    let mut once = Once::default();
    let (mut head, mut kill_switches) = (None, None);
    let (mut at, mut number) = (0usize, 0u32);
    while at < bytes.len() {
        number = number.saturating_add(1);
        if let Some((line, next)) = scanner.line(at) {
            match line {
                Plain::User { id, active, manager } => {
                    builder.user(id, active, manager, &scanner.groups, &scanner.entitlements, number);
                }
                Plain::Grant { id, to, what, from, until } => builder.grant(id, to, what, from, until, number),
            }
            at = next;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        at = at.saturating_add(length).saturating_add(1);
        let Some(line) = rest.get(..length).and_then(snapshot::line_content) else { continue };
        let place = |error: Error| error.on_line(crate::data::names::index(number));
        match snapshot::line(line, &json_limits, &mut once).map_err(place)? {
            Item::Snapshot(snapshot) => head = Some(snapshot),
            Item::KillSwitches(switches) => kill_switches = Some(switches),
            Item::User(user) => builder.plain_user(&user, number),
            Item::Group(group) => builder.group(&group, number),
            Item::Client(client) => builder.client(&client, number),
            Item::ServicePrincipal(principal) => builder.service_principal(&principal, number),
            Item::Entitlement(entitlement) => builder.entitlement(&entitlement, number),
            Item::Profile(profile) => builder.profile(&profile, number),
            Item::Grant(grant) => builder.plain_grant(&grant, number),
            Item::Approval(approval) => builder.approval(approval, number),
        }
    }
    let head = head.ok_or_else(snapshot::headless)?;
    if snapshot::has_lists(&head) {
        // a head that is a snapshot by itself comes before all lines, wherever it stands
        return from_snapshot(snapshot::read(".jsonl", bytes, limits)?, limits);
    }
    let kill_switches = kill_switches.unwrap_or_else(|| head.kill_switches.clone());
    builder.finish(&head, kill_switches)
}

#[cfg(test)]
impl PeopleNames {
    pub(crate) fn as_ref(&self) -> NamesRef<'_> {
        NamesRef {
            users: &self.users,
            groups: &self.groups,
            clients: &self.clients,
            service_principals: &self.service_principals,
            entitlements: &self.entitlements,
            profiles: &self.profiles,
        }
    }
}

#[cfg(test)]
#[path = "people/tests.rs"]
mod tests;
