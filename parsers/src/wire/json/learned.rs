//! What the members of documents are called and where they go, as looked up the first time.
//!
//! A source writes the same members in nearly the same order, record after record. What a path means in a document of a
//! dialect is looked up once and kept, with the members that followed it before: the next member is compared in
//! place with those, and found by its key where it is none of them. What is kept is a pure function of the path: a document
//! decodes the same whether its names were seen before or not.

use super::dialect::{Dialect, Name};
use super::walk::{PATH_BYTES_MAX, watch_hash};
use crate::dictionary::{Dictionary, FieldId, hash, same};

/// Most paths kept: twice what the wide sources of one worker (audit logs of clouds, EVE, Windows) write. What comes after
/// is looked up each time.
const PATHS_MAX: usize = 4096;

/// Most paths kept that no dictionary holds: a source may make names up, one a record.
const UNNAMED_MAX: usize = 1024;

/// Slots of the table, a power of two: never more than half full.
const SLOTS: usize = PATHS_MAX * 2;

/// Most slots looked at for a key. Keys chosen to meet in one slot are not kept, so that they cost no more than others.
const PROBES_MAX: usize = 16;

/// A path, by number. The first are the roots of documents, a dialect each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PathId(u16);

impl PathId {
    /// A path that is not kept.
    pub(super) const UNKNOWN: PathId = PathId(u16::MAX);

    /// What roots stand below.
    const NOWHERE: PathId = PathId(u16::MAX - 1);

    /// The root of a document.
    pub(super) fn root(dialect: Dialect) -> PathId {
        PathId(dialect as u16)
    }
}

/// Where a member is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Under the product's namespace, by id.
    Vendor,
    /// At the root, under a schema name.
    Schema,
    /// No dictionary holds the name: under the product's namespace.
    UnnamedVendor,
    /// No dictionary holds the name: at the root.
    UnnamedRoot,
}

pub(super) struct Path {
    /// Where the whole path stands among the names.
    at: u32,
    len: u16,
    key_len: u16,
    parent: PathId,
    /// What followed, the last time and the time before.
    next: [PathId; 2],
    pub(super) place: Place,
    pub(super) id: FieldId,
    /// The name, where no dictionary holds it: a part of the path.
    name_at: u16,
    name_len: u16,
    /// The hash of the path by which names that no dictionary holds are watched.
    pub(super) hash: u32,
    /// The last document that had it, where no dictionary holds the name.
    pub(super) seen: u32,
}

impl Path {
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Where the name stands in the key, if all of it does.
    #[inline]
    pub(super) fn name_in_key(&self) -> Option<std::ops::Range<usize>> {
        let at = self.name_at.checked_sub(self.len - self.key_len)?;
        Some(usize::from(at)..usize::from(at) + usize::from(self.name_len))
    }
}

/// What one decoder has learned, and the room that a walk needs.
pub(crate) struct Learned {
    paths: Vec<Path>,
    /// The paths, one behind the other.
    names: Vec<u8>,
    /// Open addressing, linear probing; 0 is empty, which is a root and never looked up.
    table: Box<[u16; SLOTS]>,
    unnamed: usize,
    document: u32,
    /// The path of the member being read, where it is not kept.
    pub(super) composed: [u8; PATH_BYTES_MAX],
}

impl Default for Learned {
    fn default() -> Self {
        let root = |_| Path {
            at: 0,
            len: 0,
            key_len: 0,
            parent: PathId::NOWHERE,
            next: [PathId(0); 2],
            place: Place::UnnamedVendor,
            id: FieldId::UNNAMED,
            name_at: 0,
            name_len: 0,
            hash: 0,
            seen: 0,
        };
        let mut paths = Vec::with_capacity(512);
        paths.extend(Dialect::ALL.map(root));
        Learned {
            paths,
            names: Vec::with_capacity(16 << 10),
            table: Box::new([0; SLOTS]),
            unnamed: 0,
            document: 0,
            composed: [0; PATH_BYTES_MAX],
        }
    }
}

impl Learned {
    /// Begins a document; its number stands in [`Path::seen`] of the members it had.
    pub(super) fn begin(&mut self) -> u32 {
        self.document = self.document.wrapping_add(1);
        if self.document == 0 {
            self.paths.iter_mut().for_each(|path| path.seen = 0);
            self.document = 1;
        }
        self.document
    }

    /// The path, if it is kept.
    #[inline]
    pub(super) fn known(&self, id: PathId) -> Option<&Path> {
        self.paths.get(usize::from(id.0))
    }

    /// Notes that `document` has `id`.
    #[inline]
    pub(super) fn see(&mut self, id: PathId, document: u32) {
        self.paths[usize::from(id.0)].seen = document;
    }

    /// Writes the path of an object, and the dot behind it, where names that are not kept are composed.
    pub(super) fn write_prefix(&mut self, id: PathId) {
        let path = &self.paths[usize::from(id.0)];
        let (at, len) = (path.at as usize, path.len());
        self.composed[..len].copy_from_slice(&self.names[at..at + len]);
        self.composed[len] = b'.';
    }

    /// The whole path.
    #[inline]
    pub(super) fn text(&self, id: PathId) -> &[u8] {
        let path = &self.paths[usize::from(id.0)];
        &self.names[path.at as usize..][..path.len()]
    }

    /// The name under which a path is written that no dictionary holds.
    pub(super) fn name(&self, id: PathId) -> &[u8] {
        let path = &self.paths[usize::from(id.0)];
        &self.text(id)[usize::from(path.name_at)..][..usize::from(path.name_len)]
    }

    /// The member below `parent` whose key and quote stand at `at`, if it is one that followed `last` before; and how
    /// long its key is.
    #[inline(always)]
    pub(super) fn guess(&mut self, last: PathId, parent: PathId, text: &[u8], at: usize) -> Option<(PathId, usize)> {
        let [first, second] = self.paths.get(usize::from(last.0))?.next;
        if let Some(key_len) = self.stands_at(first, parent, text, at) {
            return Some((first, key_len));
        }
        let key_len = self.stands_at(second, parent, text, at)?;
        self.paths[usize::from(last.0)].next = [second, first];
        Some((second, key_len))
    }

    #[inline(always)]
    fn stands_at(&self, id: PathId, parent: PathId, text: &[u8], at: usize) -> Option<usize> {
        let path = self.paths.get(usize::from(id.0)).filter(|path| path.parent == parent)?;
        let key_len = usize::from(path.key_len);
        let end = path.at as usize + path.len();
        let key = self.names.get(end - key_len..end)?;
        let here = text.get(at..)?;
        let (found, behind) = here.split_at_checked(key_len)?;
        (behind.first_chunk() == Some(b"\":") && same(found, key)).then_some(key_len)
    }

    /// The member `key` below `parent`, learned if there is room; it followed `last`.
    pub(super) fn find(
        &mut self,
        last: PathId,
        parent: PathId,
        key: &[u8],
        dialect: Dialect,
        dictionary: &Dictionary,
    ) -> Option<PathId> {
        // The upper bits: names that are counted through differ in few, and would stand in a row by the lower.
        let mixed = (hash(key) as u64 ^ u64::from(parent.0) << 48).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut slot = (mixed >> (u64::BITS - SLOTS.ilog2())) as usize;
        let mut probes = 0;
        let id = loop {
            let held = PathId(self.table[slot]);
            if held == PathId(0) {
                break self.learn(parent, key, dialect, dictionary, slot)?;
            }
            let path = &self.paths[usize::from(held.0)];
            let end = path.at as usize + path.len();
            if path.parent == parent && same(&self.names[end - usize::from(path.key_len)..end], key) {
                break held;
            }
            probes += 1;
            if probes == PROBES_MAX {
                return None;
            }
            slot = (slot + 1) % SLOTS;
        };
        if let Some(last) = self.paths.get_mut(usize::from(last.0)) {
            last.next = [id, last.next[0]];
        }
        Some(id)
    }

    #[cold]
    fn learn(
        &mut self,
        parent: PathId,
        key: &[u8],
        dialect: Dialect,
        dictionary: &Dictionary,
        slot: usize,
    ) -> Option<PathId> {
        let at = self.names.len();
        let above = &self.paths[usize::from(parent.0)];
        let (above_at, above_len) = (above.at as usize, above.len());
        let len = if above_len == 0 { key.len() } else { above_len + 1 + key.len() };
        // Names are short; what is as long as a path can be is not worth its room.
        let tells = dialect == Dialect::Windows && key == super::dialect::EVENT_TYPE;
        if self.paths.len() == PATHS_MAX || key.is_empty() || len >= PATH_BYTES_MAX / 2 || tells {
            return None;
        }
        if above_len > 0 {
            self.names.extend_from_within(above_at..above_at + above_len);
            self.names.push(b'.');
        }
        self.names.extend_from_slice(key);
        let learned = resolve(&self.names[at..], dialect, dictionary).filter(|resolved| {
            // One path may be written two ways, nested and with dots in a key: told apart, a name that stands twice in a
            // document would not be noticed.
            let unnamed = resolved.id == FieldId::UNNAMED;
            !unnamed || self.unnamed < UNNAMED_MAX && !key.contains(&b'.')
        });
        let Some(Resolved { place, id, name_at, name_len }) = learned else {
            self.names.truncate(at);
            return None;
        };
        self.unnamed += usize::from(id == FieldId::UNNAMED);
        let learned = PathId(self.paths.len() as u16);
        self.paths.push(Path {
            at: at as u32,
            len: len as u16,
            key_len: key.len() as u16,
            parent,
            next: [PathId(0); 2],
            place,
            id,
            name_at,
            name_len,
            hash: watch_hash(&self.names[at..]),
            seen: 0,
        });
        self.table[slot] = learned.0;
        Some(learned)
    }
}

struct Resolved {
    place: Place,
    id: FieldId,
    name_at: u16,
    name_len: u16,
}

/// What `path` means; `None` = its name is no part of it.
fn resolve(path: &[u8], dialect: Dialect, dictionary: &Dictionary) -> Option<Resolved> {
    let of_id = |place, id| Some(Resolved { place, id, name_at: 0, name_len: 0 });
    match dialect.name(path, dictionary) {
        Name::Vendor(id) => of_id(Place::Vendor, id),
        Name::Schema(id) => of_id(Place::Schema, id),
        Name::Unnamed { name, vendor } => {
            let at = (name.as_ptr() as usize).checked_sub(path.as_ptr() as usize)?;
            let place = if vendor { Place::UnnamedVendor } else { Place::UnnamedRoot };
            (at + name.len() <= path.len()).then_some(Resolved {
                place,
                id: FieldId::UNNAMED,
                name_at: at as u16,
                name_len: name.len() as u16,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_kept() {
        let dictionary = Dictionary::new();
        let mut learned = Learned::default();
        let root = PathId::root(Dialect::Generic);
        let mut find = |key: &str| learned.find(root, root, key.as_bytes(), Dialect::Generic, &dictionary);
        let made_up: Vec<_> = (0..UNNAMED_MAX).map(|at| find(&format!("made{at}"))).collect();
        assert!(made_up.iter().all(Option::is_some));
        assert_eq!(find("one-more"), None);
        assert_eq!(find("made7"), made_up[7], "what is kept stays");
        assert!(find("message").is_some(), "made-up names take no room from known ones");
        for key in ["", "made.up", &"x".repeat(PATH_BYTES_MAX)] {
            assert_eq!(find(key), None, "{key}");
        }
    }

    #[test]
    fn known_paths_are_bounded() {
        let mut dictionary = Dictionary::new();
        for at in 0..PATHS_MAX + 10 {
            dictionary.intern(&format!("name{at}"));
        }
        let mut learned = Learned::default();
        let root = PathId::root(Dialect::Windows);
        let kept = (0..PATHS_MAX + 10)
            .filter(|at| {
                learned.find(root, root, format!("name{at}").as_bytes(), Dialect::Windows, &dictionary).is_some()
            })
            .count();
        // A few meet too many others.
        assert!((PATHS_MAX - 100..=PATHS_MAX - Dialect::ALL.len()).contains(&kept), "{kept}");
    }

    #[test]
    fn a_key_means_what_its_place_says() {
        let dictionary = Dictionary::new();
        let mut learned = Learned::default();
        let root = PathId::root(Dialect::Generic);
        let source = learned.find(root, root, b"source", Dialect::Generic, &dictionary).unwrap();
        let ip = learned.find(source, source, b"ip", Dialect::Generic, &dictionary).unwrap();
        assert_eq!((learned.text(ip), learned.known(ip).unwrap().id), (&b"source.ip"[..], crate::ecs::SOURCE_IP));
        assert_ne!(learned.find(ip, root, b"ip", Dialect::Generic, &dictionary), Some(ip));
        assert_eq!(learned.guess(root, root, br#""source":1"#, 1), Some((source, 6)));
        assert_eq!(learned.guess(source, source, br#""ip":1"#, 1), Some((ip, 2)));
        assert_eq!(learned.guess(source, root, br#""ip":1"#, 1), None);
        assert_eq!(learned.guess(source, source, br#""ip2":1"#, 1), None);
        // The same key in a document of another is another.
        let windows = PathId::root(Dialect::Windows);
        assert_ne!(learned.find(windows, windows, b"source", Dialect::Windows, &dictionary), Some(source));
    }
}
