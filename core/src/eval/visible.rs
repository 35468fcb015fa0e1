//! Which tools to show: the best that some arguments could reach. Never less than a call would find.

use std::borrow::Cow;

use crate::compile::build::Compiled;
use crate::compile::inventory::{ServerEntry, ToolEntry};
use crate::data::call::SessionView;
use crate::data::decision::{Effect, Visibility, VisibleTool};
use crate::data::id::SubjectRef;
use crate::data::names::number;
use crate::data::time::Instant;
use crate::eval::access::{self, Forbidden};
use crate::eval::approval::{Asked, Matter};
use crate::eval::check;
use crate::eval::facts::{self, Facts, Held};
use crate::eval::ladder::{Rung, Truth, Verdict};
use crate::eval::question::{Before, Facets, Input, Question, Target, Truths};
use crate::eval::ruling::{Ruled, remedy, ruled, verdict};
use crate::load::asking::Asking;

/// Every tool of the catalog, in the order of their ids.
pub(crate) fn all<'e>(
    engine: &'e Compiled,
    subject: SubjectRef<'_>,
    session: &SessionView<'_>,
    now: Instant,
) -> Vec<VisibleTool<'e>> {
    let facts = check::session(session, &engine.limits).and_then(|()| facts::subject(engine, subject, now)).ok();
    let facets = Facets::new(session, now);
    let mut forbidden = Forbidden::default();
    let tools = engine.inventory.tools.iter().enumerate();
    tools
        .map(|(at, tool)| {
            let open = facts.as_ref().filter(|_| tool.shut.is_none());
            let found = open.zip(engine.inventory.server(tool.server));
            let visibility = found.map_or(Visibility::Hidden, |(facts, server)| {
                View { engine, facts, number: number(at), tool, server, facets: &facets, now }
                    .visibility(&mut forbidden)
            });
            VisibleTool { tool: Cow::Borrowed(&tool.id), visibility }
        })
        .collect()
}

/// One tool, as the subject of a call sees it.
pub(crate) fn one(engine: &Compiled, asking: &Asking<'_>) -> Visibility {
    let now = asking.now;
    let Ok(facts) = facts::subject(engine, asking.subject, now) else { return Visibility::Hidden };
    let Ok((number, tool)) = facts::tool(engine, asking.tool) else { return Visibility::Hidden };
    let Ok(server) = facts::server(engine, tool.server) else { return Visibility::Hidden };
    let facets = Facets::new(&asking.session, now);
    View { engine, facts: &facts, number, tool, server, facets: &facets, now }.visibility(&mut Forbidden::default())
}

struct View<'a> {
    engine: &'a Compiled,
    facts: &'a Facts<'a>,
    number: u32,
    tool: &'a ToolEntry,
    server: &'a ServerEntry,
    facets: &'a Facets<'a>,
    now: Instant,
}

impl View<'_> {
    fn visibility(&self, forbidden: &mut Forbidden) -> Visibility {
        let mut truths = Truths::new();
        let Ok(rows) = ruled(&self.question(&self.facts.held), &self.matter(), Some(&mut truths)) else {
            return Visibility::Hidden;
        };
        match self.reached(&rows) {
            Some(Rung::InForce) => return Visibility::Callable,
            Some(_) => return Visibility::NeedsApproval,
            None if self.is_closed(&rows) => return Visibility::Hidden,
            None => {}
        }
        for candidate in access::candidates(self.engine, self.facts, self.tool) {
            let held = self.facts.held.with(candidate.what(), &self.engine.people);
            let before = Some(Before { truths: &truths, more: candidate.what() });
            let question = Question { before, ..self.question(&held) };
            if ruled(&question, &self.matter(), None).is_ok_and(|rows| self.reached(&rows).is_some())
                && !forbidden.forbids(&self.question(&self.facts.held), candidate)
                && candidate.can_be_agreed(self.facts)
            {
                return Visibility::Requestable;
            }
        }
        Visibility::Hidden
    }

    fn matter(&self) -> Matter<'_> {
        Matter {
            engine: self.engine,
            facts: self.facts,
            server: self.server,
            entitlements: &self.tool.guarded.entitlements,
            asked: Asked::AnyCall { tool: self.tool, approved: true },
            now: self.now,
        }
    }

    /// The lowest rung that some arguments could reach.
    fn reached(&self, rows: &[Ruled]) -> Option<Rung> {
        match verdict(&self.matter(), rows) {
            Verdict::Allowed(rung) => Some(rung),
            // whom to ask depends on which policies hold, and that on the arguments: some may find somebody
            Verdict::Unresolved => Some(Rung::Manager),
            // something must happen first, though it is the user's own to do
            Verdict::Forbidden => remedy(self.engine, rows).map(|_| Rung::SelfApproval),
            _ => None,
        }
    }

    /// Whether a policy forbids it for good: whatever humans say, whatever the agent holds, and nothing remedies it.
    fn is_closed(&self, rows: &[Ruled]) -> bool {
        rows.iter().any(|ruled| {
            let holds = ruled.row.effect == Effect::Forbid && ruled.asked == [Truth::True; 3];
            let policy = || self.engine.policy(ruled.policy);
            holds && policy().is_some_and(|policy| !policy.reads_held && policy.terms.step_up.is_none())
        })
    }

    fn question<'b>(&'b self, held: &'b Held) -> Question<'b> {
        Question {
            engine: self.engine,
            facts: self.facts,
            held,
            target: Target::Call { number: self.number, tool: self.tool, input: Input::Unknown },
            facets: self.facets,
            before: None,
        }
    }
}
