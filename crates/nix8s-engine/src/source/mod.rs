//! Finds the configuration and reads its files; what they mean is core's business.

pub mod evaluate;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use nix8s_core::input::At;
use nix8s_core::input::Source;
use nix8s_core::input::parse::SOURCE_MAX;
use nix8s_core::tool::nix;

use crate::port::Exec;
use evaluate::EvaluateError;

/// Names that are looked for in the current directory and its parents, in this order.
const NAMES: &[&str] = &["nix8s.yaml", "nix8s.yml", "nix8s.json"];
/// What is looked for where none of them is. They win over it: a project in YAML may have a flake for other things.
const FLAKE: &str = "flake.nix";
/// Top-level keys that may have a file of their own in a folder.
const KEYS: &[&str] = &["provisioning", "reconciler", "policy", "bootstrap", "users"];
/// Files of a folder together. 100,000 machines are some 30 MiB.
const TOTAL_MAX: usize = 256 << 20;

/// Why there is no configuration to read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing was named and nothing was found.
    #[error("no configuration: looked for {} and {FLAKE} in {from} and the directories above it", NAMES.join(", "))]
    NotFound {
        /// Where the search began.
        from: PathBuf,
    },
    /// The folder holds none of the files of a configuration.
    #[error("no configuration in {dir}: looked for {}, and for nodes/, clusters/, nix8s.d/, {} and {FLAKE}", NAMES.join(", "), key_files())]
    EmptyFolder {
        /// The folder.
        dir: PathBuf,
    },
    /// A flake could not be evaluated.
    #[error("could not evaluate {name}")]
    Flake {
        /// Its file, as the user named it.
        name: String,
        /// Why.
        #[source]
        source: EvaluateError,
    },
    /// The two forms contradict each other.
    #[error("{dir} holds several configurations: {}; keep one or name it with --config", names.join(", "))]
    Several {
        /// The folder.
        dir: PathBuf,
        /// The files found.
        names: Vec<String>,
    },
    /// A file has no name that is text.
    #[error("the file name {path} is not UTF-8, but becomes the name of a template or cluster; rename it")]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A file or all of them are larger than nix8s reads.
    #[error("{name} is larger than the limit of {limit_mib} MiB")]
    TooLarge {
        /// The file or folder.
        name: String,
        /// The limit.
        limit_mib: usize,
    },
    /// The system did not let us.
    #[error("could not read {name}")]
    Read {
        /// The file or folder.
        name: String,
        /// What came back.
        #[source]
        source: io::Error,
    },
}

fn key_files() -> String {
    KEYS.iter().map(|key| format!("{key}.yaml")).collect::<Vec<_>>().join(", ")
}

/// Where to look for the configuration.
#[derive(Debug)]
pub struct Search<'a> {
    /// `--config`: a file, a folder, or `-` for standard input.
    pub config: Option<&'a Path>,
    /// The current directory.
    pub from: &'a Path,
}

/// The configuration as it was found: texts that have been read, and a flake that has not been evaluated yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// YAML and JSON; with a flake, the fragments beside it.
    pub texts: Vec<Source>,
    /// The flake.
    pub flake: Option<Flake>,
    /// A `flake.nix` that is not read, because texts stand beside it.
    pub passed_over: Option<PathBuf>,
}

/// A flake that is the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flake {
    /// Its folder.
    pub dir: PathBuf,
    /// Its `flake.nix`, as the user would name it.
    pub name: String,
}

/// All sources of what was found; a flake is evaluated.
///
/// # Errors
/// When that fails.
pub async fn read(found: Found, exec: &dyn Exec) -> Result<Vec<Source>, SourceError> {
    let Found { mut texts, flake, passed_over: _ } = found;
    if let Some(flake) = flake {
        texts.insert(0, evaluated(&flake, exec).await?);
    }
    Ok(texts)
}

async fn evaluated(flake: &Flake, exec: &dyn Exec) -> Result<Source, SourceError> {
    let fail = |source| SourceError::Flake { name: flake.name.clone(), source };
    let dir = flake.dir.to_str().filter(|dir| !dir.contains(['#', '?']));
    let dir = dir.ok_or_else(|| fail(EvaluateError::Name))?;
    let text = evaluate::evaluate(&nix::document(dir), exec).await.map_err(fail)?;
    Ok(Source { name: flake.name.clone(), at: At::Flake, bytes: text.into_bytes() })
}

/// Finds the configuration and reads the texts of it; nothing is evaluated.
///
/// # Errors
/// When there is none, more than one, or one that cannot be read.
pub fn find(search: &Search<'_>, stdin: &mut dyn Read) -> Result<Found, SourceError> {
    let one = |source| Ok(Found { texts: vec![source], ..Found::default() });
    match search.config {
        Some(path) if path == Path::new("-") => {
            let bytes = read_limited(stdin, "<stdin>")?;
            one(Source { name: "<stdin>".to_owned(), at: At::Document, bytes })
        }
        Some(path) => {
            let full = search.from.join(path);
            match (full.is_dir(), full.parent()) {
                (true, _) => folder(&full, path),
                (false, Some(dir)) if full.ends_with(FLAKE) && full.is_file() => {
                    flake(dir, path.parent().unwrap_or(path))
                }
                (false, _) => one(file(&full, path, At::Document)?),
            }
        }
        None => found(search.from),
    }
}

/// The folder of the configuration, where what it names by relative paths is; `None`: it is standard input, or there is
/// none.
pub fn root(search: &Search<'_>) -> Option<PathBuf> {
    match search.config {
        Some(path) if path == Path::new("-") => None,
        Some(path) => {
            let full = search.from.join(path);
            if full.is_dir() { Some(full) } else { full.parent().map(Path::to_owned) }
        }
        None => {
            let is_it = |dir: &&Path| {
                NAMES.iter().any(|name| dir.join(name).is_file())
                    || dir.join("nix8s.d").is_dir()
                    || dir.join("clusters").is_dir() && dir.join("nodes").is_dir()
            };
            search.from.ancestors().find(is_it).map(Path::to_owned)
        }
    }
}

/// The nearest configuration file, here or above.
fn found(from: &Path) -> Result<Found, SourceError> {
    for dir in from.ancestors() {
        let shown = if dir == from { Path::new("") } else { dir };
        let here: Vec<&str> = NAMES.iter().copied().filter(|name| dir.join(name).is_file()).collect();
        match here.as_slice() {
            [] if dir.join("nix8s.d").is_dir()
                || dir.join("clusters").is_dir() && dir.join("nodes").is_dir() =>
            {
                match folder(dir, shown) {
                    // Folders of these names may be about something else.
                    Err(SourceError::EmptyFolder { .. }) => {}
                    other => return other,
                }
            }
            [] if dir.join(FLAKE).is_file() => return flake(dir, shown),
            [] => {}
            [name] => {
                let mut texts = vec![file(&dir.join(name), &shown.join(name), At::Document)?];
                read_folder(&dir.join("nix8s.d"), &shown.join("nix8s.d"), &mut texts, |_| At::Document)?;
                return Ok(texts_in(dir, shown, texts));
            }
            several => return Err(several_in(dir, several)),
        }
    }
    Err(SourceError::NotFound { from: from.to_owned() })
}

/// Texts, and whether a flake stands beside them.
fn texts_in(dir: &Path, shown: &Path, texts: Vec<Source>) -> Found {
    let passed_over = dir.join(FLAKE).is_file().then(|| shown.join(FLAKE));
    Found { texts, flake: None, passed_over }
}

/// A flake, and the fragments beside it.
fn flake(dir: &Path, shown: &Path) -> Result<Found, SourceError> {
    let name = shown.join(FLAKE).display().to_string();
    let fail = |source| SourceError::Read { name: name.clone(), source };
    let flake = Flake { dir: dir.canonicalize().map_err(fail)?, name: name.clone() };
    let mut texts = Vec::new();
    read_folder(&dir.join("nix8s.d"), &shown.join("nix8s.d"), &mut texts, |_| At::Document)?;
    Ok(Found { texts, flake: Some(flake), passed_over: None })
}

fn several_in(dir: &Path, names: &[&str]) -> SourceError {
    SourceError::Several { dir: dir.to_owned(), names: names.iter().map(|name| (*name).to_owned()).collect() }
}

/// The folder form: one file per template, cluster and top-level key; without any, a flake.
fn folder(dir: &Path, shown: &Path) -> Result<Found, SourceError> {
    let mut sources = Vec::new();
    let here: Vec<&str> = NAMES.iter().copied().filter(|name| dir.join(name).is_file()).collect();
    match here.as_slice() {
        [] => {}
        [name] => sources.push(file(&dir.join(name), &shown.join(name), At::Document)?),
        several => return Err(several_in(dir, several)),
    }
    read_folder(&dir.join("nodes"), &shown.join("nodes"), &mut sources, At::Node)?;
    read_folder(&dir.join("clusters"), &shown.join("clusters"), &mut sources, At::Cluster)?;
    for key in KEYS {
        for end in ["yaml", "yml", "json"] {
            let name = format!("{key}.{end}");
            if dir.join(&name).is_file() {
                sources.push(file(&dir.join(&name), &shown.join(&name), At::Key((*key).to_owned()))?);
            }
        }
    }
    if sources.is_empty() && dir.join(FLAKE).is_file() {
        return flake(dir, shown);
    }
    read_folder(&dir.join("nix8s.d"), &shown.join("nix8s.d"), &mut sources, |_| At::Document)?;
    if sources.is_empty() {
        return Err(SourceError::EmptyFolder { dir: dir.to_owned() });
    }
    Ok(texts_in(dir, shown, sources))
}

/// Every YAML and JSON file of a folder, by name; hidden files and other kinds are left alone.
fn read_folder(
    dir: &Path,
    shown: &Path,
    sources: &mut Vec<Source>,
    at: fn(String) -> At,
) -> Result<(), SourceError> {
    if !dir.is_dir() {
        return Ok(());
    }
    let fail = |source| SourceError::Read { name: shown.display().to_string(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        paths.push(entry.map_err(fail)?.path());
    }
    paths.sort();
    for path in paths {
        let is_ours =
            path.extension().and_then(OsStr::to_str).is_some_and(|e| matches!(e, "yaml" | "yml" | "json"));
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_ours || hidden || !path.is_file() {
            continue;
        }
        let stem = path
            .file_stem()
            .and_then(OsStr::to_str)
            .ok_or_else(|| SourceError::Name { path: path.clone() })?;
        let name = shown.join(path.file_name().unwrap_or_default());
        sources.push(file(&path, &name, at(stem.to_owned()))?);
        if sources.iter().map(|source| source.bytes.len()).sum::<usize>() > TOTAL_MAX {
            return Err(SourceError::TooLarge {
                name: shown.display().to_string(),
                limit_mib: TOTAL_MAX >> 20,
            });
        }
    }
    Ok(())
}

fn file(path: &Path, shown: &Path, at: At) -> Result<Source, SourceError> {
    let name = shown.display().to_string();
    let mut open = fs::File::open(path).map_err(|source| SourceError::Read { name: name.clone(), source })?;
    let bytes = read_limited(&mut open, &name)?;
    Ok(Source { name, at, bytes })
}

/// Reads to the end, or to the limit: a device or an endless pipe must not take all memory.
///
/// # Errors
/// When it is larger, or cannot be read.
pub fn read_limited(from: &mut dyn Read, name: &str) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(SOURCE_MAX).expect("the limit fits 64 bits") + 1;
    let read = from.take(limit).read_to_end(&mut bytes);
    read.map_err(|source| SourceError::Read { name: name.to_owned(), source })?;
    if bytes.len() > SOURCE_MAX {
        return Err(SourceError::TooLarge { name: name.to_owned(), limit_mib: SOURCE_MAX >> 20 });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    fn read_in(dir: &Path, config: Option<&str>) -> Result<Vec<(String, At)>, String> {
        let search = Search { config: config.map(Path::new), from: dir };
        let found = find(&search, &mut &b"from: stdin"[..]).map_err(|error| error.to_string())?;
        let flake = found.flake.map(|flake| (flake.name, At::Flake));
        Ok(flake.into_iter().chain(found.texts.into_iter().map(|text| (text.name, text.at))).collect())
    }

    fn document(name: &str) -> (String, At) {
        (name.to_owned(), At::Document)
    }

    #[test]
    fn the_nearest_file_above_is_found_with_its_fragments() {
        let dir = tempfile::tempdir().expect("a folder");
        put(dir.path(), "nix8s.yaml", "nodes: {}");
        put(dir.path(), "nix8s.d/b.yaml", "");
        put(dir.path(), "nix8s.d/.hidden.yaml", "");
        put(dir.path(), "nix8s.d/notes.txt", "");
        put(dir.path(), "a/b/c.txt", "");
        assert_eq!(read_in(dir.path(), None), Ok(vec![document("nix8s.yaml"), document("nix8s.d/b.yaml")]));
        let names = read_in(&dir.path().join("a/b"), None).expect("it is found above");
        assert_eq!(names[0], document(&dir.path().join("nix8s.yaml").display().to_string()));
    }

    #[test]
    fn a_named_file_and_standard_input_are_read_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        put(dir.path(), "other.json", "{}");
        assert_eq!(read_in(dir.path(), Some("other.json")), Ok(vec![document("other.json")]));
        assert_eq!(read_in(dir.path(), Some("-")), Ok(vec![document("<stdin>")]));
    }

    #[test]
    fn a_folder_has_a_source_per_file() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in [
            "nodes/w.yaml",
            "nodes/cp.yml",
            "clusters/prod.json",
            "policy.yaml",
            "users.yaml",
            "nix8s.d/x.yaml",
        ] {
            put(dir.path(), &format!("conf/{name}"), "");
        }
        let sources = read_in(dir.path(), Some("conf")).expect("the folder can be read");
        assert_eq!(
            sources,
            [
                ("conf/nodes/cp.yml".to_owned(), At::Node("cp".to_owned())),
                ("conf/nodes/w.yaml".to_owned(), At::Node("w".to_owned())),
                ("conf/clusters/prod.json".to_owned(), At::Cluster("prod".to_owned())),
                ("conf/policy.yaml".to_owned(), At::Key("policy".to_owned())),
                ("conf/users.yaml".to_owned(), At::Key("users".to_owned())),
                document("conf/nix8s.d/x.yaml"),
            ]
        );
    }

    #[test]
    fn what_is_missing_is_said_with_what_was_looked_for() {
        let dir = tempfile::tempdir().expect("a folder");
        put(dir.path(), "empty/readme.md", "");
        put(dir.path(), "two/nix8s.yaml", "");
        put(dir.path(), "two/nix8s.json", "");
        let here = dir.path().display();
        let fails = |config: &str| read_in(dir.path(), Some(config)).expect_err("there is nothing to read");
        assert_eq!(fails("none.yaml"), "could not read none.yaml");
        assert_eq!(
            fails("empty"),
            format!(
                "no configuration in {here}/empty: looked for nix8s.yaml, nix8s.yml, nix8s.json, and for nodes/, \
                 clusters/, nix8s.d/, provisioning.yaml, reconciler.yaml, policy.yaml, bootstrap.yaml, users.yaml and flake.nix"
            )
        );
        assert_eq!(
            fails("two"),
            format!(
                "{here}/two holds several configurations: nix8s.yaml, nix8s.json; keep one or name it with --config"
            )
        );
    }

    #[test]
    fn a_flake_is_found_with_its_fragments_where_there_is_no_yaml() {
        let dir = tempfile::tempdir().expect("a folder");
        put(dir.path(), "p/flake.nix", "{}");
        put(dir.path(), "p/nix8s.d/found.yaml", "");
        put(dir.path(), "p/nodes/worker.nix", "{}");
        put(dir.path(), "p/clusters/prod.nix", "{}");
        let both = |shown: &str| {
            vec![(format!("{shown}flake.nix"), At::Flake), document(&format!("{shown}nix8s.d/found.yaml"))]
        };
        assert_eq!(read_in(dir.path(), Some("p")), Ok(both("p/")));
        assert_eq!(read_in(dir.path(), Some("p/flake.nix")), Ok(both("p/")));
        assert_eq!(read_in(&dir.path().join("p"), None), Ok(both("")));
        let above = format!("{}/", dir.path().join("p").display());
        assert_eq!(read_in(&dir.path().join("p/nodes"), None), Ok(both(&above)));
    }

    #[test]
    fn yaml_wins_over_a_flake_beside_it_unless_that_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        put(dir.path(), "nix8s.yaml", "");
        put(dir.path(), "flake.nix", "{}");
        assert_eq!(read_in(dir.path(), None), Ok(vec![document("nix8s.yaml")]));
        assert_eq!(read_in(dir.path(), Some(".")), Ok(vec![document("./nix8s.yaml")]));
        assert_eq!(read_in(dir.path(), Some("flake.nix")), Ok(vec![("flake.nix".to_owned(), At::Flake)]));
        let search = Search { config: None, from: dir.path() };
        let found = find(&search, &mut io::empty()).expect("it can be read");
        assert_eq!(found.passed_over, Some(PathBuf::from("flake.nix")));
    }

    #[test]
    fn endless_input_is_cut_off() {
        let search = Search { config: Some(Path::new("-")), from: Path::new("/") };
        let error = find(&search, &mut io::repeat(b'a')).expect_err("it never ends");
        assert_eq!(error.to_string(), "<stdin> is larger than the limit of 64 MiB");
    }
}
