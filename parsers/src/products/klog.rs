//! Components of Kubernetes, in the layout of their logging library: `I0302 08:00:00.123456 7 main.go:104] text`
//! (Kubernetes documentation, "System Logs": klog).

use super::names::vendor_names;
use super::text::{split, split_last, word};
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::time::{Civil, Stamp, infer_year, take_clock, take_fraction};
use crate::wire::syslog::Header;
use crate::{ecs, products};

/// `klog`.
pub(crate) static PRODUCT: Product = Product {
    name: "klog",
    title: "Kubernetes components",
    document: "Kubernetes documentation: System Logs (klog)",
    namespace: "klog",
    names: NAMES,
    detect: &[Detect::Line("IWEF", read), Detect::Shape("IWEF", read)],
    ..Product::NONE
};

vendor_names! {
    thread = "thread_id";
}

/// Reads a line; `false` = it is not laid out so.
fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let level = match text.first() {
        Some(b'I') => "info",
        Some(b'W') => "warning",
        Some(b'E') => "error",
        Some(b'F') => "fatal",
        _ => return false,
    };
    let [a @ b'0'..=b'1', b @ b'0'..=b'9', c @ b'0'..=b'3', d @ b'0'..=b'9', b' ', ref rest @ ..] = text[1..] else {
        return false;
    };
    let two = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
    let Some((hour, minute, second, rest)) = take_clock(rest) else { return false };
    let (nano, precision, rest) = take_fraction(rest);
    let (thread, rest) = word(rest.trim_ascii_start());
    let Some((place, message)) = split(rest, b"] ") else { return false };
    let Some((file, line)) = split_last(place, b":") else { return false };
    if parse_u64(thread).is_none() || parse_u64(line).is_none() {
        return false;
    }
    // A leap year, so that the last of February is a day.
    let mut civil = Civil { year: 2024, month: two(a, b), day: two(c, d), hour, minute, second, nano };
    if !civil.is_valid() {
        return false;
    }
    writer.core().product = products::KLOG;
    infer_year(&mut civil, 0, context.reference_ns());
    context.set_stamp(writer, &Stamp { civil, offset_s: None, precision });
    writer.defect(crate::defect::Defect::YearInferred);
    writer.put_vendor(ids().thread, thread);
    writer.put_str(ecs::LOG_LEVEL, level);
    writer.put(ecs::LOG_ORIGIN_FILE_NAME, file);
    writer.put_as(ecs::LOG_ORIGIN_FILE_LINE, line, Kind::Number, false);
    writer.put(ecs::MESSAGE, message);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_TYPE, if matches!(level, "error" | "fatal") { "error" } else { "info" });
    true
}
