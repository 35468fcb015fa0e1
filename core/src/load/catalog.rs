//! Tool lists under the administrator's overlay → the catalog.

use std::collections::{BTreeMap, BTreeSet};

use wildmatch::WildMatch;

use crate::data::catalog::{Catalog, OperationSource, Overlay, Path, Rule, Server, Tool, ToolDefinition};
use crate::data::decision::Guidance;
use crate::data::id::{Operation, ToolId};
use crate::data::report::{Finding, FindingKind};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::{de, name, scan};

/// Reads the overlay.
pub(crate) fn overlay(text: &str, limits: &Limits) -> Result<Overlay, Error> {
    scan::toml(text, limits)?;
    let overlay: Overlay = de::from_toml(text)?;
    check_guidance(overlay.tenant.guidance.as_ref()).map_err(|error| place_key(error, text, "tenant"))?;
    for (id, server) in &overlay.servers {
        check_server(id, server, limits)
            .map_err(|error| if error.span().is_some() { error } else { place_key(error, text, id) })?;
    }
    Ok(overlay)
}

/// Puts the lists under the overlay.
pub(crate) fn merge(lists: BTreeMap<String, Vec<ToolDefinition>>, overlay: Overlay) -> (Catalog, Vec<Finding>) {
    let mut catalog = Catalog { tenant: overlay.tenant, servers: overlay.servers, tools: BTreeMap::new() };
    for (server_id, definitions) in lists {
        let server = catalog.servers.entry(server_id.clone()).or_default();
        let rules: Vec<Vec<WildMatch>> = server.rules.iter().map(globs).collect();
        for definition in definitions {
            let tool = apply(&server_id, server, &rules, definition);
            catalog.tools.insert(tool.id.clone(), tool);
        }
    }
    let findings = catalog.servers.iter().flat_map(|(id, server)| look(&catalog, id, server)).collect();
    (catalog, findings)
}

fn globs(rule: &Rule) -> Vec<WildMatch> {
    rule.tools.iter().map(|glob| WildMatch::new(glob)).collect()
}

/// What the overlay says about a server in vain.
fn look(catalog: &Catalog, id: &str, server: &Server) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |kind, message, names: Option<&str>| {
        let finding = Finding::new(kind, message).about("server", id);
        findings.push(match names {
            Some(names) => finding.naming(names),
            None => finding,
        });
    };
    let names: BTreeSet<&str> =
        catalog.tools.keys().filter(|tool| tool.server == *id).map(|tool| tool.name.as_str()).collect();
    for rule in &server.rules {
        let globs = globs(rule);
        for (pattern, glob) in rule.tools.iter().zip(&globs) {
            if !names.iter().any(|name| glob.matches(name)) {
                let message = format!("a rule for server `{id}` names `{pattern}`, and no tool there has such a name");
                find(FindingKind::OverlayUnused, message, Some(pattern));
            }
        }
        if let Some(pin) = &rule.pin {
            let pinned = names.iter().filter(|name| globs.iter().any(|glob| glob.matches(name))).count();
            if !is_digest(pin) {
                let message = format!("`{}` of server `{id}` is no digest: what it pins is denied", pin.escape_debug());
                find(FindingKind::PinUnusable, message, Some(pin));
            } else if pinned > 1 {
                let message = format!("a pin of server `{id}` is over {pinned} tools: all but one are denied");
                find(FindingKind::PinUnusable, message, Some(pin));
            }
        }
    }
    if server.path == Path::Token && (server.audience.is_none() || server.resource_uris.is_empty()) {
        let message = format!("server `{id}` is reached by token, and lacks `audience` or `resource_uris`");
        find(FindingKind::TokenPathIncomplete, message, None);
    }
    if server.audience.is_some() && server.audience == catalog.tenant.issuer {
        let message = format!("the audience of server `{id}` is the tenant's own issuer: every token is refused");
        find(FindingKind::TokenPathIncomplete, message, server.audience.as_deref());
    }
    findings
}

fn is_digest(pin: &str) -> bool {
    pin.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// One tool under its server's rules, in order.
fn apply(server_id: &str, server: &Server, rules: &[Vec<WildMatch>], definition: ToolDefinition) -> Tool {
    // FAIL-CLOSED: untrusted_hint_lowers_nothing. Without trust or an override the worst is assumed, so that a hint
    // could only raise the risk, and there is nothing above it.
    let (operation, operation_source) = if server.trusted {
        (definition.annotations.operation(), OperationSource::Annotations)
    } else {
        (Operation::Delete, OperationSource::Default)
    };
    let mut tool = Tool {
        id: ToolId::new(server_id, &definition.name),
        definition,
        operation,
        operation_source,
        state: server.default_state,
        entitlements: Vec::new(),
        labels: Vec::new(),
        sensitive: false,
        pin: None,
        guidance: None,
    };
    for (rule, globs) in server.rules.iter().zip(rules) {
        if !globs.iter().any(|glob| glob.matches(&tool.id.name)) {
            continue;
        }
        if let Some(operation) = rule.operation {
            (tool.operation, tool.operation_source) = (operation, OperationSource::Overlay);
        }
        fn set<T: Clone>(target: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        set(&mut tool.entitlements, &rule.entitlements);
        set(&mut tool.labels, &rule.labels);
        set(&mut tool.sensitive, &rule.sensitive);
        set(&mut tool.state, &rule.state);
        if rule.pin.is_some() {
            tool.pin.clone_from(&rule.pin);
        }
        if rule.guidance.is_some() {
            tool.guidance.clone_from(&rule.guidance);
        }
    }
    tool.labels.sort();
    tool.labels.dedup();
    tool
}

/// A server id is the part of a tool's name before the first slash.
pub(crate) fn check_server_id(id: &str, limits: &Limits) -> Result<(), Error> {
    name::check("server id", id, limits)?;
    if id.contains('/') {
        return Err(Error::new(ErrorKind::NameUnsafe, format!("server id `{id}` has a slash"))
            .help("a tool is named `server/name`, so the server's part must not have one"));
    }
    Ok(())
}

fn check_server(id: &str, server: &Server, limits: &Limits) -> Result<(), Error> {
    check_server_id(id, limits)?;
    let rules = server.rules.iter();
    let entitlements = rules.filter_map(|rule| rule.entitlements.as_ref()).flatten();
    for entitlement in entitlements.chain(server.scopes.values().flat_map(|scope| &scope.entitlements)) {
        name::check("entitlement id", entitlement, limits)?;
    }
    for scope in server.scopes.keys() {
        // RFC 6749 section 3.3: scope-token. A space would make one scope two.
        let token = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if scope.is_empty() || !scope.bytes().all(token) {
            let message = format!("`{}` of server `{id}` is no scope", scope.escape_debug());
            return Err(Error::new(ErrorKind::InvalidValue, message)
                .help("a scope has printable ASCII but no space, quotation mark or backslash (RFC 6749 section 3.3)"));
        }
    }
    check_guidance(server.guidance.as_ref())?;
    for rule in &server.rules {
        check_guidance(rule.guidance.as_ref())?;
        for glob in &rule.tools {
            if glob.len() > limits.name_bytes {
                let message =
                    format!("a glob of server `{id}` has {} bytes; the limit is {}", glob.len(), limits.name_bytes);
                return Err(Error::new(ErrorKind::LimitExceeded, message));
            }
            if glob.contains(['[', ']', '{', '}', '\\']) {
                return Err(Error::new(
                    ErrorKind::InvalidValue,
                    format!("`{}` of server `{id}` has a character that globs here do not know", glob.escape_debug()),
                )
                .help(
                    "`*` stands for any run of characters and `?` for any one; write one entry for each alternative",
                ));
            }
        }
    }
    Ok(())
}

/// Guidance is said to agents and shown to people: one line of what can be seen.
fn check_guidance(guidance: Option<&Guidance>) -> Result<(), Error> {
    let texts = guidance.into_iter().flat_map(|guidance| [Some(&guidance.message), guidance.url.as_ref()]).flatten();
    for text in texts {
        if let Some(char) = name::unseen(text) {
            let message = format!("guidance has a character that cannot be seen (U+{:04X})", u32::from(char));
            return Err(Error::new(ErrorKind::InvalidValue, message).help("remove it; write one line of plain text"));
        }
    }
    Ok(())
}

/// An error about a server at the line that names it.
fn place_key(error: Error, text: &str, id: &str) -> Error {
    let at = text.find(&format!("[servers.{id}")).or_else(|| text.find(id)).unwrap_or(0);
    error.at_span(text, at, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::catalog::ToolState;
    use crate::load::tools_list;

    fn catalog(tools: &str, toml: &str) -> (Catalog, Vec<Finding>) {
        let limits = Limits::default();
        let list = tools_list::read(tools.as_bytes(), &limits).unwrap();
        merge([("crm".to_string(), list.tools)].into(), overlay(toml, &limits).unwrap())
    }

    fn tool(tools: &str, toml: &str) -> Tool {
        catalog(tools, toml).0.tools.into_values().next().unwrap()
    }

    const READ: &str = r#"[{"name":"find","annotations":{"readOnlyHint":true}}]"#;

    #[test]
    fn untrusted_hint_lowers_nothing() {
        let trusted = tool(READ, "[servers.crm]\ntrusted = true\n");
        assert_eq!((trusted.operation, trusted.operation_source), (Operation::Read, OperationSource::Annotations));
        for untrusted in ["", "[servers.crm]\n", "[servers.crm]\ntrusted = false\n"] {
            let tool = tool(READ, untrusted);
            assert_eq!((tool.operation, tool.operation_source), (Operation::Delete, OperationSource::Default));
        }
    }

    #[test]
    fn the_administrator_overrides_annotations() {
        let tool = tool(READ, "[[servers.crm.rules]]\ntools = [\"f?n*\"]\noperation = \"write\"\n");
        assert_eq!((tool.operation, tool.operation_source), (Operation::Write, OperationSource::Overlay));
    }

    #[test]
    fn a_later_rule_overrides_what_it_names() {
        let toml = r#"
            [servers.crm]
            default_state = "approved"
            [[servers.crm.rules]]
            tools = ["*"]
            entitlements = ["crm:read"]
            labels = ["b", "a", "b"]
            sensitive = true
            [[servers.crm.rules]]
            tools = ["find"]
            state = "disabled"
            entitlements = []
        "#;
        let tool = tool(READ, toml);
        assert_eq!(tool.state, ToolState::Disabled);
        assert_eq!((tool.entitlements.len(), tool.labels, tool.sensitive), (0, vec!["a".into(), "b".into()], true));
    }

    #[test]
    fn nothing_said_is_not_approved() {
        assert_eq!(tool(READ, "").state, ToolState::Unset);
    }

    #[test]
    fn faults_are_placed() {
        let limits = Limits::default();
        for (toml, code, line) in [
            ("[servers.crm]\ntrused = true\n", "unknown_field", 2),
            ("[servers.crm]\ntrusted = 1\n", "wrong_type", 2),
            ("[servers.crm\n", "toml_syntax", 1),
            ("\n[servers.crm.scopes.\"a b\"]\nenabled = true\n", "invalid_value", 2),
            ("\n\n[[servers.crm.rules]]\ntools = [\"{a,b}\"]\n", "invalid_value", 3),
        ] {
            let error = overlay(toml, &limits).unwrap_err();
            assert_eq!((error.code(), error.span().map(|span| span.line)), (code, Some(line)), "{error}");
        }
    }

    #[test]
    fn rules_that_name_nothing_are_found() {
        let (_, findings) = catalog(READ, "[[servers.crm.rules]]\ntools = [\"find\", \"fnid\"]\n");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("fnid"));
    }
}
