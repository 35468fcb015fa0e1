//! The solver: where it is, and one process of it that answers question after question.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cedar_policy_symcc::err::Error;
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::term::Term;
use cedar_policy_symcc::{CedarSymCompiler, Env, WellFormedAsserts};
use tokio::process::Command;
use tokio::runtime::Runtime;

/// How much longer than its own limit a solver may take before it is ended.
const GRACE: Duration = Duration::from_secs(5);

/// The answer to one question.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// No request meets the assertions: what was to be shown holds.
    Holds {
        /// Whether the solver had to be asked.
        asked: bool,
    },
    /// One that does.
    Counter(Box<Env>),
    /// The solver does not know, or failed.
    Unknown(String),
}

/// Whoever answers questions.
pub(super) trait Solve {
    /// Whether the assertions can be met together.
    fn ask(&mut self, asserts: &WellFormedAsserts<'_>) -> Ask;
}

/// Questions that were answered with no before, by any worker. Tools that policies cannot tell apart ask the same.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeSet<Arc<Vec<Term>>>>);

/// One solver process.
pub(super) struct Worker<'a> {
    path: &'a Path,
    timeout: Duration,
    runtime: Runtime,
    compiler: Option<CedarSymCompiler<LocalSolver>>,
    known: &'a Known,
}

impl<'a> Worker<'a> {
    pub(super) fn new(path: &'a Path, timeout: Duration, known: &'a Known) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime for the solver: {error}"))?;
        Ok(Self { path, timeout, runtime, compiler: None, known })
    }

    fn start(&self) -> Result<CedarSymCompiler<LocalSolver>, String> {
        let millis = format!("--tlimit-per={}", self.timeout.as_millis());
        let mut command = Command::new(self.path);
        command.args(["--lang", "smt", &millis]).kill_on_drop(true);
        let _inside = self.runtime.enter();
        let solver = LocalSolver::from_command(&mut command).map_err(|error| failed(self.path, &error))?;
        CedarSymCompiler::new(solver).map_err(|error| failed(self.path, &error))
    }
}

impl Solve for Worker<'_> {
    fn ask(&mut self, asserts: &WellFormedAsserts<'_>) -> Ask {
        let terms = asserts.asserts();
        if terms.iter().any(|term| *term == false.into()) {
            return Ask::Holds { asked: false };
        }
        let lock = || self.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().contains(terms) {
            return Ask::Holds { asked: true };
        }
        let mut compiler = match self.compiler.take().map_or_else(|| self.start(), Ok) {
            Ok(compiler) => compiler,
            Err(why) => return Ask::Unknown(why),
        };
        let limit = self.timeout.saturating_add(GRACE);
        let answer = self.runtime.block_on(async { tokio::time::timeout(limit, compiler.check_sat(asserts)).await });
        let gave_up = || Ask::Unknown(format!("the solver gave up within {} s (--timeout)", self.timeout.as_secs()));
        match answer {
            Ok(Ok(None)) => {
                lock().insert(Arc::clone(terms));
                self.compiler = Some(compiler);
                Ask::Holds { asked: true }
            }
            Ok(Ok(Some(env))) => {
                self.compiler = Some(compiler);
                Ask::Counter(Box::new(env))
            }
            // the process answered and can go on
            Ok(Err(Error::SolverUnknown)) => {
                self.compiler = Some(compiler);
                gave_up()
            }
            // whatever state it is in now, the next question gets a new one
            Ok(Err(error)) => Ask::Unknown(error.to_string()),
            Err(_) => gave_up(),
        }
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        // ending a child process needs the runtime that it was started in
        let _inside = self.runtime.enter();
        self.compiler = None;
    }
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("`{}` does not run: {error}", path.display())
}

/// The solver: what `CVC5` names, else `cvc5` on the path.
pub fn find() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("CVC5").filter(|named| !named.is_empty()) {
        let path = PathBuf::from(named);
        return if path.is_file() || path.components().count() == 1 {
            probe(path)
        } else {
            Err(format!("`CVC5` names `{}`, and there is no such file", path.display()))
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let name = format!("cvc5{}", std::env::consts::EXE_SUFFIX);
    match std::env::split_paths(&folders).map(|folder| folder.join(&name)).find(|path| path.is_file()) {
        Some(path) => probe(path),
        None => Err("proofs need the solver cvc5, and it is not installed".into()),
    }
}

/// Whether it runs, and is cvc5.
fn probe(path: PathBuf) -> Result<PathBuf, String> {
    match std::process::Command::new(&path).arg("--version").output() {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("cvc5") => Ok(path),
        Ok(_) => Err(format!("`{}` does not answer like cvc5", path.display())),
        Err(error) => Err(failed(&path, &error)),
    }
}
