//! What an approval of exactly one call binds to, written straight from the call's tape.

use sha2::{Digest, Sha256};

use crate::data::canonical::written;
use crate::data::id::SubjectRef;
use crate::load::asking::Asking;
use crate::load::canonical::{write, write_text};

/// The digest that an approval of exactly this call carries: see [`check::binding`](crate::eval::check::binding).
///
/// `definition` is the digest of the tool's definition, `room` for the text that is hashed.
pub(crate) fn binding(asking: &Asking<'_>, definition: &str, room: &mut String) -> String {
    room.clear();
    // The keys are in the order of RFC 8785.
    room.push_str("{\"arguments\":");
    write(room, asking.arguments);
    room.push_str(",\"definition\":");
    write_text(room, definition);
    room.push_str(",\"subject\":");
    match asking.subject {
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
    write_text(room, asking.tool);
    room.push('}');
    written(Sha256::new_with_prefix(room.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Serde, json};

    use super::*;
    use crate::compile::arguments::tests::values;
    use crate::data::catalog::{Annotations, OperationSource, Tool, ToolDefinition, ToolState};
    use crate::data::id::{Operation, ToolId};
    use crate::eval::check;
    use crate::limits::Limits;
    use crate::load::call;
    use crate::load::tape::Tape;

    fn tool(id: ToolId, digest: &str) -> Tool {
        Tool {
            definition: ToolDefinition {
                name: id.name.clone(),
                title: None,
                description: None,
                input_schema: crate::Json::Null,
                annotations: Annotations::default(),
                digest: digest.to_owned(),
            },
            id,
            operation: Operation::Read,
            operation_source: OperationSource::Default,
            state: ToolState::Approved,
            entitlements: vec![],
            labels: vec![],
            sensitive: false,
            pin: None,
            guidance: None,
        }
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
            let (limits, mut tape, mut built, mut room) = (Limits::default(), Tape::default(), Tape::default(), "left over".to_owned());
            let call = call::read(text.as_bytes(), &limits).unwrap();
            let expected = check::binding(&call, &tool(call.tool.clone(), &digest));
            let asking = Asking::read(&mut tape, text.as_bytes(), &limits).unwrap();
            prop_assert_eq!(binding(&asking, &digest, &mut room), expected.clone(), "{}", text);
            let arguments = built.build(&call.arguments);
            let asking = Asking { subject: (&call.subject).into(), tool: &name, arguments, session: (&call.session).into(), now: call.now };
            prop_assert_eq!(binding(&asking, &digest, &mut room), expected, "{}", text);
        }
    }
}
