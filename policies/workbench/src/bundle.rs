//! A bundle on disk: finding the files, reading each once, loading the engine. The only I/O of loading.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toolgate::{Bundle, Engine, Error, Limits, Manifest, Source};
use wildmatch::WildMatch;

/// The name of the file that makes a folder a bundle.
pub const MANIFEST: &str = "toolgate.toml";

/// The most bytes of `toolgate.toml`.
const MANIFEST_BYTES: usize = 64 * 1024;
/// The overlay's usual name: this one need not exist.
const USUAL_OVERLAY: &str = "catalog.toml";

/// A bundle as read from a folder.
#[derive(Clone, Debug)]
pub struct BundleFolder {
    /// What `toolgate.toml` says.
    pub manifest: Manifest,
    /// The file itself, to quote from.
    pub manifest_file: Source,
    /// The sources, each named by its path as the user would type it.
    pub bundle: Bundle,
    /// What lies in the catalog folder without being a `.json` file, and hidden files that a pattern would match:
    /// none of it was read.
    pub ignored: Vec<String>,
}

/// A bundle and its engine.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was read.
    pub folder: BundleFolder,
    /// What it was compiled to.
    pub engine: Engine,
}

/// A file that could not be read, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The path as the user would type it.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl FileError {
    /// `message` is about `path`.
    pub fn new(path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { path: path.to_string(), message: message.into(), help: None }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

impl std::error::Error for FileError {}

/// Why a folder gave no engine.
#[derive(Clone, Debug)]
pub enum BundleError {
    /// Files are missing or cannot be read. At least one.
    Unreadable(Vec<FileError>),
    /// Everything was read; what it says is refused.
    Refused {
        /// What is wrong. At least one.
        errors: Vec<Error>,
        /// What was read, to quote from.
        sources: Vec<Source>,
    },
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = match self {
            Self::Unreadable(errors) => errors.iter().map(ToString::to_string).collect(),
            Self::Refused { errors, .. } => errors.iter().map(ToString::to_string).collect(),
        };
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for BundleError {}

impl BundleError {
    /// The errors as JSON, in the form of [`toolgate::wire::errors`]. A file that cannot be read has the code
    /// `file_unreadable`.
    pub fn to_json(&self) -> String {
        let files = match self {
            Self::Refused { errors, .. } => return toolgate::wire::errors(errors),
            Self::Unreadable(files) => files,
        };
        let said = |file: &FileError| {
            serde_json::json!({
                "code": "file_unreadable", "message": file.message,
                "help": file.help.as_deref().unwrap_or("look at the file's name and its permissions"),
                "file": file.path, "pointer": null, "line": null, "column": null, "text": file.to_string(),
            })
        };
        serde_json::json!({ "errors": files.iter().map(said).collect::<Vec<_>>() }).to_string()
    }
}

impl From<FileError> for BundleError {
    fn from(error: FileError) -> Self {
        Self::Unreadable(vec![error])
    }
}

/// Reads a bundle and loads its engine, within the default limits.
pub fn load(dir: &Path) -> Result<Loaded, BundleError> {
    let folder = read_bundle(dir)?;
    match Engine::load(&folder.bundle) {
        Ok(engine) => Ok(Loaded { folder, engine }),
        Err(refused) => {
            let Bundle { policies, tools, overlay, snapshot } = folder.bundle;
            let sources = policies.into_iter().chain(tools.into_values()).chain(overlay).chain([snapshot]).collect();
            Err(BundleError::Refused { errors: refused.errors().to_vec(), sources })
        }
    }
}

/// Reads the sources of a bundle. All files that are missing or unreadable are reported together.
pub fn read_bundle(dir: &Path) -> Result<BundleFolder, BundleError> {
    let limits = Limits::default();
    let (manifest, manifest_file) = read_manifest(dir)?;
    let mut problems = Vec::new();
    let policies = keep(&mut problems, read_policies(dir, &manifest.policies, &limits));
    let catalog = keep(&mut problems, read_catalog(dir, &manifest.catalog, &limits));
    let overlay = keep(&mut problems, read_overlay(dir, &manifest.overlay, &limits).map_err(|error| vec![error]));
    let snapshot = find_snapshot(dir, manifest.snapshot.as_deref());
    let snapshot = snapshot.and_then(|path| {
        let lines = path.extension().is_some_and(|extension| extension == "jsonl");
        read(&path, if lines { limits.snapshot_lines_bytes } else { limits.snapshot_bytes })
    });
    let snapshot = snapshot.map_err(|error| vec![error]);
    let snapshot = keep(&mut problems, snapshot);
    let (Some((policies, mut ignored)), Some((tools, more)), Some(overlay), Some(snapshot)) =
        (policies, catalog, overlay, snapshot)
    else {
        return Err(BundleError::Unreadable(problems));
    };
    ignored.extend(more);
    Ok(BundleFolder { manifest, manifest_file, bundle: Bundle { policies, tools, overlay, snapshot }, ignored })
}

fn keep<T>(problems: &mut Vec<FileError>, result: Result<T, Vec<FileError>>) -> Option<T> {
    result.map_err(|errors| problems.extend(errors)).ok()
}

fn read_manifest(dir: &Path) -> Result<(Manifest, Source), BundleError> {
    let shown = dir.display();
    if !dir.is_dir() {
        let what = if dir.exists() { "this is no folder" } else { "there is no such folder" };
        let help = format!("name the folder that holds `{MANIFEST}`; `toolgate init DIR` makes one");
        return Err(FileError::new(shown, what).help(help).into());
    }
    let path = dir.join(MANIFEST);
    if !path.exists() {
        let help = format!("this folder is no bundle; `toolgate init DIR` makes one, with its `{MANIFEST}`");
        return Err(FileError::new(path.display(), "there is no such file").help(help).into());
    }
    let source = read(&path, MANIFEST_BYTES)?;
    let Ok(text) = std::str::from_utf8(&source.bytes) else {
        return Err(FileError::new(path.display(), "the file is not UTF-8").help("save the file as UTF-8").into());
    };
    match Manifest::parse(&source.file, text) {
        Ok(manifest) => Ok((manifest, source)),
        Err(error) => Err(BundleError::Refused { errors: vec![error], sources: vec![source] }),
    }
}

/// The files that the patterns name, each once, sorted by path.
fn read_policies(
    dir: &Path,
    patterns: &[String],
    limits: &Limits,
) -> Result<(Vec<Source>, Vec<String>), Vec<FileError>> {
    let manifest = dir.join(MANIFEST);
    let mut ignored = BTreeSet::new();
    let mut found: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut problems = Vec::new();
    if patterns.is_empty() {
        let help = "name at least one file, such as `policies/*.cedar`, or leave the line out";
        problems.push(FileError::new(manifest.display(), "`policies` is empty").help(help));
    }
    for pattern in patterns {
        match matching(dir, pattern, &mut ignored) {
            // a file that two patterns match, or that is linked to twice, is one file
            Ok(paths) => paths.into_iter().for_each(|path| {
                found.entry(path.canonicalize().unwrap_or_else(|_| path.clone())).or_insert(path);
            }),
            Err(error) => problems.push(error),
        }
    }
    let paths: BTreeSet<PathBuf> = found.into_values().collect();
    let mut sources = Vec::new();
    for path in paths {
        match read(&path, limits.policy_file_bytes) {
            Ok(source) => sources.push(source),
            Err(error) => problems.push(error),
        }
    }
    if problems.is_empty() { Ok((sources, ignored.into_iter().collect())) } else { Err(problems) }
}

/// The files that a pattern of `tests` names; none if the folder has none. A folder that is not there is an error.
pub(crate) fn test_files(dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, FileError> {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let path = if folder.is_empty() { dir.to_path_buf() } else { inside(dir, folder)? };
    if !path.is_dir() {
        let help = "write a suite there, such as `tests/first.yaml`; `toolgate init DIR` shows one";
        return Err(FileError::new(path.display(), "there is no such folder, so there are no tests").help(help));
    }
    if !name.contains(['*', '?']) && !path.join(name).is_file() {
        return Err(missing(&path.join(name), "`tests` in toolgate.toml names it"));
    }
    let wild = WildMatch::new(name);
    let wanted = |path: &PathBuf| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        wild.matches(file) && path.is_file() && (!file.starts_with('.') || name.starts_with('.'))
    };
    Ok(list(&path)?.into_iter().filter(wanted).collect())
}

/// The files that one pattern names, at least one. Hidden files only match a pattern that begins with a dot.
fn matching(dir: &Path, pattern: &str, ignored: &mut BTreeSet<String>) -> Result<Vec<PathBuf>, FileError> {
    let path = inside(dir, pattern)?;
    let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    if folder.contains(['*', '?']) {
        let message = format!("`*` and `?` stand for characters of a file name, not of a folder: `{pattern}`");
        return Err(
            FileError::new(dir.join(MANIFEST).display(), message).help("name each folder in a pattern of its own")
        );
    }
    if !name.contains(['*', '?']) {
        return if path.is_file() {
            Ok(vec![path])
        } else {
            Err(missing(&path, "`policies` in toolgate.toml names it"))
        };
    }
    let nothing = || {
        FileError::new(path.display(), "no file matches this pattern")
            .help(format!("add a policy, or change `policies` in `{}`", dir.join(MANIFEST).display()))
    };
    let folder = if folder.is_empty() { dir.to_path_buf() } else { dir.join(folder) };
    if !folder.is_dir() {
        return Err(nothing());
    }
    let wild = WildMatch::new(name);
    let mut paths = Vec::new();
    for entry in list(&folder)? {
        let Some(file) = entry.file_name().and_then(|file| file.to_str()) else {
            return Err(FileError::new(entry.display(), "the file's name is not UTF-8").help("rename it"));
        };
        match wild.matches(file) {
            true if entry.is_dir() || file.starts_with('.') && !name.starts_with('.') => {
                ignored.insert(entry.display().to_string());
            }
            true => paths.push(entry),
            false => {}
        }
    }
    if paths.is_empty() { Err(nothing()) } else { Ok(paths) }
}

type Lists = (BTreeMap<String, Source>, Vec<String>);

fn read_catalog(dir: &Path, name: &str, limits: &Limits) -> Result<Lists, Vec<FileError>> {
    let folder = inside(dir, name).map_err(|error| vec![error])?;
    if !folder.is_dir() {
        let help = "put what each server answers to `tools/list` there, as `<server>.json`";
        return Err(vec![FileError::new(folder.display(), "there is no such folder").help(help)]);
    }
    let (mut lists, mut ignored, mut problems) = (BTreeMap::new(), Vec::new(), Vec::new());
    for path in list(&folder).map_err(|error| vec![error])? {
        let server = path.file_name().and_then(|file| file.to_str()).and_then(|file| file.strip_suffix(".json"));
        match server {
            Some(server) if !server.is_empty() && !server.starts_with('.') && !path.is_dir() => {
                match read(&path, limits.catalog_bytes) {
                    Ok(source) => {
                        lists.insert(server.to_string(), source);
                    }
                    Err(error) => problems.push(error),
                }
            }
            _ => ignored.push(path.display().to_string()),
        }
    }
    if problems.is_empty() { Ok((lists, ignored)) } else { Err(problems) }
}

fn read_overlay(dir: &Path, name: &str, limits: &Limits) -> Result<Option<Source>, FileError> {
    let path = inside(dir, name)?;
    if name == USUAL_OVERLAY && path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    read(&path, limits.catalog_bytes).map(Some)
}

fn find_snapshot(dir: &Path, name: Option<&str>) -> Result<PathBuf, FileError> {
    if let Some(name) = name {
        return inside(dir, name);
    }
    let (whole, lines) = (dir.join("snapshot.json"), dir.join("snapshot.jsonl"));
    match (whole.exists(), lines.exists()) {
        (true, true) => Err(FileError::new(whole.display(), "`snapshot.jsonl` lies beside it: which one counts?")
            .help("remove one, or name one with `snapshot = …` in toolgate.toml")),
        (false, true) => Ok(lines),
        (true, false) => Ok(whole),
        (false, false) => {
            let help =
                "write `snapshot.json` (or `snapshot.jsonl`): users, clients, grants; `toolgate init DIR` shows one";
            Err(FileError::new(whole.display(), "there is no such file").help(help))
        }
    }
}

/// A path of the manifest, relative to the bundle.
fn inside(dir: &Path, path: &str) -> Result<PathBuf, FileError> {
    if path.is_empty() || Path::new(path).is_absolute() {
        let message = format!("`{path}` is not a path relative to the bundle");
        return Err(FileError::new(dir.join(MANIFEST).display(), message));
    }
    Ok(dir.join(path))
}

/// What a folder holds, sorted.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let refuse = |error: io::Error| FileError::new(folder.display(), said(&error));
    let entries = std::fs::read_dir(folder).map_err(refuse)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| folder.join(entry.file_name())))
        .collect::<Result<Vec<_>, _>>()
        .map_err(refuse)?;
    paths.sort();
    Ok(paths)
}

fn missing(path: &Path, help: &str) -> FileError {
    FileError::new(path.display(), "there is no such file").help(help)
}

/// The policy files that a bundle names, each once, sorted by path.
pub fn policy_files(dir: &Path) -> Result<Vec<PathBuf>, Vec<FileError>> {
    let (manifest, _) = read_manifest(dir).map_err(|error| match error {
        BundleError::Unreadable(errors) => errors,
        BundleError::Refused { errors, .. } => {
            errors.iter().map(|error| FileError::new(dir.join(MANIFEST).display(), error.to_string())).collect()
        }
    })?;
    let (sources, _) = read_policies(dir, &manifest.policies, &Limits::default())?;
    Ok(sources.into_iter().map(|source| PathBuf::from(source.file)).collect())
}

/// Writes a file that is there already: whole, or not at all. A link stays a link, and permissions stay.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let refuse = |error: io::Error| FileError::new(path.display(), format!("it cannot be written: {}", error.kind()));
    let real = path.canonicalize().map_err(refuse)?;
    let permissions = std::fs::metadata(&real).map_err(refuse)?.permissions();
    if permissions.readonly() {
        return Err(FileError::new(path.display(), "it cannot be written: it is read-only"));
    }
    let mut name = real.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = real.with_file_name(name);
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut file| {
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        std::fs::set_permissions(&beside, permissions)?;
        std::fs::rename(&beside, &real)
    });
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        refuse(error)
    })
}

/// Reads a file of at most `limit` bytes; a larger one is refused before it is read.
pub fn read(path: &Path, limit: usize) -> Result<Source, FileError> {
    let refuse = |error: io::Error| FileError::new(path.display(), said(&error));
    let too_large =
        |bytes: u64| FileError::new(path.display(), format!("the file has {bytes} bytes; the limit is {limit}"));
    let meta = std::fs::metadata(path).map_err(refuse)?;
    if !meta.is_file() {
        return Err(FileError::new(path.display(), "this is no file"));
    }
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if meta.len() > most {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(refuse)?;
    // it may have grown since
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(refuse)?;
    if bytes.len() > limit {
        return Err(too_large(most.saturating_add(1)));
    }
    Ok(Source::new(path.display().to_string(), bytes))
}

impl BundleFolder {
    /// The text of a file of the bundle, by its name.
    pub fn text(&self, file: &str) -> Option<&str> {
        let Bundle { policies, tools, overlay, snapshot } = &self.bundle;
        let sources = policies.iter().chain(tools.values()).chain(overlay).chain([snapshot, &self.manifest_file]);
        let source = sources.into_iter().find(|source| source.file == file)?;
        std::str::from_utf8(&source.bytes).ok()
    }
}

/// An I/O error in plain words.
pub(crate) fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "you may not read it".into(),
        kind => format!("it cannot be read: {kind}"),
    }
}
