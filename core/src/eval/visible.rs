//! Which tools to show: the best that some arguments could reach. Never less than a call would find.

use crate::compile::build::Compiled;
use crate::compile::directory::Held;
use crate::data::call::{Call, Session};
use crate::data::catalog::{Server, Tool};
use crate::data::decision::{Visibility, VisibleTool};
use crate::data::id::Subject;
use crate::data::time::Instant;
use crate::eval::access::{self, Forbidden};
use crate::eval::approval::{Asked, Matter};
use crate::eval::check;
use crate::eval::facts::{self, Facts};
use crate::eval::ladder::{Rung, Verdict};
use crate::eval::referee::{Question, Target};
use crate::eval::ruling::{remedy, ruled, verdict};

/// Every tool of the catalog, in the order of their ids.
pub(crate) fn all(engine: &Compiled, subject: &Subject, session: &Session, now: Instant) -> Vec<VisibleTool> {
    let facts = check::session(session, &engine.limits).and_then(|()| facts::subject(engine, subject, now)).ok();
    let ids = engine.catalog.tools.keys();
    ids.map(|id| {
        let found = facts.as_ref().zip(facts::tool(engine, id).ok());
        let visibility = found.map_or(Visibility::Hidden, |(facts, (tool, server))| {
            View { engine, facts, tool, server, session, now }.visibility()
        });
        VisibleTool { tool: id.clone(), visibility }
    })
    .collect()
}

/// One tool, as the subject of a call sees it.
pub(crate) fn one(engine: &Compiled, call: &Call) -> Visibility {
    let Ok(facts) = facts::subject(engine, &call.subject, call.now) else { return Visibility::Hidden };
    let Ok((tool, server)) = facts::tool(engine, &call.tool) else { return Visibility::Hidden };
    View { engine, facts: &facts, tool, server, session: &call.session, now: call.now }.visibility()
}

struct View<'a> {
    engine: &'a Compiled,
    facts: &'a Facts<'a>,
    tool: &'a Tool,
    server: &'a Server,
    session: &'a Session,
    now: Instant,
}

impl View<'_> {
    fn visibility(&self) -> Visibility {
        match self.reach(&self.facts.held) {
            Some(Rung::InForce) => return Visibility::Callable,
            Some(_) => return Visibility::NeedsApproval,
            None => {}
        }
        let mut forbidden = Forbidden::default();
        for candidate in access::candidates(self.engine, self.facts, self.tool) {
            let held = candidate.added_to(self.facts, self.engine);
            if self.reach(&held).is_some()
                && !forbidden.forbids(&self.question(&self.facts.held), &candidate)
                && candidate.request(self.facts, self.engine).is_some()
            {
                return Visibility::Requestable;
            }
        }
        Visibility::Hidden
    }

    /// The lowest rung that some arguments could reach.
    fn reach(&self, held: &Held) -> Option<Rung> {
        let asked = Asked::AnyCall { tool: self.tool, approved: true };
        let matter = Matter::of_tool(self.engine, self.facts, self.tool, self.server, asked, self.now);
        let rows = ruled(&self.question(held), &matter).ok()?;
        match verdict(&matter, &rows) {
            Verdict::Allowed(rung) => Some(rung),
            // whom to ask depends on which policies hold, and that on the arguments: some may find somebody
            Verdict::Unresolved => Some(Rung::Manager),
            // something must happen first, though it is the user's own to do
            Verdict::Forbidden => remedy(&self.engine.policies, &rows).map(|_| Rung::SelfApproval),
            _ => None,
        }
    }

    fn question<'b>(&'b self, held: &'b Held) -> Question<'b> {
        Question {
            engine: self.engine,
            facts: self.facts,
            held,
            target: Target::AnyCall { tool: self.tool, server: self.server },
            session: self.session,
            now: self.now,
        }
    }
}
