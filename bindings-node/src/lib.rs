//! toolgate for Node: the text boundary of the core as an addon.
//!
//! Owns what a text cannot carry: engines that live as long as somebody in JavaScript holds them, work off the event
//! loop, and panics, which become exceptions. Everything else is [`toolgate::wire`]; what is pleasant to call is in
//! `index.js`, the only caller of this. Every error that is thrown here has the text of [`wire::errors`] as its message.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use napi::bindgen_prelude::{AsyncTask, Either, Latin1String, ToNapiValue, TypeName, Uint8Array};
use napi::{Env, Error, Result, Task};
use napi_derive::napi;
use serde_json::json;
use toolgate::{Decision, Effect, Outcome, Reason, wire};
use toolgate_workbench::{bundle, cli};

/// Policies, catalog and snapshot, compiled. Never changes.
#[napi]
pub struct Engine {
    engine: toolgate::Engine,
}

#[napi]
impl Engine {
    /// Loads sources: [`wire::load`].
    #[napi(factory)]
    pub fn load(sources: String) -> Result<Self> {
        guarded(|| Self::of(wire::load(sources.as_bytes())))
    }

    /// The same off the event loop.
    #[napi]
    pub fn load_aside(sources: String) -> AsyncTask<Aside<Engine>> {
        Aside::new(move || Self::of(wire::load(sources.as_bytes())))
    }

    /// Loads the folder of a bundle.
    #[napi(factory)]
    pub fn load_bundle(path: String) -> Result<Self> {
        guarded(|| Self::of(folder(&path)))
    }

    /// The same off the event loop.
    #[napi]
    pub fn load_bundle_aside(path: String) -> AsyncTask<Aside<Engine>> {
        Aside::new(move || Self::of(folder(&path)))
    }

    /// Other sources in this one's place, off the event loop: [`wire::reload`].
    #[napi]
    pub fn reload_aside(&self, sources: String) -> AsyncTask<Aside<Engine>> {
        let engine = self.engine.clone();
        Aside::new(move || Self::of(wire::reload(&engine, sources.as_bytes())))
    }

    /// The same engine after a change: [`wire::with`].
    #[napi]
    pub fn with(&self, delta: String) -> Result<Self> {
        guarded(|| Self::of(wire::with(&self.engine, delta.as_bytes())))
    }

    /// What the engine is: [`wire::describe`].
    #[napi]
    pub fn describe(&self) -> Result<String> {
        guarded(|| Ok(wire::describe(&self.engine)))
    }

    /// The Cedar schema that policies are checked against.
    #[napi]
    pub fn schema(&self) -> Result<String> {
        guarded(|| Ok(self.engine.schema()))
    }

    /// A decision: the text of [`wire::decide`], or packed.
    #[napi]
    pub fn decide(&self, call: String, packed: bool) -> Result<Text> {
        decide(&self.engine, call.as_bytes(), packed)
    }

    /// The same for bytes.
    #[napi]
    pub fn decide_bytes(&self, call: Uint8Array, packed: bool) -> Result<Text> {
        decide(&self.engine, &call, packed)
    }

    /// Decisions off the event loop: [`wire::decide_many`].
    #[napi]
    pub fn decide_many(&self, calls: Vec<Either<String, Uint8Array>>, threads: u32) -> AsyncTask<Aside<String>> {
        decide_many(self.engine.clone(), calls, threads)
    }

    /// What a subject sees: [`wire::visible_tools`].
    #[napi]
    pub fn visible_tools(&self, viewer: String) -> Result<String> {
        visible_tools(&self.engine, &viewer)
    }

    /// The scopes of a token: [`wire::decide_token`].
    #[napi]
    pub fn decide_token(&self, request: String) -> Result<String> {
        decide_token(&self.engine, &request)
    }

    fn of(loaded: std::result::Result<toolgate::Engine, String>) -> Result<Self> {
        loaded.map(|engine| Self { engine }).map_err(Error::from_reason)
    }
}

/// The engine in use, swapped whole.
#[napi]
pub struct Live {
    live: toolgate::Live,
}

#[napi]
impl Live {
    /// Begins with an engine.
    #[napi(constructor)]
    pub fn new(engine: &Engine) -> Self {
        Self { live: toolgate::Live::new(engine.engine.clone()) }
    }

    /// The engine in use at the moment.
    #[napi]
    pub fn engine(&self) -> Engine {
        Engine { engine: self.live.engine().clone() }
    }

    /// Puts another engine in its place: [`wire::swap`].
    #[napi]
    pub fn swap(&self, engine: &Engine) -> Result<()> {
        guarded(|| wire::swap(&self.live, engine.engine.clone()).map_err(Error::from_reason))
    }

    /// Changes the engine in use: [`wire::apply`].
    #[napi]
    pub fn apply(&self, delta: String) -> Result<()> {
        guarded(|| wire::apply(&self.live, delta.as_bytes()).map_err(Error::from_reason))
    }

    /// As [`Engine::decide`], with the engine in use.
    #[napi]
    pub fn decide(&self, call: String, packed: bool) -> Result<Text> {
        decide(&self.live.engine(), call.as_bytes(), packed)
    }

    /// As [`Engine::decide_bytes`], with the engine in use.
    #[napi]
    pub fn decide_bytes(&self, call: Uint8Array, packed: bool) -> Result<Text> {
        decide(&self.live.engine(), &call, packed)
    }

    /// As [`Engine::decide_many`]: all with the engine that is in use now.
    #[napi]
    pub fn decide_many(&self, calls: Vec<Either<String, Uint8Array>>, threads: u32) -> AsyncTask<Aside<String>> {
        decide_many(self.live.engine().clone(), calls, threads)
    }

    /// As [`Engine::visible_tools`], with the engine in use.
    #[napi]
    pub fn visible_tools(&self, viewer: String) -> Result<String> {
        visible_tools(&self.live.engine(), &viewer)
    }

    /// As [`Engine::decide_token`], with the engine in use.
    #[napi]
    pub fn decide_token(&self, request: String) -> Result<String> {
        decide_token(&self.live.engine(), &request)
    }
}

/// Every code there is: [`wire::codes`].
#[napi]
pub fn codes() -> String {
    wire::codes()
}

/// The `toolgate` command. Gives back its exit code.
#[napi]
pub fn command(args: Vec<String>) -> Result<u32> {
    guarded(|| Ok(cli::main(args.into_iter().map(Into::into)).into()))
}

/// Panics, so that the tests see what becomes of it. Not in a release.
#[cfg(debug_assertions)]
#[napi]
pub fn panic_now() -> Result<()> {
    guarded(on_purpose)
}

/// The same off the event loop.
#[cfg(debug_assertions)]
#[napi]
pub fn panic_aside() -> AsyncTask<Aside<()>> {
    Aside::new(on_purpose)
}

#[cfg(debug_assertions)]
fn on_purpose() -> Result<()> {
    std::panic::resume_unwind(Box::new("on purpose"))
}

/// Work on a thread of Node's pool, and the promise of its result.
pub struct Aside<T> {
    work: Option<Box<dyn FnOnce() -> Result<T> + Send>>,
}

impl<T: Send + ToNapiValue + TypeName + 'static> Aside<T> {
    fn new(work: impl FnOnce() -> Result<T> + Send + 'static) -> AsyncTask<Self> {
        AsyncTask::new(Self { work: Some(Box::new(work)) })
    }
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for Aside<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> Result<T> {
        let work = self.work.take().ok_or_else(|| internal("the work is done already"))?;
        guarded(work)
    }

    fn resolve(&mut self, _: Env, output: T) -> Result<T> {
        Ok(output)
    }
}

/// Text for V8, which takes ASCII quickest when told that it is.
type Text = Either<Latin1String, String>;

fn decide(engine: &toolgate::Engine, call: &[u8], packed: bool) -> Result<Text> {
    guarded(|| {
        let packed = if packed { pack(&engine.decide_json(call)) } else { None };
        let text = packed.unwrap_or_else(|| wire::decide(engine, call).json);
        Ok(if text.is_ascii() { Either::A(text.into()) } else { Either::B(text) })
    })
}

/// A decision as `lib/packed.js` reads it quicker than JSON: what is nested and seldom there is JSON, all else the text
/// itself behind its length. `None`: too long for that.
fn pack(decision: &Decision<'_>) -> Option<String> {
    let (approval, access, guidance) = (&decision.approval_request, &decision.access_request, &decision.guidance);
    let (step_up, credential) = (&decision.step_up, &decision.credential);
    let (obligations, gains) = (&decision.obligations, &decision.gains_labels);
    let nested = serde_json::to_string(&(approval, access, guidance, step_up, credential, obligations, gains)).ok()?;
    let nested = Some(nested).filter(|nested| nested != "[null,null,null,null,null,[],[]]");
    let until = decision.valid_until.map(|instant| instant.to_string());

    let mut packed = String::with_capacity(512);
    packed.push(code(Outcome::ALL.iter().position(|outcome| *outcome == decision.outcome)?)?);
    packed.push(code(Reason::ALL.iter().position(|reason| *reason == decision.reason)?)?);
    packed.push(code(decision.policies.len())?);
    for policy in &decision.policies {
        packed.push(code(usize::from(policy.effect == Effect::Forbid))?);
        put(&mut packed, Some(&policy.id))?;
        put(&mut packed, policy.description.as_deref())?;
    }
    put(&mut packed, decision.detail.as_deref())?;
    put(&mut packed, nested.as_deref())?;
    put(&mut packed, until.as_deref())?;
    put(&mut packed, Some(&decision.agent_message))?;
    put(&mut packed, Some(&decision.engine))?;
    put(&mut packed, Some(&decision.snapshot_version.to_string()))?;
    Some(packed)
}

/// A text behind its length as JavaScript counts it and one more, in two characters; nothing is 0.
fn put(packed: &mut String, text: Option<&str>) -> Option<()> {
    let units = |text: &str| if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    let length = text.map_or(0, |text| units(text).saturating_add(1));
    packed.push(code(length >> 7)?);
    packed.push(code(length & 0x7f)?);
    packed.push_str(text.unwrap_or_default());
    Some(())
}

/// A number below 128 as a character.
fn code(number: usize) -> Option<char> {
    u8::try_from(number).ok().filter(u8::is_ascii).map(char::from)
}

/// One text for all: making one string costs less than making many.
fn decide_many(
    engine: toolgate::Engine,
    calls: Vec<Either<String, Uint8Array>>,
    threads: u32,
) -> AsyncTask<Aside<String>> {
    // JavaScript may change its bytes while the work is under way
    let own = |call: Either<String, Uint8Array>| match call {
        Either::A(text) => text.into_bytes(),
        Either::B(bytes) => bytes.to_vec(),
    };
    let calls: Vec<Vec<u8>> = calls.into_iter().map(own).collect();
    Aside::new(move || {
        let answers = wire::decide_many(&engine, &calls, usize::try_from(threads).unwrap_or(0));
        let decisions: Vec<String> = answers.into_iter().map(|answer| answer.json).collect();
        Ok(format!("[{}]", decisions.join(",")))
    })
}

fn visible_tools(engine: &toolgate::Engine, viewer: &str) -> Result<String> {
    guarded(|| wire::visible_tools(engine, viewer.as_bytes()).map_err(Error::from_reason))
}

fn decide_token(engine: &toolgate::Engine, request: &str) -> Result<String> {
    guarded(|| Ok(wire::decide_token(engine, request.as_bytes())))
}

fn folder(path: &str) -> std::result::Result<toolgate::Engine, String> {
    bundle::load(Path::new(path)).map(|loaded| loaded.engine).map_err(|error| error.to_json())
}

/// No panic leaves the addon: it is thrown as an error, which allows nothing. Nothing is left half done by it: engines
/// do not change, and a swap happens at its very end.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(internal(words(&*panic))))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// A fault of toolgate's own, in the form of [`wire::errors`].
fn internal(message: &str) -> Error {
    let error = json!({
        "code": "panic", "message": message, "help": "nothing was decided, so nothing may run; please report this",
        "file": null, "pointer": null, "line": null, "column": null, "text": format!("panic: {message}"),
    });
    Error::from_reason(json!({"errors": [error]}).to_string())
}
