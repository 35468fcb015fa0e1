//! A call, borrowed from the text it came in.
//!
//! Accepts exactly what [`call::from_json`] accepts. Why something is refused is for that to say.

use smallvec::SmallVec;

use crate::data::call::SessionView;
use crate::data::id::{SubjectRef, names_no_tool, tool_parts};
use crate::data::number::to_u64;
use crate::data::time::Instant;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::call;
use crate::load::json::JsonLimits;
use crate::load::tape::{Item, Kind, Tape};

/// [`Call`](crate::Call) without anything of its own.
#[derive(Clone, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) subject: SubjectRef<'a>,
    /// `server/name`: a server id has no slash, so the first one separates.
    pub(crate) tool: &'a str,
    /// An object.
    pub(crate) arguments: Item<'a>,
    pub(crate) session: SessionView<'a>,
    pub(crate) now: Instant,
}

impl<'a> Asking<'a> {
    /// Reads a call, as [`call::read`] does.
    pub(crate) fn read(tape: &'a mut Tape, bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let item = tape.read(bytes, &JsonLimits::call(limits))?;
        // FAIL-CLOSED: the_seeds_of_the_fuzzer_are_read_alike
        Self::of(item).ok_or_else(|| match call::from_json(item.to_json()) {
            Err(error) => error,
            Ok(_) => Error::new(ErrorKind::InvalidValue, "this is not a call").at_pointer(""),
        })
    }

    /// The call that a value is, if it is one.
    pub(crate) fn of(item: Item<'a>) -> Option<Self> {
        let (mut subject, mut tool, mut now) = (None, None, None);
        let (mut arguments, mut session) = (Item::empty(), SessionView::default());
        if item.kind() != Kind::Object {
            return None;
        }
        for (key, value) in item.members() {
            match key.text()? {
                "subject" => subject = Some(of_subject(value)?),
                "tool" => tool = Some(value.text().filter(|text| tool_parts(text).is_some())?),
                "arguments" if value.kind() == Kind::Object => arguments = value,
                "session" => session = of_session(value)?,
                "now" => now = Some(value.text()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(Self { subject: subject?, tool: tool?, arguments, session, now: now? })
    }

    /// A call of which only the arguments are JSON, absent if there are none. Their place in errors is `/arguments`.
    pub(crate) fn from_parts(
        tape: &'a mut Tape,
        subject: SubjectRef<'a>,
        tool: &'a str,
        arguments: Option<&'a [u8]>,
        session: SessionView<'a>,
        now: Instant,
        limits: &Limits,
    ) -> Result<Self, Error> {
        if tool_parts(tool).is_none() {
            return Err(Error::new(ErrorKind::InvalidValue, names_no_tool(tool)).under("tool"));
        }
        let arguments = match arguments {
            None => Item::empty(),
            Some(bytes) => tape.read(bytes, &JsonLimits::call(limits)).map_err(|error| error.under("arguments"))?,
        };
        if arguments.kind() != Kind::Object {
            let message = format!("expected an object, found {}", arguments.kind().name());
            return Err(Error::new(ErrorKind::WrongType, message).under("arguments"));
        }
        Ok(Self { subject, tool, arguments, session, now })
    }
}

fn of_subject(item: Item<'_>) -> Option<SubjectRef<'_>> {
    if item.kind() != Kind::Object {
        return None;
    }
    let (mut user, mut client, mut service_principal) = (None, None, None);
    for (key, value) in item.members() {
        let slot = match key.text()? {
            "user" => &mut user,
            "client" => &mut client,
            "service_principal" => &mut service_principal,
            _ => return None,
        };
        *slot = optional(value, |value| value.text())?;
    }
    match (user, client, service_principal) {
        (Some(user), Some(client), None) => Some(SubjectRef::Agent { user, client }),
        (None, None, Some(id)) => Some(SubjectRef::ServicePrincipal { id }),
        _ => None,
    }
}

fn of_session(item: Item<'_>) -> Option<SessionView<'_>> {
    if item.kind() != Kind::Object {
        return None;
    }
    let mut session = SessionView::default();
    for (key, value) in item.members() {
        match key.text()? {
            "id" => session.id = optional(value, |value| value.text())?,
            "calls" => session.calls = optional(value, |value| value.number().and_then(to_u64))?,
            "labels" => session.labels = optional(value, labels)?,
            "authenticated_at" => session.authenticated_at = optional(value, |value| value.text()?.parse().ok())?,
            "acr" => session.acr = optional(value, |value| value.text())?,
            "channel" => session.channel = optional(value, |value| value.text())?,
            _ => return None,
        }
    }
    Some(session)
}

fn labels(item: Item<'_>) -> Option<SmallVec<[&str; 8]>> {
    if item.kind() != Kind::Array {
        return None;
    }
    let mut labels = item.elements().map(|item| item.text()).collect::<Option<SmallVec<[&str; 8]>>>()?;
    labels.sort_unstable();
    labels.dedup();
    Some(labels)
}

/// `null` and absent are the same.
fn optional<'a, T>(item: Item<'a>, read: impl FnOnce(Item<'a>) -> Option<T>) -> Option<Option<T>> {
    if item.kind() == Kind::Null { Some(None) } else { read(item).map(Some) }
}

#[cfg(test)]
impl Asking<'_> {
    /// The same with everything of its own.
    pub(crate) fn to_call(&self) -> crate::data::call::Call {
        let (server, name) = tool_parts(self.tool).unwrap_or(("", self.tool));
        crate::data::call::Call {
            subject: self.subject.to_owned(),
            tool: crate::data::id::ToolId::new(server, name),
            arguments: self.arguments.to_json(),
            session: self.session.to_owned(),
            now: self.now,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::call::Call;

    /// Both ways of reading say the same; whether they accept.
    fn agree(bytes: &[u8]) -> bool {
        let limits = Limits { depth: 8, name_bytes: 5, string_bytes: 60, ..Limits::default() };
        let slow = call::read(bytes, &limits);
        let mut tape = Tape::default();
        let quick = Asking::read(&mut tape, bytes, &limits).map(|asking| asking.to_call());
        assert_eq!(quick, slow, "{}", bytes.escape_ascii());
        if let Ok(item) = tape.read(bytes, &JsonLimits::call(&limits)) {
            assert_eq!(Asking::of(item).is_some(), slow.is_ok(), "{}", bytes.escape_ascii());
        }
        slow.is_ok()
    }

    /// A member that fits, and some that nearly do or do not.
    fn member(name: &'static str, texts: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
        let odd = &["null", "1", "\"\"", "[]", "{}", "true", "\"a\"", "\"\\u0061/b\"", "[\"a\",1]"];
        prop_oneof![
            60 => proptest::sample::select(texts).prop_map(move |text| Some(format!("\"{name}\":{text}"))),
            3 => proptest::sample::select(odd).prop_map(move |text| Some(format!("\"{name}\":{text}"))),
            1 => Just(Some(format!("\"{name}x\":1"))),
            3 => Just(None),
        ]
    }

    fn object(members: Vec<Option<String>>, turn: usize) -> String {
        let mut members: Vec<_> = members.into_iter().flatten().collect();
        let turn = turn.checked_rem(members.len()).unwrap_or(0);
        members.rotate_left(turn);
        format!("{{{}}}", members.join(" , "))
    }

    fn session() -> impl Strategy<Value = String> {
        let members = (
            member("id", &["\"s\"", "null", "\"\\u0041\""]),
            member("calls", &["0", "1e3", "18446744073709551615", "1.0", "-0", "18446744073709551616", "0.5", "-1"]),
            member("labels", &["[]", "[\"b\",\"a\",\"b\"]", "[\"\\u0061\",\"a\"]", "null", "[\"a\",null]"]),
            member(
                "authenticated_at",
                &["\"2026-11-20T10:00:00Z\"", "null", "\"1960-01-01T00:00:00+01:00\"", "\"now\""],
            ),
            member("acr", &["\"loa2\"", "null"]),
            member("channel", &["\"mcp\"", "\"\""]),
        );
        (members, 0..6_usize).prop_map(|((a, b, c, d, e, f), turn)| object(vec![a, b, c, d, e, f], turn))
    }

    fn text() -> impl Strategy<Value = String> {
        let subject = &[
            r#"{"user":"u","client":"c"}"#,
            r#"{"client":"c","user":"\u0075","service_principal":null}"#,
            r#"{"service_principal":"p"}"#,
            r#"{"service_principal":"p","user":null}"#,
            r#"{"user":"u"}"#,
            r#"{"user":"u","client":"c","service_principal":"p"}"#,
            r#"{"user":"u","client":"c","x":1}"#,
            r#"{"user":1,"client":"c"}"#,
            "{}",
        ];
        let now =
            &["\"2026-11-20T10:00:00Z\"", "\"2026-11-20T10:00:00.5+02:00\"", "\"2026-11-20t10:00:00z\"", "\"2026\""];
        let session = prop_oneof![
            6 => session().prop_map(|session| Some(format!("\"session\":{session}"))),
            1 => Just(None),
            1 => Just(Some("\"session\":null".to_owned())),
        ];
        let members = (
            member("subject", subject),
            member("tool", &["\"a/b\"", "\"a/b/c\"", "\"\\u0061\\/b\"", "\"/a\"", "\"a\"", "\"a/\""]),
            member("arguments", &["{}", "{\"a\":[1,{\"b\":null}]}", "{\"a\":1,\"\\u0061\":2}", "[]", "null"]),
            session,
            member("now", now),
        );
        (members, 0..5_usize).prop_map(|((a, b, c, d, e), turn)| object(vec![a, b, c, d, e], turn))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_call_is_read_quickly_as_it_is_read_slowly(text in text()) {
            agree(text.as_bytes());
        }

        #[test]
        fn a_bitten_call_is_too(text in text(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            agree(&bytes);
        }
    }

    #[test]
    fn the_seeds_of_the_fuzzer_are_read_alike() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/decide");
        let Ok(seeds) = std::fs::read_dir(folder) else { return };
        let limits = Limits::default();
        let (mut accepted, mut refused) = (0, 0);
        for seed in seeds {
            let bytes = std::fs::read(seed.unwrap().path()).unwrap();
            let (slow, mut tape) = (call::read(&bytes, &limits), Tape::default());
            assert_eq!(Asking::read(&mut tape, &bytes, &limits).map(|asking| asking.to_call()), slow);
            accepted += usize::from(slow.is_ok());
            refused += usize::from(slow.is_err());
        }
        assert!(accepted > 20 && refused > 0, "{accepted} {refused}");
    }

    #[test]
    fn a_call_in_parts_is_the_call_in_one() {
        let text = r#"{"subject":{"user":"u","client":"c"},"tool":"a/b","arguments":{"x":["\n"]},"session":{"calls":3},"now":"2026-11-20T10:00:00Z"}"#;
        let (limits, mut one, mut tape) = (Limits::default(), Tape::default(), Tape::default());
        let whole = Asking::read(&mut one, text.as_bytes(), &limits).unwrap();
        let subject = SubjectRef::Agent { user: "u", client: "c" };
        let mut parts = |tool: &str, arguments: Option<&[u8]>, limits: &Limits| {
            let session = SessionView { calls: Some(3), ..SessionView::default() };
            Asking::from_parts(&mut tape, subject, tool, arguments, session, whole.now, limits)
                .map(|asking| asking.to_call())
        };
        assert_eq!(parts("a/b", Some(br#"{"x":["\n"]}"#), &limits).unwrap(), whole.to_call());
        assert_eq!(
            parts("a/b", None, &limits).unwrap(),
            Call { arguments: Item::empty().to_json(), ..whole.to_call() }
        );
        for (tool, arguments, code, pointer) in [
            ("ab", &b"{}"[..], "invalid_value", "/tool"),
            ("a/b", b"[]", "wrong_type", "/arguments"),
            ("a/b", br#"{"x":1,"x":2}"#, "json_duplicate_key", "/arguments/x"),
            ("a/b", b"", "json_syntax", "/arguments"),
        ] {
            let error = parts(tool, Some(arguments), &limits).unwrap_err();
            assert_eq!((error.code(), error.pointer()), (code, Some(pointer)));
        }
        let small = Limits { call_bytes: 5, ..Limits::default() };
        assert_eq!(parts("a/b", Some(br#"{"x":1}"#), &small).unwrap_err().code(), "limit_exceeded");
    }
}
