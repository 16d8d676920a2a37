//! Sysmon events 1, 3, 11 and 22 as Winlogbeat JSON.

use super::put::{Guid, Hex, Piece, put};
use super::scene::Scene;

/// Programs of the background, JSON-escaped: image, command line, parent.
const PROGRAMS: [(&str, &str, &str); 5] = [
    (
        r"C:\\Windows\\System32\\conhost.exe",
        r"\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1",
        r"C:\\Windows\\System32\\cmd.exe",
    ),
    (
        r"C:\\Program Files\\Browser\\browser.exe",
        r#"\"C:\\Program Files\\Browser\\browser.exe\" --type=renderer"#,
        r"C:\\Program Files\\Browser\\browser.exe",
    ),
    (
        r"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
        r"powershell.exe -NoProfile -ExecutionPolicy AllSigned -File C:\\Scripts\\backup.ps1",
        r"C:\\Windows\\System32\\services.exe",
    ),
    (
        r"C:\\Windows\\System32\\rundll32.exe",
        r"rundll32.exe printui.dll,PrintUIEntry /ga /n\\\\print01\\a4",
        r"C:\\Windows\\explorer.exe",
    ),
    (
        r"C:\\Program Files\\Office\\sheet.exe",
        r#"\"C:\\Program Files\\Office\\sheet.exe\" C:\\Users\\Public\\plan.xlsx"#,
        r"C:\\Windows\\explorer.exe",
    ),
];

/// The three hashes Sysmon prints for an image (`HashAlgorithms md5,sha1,sha256`).
#[derive(Clone, Debug)]
pub(crate) struct Hashes {
    pub(crate) md5: String,
    pub(crate) sha1: String,
    pub(crate) sha256: String,
}

/// `width` hexadecimal digits, as many 16-digit words as it takes.
pub(crate) fn hex_text(rng: &mut super::rng::Rng, width: usize) -> String {
    let mut out = Vec::with_capacity(width + 16);
    while out.len() < width {
        Hex(rng.draw(), 16).put(&mut out);
    }
    out.truncate(width);
    String::from_utf8(out).unwrap_or_default()
}

impl Hashes {
    pub(crate) fn draw(scene: &mut Scene<'_>) -> Self {
        let rng = &mut scene.rng;
        Hashes { md5: hex_text(rng, 32), sha1: hex_text(rng, 40), sha256: hex_text(rng, 64) }
    }
}

pub(crate) fn write(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    match scene.rng.below(100) {
        0..40 => {
            let (image, command, parent) = PROGRAMS[scene.rng.below(PROGRAMS.len() as u64) as usize];
            let hashes = Hashes::draw(scene);
            process(out, scene, image, command, parent, &hashes);
        }
        40..65 => connection(out, scene),
        65..80 => file(out, scene),
        _ => {
            let domain = scene.domain();
            dns(out, scene, &domain);
        }
    }
}

fn open(out: &mut Vec<u8>, scene: &mut Scene<'_>, id: u64, task: &str, image: &str) {
    let (host, user) = (scene.workstation(), scene.user());
    let (one, two) = (scene.rng.draw(), scene.rng.draw());
    put!(out; "{\"@timestamp\":\"", scene.stamp.iso_ms(), "\",\"agent\":{\"type\":\"winlogbeat\",\"version\":\"8.19.2\"},\"event\":{\"action\":\"", task, "\",\"code\":\"", id,
        "\",\"kind\":\"event\",\"provider\":\"Microsoft-Windows-Sysmon\"},\"host\":{\"name\":\"", host, "\"},\"log\":{\"level\":\"information\"},\"winlog\":{\"api\":\"wineventlog\",\"channel\":\"Microsoft-Windows-Sysmon/Operational\",\"computer_name\":\"", host,
        ".corp.example.com\",\"event_id\":\"", id, "\",\"opcode\":\"Info\",\"provider_guid\":\"{5770385f-c22a-43e0-bf4c-06f5698ffbd9}\",\"provider_name\":\"Microsoft-Windows-Sysmon\",\"record_id\":",
        4_000_000 + scene.serial, ",\"task\":\"", task, "\",\"event_data\":{\"Image\":\"", image, "\",\"ProcessGuid\":\"{", Guid(one, two), "}\",\"ProcessId\":\"", one % 30_000,
        "\",\"User\":\"CORP\\\\", user, "\",\"UtcTime\":\"", scene.stamp.date(), " ", scene.stamp.time(), ".", scene.stamp.ms(), "\"");
}

/// Event 1: a process was created.
pub(crate) fn process(
    out: &mut Vec<u8>,
    scene: &mut Scene<'_>,
    image: &str,
    command: &str,
    parent: &str,
    hashes: &Hashes,
) {
    open(out, scene, 1, "Process Create (rule: ProcessCreate)", image);
    let (md5, sha1, sha256) = (hashes.md5.as_str(), hashes.sha1.as_str(), hashes.sha256.as_str());
    put!(out; ",\"CommandLine\":\"", command, "\",\"CurrentDirectory\":\"C:\\\\Windows\\\\system32\\\\\",\"Hashes\":\"MD5=", md5, ",SHA1=", sha1, ",SHA256=", sha256,
        "\",\"IntegrityLevel\":\"Medium\",\"ParentImage\":\"", parent, "\",\"ParentProcessId\":\"", scene.rng.below(30_000), "\"}}}");
}

fn connection(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (inside, outside, port) = (scene.inside(), scene.outside(), scene.port());
    open(out, scene, 3, "Network connection detected (rule: NetworkConnect)", PROGRAMS[1].0);
    put!(out; ",\"DestinationIp\":\"", outside, "\",\"DestinationIsIpv6\":\"", if outside.is_ipv6() { "true" } else { "false" },
        "\",\"DestinationPort\":\"443\",\"Initiated\":\"true\",\"Protocol\":\"tcp\",\"SourceIp\":\"", inside, "\",\"SourceIsIpv6\":\"false\",\"SourcePort\":\"", port, "\"}}}");
}

fn file(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, name) = (scene.user(), scene.rng.draw());
    open(out, scene, 11, "File created (rule: FileCreate)", PROGRAMS[4].0);
    put!(out; ",\"CreationUtcTime\":\"", scene.stamp.date(), " ", scene.stamp.time(), ".", scene.stamp.ms(), "\",\"TargetFilename\":\"C:\\\\Users\\\\", user,
        "\\\\AppData\\\\Local\\\\Temp\\\\~", Hex(name, 8), ".tmp\"}}}");
}

/// Event 22: a DNS query.
pub(crate) fn dns(out: &mut Vec<u8>, scene: &mut Scene<'_>, name: &dyn Piece) {
    let answer = scene.outside_v4();
    open(out, scene, 22, "Dns query (rule: DnsQuery)", PROGRAMS[1].0);
    put!(out; ",\"QueryName\":\"");
    name.put(out);
    put!(out; "\",\"QueryResults\":\"::ffff:", answer, ";\",\"QueryStatus\":\"0\"}}}");
}
