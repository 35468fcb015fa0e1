//! Policy tests: suites of cases, each a call (a token request, a tool list) and what is expected of the answer.
//!
//! [`load`] reads and expands the suites of a bundle once; [`run`] asks an engine. The same suites run against as many
//! engines as you like, which is what mutation testing does ([`first_failure`]).
//!
//! ```no_run
//! use std::path::Path;
//! use toolgate_workbench::{bundle, suite};
//!
//! let loaded = bundle::load(Path::new("policies/examples/acme"))?;
//! let suites = suite::load(Path::new("policies/examples/acme"), &loaded)?;
//! let results = suite::run(&loaded.engine, &loaded.folder.bundle, &suites, &suite::Filter::default());
//! assert_eq!(results.failed(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toolgate::{Call, Engine, Instant, Session, Subject, TokenRequest, ToolId, Visibility};

use crate::bundle::{self, FileError, Loaded};

pub mod cedar;
mod expand;
mod expect;
mod fault;
pub mod formats;
mod matrix;
mod overlay;
mod raw;
pub mod report;
mod run;
mod yaml;

/// The most bytes of a file of tests.
pub(crate) use yaml::BYTES;

pub use expect::{Expect, Mismatch};
pub use fault::{Fault, Place};
pub use overlay::Overlay;
pub use run::{Answer, Failure, Filter, Ran, Results, Status, first_failure, run};

/// A suite, its tables written out.
#[derive(Clone, Debug)]
pub struct Suite {
    /// What it is called.
    pub name: String,
    /// The file, as the user would type it.
    pub file: String,
    /// The cases, in the order of the file; matrices last.
    pub cases: Vec<Case>,
}

/// One question and what is expected of the answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called; of a clock table with the time, of a matrix with subject and tool.
    pub name: String,
    /// The line of the file on which it begins.
    pub line: usize,
    /// Why it is not to run.
    pub skip: Option<String>,
    /// What it changes of the bundle's snapshot.
    pub overlay: Option<Arc<Overlay>>,
    /// The question.
    pub ask: Ask,
}

/// A question, and the answer that is expected.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Nothing.
    Nothing,
    /// What happens with this call?
    Call {
        /// The call.
        call: Box<Call>,
        /// What is expected of the decision.
        expect: Expect,
    },
    /// Which scopes may a token carry?
    Token {
        /// The request.
        request: Box<TokenRequest>,
        /// What is expected of the answer.
        expect: Expect,
    },
    /// Which tools does a subject see?
    Tools {
        /// Who looks.
        subject: Subject,
        /// In which session.
        session: Box<Session>,
        /// When.
        now: Instant,
        /// What is expected of each tool; of others nothing is.
        expect: Vec<(ToolId, Visibility)>,
    },
    /// What does Cedar itself say of a request?
    Cedar(Box<cedar::CedarCase>),
}

impl Case {
    /// The call, if this is about one.
    pub fn call(&self) -> Option<&Call> {
        if let Ask::Call { call, .. } = &self.ask { Some(call) } else { None }
    }

    /// Who asks, for people.
    pub fn subject(&self) -> Option<String> {
        match &self.ask {
            Ask::Call { call, .. } => Some(call.subject.to_string()),
            Ask::Token { request, .. } => Some(request.subject.to_string()),
            Ask::Tools { subject, .. } => Some(subject.to_string()),
            Ask::Cedar(case) => Some(case.principal()),
            Ask::Nothing => None,
        }
    }

    /// What is asked for, for people.
    pub fn target(&self) -> Option<String> {
        match &self.ask {
            Ask::Call { call, .. } => Some(call.tool.to_string()),
            Ask::Token { request, .. } => {
                Some(format!("a token for {}", request.resource.as_ref().unwrap_or(&request.audience)))
            }
            Ask::Tools { .. } => Some("the tool list".into()),
            Ask::Cedar(case) => Some(case.action()),
            Ask::Nothing => None,
        }
    }

    /// When.
    pub fn now(&self) -> Option<Instant> {
        match &self.ask {
            Ask::Call { call, .. } => Some(call.now),
            Ask::Token { request, .. } => Some(request.now),
            Ask::Tools { now, .. } => Some(*now),
            Ask::Cedar(_) | Ask::Nothing => None,
        }
    }
}

/// Why the suites of a bundle do not load.
#[derive(Clone, Debug)]
pub enum LoadError {
    /// Files are missing or cannot be read.
    Unreadable(Vec<FileError>),
    /// Everything was read; what it says is refused.
    Refused(Vec<Fault>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = match self {
            Self::Unreadable(errors) => errors.iter().map(ToString::to_string).collect(),
            Self::Refused(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for LoadError {}

/// Reads the suites that a bundle's `toolgate.toml` names (`tests/*.yaml` if it names none), and what lies beside them in
/// the form of Cedar's `run-tests`. A folder without any gives no suites.
pub fn load(dir: &Path, loaded: &Loaded) -> Result<Vec<Suite>, LoadError> {
    let paths = find(dir, &loaded.folder.manifest.tests).map_err(|error| LoadError::Unreadable(vec![error]))?;
    let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
    for (path, named) in paths {
        match bundle::read(&path, yaml::BYTES) {
            Ok(source) => sources.push((source, named)),
            Err(error) => unreadable.push(error),
        }
    }
    if !unreadable.is_empty() {
        return Err(LoadError::Unreadable(unreadable));
    }
    let reader = Reader::new(&loaded.engine);
    let (mut suites, mut faults) = (Vec::new(), Vec::new());
    for (source, named) in sources {
        if cedar::is_one(&source) {
            match cedar::read(&source) {
                Ok(suite) => suites.push(suite),
                Err(fault) => faults.push(fault),
            }
        } else if named {
            match reader.read(&source.file, &source.bytes) {
                Ok(suite) => suites.push(suite),
                Err(more) => faults.extend(more),
            }
        }
    }
    if faults.is_empty() { Ok(suites) } else { Err(LoadError::Refused(faults)) }
}

/// Reads suites for one engine: tool patterns are those of its catalog, overlays lie over its snapshot.
pub struct Reader {
    tools: BTreeSet<ToolId>,
    base: overlay::Base,
}

impl Reader {
    /// A reader of suites for this engine.
    pub fn new(engine: &Engine) -> Self {
        Self { tools: engine.catalog().tools.keys().cloned().collect(), base: overlay::Base::new(&engine.snapshot()) }
    }

    /// Reads one suite. All faults found are returned together.
    pub fn read(&self, file: &str, bytes: &[u8]) -> Result<Suite, Vec<Fault>> {
        let document = yaml::Document::parse(file, bytes).map_err(|fault| vec![fault])?;
        expand::suite(&document, &self.tools, &self.base)
    }
}

/// The files that the patterns name, and the `.json` files beside them, each with whether it was named.
fn find(dir: &Path, patterns: &[String]) -> Result<Vec<(PathBuf, bool)>, FileError> {
    let mut found: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for pattern in patterns {
        for path in bundle::test_files(dir, pattern)? {
            found.insert(path, true);
        }
        let folder = pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
        let beside = if folder.is_empty() { "*.json".to_string() } else { format!("{folder}/*.json") };
        if folder.is_empty() {
            // the bundle itself: its own JSON is no test
            continue;
        }
        for path in bundle::test_files(dir, &beside)? {
            found.entry(path).or_insert(false);
        }
    }
    Ok(found.into_iter().collect())
}
