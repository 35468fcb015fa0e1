//! The gate: who calls, what is called, and whether either may be at all. Each refusal has its own code.

use smallvec::{Array, SmallVec};

use crate::compile::build::Compiled;
use crate::compile::inventory::{ServerEntry, ToolEntry};
use crate::compile::people::{Changes, Holding, People, Recorded};
use crate::compile::symbols;
use crate::data::id::SubjectRef;
use crate::data::names::index;
use crate::data::reason::Reason;
use crate::data::snapshot::ClientState;
use crate::data::time::Instant;
use crate::data::times::Now;
use crate::data::value::Ent;
use crate::eval::detail::{Detail, Refusal};
use crate::load::people::{Holder, NONE, SubjectId, What};

/// What the snapshot says about a subject that may call.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'e> {
    pub(crate) who: SubjectId,
    /// What kind of client the agent works through; nothing for a service principal.
    pub(crate) client_kind: &'static str,
    /// The human behind the call: the user, or a service principal's owner. Their yes is the `self_approve`.
    pub(crate) requester: u32,
    /// Who approves what needs a manager: active, and not the requester.
    pub(crate) manager: Option<u32>,
    /// The groups the subject is in, those above included. Sorted.
    pub(crate) groups: &'e [u32],
    /// The same of the human.
    pub(crate) human_groups: &'e [u32],
    /// The human's own entitlements. Sorted.
    pub(crate) human_entitlements: &'e [u32],
    /// What the agent holds now.
    pub(crate) held: Held,
    /// What it was granted from a later instant on.
    pub(crate) pending: SmallVec<[(What, Instant); 2]>,
    /// The first instant at which a grant begins or ends.
    pub(crate) next_change: Option<Instant>,
    /// The first instant at which a grant in force ends.
    pub(crate) first_end: Option<Instant>,
    /// What was ever approved for the subject.
    pub(crate) approvals: &'e [Recorded],
}

/// The entitlements and profiles a subject's agent holds. Sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) entitlements: SmallVec<[u32; 64]>,
    pub(crate) profiles: SmallVec<[u32; 8]>,
}

impl Held {
    /// What the agent would hold if it were given this too.
    pub(crate) fn with(&self, what: What, people: &People) -> Self {
        let mut held = self.clone();
        match what {
            What::Entitlement(id) => add(&mut held.entitlements, id),
            What::Profile(id) => {
                add(&mut held.profiles, id);
                add_all(&mut held.entitlements, people.bundled(id));
            }
        }
        held
    }

    pub(crate) fn has(&self, entitlement: u32) -> bool {
        self.entitlements.binary_search(&entitlement).is_ok()
    }

    pub(crate) fn has_profile(&self, profile: u32) -> bool {
        self.profiles.binary_search(&profile).is_ok()
    }
}

/// Adds a number to sorted ones, unless it is there.
#[inline]
fn add<A: Array<Item = u32>>(numbers: &mut SmallVec<A>, number: u32) {
    if let Err(at) = numbers.binary_search(&number) {
        numbers.insert(at, number);
    }
}

/// The same of many.
fn add_all<A: Array<Item = u32>>(numbers: &mut SmallVec<A>, more: &[u32]) {
    if more.len() <= FEW {
        more.iter().for_each(|number| add(numbers, *number));
        return;
    }
    numbers.extend_from_slice(more);
    numbers.sort_unstable();
    numbers.dedup();
}

/// So many that putting each in its place is quicker than sorting them all.
const FEW: usize = 16;

/// What somebody holds, while it is gathered. Numbers are mostly small: then each has a bit, and none is compared.
struct Gathered {
    bits: [u64; 64],
    /// A bit for each of the words above in which there is one.
    words: u64,
    /// The numbers beyond, as they came.
    large: SmallVec<[u32; 8]>,
    profiles: SmallVec<[u32; 8]>,
}

impl Gathered {
    fn new() -> Self {
        Self { bits: [0; 64], words: 0, large: SmallVec::new(), profiles: SmallVec::new() }
    }

    #[inline]
    fn take(&mut self, what: What, people: &People) {
        match what {
            What::Entitlement(id) => self.entitlement(id),
            What::Profile(id) => {
                if self.profiles.len() < FEW {
                    add(&mut self.profiles, id);
                } else {
                    self.profiles.push(id);
                }
                people.bundled(id).iter().for_each(|id| self.entitlement(*id));
            }
        }
    }

    #[inline]
    fn entitlement(&mut self, id: u32) {
        let word = id >> 6;
        match self.bits.get_mut(index(word)) {
            Some(bits) => {
                *bits |= 1u64.wrapping_shl(id & 63);
                self.words |= 1u64.wrapping_shl(word);
            }
            None => self.large.push(id),
        }
    }

    /// All of it, each once and sorted.
    fn finish(&mut self, held: &mut Held) {
        let mut words = self.words;
        while words != 0 {
            let word = words.trailing_zeros();
            words &= words.wrapping_sub(1);
            let mut bits = self.bits.get(index(word)).copied().unwrap_or_default();
            while bits != 0 {
                held.entitlements.push((word << 6) | bits.trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
        }
        if !self.large.is_empty() {
            self.large.sort_unstable();
            self.large.dedup();
            held.entitlements.extend_from_slice(&self.large);
        }
        if self.profiles.len() >= FEW {
            self.profiles.sort_unstable();
            self.profiles.dedup();
        }
        held.profiles.extend_from_slice(&self.profiles);
    }
}

impl Facts<'_> {
    /// The principal that policies see. An agent has no number of its own: there is one in a question.
    pub(crate) fn principal(&self) -> Ent {
        match self.who {
            SubjectId::Agent { .. } => Ent { kind: symbols::AGENT, id: 0 },
            SubjectId::ServicePrincipal(id) => Ent { kind: symbols::SERVICE_PRINCIPAL, id },
        }
    }

    /// The human's own entitlements, as far as they say something about an agent: nothing for a service principal.
    pub(crate) fn own(&self) -> &[u32] {
        match self.who {
            SubjectId::Agent { .. } => self.human_entitlements,
            SubjectId::ServicePrincipal(_) => &[],
        }
    }
}

/// Establishes who calls. Nothing here depends on the tool.
pub(crate) fn subject<'e, 'c: 'e>(
    engine: &'e Compiled,
    subject: SubjectRef<'c>,
    now: Instant,
) -> Result<Facts<'e>, Refusal<'e>> {
    let people = &engine.people;
    fresh(engine, now)?;
    let switches = people.kill_switches();
    if switches.tenant {
        return Err(Refusal::new(Reason::KillSwitchActive, "the tenant is switched off"));
    }
    let mut client_kind = "";
    let (who, requester, groups, manager) = match subject {
        SubjectRef::Agent { user: id, client } => {
            let unknown = || Refusal::about(Reason::SubjectUnknown, "user ", id, "");
            let number = engine.symbols.find(symbols::USER, id).ok_or_else(unknown)?.id;
            let user = people.user(number).ok_or_else(unknown)?;
            if !user.active {
                return Err(Refusal::about(Reason::SubjectInactive, "user ", id, ""));
            }
            if switches.clients.iter().any(|off| off == client) {
                return Err(Refusal::about(Reason::KillSwitchActive, "client ", client, " is switched off"));
            }
            let (client, kind) = allowed_client(engine, client)?;
            client_kind = kind;
            (SubjectId::Agent { user: number, client }, number, user.groups, user.manager)
        }
        SubjectRef::ServicePrincipal { id } => {
            let unknown = || Refusal::about(Reason::SubjectUnknown, "service principal ", id, "");
            let number = engine.symbols.find(symbols::SERVICE_PRINCIPAL, id).ok_or_else(unknown)?.id;
            let principal = people.service_principal(number).ok_or_else(unknown)?;
            if !principal.active {
                return Err(Refusal::about(Reason::SubjectInactive, "service principal ", id, ""));
            }
            // FAIL-CLOSED: autonomous_agent_needs_an_active_owner. Nobody answers for it otherwise.
            let Some(owner) = people.user(principal.owner).filter(|owner| owner.active) else {
                let owner = engine.user_name(principal.owner);
                return Err(Refusal { reason: Reason::OwnerInactive, detail: Detail::Owner { owner, of: id } });
            };
            let manager = principal.manager.or(owner.manager);
            (SubjectId::ServicePrincipal(number), principal.owner, principal.groups, manager)
        }
    };
    let human = people.user(requester);
    let mut facts = Facts {
        who,
        client_kind,
        requester,
        // FAIL-CLOSED: nobody_is_their_own_manager
        manager: manager.filter(|id| *id != requester && people.is_active(*id)),
        groups,
        human_groups: human.map_or(&[][..], |human| human.groups),
        human_entitlements: human.map_or(&[][..], |human| human.entitlements),
        held: Held::default(),
        pending: SmallVec::new(),
        next_change: None,
        first_end: None,
        approvals: people.approvals(who),
    };
    facts.take_grants(people, now);
    Ok(facts)
}

impl Facts<'_> {
    /// Goes through every grant that names the agent, in force or not.
    fn take_grants(&mut self, people: &People, now: Instant) {
        let now = Now::new(now);
        let (mut gathered, pending) = (Gathered::new(), &mut self.pending);
        let mut take = |holding| match holding {
            Holding::Now(what) => gathered.take(what, people),
            Holding::From(what, from) => pending.push((what, from)),
        };
        let mut changes = Changes::default();
        match self.who {
            SubjectId::Agent { user, client } => {
                // a grant may be bound to one client
                people.holdings(Holder::User(user), client, &now, &mut changes, &mut take);
                for group in self.groups {
                    people.holdings(Holder::Group(*group), client, &now, &mut changes, &mut take);
                }
            }
            SubjectId::ServicePrincipal(id) => {
                people.holdings(Holder::ServicePrincipal(id), NONE, &now, &mut changes, &mut take);
            }
        }
        gathered.finish(&mut self.held);
        (self.next_change, self.first_end) = people.instants(&changes);
    }
}

/// The earlier of what is known and those that lie ahead.
pub(crate) fn earliest(
    known: Option<Instant>,
    more: impl IntoIterator<Item = Option<Instant>>,
    now: Instant,
) -> Option<Instant> {
    let ahead = more.into_iter().flatten().filter(|at| *at > now);
    ahead.fold(known, |first, at| if first.is_some_and(|first| first <= at) { first } else { Some(at) })
}

/// Finds the tool and whether it may be used at all.
pub(crate) fn tool<'r, 'e: 'r>(engine: &'e Compiled, id: &'r str) -> Result<(u32, &'e ToolEntry), Refusal<'r>> {
    let number = engine.symbols.find(symbols::TOOL, id);
    let found = number.and_then(|entity| engine.inventory.tool(entity.id).map(|tool| (entity.id, tool)));
    let (number, tool) = found.ok_or_else(|| Refusal::about(Reason::ToolUnknown, "", id, ""))?;
    match &tool.shut {
        None => Ok((number, tool)),
        Some((reason, detail)) => Err(Refusal::new(*reason, detail.as_str())),
    }
}

/// The server of a tool.
pub(crate) fn server(engine: &Compiled, number: u32) -> Result<&ServerEntry, Refusal<'static>> {
    engine.inventory.server(number).ok_or_else(|| Refusal::new(Reason::ToolUnknown, "the tool has no server"))
}

fn fresh(engine: &Compiled, now: Instant) -> Result<(), Refusal<'static>> {
    let [begin, end] = engine.people.interval();
    let version = engine.people.version();
    let refuse = |detail| Err(Refusal { reason: Reason::SnapshotStale, detail });
    // FAIL-CLOSED: a_stale_snapshot_decides_nothing
    if now >= end {
        return refuse(Detail::Ended { version, at: end });
    }
    // FAIL-CLOSED: a_snapshot_from_the_future_decides_nothing. One of the two clocks is wrong.
    if now < begin {
        return refuse(Detail::Begins { version, at: engine.people.issued_at() });
    }
    Ok(())
}

fn allowed_client<'c>(engine: &Compiled, id: &'c str) -> Result<(u32, &'static str), Refusal<'c>> {
    let refuse = |after| Err(Refusal::about(Reason::ClientNotAllowed, "client ", id, after));
    let known = engine.symbols.find(symbols::CLIENT, id);
    match known.and_then(|client| Some((client.id, engine.people.client(client.id)?))) {
        Some((number, (kind, state))) => match state {
            ClientState::Active | ClientState::Hidden => Ok((number, kind.as_str())),
            ClientState::Closed => refuse(" is closed"),
            ClientState::Deleted => refuse(" is deleted"),
        },
        None => refuse(" is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn people() -> People {
        let text = r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#;
        People::new(
            crate::load::people::read("snapshot.json", text.as_bytes(), &crate::limits::Limits::default()).unwrap(),
        )
        .0
    }

    proptest! {
        #[test]
        fn what_is_held_is_sorted_however_large_the_numbers_are(
            numbers in prop_oneof![
                prop::collection::vec(0u32..5_000, 0..200),
                prop::collection::vec(prop_oneof![0u32..70, 4_090u32..4_100, any::<u32>()], 0..40),
            ],
            more in prop_oneof![0u32..5_000, any::<u32>()],
        ) {
            let (people, mut gathered, mut held) = (people(), Gathered::new(), Held::default());
            for number in &numbers {
                gathered.take(What::Entitlement(*number), &people);
                gathered.take(What::Profile(*number), &people);
            }
            gathered.finish(&mut held);
            let mut expected: std::collections::BTreeSet<u32> = numbers.into_iter().collect();
            let sorted = |set: &std::collections::BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
            prop_assert_eq!(held.entitlements.to_vec(), sorted(&expected));
            prop_assert_eq!(held.profiles.to_vec(), sorted(&expected));
            let with = held.with(What::Entitlement(more), &people);
            expected.insert(more);
            prop_assert_eq!(with.entitlements.to_vec(), sorted(&expected));
            prop_assert_eq!(with.profiles, held.profiles);
        }
    }
}
