//! toolgate for WebAssembly: an engine and an engine in use, as texts in and texts out.
//!
//! Owns what JavaScript holds. What is said is [`wire`]'s; what is pleasant to call is `js/api.js`, the only caller of
//! this. Errors are thrown as the text of [`wire::errors`]: whatever else is thrown is a trap, after which the instance
//! is not to be used again.

use toolgate::wire;
use wasm_bindgen::prelude::wasm_bindgen;

/// Policies, catalog and snapshot, compiled. Never changes.
#[wasm_bindgen]
pub struct Engine(toolgate::Engine);

#[wasm_bindgen]
impl Engine {
    /// Loads sources: [`wire::load`].
    pub fn load(sources: &str) -> Result<Self, String> {
        wire::load(sources.as_bytes()).map(Self)
    }

    /// Other sources in this one's place: [`wire::reload`].
    pub fn reload(&self, sources: &str) -> Result<Self, String> {
        wire::reload(&self.0, sources.as_bytes()).map(Self)
    }

    /// The same engine after a change: [`wire::with`].
    pub fn with(&self, delta: &str) -> Result<Self, String> {
        wire::with(&self.0, delta.as_bytes()).map(Self)
    }

    /// What the engine is: [`wire::describe`].
    pub fn describe(&self) -> String {
        wire::describe(&self.0)
    }

    /// The Cedar schema that policies are checked against.
    pub fn schema(&self) -> String {
        self.0.schema()
    }

    /// A decision: [`wire::decide`].
    pub fn decide(&self, call: &str) -> String {
        wire::decide(&self.0, call.as_bytes()).json
    }

    /// The same for bytes.
    pub fn decide_bytes(&self, call: &[u8]) -> String {
        wire::decide(&self.0, call).json
    }

    /// What a subject sees: [`wire::visible_tools`].
    pub fn visible_tools(&self, viewer: &str) -> Result<String, String> {
        wire::visible_tools(&self.0, viewer.as_bytes())
    }

    /// The scopes of a token: [`wire::decide_token`].
    pub fn decide_token(&self, request: &str) -> String {
        wire::decide_token(&self.0, request.as_bytes())
    }
}

/// The engine in use, swapped whole.
#[wasm_bindgen]
pub struct Live(toolgate::Live);

#[wasm_bindgen]
impl Live {
    /// Begins with an engine.
    #[wasm_bindgen(constructor)]
    pub fn new(engine: &Engine) -> Self {
        Self(toolgate::Live::new(engine.0.clone()))
    }

    /// The engine in use at the moment.
    pub fn engine(&self) -> Engine {
        Engine(self.0.engine().clone())
    }

    /// Puts another engine in its place: [`wire::swap`].
    pub fn swap(&self, engine: &Engine) -> Result<(), String> {
        wire::swap(&self.0, engine.0.clone())
    }

    /// Changes the engine in use: [`wire::apply`].
    pub fn apply(&self, delta: &str) -> Result<(), String> {
        wire::apply(&self.0, delta.as_bytes())
    }

    /// As [`Engine::decide`], with the engine in use.
    pub fn decide(&self, call: &str) -> String {
        wire::decide(&self.0.engine(), call.as_bytes()).json
    }

    /// As [`Engine::decide_bytes`], with the engine in use.
    pub fn decide_bytes(&self, call: &[u8]) -> String {
        wire::decide(&self.0.engine(), call).json
    }

    /// As [`Engine::visible_tools`], with the engine in use.
    pub fn visible_tools(&self, viewer: &str) -> Result<String, String> {
        wire::visible_tools(&self.0.engine(), viewer.as_bytes())
    }

    /// As [`Engine::decide_token`], with the engine in use.
    pub fn decide_token(&self, request: &str) -> String {
        wire::decide_token(&self.0.engine(), request.as_bytes())
    }
}

/// Every code there is: [`wire::codes`].
#[wasm_bindgen]
pub fn codes() -> String {
    wire::codes()
}
