//! Findings as SARIF 2.1.0, for code hosts and editors.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use toolgate::Error;

use crate::bundle::{BundleError, BundleFolder};
use crate::check::region;
use crate::lint::{Finding, LINTS};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What the lints found in a bundle that loads: one run, every lint a rule.
pub fn findings(findings: &[Finding], folder: &BundleFolder) -> String {
    let rules = LINTS.iter().map(|lint| {
        json!({
            "id": lint.id,
            "shortDescription": {"text": lint.title},
            "fullDescription": {"text": lint.title},
            "help": {"text": plain(lint.page), "markdown": lint.page},
            "helpUri": format!("{}/blob/main/{}", env!("CARGO_PKG_REPOSITORY"), lint.page_path()),
            "defaultConfiguration": {"level": lint.level.as_str()},
        })
    });
    let results = findings.iter().map(|finding| {
        let mut physical = json!({"artifactLocation": {"uri": uri(&finding.place.file)}});
        if let (Some(region), Some(physical)) = (region(finding, folder), physical.as_object_mut()) {
            let region = json!({
                "startLine": region.line,
                "startColumn": region.column,
                "endLine": region.end_line,
                "endColumn": region.end_column,
            });
            physical.insert("region".into(), region);
        }
        json!({
            "ruleId": finding.lint.id,
            "ruleIndex": LINTS.iter().position(|lint| lint.id == finding.lint.id),
            "level": finding.level.as_str(),
            "message": {"text": format!("{}. {}", finding.message, finding.help)},
            "locations": [{
                "physicalLocation": physical,
                "logicalLocations": [{"name": finding.id, "fullyQualifiedName": format!("{}/{}", finding.what, finding.id)}],
            }],
            // the same finding after lines have moved
            "partialFingerprints": {
                "toolgate/v1": format!("{}/{}/{}", finding.lint.id, finding.what, finding.id),
            },
        })
    });
    document(&rules.collect::<Vec<_>>(), &results.collect::<Vec<_>>())
}

/// Why a bundle does not load: every error a result, its code the rule.
pub fn refused(error: &BundleError) -> String {
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    let mut results = Vec::new();
    let mut add = |code: &'static str, message: String, file: &str, region: Option<Value>| {
        let rule = json!({"id": code, "defaultConfiguration": {"level": "error"}});
        rules.entry(code).or_insert(rule);
        let mut physical = json!({"artifactLocation": {"uri": uri(file)}});
        if let (Some(region), Some(physical)) = (region, physical.as_object_mut()) {
            physical.insert("region".into(), region);
        }
        results.push(json!({
            "ruleId": code,
            "level": "error",
            "message": {"text": message},
            "locations": [{"physicalLocation": physical}],
        }));
    };
    match error {
        BundleError::Unreadable(errors) => {
            errors.iter().for_each(|error| add("file", error.message.clone(), &error.path, None));
        }
        BundleError::Refused { errors, .. } => {
            for error in errors {
                let message = format!("{}. {}", error.message(), error.next_step());
                add(error.code(), message, error.file().unwrap_or_default(), begins(error));
            }
        }
    }
    document(&rules.into_values().collect::<Vec<_>>(), &results)
}

fn begins(error: &Error) -> Option<Value> {
    error.span().map(|span| json!({"startLine": span.line, "startColumn": span.column}))
}

fn document(rules: &[Value], results: &[Value]) -> String {
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "toolgate",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'\\' => out.push('/'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// Markdown with its marks left out, as far as that is needed to read it.
fn plain(page: &str) -> String {
    page.lines()
        .filter(|line| !line.starts_with("```"))
        .map(|line| line.replace("**", "").replace('`', ""))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_are_uris() {
        assert_eq!(super::uri("a b/ü.cedar"), "a%20b/%C3%BC.cedar");
        assert_eq!(super::uri(r"a\b"), "a/b");
    }
}
