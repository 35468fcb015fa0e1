//! A bundle: the sources of one engine, as bytes. Where they come from is the host's business.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::{de, scan};

/// The sources of one engine: policies, tool lists, overlay, snapshot.
///
/// ```
/// use toolgate::{Bundle, Source};
/// let bundle = Bundle {
///     policies: vec![Source::new("reads.cedar", r#"
///         @id("reads-run")
///         permit (principal, action in Toolgate::Action::"read", resource)
///         when { principal in resource.entitlements };
///     "#)],
///     tools: [("crm".into(), Source::new("catalog/crm.json", r#"[{"name": "find", "inputSchema": {"type": "object"}}]"#))].into(),
///     overlay: None,
///     snapshot: Source::new("snapshot.json", r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#),
/// };
/// assert_eq!(toolgate::Engine::load(&bundle)?.report().tools.len(), 1);
/// # Ok::<(), toolgate::LoadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Cedar policies, one or many in a file.
    pub policies: Vec<Source>,
    /// `tools/list` as servers publish it, by server id.
    pub tools: BTreeMap<String, Source>,
    /// `catalog.toml`, the administrator's overlay. Without one no tool is approved.
    pub overlay: Option<Source>,
    /// `snapshot.json`, or JSON Lines if the name ends in `.jsonl`.
    pub snapshot: Source,
}

/// One source: its name, for errors, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What errors call it.
    pub file: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Source {
    /// A source named `file`.
    pub fn new(file: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { file: file.into(), bytes: bytes.into() }
    }

    /// The content as text.
    pub(crate) fn text(&self, limit: usize) -> Result<&str, Error> {
        if self.bytes.len() > limit {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("the file has {} bytes; the limit is {limit}", self.bytes.len()),
            )
            .in_file(&self.file));
        }
        std::str::from_utf8(&self.bytes).map_err(|error| {
            Error::new(ErrorKind::InvalidValue, format!("byte {} is not UTF-8", error.valid_up_to()))
                .help("save the file as UTF-8")
                .in_file(&self.file)
        })
    }
}

/// `toolgate.toml`: what a bundle on disk is called and where its parts are, if not in the usual places.
///
/// Paths are relative to the bundle. In `policies`, `*` stands for any run of characters in a file name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The bundle's name, for people.
    pub name: String,
    /// The version of the bundle format: 1.
    pub format: u64,
    /// Policy files.
    #[serde(default = "default_policies")]
    pub policies: Vec<String>,
    /// The folder of tool lists, one `<server>.json` each.
    #[serde(default = "default_catalog")]
    pub catalog: String,
    /// The administrator's overlay.
    #[serde(default = "default_overlay")]
    pub overlay: String,
    /// The snapshot; `snapshot.json` or else `snapshot.jsonl` if not given.
    pub snapshot: Option<String>,
    /// Test suites.
    #[serde(default = "default_tests")]
    pub tests: Vec<String>,
    /// How seriously `toolgate check` takes its lints, by id; the engine does not look at it.
    #[serde(default)]
    pub lints: BTreeMap<String, LintLevel>,
}

/// How seriously a lint is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LintLevel {
    /// Not at all.
    Allow,
    /// Worth knowing.
    Note,
    /// Most likely wrong.
    Warning,
    /// Wrong: `check` fails.
    Error,
}

impl Manifest {
    /// Reads `toolgate.toml`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        scan::toml(text, &Limits::default()).map_err(|error| error.in_file(file))?;
        let manifest: Self = de::from_toml(text).map_err(|error| error.in_file(file))?;
        if manifest.format != 1 {
            return Err(Error::new(ErrorKind::InvalidValue, format!("bundle format {} is not known", manifest.format))
                .help("this version reads format 1")
                .in_file(file));
        }
        Ok(manifest)
    }
}

fn default_policies() -> Vec<String> {
    vec!["policies/*.cedar".into()]
}

fn default_catalog() -> String {
    "catalog".into()
}

fn default_overlay() -> String {
    "catalog.toml".into()
}

fn default_tests() -> Vec<String> {
    vec!["tests/*.yaml".into()]
}
