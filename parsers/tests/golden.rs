//! Golden pairs: every `testdata/<format>/N.in` decodes to its `N.out`.
//!
//! A file holds one record a line; its `.out` holds the documents, pretty JSON, one after
//! another. `NOROSHI_BLESS=1` writes the `.out` files anew: read the difference before committing it.
//! The same records seed the properties below.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::defect::Defect;
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::document::to_json;
use noroshi_parsers::event::Event;
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::time::take_iso;
use proptest::prelude::*;

/// Year-less stamps are judged as of this instant; zone-less ones are UTC.
const REFERENCE: &[u8] = b"2026-03-15T12:00:00Z";

struct Harness {
    dictionary: Arc<Dictionary>,
    decoder: Decoder,
    options: SourceOptions,
    event: Event,
}

impl Harness {
    fn new() -> Harness {
        let dictionary = Arc::new(Dictionary::new());
        let (reference, _) = take_iso(REFERENCE).expect("the reference is a stamp");
        let options = SourceOptions {
            reference_time_ns: reference.civil.at_offset(0).expect("the reference is in range"),
            ..SourceOptions::default()
        };
        Harness { decoder: Decoder::new(Arc::clone(&dictionary)), dictionary, options, event: Event::new() }
    }

    fn document(&mut self, record: &[u8]) -> serde_json::Value {
        self.decoder.decode(record, 0, &self.options, &mut self.event);
        to_json(self.event.view(record), &self.dictionary)
    }
}

fn inputs() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut found = Vec::new();
    for format in fs::read_dir(root).expect("testdata is there") {
        let format = format.expect("testdata can be listed").path();
        if format.is_dir() {
            for file in fs::read_dir(&format).expect("a format's folder can be listed") {
                let file = file.expect("a format's folder can be listed").path();
                if file.extension().is_some_and(|extension| extension == "in") {
                    found.push(file);
                }
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no golden inputs");
    found
}

fn records(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|&byte| byte == b'\n').filter(|record| !record.is_empty())
}

#[test]
fn golden_pairs_hold() {
    let bless = std::env::var_os("NOROSHI_BLESS").is_some();
    let mut harness = Harness::new();
    let mut broken = Vec::new();
    for path in inputs() {
        let input = fs::read(&path).expect("an input can be read");
        let mut got = String::new();
        for record in records(&input) {
            got += &serde_json::to_string_pretty(&harness.document(record)).expect("a document is JSON");
            got.push('\n');
        }
        let expected_path = path.with_extension("out");
        if bless {
            fs::write(&expected_path, &got).expect("an output can be written");
            continue;
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if got != expected {
            let line = got.lines().zip(expected.lines()).position(|(got, expected)| got != expected);
            let line = line.unwrap_or_else(|| got.lines().count().min(expected.lines().count()));
            broken.push(format!(
                "{}:{}\n  expected {}\n  got      {}",
                expected_path.display(),
                line + 1,
                expected.lines().nth(line).unwrap_or("<end>"),
                got.lines().nth(line).unwrap_or("<end>"),
            ));
        }
    }
    assert!(broken.is_empty(), "{} of the golden pairs differ:\n{}", broken.len(), broken.join("\n"));
}

/// `sources` tells the fields that each product yields: those of its golden records.
#[test]
fn the_fields_told_of_a_product_are_those_its_records_yield() {
    let mut harness = Harness::new();
    let mut yields = BTreeMap::<&str, BTreeSet<String>>::new();
    for record in seeds() {
        harness.decoder.decode(&record, 0, &harness.options, &mut harness.event);
        let view = harness.event.view(&record);
        let fields = yields.entry(view.core().product.get().name).or_default();
        fields.insert("@timestamp".to_owned());
        let schema = view.fields().iter().filter(|field| !field.vendor && field.id != FieldId::UNNAMED);
        fields.extend(schema.map(|field| harness.dictionary.name(field.id).to_owned()));
    }
    let mut got = String::new();
    for (product, fields) in yields {
        got += &format!("{product}: {}\n", fields.into_iter().collect::<Vec<_>>().join(" "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/products/yields.txt");
    if std::env::var_os("NOROSHI_BLESS").is_some() {
        fs::write(&path, &got).expect("the list can be written");
    }
    let told = fs::read_to_string(&path).expect("the list is there");
    assert!(got == told, "{} is not what the golden records yield; NOROSHI_BLESS=1 writes it anew", path.display());
}

/// What a record writes is a part of its event, with the same time; nothing is made.
#[test]
fn what_a_record_writes_is_a_part_of_its_event() {
    let (mut harness, mut written) = (Harness::new(), Harness::new());
    written.options.as_written = true;
    let (mut fewer, mut made) = (0, Vec::new());
    for record in seeds() {
        harness.decoder.decode(&record, 0, &harness.options, &mut harness.event);
        written.decoder.decode(&record, 0, &written.options, &mut written.event);
        let (full, part) = (harness.event.view(&record), written.event.view(&record));
        let text = String::from_utf8_lossy(&record);
        let times = |core: &noroshi_parsers::event::Core| (core.time_ns, core.time_from_record, core.time_precision);
        assert_eq!(times(part.core()), times(full.core()), "{text}");
        for field in part.fields() {
            let value = part.value(field);
            // A header's word may be replaced by what the message tells; then the record has it.
            let found = full.fields().iter().any(|other| full.value(other) == value)
                || record.windows(value.len().max(1)).any(|part| part == value);
            if field.span().is_constant() || !found {
                let name = harness.dictionary.name(field.id);
                made.push(format!("{}: {name}={}", full.core().product.get().name, String::from_utf8_lossy(value)));
            }
        }
        fewer += usize::from(part.fields().len() < full.fields().len());
    }
    assert!(made.is_empty(), "made of other values:\n{}", made.join("\n"));
    assert!(fewer > 500, "only {fewer} records have anything made of them");
}

/// A stamp that is read again by memory is what it was.
#[test]
fn stamps_of_one_second_are_read_alike_by_any_decoder() {
    let dictionary = Arc::new(Dictionary::new());
    let mut remembering = Decoder::new(Arc::clone(&dictionary));
    let zones = ["UTC", "+09:00", "Asia/Tokyo", "America/New_York", "Europe/Berlin"];
    let zones = zones.map(|name| noroshi_parsers::zone::Zone::parse(name).expect("a zone"));
    let stamps = ["Feb 29 23:59:59", "Mar  8 02:30:00", "Nov  1 01:30:00", "Dec 31 23:59:59", "Jan  1 00:00:00"];
    // Days apart, over two years: each side of every bound.
    let first_ns = take_iso(REFERENCE).and_then(|(stamp, _)| stamp.civil.at_offset(0)).expect("in range");
    let (mut event, mut fresh) = (Event::new(), Event::new());
    for half_day in 0..1500_i64 {
        for stamp in stamps {
            for zone in &zones {
                let options = SourceOptions {
                    zone: zone.clone(),
                    reference_time_ns: first_ns + half_day * 43_200_000_000_000,
                    ..SourceOptions::default()
                };
                let record = format!("<13>{stamp} host app[1]: text");
                for _ in 0..2 {
                    remembering.decode(record.as_bytes(), 0, &options, &mut event);
                    if half_day % 100 > 2 {
                        continue;
                    }
                    Decoder::new(Arc::clone(&dictionary)).decode(record.as_bytes(), 0, &options, &mut fresh);
                    assert_eq!(event.core.time_ns, fresh.core.time_ns, "{record} in {} on {half_day}", zone.name());
                    assert_eq!(event.defects, fresh.defects);
                }
            }
        }
    }
}

/// What a decoder remembers of the records before (the order of names, the paths of members, the last stamp) only makes it
/// quicker: a decoder that has read nothing yet is the twin.
#[test]
fn a_decoder_that_remembers_reads_as_a_new_one() {
    let mut remembering = Harness::new();
    // Twice, so that each record is met with what it taught.
    for record in seeds().iter().chain(&seeds()) {
        let document = remembering.document(record);
        let mut fresh = Harness {
            decoder: Decoder::new(Arc::clone(&remembering.dictionary)),
            event: Event::new(),
            ..Harness::new()
        };
        fresh.dictionary = Arc::clone(&remembering.dictionary);
        assert_eq!(document, fresh.document(record), "{}", String::from_utf8_lossy(record));
        assert_eq!(remembering.event.defects, fresh.event.defects, "{}", String::from_utf8_lossy(record));
    }
}

/// A source that declares its format is read as one that does not.
#[test]
fn a_declared_format_reads_its_own_records_the_same() {
    let mut harness = Harness::new();
    for record in seeds() {
        let found = harness.document(&record);
        harness.options.format = Some(harness.event.core.product);
        let declared = harness.document(&record);
        harness.options.format = None;
        assert_eq!(declared, found, "{}", String::from_utf8_lossy(&record));
    }
}

/// A source of no known product is asked for none: its records keep their own names.
#[test]
fn a_source_of_no_known_product_is_read_by_no_products_rules() {
    let mut harness = Harness::new();
    harness.options.format = ProductId::by_name("unknown");
    assert!(harness.options.format.is_some());
    for record in seeds() {
        assert_original_survives(&mut harness, &record);
        let product = harness.event.core.product.get().name;
        let text = String::from_utf8_lossy(&record);
        assert!(["unknown", "syslog", "json", "kv"].contains(&product), "{product}: {text}");
        assert!(!harness.event.defects.has(Defect::FormatMismatch), "{text}");
    }
}

/// Every record of the golden inputs.
fn seeds() -> Vec<Vec<u8>> {
    inputs()
        .iter()
        .flat_map(|path| {
            let input = fs::read(path).expect("an input can be read");
            records(&input).map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect()
}

/// The raw record survives whatever was understood of it.
fn assert_original_survives(harness: &mut Harness, record: &[u8]) {
    let document = harness.document(record);
    assert_eq!(harness.event.view(record).original(), record);
    let original = document["event"]["original"].as_str().expect("event.original is text");
    match std::str::from_utf8(record) {
        Ok(text) => assert_eq!(original, text),
        Err(_) => {
            use base64::Engine as _;
            let kept = document["noroshi"]["original_base64"].as_str().expect("odd bytes are kept in base64");
            let kept = base64::engine::general_purpose::STANDARD.decode(kept).expect("it is base64");
            assert_eq!(kept, record);
        }
    }
}

#[test]
fn every_prefix_and_suffix_is_survived() {
    let mut harness = Harness::new();
    for seed in seeds() {
        // Steps keep the longest records affordable; odd ones meet every alignment.
        let step = seed.len() / 200 * 2 + 1;
        for cut in (0..seed.len()).step_by(step) {
            assert_original_survives(&mut harness, &seed[..cut]);
            assert_original_survives(&mut harness, &seed[cut..]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_records_are_survived(
        pick in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        doubled: bool,
    ) {
        thread_local! {
            static SEEDS: Vec<Vec<u8>> = seeds();
            static HARNESS: std::cell::RefCell<Harness> = std::cell::RefCell::new(Harness::new());
        }
        let mut record = SEEDS.with(|seeds| pick.get(seeds).clone());
        for (at, byte) in flips {
            let at = at.index(record.len());
            record[at] = byte;
        }
        if doubled {
            let from = cut.index(record.len());
            record.extend_from_within(from..);
        }
        HARNESS.with(|harness| assert_original_survives(&mut harness.borrow_mut(), &record));
    }

    #[test]
    fn any_bytes_are_survived(record in prop::collection::vec(any::<u8>(), 0..200)) {
        thread_local! {
            static HARNESS: std::cell::RefCell<Harness> = std::cell::RefCell::new(Harness::new());
        }
        HARNESS.with(|harness| assert_original_survives(&mut harness.borrow_mut(), &record));
    }
}

/// What hostile senders would repeat to make a decoder walk back and forth.
const REPEATED: &[&str] = &[
    "<",
    "[",
    "[a b=\"",
    "\\",
    "a=",
    "a=\"",
    "IN=",
    " ",
    "\"",
    "(",
    "{",
    "%ASA-6-302013: Built inbound TCP connection ",
    "type=EXECVE msg=audit(1:1): a0=1 ",
    " from ",
    " for ",
    "COMMAND",
    " ; ",
    "{\"a\":",
    "[[",
    ",",
    "%",
    "=",
    ": ",
    "a b ",
    "CEF:0|",
    "Key: value, ",
    "user kim from 192.0.2.1 ",
    "http://",
    "\",\"",
    "{a=b}x",
    "2026-01-01 10:00:00 ",
    "a,",
    "a:\"",
    ";",
    "|",
    "\"a\"\",",
    "\\\"",
    "/",
    "- 1 ",
    "{a|",
    "<a>",
    "<a/>",
    "<Data>",
    "<![CDATA[",
    "<!--",
    "<?",
    "&amp;",
    "&",
    "<Data Name=\"ContextInfo\">Host Name = ",
    ":  ",
    "# A: b ",
    "A:[1] 'b' ",
    "'",
    "(HOST=",
    "a 1 IN A 192.0.2.1; ",
    " via ",
    "(",
    "->,",
    "{\"message\":",
    "{\"Name\":\"User\",\"Value\":\"x\"},",
    "{\"rvalue\":\"192.0.2.1\"},",
];

/// CPU time of this thread: what neighbours take does not count.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn time_grows_with_length_alone() {
    const HEADS: &[&str] = &[
        "",
        "{\"message\":\"{\\\"message\\\":\\\"",
        "{\"CreationTime\":\"x\",\"RecordType\":1,\"Parameters\":[",
        "{\"insertId\":\"x\",\"jsonPayload\":{\"queryName\":\"x\",\"structuredRdata\":[",
        "<34>1 2026-01-01T00:00:00Z h app 1 id ",
        "<34>Jan 01 2026 10:00:00 h sshd[1]: Failed password for ",
        "<34>Jan 01 2026 10:00:00 h sudo: ",
        "<34>Jan 01 2026 10:00:00 h kernel: IN=a OUT=b SRC=1.1.1.1 ",
        "<34>Jan 01 2026 10:00:00 h : %ASA-6-302013: ",
        "<34>Jan 01 2026 10:00:00 h : %ASA-6-113005: AAA user authentication Rejected : ",
        "type=EXECVE msg=audit(1:1): ",
        "<34>Jan 01 2026 10:00:00 h : %FTD-1-430003: SrcIP: 1.1.1.1, ",
        "<34>Jan 01 2026 10:00:00 h CISE_Alarm WARN: a : ",
        "<34>7: sw1: Jan 01 2026 10:00:00 UTC: %SEC-6-IPACCESSLOGP: list ",
        "<134>1 1767348000.4 MX1 events type=a ",
        "1,2026/03/01 08:09:10,1,THREAT,url,",
        "<134>1 2026-03-01T08:09:11Z h CheckPoint 1 - [loguid:\"",
        "<134>id=firewall sn=1 pri=1 m=1 src=",
        "loguid=1|",
        "LEEF:2.0|a|b|c|d|^|",
        "LEEF:1.0|",
        "<134>Mar  1 08:09:10 h RT_FLOW: RT_FLOW_SESSION_CREATE: session created ",
        "<134>Mar  1 08:09:10 filterlog[1]: 1,",
        "type=USER_CMD msg=audit(1:1): msg='cmd=",
        "2026-03-01 08:09:10 10.1.2.3 GET / - 80 - 192.0.2.7 ",
        "192.0.2.9:1 [01/Mar/2026:08:09:10.250] fe be/s 1/0/0/20/31 ",
        "03/01-08:09:10.123456  [**] [1:1:1] ",
        "03/01-08:09:10.123456 ,1,1,1,",
        "<Event><System><EventID>400</EventID><Channel>Windows PowerShell</Channel></System><EventData><Data>HostVersion=",
        "<Event><System><Provider Name='x'/><EventID>4663</EventID><Channel>Security</Channel></System><EventData>",
        "2026-01-01 10:00:00 UTC [1] LOG:  AUDIT: ",
        "2026-01-01 10:00:00 UTC,a,b,1,c,1.1,1,x,,,0,LOG,00000,",
        "# User@Host: a[b] @ c []\n# ",
        "Mon Mar  2 11:58:08 2026 LENGTH : '1' ",
        "<30>Mar  2 00:01:09 ns1 named[1]: client 192.0.2.1#1 UDP: query: a IN A response: NOERROR + ",
        "<30>Mar  2 00:01:09 d dhcpd[1]: DHCPACK on 192.0.2.1 to ",
        "<30>Mar  2 00:01:09 g 192.0.2.1 httpd: 2026-03-21 08:53:51.087Z [a]: Login_Denied - - ",
        "2026-03-02T00:04:25Z,192.0.2.1,192.0.2.2,",
        "[INFO] 192.0.2.4:3 - 2 ",
    ];
    let mut harness = Harness::new();
    let mut timed = |record: &[u8]| {
        // The quickest of three: a neighbour's noise only ever adds.
        (0..3)
            .map(|_| {
                let from = cpu_time();
                harness.decoder.decode(record, 0, &harness.options, &mut harness.event);
                cpu_time() - from
            })
            .min()
            .unwrap_or_default()
    };
    for head in HEADS {
        for part in REPEATED {
            let record = |bytes: usize| [head.as_bytes(), &part.as_bytes().repeat(bytes / part.len())].concat();
            let short = timed(&record(8 << 10));
            let long = timed(&record(256 << 10));
            // 32 times the bytes; a quadratic walk would take 1,024 times as long. The floor
            // keeps clock resolution out of it.
            let bound = short.max(Duration::from_micros(100)) * 160;
            assert!(long < bound, "head {head:?}, part {part:?}: {short:?} for 8 KiB, {long:?} for 256 KiB");
        }
    }
}
