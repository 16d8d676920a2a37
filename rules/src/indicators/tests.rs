//! What is an indicator, what is found, and the table held to a scan of the list.

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
    check("10.1.0.0/16\n10.1.2.0/24", "source.ip", "10.1.2.3", &["10.1.0.0/16", "10.1.2.0/24"]);
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
fn csv_columns_come_back_with_the_indicator() {
    let text = "# feed\ntype,indicator,confidence,source\nip,1.2.3.4,90,\"Acme, \"\"CTI\"\"\"\ndomain,evil[.]com,,\nurl,\"http://e.com/a,b\",10,x\n";
    let (set, diagnostics) = load("feed.csv", text);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let described = set.describe(IndicatorIndex(0));
    assert_eq!(described.columns, [("confidence", "90"), ("source", "Acme, \"CTI\"")]);
    assert_eq!((described.line, described.kind.as_str(), described.file), (3, "ip", Path::new("feed.csv")));
    assert!(set.describe(IndicatorIndex(1)).columns.is_empty());
    assert_eq!(set.describe(IndicatorIndex(2)).value, "e.com/a,b");
    let (set, _) = load("scores.csv", "ip,lists\n1.2.3.4,7\n");
    assert_eq!(set.describe(IndicatorIndex(0)).columns, [("lists", "7")]);
}

#[test]
fn lines_that_are_no_indicators_are_told_and_skipped() {
    let (set, diagnostics) = load("l.txt", "1.2.3.4 # note\nnot an indicator\ncom\n1.2.3.0/33\n\n# x\nevil.com\n");
    assert_eq!(set.len(), 2);
    let told: Vec<_> = diagnostics.iter().map(|told| (told.place.line, told.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, "`not an indicator` is no address, network, domain, url or hash"),
            (3, "`com` is no address, network, domain, url or hash"),
            (4, "`1.2.3.0/33` is no address, network, domain, url or hash"),
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
}

#[test]
fn one_key_of_one_file_is_one_indicator_and_of_two_files_two() {
    assert_eq!(load("l.txt", "1.2.3.4\n1.2.3.4\n1[.]2[.]3[.]4").0.len(), 1);
    let files =
        |a: &str, b: &str| Indicators::load(vec![(a.into(), "1.2.3.4".into()), (b.into(), "1.2.3.4 ".into())]).0;
    assert_eq!(found(&files("a", "b"), "source.ip", "1.2.3.4").len(), 2);
    assert_eq!(files("a", "b").digest(), files("b", "a").digest());
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
    fn any_text_is_read_and_any_value_looked_up_without_panic(text in "\\PC{0,200}", name in prop::sample::select(vec!["a.txt", "a.csv"]), value in "\\PC{0,60}") {
        let (set, _) = load(name, &text);
        for field in ["url.full", "dns.question.name", "source.address", "file.hash.md5"] {
            found(&set, field, &value);
            found(&set, field, &format!("http://{value}"));
        }
    }
}
