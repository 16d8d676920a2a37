//! Logs of package managers: `dpkg.log`, yum's `yum.log`, dnf's `dnf.rpm.log`, zypper's `history`, `pacman.log`, and
//! the list `apt list --upgradable`.

use super::names::vendor_names;
use crate::decode::Context;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::products::{Detect, Product};
use crate::time::{self, Civil, Stamp, take_clock, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `package_log`.
pub(crate) static PRODUCT: Product = Product {
    name: "package_log",
    title: "Logs of dpkg, yum, dnf, zypper and pacman",
    document: "dpkg(1), yum(8), dnf(8), zypper(8), pacman(8): log files",
    namespace: "package_log",
    module: "package_log",
    dataset: "package_log.log",
    names: NAMES,
    detect: &[
        Detect::Line("0123456789", decode),
        Detect::Line("JFMASOND", decode_yum),
        Detect::Line("[", decode_pacman),
        Detect::App(&["yum", "dnf", "dnf-3", "dpkg"], decode_syslog),
        Detect::Mark(&["[upgradable from: "], decode_upgradable),
    ],
    ..Product::NONE
};

vendor_names! {
    action = "action";
    state = "state";
    previous_version = "previous_version";
    repository = "repository";
    user = "user";
    decision = "decision";
}

/// A verb of a package manager: what it means, and the event's type.
type Verb = (&'static str, &'static str, &'static str);

/// Sorted by verb, in lower case.
static VERBS: &[Verb] = &[
    ("cleanup", "package-removed", "deletion"),
    ("conffile", "package-configuration-decided", "change"),
    ("configure", "package-configured", "change"),
    ("dep-installed", "package-installed", "installation"),
    ("downgrade", "package-downgraded", "change"),
    ("downgraded", "package-downgraded", "change"),
    ("erase", "package-removed", "deletion"),
    ("erased", "package-removed", "deletion"),
    ("install", "package-installed", "installation"),
    ("installed", "package-installed", "installation"),
    ("obsoleted", "package-removed", "deletion"),
    ("obsoleting", "package-installed", "installation"),
    ("patch", "package-updated", "change"),
    ("purge", "package-purged", "deletion"),
    ("reinstall", "package-reinstalled", "installation"),
    ("reinstalled", "package-reinstalled", "installation"),
    ("remove", "package-removed", "deletion"),
    ("removed", "package-removed", "deletion"),
    ("startup", "package-manager-started", "start"),
    ("status", "package-state-changed", "info"),
    ("trigproc", "package-triggers-processed", "change"),
    ("update", "package-updated", "change"),
    ("updated", "package-updated", "change"),
    ("upgrade", "package-updated", "change"),
    ("upgraded", "package-updated", "change"),
];

fn verb(text: &[u8]) -> Option<&'static Verb> {
    /// The longest of [`VERBS`].
    const VERB_BYTES_MAX: usize = 16;
    let mut folded = [0; VERB_BYTES_MAX];
    let folded = folded.get_mut(..text.len())?;
    folded.copy_from_slice(text);
    folded.make_ascii_lowercase();
    VERBS.binary_search_by(|(verb, ..)| verb.as_bytes().cmp(folded)).ok().map(|at| &VERBS[at])
}

fn begin(writer: &mut EventWriter<'_>, verb: &'static Verb, kind: &'static str) {
    let core = writer.core();
    core.product = products::PACKAGE_LOG;
    core.log_source = logsource::PACKAGE_LOG;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "package");
    writer.put_str(ecs::EVENT_ACTION, verb.1);
    writer.put_str(ecs::EVENT_TYPE, verb.2);
    writer.put_str(ecs::PACKAGE_TYPE, kind);
}

/// dpkg, dnf and zypper: all begin with an ISO stamp.
fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let known = match rest {
        [b'|', rest @ ..] => zypper(writer, rest),
        [b' ', rest @ ..] => dpkg(writer, rest) || dnf(writer, rest),
        _ => false,
    };
    if known {
        context.set_stamp(writer, &stamp);
    }
    known
}

/// `action package[:arch] old-version new-version`; of `status` the state stands before the package.
fn dpkg<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let (action, rest) = word(text);
    let known = matches!(
        action,
        b"status"
            | b"install"
            | b"upgrade"
            | b"configure"
            | b"trigproc"
            | b"remove"
            | b"purge"
            | b"startup"
            | b"conffile"
    );
    let Some(verb) = verb(action).filter(|_| known) else { return false };
    let (first, rest) = word(rest);
    if first.is_empty() {
        return false;
    }
    begin(writer, verb, "deb");
    writer.put_vendor(ids().action, action);
    match action {
        b"startup" => writer.put(ecs::MESSAGE, text),
        b"conffile" => {
            writer.put(ecs::FILE_PATH, first);
            writer.put_vendor(ids().decision, word(rest).0);
        }
        b"status" => {
            writer.put_vendor(ids().state, first);
            let (package, rest) = word(rest);
            put_debian(writer, package);
            put_versions(writer, b"", word(rest).0);
        }
        b"install" | b"upgrade" => {
            put_debian(writer, first);
            let (old, rest) = word(rest);
            put_versions(writer, old, word(rest).0);
        }
        _ => {
            put_debian(writer, first);
            put_versions(writer, b"", word(rest).0);
        }
    }
    true
}

fn put_debian<'a>(writer: &mut EventWriter<'a>, package: &'a [u8]) {
    let colon = memchr::memchr(b':', package).unwrap_or(package.len());
    writer.put(ecs::PACKAGE_NAME, &package[..colon]);
    if let Some(architecture) = package.get(colon + 1..).filter(|text| !text.is_empty()) {
        writer.put(ecs::PACKAGE_ARCHITECTURE, architecture);
    }
}

fn put_versions<'a>(writer: &mut EventWriter<'a>, old: &'a [u8], new: &'a [u8]) {
    if !matches!(old, b"" | b"<none>") {
        writer.put_vendor(ids().previous_version, old);
    }
    if !matches!(new, b"" | b"<none>") {
        writer.put(ecs::PACKAGE_VERSION, new);
    }
}

/// `LEVEL Verb: name-version-release.arch` (also `Verb name…`).
fn dnf<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let (level, rest) = word(text);
    matches!(level, b"SUBDEBUG" | b"INFO" | b"DEBUG") && rpm_verb(writer, rest)
}

/// `Verb: [epoch:]name-version-release.arch`
fn rpm_verb<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let (action, rest) = word(text);
    let Some(action) = action.strip_suffix(b":") else { return false };
    let Some(verb) = verb(action) else { return false };
    let (package, _) = word(rest);
    if package.is_empty() {
        return false;
    }
    begin(writer, verb, "rpm");
    writer.put_vendor(ids().action, action);
    put_rpm(writer, package);
    true
}

/// A name, epoch, version, release and architecture as one word (rpm-packages, "NEVRA"): release and version stand
/// behind the last two hyphens, the architecture behind the last dot.
fn put_rpm<'a>(writer: &mut EventWriter<'a>, package: &'a [u8]) {
    let dot = memchr::memrchr(b'.', package).filter(|&dot| !package[dot..].contains(&b'-'));
    let (whole, architecture) = dot.map_or((package, &b""[..]), |dot| (&package[..dot], &package[dot + 1..]));
    let release = memchr::memrchr(b'-', whole);
    let version = release.and_then(|release| memchr::memrchr(b'-', &whole[..release]));
    match version {
        Some(at) => {
            // yum writes the epoch before the name, dnf before the version.
            let name = &whole[..at];
            let epoch = memchr::memchr(b':', name).filter(|&colon| name[..colon].iter().all(u8::is_ascii_digit));
            writer.put(ecs::PACKAGE_NAME, epoch.map_or(name, |colon| &name[colon + 1..]));
            writer.put(ecs::PACKAGE_VERSION, &whole[at + 1..]);
        }
        None => writer.put(ecs::PACKAGE_NAME, whole),
    }
    if !architecture.is_empty() {
        writer.put(ecs::PACKAGE_ARCHITECTURE, architecture);
    }
}

/// `action|name|version|arch|user|repository|…`
fn zypper<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let mut columns = text.split(|&byte| byte == b'|').map(<[u8]>::trim_ascii);
    let (Some(action), Some(name), Some(version)) = (columns.next(), columns.next(), columns.next()) else {
        return false;
    };
    let Some(verb) = verb(action).filter(|_| !name.is_empty()) else { return false };
    begin(writer, verb, "rpm");
    writer.put_vendor(ids().action, action);
    writer.put(ecs::PACKAGE_NAME, name);
    put_versions(writer, b"", version);
    if let Some(architecture) = columns.next().filter(|text| !text.is_empty()) {
        writer.put(ecs::PACKAGE_ARCHITECTURE, architecture);
    }
    if let Some(user) = columns.next().filter(|text| !text.is_empty()) {
        // `user@host`
        let at = memchr::memchr(b'@', user).unwrap_or(user.len());
        writer.put_vendor(ids().user, user);
        writer.put(ecs::USER_NAME, &user[..at]);
    }
    if let Some(repository) = columns.next().filter(|text| !text.is_empty()) {
        writer.put_vendor(ids().repository, repository);
    }
    true
}

/// `Mar 01 08:09:10 Installed: name-version-release.arch`
fn decode_yum<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let Some(month) = time::month(text) else { return false };
    let (day, rest) = word(text.get(3..).unwrap_or_default());
    let Some(day) = crate::number::parse_u64(day).filter(|day| (1..=31).contains(day)) else { return false };
    let Some((hour, minute, second, rest)) = take_clock(rest.trim_ascii_start()) else { return false };
    if !rpm_verb(writer, rest) {
        return false;
    }
    let mut civil = Civil { year: 2000, month, day: day as u32, hour, minute, second, nano: 0 };
    let offset = context.options.zone.offset_s(&civil);
    time::infer_year(&mut civil, offset, context.reference_ns());
    writer.defect(crate::defect::Defect::YearInferred);
    context.set_stamp(writer, &Stamp { civil, offset_s: None, precision: TimePrecision::Second });
    true
}

/// The same verbs behind a syslog header.
fn decode_syslog<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    rpm_verb(writer, header.message) || dpkg(writer, header.message)
}

/// `[2026-03-01T08:09:10+0000] [ALPM] installed name (version)`, `upgraded name (old -> new)`.
fn decode_pacman<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let Some((stamp, rest)) = text.strip_prefix(b"[").and_then(take_iso) else { return false };
    let Some(rest) = rest.strip_prefix(b"] [ALPM] ") else { return false };
    let (action, rest) = word(rest);
    let (name, rest) = word(rest);
    let Some(verb) = verb(action).filter(|_| !name.is_empty()) else { return false };
    begin(writer, verb, "pacman");
    context.set_stamp(writer, &stamp);
    writer.put_vendor(ids().action, action);
    writer.put(ecs::PACKAGE_NAME, name);
    let versions = rest.trim_ascii().strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).unwrap_or_default();
    match memchr::memmem::find(versions, b" -> ") {
        Some(at) => put_versions(writer, &versions[..at], &versions[at + 4..]),
        None => put_versions(writer, b"", versions),
    }
    true
}

/// `name/suites version arch [upgradable from: old]`
fn decode_upgradable<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    static PENDING: Verb = ("", "package-update-available", "info");
    let text = header.message.trim_ascii_end();
    let (package, rest) = word(text);
    let (version, rest) = word(rest);
    let (architecture, rest) = word(rest);
    let Some(old) = rest.trim_ascii().strip_prefix(b"[upgradable from: ").and_then(|rest| rest.strip_suffix(b"]"))
    else {
        return false;
    };
    let Some(slash) = memchr::memchr(b'/', package).filter(|&slash| slash > 0) else { return false };
    begin(writer, &PENDING, "deb");
    // A report of what is, not a record of what happened.
    writer.put(ecs::PACKAGE_NAME, &package[..slash]);
    writer.put_vendor(ids().repository, &package[slash + 1..]);
    writer.put(ecs::PACKAGE_ARCHITECTURE, architecture);
    put_versions(writer, old, version);
    let span = writer.span_of(text);
    writer.put_span(ecs::MESSAGE, span, Kind::Text, false);
    true
}

/// The next word, and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_sorted() {
        assert!(VERBS.is_sorted_by_key(|(verb, ..)| *verb));
    }
}
