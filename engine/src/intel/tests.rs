//! Feeds held to a server on loopback, which only these tests allow.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use noroshi_rules::diagnostic::Severity;

use super::poll::{Polled, poll};
use super::{FeedConfig, FeedSource, IntelOptions, keep_good, load};

/// What the server was asked, and what it answers: by the beginning of the request's target, status line and headers, and body.
type Script = Arc<Mutex<Vec<(String, String, String)>>>;

struct Server {
    address: SocketAddr,
    script: Script,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (script, asked) = (Script::default(), Arc::new(Mutex::new(Vec::new())));
        let (answers, log) = (Arc::clone(&script), Arc::clone(&asked));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = String::new();
                let mut lines = BufReader::new(stream.try_clone().expect("a handle"));
                while lines.read_line(&mut request).is_ok_and(|read| read > 2) {}
                let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
                log.lock().expect("no holder panics").push(request);
                let answers = answers.lock().expect("no holder panics");
                let found = answers.iter().find(|(begin, ..)| target.starts_with(begin.as_str()));
                let (head, body) = found.map_or(("404 Not Found", ""), |(_, head, body)| (head, body));
                let _ = write!(
                    stream,
                    "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Server { address, script, asked }
    }

    fn answer(&self, begin: &str, head: &str, body: &str) {
        let mut script = self.script.lock().expect("no holder panics");
        script.retain(|(known, ..)| known != begin);
        script.push((begin.to_owned(), head.to_owned(), body.to_owned()));
        // The longest beginning is the one meant.
        script.sort_by_key(|(begin, ..)| std::cmp::Reverse(begin.len()));
    }

    fn last_request(&self) -> String {
        self.asked.lock().expect("no holder panics").last().cloned().unwrap_or_default().to_ascii_lowercase()
    }

    fn config(&self, path: &str, more: &str) -> FeedConfig {
        let text = format!(
            "name = \"test\"\nurl = \"http://{}{path}\"\nallow_http = true\nallow_networks = [\"127.0.0.1/32\"]\ntimeout_s = 20\n{more}",
            self.address
        );
        toml::from_str(&text).expect("a sound table")
    }
}

fn taken(config: &FeedConfig, directory: &Path) -> Polled {
    poll(config, directory).expect("the server answers").0
}

#[test]
fn a_document_is_fetched_once_and_asked_for_by_its_tag() {
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let config = server.config("/list", "");
    server.answer("/list", "200 OK\r\nETag: \"one\"", "203.0.113.5\nevil.example\n");
    assert_eq!(taken(&config, dir.path()), Polled::Taken(2));
    server.answer("/list", "304 Not Modified", "");
    assert_eq!(taken(&config, dir.path()), Polled::Unchanged);
    assert!(server.last_request().contains("if-none-match: \"one\""), "{}", server.last_request());
    assert_eq!(
        std::fs::read_to_string(dir.path().join("fetched/feed.txt")).expect("it is there"),
        "203.0.113.5\nevil.example\n"
    );
}

#[test]
fn an_emptied_or_broken_document_is_not_put_in_place() {
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let config = server.config("/b.json", "");
    server.answer(
        "/b.json",
        "200 OK",
        r#"{"objects": [{"type": "indicator", "pattern": "[url:value = 'http://evil.example/a']"}]}"#,
    );
    assert_eq!(taken(&config, dir.path()), Polled::Taken(1));
    server.answer("/b.json", "200 OK", r#"{"type": "bundle", "objects": []}"#);
    assert_eq!(taken(&config, dir.path()), Polled::Kept("it holds no indicator".into()));
    server.answer("/b.json", "200 OK", r#"{"objects": [{"type": "indicator", "pattern": "[url:va"#);
    assert_eq!(taken(&config, dir.path()), Polled::Kept("the document ends early".into()));
    server.answer("/b.json", "503 Service Unavailable", "");
    assert_eq!(poll(&config, dir.path()).unwrap_err(), "the server answers 503");
    let there = std::fs::read_to_string(dir.path().join("fetched/feed.json")).expect("it is there");
    assert!(there.contains("evil.example"), "{there}");
    let mut small = config;
    small.bytes_max = 4;
    server.answer("/b.json", "200 OK", "203.0.113.5\n");
    assert_eq!(poll(&small, dir.path()).unwrap_err(), "the document is over 4 bytes long; raise bytes_max");
}

#[test]
fn redirects_to_addresses_that_are_not_allowed_are_refused() {
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let config = server.config("/r", "");
    for target in ["http://127.0.0.2:1/x", "http://169.254.169.254/latest/meta-data/", "http://[::1]:1/x"] {
        server.answer("/r", &format!("302 Found\r\nLocation: {target}"), "");
        let cause = poll(&config, dir.path()).unwrap_err();
        assert!(cause.contains("add its network to allow_networks"), "{target}: {cause}");
    }
    server.answer("/list", "200 OK", "203.0.113.5\n");
    server.answer("/r", &format!("302 Found\r\nLocation: http://{}/list", server.address), "");
    assert_eq!(taken(&config, dir.path()), Polled::Taken(1));
    // Without leave nothing of loopback is spoken to at all, nor plain HTTP.
    let mut strict = config.clone();
    strict.allow_networks.clear();
    assert!(poll(&strict, dir.path()).unwrap_err().contains("127.0.0.1"));
    strict.allow_http = false;
    assert!(poll(&strict, dir.path()).is_err());
    assert_eq!(config.check().len(), 0);
    assert_eq!(strict.check()[0].what, "feed `test`: `url` is not https");
}

#[test]
fn a_collection_is_read_page_by_page_and_then_from_where_it_stood() {
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "Basic dTpw\n").expect("it is written");
    let more = format!("type = \"taxii\"\ncollection = \"c 1\"\nauthorization_file = {secret:?}\n");
    let config = server.config("/api", &more);
    assert!(config.check().is_empty());
    let indicator = |id: u32, modified: &str, more: &str| {
        format!(
            r#"{{"type": "indicator", "id": "indicator--{id}", "modified": "{modified}", "pattern": "[ipv4-addr:value = '203.0.113.{id}']"{more}}}"#
        )
    };
    let first =
        format!(r#"{{"more": true, "next": "a/b", "objects": [{}]}}"#, indicator(1, "2026-01-01T00:00:00Z", ""));
    let second = format!(r#"{{"objects": [{}]}}"#, indicator(2, "2026-01-01T00:00:00Z", ""));
    let media = "200 OK\r\nContent-Type: application/taxii+json;version=2.1\r\nX-TAXII-Date-Added-Last: ";
    server.answer("/api/collections/c%201/objects/?limit=1000", &format!("{media}2026-01-01T00:00:01Z"), &first);
    server.answer(
        "/api/collections/c%201/objects/?limit=1000&next=a%2Fb",
        &format!("{media}2026-01-01T00:00:02Z"),
        &second,
    );
    assert_eq!(taken(&config, dir.path()), Polled::Taken(2));
    let request = server.last_request();
    assert!(
        request.contains("accept: application/taxii+json;version=2.1") && request.contains("authorization: basic dtpw"),
        "{request}"
    );
    // One is revoked, one is new; what was known stays.
    let later = format!(
        r#"{{"objects": [{}, {}]}}"#,
        indicator(1, "2026-02-01T00:00:00Z", r#", "revoked": true"#),
        indicator(3, "2026-02-01T00:00:00Z", "")
    );
    server.answer(
        "/api/collections/c%201/objects/?limit=1000&added_after=2026-01-01T00%3A00%3A02Z",
        &format!("{media}2026-02-01T00:00:01Z"),
        &later,
    );
    assert_eq!(taken(&config, dir.path()), Polled::Taken(2));
    server.answer("/api/collections/c%201/objects/?limit=1000&added_after=2026-02-01T00%3A00%3A01Z", "200 OK", "{}");
    assert_eq!(taken(&config, dir.path()), Polled::Unchanged);
    let options = options(&config, dir.path());
    let set = load(&[], &options).indicators;
    assert_eq!(["203.0.113.1", "203.0.113.2", "203.0.113.3"].map(|value| set.find(value).len()), [0, 1, 1]);
}

#[test]
fn a_misp_feed_follows_its_table_of_contents() {
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let config = server.config("/feed/", "type = \"misp\"\n");
    let [one, two] = ["11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"];
    let event = |value: &str| {
        format!(
            r#"{{"Event": {{"info": "x", "Attribute": [{{"type": "domain", "value": "{value}", "to_ids": true}}]}}}}"#
        )
    };
    let manifest = |entries: &[(&str, u32)]| {
        let entries: Vec<String> =
            entries.iter().map(|(name, stamp)| format!(r#""{name}": {{"timestamp": {stamp}}}"#)).collect();
        format!("{{{}}}", entries.join(", "))
    };
    server.answer("/feed/manifest.json", "200 OK", &manifest(&[(one, 1), (two, 1), ("../../etc/passwd", 1)]));
    server.answer(&format!("/feed/{one}.json"), "200 OK", &event("one.example"));
    server.answer(&format!("/feed/{two}.json"), "200 OK", &event("two.example"));
    assert_eq!(taken(&config, dir.path()), Polled::Taken(2));
    // One event is withdrawn, the other changed.
    server.answer("/feed/manifest.json", "200 OK", &manifest(&[(two, 2)]));
    server.answer(&format!("/feed/{two}.json"), "200 OK", &event("new.example"));
    assert_eq!(taken(&config, dir.path()), Polled::Taken(1));
    server.answer("/feed/manifest.json", "200 OK", "{}");
    assert_eq!(taken(&config, dir.path()), Polled::Kept("manifest.json lists no event".into()));
    let set = load(&[], &options(&config, dir.path())).indicators;
    assert_eq!(["one.example", "two.example", "new.example"].map(|value| set.find(value).len()), [0, 0, 1]);
}

/// As `IntelOptions::of` makes them, with the feed's directory given.
fn options(config: &FeedConfig, directory: &Path) -> IntelOptions {
    let source = FeedSource {
        feed: config.feed(),
        paths: [config.paths.clone(), vec![directory.join("fetched"), directory.join("imported")]].concat(),
        kept: Some(directory.join("kept")),
        optional: config.url.is_some(),
    };
    IntelOptions { feeds: vec![source], ..IntelOptions::default() }
}

#[test]
fn a_local_feed_that_empties_itself_is_kept_and_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let list = dir.path().join("list.txt");
    let config: FeedConfig = toml::from_str(&format!("name = \"local\"\npaths = [{list:?}]\n")).expect("a sound table");
    std::fs::write(&list, "203.0.113.5\n").expect("it is written");
    let options = options(&config, &dir.path().join("own"));
    let loaded = load(&[], &options);
    assert_eq!((loaded.indicators.len(), loaded.diagnostics.len()), (1, 0));
    assert_eq!(keep_good(&options, &loaded.feeds), Vec::<String>::new());
    for emptied in ["", "{\"objects\": ["] {
        std::fs::write(&list, emptied).expect("it is written");
        let loaded = load(&[], &options);
        let told = &loaded.diagnostics[0];
        assert_eq!((loaded.indicators.len(), told.severity, loaded.feeds[0].2), (1, Severity::Warning, true));
        assert!(told.message.ends_with("the 1 indicators it gave before are kept"), "{}", told.message);
        assert_eq!(loaded.indicators.describe(noroshi_rules::IndicatorIndex(0)).sources[0].feed, "local");
        keep_good(&options, &loaded.feeds);
    }
    std::fs::remove_file(&list).expect("it was there");
    assert_eq!(load(&[], &options).indicators.len(), 1);
    std::fs::write(&list, "198.51.100.1\n198.51.100.2\n").expect("it is written");
    let loaded = load(&[], &options);
    assert_eq!((loaded.indicators.len(), loaded.diagnostics.len()), (2, 0));
}
