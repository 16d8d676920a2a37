//! The first pack: every rule with events it must match and look-alikes it must not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_parsers::logsource::{LOG_SOURCES, LogSourceId};
use noroshi_rules::correlation::CorrelationKind;
use noroshi_rules::{Options, RuleSet, Scratch, key};

fn pack() -> (RuleSet, Dictionary) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/first");
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        files.push((path, text));
    }
    let mut dictionary = Dictionary::new();
    let loaded = RuleSet::load(files, &mut dictionary, &Options::default());
    let told: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    (loaded.rules, dictionary)
}

/// The log source, then the record: plain text, or `field=value` pairs with `;` between them.
struct Case(&'static str, &'static str);

/// Title, matching, not matching.
#[rustfmt::skip]
const CASES: &[(&str, &[Case], &[Case])] = &[
    ("SSH Login Failed",
        &[Case("linux_sshd", "event.category=authentication;event.outcome=failure;source.ip=198.51.100.7")],
        &[Case("linux_sshd", "event.category=authentication;event.outcome=success;source.ip=198.51.100.7"),
          Case("linux_sudo", "event.category=authentication;event.outcome=failure;source.ip=198.51.100.7")]),
    ("SSH Login Succeeded",
        &[Case("linux_sshd", "event.category=authentication;event.category=session;event.outcome=success;source.ip=198.51.100.7")],
        &[Case("linux_sshd", "event.category=session;event.outcome=success;source.ip=198.51.100.7")]),
    ("Windows Logon Failed",
        &[Case("windows_security", "EventID=4625;IpAddress=192.0.2.9"), Case("windows_security", "event.code=4625")],
        &[Case("windows_security", "EventID=4625;IpAddress=-"), Case("windows_security", "EventID=4624;IpAddress=192.0.2.9")]),
    ("Firewall Connection",
        &[Case("linux_netfilter", "source.ip=192.0.2.9;destination.ip=192.0.2.10;destination.port=22")],
        &[Case("linux_netfilter", "source.ip=192.0.2.9;destination.ip=192.0.2.10"),
          Case("nginx", "source.ip=192.0.2.9;destination.ip=192.0.2.10;destination.port=22")]),
    ("Firewall Denied Connection",
        &[Case("fortigate_traffic", "source.ip=192.0.2.9;event.type=connection;event.type=denied")],
        &[Case("fortigate_traffic", "source.ip=192.0.2.9;event.type=connection;event.type=allowed")]),
    ("Member Added To A Privileged Windows Group",
        &[Case("windows_security", "EventID=4732;TargetUserName=Administrators;TargetSid=S-1-5-32-544"),
          Case("windows_security", "EventID=4732;TargetUserName=Administratoren;TargetSid=S-1-5-32-544"),
          Case("windows_security", "EventID=4728;TargetUserName=Chefs;TargetSid=S-1-5-21-1-2-3-512")],
        &[Case("windows_security", "EventID=4732;TargetUserName=Printers;TargetSid=S-1-5-32-550"),
          Case("windows_security", "EventID=4733;TargetUserName=Administrators;TargetSid=S-1-5-32-544")]),
    ("Windows Account Created",
        &[Case("windows_security", "EventID=4720;TargetUserName=eve")],
        &[Case("windows_security", "EventID=4720;TargetUserName=HOST7$"), Case("windows_system", "EventID=4720;TargetUserName=eve")]),
    ("Windows Audit Log Cleared",
        &[Case("windows_security", "EventID=1102")],
        &[Case("windows_security", "EventID=1100"), Case("windows_system", "EventID=1102")]),
    ("Suspicious Windows Service Installed",
        &[Case("windows_system", r"EventID=7045;ImagePath=C:\Users\Public\u.exe"),
          Case("windows_system", "EventID=7045;ImagePath=%COMSPEC% /Q /c echo x")],
        &[Case("windows_system", r"EventID=7045;ImagePath=C:\Program Files\Vendor\agent.exe"),
          Case("windows_system", r"EventID=7036;ImagePath=C:\Users\Public\u.exe")]),
    ("PowerShell With An Encoded Command",
        &[Case("sysmon_process_creation", r"Image=C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe;CommandLine=powershell -nop -EncodedCommand SQBFAFgAIABoAGkA"),
          Case("sysmon_process_creation", r"Image=C:\x\renamed.exe;OriginalFileName=PowerShell.EXE;CommandLine=renamed.exe /e SQBFAFgAIABoAGkA"),
          Case("windows_security_process", r"NewProcessName=C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe;CommandLine=powershell –enc SQBFAFgAIABoAGkA")],
        &[Case("sysmon_process_creation", r"Image=C:\x\powershell.exe;CommandLine=powershell -ExecutionPolicy Bypass -File a.ps1"),
          Case("sysmon_process_creation", r"Image=C:\x\powershell.exe;CommandLine=powershell -Encoding utf8 aaaaaaaaaaaaaaaaaaaa"),
          Case("sysmon_process_creation", r"Image=C:\x\curl.exe;CommandLine=curl -e SQBFAFgAIABoAGkA")]),
    ("Linux User Added To An Administrators' Group",
        &[Case("linux_auth", "usermod[811]: add 'eve' to group 'sudo'"),
          Case("linux_syslog", "usermod[811]: add 'eve' to group 'wheel'"),
          Case("linux_auth", "gpasswd[812]: user eve added by root to group docker")],
        &[Case("linux_auth", "usermod[811]: add 'eve' to group 'games'"),
          // The same change once more, in /etc/gshadow.
          Case("linux_auth", "usermod[811]: add 'eve' to shadow group 'sudo'"), Case("linux_auth", "sudo: eve : COMMAND=/usr/bin/id")]),
    ("Linux Account Created",
        &[Case("linux_auth", "useradd[810]: new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/sh")],
        &[Case("linux_auth", "useradd[810]: new group: name=eve, GID=1001")]),
    ("Linux Account With The Rights Of Root Created",
        &[Case("linux_auth", "useradd[810]: new user: name=toor, UID=0, GID=0, home=/root, shell=/bin/sh")],
        &[Case("linux_auth", "useradd[810]: new user: name=eve, UID=1001, GID=0, home=/home/eve, shell=/bin/sh")]),
    ("Sudo Refused",
        &[Case("linux_sudo", "sudo: eve : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"),
          Case("linux_sudo", "sudo: eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh")],
        &[Case("linux_sudo", "sudo: eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh")]),
    ("Cisco ASA Remote Access Login Rejected",
        &[Case("cisco_asa", "event.code=113015")],
        &[Case("cisco_asa", "event.code=113004")]),
    ("FortiGate SSL VPN Login Failed",
        &[Case("fortigate_event", "action=ssl-login-fail"), Case("fortigate_event", "event.action=ssl-login-fail")],
        &[Case("fortigate_event", "action=tunnel-up"), Case("fortigate_traffic", "action=ssl-login-fail")]),
    ("Web Request For What Is Not There",
        &[Case("nginx", "http.response.status_code=404"), Case("access_log", "http.response.status_code=404")],
        &[Case("nginx", "http.response.status_code=200"), Case("squid", "http.response.status_code=404")]),
    ("Large Upload To The Internet",
        &[Case("fortigate_traffic", "source.ip=10.1.2.3;destination.ip=203.0.113.9;source.bytes=10000000")],
        &[Case("fortigate_traffic", "source.ip=10.1.2.3;destination.ip=203.0.113.9;source.bytes=9999999"),
          Case("fortigate_traffic", "source.ip=10.1.2.3;destination.ip=10.9.9.9;source.bytes=99000000"),
          Case("fortigate_traffic", "source.ip=203.0.113.9;destination.ip=203.0.113.10;source.bytes=99000000")]),
    ("IDS Alert Of High Severity",
        &[Case("suricata_alert", "event.severity=1;event.kind=alert")],
        &[Case("suricata_alert", "event.severity=3;event.kind=alert"), Case("suricata", "event.severity=1")]),
];

fn decode(dictionary: &Dictionary, case: &Case) -> Event {
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(case.1.as_bytes());
    let source = LOG_SOURCES.iter().position(|source| source.name == case.0).expect("a log source");
    writer.core().log_source = LogSourceId(source as u16);
    for pair in case.1.split(';') {
        if let Some((name, value)) = pair.split_once('=') {
            if let Some(id) = dictionary.find(name.as_bytes()) {
                writer.put(id, value.as_bytes());
            }
        }
    }
    event
}

/// Titles of the rules an event matches, by both paths.
fn titles<'a>(set: &'a RuleSet, dictionary: &Dictionary, case: &Case) -> BTreeSet<&'a str> {
    let event = decode(dictionary, case);
    let view = event.view(case.1.as_bytes());
    let (mut hits, mut slow) = (Vec::new(), Vec::new());
    set.evaluate(&view, &mut Scratch::new(), &mut hits);
    set.full_scan(&view, dictionary, &mut slow);
    assert_eq!(hits, slow, "{}", case.1);
    hits.iter().map(|hit| set.rule(*hit).title.as_str()).collect()
}

#[test]
fn every_rule_matches_what_it_is_for_and_not_its_look_alikes() {
    let (set, dictionary) = pack();
    for (title, matching, missing) in CASES {
        for case in *matching {
            assert!(titles(&set, &dictionary, case).contains(title), "{title} should match {}", case.1);
        }
        for case in *missing {
            assert!(!titles(&set, &dictionary, case).contains(title), "{title} should not match {} {}", case.0, case.1);
        }
    }
    let tested: BTreeSet<&str> = CASES.iter().map(|(title, ..)| *title).collect();
    let loaded: BTreeSet<&str> = set.rules().map(|(_, meta)| meta.title.as_str()).collect();
    assert_eq!(tested, loaded);
}

/// What each correlation counts, of what, and from when on it holds.
#[rustfmt::skip]
const CORRELATIONS: &[(&str, CorrelationKind, &str, i128)] = &[
    ("Burst Of Denied Connections From One Source", CorrelationKind::EventCount, "source.ip", 100),
    ("Many Large Uploads To One Outside Address", CorrelationKind::EventCount, "source.ip,destination.ip", 5),
    ("Network Sweep From One Source", CorrelationKind::ValueCount, "source.ip", 20),
    ("Port Scan Of One Host", CorrelationKind::ValueCount, "source.ip,destination.ip", 20),
    ("SSH Brute Force From One Source", CorrelationKind::EventCount, "source.ip", 10),
    ("SSH Login Failed And Succeeded For One Account From One Source", CorrelationKind::ValueCount, "source.ip,user.name", 2),
    ("SSH Password Spraying From One Source", CorrelationKind::ValueCount, "source.ip", 5),
    ("Sudo Refused Again And Again", CorrelationKind::EventCount, "user.name", 3),
    ("VPN Brute Force Against One Account", CorrelationKind::EventCount, "user.name", 5),
    ("VPN Password Spraying From One Source", CorrelationKind::ValueCount, "source.ip", 5),
    ("Web Scanner", CorrelationKind::ValueCount, "source.ip", 30),
    ("Windows Logon Brute Force From One Source", CorrelationKind::EventCount, "IpAddress", 10),
    ("Windows Password Spraying From One Source", CorrelationKind::ValueCount, "IpAddress", 10),
];

#[test]
fn every_correlation_counts_what_it_says() {
    let (set, _) = pack();
    let mut loaded: Vec<_> = set
        .correlations()
        .iter()
        .map(|one| {
            let bound = one.condition.bounds[0].1;
            assert!(one.condition.holds(bound) && !one.condition.holds(bound - 1) && one.condition.is_monotone());
            assert!(one.rules.iter().all(|fed| !set.rule(fed.rule).alerts), "{}", one.title);
            (one.title.as_str(), one.kind, one.group_by.join(","), bound)
        })
        .collect();
    loaded.sort_by_key(|one| one.0);
    let expected: Vec<_> = CORRELATIONS.iter().map(|one| (one.0, one.1, one.2.to_owned(), one.3)).collect();
    assert_eq!(loaded, expected);
}

#[test]
fn a_windows_source_is_one_key_by_its_own_name_and_by_the_schemas() {
    let (set, dictionary) = pack();
    let brute = set.correlations().iter().find(|one| one.title.starts_with("Windows Logon")).unwrap();
    for record in ["EventID=4625;IpAddress=::ffff:192.0.2.9", "event.code=4625;source.ip=192.0.2.9"] {
        let mut keys = Vec::new();
        let event = decode(&dictionary, &Case("windows_security", record));
        key::extract(&brute.rules[0], &event.view(record.as_bytes()), &mut keys);
        let parts: Vec<&[u8]> = keys.iter().flat_map(|found| key::parts(found)).collect();
        assert_eq!(parts, [b"192.0.2.9"], "{record}");
    }
}

#[test]
fn ids_are_uuids_and_tags_are_of_the_known_spaces() {
    let (set, _) = pack();
    let rules = set.rules().map(|(_, meta)| (&meta.id, &meta.tags));
    for (id, tags) in rules.chain(set.correlations().iter().map(|one| (&one.id, &one.tags))) {
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert!(tags.iter().all(|tag| tag.starts_with("attack.")), "{id}");
    }
}
