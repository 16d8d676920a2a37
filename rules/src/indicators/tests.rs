//! What is an indicator, what is found, and the table held to a scan of the list.

use std::path::Path;

use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use proptest::prelude::*;

use super::*;

fn load(name: &str, text: &str) -> (Indicators, Vec<Diagnostic>) {
    Indicators::load(vec![(PathBuf::from(name), text.to_owned())])
}

fn found(set: &Indicators, field: &str, value: &str) -> Vec<String> {
    let dictionary = Dictionary::new();
    let mut event = Event::new();
    event.clear();
    event.writer(value.as_bytes()).put(dictionary.find(field.as_bytes()).unwrap(), value.as_bytes());
    let mut hits = Vec::new();
    set.lookup(&event.view(value.as_bytes()), &mut hits);
    hits.iter().map(|hit| set.describe(hit.indicator).value).collect()
}

#[track_caller]
fn check(list: &str, field: &str, value: &str, expected: &[&str]) {
    let (set, diagnostics) = load("list.txt", list);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert_eq!(found(&set, field, value), expected, "{value} in {list}");
}

#[test]
fn addresses_are_whole_and_networks_hold_them() {
    check("5.1.2.3", "source.ip", "5.1.2.3", &["5.1.2.3"]);
    check("5.1.2.3", "source.ip", "45.1.2.3", &[]);
    check("5.1.2.3", "destination.ip", "::ffff:5.1.2.3", &["5.1.2.3"]);
    // Of networks the longest prefix.
    check("10.1.0.0/16\n10.1.2.0/24", "source.ip", "10.1.2.3", &["10.1.2.0/24"]);
    check("10.1.0.0/16\n10.1.2.0/24", "source.ip", "10.1.3.3", &["10.1.0.0/16"]);
    check("10.1.2.3/32", "source.ip", "10.1.2.3", &["10.1.2.3"]);
    check("10.1.0.0/16", "source.ip", "10.2.0.1", &[]);
    check("0.0.0.0/0", "source.ip", "10.2.0.1", &["0.0.0.0/0"]);
    check("2001:db8::/33", "source.ip", "2001:db8:7fff::1", &["2001:db8::/33"]);
    check("2001:db8::/33", "source.ip", "2001:db8:8000::1", &[]);
    check("1.2.3.4:8080", "source.ip", "1.2.3.4", &["1.2.3.4"]);
    check("1.2.3.4", "message", "1.2.3.4", &[]);
}

#[test]
fn domains_hold_what_is_under_them() {
    check("evil.com", "dns.question.name", "EVIL.com.", &["evil.com"]);
    check("evil.com", "dns.question.name", "a.b.evil.com", &["evil.com"]);
    check("evil.com", "dns.question.name", "notevil.com", &[]);
    check("evil.com", "dns.question.name", "evil.com.au", &[]);
    check("*.evil.com", "url.domain", "evil.com", &["evil.com"]);
    check("evil.com", "url.original", "https://u:p@Evil.com:8443/x", &["evil.com"]);
    check("1.2.3.4", "url.full", "http://1.2.3.4/x", &["1.2.3.4"]);
    check("1.2.3.4", "dns.answers.data", "1.2.3.4", &["1.2.3.4"]);
}

#[test]
fn web_addresses_compare_normalised() {
    check("hxxp://Evil[.]com/A?b=1", "url.full", "http://evil.com/A?b=1", &["evil.com/A?b=1"]);
    check("http://evil.com/A", "url.full", "https://EVIL.com:443/A#x", &["evil.com/A"]);
    check("http://evil.com/A", "url.full", "http://evil.com/a", &[]);
    check("http://evil.com", "url.full", "http://evil.com/", &["evil.com/"]);
    check("evil.com/a", "url.full", "http://evil.com/a", &["evil.com/a"]);
    check("ftp://evil.com/a", "url.full", "http://evil.com/a", &[]);
    check("http://evil.com/a", "url.original", "/a", &[]);
    check("http://[2001:db8::1]:8080/a", "url.full", "http://[2001:DB8::1]:8080/a", &["[2001:db8::1]:8080/a"]);
}

#[test]
fn digests_compare_as_bytes() {
    let md5 = "0cc175b9c0f1b6a831c399e269772661";
    check(md5, "process.hash.md5", &md5.to_uppercase(), &[md5]);
    check(md5, "file.hash.sha1", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8", &[]);
}

#[test]
fn other_kinds_compare_in_their_own_form() {
    let list = "type,value\nemail,Mallory@Example.COM\nfilename,Invoice.EXE\nfilename,C:\\Temp\\a.dll\nregkey,HKLM\\Software\\Bad\nuser-agent,Bad/1.0\n\
                ja3,0cc175b9c0f1b6a831c399e269772661\nja4,t13d1516h2_8daaf6152771_02713d6af862\nx509-fingerprint-sha1,86:F7:E4:37:FA:A5:A7:FC:E1:5D:1D:DC:B9:EA:EA:EA:37:76:67:B8\n\
                asn,AS64500\ncve,cve-2026-12345\nbtc,1BoatSLRHtKNngkdXEeobR76b53LETtpyT\n";
    let (mut set, diagnostics) = load("l.csv", list);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    set.bind(&mut Dictionary::new());
    for (field, value, expected) in [
        ("email.from.address", "<mallory@example.com>", Some("mallory@example.com")),
        ("email.from.address", "mallory@example.com.jp", None),
        ("file.name", "INVOICE.exe", Some("invoice.exe")),
        ("process.executable", "D:\\x\\invoice.exe", Some("invoice.exe")),
        ("process.executable", "D:\\x\\my invoice.exe", None),
        ("file.path", "c:\\temp\\A.dll", Some("c:\\temp\\a.dll")),
        ("registry.path", "HKEY_LOCAL_MACHINE\\SOFTWARE\\Bad\\Value", Some("hklm\\software\\bad")),
        ("registry.path", "\\REGISTRY\\MACHINE\\Software\\bad", Some("hklm\\software\\bad")),
        ("registry.path", "HKLM\\Software\\Bad\\a\\b", None),
        ("user_agent.original", "Bad/1.0", Some("Bad/1.0")),
        ("user_agent.original", "Bad/1.0 x", None),
        ("tls.client.ja3", "0CC175B9C0F1B6A831C399E269772661", Some("0cc175b9c0f1b6a831c399e269772661")),
        ("file.hash.md5", "0cc175b9c0f1b6a831c399e269772661", None),
        (
            "tls.server.hash.sha1",
            "86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8",
            Some("86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ),
        ("source.as.number", "64500", Some("AS64500")),
        ("vulnerability.id", "CVE-2026-12345", Some("CVE-2026-12345")),
    ] {
        assert_eq!(found(&set, field, value), Vec::from_iter(expected), "{field} {value}");
    }
    assert_eq!(set.find("1BoatSLRHtKNngkdXEeobR76b53LETtpyT").len(), 1);
    assert_eq!(set.find("t13d1516h2_8daaf6152771_02713d6af862").len(), 1);
    assert_eq!(set.find("hxxp://a.b/").len(), 0);
}

#[test]
fn web_addresses_are_normalised_and_put_together_with_their_host() {
    check(
        "http://evil.example/%7Ea/../b%2f?q=%41",
        "url.full",
        "http://evil.example/b%2F?q=A",
        &["evil.example/b%2F?q=A"],
    );
    check("http://evil.example/a/./b/..", "url.full", "http://evil.example/a/", &["evil.example/a/"]);
    let (set, _) = load("l.txt", "http://evil.example/gate.php?id=1");
    let dictionary = Dictionary::new();
    let mut event = Event::new();
    event.clear();
    let record = b"evil.EXAMPLE /gate.php?id=1";
    let mut writer = event.writer(record);
    writer.put(dictionary.find(b"url.domain").unwrap(), &record[..12]);
    writer.put(dictionary.find(b"url.original").unwrap(), &record[13..]);
    let mut hits = Vec::new();
    set.lookup(&event.view(record), &mut hits);
    assert_eq!(hits.len(), 1);
}

#[test]
fn an_address_that_a_feed_calls_a_domain_is_an_address() {
    let (set, diagnostics) = load("l.csv", "type,value\ndomain,203.0.113.5\n");
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert_eq!(found(&set, "destination.ip", "203.0.113.5"), ["203.0.113.5"]);
}

#[test]
fn domains_of_a_feed_without_subdomains_stand_alone() {
    let mut builder = Builder::new();
    let feed = Feed { subdomains: false, ..Feed::default() };
    builder.read(Path::new("l.txt"), &feed, &mut "evil.example\n*.bad.example\n".as_bytes());
    let (set, _) = builder.finish();
    assert_eq!(found(&set, "dns.question.name", "EVIL.example."), ["evil.example"]);
    assert_eq!(found(&set, "dns.question.name", "a.evil.example"), Vec::<String>::new());
    assert_eq!(found(&set, "dns.question.name", "a.bad.example"), ["bad.example"]);
}

#[test]
fn rows_say_what_is_known_of_their_indicators() {
    let text = "# feed\ntype,indicator,confidence,source,TLP,valid_until,tags,malware\n\
                ip,192.0.2.4,90,\"Acme, \"\"CTI\"\"\",TLP:AMBER+STRICT,2026-05-01,\"c2,rat\",Foo\ndomain,evil[.]example,,,,,,\nurl,\"http://e.example/a,b\",maybe,x,,,,\n";
    let mut builder = Builder::new();
    let feed = Feed { name: "acme".into(), confidence: Some(40), tlp: Some(Tlp::Green), ..Feed::default() };
    let summary = builder.read(Path::new("feed.csv"), &feed, &mut text.as_bytes());
    assert_eq!(summary, Summary { taken: 3, whole: true, ..Summary::default() });
    let (set, diagnostics) = builder.finish();
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let described = set.describe(IndicatorIndex(0));
    let source = &described.sources[0];
    assert_eq!(
        (source.line, described.kind.as_str(), source.file, source.feed),
        (3, "ip", Path::new("feed.csv"), "acme")
    );
    assert_eq!((source.confidence, source.tlp), (Some(90), Some(Tlp::AmberStrict)));
    assert_eq!(source.valid_until_ns, Some(1_777_593_600_000_000_000));
    assert_eq!(source.details.labels, ["c2".into(), "rat".into()]);
    assert_eq!(source.details.threats, ["Foo".into()]);
    assert_eq!(source.details.columns, [("source".into(), "Acme, \"CTI\"".into())]);
    let plain = set.describe(IndicatorIndex(1));
    assert_eq!((plain.confidence(), plain.tlp()), (Some(40), Some(Tlp::Green)));
    let odd = set.describe(IndicatorIndex(2));
    assert_eq!(odd.value, "e.example/a,b");
    // What can't be understood is kept as it stands.
    assert_eq!(odd.sources[0].details.columns[0], ("confidence".into(), "maybe".into()));
    let (set, _) = load("scores.csv", "ip,lists\n192.0.2.4,7\n");
    assert_eq!(set.describe(IndicatorIndex(0)).sources[0].details.columns, [("lists".into(), "7".into())]);
}

#[test]
fn a_column_map_names_what_is_where() {
    let columns = ColumnMap {
        value: Some("Observable".into()),
        kind: Some("What".into()),
        confidence: Some("score".into()),
        ..ColumnMap::default()
    };
    let feed = Feed { columns, ..Feed::default() };
    let mut builder = Builder::new();
    builder.read(Path::new("f.csv"), &feed, &mut "score;what;type;observable\n70;domain;x;evil.example\n".as_bytes());
    let refused = builder.read(Path::new("g.csv"), &feed, &mut "a;b\n1;2\n".as_bytes());
    assert!(!refused.whole);
    let (set, diagnostics) = builder.finish();
    assert_eq!(set.describe(IndicatorIndex(0)).confidence(), Some(70));
    assert_eq!(diagnostics[0].message, "no column is named `Observable`; there are a, b");
}

#[test]
fn lines_that_are_no_indicators_are_told_and_skipped() {
    let (set, diagnostics) =
        load("l.txt", "1.2.3.4 # note\nnot an indicator\ncom\n1.2.3.0/33\n\n# x\nevil.com\n1.2.3.4.5\n");
    assert_eq!(set.len(), 2);
    let told: Vec<_> = diagnostics.iter().map(|told| (told.place.line, told.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, "`not an indicator` is no indicator of a known kind"),
            (3, "`com` is no indicator of a known kind"),
            (4, "`1.2.3.0/33` is no indicator of a known kind"),
            (8, "`1.2.3.4.5` is no indicator of a known kind"),
        ]
    );
    let (_, diagnostics) = load("f.csv", "type,value\nemal,x@y\nsha257,aa\nmd5,zz\nip,\nip,\"1.2.3.4\n");
    let told: Vec<_> = diagnostics.iter().map(|told| told.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "the indicator type `emal` is not supported",
            "the indicator type `sha257` is not supported",
            "`zz` is no md5",
            "the line has no indicator",
            "a quoted field does not end on its line",
        ]
    );
    assert_eq!(load("l.txt", &"x\n".repeat(1000)).1.len(), read::TOLD_MAX + 1);
    assert_eq!(load("l.txt", &"x".repeat(100_000)).1[0].message, "the line is over 65,536 bytes long");
}

#[test]
fn one_key_is_one_indicator_with_all_its_sources() {
    assert_eq!(load("l.txt", "1.2.3.4\n1.2.3.4\n1[.]2[.]3[.]4").0.len(), 1);
    let files = |a: &str, b: &str| {
        Indicators::load(vec![(a.into(), "1.2.3.4".into()), (b.into(), "5.6.7.8\n1.2.3.4 ".into())]).0
    };
    let set = files("a", "b");
    assert_eq!((found(&set, "source.ip", "1.2.3.4").len(), set.len()), (1, 2));
    let described = set.describe(IndicatorIndex(0));
    let sources: Vec<_> = described.sources.iter().map(|source| (source.file.to_str().unwrap(), source.line)).collect();
    assert_eq!(sources, [("a", 1), ("b", 2)]);
    assert_eq!(files("a", "b").digest(), files("b", "a").digest());
}

fn found_at(set: &Indicators, fields: &[(&str, &str)], time: &str) -> Vec<String> {
    let dictionary = Dictionary::new();
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(b"");
    for (field, value) in fields {
        writer.put(dictionary.find(field.as_bytes()).unwrap(), value.as_bytes());
        if *field == "destination.port" {
            writer.core().destination_port = value.parse().ok();
        }
    }
    event.core.time_ns = i64::from(context::stamp_s(time).unwrap()) * 1_000_000_000;
    let mut hits = Vec::new();
    set.lookup(&event.view(b""), &mut hits);
    hits.iter().map(|hit| set.describe(hit.indicator).value).collect()
}

#[test]
fn an_indicator_holds_at_the_time_of_the_event() {
    let text = "value,valid_from,valid_until\n192.0.2.1,2026-02-01,2026-03-01\n192.0.2.2,2026-02-01,\n";
    let feed = Feed { lifetime_s: Some(10 * 86_400), ..Feed::default() };
    let mut builder = Builder::new();
    builder.read(Path::new("f.csv"), &feed, &mut text.as_bytes());
    let (set, _) = builder.finish();
    let at = |value: &str, time: &str| found_at(&set, &[("source.ip", value)], time).len();
    assert_eq!(
        [at("192.0.2.1", "2026-01-31"), at("192.0.2.1", "2026-02-01"), at("192.0.2.1", "2026-03-01")],
        [0, 1, 0]
    );
    assert_eq!([at("192.0.2.2", "2026-02-10"), at("192.0.2.2", "2026-02-11")], [1, 0]);
    assert_eq!(set.expired(), 3);
}

const BUNDLE: &str = r#"{"type": "bundle", "id": "bundle--1", "objects": [
 {"type": "indicator", "id": "indicator--1", "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", "name": "C2 of Foo", "labels": ["malicious-activity"],
  "pattern": "[ipv4-addr:value = '203.0.113.5' OR domain-name:value IN ('evil.example', 'bad.example')]", "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2026-06-01T00:00:00Z",
  "object_marking_refs": ["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"], "confidence": 85, "external_references": [{"source_name": "r", "url": "https://example.com/r"}]},
 {"type": "relationship", "id": "relationship--1", "relationship_type": "indicates", "source_ref": "indicator--1", "target_ref": "malware--1"},
 {"type": "malware", "id": "malware--1", "name": "Foo"},
 {"type": "indicator", "spec_version": "2.1", "id": "indicator--2", "modified": "2026-01-01T00:00:00Z", "pattern_type": "stix", "pattern": "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:dst_port = 8443]"},
 {"type": "indicator", "id": "indicator--3", "modified": "2026-01-01T00:00:00Z", "pattern": "[url:value = 'http://old.example/']"},
 {"type": "indicator", "id": "indicator--3", "modified": "2026-02-01T00:00:00Z", "revoked": true, "pattern": "[url:value = 'http://old.example/']"},
 {"type": "indicator", "id": "indicator--4", "pattern_type": "yara", "pattern": "rule x {}"},
 {"type": "indicator", "id": "indicator--5", "pattern": "[file:hashes.'SHA-256' = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08' AND file:hashes.MD5 = '098f6bcd4621d373cade4e832627b4f6']"},
 {"type": "indicator", "id": 7, "pattern": ["x"], "valid_from": {}},
 {"type": "indicator", "id": "indicator--6", "pattern": "[file:name = 'a.exe' AND file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661']"}
]}"#;

#[test]
fn a_bundle_gives_its_indicators_with_their_context() {
    let mut builder = Builder::new();
    let summary = builder.read(Path::new("b.json"), &Feed::default(), &mut BUNDLE.as_bytes());
    assert_eq!((summary.taken, summary.whole), (8, true));
    let (set, diagnostics) = builder.finish();
    let told: Vec<_> = diagnostics.iter().map(|told| told.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "1 indicators were refused, as their patterns need what is not supported: patterns of the type `yara`",
            "1 indicators were refused, as their patterns need what is not supported: the pattern ends early or goes on too long",
            "1 indicators are revoked and were left out",
        ]
    );
    let described = set.describe(set.find("a.evil.example")[0].0);
    let source = &described.sources[0];
    assert_eq!((source.confidence, source.tlp), (Some(85), Some(Tlp::AmberStrict)));
    assert_eq!((&*source.details.id, &source.details.threats[..]), ("indicator--1", &["Foo".into()][..]));
    assert_eq!(source.details.references, ["https://example.com/r".into()]);
    assert!(set.find("http://old.example/").is_empty());
    let at = |fields: &[(&str, &str)]| found_at(&set, fields, "2026-05-01");
    assert_eq!(at(&[("destination.ip", "203.0.113.5")]), ["203.0.113.5"]);
    assert_eq!(found_at(&set, &[("destination.ip", "203.0.113.5")], "2026-06-01"), [""; 0]);
    // Companions: the port, and the name of the file; of two digests of one file either is enough.
    assert_eq!(at(&[("destination.ip", "198.51.100.7"), ("destination.port", "443")]), [""; 0]);
    assert_eq!(at(&[("destination.ip", "198.51.100.7"), ("destination.port", "8443")]), ["198.51.100.7"]);
    assert_eq!(at(&[("file.name", "a.exe")]), [""; 0]);
    assert_eq!(at(&[("file.name", "A.EXE"), ("file.hash.md5", "0cc175b9c0f1b6a831c399e269772661")]).len(), 2);
    assert_eq!(at(&[("file.hash.md5", "098f6bcd4621d373cade4e832627b4f6")]).len(), 1);
}

const EVENT: &str = r#"{"Event": {"uuid": "u", "info": "Foo strikes", "date": "2026-01-01", "Tag": [{"name": "tlp:green"}, {"name": "misp-galaxy:threat-actor=\"Bar\""}, {"name": "misp:confidence-level=\"usually-confident\""}],
 "Attribute": [
  {"uuid": "a1", "type": "ip-dst|port", "value": "203.0.113.5|443", "to_ids": true, "comment": "C2", "Tag": [{"name": "tlp:red"}]},
  {"type": "domain|ip", "value": "evil.example|203.0.113.6", "to_ids": true},
  {"type": "filename|sha256", "value": "a.exe|9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "to_ids": "1"},
  {"type": "mutex", "value": "x", "to_ids": true}, {"type": "domain", "value": "gone.example", "to_ids": true, "deleted": true},
  {"type": "domain", "value": "context.example", "to_ids": false}, {"type": "md5", "value": 7, "to_ids": true}, {"type": "link", "value": "https://example.com/r", "to_ids": false}],
 "Object": [{"name": "file", "Attribute": [{"type": "md5", "object_relation": "md5", "value": "098f6bcd4621d373cade4e832627b4f6", "to_ids": true}]}]}}"#;

#[test]
fn an_event_gives_its_attributes_with_their_context() {
    for document in [EVENT.to_owned(), format!("[{EVENT}]"), format!("{{\"response\": [{EVENT}]}}")] {
        let mut builder = Builder::new();
        let summary = builder.read(Path::new("e.json"), &Feed::default(), &mut document.as_bytes());
        assert_eq!((summary.taken, summary.refused, summary.left_out), (5, 2, 3), "{document}");
        let (set, diagnostics) = builder.finish();
        let told: Vec<_> = diagnostics.iter().map(|told| told.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "an attribute has no `type` or no `value`",
                "1 attributes of the type `mutex` are nothing that is looked up",
                "2 attributes are not marked for detection (`to_ids`) and were left out",
                "1 attributes are deleted and were left out",
            ]
        );
        let described = set.describe(set.find("203.0.113.5")[0].0);
        let source = &described.sources[0];
        assert_eq!((source.confidence, source.tlp, &*source.details.id), (Some(75), Some(Tlp::Red), "a1"));
        assert_eq!((&*source.details.description, &source.details.threats[..]), ("Foo strikes", &["Bar".into()][..]));
        assert_eq!(source.details.references, ["https://example.com/r".into()]);
        assert_eq!(set.describe(set.find("evil.example")[0].0).tlp(), Some(Tlp::Green));
        assert!(set.find("context.example").is_empty() && set.find("gone.example").is_empty());
    }
}

#[test]
fn half_a_document_gives_nothing() {
    for end in [BUNDLE.len() - 2, BUNDLE.len() / 2, 100, 1] {
        let mut builder = Builder::new();
        builder.read(Path::new("l.txt"), &Feed::default(), &mut "evil.test".as_bytes());
        let summary = builder.read(Path::new("b.json"), &Feed::default(), &mut BUNDLE[..end].trim_end().as_bytes());
        assert!(!summary.whole && summary.taken == 0, "{end}");
        let (set, diagnostics) = builder.finish();
        assert_eq!((set.len(), diagnostics.last().unwrap().message.as_str()), (1, "the document ends early"));
    }
    for broken in [
        "{\"objects\": [{\"a\": tru}]}",
        "{\"x\": 1}",
        "{\"objects\": [1 2]}",
        "{\"objects\" 1}",
        "[[[[}",
        "{,}",
        "{\"a\": 1]",
    ] {
        let summary = Builder::new().read(Path::new("b.json"), &Feed::default(), &mut broken.as_bytes());
        assert!(!summary.whole, "{broken}");
    }
}

#[test]
fn known_good_lists_hold_back_and_count() {
    let mut builder = Builder::new();
    let list = "8.8.8.8\n192.0.2.0/24\nwww.example.com\nevil.example\nhttp://docs.example.com/x\n";
    builder.read(Path::new("l.txt"), &Feed::default(), &mut list.as_bytes());
    let resolvers = r#"{"name": "Resolvers", "type": "cidr", "list": ["8.8.8.8", "192.0.2.64/26"], "matching_attributes": ["ip-src", "ip-dst", "domain|ip"]}"#;
    let sites = r#"{"name": "Sites", "type": "hostname", "list": [".example.com"], "matching_attributes": ["hostname", "domain"]}"#;
    builder.read_known_good(Path::new("r.json"), &mut resolvers.as_bytes());
    builder.read_known_good(Path::new("s.json"), &mut sites.as_bytes());
    builder.read_known_good(Path::new("bad.json"), &mut r#"{"name": "x", "type": "fuzzy", "list": ["a"]}"#.as_bytes());
    let (set, diagnostics) = builder.finish();
    assert_eq!(
        diagnostics[0].message,
        "cannot read the known-good list: the list's type `fuzzy` is none of string, substring, hostname, cidr and regex"
    );
    assert_eq!(found(&set, "source.ip", "8.8.8.8"), [""; 0]);
    // The network is bad, this part of it known to be good.
    assert_eq!(found(&set, "source.ip", "192.0.2.70"), [""; 0]);
    assert_eq!(found(&set, "source.ip", "192.0.2.1"), ["192.0.2.0/24"]);
    assert_eq!(found(&set, "dns.question.name", "a.www.example.com"), [""; 0]);
    assert_eq!(found(&set, "dns.question.name", "evil.example"), ["evil.example"]);
    // The list does not speak of web addresses.
    assert_eq!(found(&set, "url.full", "http://docs.example.com/x"), ["docs.example.com/x"]);
    assert_eq!(set.held().collect::<Vec<_>>(), [("Resolvers", 2), ("Sites", 1)]);
}

/// The slow twin: every indicator against the value, by text and arithmetic alone.
fn scan(set: &Indicators, field: &str, value: &str) -> Vec<String> {
    let all = (0..set.len() as u32).map(|at| set.describe(IndicatorIndex(at)));
    let mut found: Vec<String> = all
        .filter(|one| {
            let ip: Option<std::net::IpAddr> = value.parse().ok();
            match (one.kind, ip) {
                (IndicatorKind::Ip, Some(ip)) => one.value == ip.to_string(),
                (IndicatorKind::Cidr, Some(ip)) => one.value.parse::<ipnet::IpNet>().unwrap().contains(&ip),
                (IndicatorKind::Domain, None) if field != "source.ip" => {
                    let value = value.strip_suffix('.').unwrap_or(value).to_lowercase();
                    let sound = value.split('.').all(|label| !label.is_empty());
                    sound && (value == one.value || value.ends_with(&format!(".{}", one.value)))
                }
                _ => false,
            }
        })
        .map(|one| one.value)
        .collect();
    // Of networks the one with the longest prefix.
    let bits = |value: &String| value.parse::<ipnet::IpNet>().map_or(0, |network| network.prefix_len());
    let longest = found.iter().map(bits).max().unwrap_or(0);
    found.retain(|value| !value.contains('/') || bits(value) == longest);
    found.sort();
    found
}

proptest! {
    #[test]
    fn the_table_agrees_with_a_scan(
        lines in prop::collection::vec(prop_oneof![
            "[0-3]\\.[0-3]\\.0\\.[0-3]", "[0-3]\\.[0-3]\\.0\\.0/(8|9|15|16|23|30|32)", "[ab]{1,2}\\.[ab]{1,2}(\\.[ab])?", "[0-9:]{3,9}",
        ], 0..40),
        values in prop::collection::vec(prop_oneof!["[0-3]\\.[0-3]\\.[01]\\.[0-3]", "([abAB]{1,2}\\.){1,4}[ab]{1,2}", "[a.]{1,6}"], 1..20),
    ) {
        let (set, _) = load("l.txt", &lines.join("\n"));
        for value in &values {
            for field in ["source.ip", "dns.question.name"] {
                let mut fast = found(&set, field, value);
                fast.sort();
                prop_assert_eq!(&fast, &scan(&set, field, value), "{} {}", field, value);
            }
        }
    }

    #[test]
    fn any_text_is_read_and_any_value_looked_up_without_panic(text in "\\PC{0,200}", name in prop::sample::select(vec!["a.txt", "a.csv", "a.json"]), value in "\\PC{0,60}") {
        let (set, _) = load(name, &text);
        for field in ["url.full", "dns.question.name", "source.address", "file.hash.md5"] {
            found(&set, field, &value);
            found(&set, field, &format!("http://{value}"));
        }
        set.find(&value);
    }
}

#[test]
fn words_beyond_their_bound_are_left_out_and_told_while_the_indicators_hold() {
    let said = |at: usize| {
        format!(
            r#"{{"type":"indicator","id":"indicator--{at}","pattern_type":"stix","pattern":"[domain-name:value = 'h{at}.example']","labels":["c2"],"description":"{}"}}"#,
            "long ".repeat(200)
        )
    };
    let bundle = format!(r#"{{"type":"bundle","objects":[{}]}}"#, (0..50).map(said).collect::<Vec<_>>().join(","));
    let mut builder = Builder::new();
    builder.words_bytes_max = 20_000;
    let read = builder.read(Path::new("b.json"), &Feed::default(), &mut bundle.as_bytes());
    let (set, told) = builder.finish();
    assert_eq!((read.taken, set.len()), (50, 50));
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|told| told.contains("descriptions, references and further columns of 3")), "{told:?}");
    let (first, last) = (set.describe(IndicatorIndex(0)), set.describe(IndicatorIndex(49)));
    assert!(first.sources[0].details.description.starts_with("long") && last.sources[0].details.description.is_empty());
    assert_eq!(last.sources[0].details.labels, ["c2".into()]);
    assert!(set.contexts.memory_bytes() < 40_000, "{}", set.contexts.memory_bytes());
}

fn scanned(set: &Indicators, text: &str) -> Vec<String> {
    set.scan_text(text.as_bytes()).into_iter().map(|found| set.describe(found).value).collect()
}

#[test]
fn text_is_searched_for_what_could_be_an_indicator() {
    let list = "5.188.1.1\nevil.example\n2001:db8::bad\nhttp://evil.example/gate.php?x=1\n9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n\
                bad@mail.example\nCVE-2026-12345\n10.9.0.0/16\n";
    let (set, diagnostics) = load("l.txt", list);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    for (text, expected) in [
        ("to=5.188.1.1:443, ok", &["5.188.1.1"][..]),
        ("(5.188.1.1)", &["5.188.1.1"]),
        ("The host was 5.188.1.1.", &["5.188.1.1"]),
        ("45.188.1.1 5.188.1.10 5.188.1.1.5", &[]),
        ("a.evil.example/x", &["evil.example"]),
        ("notevil.example evil.example.jp evil.example_", &[]),
        ("seen evil[.]example today", &["evil.example"]),
        ("seen a[.]evil[.]example, today", &["evil.example"]),
        ("seen evil[dot]example", &["evil.example"]),
        ("hxxp://evil[.]example/gate.php?x=1", &["evil.example", "evil.example/gate.php?x=1"]),
        ("\"http://evil.example/gate.php?x=1\",", &["evil.example", "evil.example/gate.php?x=1"]),
        ("(see https://EVIL.example/gate.php?x=1).", &["evil.example", "evil.example/gate.php?x=1"]),
        ("user <bad@mail.example> wrote", &["bad@mail.example"]),
        ("x2001:db8::bad", &[]),
        ("from [2001:db8::bad]:53", &["2001:db8::bad"]),
        (
            "sha=9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08;",
            &["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        ),
        ("sha=09f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", &[]),
        ("exploit for CVE-2026-12345, and", &["CVE-2026-12345"]),
        ("src_ip=10.9.8.7", &["10.9.0.0/16"]),
        ("12:34:56.789 ....... :::: [.] (.) [dot] @.", &[]),
    ] {
        assert_eq!(scanned(&set, text), expected, "{text}");
    }
}

#[test]
fn a_hit_of_the_text_is_told_once_and_without_field() {
    let mut builder = Builder::new();
    builder.read(Path::new("l.txt"), &Feed::default(), &mut "5.188.1.1\nevil.example".as_bytes());
    builder.scan_records(true);
    let (set, _) = builder.finish();
    let record = b"5.188.1.1 asked for evil[.]example";
    let mut event = Event::new();
    event.clear();
    event.writer(record).put(noroshi_parsers::ecs::SOURCE_IP, &record[..9]);
    let mut hits = Vec::new();
    set.lookup(&event.view(record), &mut hits);
    assert_eq!(
        hits.iter().map(|hit| hit.field).collect::<Vec<_>>(),
        [noroshi_parsers::ecs::SOURCE_IP, FieldId::UNNAMED]
    );
}

proptest! {
    #[test]
    fn a_value_is_found_in_text_as_in_a_field(
        lines in prop::collection::vec(prop_oneof!["[0-3]\\.[0-3]\\.0\\.[0-3]", "[0-3]\\.[0-3]\\.0\\.0/(8|16|23|30)", "[ab]{1,2}\\.[ab]{1,2}(\\.[ab])?"], 1..30),
        values in prop::collection::vec(prop_oneof!["[0-3]\\.[0-3]\\.[01]\\.[0-3]", "([abAB]{1,2}\\.){1,4}[ab]{1,2}"], 1..8),
        around in prop::sample::select(vec![(" ", " "), ("=", ","), ("\"", "\""), ("(", ")"), ("/", "/"), ("@", ":"), ("[", "]")]),
    ) {
        let (set, _) = load("l.txt", &lines.join("\n"));
        let text: String = values.iter().map(|value| format!("{}{value}{}", around.0, around.1)).collect();
        let mut expected: Vec<String> = values.iter().flat_map(|value| found(&set, "dns.question.name", value)).collect();
        expected.sort();
        expected.dedup();
        let mut told = scanned(&set, &text);
        told.sort();
        prop_assert_eq!(told, expected, "{}", text);
    }

    #[test]
    fn any_text_is_searched_without_panic(text in "[a-f0-9.:/@\\[\\](){}dotCVE-]{0,200}|\\PC{0,200}") {
        let (set, _) = load("l.txt", "5.188.1.1\nevil.example\n2001:db8::bad\nhttp://e.example/g\n9f86d081884c7d659a2feaa0c55ad015\nb@m.example\nCVE-2026-12345\n10.9.0.0/16\n");
        set.scan_text(text.as_bytes());
    }
}
