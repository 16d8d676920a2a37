//! TAXII 2.1 collections (OASIS TAXII 2.1 §3.3, §5.4): objects added since the last poll, page by page, into one bundle on disk.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::config::FeedConfig;
use super::fetch::Client;
use super::poll::{Polled, State, replace};

const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// Objects asked for at once; servers give fewer as they like.
const LIMIT: u32 = 1_000;
/// Pages of one poll: what is left comes with the next one.
const PAGES_MAX: usize = 10_000;
/// Longest page.
const PAGE_BYTES_MAX: u64 = 256 << 20;
/// All objects kept of a collection.
const OBJECTS_BYTES_MAX: usize = 1 << 30;

/// Objects by id: when each was modified, and as it stands.
type Objects = BTreeMap<String, (String, String)>;

pub(super) fn poll(client: &Client, config: &FeedConfig, fetched: &Path, state: &mut State) -> Result<Polled, String> {
    let root = config.url.as_deref().unwrap_or_default().trim_end_matches('/');
    let collection = escaped(config.collection.as_deref().unwrap_or_default());
    let kept = fetched.join("objects.json");
    let mut objects = Objects::new();
    match std::fs::read(&kept) {
        Ok(bytes) => {
            let bundle: Value =
                serde_json::from_slice(&bytes).map_err(|cause| format!("{}: {cause}", kept.display()))?;
            merge(&mut objects, &bundle);
        }
        // Where the file was removed everything is asked for again.
        Err(_) => state.added_after.clear(),
    }
    let (mut added_after, mut next) = (state.added_after.clone(), String::new());
    let mut any = false;
    for _ in 0..PAGES_MAX {
        let mut url = format!("{root}/collections/{collection}/objects/?limit={LIMIT}");
        if !state.added_after.is_empty() {
            url.push_str(&format!("&added_after={}", escaped(&state.added_after)));
        }
        if !next.is_empty() {
            url.push_str(&format!("&next={}", escaped(&next)));
        }
        let answer = client.get(&url, &[("Accept", MEDIA_TYPE)])?.ok()?;
        let last_added = answer.header("X-TAXII-Date-Added-Last");
        let mut page = Vec::new();
        answer.write_to(&mut page, PAGE_BYTES_MAX)?;
        let page: Value = match serde_json::from_slice(&page) {
            Ok(page @ Value::Object(_)) => page,
            Ok(_) => return Ok(Polled::Kept("a page is no envelope".into())),
            Err(cause) => return Ok(Polled::Kept(format!("a page is broken: {cause}"))),
        };
        any |= merge(&mut objects, &page);
        if objects.iter().map(|(id, (_, object))| id.len() + object.len()).sum::<usize>() > OBJECTS_BYTES_MAX {
            return Err(format!("the collection is over {OBJECTS_BYTES_MAX} bytes long"));
        }
        if !last_added.is_empty() {
            added_after = last_added;
        }
        let more = page["more"] == Value::Bool(true);
        let told = page["next"].as_str().unwrap_or_default();
        // A server that says there is more but not where would be asked for the same for ever.
        if !more || told.is_empty() || told == next {
            break;
        }
        told.clone_into(&mut next);
    }
    if !any {
        return Ok(Polled::Unchanged);
    }
    let part = fetched.join(".part");
    write(&part, &objects).map_err(|cause| format!("{}: {cause}", part.display()))?;
    let polled = replace(config, &part, &kept, state)?;
    if matches!(polled, Polled::Taken(_)) {
        state.added_after = added_after;
    }
    Ok(polled)
}

/// Takes the objects of a page up; of several versions the newest. Whether there was any.
fn merge(objects: &mut Objects, page: &Value) -> bool {
    let list = page["objects"].as_array().map(Vec::as_slice).unwrap_or_default();
    for object in list {
        let Some(id) = object["id"].as_str() else { continue };
        let modified = object["modified"].as_str().unwrap_or_default();
        if objects.get(id).is_none_or(|(known, _)| known.as_str() <= modified) {
            objects.insert(id.to_owned(), (modified.to_owned(), object.to_string()));
        }
    }
    !list.is_empty()
}

fn write(path: &Path, objects: &Objects) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    file.write_all(b"{\"type\":\"bundle\",\"objects\":[")?;
    for (at, (_, object)) in objects.values().enumerate() {
        file.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        file.write_all(object.as_bytes())?;
    }
    file.write_all(b"\n]}\n")?;
    file.into_inner()?.sync_all()
}

/// Percent-encoded for a path or a query (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
