//! Coverage for people.

use std::fmt::Write as _;

use toolgate::{Effect, Outcome};

use super::{Coverage, PolicyCoverage, Share, ToolCoverage};
use crate::render::{BOLD, Grid, clean, paint, style};

const MISSING: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();

/// What was reached and what was not, at most `width` wide. Of the policies and tools all if `verbose`, else those of
/// which something is missing.
pub fn people(coverage: &Coverage, width: usize, verbose: bool) -> String {
    let (policies, operands) = (coverage.of_policies(), coverage.of_operands());
    let mut out = format!(
        "{}: {} % ({} policies determined an answer, {} sides of operands were seen)\n",
        paint(BOLD, "coverage"),
        coverage.whole().percent(),
        of(policies),
        of(operands)
    );
    let shown: Vec<&PolicyCoverage> =
        coverage.policies.iter().filter(|policy| verbose || !missing(policy).is_empty()).collect();
    for policy in shown {
        let effect = if policy.effect == Effect::Permit { "permit" } else { "forbid" };
        let _ = writeln!(
            out,
            "\n  {}  {effect}, {}:{}\n      asked {}, held {}, decided {}",
            paint(BOLD, &clean(&policy.id)),
            clean(&policy.file),
            policy.line,
            policy.asked,
            policy.satisfied,
            policy.determining
        );
        for line in missing(policy) {
            let _ = writeln!(out, "      {}", paint(MISSING, &clean(&line)));
        }
    }
    let (called, idle): (Vec<&ToolCoverage>, Vec<&ToolCoverage>) =
        coverage.tools.iter().partition(|tool| tool.cases > 0);
    if verbose && !called.is_empty() {
        let mut rows = Grid::new(&["tool", "cases", "answers"]).right(1);
        for tool in called {
            let answers: Vec<String> =
                tool.answers.iter().map(|it| format!("{} {} ({})", it.outcome, it.reason, it.cases)).collect();
            rows.row(vec![
                clean(&tool.tool).into_owned(),
                tool.cases.to_string(),
                clean(&answers.join(", ")).into_owned(),
            ]);
        }
        let _ = write!(out, "\n{}", rows.render(width));
    }
    let _ = writeln!(out, "\noutcomes reached: {}", outcomes(coverage));
    if !idle.is_empty() {
        let names: Vec<&str> = idle.iter().map(|tool| tool.tool.as_str()).collect();
        let _ = writeln!(out, "{}", paint(MISSING, &format!("tools that no case calls: {}", clean(&names.join(", ")))));
    }
    out
}

fn of(share: Share) -> String {
    format!("{} of {}", share.covered, share.total)
}

/// What no case reached of a policy, a line each.
fn missing(policy: &PolicyCoverage) -> Vec<String> {
    let mut missing = Vec::new();
    if policy.asked == 0 {
        missing.push("never asked: no case is in its scope".into());
        return missing;
    }
    if policy.satisfied == 0 {
        missing.push("never held".into());
    }
    if policy.determining == 0 {
        missing.push("never decided an answer".into());
    }
    for operand in &policy.operands {
        let side = match (operand.when_true, operand.when_false) {
            (0, 0) => "never reached",
            (0, _) => "never true",
            (_, 0) => "never false",
            _ => continue,
        };
        missing.push(format!("{side}: `{}` at {}:{}", operand.text, operand.line, operand.column));
    }
    missing
}

/// Every outcome with how many cases reached it.
fn outcomes(coverage: &Coverage) -> String {
    let count = |outcome: Outcome| {
        let answers = coverage.tools.iter().flat_map(|tool| &tool.answers);
        answers.filter(|it| it.outcome == outcome.as_str()).fold(0usize, |sum, it| sum.saturating_add(it.cases))
    };
    let one = |outcome: Outcome| {
        let text = format!("{} {outcome}", count(outcome));
        paint(if count(outcome) == 0 { MISSING } else { style(outcome) }, &text)
    };
    Outcome::ALL.map(one).join(", ")
}
