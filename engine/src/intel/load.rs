//! Indicators from files: those of no feed, and each feed's own; what a feed gave last where it gives nothing now.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use noroshi_rules::diagnostic::{Diagnostic, Place, Severity};
use noroshi_rules::indicators::{Builder, Feed, Indicators};

use super::config::{AssetConfig, FeedConfig, IndicatorsConfig};
use super::grade::Grading;

/// Longest file read; a bundle of it is streamed, so that is a bound on time, not on memory.
const FILE_BYTES_MAX: u64 = 16 << 30;
/// Names of files that directories are searched for.
const EXTENSIONS: [&str; 5] = ["csv", "txt", "list", "ioc", "json"];
/// Deepest directory below a named path.
const DEPTH_MAX: usize = 32;

/// A feed, where its files are, and where what it gave last is kept.
#[derive(Debug, Clone)]
pub struct FeedSource {
    /// What it says of all its indicators.
    pub feed: Feed,
    /// Files and directories.
    pub paths: Vec<PathBuf>,
    /// Directory of the files that were good last; where nothing is kept, `None`.
    pub kept: Option<PathBuf>,
    /// Files that need not be there: nothing was fetched yet.
    pub optional: bool,
}

/// Everything of the configuration that bears on indicators.
#[derive(Debug, Clone, Default)]
pub struct IntelOptions {
    /// Feeds.
    pub feeds: Vec<FeedSource>,
    /// Known-good lists and directories of them.
    pub known_good: Vec<PathBuf>,
    /// What a hit is worth.
    pub grading: Grading,
    /// Whether the text of records is searched, too.
    pub scan_records: bool,
}

impl IntelOptions {
    /// As a configuration says; `state_dir` is where fetched and kept files are.
    pub fn of(indicators: &IndicatorsConfig, feeds: &[FeedConfig], assets: &[AssetConfig], state_dir: &Path) -> Self {
        let sources: Vec<FeedSource> = feeds
            .iter()
            .map(|config| {
                let own = state_dir.join("feeds").join(&config.name);
                let mut paths = config.paths.clone();
                paths.push(own.join("imported"));
                if config.url.is_some() {
                    paths.push(own.join("fetched"));
                }
                FeedSource { feed: config.feed(), paths, kept: Some(own.join("kept")), optional: config.url.is_some() }
            })
            .collect();
        IntelOptions {
            feeds: sources,
            known_good: indicators.known_good.clone(),
            grading: super::config::grading(indicators, assets),
            scan_records: indicators.scan_records,
        }
    }

    /// Everything that is looked at for changes.
    pub fn watched(&self) -> impl Iterator<Item = &PathBuf> {
        self.feeds.iter().flat_map(|source| &source.paths).chain(&self.known_good)
    }
}

/// What became of the files.
pub struct Loaded {
    /// The indicators.
    pub indicators: Indicators,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Feeds by name: how many indicators were read, and whether they are what the feed gave before.
    pub feeds: Vec<(String, usize, bool)>,
}

/// Reads the indicators of `paths`, of all feeds, and the known-good lists.
pub fn load(paths: &[PathBuf], options: &IntelOptions) -> Loaded {
    let mut builder = Builder::new();
    builder.scan_records(options.scan_records);
    let mut diagnostics = Vec::new();
    read_all(&mut builder, &Feed::default(), &files_below(paths, false, &mut diagnostics));
    let mut feeds = Vec::new();
    for source in &options.feeds {
        let mut missing = Vec::new();
        let files = files_below(&source.paths, true, &mut missing);
        let before = builder.mark();
        let (taken, whole) = read_all(&mut builder, &source.feed, &files);
        let kept = source.kept.as_deref().filter(|kept| kept.is_dir());
        let fell_back = match kept {
            // A feed that empties itself, or breaks, has more likely lost its way than its enemies theirs.
            Some(kept) if taken == 0 || !whole || !missing.is_empty() => {
                let cause = builder.roll_back(&before);
                let files = files_below(&[kept.to_owned()], true, &mut Vec::new());
                let (taken, _) = read_all(&mut builder, &source.feed, &files);
                let cause = missing.drain(..).chain(cause).find(|told| told.severity == Severity::Error);
                let place = Place { line: 1, column: 1 };
                let file = source.paths.first().map_or(Path::new(""), PathBuf::as_path);
                let why = cause.map_or("it is empty".to_owned(), |cause| cause.message);
                let message =
                    format!("feed `{}`: {why}; the {taken} indicators it gave before are kept", source.feed.name);
                let help = "mend the feed, or remove its directory in the state directory to do without";
                diagnostics.push(Diagnostic::warning(file, place, message).help(help));
                feeds.push((source.feed.name.clone(), taken, true));
                true
            }
            _ => false,
        };
        if !fell_back {
            if !source.optional {
                diagnostics.append(&mut missing);
            }
            feeds.push((source.feed.name.clone(), taken, false));
        }
    }
    for (path, _) in files_below(&options.known_good, false, &mut diagnostics) {
        match File::open(&path) {
            Ok(mut file) => builder.read_known_good(&path, &mut file),
            Err(cause) => diagnostics.push(unreadable(&path, &cause.to_string())),
        }
    }
    let (indicators, mut found) = builder.finish();
    diagnostics.append(&mut found);
    Loaded { indicators, diagnostics, feeds }
}

/// How many indicators were taken, and whether every file was whole.
fn read_all(builder: &mut Builder, feed: &Feed, files: &[(PathBuf, u32)]) -> (usize, bool) {
    let (mut taken, mut whole) = (0, true);
    for (path, modified_s) in files {
        match File::open(path) {
            Ok(mut file) => {
                let feed = Feed { read_s: *modified_s, ..feed.clone() };
                let summary = builder.read(path, &feed, &mut file);
                taken += summary.taken;
                whole &= summary.whole;
            }
            Err(cause) => {
                builder.tell(unreadable(path, &cause.to_string()));
                whole = false;
            }
        }
    }
    (taken, whole)
}

/// Copies the files of every feed that was read whole, so that they are there when the feed gives nothing. What can't be copied is
/// told in the answer.
pub fn keep_good(options: &IntelOptions, loaded: &[(String, usize, bool)]) -> Vec<String> {
    let mut told = Vec::new();
    for (source, (_, taken, fell_back)) in options.feeds.iter().zip(loaded) {
        let Some(kept) = source.kept.as_deref().filter(|_| *taken > 0 && !fell_back) else { continue };
        if let Err(cause) = keep(source, kept) {
            told.push(format!("feed `{}`: what it gives cannot be kept: {cause}", source.feed.name));
        }
    }
    told
}

fn keep(source: &FeedSource, kept: &Path) -> std::io::Result<()> {
    let files = files_below(&source.paths, true, &mut Vec::new());
    std::fs::create_dir_all(kept)?;
    let mut names = Vec::new();
    for (number, (path, modified_s)) in files.iter().enumerate() {
        // The time says how long its indicators hold; the number keeps files of one name apart.
        let name = format!("{number}-{}", path.file_name().unwrap_or_default().to_string_lossy());
        let copy = kept.join(&name);
        names.push(name);
        let same = std::fs::metadata(&copy).is_ok_and(|there| {
            modified_of(&there) == *modified_s && std::fs::metadata(path).is_ok_and(|now| now.len() == there.len())
        });
        if same {
            continue;
        }
        let part = kept.join(format!(".{number}.part"));
        std::fs::copy(path, &part)?;
        let file = File::options().append(true).open(&part)?;
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(u64::from(*modified_s)))?;
        file.sync_all()?;
        std::fs::rename(&part, &copy)?;
    }
    for entry in std::fs::read_dir(kept)?.flatten() {
        if !names.iter().any(|name| entry.file_name().to_string_lossy() == **name) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The files below the paths, sorted, with the second they were changed in; a path that is a file itself is taken whatever its name. With
/// `quiet` a path below the state directory that is not there yet is no fault.
fn files_below(paths: &[PathBuf], quiet: bool, diagnostics: &mut Vec<Diagnostic>) -> Vec<(PathBuf, u32)> {
    let mut files = Vec::new();
    for path in paths {
        let own =
            quiet && matches!(path.file_name().and_then(|name| name.to_str()), Some("imported" | "fetched" | "kept"));
        if own && !path.exists() {
            continue;
        }
        collect(path, true, &mut files, diagnostics, 0);
    }
    files.sort();
    files.dedup();
    files
}

fn collect(path: &Path, named: bool, files: &mut Vec<(PathBuf, u32)>, diagnostics: &mut Vec<Diagnostic>, depth: usize) {
    if depth > DEPTH_MAX {
        diagnostics.push(unreadable(path, "directories nest too deep"));
        return;
    }
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(cause) => {
            diagnostics.push(unreadable(path, &cause.to_string()));
            return;
        }
    };
    if !metadata.is_dir() {
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
        // The table of contents of a MISP feed holds no indicators.
        let wanted =
            EXTENSIONS.contains(&extension.as_str()) && path.file_name().is_some_and(|name| name != "manifest.json");
        if metadata.len() > FILE_BYTES_MAX {
            let cause = format!("it is {} bytes long, over the bound of {FILE_BYTES_MAX}", metadata.len());
            diagnostics.push(unreadable(path, &cause));
        } else if named || wanted {
            files.push((path.to_owned(), modified_of(&metadata)));
        }
        return;
    }
    match std::fs::read_dir(path) {
        // Editors' and version control's own files are none.
        Ok(entries) => {
            let listed = events_listed(path);
            for entry in entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
                let entry = entry.path();
                let stem = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let is_event = entry.extension().is_some_and(|extension| extension == "json");
                if !is_event || listed.as_ref().is_none_or(|listed| listed.contains(&stem)) {
                    collect(&entry, false, files, diagnostics, depth + 1);
                }
            }
        }
        Err(cause) => diagnostics.push(unreadable(path, &cause.to_string())),
    }
}

/// The events that the table of contents of a MISP feed lists, where a directory has one: others were withdrawn.
fn events_listed(directory: &Path) -> Option<std::collections::BTreeSet<String>> {
    let manifest = std::fs::read(directory.join("manifest.json")).ok()?;
    let manifest: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_slice(&manifest).ok()?;
    Some(manifest.into_keys().collect())
}

fn modified_of(metadata: &std::fs::Metadata) -> u32 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| u32::try_from(since.as_secs()).ok()).unwrap_or(0)
}

fn unreadable(path: &Path, cause: &str) -> Diagnostic {
    Diagnostic::error(path, Place { line: 1, column: 1 }, format!("cannot read the file: {cause}"))
        .help("check the path and who may read it")
}
