//! A catalog that is damaged or gone is made anew from the tree and the files.
//!
//! The tree says which files there must be and what their bytes are; each file says of itself what the catalog says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use noroshi_files::{Files, replace_durably};
use noroshi_tree::check;
use noroshi_tree::leaf::{Leaf, Manifest};
use tracing::{error, warn};

use crate::about::About;
use crate::catalog::{CATALOG, Catalog, Sealed};
use crate::log::{Log, TREE};
use crate::verify::digest;

/// Lines of segments that are no more, by which a catalog is written anew: so many as there are of others, and these.
const LINES_SPARE: usize = 1000;

/// Where a damaged catalog is kept.
const DAMAGED: &str = "catalog.ndjson.damaged";

/// A sound catalog, on disk too, and the files that the tree says are gone.
///
/// # Errors
/// Those of reading the tree and writing the catalog.
pub(crate) fn mend(
    files: &Arc<dyn Files>,
    directory: &Path,
    log: &Log,
    mut catalog: Catalog,
) -> io::Result<(Catalog, BTreeSet<String>)> {
    let is_lost = catalog.lines == 0 && log.size() > 0;
    if !is_lost && catalog.damaged_lines == 0 {
        let gone = catalog.gone.keys().cloned().collect();
        if catalog.lines > 2 * catalog.segments().len() + LINES_SPARE {
            // What is gone is removed by the run before at the latest, or stands in the list of this one.
            catalog.rewrite(&**files, directory)?;
        }
        return Ok((catalog, gone));
    }
    let told = if is_lost { "is gone".to_owned() } else { format!("has {} damaged lines", catalog.damaged_lines) };
    let only_torn = !is_lost && catalog.damaged_lines == 1 && catalog.is_torn;
    let mut manifests: BTreeMap<String, (u64, Manifest)> = BTreeMap::new();
    let mut batches: BTreeMap<u64, u64> = BTreeMap::new();
    let mut gone = BTreeSet::new();
    let mut end_sequence = catalog.end_sequence();
    let key = std::slice::from_ref(log.verifier());
    let checked = check::check(Arc::clone(files), &directory.join(TREE), key, &[], &mut |index, entry| {
        let left: Vec<String> = match Leaf::parse(entry) {
            Ok(Leaf::Manifest(manifest)) => {
                gone.remove(&manifest.file);
                manifests.insert(manifest.file.clone(), (index, manifest));
                Vec::new()
            }
            Ok(Leaf::Replaced(replaced)) => replaced.files,
            Ok(Leaf::Purged(purged)) => {
                end_sequence = end_sequence.max(purged.sequences.end);
                purged.files
            }
            Ok(Leaf::Batch(batch)) => {
                batches.insert(index, batch.first_sequence.saturating_add(batch.records));
                Vec::new()
            }
            Ok(Leaf::Audit(_)) | Err(_) => Vec::new(),
        };
        left.iter().for_each(|file| _ = manifests.remove(file));
        gone.extend(left);
    });
    let checked = checked.map_err(io::Error::other)?;
    if is_lost && manifests.is_empty() && gone.is_empty() {
        // Acts stand in the tree, and nothing was sealed yet.
        return Ok((catalog, gone));
    }
    if !only_torn {
        warn!("the catalog {told}; it is made anew from the tree and the files");
    }
    if !is_lost && !only_torn {
        let damaged = files.read(&directory.join(CATALOG))?;
        replace_durably(&**files, &directory.join(DAMAGED), &damaged)?;
    }
    let known: BTreeMap<&str, &Sealed> =
        catalog.segments().iter().map(|sealed| (sealed.file.as_str(), sealed)).collect();
    let mut segments: Vec<Sealed> = Vec::new();
    for (index, manifest) in manifests.into_values() {
        let same = known.get(manifest.file.as_str()).filter(|sealed| sealed.manifest_index() == index);
        let sealed = match same {
            Some(sealed) => Some((*sealed).clone()),
            None => match about_of(&**files, &directory.join(&manifest.file), &manifest) {
                Ok(about) => Some(about.sealed(&manifest, index)),
                Err(cause) => {
                    error!("{} cannot be taken into the catalog: {cause}; searches pass it over", manifest.file);
                    // Its numbers were given all the same.
                    let of_file = batches.range(manifest.batches.clone()).map(|(_, end)| *end).max();
                    end_sequence = end_sequence.max(of_file.unwrap_or(0));
                    None
                }
            },
        };
        segments.extend(sealed);
    }
    segments.sort_by_key(Sealed::manifest_index);
    end_sequence = segments.iter().map(|sealed| sealed.end_sequence).fold(end_sequence, u64::max);
    let mut mended = Catalog::of(segments, end_sequence, checked.checkpoint.size);
    mended.rewrite(&**files, directory)?;
    Ok((mended, gone))
}

/// What a file tells of itself, if it is what was sealed.
fn about_of(files: &dyn Files, path: &Path, manifest: &Manifest) -> io::Result<About> {
    let (bytes, digest) = digest(files, path)?;
    if bytes != manifest.bytes || digest != manifest.sha256.0 {
        return Err(io::Error::other("it is not what was sealed"));
    }
    About::read(files, path)?.ok_or_else(|| io::Error::other("it was sealed by a version that wrote no account of it"))
}
