//! A directory of one test, gone with it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A temporary directory with shorthands that panic: a test without its files has nothing to say.
#[derive(Debug)]
pub struct WorkDir(tempfile::TempDir);

impl Default for WorkDir {
    fn default() -> Self {
        WorkDir(tempfile::tempdir().expect("a temporary directory"))
    }
}

impl WorkDir {
    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, with the directories above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("it is below the directory")).expect("directories can be made");
        fs::write(&path, bytes).expect("files can be written");
        path
    }

    /// Puts a file in place whole, as whoever changes what a running engine reads has to.
    pub fn replace(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let new = self.write(&format!("{name}.new"), bytes);
        fs::rename(new, self.join(name)).expect("files can be renamed");
    }

    /// Appends to a file in one write, as loggers do.
    pub fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.join(name);
        let mut file = fs::File::options().append(true).create(true).open(path).expect("the file can be appended to");
        file.write_all(bytes.as_ref()).expect("the file can be written");
    }

    /// A file's bytes; none where it is not there.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.join(name)).unwrap_or_default()
    }

    /// A file's text.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.read(name)).into_owned()
    }
}
