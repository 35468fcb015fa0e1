//! The contestant that matters. Everything that decides goes through [`decide`].

use toolgate::{Decision, Engine};

use crate::calls::Call;
use crate::workload::World;

/// Decides one call from strings and raw argument bytes. The one place to change when a faster entry comes.
#[inline]
pub fn decide(engine: &Engine, call: &Call) -> Decision {
    engine.decide_json(&call.json)
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
