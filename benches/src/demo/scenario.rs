//! What happens in the demo, when, and over which channel.

use crate::generate::Format;
use crate::generate::rng::{Rng, Zipf};
use crate::generate::scene::Scene;
use crate::generate::world::{Server, User};
use crate::generate::{asa, fortigate, linux, suricata, web, windows};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};

/// Lines of the scenario, the attack included, unless told otherwise.
pub const LINES: u64 = 20_000;
/// Places in the run: parts of a million of its length.
pub const SPAN: u64 = 1_000_000;

/// The intruder's address for SSH; sends the IDS alerts too.
pub const SSH_ATTACKER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 50);
/// Scans the ports of [`SCANNED`] through the ASA.
pub const PORT_SCANNER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);
/// The host whose ports are scanned.
pub const SCANNED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
/// Asks the web server for paths that do not exist.
pub const WEB_SCANNER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 99);
/// Denied by the ASA on port 445 at many hosts.
pub const SWEEPER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 24);
/// Blocked by the Linux gateway again and again.
pub const KNOCKER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 23);
/// The inside host that contacts the indicators and uploads.
pub const VICTIM: Ipv4Addr = Ipv4Addr::new(10, 20, 30, 40);
/// Listed in the indicator file.
pub const INDICATOR_DOMAIN: &str = "quartz-login.test";
/// Listed in the indicator file.
pub const INDICATOR_IP: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);
/// Where the upload goes; in no list.
pub const DROP_SITE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 200);
/// The account that is guessed, logs in and then tries sudo.
pub const GUESSED_USER: &str = "oracle";
/// The Windows account that is created and made an administrator.
pub const NEW_ADMIN: &str = "svc-backup2";

/// How a line travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// One datagram a line.
    Udp,
    /// TCP with octet counting (RFC 6587 §3.4.1): the firewall's syslog.
    TcpCounted,
    /// TCP with newlines: JSON shippers.
    TcpLines,
    /// Appended to a file: proxy and web server.
    File,
}

impl Channel {
    /// All channels.
    pub const ALL: [Channel; 4] = [Channel::Udp, Channel::TcpCounted, Channel::TcpLines, Channel::File];
}

/// What is written at one place of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Ordinary(Format),
    SshFailed,
    SshAccepted,
    SudoWrongPassword,
    PortProbe(u64),
    Sweep(u64),
    Knock,
    WebProbe(u64),
    ProxyContact,
    DnsContact,
    FirewallContact,
    UserCreated,
    AdminAdded,
    Upload,
    SevereAlert,
}

/// One line to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Play {
    /// When, in parts of [`SPAN`].
    pub at: u64,
    /// How it travels.
    pub channel: Channel,
    act: Act,
}

/// One planted attack: what an alert about it must name, and from how many lines.
#[derive(Clone, Debug, Serialize)]
pub struct Expected {
    /// The attack.
    pub name: &'static str,
    /// The products that tell of it.
    pub product: &'static str,
    /// The entity that an alert must name.
    pub entity: String,
    /// Lines of it.
    pub lines: u64,
}

/// An attack: its act, how often, from which place to which.
struct Attack {
    name: &'static str,
    product: &'static str,
    entity: String,
    lines: u64,
    from: u64,
    to: u64,
    act: fn(u64) -> Act,
}

/// Every attack. Counts are several times any sensible threshold; the background stays clearly below.
fn attacks() -> Vec<Attack> {
    let attack = |name, product, entity: &dyn ToString, lines, from, to, act| Attack {
        name,
        product,
        entity: entity.to_string(),
        lines,
        from,
        to,
        act,
    };
    vec![
        attack("port_scan", "cisco_asa", &PORT_SCANNER, 60, 100_000, 350_000, Act::PortProbe),
        attack("web_scan", "nginx", &WEB_SCANNER, 150, 150_000, 550_000, Act::WebProbe),
        attack("ssh_brute_force", "sshd", &SSH_ATTACKER, 40, 200_000, 480_000, |_| Act::SshFailed),
        attack("ids_alert", "suricata", &SSH_ATTACKER, 3, 300_000, 400_000, |_| Act::SevereAlert),
        attack("ssh_success", "sshd", &SSH_ATTACKER, 1, 500_000, 500_001, |_| Act::SshAccepted),
        attack("sudo_failures", "sudo", &GUESSED_USER, 8, 520_000, 580_000, |_| Act::SudoWrongPassword),
        attack("deny_burst", "cisco_asa", &SWEEPER, 150, 400_000, 600_000, Act::Sweep),
        attack("gateway_block_burst", "iptables", &KNOCKER, 150, 450_000, 650_000, |_| Act::Knock),
        attack("indicator_domain_proxy", "squid", &INDICATOR_DOMAIN, 3, 600_000, 660_000, |_| Act::ProxyContact),
        attack("indicator_domain_dns", "suricata", &INDICATOR_DOMAIN, 3, 590_000, 650_000, |_| Act::DnsContact),
        attack("indicator_ip", "fortigate", &INDICATOR_IP, 3, 600_000, 680_000, |_| Act::FirewallContact),
        attack("user_created", "windows", &NEW_ADMIN, 1, 700_000, 700_001, |_| Act::UserCreated),
        attack("new_local_admin", "windows", &NEW_ADMIN, 1, 720_000, 720_001, |_| Act::AdminAdded),
        attack("large_upload", "fortigate", &VICTIM, 6, 750_000, 880_000, |_| Act::Upload),
    ]
}

/// What the alerts must tell, for a test of the demo and for its summary.
#[must_use]
pub fn expected() -> Vec<Expected> {
    attacks()
        .into_iter()
        .map(|attack| Expected {
            name: attack.name,
            product: attack.product,
            entity: attack.entity,
            lines: attack.lines,
        })
        .collect()
}

/// The run of a seed in order of time: the attacks, and ordinary lines up to `lines` in all.
#[must_use]
pub fn plays(seed: u64, lines: u64) -> Vec<Play> {
    let mut rng = Rng::new(seed, 0xDE30, 0);
    let mut plays = Vec::with_capacity(usize::try_from(lines).unwrap_or(0));
    for attack in attacks() {
        for number in 0..attack.lines {
            let at = attack.from + (attack.to - attack.from) * number / attack.lines;
            let act = (attack.act)(number);
            plays.push(Play { at, channel: channel(act), act });
        }
    }
    let ordinary = lines.saturating_sub(plays.len() as u64);
    for number in 0..ordinary {
        let act = Act::Ordinary(ordinary_format(&mut rng));
        plays.push(Play { at: number * SPAN / ordinary, channel: channel(act), act });
    }
    plays.sort_by_key(|play| play.at);
    plays
}

/// A format of the background: those of the mix that come from the network or from the one file.
fn ordinary_format(rng: &mut Rng) -> Format {
    loop {
        let format = Format::of_draw(rng.below(1_000));
        if !matches!(format, Format::Auditd | Format::Bind) {
            return format;
        }
    }
}

fn channel(act: Act) -> Channel {
    match act {
        Act::Ordinary(Format::Fortigate) | Act::FirewallContact | Act::Upload => Channel::TcpCounted,
        Act::Ordinary(Format::Winlogbeat | Format::Sysmon | Format::Nxlog | Format::Eve | Format::Json)
        | Act::DnsContact
        | Act::UserCreated
        | Act::AdminAdded
        | Act::SevereAlert => Channel::TcpLines,
        Act::Ordinary(Format::Squid | Format::Nginx) | Act::WebProbe(_) | Act::ProxyContact => Channel::File,
        _ => Channel::Udp,
    }
}

/// Writes the lines of a run; the same seed and times give the same bytes.
#[derive(Debug)]
pub struct Script {
    seed: u64,
    zipf: Zipf,
}

impl Script {
    /// A script of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Script { seed, zipf: Zipf::new() }
    }

    /// Writes line `number` of the run, `play`, with the event time `ns`, without a newline.
    pub fn write(&self, out: &mut Vec<u8>, number: u64, play: &Play, ns: u64) {
        let mut scene = Scene::new(Rng::new(self.seed, 0xDE31, number), &self.zipf, ns, false);
        scene.serial = number;
        act(out, &mut scene, play.act);
    }
}

/// The host that is broken into.
const TARGET_HOST: Server = Server(1);

fn act(out: &mut Vec<u8>, scene: &mut Scene<'_>, act: Act) {
    match act {
        Act::Ordinary(format) => format.write(out, scene),
        Act::SshFailed => linux::ssh_password(out, scene, TARGET_HOST, GUESSED_USER, SSH_ATTACKER.into(), false),
        Act::SshAccepted => linux::ssh_password(out, scene, TARGET_HOST, GUESSED_USER, SSH_ATTACKER.into(), true),
        Act::SudoWrongPassword => linux::sudo_wrong_password(out, scene, TARGET_HOST, GUESSED_USER),
        Act::PortProbe(number) => {
            let port = (20 + number * 37).to_string();
            asa::deny(out, scene, PORT_SCANNER.into(), SCANNED.into(), &port);
        }
        Act::Sweep(number) => {
            let to = IpAddr::from([192, 0, 2, (1 + number) as u8]);
            asa::deny(out, scene, SWEEPER.into(), to, "445");
        }
        Act::Knock => linux::blocked(out, scene, KNOCKER.into()),
        Act::WebProbe(number) => {
            const NAMES: [&str; 6] = ["admin", "backup", "config", "old", "test", "setup"];
            let target = format!("/{}/{number}.php", NAMES[(number % 6) as usize]);
            web::request(out, scene, WEB_SCANNER.into(), &target, "404", "webscan/1.0");
        }
        Act::ProxyContact => web::contact(out, scene, VICTIM.into(), &format!("cdn.{INDICATOR_DOMAIN}")),
        Act::DnsContact => suricata::dns_from(out, scene, VICTIM.into(), &INDICATOR_DOMAIN),
        Act::FirewallContact => {
            fortigate::session(out, scene, VICTIM.into(), INDICATOR_IP.into(), 4_210, 18_022, false);
        }
        Act::UserCreated => windows::user_created(out, scene, NEW_ADMIN, User(0)),
        Act::AdminAdded => {
            windows::member_added(out, scene, &NEW_ADMIN, 290_117, User(0), "Administrators", "S-1-5-32-544");
        }
        Act::Upload => {
            let sent = 800_000_000 + scene.rng.below(400_000_000);
            fortigate::session(out, scene, VICTIM.into(), DROP_SITE.into(), sent, 2_000_000, false);
        }
        Act::SevereAlert => {
            suricata::alert(out, scene, SSH_ATTACKER.into(), 2_900_900, "MALWARE Beacon to known controller", 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    const BASE: u64 = 1_795_255_200_000_000_000;

    fn lines(seed: u64) -> Vec<(Channel, String)> {
        let script = Script::new(seed);
        let mut all = Vec::new();
        for (number, play) in plays(seed, LINES).iter().enumerate() {
            let mut out = Vec::new();
            script.write(&mut out, number as u64, play, BASE + play.at * 8_000);
            all.push((play.channel, String::from_utf8(out).unwrap()));
        }
        all
    }

    #[test]
    fn same_seed_same_lines_and_the_count_asked_for() {
        let first = lines(1);
        assert_eq!(first.len() as u64, LINES);
        assert_eq!(first, lines(1));
        assert_ne!(first, lines(2));
    }

    #[test]
    fn every_attack_is_there_as_often_as_expected() {
        let all = lines(1);
        let count =
            |part: &[&str]| all.iter().filter(|(_, line)| part.iter().all(|part| line.contains(part))).count() as u64;
        let of: HashMap<&str, u64> = expected().into_iter().map(|expected| (expected.name, expected.lines)).collect();
        for (name, parts) in [
            ("port_scan", vec!["%ASA-4-106023", "outside:203.0.113.77/"]),
            ("web_scan", vec!["203.0.113.99 - ", "\" 404 "]),
            ("ssh_brute_force", vec!["Failed password for oracle from 203.0.113.50 "]),
            ("ssh_success", vec!["Accepted password for oracle from 203.0.113.50 "]),
            ("sudo_failures", vec!["oracle : 3 incorrect password attempts"]),
            ("deny_burst", vec!["%ASA-4-106023", "outside:198.51.100.24/"]),
            ("gateway_block_burst", vec!["[UFW BLOCK]", "SRC=198.51.100.23 "]),
            ("indicator_domain_proxy", vec!["CONNECT cdn.quartz-login.test:443"]),
            ("indicator_domain_dns", vec!["\"rrname\":\"quartz-login.test\""]),
            ("indicator_ip", vec!["dstip=198.51.100.66 "]),
            ("user_created", vec!["\"event_id\":\"4720\""]),
            ("new_local_admin", vec!["\"event_id\":\"4732\"", "S-1-5-32-544"]),
            ("large_upload", vec!["srcip=10.20.30.40 ", "dstip=203.0.113.200 "]),
            ("ids_alert", vec!["\"event_type\":\"alert\"", "\"severity\":1}"]),
        ] {
            assert_eq!(count(&parts), of[name], "{name}");
        }
        for value in [INDICATOR_DOMAIN.to_owned(), INDICATOR_IP.to_string()] {
            assert!(
                crate::demo::INDICATORS_CSV.contains(&format!(",{value},")),
                "{value} is not in the indicator file"
            );
        }
    }

    #[test]
    fn background_stays_below_thresholds() {
        let attackers = [SSH_ATTACKER, PORT_SCANNER, WEB_SCANNER, SWEEPER, KNOCKER].map(|address| address.to_string());
        let mut failures: HashMap<String, u32> = HashMap::new();
        let mut denies: HashMap<String, u32> = HashMap::new();
        let mut missing: HashMap<String, HashSet<String>> = HashMap::new();
        let between = |line: &str, from: &str, to: char| {
            line.split_once(from).and_then(|(_, rest)| rest.split(to).next().map(str::to_owned))
        };
        for (_, line) in lines(1) {
            if attackers.iter().any(|attacker| line.contains(attacker)) {
                continue;
            }
            if line.contains("Failed password") {
                *failures.entry(between(&line, " from ", ' ').unwrap()).or_default() += 1;
            } else if line.contains("\"event_id\":\"4625\"") {
                *failures.entry(between(&line, "\"IpAddress\":\"", '"').unwrap()).or_default() += 1;
            } else if line.contains("106023") {
                *denies.entry(between(&line, "outside:", '/').unwrap()).or_default() += 1;
            } else if line.contains("UFW BLOCK") {
                *denies.entry(between(&line, "SRC=", ' ').unwrap()).or_default() += 1;
            } else if line.contains("action=\"deny\"") {
                *denies.entry(between(&line, "srcip=", ' ').unwrap()).or_default() += 1;
            } else if line.contains("\" 404 ") {
                missing.entry(between(&line, "", ' ').unwrap()).or_default().insert(line);
            } else if let Some(sent) = between(&line, "sentbyte=", ' ') {
                assert!(sent.parse::<u64>().unwrap() < 5_000_000 || line.contains("dstip=203.0.113.200 "), "{line}");
            }
        }
        assert!(failures.values().all(|&count| count < 3), "{failures:?}");
        assert!(denies.values().all(|&count| count < 5), "{denies:?}");
        assert!(missing.values().all(|paths| paths.len() < 5), "{missing:?}");
    }
}
