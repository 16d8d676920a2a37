//! A disk in memory whose power can be cut.
//!
//! What a program sees while it runs is what it wrote. What it finds after [`SimulatedDisk::cut_power`] is what a real disk
//! could have kept: everything synced, and of the rest any sectors and any number of the first creations, renames and
//! removals, chosen by a seed. A sector (512 bytes) is old or new as a whole; a file may have grown without its bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{FileMetadata, Files, ReadFile, WriteFile, directory_of};

/// What a disk writes whole.
pub(crate) const SECTOR_BYTES: usize = 512;

#[derive(Default, Debug)]
struct Inode {
    data: Vec<u8>,
    /// What the last sync made durable.
    durable: Vec<u8>,
    links: u64,
}

/// When the power goes.
#[derive(Debug)]
enum Plan {
    /// At the operation after so many more.
    After(u64),
    /// At the first operation of this name on a path with this text in it.
    At(&'static str, String),
}

/// A change of names that no sync of its directory has made durable yet.
#[derive(Clone, Debug)]
enum Change {
    Added { path: PathBuf, ino: u64 },
    Removed { path: PathBuf },
    Renamed { from: PathBuf, to: PathBuf, ino: u64 },
}

impl Change {
    fn directory(&self) -> &Path {
        match self {
            Self::Added { path, .. } | Self::Removed { path } => directory_of(path),
            Self::Renamed { to, .. } => directory_of(to),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Added { path, ino } => {
                names.insert(path.clone(), *ino);
            }
            Self::Removed { path } => {
                names.remove(path);
            }
            Self::Renamed { from, to, ino } => {
                names.remove(from);
                names.insert(to.clone(), *ino);
            }
        }
    }
}

#[derive(Default, Debug)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    changes: Vec<Change>,
    directories: BTreeSet<PathBuf>,
    next_ino: u64,
    /// Files opened before the power was cut are of a life that is over.
    life: u64,
    capacity: Option<u64>,
    /// When the power goes, and the seed of what is found then.
    cut_plan: Option<(Plan, u64)>,
    /// The operation that the power went at.
    cut_at: Option<(&'static str, PathBuf)>,
    /// There is no power: every operation fails.
    is_off: bool,
}

impl State {
    fn used(&self) -> u64 {
        self.inodes.values().filter(|inode| inode.links > 0).map(|inode| inode.data.len() as u64).sum()
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
    }

    fn add(&mut self, path: &Path) -> io::Result<u64> {
        if !self.directories.contains(directory_of(path)) {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        self.next_ino += 1;
        let ino = self.next_ino;
        self.inodes.insert(ino, Inode { links: 1, ..Inode::default() });
        self.names.insert(path.to_owned(), ino);
        self.changes.push(Change::Added { path: path.to_owned(), ino });
        Ok(ino)
    }

    fn unlink(&mut self, ino: u64) {
        if let Some(inode) = self.inodes.get_mut(&ino) {
            inode.links = inode.links.saturating_sub(1);
        }
    }

    fn operate(&mut self, operation: &'static str, path: &Path) -> io::Result<()> {
        let (is_due, seed) = match &mut self.cut_plan {
            None => (false, 0),
            Some((Plan::After(left), seed)) if *left == 0 => (true, *seed),
            Some((Plan::After(left), _)) => {
                *left -= 1;
                (false, 0)
            }
            Some((Plan::At(of, part), seed)) => (*of == operation && path.to_string_lossy().contains(&**part), *seed),
        };
        if is_due {
            self.cut_plan = None;
            self.cut_at = Some((operation, path.to_owned()));
            self.cut(seed);
            self.is_off = true;
        }
        if self.is_off { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
    }

    fn cut(&mut self, seed: u64) {
        let mut chance = Chance(seed);
        let state = self;
        state.life += 1;
        let kept = chance.below(state.changes.len());
        let mut names = std::mem::take(&mut state.durable_names);
        state.changes.drain(..).take(kept).for_each(|change| change.apply(&mut names));
        for inode in state.inodes.values_mut() {
            inode.links = 0;
            let grown = inode.data.len().saturating_sub(inode.durable.len());
            let len = match inode.data.len() {
                shorter if shorter < inode.durable.len() => {
                    if chance.next() & 1 == 0 {
                        shorter
                    } else {
                        inode.durable.len()
                    }
                }
                _ => inode.durable.len() + chance.below(grown),
            };
            let mut found = vec![0; len];
            for at in (0..len).step_by(SECTOR_BYTES) {
                let end = (at + SECTOR_BYTES).min(len);
                // A sector that no write touched is the same in both.
                let source = if chance.next() & 1 == 0 { &inode.durable } else { &inode.data };
                let from = source.get(at..source.len().min(end)).unwrap_or_default();
                found[at..at + from.len()].copy_from_slice(from);
                let synced = inode.durable.get(at..inode.durable.len().min(end)).unwrap_or_default();
                let unchanged = inode.data.get(at..at + synced.len()) == Some(synced);
                if unchanged {
                    found[at..at + synced.len()].copy_from_slice(synced);
                }
            }
            inode.durable.clone_from(&found);
            inode.data = found;
        }
        for ino in names.values() {
            if let Some(inode) = state.inodes.get_mut(ino) {
                inode.links += 1;
            }
        }
        state.inodes.retain(|_, inode| inode.links > 0);
        state.durable_names.clone_from(&names);
        state.names = names;
    }

    fn metadata(&self, ino: u64) -> FileMetadata {
        let inode = &self.inodes[&ino];
        FileMetadata { len: inode.data.len() as u64, dev: 1, ino, links: inode.links, is_file: true, mode: 0o600 }
    }
}

/// The disk. Clones are the same disk.
#[derive(Clone, Default, Debug)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

/// A small generator (splitmix64): a seed names the outcome of a power cut.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound as u64 + 1)) as usize
    }
}

impl SimulatedDisk {
    /// An empty disk with a root directory.
    pub fn new() -> Self {
        let disk = Self::default();
        disk.lock().directories.insert(PathBuf::from("/"));
        disk
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bounds what all files together hold; writes beyond it fail with ENOSPC.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Bytes that the files hold.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Lets the power go at the operation after so many more (writes, syncs, and whatever names files): that one and all
    /// later ones fail until [`SimulatedDisk::restore_power`].
    pub fn cut_power_after(&self, operations: u64, seed: u64) {
        let mut state = self.lock();
        state.cut_plan = Some((Plan::After(operations), seed));
        state.cut_at = None;
    }

    /// Lets the power go at the next operation of this name (that of the trait's function) on a path with `part` in it.
    pub fn cut_power_at(&self, operation: &'static str, part: &str, seed: u64) {
        let mut state = self.lock();
        state.cut_plan = Some((Plan::At(operation, part.to_owned()), seed));
        state.cut_at = None;
    }

    /// The operation and the path that the last planned cut came at, such as `sync` and a file; `None` = it did not come.
    pub fn cut_at(&self) -> Option<(&'static str, PathBuf)> {
        self.lock().cut_at.clone()
    }

    /// Gives the power back; a cut that is still to come is called off. Whether the power was gone.
    pub fn restore_power(&self) -> bool {
        let mut state = self.lock();
        state.cut_plan = None;
        std::mem::take(&mut state.is_off)
    }

    /// Takes the power away and gives it back: files open until now fail from here on, and what is found is what the disk
    /// kept, as `seed` chooses.
    pub fn cut_power(&self, seed: u64) {
        self.lock().cut(seed);
    }

    /// The state for an operation that a power cut may come before.
    fn operate(&self, operation: &'static str, path: &Path) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.operate(operation, path)?;
        Ok(state)
    }

    fn handle(&self, ino: u64, at: u64, path: &Path) -> Handle {
        let life = self.lock().life;
        Handle { disk: self.clone(), ino, at, life, path: path.to_owned() }
    }
}

#[derive(Debug)]
struct Handle {
    disk: SimulatedDisk,
    ino: u64,
    at: u64,
    life: u64,
    /// As it was opened.
    path: PathBuf,
}

impl Handle {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.lock();
        if state.life != self.life || state.is_off {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        work(&mut state)
    }
}

impl Read for Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Handle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.metadata()?.len;
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        Ok(self.at)
    }
}

impl ReadFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state| {
            let data = &state.inodes[&self.ino].data;
            let from = data.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
            let read = from.len().min(buffer.len());
            buffer[..read].copy_from_slice(&from[..read]);
            Ok(read)
        })
    }

    fn metadata(&self) -> io::Result<FileMetadata> {
        self.with(|state| Ok(state.metadata(self.ino)))
    }
}

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let at = self.at as usize;
        let written = self.with(|state| {
            state.operate("write", &self.path)?;
            let room = state.capacity.map_or(usize::MAX, |capacity| (capacity.saturating_sub(state.used())) as usize);
            let data = &mut state.inodes.get_mut(&self.ino).expect("a file that is open stays").data;
            let grows = (at + bytes.len()).saturating_sub(data.len());
            let written = bytes.len() - grows.saturating_sub(room).min(bytes.len());
            if written == 0 && !bytes.is_empty() {
                return Err(io::Error::from_raw_os_error(libc::ENOSPC));
            }
            if data.len() < at + written {
                data.resize(at + written, 0);
            }
            data[at..at + written].copy_from_slice(&bytes[..written]);
            Ok(written)
        })?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for Handle {
    fn sync(&mut self) -> io::Result<()> {
        let ino = self.ino;
        self.with(|state| {
            state.operate("sync", &self.path)?;
            let inode = state.inodes.get_mut(&ino).expect("a file that is open stays");
            inode.durable.clone_from(&inode.data);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.metadata(self.ino).len))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let ino = self.ino;
        self.with(|state| {
            state.inodes.get_mut(&ino).expect("a file that is open stays").data.resize(len as usize, 0);
            Ok(())
        })?;
        self.at = len;
        Ok(())
    }
}

impl Files for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let ino = self.operate("open", path)?.find(path)?;
        Ok(Box::new(self.handle(ino, 0, path)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let ino = {
            let mut state = self.operate("create", path)?;
            match state.find(path) {
                Ok(ino) => {
                    state.inodes.get_mut(&ino).expect("named").data.clear();
                    ino
                }
                Err(_) => state.add(path)?,
            }
        };
        Ok(Box::new(self.handle(ino, 0, path)))
    }

    fn create_private(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        if self.lock().find(path).is_ok() {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        self.create(path)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let (ino, len) = {
            let mut state = self.operate("append", path)?;
            let ino = match state.find(path) {
                Ok(ino) => ino,
                Err(_) => state.add(path)?,
            };
            (ino, state.metadata(ino).len)
        };
        Ok(Box::new(self.handle(ino, len, path)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.operate("rename", to)?;
        let ino = state.find(from)?;
        if let Ok(replaced) = state.find(to) {
            state.unlink(replaced);
        }
        let change = Change::Renamed { from: from.to_owned(), to: to.to_owned(), ino };
        change.apply(&mut state.names);
        state.changes.push(change);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.operate("remove", path)?;
        let ino = state.find(path)?;
        state.unlink(ino);
        let change = Change::Removed { path: path.to_owned() };
        change.apply(&mut state.names);
        state.changes.push(change);
        Ok(())
    }

    fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        let state = self.operate("metadata", path)?;
        if state.directories.contains(path) {
            return Ok(FileMetadata { len: 0, dev: 1, ino: 0, links: 2, is_file: false, mode: 0o700 });
        }
        Ok(state.metadata(state.find(path)?))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.operate("list", directory)?;
        if !state.directories.contains(directory) {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        let within = |path: &&PathBuf| path.as_path() != directory && directory_of(path) == directory;
        let mut paths: Vec<PathBuf> = state.names.keys().filter(within).cloned().collect();
        paths.extend(state.directories.iter().filter(within).cloned());
        paths.sort();
        Ok(paths)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.operate("create_directory", directory)?;
        // A directory is durable at once: what is simulated is the loss of files.
        state.directories.extend(directory.ancestors().filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned));
        Ok(())
    }

    fn remove_directory(&self, directory: &Path) -> io::Result<()> {
        if !self.list(directory)?.is_empty() {
            return Err(io::Error::from_raw_os_error(libc::ENOTEMPTY));
        }
        self.lock().directories.remove(directory);
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let state = &mut *self.operate("sync_directory", directory)?;
        if !state.directories.contains(directory) {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        let (synced, waiting) =
            state.changes.drain(..).partition::<Vec<_>, _>(|change| change.directory() == directory);
        synced.iter().for_each(|change| change.apply(&mut state.durable_names));
        state.changes = waiting;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replace_durably;

    fn disk() -> (SimulatedDisk, &'static Path) {
        let disk = SimulatedDisk::new();
        disk.create_directory(Path::new("/data")).unwrap();
        (disk, Path::new("/data/a"))
    }

    #[test]
    fn what_is_synced_survives_every_cut() {
        for seed in 0..200 {
            let (disk, path) = disk();
            let mut file = disk.create(path).unwrap();
            file.write_all(&[7; 1500]).unwrap();
            file.sync().unwrap();
            disk.sync_directory(Path::new("/data")).unwrap();
            file.write_all(&[9; 3000]).unwrap();
            disk.cut_power(seed);
            assert_eq!(file.write(b"x").unwrap_err().raw_os_error(), Some(libc::EIO), "the old life is over");
            let found = disk.read(path).unwrap();
            assert!(found.len() >= 1500 && found[..1500].iter().all(|&byte| byte == 7), "seed {seed}");
            assert!(
                found[1536.min(found.len())..]
                    .chunks(512)
                    .all(|sector| { sector.iter().all(|&byte| byte == 9) || sector.iter().all(|&byte| byte == 0) })
            );
        }
    }

    #[test]
    fn what_is_not_synced_may_be_gone_or_torn() {
        let mut outcomes = BTreeSet::new();
        for seed in 0..100 {
            let (disk, path) = disk();
            disk.create(path).unwrap().write_all(&[9; 2000]).unwrap();
            disk.cut_power(seed);
            outcomes.insert(disk.read(path).map(|found| found.len() / 512).ok());
        }
        assert!(outcomes.contains(&None) && outcomes.len() > 3, "{outcomes:?}");
    }

    #[test]
    fn a_durable_replacement_leaves_the_old_or_the_new() {
        for seed in 0..200 {
            let (disk, path) = disk();
            replace_durably(&disk, path, b"old").unwrap();
            let mut beside = disk.create(Path::new("/data/a.new")).unwrap();
            beside.write_all(b"newer").unwrap();
            if seed % 2 == 0 {
                beside.sync().unwrap();
                disk.rename(Path::new("/data/a.new"), path).unwrap();
            }
            disk.cut_power(seed);
            let found = disk.read(path).unwrap();
            assert!(found == b"old" || found == b"newer", "seed {seed}: {found:?}");
        }
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_then_says_so() {
        let (disk, path) = disk();
        disk.set_capacity(Some(4));
        let mut file = disk.create(path).unwrap();
        assert_eq!(file.write(b"abcdef").unwrap(), 4);
        assert_eq!(file.write(b"ef").unwrap_err().raw_os_error(), Some(libc::ENOSPC));
        disk.set_capacity(None);
        file.write_all(b"ef").unwrap();
        assert_eq!(disk.read(path).unwrap(), b"abcdef");
    }

    #[test]
    fn without_power_nothing_works_until_it_is_back() {
        let (disk, path) = disk();
        let mut file = disk.create(path).unwrap();
        disk.cut_power_after(1, 3);
        file.write_all(b"a").unwrap();
        assert!(file.sync().is_err() && disk.list(Path::new("/data")).is_err());
        assert!(disk.restore_power());
        assert!(file.write(b"b").is_err(), "the file is of the life before");
        assert!(disk.list(Path::new("/data")).is_ok() && !disk.restore_power());
    }
}
