//! A forbid whose condition can be an error: such a call is denied as `evaluation_error`, whatever else permits it.

use cedar_policy_core::ast::{Expr, ExprKind};
use toolgate::Effect;

use super::condition::{entity, named, span, text, walk};
use super::facts::Reasoner;
use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "forbid_can_error",
    level: Level::Warning,
    title: "a forbid whose condition can be an error",
    page: include_str!("../../docs/lints/forbid_can_error.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in subject.with(Effect::Forbid) {
        let Some(condition) = policy.condition() else { continue };
        overflows(policy, condition, findings);
        absences(policy, condition, findings);
        datetimes(policy, condition, findings);
    }
}

/// Sums and products that can leave 64 bits. What guards them on the left is taken into account.
fn overflows(policy: &Policy<'_>, condition: &Expr, findings: &mut Findings) {
    let mut found: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    let mut overflow = |expr: &Expr| {
        let Some(span) = span(expr) else { return };
        if !found.iter().any(|(other, _)| *other == span) {
            found.push((span, policy.written(expr)));
        }
    };
    Reasoner { given: &|_| None, constant: &mut |_, _| {}, overflow: &mut overflow }.truth(condition, &policy.facts());
    for (span, written) in found {
        let message = format!(
            "`{written}` is an error for numbers that are too large: then policy `{}` denies every such call, with \
             `evaluation_error`",
            policy.id()
        );
        let help = "bound the number on the left of `&&` first, or compare without computing";
        findings.find(("policy", policy.id()), policy.place(&span), message, help);
    }
}

/// Attributes of entities that are named: an error once the snapshot or the catalog no longer has them.
fn absences(policy: &Policy<'_>, condition: &Expr, findings: &mut Findings) {
    walk(condition, &mut |expr| {
        let ExprKind::GetAttr { expr: base, attr } = expr.expr_kind() else { return };
        let Some((kind, id)) = entity(base).and_then(named) else { return };
        let message = format!(
            "`{attr}` of {} `{id}` is an error as soon as there is no such {0}: then policy `{}` denies every call it is \
             asked about",
            kind.to_lowercase(),
            policy.id()
        );
        let help = "read the attribute of `principal` or `resource`, which are always there";
        findings.find(("policy", policy.id()), policy.at(expr), message, help);
    });
}

/// Date arithmetic on what a caller or the host says.
fn datetimes(policy: &Policy<'_>, condition: &Expr, findings: &mut Findings) {
    walk(condition, &mut |expr| {
        let ExprKind::ExtensionFunctionApp { fn_name, args } = expr.expr_kind() else { return };
        // instants that calls carry are of the years 0 to 9999, so only a far-off literal can leave 64 bits
        let far = |duration: &Expr| match duration.expr_kind() {
            ExprKind::ExtensionFunctionApp { args, .. } => {
                args.first().and_then(text).is_some_and(|text| milliseconds(text) > LONGEST)
            }
            _ => true,
        };
        if fn_name.to_string() != "offset" || !args.get(1).is_some_and(far) {
            return;
        }
        let written = policy.written(expr);
        let message = format!(
            "`{written}` is an error if it leaves the instants there are: then policy `{}` denies every such call",
            policy.id()
        );
        findings.find(("policy", policy.id()), policy.at(expr), message, "add a duration of less than a million years");
    });
}

/// A million years, in milliseconds.
const LONGEST: i128 = 31_556_952_000_000_000;

/// A literal such as `1d2h`, as large as it can be meant.
fn milliseconds(text: &str) -> i128 {
    let (mut sum, mut number) = (0i128, 0i128);
    let mut units = text.trim_start_matches('-').chars().peekable();
    while let Some(c) = units.next() {
        if let Some(digit) = c.to_digit(10) {
            number = number.saturating_mul(10).saturating_add(i128::from(digit));
            continue;
        }
        let unit = match c {
            'd' => 86_400_000,
            'h' => 3_600_000,
            'm' if units.next_if_eq(&'s').is_some() => 1,
            'm' => 60_000,
            _ => 1_000,
        };
        sum = sum.saturating_add(number.saturating_mul(unit));
        number = 0;
    }
    sum
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_are_measured() {
        assert_eq!(super::milliseconds("1d2h3m4s5ms"), 93_784_005);
        assert!(super::milliseconds("365000000d") < super::LONGEST);
        assert!(super::milliseconds("106751991167d") > super::LONGEST);
    }
}
