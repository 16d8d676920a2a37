//! Legal holds: what no retention removes.
//!
//! A hold is a query, in `holds/<number>.json`. A segment with one row that it finds is kept as it is, whatever its age. The
//! engine reads the holds anew before it removes anything, so that one added beside it counts at once; where
//! any of them cannot be read or understood nothing is removed at all.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::{Files, replace_durably};
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Sealed};
use crate::search::query::{self, Filter};
use crate::search::scan::SealedFile;

/// Where holds lie, below the archive's directory.
pub const HOLDS: &str = "holds";

/// A hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Its number, from 1.
    pub id: u64,
    /// What is held: a query as for a search, without `|`.
    pub query: String,
    /// Event time from which on, nanoseconds since 1970 UTC.
    pub since_ns: Option<i64>,
    /// Event time before which.
    pub until_ns: Option<i64>,
    /// Why.
    pub reason: String,
    /// Who added it.
    pub who: String,
    /// When, by the host's clock.
    pub added_ns: i64,
    /// Who let go of it; `None` = it holds.
    pub released: Option<Released>,
}

/// The end of a hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// Why.
    pub reason: String,
    /// Who let go of it.
    pub who: String,
    /// When, by the host's clock.
    pub at_ns: i64,
}

/// What is to be held, and why.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// The query.
    pub query: String,
    /// Event times: start included, end not.
    pub time_ns: (Option<i64>, Option<i64>),
    /// Why.
    pub reason: String,
    /// Who asks for it.
    pub who: String,
    /// Now.
    pub added_ns: i64,
}

fn path_of(directory: &Path, id: u64) -> PathBuf {
    directory.join(HOLDS).join(format!("{id}.json"))
}

fn id_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()
}

fn invalid(told: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, told)
}

/// Adds a hold, durably, under the next number.
///
/// # Errors
/// A query that cannot be read or that aggregates; those of the write.
pub fn add(files: &dyn Files, directory: &Path, new: NewHold) -> io::Result<Hold> {
    filter_of(&new.query)?;
    files.create_directory(&directory.join(HOLDS))?;
    let mut id = list_paths(files, directory)?.last().map_or(1, |(last, _)| last + 1);
    let (mut file, path) = loop {
        let path = path_of(directory, id);
        match files.create_private(&path) {
            Ok(file) => break (file, path),
            // Another was added in the same moment.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => id += 1,
            Err(error) => return Err(error),
        }
    };
    let (since_ns, until_ns) = new.time_ns;
    let NewHold { query, reason, who, added_ns, .. } = new;
    let hold = Hold { id, query, since_ns, until_ns, reason, who, added_ns, released: None };
    let written = serde_json::to_vec(&hold).map_err(io::Error::other).and_then(|text| {
        file.write_all(&text)?;
        file.sync()?;
        files.sync_directory(&directory.join(HOLDS))
    });
    if let Err(error) = written {
        // Half a hold would stop retention, and nobody was told that it stands.
        let _ = files.remove(&path);
        return Err(error);
    }
    Ok(hold)
}

fn list_paths(files: &dyn Files, directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let listed = match files.list(&directory.join(HOLDS)) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths: Vec<_> = listed.into_iter().filter_map(|path| Some((id_of(&path)?, path))).collect();
    paths.sort();
    Ok(paths)
}

/// All holds, those that were let go of too, by their numbers.
///
/// # Errors
/// One that cannot be read, named: it may hold anything.
pub fn list(files: &dyn Files, directory: &Path) -> io::Result<Vec<Hold>> {
    let paths = list_paths(files, directory)?;
    let read = |(id, path): (u64, PathBuf)| {
        let hold: Hold = serde_json::from_slice(&files.read(&path)?).map_err(|cause| {
            let told = format!(
                "the hold {} cannot be read ({cause}): put it back from a copy, or remove it if `hold add` never told that it stands",
                path.display()
            );
            invalid(told)
        })?;
        if hold.id == id { Ok(hold) } else { Err(invalid(format!("the hold {} is of another number", path.display()))) }
    };
    paths.into_iter().map(read).collect()
}

/// Lets go of a hold, durably. Its file stays and tells so.
///
/// # Errors
/// There is none of that number, or it was let go of before; those of the write.
pub fn release(files: &dyn Files, directory: &Path, id: u64, released: Released) -> io::Result<Hold> {
    let mut hold = list(files, directory)?.into_iter().find(|hold| hold.id == id).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no hold {id}; `noroshi hold list` shows all"))
    })?;
    if let Some(before) = &hold.released {
        return Err(invalid(format!("hold {id} was let go of before, by {}", before.who)));
    }
    hold.released = Some(released);
    let text = serde_json::to_vec(&hold).map_err(io::Error::other)?;
    replace_durably(files, &path_of(directory, id), &text)?;
    Ok(hold)
}

fn filter_of(text: &str) -> io::Result<Option<Arc<Filter>>> {
    let wrong = |told: &dyn fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, format!("{told}"));
    let parsed = query::parse(text).map_err(|error| wrong(&error.message))?;
    if parsed.stats.is_some() || parsed.sort.is_some() || parsed.limit.is_some() || !parsed.fields.is_empty() {
        return Err(wrong(&"a hold takes what is found, and nothing behind `|`"));
    }
    Ok(parsed.filter.map(Arc::new))
}

impl Hold {
    /// The segments in which it finds a row; those that cannot be read among them.
    ///
    /// # Errors
    /// Its query cannot be read.
    pub fn segments(&self, files: &dyn Files, directory: &Path, catalog: &Catalog) -> io::Result<Vec<Sealed>> {
        let active = Active::of(self)?;
        let holds = |segment: &&Sealed| active.finds(files, directory, segment).unwrap_or(true);
        Ok(catalog.segments().iter().filter(holds).cloned().collect())
    }
}

/// A hold that is in force, ready to be asked.
#[derive(Debug)]
struct Active {
    id: u64,
    filter: Option<Arc<Filter>>,
    time_ns: (i64, i64),
}

impl Active {
    fn of(hold: &Hold) -> io::Result<Self> {
        let time_ns = (hold.since_ns.unwrap_or(i64::MIN), hold.until_ns.unwrap_or(i64::MAX));
        Ok(Active { id: hold.id, filter: filter_of(&hold.query)?, time_ns })
    }

    fn finds(&self, files: &dyn Files, directory: &Path, segment: &Sealed) -> io::Result<bool> {
        if segment.time_max_ns < self.time_ns.0 || segment.time_min_ns >= self.time_ns.1 {
            return Ok(false);
        }
        match SealedFile::of(files, directory, segment)? {
            Some(file) => file.any(self.filter.as_ref(), self.time_ns),
            None => Ok(false),
        }
    }
}

/// The holds in force, and which segments they were found to hold.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    active: Vec<Active>,
    /// By number and file. Neither a hold nor a sealed file changes.
    known: BTreeMap<(u64, String), bool>,
}

impl Holds {
    /// Reads the holds anew.
    ///
    /// # Errors
    /// One that cannot be read: nothing may be removed then.
    pub(crate) fn reread(&mut self, files: &dyn Files, directory: &Path, catalog: &Catalog) -> io::Result<()> {
        let listed = list(files, directory)?;
        self.active =
            listed.iter().filter(|hold| hold.released.is_none()).map(Active::of).collect::<io::Result<_>>()?;
        let there: std::collections::BTreeSet<&str> =
            catalog.segments().iter().map(|segment| segment.file.as_str()).collect();
        self.known
            .retain(|(id, file), _| there.contains(file.as_str()) && self.active.iter().any(|active| active.id == *id));
        Ok(())
    }

    /// Whether any of them holds the segment; one that cannot be searched is held.
    pub(crate) fn hold(&mut self, files: &dyn Files, directory: &Path, segment: &Sealed) -> bool {
        let Holds { active, known } = self;
        active.iter().any(|active| {
            let key = (active.id, segment.file.clone());
            if let Some(&known) = known.get(&key) {
                return known;
            }
            match active.finds(files, directory, segment) {
                Ok(found) => *known.entry(key).or_insert(found),
                Err(_) => true,
            }
        })
    }
}
