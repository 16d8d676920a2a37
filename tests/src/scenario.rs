//! Lines of several products in their vendors' documented forms, and rules over them.
//!
//! All on one day: second 0 is 2026-03-02T10:00:00Z.

use crate::rng::Rng;

/// The hour of second 0.
const HOUR: u32 = 10;

/// Hours, minutes and seconds of the day.
fn clock(second: u32) -> String {
    let second = HOUR * 3600 + second;
    assert!(second < 86_400, "a scenario ends on its day");
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// The stamp as alerts write it.
pub fn stamp(second: u32) -> String {
    format!("2026-03-02T{}Z", clock(second))
}

/// OpenSSH, a failed password, in RFC 5424.
pub fn ssh_failed(second: u32, host: &str, user: &str, ip: &str) -> String {
    let time = stamp(second);
    format!("<86>1 {time} {host} sshd 4242 - - Failed password for {user} from {ip} port 50022 ssh2")
}

/// OpenSSH, a line that no rule here is about; it moves the source's time.
pub fn ssh_listening(second: u32, host: &str) -> String {
    format!("<86>1 {} {host} sshd 4242 - - Server listening on 0.0.0.0 port 22.", stamp(second))
}

/// Cisco ASA 106023: denied by an access list.
pub fn asa_denied(second: u32, host: &str, ip: &str, port: u16) -> String {
    let time = clock(second);
    format!(
        "<164>Mar 02 2026 {time} {host} : %ASA-4-106023: Deny tcp src outside:{ip}/40000 dst dmz:192.0.2.10/{port} \
         by access-group \"outside_in\" [0x0, 0x0]"
    )
}

/// Cisco ASA 111008: a command was executed.
pub fn asa_command(second: u32, host: &str) -> String {
    let time = clock(second);
    format!("<165>Mar 02 2026 {time} {host} : %ASA-5-111008: User 'admin' executed the 'show version' command.")
}

/// FortiGate, a forwarded session.
pub fn fortigate_accepted(second: u32, host: &str, from: &str, to: &str) -> String {
    let time = clock(second);
    format!(
        "<189>date=2026-03-02 time={time} devname=\"{host}\" devid=\"FGT60F0000000001\" tz=\"+0000\" \
         logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip={from} \
         srcport=51000 srcintf=\"lan\" dstip={to} dstport=443 dstintf=\"wan1\" proto=6 action=\"accept\" policyid=7 \
         service=\"HTTPS\" sentbyte=1200 rcvdbyte=3400 sentpkt=9 rcvdpkt=12"
    )
}

/// nginx, combined format.
pub fn nginx_get(second: u32, ip: &str, path: &str) -> String {
    let time = clock(second);
    format!("{ip} - - [02/Mar/2026:{time} +0000] \"GET {path} HTTP/1.1\" 404 157 \"-\" \"curl/8.5.0\"")
}

/// Suricata EVE, a DNS query.
pub fn eve_dns(second: u32, ip: &str, name: &str) -> String {
    let time = clock(second);
    format!(
        r#"{{"timestamp":"2026-03-02T{time}.000000+0000","flow_id":1187,"in_iface":"eth1","event_type":"dns","src_ip":"{ip}","src_port":40001,"dest_ip":"10.0.0.1","dest_port":53,"proto":"UDP","dns":{{"type":"query","id":4711,"rrname":"{name}","rrtype":"A","tx_id":0}}}}"#
    )
}

/// Windows Security 4720 as Winlogbeat ships it: an account was created.
pub fn windows_account_created(second: u32, host: &str, account: &str) -> String {
    let time = stamp(second);
    format!(
        r#"{{"@timestamp":"{time}","event":{{"code":"4720","provider":"Microsoft-Windows-Security-Auditing"}},"winlog":{{"channel":"Security","provider_name":"Microsoft-Windows-Security-Auditing","event_id":4720,"computer_name":"{host}","event_data":{{"TargetUserName":"{account}","SubjectUserName":"helpdesk"}}}},"host":{{"name":"{host}"}}}}"#
    )
}

/// Rules of the scenarios: two correlations and two single-event rules.
pub const RULES: &str = r"title: Failed SSH Login
id: 11111111-0000-4000-8000-000000000001
name: e2e_ssh_failed
logsource:
    product: linux
    service: sshd
detection:
    selection:
        event.category: authentication
        event.outcome: failure
    condition: selection
level: informational
---
title: SSH Brute Force
id: 11111111-0000-4000-8000-000000000002
correlation:
    type: event_count
    rules:
        - e2e_ssh_failed
    group-by:
        - source.ip
    timespan: 1m
    condition:
        gte: 5
level: high
tags:
    - attack.credential-access
    - attack.t1110.001
noroshi:
    verified: 2026-03-01
---
title: Firewall Denial
id: 11111111-0000-4000-8000-000000000003
name: e2e_denied
logsource:
    product: cisco
    service: asa
detection:
    selection:
        event.type: denied
    condition: selection
level: informational
---
title: Port Scan
id: 11111111-0000-4000-8000-000000000004
correlation:
    type: value_count
    rules:
        - e2e_denied
    group-by:
        - source.ip
    timespan: 1m
    condition:
        field: destination.port
        gte: 4
level: medium
tags:
    - attack.discovery
    - attack.t1046
noroshi:
    verified: 2026-03-01
---
title: Password File Asked For
id: 11111111-0000-4000-8000-000000000005
logsource:
    category: webserver
detection:
    selection:
        url.path|contains: etc/passwd
    condition: selection
level: critical
tags:
    - attack.t1083
---
title: Account Created
id: 11111111-0000-4000-8000-000000000006
logsource:
    product: windows
    service: security
detection:
    selection:
        EventID: 4720
    condition: selection
level: low
tags:
    - attack.persistence
    - attack.t1136
";

/// Id of the event_count correlation.
pub const BRUTE_FORCE: &str = "11111111-0000-4000-8000-000000000002";
/// Id of the value_count correlation.
pub const PORT_SCAN: &str = "11111111-0000-4000-8000-000000000004";
/// Id of the web server rule.
pub const PASSWORD_FILE: &str = "11111111-0000-4000-8000-000000000005";
/// Id of the Windows rule.
pub const ACCOUNT_CREATED: &str = "11111111-0000-4000-8000-000000000006";

/// An address and a domain of ours (RFC 5737, RFC 2606).
pub const INDICATORS: &str = "# e2e\n203.0.113.66\nbad-domain.example\n";

/// A busy hour of failed logins, denials, requests and queries from one seed: bursts above and below the
/// thresholds, lines equal in every byte, background. Every line is from one of the hosts that [`closing`] closes.
pub fn busy_hour(seed: u64, lines: usize) -> Vec<String> {
    let mut rng = Rng::new(seed);
    (0..lines)
        .map(|_| {
            let address = rng.below(24);
            // Half of it in a minute and a half of each address's own: bursts, whose edges lie anywhere.
            let second = if rng.below(2) == 0 { address * 140 + rng.below(90) } else { rng.below(3600) } as u32;
            let ip = format!("198.51.100.{address}");
            match rng.below(10) {
                0..=3 => ssh_failed(second, HOSTS[rng.below(2)], "root", &ip),
                4..=7 => asa_denied(second, HOSTS[2], &ip, 20 + rng.below(9) as u16),
                8 => {
                    let path = if rng.below(4) == 0 { "/../etc/passwd" } else { "/index.html" };
                    nginx_get(second, &ip, path)
                }
                _ => {
                    let name = if rng.below(4) == 0 { "a.bad-domain.example" } else { "notbad-domain.example" };
                    eve_dns(second, &ip, name)
                }
            }
        })
        .collect()
}

/// The hosts of [`busy_hour`]: two with sshd, one firewall.
const HOSTS: [&str; 3] = ["bastion-1", "bastion-2", "fw-edge"];

/// One line of each host that correlations hear, at a time after all windows.
pub fn closing(second: u32) -> Vec<String> {
    vec![ssh_listening(second, HOSTS[0]), ssh_listening(second, HOSTS[1]), asa_command(second, HOSTS[2])]
}
