//! A suite as written → its cases: names looked up, layers merged, clock tables and matrices written out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use toolgate::{Call, Instant, Json, Session, Subject, TokenRequest, ToolId, Visibility};

use super::expect::{Answering, Expect, near};
use super::fault::Fault;
use super::matrix;
use super::overlay::{Base, Overlay, laid_over};
use super::raw::{RawCase, RawSuite, RawToken};
use super::yaml::{Document, under};
use super::{Ask, Case, Suite};

/// What a suite is expanded with.
pub(super) struct Expander<'a> {
    pub(super) document: &'a Document,
    pub(super) raw: &'a RawSuite,
    pub(super) tools: &'a BTreeSet<ToolId>,
    pub(super) base: &'a Base,
}

/// Reads the suite of a document. All faults found are returned together.
pub(super) fn suite(document: &Document, tools: &BTreeSet<ToolId>, base: &Base) -> Result<Suite, Vec<Fault>> {
    let raw: RawSuite = document.read("", document.value()).map_err(|fault| {
        vec![match fault.message.contains("unknown field") || fault.message.contains("missing field") {
            true => fault.help("correct its spelling, or remove it; the format is in docs/testing.md"),
            false => fault,
        }]
    })?;
    let expander = Expander { document, raw: &raw, tools, base };
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    if let Some(now) = &raw.now {
        keep(&mut faults, instant(document, "/now", now));
    }
    for name in raw.subjects.keys() {
        keep(&mut faults, expander.subject(&under("/subjects", name), &json!(name)));
    }
    for (name, session) in &raw.sessions {
        keep(&mut faults, expander.session(&[(under("/sessions", name), Some(session.clone()))]));
    }
    let mut names = BTreeSet::new();
    for (at, case) in raw.cases.iter().enumerate() {
        let pointer = format!("/cases/{at}");
        if !names.insert(case.name.clone()) {
            let message = format!("two cases are called `{}`", case.name);
            faults.push(document.fault(&under(&pointer, "name"), message).help("give each a name of its own"));
        }
        match expander.case(&pointer, case) {
            Ok(more) => cases.extend(more),
            Err(fault) => faults.push(fault),
        }
    }
    for (at, matrix) in raw.matrix.iter().enumerate() {
        match matrix::expand(&expander, at, matrix) {
            Ok(more) => cases.extend(more),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if let Some(reason) = &raw.skip {
        cases.iter_mut().for_each(|case| case.skip = case.skip.take().or_else(|| Some(reason.clone())));
    }
    Ok(Suite { name: raw.suite.clone(), file: document.file.clone(), cases })
}

fn keep<T>(faults: &mut Vec<Fault>, result: Result<T, Fault>) {
    faults.extend(result.err());
}

/// Layers of an object, each with its place; nothing begins anew.
pub(super) type Layers = Vec<(String, Option<Value>)>;

impl Expander<'_> {
    fn case(&self, pointer: &str, raw: &RawCase) -> Result<Vec<Case>, Fault> {
        let fault = |message: &str, help: &str| Err(self.document.fault(pointer, message).help(help));
        let kinds = [raw.tools.is_some(), raw.token.is_some()].into_iter().filter(|kind| *kind).count();
        if kinds > 1 || kinds == 1 && (raw.tool.is_some() || raw.arguments.is_some()) {
            return fault("a case has one of `tool`, `tools` and `token`", "make two cases of it");
        }
        let overlay = self.overlay(&[
            ("/defaults/snapshot", &self.raw.defaults.snapshot),
            (&under(pointer, "snapshot"), &raw.snapshot),
        ])?;
        let base = Case {
            name: raw.name.clone(),
            line: self.document.place(pointer).line,
            skip: raw.skip.clone(),
            overlay,
            ask: Ask::Nothing,
        };
        if let Some(tools) = &raw.tools {
            if raw.expect.is_some() || raw.at.is_some() {
                return fault("`tools` says what is expected already", "remove `expect` and `at`");
            }
            return Ok(vec![Case { ask: self.tools(pointer, raw, tools)?, ..base }]);
        }
        let clock = match (&raw.at, &raw.expect) {
            (Some(_), Some(_)) => return fault("`at` and `expect` are both there", "`at` says what is expected when"),
            (None, None) => {
                return fault(
                    "nothing is expected",
                    "add `expect: auto_approve`, or `at:` with a time and an outcome each",
                );
            }
            (Some(at), None) if at.is_empty() => return fault("`at` is empty", "write a time and an outcome each"),
            (Some(at), None) if raw.now.is_none() => {
                let times =
                    at.iter().map(|(time, expect)| (Some(time.clone()), under(&under(pointer, "at"), time), expect));
                times.collect::<Vec<_>>()
            }
            (Some(_), None) => return fault("`at` and `now` are both there", "remove `now`"),
            (None, Some(expect)) => vec![(None, under(pointer, "expect"), expect)],
        };
        let mut cases = Vec::new();
        for (time, place, expected) in clock {
            let now = match &time {
                Some(time) => instant(self.document, &place, time)?,
                None => self.now(pointer, raw.now.as_deref())?,
            };
            let name = time.as_ref().map_or_else(|| raw.name.clone(), |time| format!("{} @ {time}", raw.name));
            let ask = match &raw.token {
                Some(token) => Ask::Token {
                    request: Box::new(self.token(pointer, raw, token, now)?),
                    expect: self.expect(&place, expected, Answering::Token)?,
                },
                None => Ask::Call {
                    call: Box::new(self.call(pointer, raw, now)?),
                    expect: self.expect(&place, expected, Answering::Call)?,
                },
            };
            let line = time.as_ref().map_or(base.line, |_| self.document.place(&place).line);
            cases.push(Case { name, line, ask, ..base.clone() });
        }
        Ok(cases)
    }

    fn call(&self, pointer: &str, raw: &RawCase, now: Instant) -> Result<Call, Fault> {
        let (place, tool) = match (&raw.tool, &self.raw.defaults.tool) {
            (Some(tool), _) => (under(pointer, "tool"), tool),
            (None, Some(tool)) => ("/defaults/tool".into(), tool),
            (None, None) => {
                let help = "add `tool: server/name`, `tools:` or `token:`";
                return Err(self.document.fault(pointer, "it is not said what is called").help(help));
            }
        };
        let tool: ToolId = tool.parse().map_err(|_| {
            self.document.fault(&place, format!("`{tool}` does not name a tool")).help("write `server/name`")
        })?;
        let subject = self.subject_of(pointer, &raw.subject)?;
        let given =
            [("/defaults/arguments", &self.raw.defaults.arguments), (&under(pointer, "arguments"), &raw.arguments)];
        let arguments = self.arguments(&tool, &given)?;
        let session = self.session_of(&under(pointer, "session"), &raw.session)?;
        Ok(Call { subject, tool, arguments, session, now })
    }

    /// The arguments of a tool: those of the fixture that is named after it, then what the case says.
    pub(super) fn arguments(&self, tool: &ToolId, given: &[(&str, &Option<Value>)]) -> Result<Json, Fault> {
        let own = tool.to_string();
        let mut layers: Layers = Vec::new();
        if let Some(value) = self.raw.arguments.get(&own) {
            layers.push((under("/arguments", &own), Some(value.clone())));
        }
        for (pointer, value) in given {
            self.layers(&mut layers, pointer, value.as_ref(), ("/arguments", &self.raw.arguments))?;
        }
        let mut fields = Map::new();
        for (pointer, layer) in layers {
            match layer {
                None => fields.clear(),
                Some(Value::Object(more)) => fields.extend(more),
                Some(_) => return Err(self.document.fault(&pointer, "arguments are an object")),
            }
        }
        let text = Value::Object(fields).to_string();
        Json::parse(text.as_bytes()).map_err(|error| {
            let pointer = given.last().map_or("", |(pointer, _)| *pointer);
            self.document.fault(pointer, error.message())
        })
    }

    fn tools(&self, pointer: &str, raw: &RawCase, tools: &BTreeMap<String, String>) -> Result<Ask, Fault> {
        let place = under(pointer, "tools");
        let mut patterns = Vec::new();
        for (pattern, visibility) in tools {
            let at = under(&place, pattern);
            let visibility = match visibility.as_str() {
                "callable" => Visibility::Callable,
                "needs_approval" => Visibility::NeedsApproval,
                "requestable" => Visibility::Requestable,
                "hidden" => Visibility::Hidden,
                other => {
                    let words = ["callable", "needs_approval", "requestable", "hidden"];
                    let message = format!("there is no visibility `{other}`");
                    return Err(self.document.fault(&at, message).help(near(other, &words)));
                }
            };
            patterns.push((pattern.clone(), visibility));
        }
        let all: Vec<ToolId> = self.tools.iter().cloned().collect();
        let names: Vec<&str> = patterns.iter().map(|(pattern, _)| pattern.as_str()).collect();
        matrix::check_patterns(self.document, &place, &names, &all)?;
        let listed = |tool: &ToolId| matrix::best(&names, tool).and_then(|at| patterns.get(at)).map(|(_, seen)| *seen);
        let expect = all.iter().filter_map(|tool| Some((tool.clone(), listed(tool)?))).collect();
        Ok(Ask::Tools {
            subject: self.subject_of(pointer, &raw.subject)?,
            session: Box::new(self.session_of(&under(pointer, "session"), &raw.session)?),
            now: self.now(pointer, raw.now.as_deref())?,
            expect,
        })
    }

    fn token(&self, pointer: &str, raw: &RawCase, token: &RawToken, now: Instant) -> Result<TokenRequest, Fault> {
        let place = under(pointer, "token");
        let subject = match &token.subject {
            Some(subject) => self.subject(&under(&place, "subject"), subject)?,
            None => self.subject_of(pointer, &raw.subject)?,
        };
        let now = match &token.now {
            Some(now) => instant(self.document, &under(&place, "now"), now)?,
            None => now,
        };
        let mut session = self.session_layers(&under(pointer, "session"), &raw.session)?;
        self.layers(
            &mut session,
            &under(&place, "session"),
            token.session.as_ref(),
            ("/sessions", &self.raw.sessions),
        )?;
        Ok(TokenRequest {
            subject,
            audience: token.audience.clone(),
            resource: token.resource.clone(),
            scope: token.scope.clone(),
            session: self.session(&session)?,
            now,
        })
    }

    pub(super) fn expect(&self, pointer: &str, value: &Value, of: Answering) -> Result<Expect, Fault> {
        Expect::read(value, of).map_err(|(key, message, help)| {
            let place = key.map_or_else(|| pointer.to_string(), |key| under(pointer, &key));
            self.document.fault(&place, message).help(help)
        })
    }

    /// The instant of a case, which must be said somewhere: toolgate has no clock.
    pub(super) fn now(&self, pointer: &str, own: Option<&str>) -> Result<Instant, Fault> {
        match (own, &self.raw.now) {
            (Some(now), _) => instant(self.document, &under(pointer, "now"), now),
            (None, Some(now)) => instant(self.document, "/now", now),
            (None, None) => Err(self
                .document
                .fault(pointer, "it is not said when this happens")
                .help("add `now: 2026-11-20T10:00:00Z` to the case or to the suite; tests do not read the clock")),
        }
    }

    fn subject_of(&self, pointer: &str, own: &Option<Value>) -> Result<Subject, Fault> {
        match (own, &self.raw.defaults.subject) {
            (Some(subject), _) => self.subject(&under(pointer, "subject"), subject),
            (None, Some(subject)) => self.subject("/defaults/subject", subject),
            (None, None) => Err(self.document.fault(pointer, "it is not said who calls").help("add `subject: …`")),
        }
    }

    /// A subject by name, or spelt out.
    pub(super) fn subject(&self, pointer: &str, value: &Value) -> Result<Subject, Fault> {
        let (pointer, value) = match value.as_str() {
            None => (pointer.to_string(), value),
            Some(name) => match self.raw.subjects.get(name) {
                Some(value) => (under("/subjects", name), value),
                None => {
                    let names: Vec<&str> = self.raw.subjects.keys().map(String::as_str).collect();
                    let message = format!("`subjects` has no `{name}`");
                    return Err(self.document.fault(pointer, message).help(near(name, &names)));
                }
            },
        };
        let help = "write `{ user: alice, client: claude-code }` or `{ service_principal: soc-triage }`";
        if !value.is_object() {
            return Err(self.document.fault(&pointer, "a subject is an object").help(help));
        }
        self.document.read(&pointer, value.clone()).map_err(|fault| fault.help(help))
    }

    fn session_layers(&self, pointer: &str, own: &Option<Value>) -> Result<Layers, Fault> {
        let mut layers = Vec::new();
        let named = ("/sessions", &self.raw.sessions);
        self.layers(&mut layers, "/defaults/session", self.raw.defaults.session.as_ref(), named)?;
        self.layers(&mut layers, pointer, own.as_ref(), named)?;
        Ok(layers)
    }

    pub(super) fn session_of(&self, pointer: &str, own: &Option<Value>) -> Result<Session, Fault> {
        self.session(&self.session_layers(pointer, own)?)
    }

    fn session(&self, layers: &[(String, Option<Value>)]) -> Result<Session, Fault> {
        let mut merged = json!({});
        for (pointer, layer) in layers {
            let Some(layer) = layer else {
                merged = json!({});
                continue;
            };
            if !layer.is_object() {
                return Err(self.document.fault(pointer, "a session is an object such as `{ labels: [] }`"));
            }
            self.document.read::<Session>(pointer, layer.clone())?;
            merged = laid_over(Some(merged), layer);
        }
        self.document.read("", merged)
    }

    /// What the case changes of the snapshot.
    pub(super) fn overlay(&self, given: &[(&str, &Option<Value>)]) -> Result<Option<Arc<Overlay>>, Fault> {
        let mut layers = Vec::new();
        for (pointer, value) in given {
            self.layers(&mut layers, pointer, value.as_ref(), ("/snapshots", &self.raw.snapshots))?;
        }
        // nothing begins anew: what came before does not count
        let from = layers.iter().rposition(|(_, layer)| layer.is_none()).map_or(0, |at| at.saturating_add(1));
        let layers: Vec<(String, Value)> =
            layers.into_iter().skip(from).filter_map(|(pointer, layer)| Some((pointer, layer?))).collect();
        self.base.overlay(self.document, &layers)
    }

    /// Layers: an object, the name of a fixture, nothing, or a list of those.
    fn layers(
        &self,
        into: &mut Layers,
        pointer: &str,
        value: Option<&Value>,
        (place, named): (&str, &BTreeMap<String, Value>),
    ) -> Result<(), Fault> {
        match value {
            None => {}
            Some(Value::Null) => into.push((pointer.into(), None)),
            Some(Value::String(name)) => {
                let Some(value) = named.get(name) else {
                    let names: Vec<&str> = named.keys().map(String::as_str).collect();
                    let list = place.trim_start_matches('/');
                    let message = format!("`{list}` has no `{name}`");
                    let help = if names.is_empty() { format!("define it under `{list}:`") } else { near(name, &names) };
                    return Err(self.document.fault(pointer, message).help(help));
                };
                into.push((under(place, name), Some(value.clone())));
            }
            Some(Value::Array(items)) => {
                for (at, item) in items.iter().enumerate() {
                    let pointer = format!("{pointer}/{at}");
                    if item.is_array() {
                        return Err(self.document.fault(&pointer, "layers do not nest"));
                    }
                    self.layers(into, &pointer, Some(item), (place, named))?;
                }
            }
            Some(object) => into.push((pointer.into(), Some(object.clone()))),
        }
        Ok(())
    }
}

pub(super) fn instant(document: &Document, pointer: &str, text: &str) -> Result<Instant, Fault> {
    text.parse().map_err(|error: toolgate::Error| document.fault(pointer, error.message()).help(error.next_step()))
}
