//! The contestant that matters. Everything that decides goes through [`decide`].

use toolgate::{Decision, Engine, RawCall, SubjectRef};

use crate::calls::Call;
use crate::workload::World;

/// Decides one call from strings and raw argument bytes.
#[inline]
pub fn decide<'e>(engine: &'e Engine, call: &Call) -> Decision<'e> {
    engine.decide_raw(&raw(call))
}

/// A call as the engine takes it.
pub fn raw(call: &Call) -> RawCall<'_> {
    let subject = match &call.client {
        Some(client) => SubjectRef::Agent { user: &call.subject, client },
        None => SubjectRef::ServicePrincipal { id: &call.subject },
    };
    RawCall { subject, tool: &call.tool, arguments: &call.arguments, session: &call.session, now: call.now }
}

/// Loads a company.
pub fn load(world: &World) -> Engine {
    load_bundle(world, &world.bundle())
}

/// Loads a part of a company.
pub fn load_bundle(world: &World, bundle: &toolgate::Bundle) -> Engine {
    Engine::load_with(bundle, world.limits()).unwrap_or_else(|error| {
        let errors = error.errors();
        panic!("{} errors, the first: {}", errors.len(), errors[0]);
    })
}
