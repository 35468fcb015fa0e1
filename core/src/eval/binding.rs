//! What an approval of exactly one call binds to, written straight from the call's tape.

use sha2::{Digest, Sha256};

use crate::data::canonical::Written;
use crate::data::id::SubjectRef;
use crate::load::canonical::{write, write_text};
use crate::load::tape::Item;

/// The digest that an approval of exactly this call carries.
///
/// SHA-256 of the RFC 8785 form of `{"arguments", "definition", "subject", "tool"}`, where `definition` is the
/// digest of the tool's definition. Order and spelling of the arguments do not matter; every value does.
pub(crate) fn binding(subject: SubjectRef<'_>, tool: &str, arguments: Item<'_>, definition: &str) -> Written {
    let room = &mut String::with_capacity(1024);
    // The keys are in the order of RFC 8785.
    room.push_str("{\"arguments\":");
    write(room, arguments);
    room.push_str(",\"definition\":");
    write_text(room, definition);
    room.push_str(",\"subject\":");
    match subject {
        SubjectRef::Agent { user, client } => {
            room.push_str("{\"client\":");
            write_text(room, client);
            room.push_str(",\"user\":");
            write_text(room, user);
        }
        SubjectRef::ServicePrincipal { id } => {
            room.push_str("{\"service_principal\":");
            write_text(room, id);
        }
    }
    room.push_str("},\"tool\":");
    write_text(room, tool);
    room.push('}');
    Written::new(Sha256::new_with_prefix(room.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value as Serde, json};

    use super::*;
    use crate::compile::arguments::tests::values;
    use crate::data::call::Call;
    use crate::data::canonical;
    use crate::data::id::Subject;
    use crate::data::json::Json;
    use crate::limits::Limits;
    use crate::load::asking::Asking;
    use crate::load::call;
    use crate::load::tape::Tape;

    /// The same, from the tree.
    fn of_tree(call: &Call, definition: &str) -> String {
        let text = |value: &str| Json::String(value.into());
        let subject: BTreeMap<String, Json> = match &call.subject {
            Subject::Agent { user, client } => [("user".into(), text(user)), ("client".into(), text(client))].into(),
            Subject::ServicePrincipal { id } => [("service_principal".into(), text(id))].into(),
        };
        canonical::digest(&Json::Object(
            [
                ("arguments".into(), call.arguments.clone()),
                ("definition".into(), text(definition)),
                ("subject".into(), Json::Object(subject)),
                ("tool".into(), text(&call.tool.to_string())),
            ]
            .into(),
        ))
    }

    fn of(asking: &Asking<'_>, definition: &str) -> String {
        binding(asking.subject, asking.tool, asking.arguments, definition).as_str().to_owned()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_is_the_digest_of_the_tree(
            arguments in prop::collection::btree_map("[a-c\"é\u{e000}\u{10000}]{0,3}", values(), 0..5),
            names in prop::collection::vec("[a-c\"\\\\\n/é]{1,4}", 3),
            service in any::<bool>(),
            digest in "sha256:[0-9a-f]{4}|\\PC{0,3}",
        ) {
            let subject = if service { json!({"service_principal": names[0]}) } else { json!({"user": names[0], "client": names[1]}) };
            let arguments: serde_json::Map<String, Serde> = arguments.into_iter().collect();
            let name = format!("s/{}", names[2]);
            let text = json!({"subject": subject, "tool": name, "arguments": arguments, "now": "2026-11-20T10:00:00Z"});
            let text = text.to_string();
            let (limits, mut tape, mut built) = (Limits::default(), Tape::default(), Tape::default());
            let call = call::read(text.as_bytes(), &limits).unwrap();
            let expected = of_tree(&call, &digest);
            let asking = Asking::read(&mut tape, text.as_bytes(), &limits).unwrap();
            prop_assert_eq!(of(&asking, &digest), expected.clone(), "{}", text);
            let arguments = built.build(&call.arguments);
            let asking = Asking { subject: (&call.subject).into(), tool: &name, arguments, session: (&call.session).into(), now: call.now };
            prop_assert_eq!(of(&asking, &digest), expected, "{}", text);
        }
    }
}
