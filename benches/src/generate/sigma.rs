//! Sigma rule sets of any size: a known few hit the planted lines, the others never hit.
//!
//! The others are shaped like the public set: most are for process creation, with lists under contains,
//! startswith and endswith, filters and `all of`. Each has one part that ordinary lines do meet (an image, an
//! event id) and one that nothing meets, so that a prefilter earns its keep by evaluation and not by emptiness.

use super::planted::Kind;
use super::rng::{Rng, mix};
use super::sysmon::hex_text;
use std::fmt::Write as _;

/// A generated rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// File name.
    pub file: String,
    /// The YAML document.
    pub yaml: String,
    /// The rule's id.
    pub id: String,
    /// The planted kind whose every line it hits, or nothing.
    pub hits: Option<Kind>,
}

/// Rules that hit: kind, title, log source, detection.
const HITTING: [(Kind, &str, &str, &str); 18] = [
    (
        Kind::SysmonCredentialTool,
        "Credential tool command line",
        "category: process_creation\n    product: windows",
        "selection:\n        CommandLine|contains:\n            - 'sekurlsa::logonpasswords'\n            - 'lsadump::dcsync'\n    condition: selection",
    ),
    (
        Kind::SshRootFailed,
        "Failed SSH password for root",
        "product: linux\n    service: sshd",
        "keywords:\n        - 'Failed password for root'\n    condition: keywords",
    ),
    (
        Kind::WindowsLocalAdmin,
        "Member added to local Administrators",
        "product: windows\n    service: security",
        "selection:\n        EventID: 4732\n        TargetSid: 'S-1-5-32-544'\n    condition: selection",
    ),
    (
        Kind::WebTraversal,
        "Path traversal in web request",
        "category: webserver",
        "keywords:\n        - '../../etc/passwd'\n        - '..%2f..%2fetc%2fpasswd'\n    condition: keywords",
    ),
    (
        Kind::FortigateIpsCritical,
        "Critical intrusion signature at firewall",
        "product: fortigate",
        "selection:\n        subtype: ips\n        severity: critical\n        attack|endswith: 'Remote.Code.Execution'\n    condition: selection",
    ),
    (
        Kind::SysmonEncodedPowershell,
        "PowerShell with encoded command",
        "category: process_creation\n    product: windows",
        "selection_image:\n        Image|endswith:\n            - '\\powershell.exe'\n            - '\\pwsh.exe'\n    selection_command:\n        CommandLine|contains: ' -EncodedCommand '\n    condition: all of selection_*",
    ),
    (
        Kind::EveAlertSevere,
        "Intrusion alert of highest severity",
        "product: suricata",
        "selection:\n        event_type: alert\n        alert.severity: 1\n    condition: selection",
    ),
    (
        Kind::SysmonLsassDump,
        "LSASS dump through comsvcs",
        "category: process_creation\n    product: windows",
        "selection:\n        Image|endswith: '\\rundll32.exe'\n        CommandLine|contains|all:\n            - 'comsvcs.dll'\n            - 'MiniDump'\n    condition: selection",
    ),
    (
        Kind::WindowsUserCreated,
        "Windows user account created",
        "product: windows\n    service: security",
        "selection:\n        EventID: 4720\n    filter:\n        SubjectUserName|startswith: 'provisioning-'\n    condition: selection and not filter",
    ),
    (
        Kind::DnsTunnel,
        "DNS tunnel by label length",
        "category: dns",
        "selection:\n        query|re: '^[0-9a-f]{40,}\\.tunnel\\.'\n    condition: selection",
    ),
    (
        Kind::AsaLoginDenied,
        "Login denied at ASA",
        "product: cisco\n    service: asa",
        "keywords:\n        - '%ASA-6-605004'\n    condition: keywords",
    ),
    (
        Kind::FortigateAdminLoginFailed,
        "Administrator login failed at FortiGate",
        "product: fortigate",
        "selection:\n        action: login\n        status: failed\n    condition: selection",
    ),
    (
        Kind::WebSqlInjection,
        "SQL injection in query",
        "category: webserver",
        "keywords:\n        - 'union+select'\n        - 'union%20select'\n    condition: keywords",
    ),
    (
        Kind::SudoRefused,
        "User not in sudoers",
        "product: linux\n    service: sudo",
        "keywords:\n        - 'user NOT in sudoers'\n    condition: keywords",
    ),
    (
        Kind::AuditReverseShell,
        "Netcat reverse shell",
        "product: linux\n    service: auditd",
        "selection:\n        type: EXECVE\n        a0: nc\n        a1: '-e'\n    condition: selection",
    ),
    (
        Kind::SquidScriptDownload,
        "HTML application through proxy",
        "category: proxy",
        "selection:\n        c-uri|endswith: '.hta'\n    condition: selection",
    ),
    (
        Kind::CefMalware,
        "Endpoint product found malware",
        "product: cef",
        "keywords:\n        - 'Malware detected'\n    condition: keywords",
    ),
    (
        Kind::JsonSuperadmin,
        "Highest application role granted",
        // Application JSON is of no log source that Sigma names: the rule meets every event, by one field.
        "definition: application events as JSON",
        "selection:\n        action: role.grant\n    condition: selection",
    ),
];

/// A shape of rules that never hit: share in per mille, log source, the part lines meet, the field that never matches,
/// the modifiers tried in turn, and what a value that never occurs looks like around its random core.
struct Shape {
    share: u64,
    logsource: &'static str,
    met: &'static str,
    field: &'static str,
    modifiers: &'static [&'static str],
    prefix: &'static str,
    suffix: &'static str,
}

const SHAPES: [Shape; 10] = [
    Shape {
        share: 420,
        logsource: "category: process_creation\n    product: windows",
        met: "Image|endswith:\n            - '\\powershell.exe'\n            - '\\rundll32.exe'\n            - '\\cmd.exe'",
        field: "CommandLine",
        // One rule in twenty has a regular expression, as in the public set.
        modifiers: &[
            "contains",
            "contains",
            "contains",
            "contains",
            "contains",
            "contains",
            "contains",
            "contains",
            "contains",
            "contains",
            "contains|all",
            "contains|all",
            "contains|all",
            "contains|all",
            "contains|all",
            "contains|all",
            "contains|windash",
            "contains|windash",
            "contains|windash",
            "re",
        ],
        prefix: " -",
        suffix: " ",
    },
    Shape {
        share: 180,
        logsource: "category: process_creation\n    product: windows",
        met: "ParentImage|endswith:\n            - '\\explorer.exe'\n            - '\\services.exe'",
        field: "Image",
        modifiers: &["endswith"],
        prefix: "\\",
        suffix: ".exe",
    },
    Shape {
        share: 60,
        logsource: "category: file_event\n    product: windows",
        met: "Image|endswith: '.exe'",
        field: "TargetFilename",
        modifiers: &["endswith", "contains"],
        prefix: "\\Temp\\",
        suffix: ".dll",
    },
    Shape {
        share: 60,
        logsource: "category: network_connection\n    product: windows",
        met: "Initiated: 'true'",
        field: "DestinationHostname",
        modifiers: &["endswith"],
        prefix: ".",
        suffix: ".example",
    },
    Shape {
        share: 60,
        logsource: "category: dns_query\n    product: windows",
        met: "Image|contains: 'browser'",
        field: "QueryName",
        modifiers: &["endswith", "contains"],
        prefix: ".",
        suffix: ".example",
    },
    Shape {
        share: 70,
        logsource: "product: windows\n    service: security",
        met: "EventID:\n            - 4624\n            - 4625\n            - 4688",
        field: "TargetUserName",
        modifiers: &["startswith", "contains"],
        prefix: "svc-",
        suffix: "-adm",
    },
    Shape {
        share: 50,
        logsource: "category: webserver",
        met: "cs-method:\n            - GET\n            - POST",
        field: "cs-uri-query",
        modifiers: &["contains", "contains", "contains", "contains", "contains", "contains", "contains", "re"],
        prefix: "/",
        suffix: ".php",
    },
    Shape {
        share: 40,
        logsource: "category: proxy",
        met: "cs-method: GET",
        field: "c-uri",
        modifiers: &["contains", "endswith"],
        prefix: "/",
        suffix: ".bin",
    },
    Shape {
        share: 30,
        logsource: "product: linux\n    service: auditd",
        met: "type: EXECVE",
        field: "a1",
        modifiers: &["startswith", "contains"],
        prefix: "/tmp/",
        suffix: ".so",
    },
    Shape {
        share: 30,
        logsource: "category: dns",
        met: "record_type: A",
        field: "query",
        modifiers: &["endswith", "startswith"],
        prefix: "x.",
        suffix: ".example",
    },
];

/// Values of a list in a rule that never hits: most public lists are short.
const VALUES_MAX: u64 = 9;

/// A set of `count` rules. The first `min(count / 2, 18)` hit one planted kind each.
#[must_use]
pub fn rules(seed: u64, count: usize) -> Vec<Rule> {
    let hitting = (count / 2).min(HITTING.len());
    let mut set = Vec::with_capacity(count);
    for (number, (kind, title, logsource, detection)) in HITTING.iter().take(hitting).enumerate() {
        set.push(document(seed, number, title, logsource, detection, Some(*kind)));
    }
    for number in hitting..count {
        let mut rng = Rng::new(seed, 0x516, number as u64);
        let shape = shape_of(rng.below(1_000));
        let detection = never(&mut rng, shape);
        set.push(document(
            seed,
            number,
            &format!("Suspicious {} variant {number}", shape.field),
            shape.logsource,
            &detection,
            None,
        ));
    }
    set
}

fn shape_of(mut draw: u64) -> &'static Shape {
    for shape in &SHAPES {
        if draw < shape.share {
            return shape;
        }
        draw -= shape.share;
    }
    &SHAPES[0]
}

/// The detection of a rule that never hits: `qz` and eight hexadecimal digits occur in no line.
fn never(rng: &mut Rng, shape: &Shape) -> String {
    let modifier = rng.pick(shape.modifiers);
    let mut text =
        format!("selection_met:\n        {}\n    selection_rare:\n        {}|{modifier}:\n", shape.met, shape.field);
    for _ in 0..rng.range(1, VALUES_MAX) {
        let core = hex_text(rng, 8);
        let value = if modifier == "re" {
            format!("qz{core}[a-z]+\\.(?:tmp|dat)")
        } else {
            format!("{}qz{core}{}", shape.prefix, shape.suffix)
        };
        let _ = writeln!(text, "            - '{value}'");
    }
    if rng.per_mille(400) {
        let _ = write!(text, "    filter_known:\n        {}|startswith: 'known-{}'\n", shape.field, hex_text(rng, 4));
        text.push_str("    condition: all of selection_* and not 1 of filter_*");
    } else {
        text.push_str("    condition: all of selection_*");
    }
    text
}

fn document(seed: u64, number: usize, title: &str, logsource: &str, detection: &str, hits: Option<Kind>) -> Rule {
    let place = number as u64;
    let (one, two) = (mix(seed ^ place), mix(seed.rotate_left(17) ^ place));
    let mut id = Vec::with_capacity(36);
    super::put::put!(&mut id; super::put::Guid(one, two));
    let id = String::from_utf8(id).unwrap_or_default();
    let level = if hits.is_some() { "high" } else { "medium" };
    let yaml = format!(
        "title: {title}\nid: {id}\nstatus: test\ndescription: Generated for benches; every value is invented.\n\
         author: noroshi-gen\ndate: 2026-03-01\ntags:\n    - attack.execution\nlogsource:\n    {logsource}\n\
         detection:\n    {detection}\nlevel: {level}\n"
    );
    Rule { file: format!("rule_{number:05}.yml"), yaml, id, hits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn sets_have_their_size_and_distinct_ids() {
        for count in [10, 100, 1_000] {
            let set = rules(7, count);
            assert_eq!(set.len(), count);
            assert_eq!(set.iter().map(|rule| &rule.id).collect::<HashSet<_>>().len(), count);
            assert_eq!(set.iter().filter(|rule| rule.hits.is_some()).count(), (count / 2).min(18));
        }
    }

    #[test]
    fn shares_make_a_whole() {
        assert_eq!(SHAPES.iter().map(|shape| shape.share).sum::<u64>(), 1_000);
    }
}
