//! toolgate for WebAssembly: an engine and an engine in use, as texts in and texts out.
//!
//! Owns what JavaScript holds. What is said is [`wire`]'s; how it is said to people is `js/api.js`'s. Errors are thrown
//! as the text of [`wire::errors`]: whatever else is thrown is a trap, after which the instance is not to be used again.

use toolgate::wire::{self, Answer};
use wasm_bindgen::prelude::wasm_bindgen;

/// An engine. It never changes.
#[wasm_bindgen]
pub struct Engine(toolgate::Engine);

#[wasm_bindgen]
impl Engine {
    /// Loads one from the JSON of its sources.
    pub fn load(sources: &str) -> Result<Self, String> {
        wire::load(sources.as_bytes()).map(Self)
    }

    /// Another in its place, with its limits.
    pub fn reload(&self, sources: &str) -> Result<Self, String> {
        wire::reload(&self.0, sources.as_bytes()).map(Self)
    }

    /// Another, after a delta.
    pub fn with(&self, change: &str) -> Result<Self, String> {
        wire::with(&self.0, change.as_bytes()).map(Self)
    }

    /// Decides a call: the decision, and [whether it may run](marked).
    pub fn decide(&self, call: &str) -> String {
        marked(wire::decide(&self.0, call.as_bytes()))
    }

    /// The same, for a call that is bytes and may not even be text.
    pub fn decide_bytes(&self, call: &[u8]) -> String {
        marked(wire::decide(&self.0, call))
    }

    /// Decides what scopes a token may carry.
    pub fn decide_token(&self, request: &str) -> String {
        wire::decide_token(&self.0, request.as_bytes())
    }

    /// What a subject sees of every tool.
    pub fn visible_tools(&self, request: &str) -> Result<String, String> {
        wire::visible_tools(&self.0, request.as_bytes())
    }

    /// What the engine is.
    pub fn describe(&self) -> String {
        wire::describe(&self.0)
    }
}

/// The engine in use.
#[wasm_bindgen]
pub struct Live(toolgate::Live);

#[wasm_bindgen]
impl Live {
    /// Begins with an engine, which stays the caller's.
    #[wasm_bindgen(constructor)]
    pub fn new(engine: &Engine) -> Self {
        Self(toolgate::Live::new(engine.0.clone()))
    }

    /// The engine that is in use now.
    pub fn engine(&self) -> Engine {
        Engine(self.0.engine().clone())
    }

    /// Puts another into use; never one with an older snapshot.
    pub fn swap(&self, engine: &Engine) -> Result<(), String> {
        wire::swap(&self.0, engine.0.clone())
    }

    /// Changes it by a delta.
    pub fn apply(&self, change: &str) -> Result<(), String> {
        wire::apply(&self.0, change.as_bytes())
    }

    /// As [`Engine::decide`].
    pub fn decide(&self, call: &str) -> String {
        marked(wire::decide(&self.0.engine(), call.as_bytes()))
    }

    /// As [`Engine::decide_bytes`].
    pub fn decide_bytes(&self, call: &[u8]) -> String {
        marked(wire::decide(&self.0.engine(), call))
    }
}

/// Every code there is.
#[wasm_bindgen]
pub fn codes() -> String {
    wire::codes()
}

/// A decision's JSON with a mark after it: `+` if the call may run now, `-` if not. One string is cheaper to hand over
/// than a string and a flag.
fn marked(mut answer: Answer) -> String {
    answer.json.push(if answer.allowed { '+' } else { '-' });
    answer.json
}
