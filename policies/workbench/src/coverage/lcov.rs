//! Coverage as LCOV, for editors and whatever else shows it: policies are functions, operands are lines with branches.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Coverage, PolicyCoverage};

/// One tracefile for all of it.
pub fn lcov(coverage: &Coverage) -> String {
    let mut files: BTreeMap<&str, Vec<&PolicyCoverage>> = BTreeMap::new();
    for policy in &coverage.policies {
        files.entry(&policy.file).or_default().push(policy);
    }
    let mut out = String::new();
    for (file, policies) in files {
        let _ = writeln!(out, "TN:\nSF:{file}");
        functions(&mut out, &policies);
        branches(&mut out, &policies);
        lines(&mut out, &policies);
        out.push_str("end_of_record\n");
    }
    out
}

fn functions(out: &mut String, policies: &[&PolicyCoverage]) {
    for policy in policies {
        let _ = writeln!(out, "FN:{},{}", policy.line, policy.id);
    }
    for policy in policies {
        let _ = writeln!(out, "FNDA:{},{}", policy.determining, policy.id);
    }
    let hit = policies.iter().filter(|policy| policy.determining > 0).count();
    let _ = writeln!(out, "FNF:{}\nFNH:{hit}", policies.len());
}

fn branches(out: &mut String, policies: &[&PolicyCoverage]) {
    let (mut found, mut hit) = (0usize, 0usize);
    for (block, policy) in policies.iter().enumerate() {
        let sides = policy.operands.iter().flat_map(|it| [(it, it.when_true), (it, it.when_false)]);
        for (branch, (operand, taken)) in sides.enumerate() {
            let seen = operand.when_true.saturating_add(operand.when_false) > 0;
            // `-` is a branch that was never come to
            let taken_text = if seen { taken.to_string() } else { "-".into() };
            let _ = writeln!(out, "BRDA:{},{block},{branch},{taken_text}", operand.line);
            found = found.saturating_add(1);
            hit = hit.saturating_add(usize::from(taken > 0));
        }
    }
    let _ = writeln!(out, "BRF:{found}\nBRH:{hit}");
}

fn lines(out: &mut String, policies: &[&PolicyCoverage]) {
    let mut lines: BTreeMap<usize, usize> = BTreeMap::new();
    for policy in policies {
        lines.insert(policy.line, policy.asked);
        for operand in &policy.operands {
            let seen = operand.when_true.saturating_add(operand.when_false);
            let line = lines.entry(operand.line).or_insert(seen);
            // of several on a line the least seen counts
            *line = (*line).min(seen);
        }
    }
    for (line, hits) in &lines {
        let _ = writeln!(out, "DA:{line},{hits}");
    }
    let hit = lines.values().filter(|hits| **hits > 0).count();
    let _ = writeln!(out, "LF:{}\nLH:{hit}", lines.len());
}
