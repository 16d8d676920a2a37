//! Which decoder a record is for.
//!
//! A record is judged by marks that its vendor documents (`%ASA-`, `CEF:`,
//! `type=… msg=audit(`), cheapest first, never by its values. The marks of the commonest
//! products are looked for here, by code; those of all others come from their declarations
//! (`Detect`), gathered into tables once. The readers of the format that a source declares are
//! asked first; a record that is not of it is judged like any other, with [`Defect::FormatMismatch`].

use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt as _};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Mark};
use crate::logsource::ProductId;
use crate::products::names::id_of;
use crate::products::{
    self, Detect, PRODUCTS, ReadMembers, ReadText, access_log, auditd, cisco_asa, delimited, fortigate,
    generic as generic_names, linux_auth, netfilter, panos, squid, suricata, windows,
};
use crate::wire::json::dialect::Dialect;
use crate::wire::json::{Member, Selector};
use crate::wire::syslog::Header;
use crate::wire::{cef, json, syslog};
use crate::{ecs, logsource};

/// How far into a message the mark of a product is looked for. The longest documented
/// prefix before a mark is an ASA device id and time stamp, under 100 bytes.
const MARK_WITHIN_BYTES: usize = 160;

/// Readers by the first byte of what they read.
type ByFirstByte = Vec<Vec<ReadText>>;

/// The marks that products declare, by kind.
struct Marks {
    lines: ByFirstByte,
    members: Vec<(Vec<FieldId>, ReadMembers)>,
    apps: HashMap<&'static [u8], Vec<ReadText>>,
    mark_heads: Heads,
    marks: AhoCorasick,
    mark_readers: Vec<ReadText>,
    shapes: ByFirstByte,
}

impl Marks {
    fn get() -> &'static Marks {
        static MARKS: LazyLock<Marks> = LazyLock::new(Marks::gather);
        &MARKS
    }

    fn gather() -> Marks {
        let (mut lines, mut shapes) = (vec![Vec::new(); 256], vec![Vec::new(); 256]);
        let mut members = Vec::new();
        let mut apps: HashMap<_, Vec<_>> = HashMap::new();
        let (mut marks, mut mark_readers) = (Vec::new(), Vec::new());
        let add = |readers: &mut ByFirstByte, first: &str, read| {
            first.bytes().for_each(|byte| readers[usize::from(byte)].push(read));
        };
        for detect in PRODUCTS.iter().flat_map(|product| product.detect) {
            match *detect {
                Detect::Line(first, read) => add(&mut lines, first, read),
                Detect::Shape(first, read) => add(&mut shapes, first, read),
                Detect::Members(names, read) => members.push((names.iter().map(|name| id_of(name)).collect(), read)),
                Detect::App(names, read) => {
                    names.iter().for_each(|name| apps.entry(name.as_bytes()).or_default().push(read));
                }
                Detect::Mark(texts, read) => {
                    marks.extend_from_slice(texts);
                    mark_readers.resize(marks.len(), read);
                }
            }
        }
        let mark_heads = Heads::of(&marks);
        // A table step a byte: the automaton that the library would choose for so many takes several.
        let marks = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(marks);
        let marks = marks.expect("a few hundred short texts fit an automaton");
        Marks { lines, members, apps, mark_heads, marks, mark_readers, shapes }
    }

    fn line<'a>(&self, writer: &mut EventWriter<'a>, context: &Context<'_>, record: &'a [u8]) -> bool {
        let header = Header { message: record, ..Header::default() };
        self.lines[usize::from(record[0])].iter().any(|read| read(writer, context, &header))
    }

    fn members(&self, writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
        self.members.iter().any(|(ids, read)| ids.iter().all(|&id| writer.view().has(id)) && read(writer, context))
    }

    fn message<'a>(&self, writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
        let by_app = self
            .apps
            .get(header.appname)
            .is_some_and(|readers| readers.iter().any(|read| read(writer, context, header)));
        if by_app {
            return true;
        }
        let text = header.message;
        let head = &text[..text.len().min(DECLARED_MARK_WITHIN_BYTES)];
        if self.mark_heads.may_be_in(head) && self.marked(writer, context, header, head) {
            return true;
        }
        let first = text.first().copied().unwrap_or_default();
        self.shapes[usize::from(first)].iter().any(|read| read(writer, context, header))
    }

    /// The readers of the marks within `head`.
    fn marked<'a>(
        &self,
        writer: &mut EventWriter<'a>,
        context: &Context<'_>,
        header: &Header<'a>,
        head: &[u8],
    ) -> bool {
        // A mark may stand within another's text: each that ends somewhere is asked once.
        let mut asked = None;
        for found in self.marks.find_overlapping_iter(head) {
            let reader = found.pattern().as_usize();
            if asked == Some(reader) {
                continue;
            }
            asked = Some(reader);
            if self.mark_readers[reader](writer, context, header) {
                return true;
            }
        }
        false
    }
}

/// Tells most texts that hold no mark by the first three bytes of each: loads that wait for none another, where a step
/// of the automaton waits for the one before.
struct Heads([[u8; 256]; 3]);

impl Heads {
    /// Marks of three bytes or more, in eight buckets.
    fn of(marks: &[&str]) -> Heads {
        let mut tables = [[0; 256]; 3];
        for mark in marks {
            let head = mark.as_bytes();
            let bucket = 1 << (head[0].wrapping_mul(31).wrapping_add(head[1]) % 8);
            tables.iter_mut().zip(head).for_each(|(table, &byte)| table[usize::from(byte)] |= bucket);
        }
        Heads(tables)
    }

    /// Whether a mark may stand in `text`; `false` is certain.
    fn may_be_in(&self, text: &[u8]) -> bool {
        let [first, second, third] = &self.0;
        let mut found = 0;
        for head in text.windows(3) {
            found |= first[usize::from(head[0])] & second[usize::from(head[1])] & third[usize::from(head[2])];
        }
        found != 0
    }
}

/// How far into a message a declared mark is looked for: behind a device's own header of name, time and
/// sequence, and the first few pairs of a key=value record.
const DECLARED_MARK_WITHIN_BYTES: usize = 320;

pub(crate) fn decode(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let record = writer.record();
    if record.is_empty() {
        writer.defect(Defect::Empty);
        return;
    }
    if names_none(context) {
        return of_no_product(writer, context);
    }
    let declared = context.options.format.map_or(&[][..], |product| product.get().detect);
    // Formats without a syslog header first: their first byte tells.
    let by_columns = context.options.format.is_some_and(|format| delimited::of_source(writer, context, format));
    let bare = match record[0] {
        _ if by_columns => true,
        _ if declared_line(writer, context, record, declared) => true,
        b'{' => json_record(writer, context, record),
        b'<' if record.get(1).is_some_and(u8::is_ascii_digit) => false,
        _ => headerless(writer, context, record),
    };
    if !bare {
        let header = syslog::decode(writer, context);
        if declared_message(writer, context, &header, declared) {
            syslog::put_level(writer);
        } else {
            message(writer, context, &header);
        }
    }
    if let Some(wanted) = context.options.format {
        if writer.core().product != wanted {
            writer.defect(Defect::FormatMismatch);
        }
    }
}

/// Whether the source declares that its records are of no known product: `format = "unknown"`.
fn names_none(context: &Context<'_>) -> bool {
    context.options.format == Some(products::UNKNOWN)
}

/// Reads a record by no product's rules: what stands in it under its own names, and what heuristics find.
fn of_no_product(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let record = writer.record();
    if record[0] != b'{' || !json_record(writer, context, record) {
        let header = syslog::decode(writer, context);
        generic(writer, context, &header);
        syslog::put_level(writer);
    }
}

/// The readers of whole lines of the product that the source declares, where the record begins as theirs do.
fn declared_line<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    record: &'a [u8],
    declared: &[Detect],
) -> bool {
    let header = Header { message: record, ..Header::default() };
    declared.iter().any(|detect| match detect {
        Detect::Line(first, read) => first.as_bytes().contains(&record[0]) && read(writer, context, &header),
        _ => false,
    })
}

/// The readers of messages of the product that the source declares, whatever marks the message bears.
fn declared_message<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    header: &Header<'a>,
    declared: &[Detect],
) -> bool {
    declared.iter().any(|detect| match detect {
        Detect::App(_, read) | Detect::Mark(_, read) | Detect::Shape(_, read) => read(writer, context, header),
        Detect::Line(..) | Detect::Members(..) => false,
    })
}

/// Access logs and audit records as their daemons write them to a file.
fn headerless<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, record: &'a [u8]) -> bool {
    let header = Header { message: record, ..Header::default() };
    match record[0] {
        b't' | b'n' if record.starts_with(b"type=") || record.starts_with(b"node=") => {
            auditd::decode(writer, context, &header)
        }
        b'd' if record.starts_with(b"date=") => fortigate::decode(writer, context, &header),
        b'C' if record.starts_with(b"CEF:") => cef::decode(writer, context, &header),
        // The commonest two before the declared ones, which would each look at them.
        byte if byte.is_ascii_digit() && squid::decode(writer, context, &header) => true,
        _ => access_log::decode(writer, context, &header) || Marks::get().line(writer, context, record),
    }
}

fn message<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) {
    if !by_mark(writer, context, header) {
        generic(writer, context, header);
    }
    // A product's own level says more than the priority that a relay may have set.
    syslog::put_level(writer);
}

fn by_mark<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    match header.appname {
        b"sshd" | b"sshd-session" | b"sshd-auth" | b"sudo" | b"su" | b"login" | b"useradd" | b"usermod"
        | b"userdel" | b"groupadd" | b"groupdel" | b"passwd" | b"systemd-logind" | b"CRON" | b"cron" | b"crond"
        | b"polkitd" | b"gdm-password]" | b"chpasswd" | b"chage" | b"gpasswd" | b"groupmod" | b"crontab" => {
            if linux_auth::decode(writer, context, header) {
                return true;
            }
        }
        b"kernel" => {
            if netfilter::decode(writer, context, header) {
                return true;
            }
        }
        b"auditd" | b"audit" | b"audispd" => {
            if auditd::decode(writer, context, header) {
                return true;
            }
        }
        _ => {}
    }
    let known = match text.first() {
        Some(b'{') => json_record(writer, context, text),
        Some(b'@') => {
            text.strip_prefix(b"@cee:").is_some_and(|object| json_record(writer, context, object.trim_ascii_start()))
        }
        Some(b'C') => text.starts_with(b"CEF:") && cef::decode(writer, context, header),
        // PAN-OS begins with a reserved column of one digit.
        Some(b'0'..=b'9') => text.get(1) == Some(&b',') && panos::decode(writer, context, header),
        Some(b'p' | b'P') => {
            (text.starts_with(b"pam_") || text.starts_with(b"PAM ")) && linux_auth::decode(writer, context, header)
        }
        _ => false,
    };
    if known || by_inner_mark(writer, context, header) || Marks::get().message(writer, context, header) {
        return true;
    }
    // Every access log format quotes the request.
    header.present && memchr::memchr(b'"', text).is_some() && access_log::decode(writer, context, header)
}

/// Marks that stand within the message: all hold a `%` or a `=`, so one pass finds them.
fn by_inner_mark<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let head = &text[..text.len().min(MARK_WITHIN_BYTES)];
    // Asked again it would read the same text and say the same.
    let mut not_netfilter = false;
    for at in memchr::memchr2_iter(b'=', b'%', head) {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let known = if text[at] == b'%' {
            (after.starts_with(b"ASA-") || after.starts_with(b"FTD-")) && cisco_asa::decode(writer, context, header)
        } else if before.ends_with(b"IN") && !not_netfilter {
            not_netfilter = true;
            netfilter::decode(writer, context, header)
        } else if before.ends_with(b"type") || after.starts_with(b"audit(") {
            memmem::find(head, b"audit(").is_some() && auditd::decode(writer, context, header)
        } else {
            (before.ends_with(b"devname") || before.ends_with(b"logid") || before == b"date")
                && fortigate::decode(writer, context, header)
        };
        if known {
            return true;
        }
    }
    false
}

/// A JSON object: its members as fields, then the product they show, be it within another's envelope.
fn json_record<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, object: &'a [u8]) -> bool {
    writer.begin_document();
    let before = writer.mark();
    let Some(mut known) = json_product(writer, context, object) else { return false };
    if !known && !names_none(context) && json::unwrap::has_wrapped(object) {
        writer.rewind(&before);
        known = json::unwrap::unwrap(writer, context, object, json_product);
        if !known {
            writer.rewind(&before);
            json::decode(writer, context, object);
        }
    }
    known = known || !names_none(context) && wrapped_text(writer, context, object, &before);
    if !known {
        generic_names::normalise(writer, context);
        writer.core().product = products::JSON;
    }
    true
}

/// A line of text that a shipper put in its envelope's `message`. One with escapes is left as it is: spans
/// point into the record.
fn wrapped_text<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, object: &'a [u8], before: &Mark) -> bool {
    static MESSAGE: LazyLock<Selector> =
        LazyLock::new(|| Selector::new(&["message", "log", "event.original"]).expect("three short paths"));
    let picked = MESSAGE.pick(object);
    let plain = |member: &Member<'a>| member.kind == Kind::Text && !member.escaped && !member.raw.is_empty();
    let Some(member) = picked.into_iter().flatten().find(plain) else { return false };
    writer.rewind(before);
    let header = Header { message: member.raw, ..Header::default() };
    if Marks::get().line(writer, context, member.raw) || Marks::get().message(writer, context, &header) {
        let from = member.raw.as_ptr() as usize - object.as_ptr() as usize;
        // With its quotes: the value is written already.
        json::decode_envelope(writer, context, object, from - 1..from + member.raw.len() + 1);
        return true;
    }
    writer.rewind(before);
    json::decode(writer, context, object);
    false
}

/// Writes the members of a JSON object and asks the products; `None` = it is no object.
fn json_product(writer: &mut EventWriter<'_>, context: &Context<'_>, object: &[u8]) -> Option<bool> {
    if names_none(context) {
        return json::is_object(object).then(|| {
            json::decode_as(writer, context, object, Dialect::Generic);
            false
        });
    }
    let before = writer.mark();
    let known = match json::decode(writer, context, object)? {
        Dialect::Suricata => suricata::normalise(writer, context),
        Dialect::Windows => windows::normalise(writer, context),
        Dialect::Generic | Dialect::Envelope => return Some(Marks::get().members(writer, context)),
    };
    if known {
        return Some(true);
    }
    // It bears some members of theirs and is another's all the same.
    writer.rewind(&before);
    json::decode_as(writer, context, object, Dialect::Generic);
    Some(Marks::get().members(writer, context))
}

/// No product known: the header's fields, a JSON object within the message, pairs, what heuristics find.
fn generic<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) {
    if let Some(at) = generic_names::embedded_object(header.message) {
        if json_record(writer, context, &header.message[at..]) {
            if !writer.view().has(ecs::MESSAGE) {
                writer.put(ecs::MESSAGE, header.message);
            }
            return;
        }
    }
    let pairs = generic_names::read_text(writer, context, header);
    if !header.message.is_empty() && !writer.view().has(ecs::MESSAGE) {
        writer.put(ecs::MESSAGE, header.message);
    }
    let (product, log_source): (ProductId, _) = match (header.present, pairs) {
        (true, _) => (products::SYSLOG, logsource::LINUX_SYSLOG),
        (false, 0) => {
            writer.defect(Defect::UnknownFormat);
            (products::UNKNOWN, logsource::UNKNOWN)
        }
        (false, _) => (products::KV, logsource::UNKNOWN),
    };
    let core = writer.core();
    core.product = product;
    core.log_source = log_source;
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_marks_are_found_wherever_they_stand() {
        let heads = &Marks::get().mark_heads;
        let marks = PRODUCTS.iter().flat_map(|product| product.detect).filter_map(|detect| match detect {
            Detect::Mark(texts, _) => Some(*texts),
            _ => None,
        });
        for mark in marks.flatten() {
            for around in ["", "x", "an ordinary sentence, "] {
                assert!(heads.may_be_in(format!("{around}{mark}{around}").as_bytes()), "{mark}");
            }
        }
        assert!(!heads.may_be_in(b"request 17 completed") && !heads.may_be_in(b"ab") && !heads.may_be_in(b""));
    }

    #[test]
    fn members_that_tell_a_product_have_ids() {
        for product in PRODUCTS {
            for detect in product.detect {
                match *detect {
                    Detect::Members(names, _) => {
                        assert!(!names.is_empty(), "{}", product.name);
                        for name in names {
                            assert_ne!(id_of(name), FieldId::UNNAMED, "{}: {name}", product.name);
                        }
                    }
                    Detect::Mark(texts, _) => {
                        assert!(texts.iter().all(|text| text.len() >= 3), "{}", product.name);
                    }
                    Detect::App(names, _) => assert!(!names.contains(&""), "{}", product.name),
                    Detect::Line(first, _) | Detect::Shape(first, _) => {
                        assert!(!first.is_empty() && first.is_ascii(), "{}", product.name);
                    }
                }
            }
        }
    }
}
