//! An explanation for a person, within the width of a terminal.

use std::fmt::Write as _;

use toolgate::facts::{OperationSource, RequestApproval, ToolState};
use toolgate::trace::{Rung, Standing, Truth};
use toolgate::{Effect, Outcome, Subject};

use super::conditions::{CameTo, Operand, Part, Yes};
use super::facts::{EntitlementFact, Relation, ToolFact};
use super::{Explanation, Near, PolicyView, RungView, standing};
use crate::decide;
use crate::render::{self, BOLD, ERROR, NOTE, clean, mark, paint, short, wrap};

/// The explanation as text, at most `width` wide where words allow.
pub fn text(explanation: &Explanation<'_>, width: usize) -> String {
    let own = match explanation.call.as_ref().map(|call| &call.subject) {
        Some(Subject::ServicePrincipal { .. }) => "the owner's yes",
        _ => "the user's yes",
    };
    let mut page = Page { out: String::new(), width: width.max(40), own };
    let decision = &explanation.decision;
    let title = match &explanation.call {
        Some(call) => format!("{} → {} at {}", call.subject, call.tool, call.now),
        None => "no call".into(),
    };
    let line = explanation.line.map_or_else(String::new, |line| format!("line {line}: "));
    page.styled(BOLD, 0, &format!("{line}{title}"));
    page.styled(
        render::style(decision.outcome),
        0,
        &format!("{} {} {}", mark(decision.outcome), decision.outcome, decision.reason.code()),
    );
    page.say(2, &explanation.because);
    let next = decide::next(decision);
    if next != "-" && matches!(decision.outcome, Outcome::SelfApprove | Outcome::ManagerApprove) {
        page.say(2, &format!("next: {next}"));
    }
    if !explanation.rungs.is_empty() {
        page.head("Rung by rung");
        explanation.rungs.iter().for_each(|rung| page.rung(rung));
    }
    let forbids = |policy: &&PolicyView| policy.effect == Effect::Forbid && policy.at != [Truth::False; 3];
    page.policies("What forbids", explanation.policies.iter().filter(forbids));
    let permits = |policy: &&PolicyView| policy.effect == Effect::Permit && policy.at.contains(&Truth::True);
    page.policies("What permits", explanation.policies.iter().filter(permits));
    page.yeses(&explanation.policies);
    page.nearest(explanation);
    if !explanation.changes.is_empty() {
        page.head("What would change it");
        for change in &explanation.changes {
            let to = format!("{} {} {}", mark(change.outcome), change.outcome, change.reason.code());
            page.say(2, &change.what);
            page.styled(render::style(change.outcome), 4, &format!("→ {to}"));
        }
    }
    page.head("The facts");
    explanation.facts.iter().for_each(|fact| page.say(2, fact));
    if let Some(tool) = &explanation.tool {
        page.tool(tool);
    }
    let digest = decision.engine.strip_prefix("sha256:").unwrap_or(&decision.engine);
    page.say(2, &format!("engine {}, snapshot {}", short(digest, 12), decision.snapshot_version));
    page.out
}

struct Page {
    out: String,
    width: usize,
    /// Whose yes comes before the manager's.
    own: &'static str,
}

impl Page {
    /// Text of ours and of data, indented; what follows a break is indented as well.
    fn say(&mut self, indent: usize, text: &str) {
        let text = clean(text);
        let _ = writeln!(self.out, "{}", wrap(&format!("{}{text}", " ".repeat(indent)), self.width));
    }

    fn styled(&mut self, style: anstyle::Style, indent: usize, text: &str) {
        let text = clean(text);
        for line in wrap(&format!("{}{text}", " ".repeat(indent)), self.width).lines() {
            let _ = writeln!(self.out, "{}", paint(style, line));
        }
    }

    fn head(&mut self, title: &str) {
        self.out.push('\n');
        self.styled(BOLD, 0, title);
    }

    fn rung(&mut self, rung: &RungView) {
        let name = match rung.rung {
            Rung::InForce => "as things stand".into(),
            Rung::SelfApproval => format!("with {}", self.own),
            Rung::Manager => "with the manager's too".to_string(),
        };
        let (style, said) =
            if rung.allowed { (render::style(Outcome::AutoApprove), "allowed") } else { (ERROR, "refused") };
        let _ = writeln!(self.out, "  {name:<24}{}", paint(style, said));
        let mut why = |what: &str, ids: &[String]| {
            if !ids.is_empty() {
                self.say(4, &format!("{what} {}", ids.join(", ")));
            }
        };
        why("permitted by", &rung.permits);
        why("forbidden by", &rung.forbids);
        why("cannot be evaluated, so taken to forbid:", &rung.errors);
        if rung.permits.is_empty() {
            self.say(4, "no permit holds");
        }
    }

    fn policies<'p>(&mut self, title: &str, policies: impl Iterator<Item = &'p PolicyView>) {
        for (number, policy) in policies.enumerate() {
            if number == 0 {
                self.head(title);
            }
            self.title(&policy.id, &policy.file, policy.line, &when(policy, self.own));
            if let Some(description) = &policy.description {
                self.say(4, description);
            }
            policy.operands.iter().for_each(|operand| self.operand(operand));
        }
    }

    fn title(&mut self, id: &str, file: &str, line: usize, more: &str) {
        let place = format!("{file}:{line}");
        let line = format!("  {}", clean(&format!("{id}{more}")));
        let _ = writeln!(self.out, "{}", wrap(&line, self.width));
        self.styled(NOTE, 4, &place);
    }

    fn operand(&mut self, operand: &Operand) {
        let mark = match operand.came_to {
            CameTo::True => '✓',
            CameTo::False => '✗',
            CameTo::Error => '!',
        };
        let part = if operand.part == Part::Unless { "unless " } else { "" };
        self.say(4, &format!("{mark} {part}{}", operand.text));
        match (operand.asks_for, operand.came_to) {
            (Some(Yes::Own), CameTo::False) => self.say(6, &format!("{} is missing", self.own)),
            (Some(Yes::Manager), CameTo::False) => self.say(6, "the manager's yes is missing"),
            _ => {}
        }
        for value in operand.values.iter().filter(|value| !value.path.starts_with("context.approval.")) {
            self.say(6, &format!("{} is {}", value.path, value.value));
            if value.path == "resource.entitlements" && operand.came_to == CameTo::False {
                self.say(6, "the agent holds none of them");
            }
        }
        if let Some(error) = &operand.error {
            self.say(6, error);
        }
    }

    /// The yeses on record that are about this call, and what each is worth for which policy.
    fn yeses(&mut self, policies: &[PolicyView]) {
        let mut begun = false;
        for policy in policies {
            for approval in policy.approvals.iter().filter(|approval| approval.standing != Standing::NotThisCall) {
                if !std::mem::replace(&mut begun, true) {
                    self.head("Yeses on record");
                }
                self.say(2, &format!("{} by {}, for {}: {}", approval.id, approval.by, policy.id, standing(approval)));
            }
        }
    }

    fn nearest(&mut self, explanation: &Explanation<'_>) {
        // what holds with somebody's yes is shown already
        let holds =
            |id: &str| explanation.policies.iter().any(|policy| policy.id == id && policy.at.contains(&Truth::True));
        let near: Vec<&Near> = explanation.nearest.iter().filter(|near| !holds(&near.id)).collect();
        if near.is_empty() {
            return;
        }
        self.head("What does not permit it, the nearest first");
        for Near { id, description, file, line, missing } in near {
            let many = if missing.len() == 1 {
                ": one thing is missing".into()
            } else {
                format!(": {} things are missing", missing.len())
            };
            self.title(id, file, *line, &many);
            if let Some(description) = description {
                self.say(4, description);
            }
            for operand in missing {
                // what is true stands in the way by being so
                let turned = operand.came_to == CameTo::True;
                let text =
                    if turned { format!("{} is true, and must not be", operand.text) } else { operand.text.clone() };
                let came_to = if turned { CameTo::False } else { operand.came_to };
                self.operand(&Operand { text, came_to, ..operand.clone() });
            }
        }
    }

    fn tool(&mut self, tool: &ToolFact) {
        let says = match tool.operation_source {
            OperationSource::Overlay => "the administrator says so",
            OperationSource::Annotations => "its server says so, and is trusted",
            OperationSource::Default => "nobody it trusts says otherwise",
        };
        let state = match tool.state {
            ToolState::Approved => "approved",
            ToolState::Disabled => "disabled",
            ToolState::Unset => "approved by nobody",
        };
        let sensitive = if tool.sensitive { ", sensitive" } else { "" };
        let labels =
            if tool.labels.is_empty() { "no labels".into() } else { format!("labels {}", tool.labels.join(", ")) };
        self.say(2, &format!("the tool: a {} ({says}), {state}{sensitive}, {labels}", tool.operation));
        if tool.entitlements.is_empty() {
            self.say(2, "no entitlement unlocks it");
        }
        for entitlement in &tool.entitlements {
            self.say(2, &format!("unlocked by {}: {}", entitlement.id, relation(entitlement)));
        }
    }
}

/// At which rungs a policy holds, where that is not all of them.
fn when(policy: &PolicyView, own: &str) -> String {
    let text = match (policy.effect, policy.at) {
        (_, [Truth::True, Truth::True, Truth::True]) => return String::new(),
        (_, at) if at.contains(&Truth::Error) => "cannot be evaluated",
        (Effect::Permit, [Truth::False, Truth::True, _]) => &format!("with {own}"),
        (Effect::Permit, [Truth::False, Truth::False, Truth::True]) => "with the manager's yes",
        (Effect::Forbid, [_, Truth::True, Truth::False]) => "until the manager says yes",
        (Effect::Forbid, [Truth::True, Truth::False, Truth::False]) => &format!("until there is {own}"),
        _ => "at some rungs",
    };
    format!(" ({text})")
}

fn relation(entitlement: &EntitlementFact) -> String {
    match entitlement.relation {
        Relation::Held => "held".into(),
        Relation::Pending => {
            entitlement.from.map_or_else(|| "granted for later".into(), |from| format!("granted from {from} on"))
        }
        Relation::Requestable => {
            let agrees = match entitlement.request_approval {
                Some(RequestApproval::Auto) => "nobody has to agree",
                Some(RequestApproval::SelfApproval) => "the user must agree",
                _ => "the manager must agree",
            };
            let through = entitlement.profile.as_ref().map_or_else(String::new, |id| format!(" by profile {id}"));
            format!("not held; may be requested{through}, {agrees}")
        }
        Relation::Ineligible if entitlement.requestable_by.is_empty() => "not held; nobody may request it".into(),
        Relation::Ineligible => {
            format!("not held; only {} may request it", entitlement.requestable_by.join(", "))
        }
        Relation::Unknown => "not looked at".into(),
    }
}
