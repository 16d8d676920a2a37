//! Who did what with the evidence: acts of operators, on their way into the archive's tree.
//!
//! An act names its user as the system knows it. What only the environment says (`SUDO_USER`) is told as that.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use noroshi_archive::audit;
use noroshi_input::files::Files;
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tracing::error;

use crate::evidence::hex;

/// Bytes of one text of an act: a long query whole. Of a longer one the begin, its length and digest are told.
const TEXT_BYTES_MAX: usize = 8 << 10;

/// Items of one list of an act, such as the indicators of a hunt. Of a longer one the first, their number and a digest are told.
const LIST_ITEMS_MAX: usize = 64;

/// Bytes of a name that the environment tells.
const NAME_BYTES_MAX: usize = 256;

/// What was done.
#[derive(Clone, Debug)]
pub struct Act {
    command: &'static str,
    arguments: Map<String, Value>,
    records: Option<u64>,
}

impl Act {
    /// A command, as it is typed.
    pub fn new(command: &'static str) -> Self {
        Act { command, arguments: Map::new(), records: None }
    }

    /// What it was asked for. Absent (`null`) values are left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = bounded(value.into());
        if !value.is_null() {
            self.arguments.insert(name.to_owned(), value);
        }
        self
    }

    /// How many records it showed.
    #[must_use]
    pub fn records(mut self, records: usize) -> Self {
        self.records = Some(records as u64);
        self
    }

    /// The act as the tree keeps it, done now by this process.
    pub fn told(&self, now_ns: i64) -> Value {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let mut told = json!({
            "id": format!("{}-{pid}-{number}", now_ns.max(0)),
            "time": format_rfc3339(now_ns),
            "host": host(),
            "who": who(),
            "pid": pid,
            "version": env!("CARGO_PKG_VERSION"),
            "command": self.command,
            "arguments": self.arguments,
        });
        if let Some(records) = self.records {
            told["records"] = records.into();
        }
        if !audit::fits(&told) {
            let text = told["arguments"].to_string();
            told["arguments"] = json!({"bytes": text.len(), "sha256": sha256(text.as_bytes())});
        }
        told
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            let begin = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
            json!({"begin": begin, "bytes": text.len(), "sha256": sha256(text.as_bytes())})
        }
        Value::Array(items) if items.len() > LIST_ITEMS_MAX => {
            let digest = sha256(Value::Array(items.clone()).to_string().as_bytes());
            let count = items.len();
            let first: Vec<Value> = items.into_iter().take(LIST_ITEMS_MAX).map(bounded).collect();
            json!({"first": first, "count": count, "sha256": digest})
        }
        Value::Array(items) => items.into_iter().map(bounded).collect(),
        other => other,
    }
}

/// This host's name.
pub fn host() -> String {
    let read = |path| std::fs::read_to_string(path).ok().map(|name| name.trim().to_owned());
    let name = ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter().find_map(read);
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// Who runs this process: user, the one who logged in (which `sudo` does not change), and what the environment says.
pub fn who() -> Value {
    let (uid, euid) = (rustix::process::getuid().as_raw(), rustix::process::geteuid().as_raw());
    let mut who = json!({"uid": uid});
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            who[name] = value;
        }
    };
    put("user", user_of(uid).map(Value::from));
    put("effective_uid", (euid != uid).then(|| euid.into()));
    // Unset = no login: a service, a container.
    let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse::<u32>().ok());
    let login = login.filter(|&login| login != u32::MAX);
    put("login_uid", login.map(Value::from));
    put("login_user", login.and_then(user_of).map(Value::from));
    let sudo = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    put("sudo_user", sudo.map(|name| name[..name.floor_char_boundary(NAME_BYTES_MAX)].into()));
    who
}

/// The name of a user of this host; users that only a directory service knows have a number alone.
fn user_of(uid: u32) -> Option<String> {
    let users = std::fs::read("/etc/passwd").ok()?;
    let users = String::from_utf8_lossy(&users).into_owned();
    users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Writes an act down in the archive of `directory`. A file written by root belongs to the archive's owner at once, who takes it up.
///
/// # Errors
/// Those of writing.
pub fn write(files: &dyn Files, directory: &Path, act: &Act, now_ns: i64) -> io::Result<()> {
    let owner = if rustix::process::geteuid().is_root() {
        std::fs::metadata(directory).ok().map(|metadata| (metadata.uid(), metadata.gid())).filter(|&(uid, _)| uid != 0)
    } else {
        None
    };
    let owned = |path: &Path| match owner {
        Some((uid, gid)) => std::os::unix::fs::chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    };
    audit::write(files, directory, &act.told(now_ns), &owned)
}

/// Where a running engine writes down what it does at an operator's word.
#[derive(Clone, Debug)]
pub struct Acts {
    /// The disk.
    pub files: Arc<dyn Files>,
    /// The archive's directory.
    pub directory: PathBuf,
    /// The time, nanoseconds since 1970 UTC.
    pub clock: fn() -> i64,
}

impl Acts {
    /// Writes an act down. Where that fails it is told in the log: the engine goes on.
    pub fn tell(&self, act: &Act) {
        if let Err(cause) = write(&*self.files, &self.directory, act, (self.clock)()) {
            let told = act.told((self.clock)());
            error!("cannot write down an act in {}: {cause}; it was {told}", self.directory.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_and_lists_are_told_by_begin_length_and_digest() {
        let long = "x".repeat(TEXT_BYTES_MAX - 1) + "é";
        let act = Act::new("search").with("query", long).with("ioc", vec!["192.0.2.1"; 100]).with("since", Value::Null);
        let told = act.records(3).told(1);
        assert_eq!(told["arguments"]["query"]["bytes"], TEXT_BYTES_MAX + 1);
        assert_eq!(told["arguments"]["query"]["begin"].as_str().map(str::len), Some(TEXT_BYTES_MAX - 1));
        assert_eq!(told["arguments"]["ioc"]["count"], 100);
        assert_eq!(told["arguments"]["ioc"]["first"].as_array().map(Vec::len), Some(LIST_ITEMS_MAX));
        assert_eq!((&told["records"], told["arguments"].get("since")), (&3.into(), None));
        let wide = Act::new("hunt").with("ioc", vec!["y".repeat(2000); LIST_ITEMS_MAX]).told(1);
        assert!(audit::fits(&wide) && wide["arguments"]["sha256"].is_string(), "{wide}");
    }

    #[test]
    fn every_act_has_an_id_of_its_own_and_its_user() {
        let (one, other) = (Act::new("run").told(5), Act::new("run").told(5));
        assert_ne!(one["id"], other["id"]);
        assert!(one["who"]["uid"].is_u64() && !one["host"].as_str().unwrap().is_empty());
        assert_eq!(user_of(0).as_deref(), Some("root"));
    }
}
