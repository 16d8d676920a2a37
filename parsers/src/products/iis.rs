//! Internet Information Services: the W3C Extended log of web and FTP sites, and the error log of the HTTP Server API.
//!
//! An operator chooses which columns a site logs, and only the `#Fields:` line of the file says which: a record
//! on its own does not. Their order is IIS's, though, whatever is chosen, and addresses, ports, methods and
//! the run of status numbers show what they are; so each record is read by itself. IIS writes times in UTC.

#[cfg(test)]
mod tests;

use super::columns::Columns;
use super::fields::{put_account, put_lower, put_path, relate};
use super::names::vendor_names;
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::{parse_i64, parse_u64};
use crate::products::{Detect, Product};
use crate::time::{Stamp, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `iis`.
pub(crate) static PRODUCT: Product = Product {
    name: "iis",
    title: "Microsoft IIS web and FTP site log",
    document: "IIS: W3C Logging (logFile, logExtFileFlags)",
    namespace: "iis.access",
    module: "iis",
    dataset: "iis.access",
    names: NAMES,
    detect: &[
        Detect::Line("0123456789", decode),
        Detect::Line("#", decode_directive),
        Detect::App(&["iis", "IIS", "W3SVC"], decode),
        Detect::Shape("0123456789", decode),
    ],
    ..Product::NONE
};

/// `iis_error`.
pub(crate) static ERROR: Product = Product {
    name: "iis_error",
    title: "Microsoft HTTP Server API error log",
    document: "Error logging in HTTP APIs (HTTPERR)",
    namespace: "iis.error",
    module: "iis",
    dataset: "iis.error",
    ..Product::NONE
};

vendor_names! {
    site_name = "site_name";
    server_name = "server_name";
    sub_status = "sub_status";
    win32_status = "win32_status";
    cookie = "cookie";
    forwarded_for = "forwarded_for";
    extra = "extra";
    session = "session";
    stream_id = "stream_id";
    site_id = "site_id";
    reason_phrase = "reason_phrase";
    queue_name = "queue_name";
    transport = "transport";
    directive = "directive";
}

/// `#Software`, `#Version`, `#Date`, `#Fields`: what stands before the records of a file.
fn decode_directive<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    if ![&b"#Software: Microsoft"[..], b"#Version: ", b"#Date: ", b"#Fields: date time "]
        .iter()
        .any(|mark| text.starts_with(mark))
    {
        return false;
    }
    if let Some((stamp, _)) = text.strip_prefix(b"#Date: ").and_then(take_iso) {
        set_time(writer, stamp);
    }
    writer.put_vendor(ids().directive, text);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.core().product = products::IIS;
    true
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    if text.get(4) != Some(&b'-') || text.get(10) != Some(&b' ') || text.get(19) != Some(&b' ') {
        return false;
    }
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let columns = Columns::by_blank(rest);
    let read = error(writer, &columns) || ftp(writer, &columns) || site(writer, &columns);
    if !read {
        return false;
    }
    if columns.capped {
        writer.defect(Defect::ColumnCount);
    }
    set_time(writer, stamp);
    finish(writer);
    true
}

fn set_time(writer: &mut EventWriter<'_>, stamp: Stamp) {
    if let Some(time_ns) = stamp.civil.at_offset(stamp.offset_s.unwrap_or(0)) {
        writer.set_time(time_ns, TimePrecision::Second);
    }
}

/// What is said of every record.
fn finish(writer: &mut EventWriter<'_>) {
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "web");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "connection");
    match writer.first(ecs::HTTP_RESPONSE_STATUS_CODE).and_then(parse_u64) {
        Some(status) if status < 400 => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
    for (from, to) in [
        (ecs::SOURCE_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_IP, ecs::RELATED_IP),
        (ecs::HOST_NAME, ecs::RELATED_HOSTS),
    ] {
        relate(writer, from, to);
    }
}

fn is_ip(text: &[u8]) -> bool {
    crate::ip::parse(text).is_some()
}

fn is_port(text: &[u8]) -> bool {
    text.len() <= 5 && parse_u64(text).is_some()
}

/// HTTP methods and FTP commands.
fn is_method(text: &[u8]) -> bool {
    (2..=24).contains(&text.len()) && text.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-'))
}

/// A value that is there.
fn said(text: &[u8]) -> Option<&[u8]> {
    (!matches!(text, b"-" | b"")).then_some(text)
}

/// An address as logged, with the zone of a link-local one, and the address proper.
fn put_end<'a>(writer: &mut EventWriter<'a>, text: &'a [u8], address: FieldId, ip: FieldId) {
    let Some(text) = said(text) else { return };
    writer.put(address, text);
    if let Some(parsed) = crate::ip::parse(text) {
        writer.put_addr(ip, parsed, text);
    }
}

fn put_source<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    put_end(writer, text, ecs::SOURCE_ADDRESS, ecs::SOURCE_IP);
}

fn put_destination<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    put_end(writer, text, ecs::DESTINATION_ADDRESS, ecs::DESTINATION_IP);
}

fn put_port<'a>(writer: &mut EventWriter<'a>, id: FieldId, text: &'a [u8]) {
    if let Some(text) = said(text) {
        writer.put_port(id, text);
    }
}

fn put_number<'a>(writer: &mut EventWriter<'a>, id: FieldId, text: &'a [u8], vendor: bool) {
    if parse_i64(text).is_some() {
        writer.put_as(id, text, Kind::Number, vendor);
    } else if said(text).is_some() {
        writer.defect(Defect::NumberInvalid);
    }
}

fn put_user<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    if let Some(text) = said(text) {
        let span = writer.span_of(text);
        put_account(writer, span, ecs::USER_NAME, ecs::USER_DOMAIN);
    }
}

/// Path and extension. What is no path (`*`) is all the path there is.
fn put_stem<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let Some(text) = said(text) else { return };
    let span = writer.span_of(text);
    url::put(writer, span);
    if writer.first(ecs::URL_PATH).is_none() && text == b"*" {
        writer.put_span(ecs::URL_PATH, span, Kind::Text, false);
    }
}

fn put_version<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    if let Some(version) = text.strip_prefix(b"HTTP/") {
        writer.put(ecs::HTTP_VERSION, version);
    }
}

fn put_duration(writer: &mut EventWriter<'_>, text: &[u8]) {
    match parse_i64(text).and_then(|ms| ms.checked_mul(1_000_000)) {
        Some(duration) => writer.put_i64(ecs::EVENT_DURATION, duration),
        None if said(text).is_some() => writer.defect(Defect::NumberInvalid),
        None => {}
    }
}

/// `c-ip c-port s-ip s-port version method uri [stream] status site reason queue [transport]`
fn error<'a>(writer: &mut EventWriter<'a>, columns: &Columns<'a>) -> bool {
    let column = |at: usize| columns.get(at);
    let ends = is_ip(column(0)) && is_port(column(1)) && is_ip(column(2)) && is_port(column(3));
    // A method beside the port is an FTP record.
    if !ends || !(column(4) == b"-" || column(4).starts_with(b"HTTP")) || columns.len() < 11 {
        return false;
    }
    let core = writer.core();
    core.product = products::IIS_ERROR;
    core.log_source = logsource::IIS_ERROR;
    put_source(writer, column(0));
    put_port(writer, ecs::SOURCE_PORT, column(1));
    put_destination(writer, column(2));
    put_port(writer, ecs::DESTINATION_PORT, column(3));
    put_version(writer, column(4));
    if let Some(method) = said(column(5)) {
        writer.put(ecs::HTTP_REQUEST_METHOD, method);
    }
    put_stem(writer, column(6));
    // Windows 10 and Server 2016 put the HTTP/2 stream before the status, later ones the transport last.
    let streamed = columns.len() >= 12;
    let rest = if streamed { 8 } else { 7 };
    if streamed {
        if let Some(stream) = said(column(7)) {
            writer.put_vendor(ids().stream_id, stream);
        }
    }
    put_number(writer, ecs::HTTP_RESPONSE_STATUS_CODE, column(rest), false);
    for (at, id) in [
        (rest + 1, ids().site_id),
        (rest + 2, ids().reason_phrase),
        (rest + 3, ids().queue_name),
        (rest + 4, ids().transport),
    ] {
        if let Some(value) = said(column(at)) {
            writer.put_vendor(id, value);
        }
    }
    if columns.len() > rest + 5 {
        writer.defect(Defect::ColumnCount);
    }
    true
}

/// `c-ip [c-port] cs-username [s-sitename s-computername] s-ip s-port cs-method cs-uri-stem sc-status
/// sc-win32-status sc-substatus [sc-bytes cs-bytes time-taken] x-session [x-fullpath]`
fn ftp<'a>(writer: &mut EventWriter<'a>, columns: &Columns<'a>) -> bool {
    let all = columns.all();
    if !is_ip(columns.get(0)) || is_method(columns.get(1)) {
        return false;
    }
    // The service writes the opening and closing of a channel as if they were commands.
    let is_command = |text: &[u8]| (2..=24).contains(&text.len()) && text.iter().all(u8::is_ascii_alphabetic);
    let server =
        (2..6).find(|&at| is_ip(columns.get(at)) && is_port(columns.get(at + 1)) && is_command(columns.get(at + 2)));
    let Some(server) = server else { return false };
    let user = usize::from(is_port(columns.get(1)) && server > 2) + 1;
    set_access(writer);
    put_source(writer, columns.get(0));
    if user == 2 {
        put_port(writer, ecs::SOURCE_PORT, columns.get(1));
    }
    put_user(writer, columns.get(user));
    put_server(writer, all.get(user + 1..server).unwrap_or_default());
    put_destination(writer, columns.get(server));
    put_port(writer, ecs::DESTINATION_PORT, columns.get(server + 1));
    writer.put(ecs::EVENT_ACTION, columns.get(server + 2));
    writer.put_str(ecs::NETWORK_PROTOCOL, "ftp");
    let mut at = server + 3;
    // A command without an argument still has its column.
    if let Some(stem) = said(columns.get(at)) {
        let span = writer.span_of(stem);
        writer.put_span(ecs::URL_ORIGINAL, span, Kind::Text, false);
        writer.put_span(ecs::FILE_PATH, span, Kind::Text, false);
        put_path(writer, span, ecs::FILE_NAME, None, None);
    }
    at += 1;
    put_number(writer, ecs::HTTP_RESPONSE_STATUS_CODE, columns.get(at), false);
    put_number(writer, ids().win32_status, columns.get(at + 1), true);
    put_number(writer, ids().sub_status, columns.get(at + 2), true);
    at += 3;
    if [0, 1, 2].iter().all(|&next| parse_u64(columns.get(at + next)).is_some()) {
        put_number(writer, ecs::DESTINATION_BYTES, columns.get(at), false);
        put_number(writer, ecs::SOURCE_BYTES, columns.get(at + 1), false);
        put_duration(writer, columns.get(at + 2));
        at += 3;
    }
    if let Some(session) = said(columns.get(at)) {
        writer.put_vendor(ids().session, session);
    }
    true
}

fn set_access(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    core.product = products::IIS;
    core.log_source = logsource::IIS;
}

/// Site and computer, each where it is logged: a site bears its service's name and a number.
fn put_server<'a>(writer: &mut EventWriter<'a>, columns: &[&'a [u8]]) {
    let is_site = |name: &[u8]| {
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && name[..name.len() - digits].ends_with(b"SVC")
    };
    let (site, computer) = match columns {
        [] => return,
        [one] if is_site(one) => (*one, &b""[..]),
        [one] => (&b""[..], *one),
        [site, computer, ..] => (*site, *computer),
    };
    if let Some(site) = said(site) {
        writer.put_vendor(ids().site_name, site);
    }
    if let Some(computer) = said(computer) {
        let span = writer.span_of(computer);
        writer.put_span(ids().server_name, span, Kind::Text, true);
        put_lower(writer, ecs::HOST_NAME, span);
    }
}

/// Most columns before the method: site, computer, address.
const METHOD_WITHIN: usize = 4;

/// `[s-sitename] [s-computername] [s-ip] cs-method cs-uri-stem [cs-uri-query] [s-port] [cs-username] c-ip
/// [cs-version] [cs(User-Agent)] [cs(Cookie)] [cs(Referer)] [cs-host] sc-status [sc-substatus] [sc-win32-status]
/// [sc-bytes] [cs-bytes] [time-taken] [custom columns]`
fn site<'a>(writer: &mut EventWriter<'a>, columns: &Columns<'a>) -> bool {
    let all = columns.all();
    let method = (0..METHOD_WITHIN).find(|&at| {
        is_method(columns.get(at)) && matches!(columns.get(at + 1), [b'/' | b'*', ..] | [b'-'] | [b'h', b't', ..])
    });
    let Some(method) = method else { return false };
    let Some(client) = (method + 2..method + 6).find(|&at| is_ip(columns.get(at))) else { return false };
    let after = client + 1;
    let Some(status) = all.iter().skip(after).position(|column| is_status(column)).map(|at| after + at) else {
        return false;
    };
    set_access(writer);
    let server = &all[..method];
    match server.split_last() {
        Some((address, before)) if is_ip(address) || *address == b"-" => {
            put_destination(writer, address);
            put_server(writer, before);
        }
        _ => put_server(writer, server),
    }
    writer.put(ecs::HTTP_REQUEST_METHOD, columns.get(method));
    put_stem(writer, columns.get(method + 1));
    put_request(writer, &all[method + 2..client]);
    put_source(writer, columns.get(client));
    put_headers(writer, &all[after..status]);
    put_result(writer, &all[status..]);
    true
}

fn is_status(text: &[u8]) -> bool {
    matches!(text, [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'])
}

/// `[cs-uri-query] [s-port] [cs-username]`
fn put_request<'a>(writer: &mut EventWriter<'a>, columns: &[&'a [u8]]) {
    // The port is the only number that IIS writes here.
    let port = columns.iter().rposition(|column| is_port(column));
    let (query, user) = match (port, columns) {
        (Some(port), _) => {
            put_port(writer, ecs::DESTINATION_PORT, columns[port]);
            (port.checked_sub(1).map(|at| columns[at]), columns.get(port + 1).copied())
        }
        (None, [query, user]) => (Some(*query), Some(*user)),
        (None, [query]) => (Some(*query), None),
        _ => (None, None),
    };
    if let Some(query) = query.and_then(said) {
        let span = url::form_decoded(writer, query, true);
        writer.put_span(ecs::URL_QUERY, span, Kind::Text, false);
    }
    if let Some(user) = user {
        put_user(writer, user);
    }
}

/// `[cs-version] [cs(User-Agent)] [cs(Cookie)] [cs(Referer)] [cs-host]`
fn put_headers<'a>(writer: &mut EventWriter<'a>, columns: &[&'a [u8]]) {
    let columns = match columns {
        [version, rest @ ..] if version.starts_with(b"HTTP/") => {
            put_version(writer, version);
            rest
        }
        _ => columns,
    };
    let is_referer = |text: &[u8]| text == b"-" || memchr::memmem::find(text, b"://").is_some();
    let (agent, cookie, referer, host): (&[u8], &[u8], &[u8], &[u8]) = match *columns {
        [] => return,
        [agent] => (agent, b"", b"", b""),
        [agent, referer] => (agent, b"", referer, b""),
        [agent, cookie, referer] if is_referer(referer) => (agent, cookie, referer, b""),
        [agent, referer, host] => (agent, b"", referer, host),
        [agent, cookie, referer, host, ..] => (agent, cookie, referer, host),
    };
    if columns.len() > 4 {
        writer.defect(Defect::ColumnCount);
    }
    if let Some(agent) = said(agent) {
        let span = url::form_decoded(writer, agent, false);
        writer.put_span(ecs::USER_AGENT_ORIGINAL, span, Kind::Text, false);
    }
    if let Some(cookie) = said(cookie) {
        writer.put_vendor(ids().cookie, cookie);
    }
    if let Some(referer) = said(referer) {
        writer.put(ecs::HTTP_REQUEST_REFERRER, referer);
    }
    if let Some(host) = said(host) {
        let colon = memchr::memrchr(b':', host).filter(|&colon| is_port(&host[colon + 1..])).unwrap_or(host.len());
        writer.put(ecs::DESTINATION_DOMAIN, &host[..colon]);
        writer.put(ecs::URL_DOMAIN, &host[..colon]);
    }
}

/// `sc-status [sc-substatus] [sc-win32-status] [sc-bytes] [cs-bytes] [time-taken]`, then custom columns: the first
/// most often are the addresses a request was forwarded by and the client's port.
fn put_result<'a>(writer: &mut EventWriter<'a>, columns: &[&'a [u8]]) {
    let numbers = columns.iter().take(6).take_while(|column| column.iter().all(u8::is_ascii_digit)).count();
    let (numbers, custom) = columns.split_at(numbers);
    let (head, tail) = numbers.split_at(numbers.len().min(3));
    put_number(writer, ecs::HTTP_RESPONSE_STATUS_CODE, head[0], false);
    if let [_, sub, ..] = head {
        put_number(writer, ids().sub_status, sub, true);
    }
    if let [_, _, win32] = head {
        put_number(writer, ids().win32_status, win32, true);
    }
    if let [sent, .., _] = tail {
        put_number(writer, ecs::HTTP_RESPONSE_BODY_BYTES, sent, false);
    }
    if let [_, received, _] = tail {
        put_number(writer, ecs::HTTP_REQUEST_BODY_BYTES, received, false);
    }
    if let Some(taken) = tail.last() {
        put_duration(writer, taken);
    }
    let mut custom = custom;
    if let [list, rest @ ..] = custom {
        let first = list.split(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
        let first = first.strip_suffix(b"+").unwrap_or(first);
        if is_ip(first) {
            writer.put_vendor(ids().forwarded_for, list);
            writer.put_ip(ecs::NETWORK_FORWARDED_IP, first);
            custom = rest;
            if let [port, rest @ ..] = custom {
                if is_port(port) {
                    put_port(writer, ecs::SOURCE_PORT, port);
                    custom = rest;
                }
            }
        }
    }
    for value in custom.iter().filter_map(|value| said(value)) {
        writer.put_vendor(ids().extra, value);
    }
}
