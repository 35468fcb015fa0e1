//! A bundle as one JSON text.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::errors;
use crate::data::json::Json;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::bundle::{Bundle, Source};
use crate::load::de;
use crate::load::json::{JsonLimits, read as read_json};

/// What the one text is read within. Each source in it is held to the engine's own [`Limits`] when it is loaded.
const WHOLE: JsonLimits =
    JsonLimits { bytes: 1024 * 1024 * 1024, nodes: 32_000_000, depth: 64, string_bytes: 1024 * 1024 * 1024 };

/// Loads an engine from one JSON text:
///
/// | member | |
/// |---|---|
/// | `policies` | Cedar: a text, an array of texts, or an object of texts by file name |
/// | `catalog` | an object: by server id what the server answers to `tools/list`, as JSON or as a text of it |
/// | `overlay` | the text of `catalog.toml`; without it no tool is approved |
/// | `snapshot` | the snapshot, as JSON or as a text of it |
/// | `snapshot_lines` | in its place: a text of JSON Lines |
/// | `limits` | an object of [`Limits`] that differ from the default ones |
///
/// What keeps it from loading comes back as [`errors`](crate::wire::errors()).
pub fn load(sources: &[u8]) -> Result<Engine, String> {
    let (bundle, limits) = read(sources).map_err(|error| errors(&[error]))?;
    Engine::load_with(&bundle, limits.unwrap_or_default()).map_err(|refused| errors(refused.errors()))
}

/// The same in another engine's place and with its limits, as [`Engine::reload`]: quicker where little changed.
pub fn reload(engine: &Engine, sources: &[u8]) -> Result<Engine, String> {
    let read = read(sources).and_then(|(bundle, limits)| match limits {
        None => Ok(bundle),
        Some(_) => Err(Error::new(ErrorKind::InvalidValue, "an engine that is loaded again keeps its limits")
            .under("limits")
            .help("leave `limits` out, or load anew")),
    });
    let bundle = read.map_err(|error| errors(&[error]))?;
    engine.reload(&bundle).map_err(|refused| errors(refused.errors()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    policies: Json,
    #[serde(default)]
    catalog: BTreeMap<String, Json>,
    overlay: Option<String>,
    snapshot: Option<Json>,
    snapshot_lines: Option<String>,
    limits: Option<Limits>,
}

fn read(sources: &[u8]) -> Result<(Bundle, Option<Limits>), Error> {
    let sources: Sources = de::from_json(&read_json(sources, &WHOLE)?)?;
    let snapshot = match (sources.snapshot, sources.snapshot_lines) {
        (Some(snapshot), None) => Source::new("snapshot.json", written(snapshot)),
        (None, Some(lines)) => Source::new("snapshot.jsonl", lines),
        (None, None) => return Err(Error::new(ErrorKind::WrongType, "`snapshot` is missing").at_pointer("")),
        (Some(_), Some(_)) => {
            let message = "`snapshot` is given as well: which one counts?";
            return Err(Error::new(ErrorKind::InvalidValue, message).under("snapshot_lines").help("leave one out"));
        }
    };
    let list = |(server, list)| {
        let file = format!("catalog/{server}.json");
        (server, Source::new(file, written(list)))
    };
    let bundle = Bundle {
        policies: policies(sources.policies).map_err(|error| error.under("policies"))?,
        tools: sources.catalog.into_iter().map(list).collect(),
        overlay: sources.overlay.map(|text| Source::new("catalog.toml", text)),
        snapshot,
    };
    Ok((bundle, sources.limits))
}

fn policies(json: Json) -> Result<Vec<Source>, Error> {
    let texts: Vec<(String, Json)> = match json {
        Json::String(text) => vec![("policies.cedar".into(), Json::String(text))],
        Json::Array(texts) => {
            (0_usize..).zip(texts).map(|(number, text)| (format!("policies/{number}.cedar"), text)).collect()
        }
        Json::Object(files) => files.into_iter().collect(),
        other => {
            return Err(Error::new(ErrorKind::WrongType, format!("expected Cedar text, found {}", other.kind()))
                .at_pointer("")
                .help("write a text, an array of texts, or an object of texts by file name"));
        }
    };
    let source = |(file, text)| match text {
        Json::String(text) => Ok(Source::new(file, text)),
        other => Err(Error::new(ErrorKind::WrongType, format!("expected Cedar text, found {}", other.kind()))
            .at_pointer("")
            .in_file(file)),
    };
    texts.into_iter().map(source).collect()
}

/// A document that came as JSON is written out again; one that came as text is taken as it is.
fn written(json: Json) -> String {
    if let Json::String(text) = json { text } else { json.to_string() }
}
