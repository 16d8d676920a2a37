//! HAProxy's logs: the default line of a connection, the TCP, HTTP and HTTPS formats, connection errors, and the
//! messages about servers and proxies.

#[cfg(test)]
mod tests;

use super::columns::Columns;
use super::fields::{relate, relate_span};
use super::names::vendor_names;
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_i64, parse_u64};
use crate::products::{Detect, Product};
use crate::time::take_clf;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `haproxy`.
pub(crate) static PRODUCT: Product = Product {
    name: "haproxy",
    title: "HAProxy",
    document: "HAProxy Configuration Manual, 8. Logging",
    namespace: "haproxy",
    module: "haproxy",
    dataset: "haproxy.log",
    names: NAMES,
    detect: &[
        Detect::App(&["haproxy"], decode_any),
        Detect::Line("0123456789abcdefABCDEF:-", decode_transfer),
        Detect::Shape("0123456789abcdefABCDEF:-", decode_transfer),
    ],
    ..Product::NONE
};

vendor_names! {
    frontend_name = "frontend_name";
    backend_name = "backend_name";
    server_name = "server_name";
    bind_name = "bind_name";
    mode = "mode";
    error_message = "error_message";
    time_wait_ms = "http.request.time_wait_ms";
    time_wait_without_data_ms = "http.request.time_wait_without_data_ms";
    total_waiting_time_ms = "total_waiting_time_ms";
    connection_wait_time_ms = "connection_wait_time_ms";
    bytes_read = "bytes_read";
    request_cookie = "http.request.captured_cookie";
    response_cookie = "http.response.captured_cookie";
    termination_state = "termination_state";
    active = "connections.active";
    frontend = "connections.frontend";
    backend = "connections.backend";
    server = "connections.server";
    retries = "connections.retries";
    server_queue = "server_queue";
    backend_queue = "backend_queue";
    request_headers = "http.request.captured_headers";
    response_headers = "http.response.captured_headers";
    raw_request_line = "http.request.raw_request_line";
    fc_err = "connections.fc_err";
    ssl_fc_err = "connections.ssl_fc_err";
    ssl_c_err = "connections.ssl_c_err";
    ssl_c_ca_err = "connections.ssl_c_ca_err";
    extra = "extra";
}

/// Decodes a message that bears HAProxy's tag; `false` = it is in no documented format.
fn decode_any<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    decode_transfer(writer, context, header) || connect(writer, text) || notice(writer, text)
}

fn set_product(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    core.product = products::HAPROXY;
    core.log_source = logsource::HAPROXY;
    writer.put_str(ecs::EVENT_KIND, "event");
}

/// `Proxy http-in started.`, `Server static/srv1 is DOWN, reason: …`
fn notice<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let what: &[&[u8]] = &[b"Proxy ", b"Server ", b"backend ", b"Backup ", b"Health check ", b"Pausing ", b"Stopping "];
    if !what.iter().any(|what| text.starts_with(what)) {
        return false;
    }
    set_product(writer);
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "info");
    if let Some(name) = text.strip_prefix(b"Server ").or_else(|| text.strip_prefix(b"Backup Server ")) {
        let name = &name[..memchr::memchr(b' ', name).unwrap_or(name.len())];
        if let Some(slash) = memchr::memchr(b'/', name) {
            writer.put_vendor(ids().backend_name, &name[..slash]);
            writer.put_vendor(ids().server_name, &name[slash + 1..]);
        }
    }
    writer.put(ecs::MESSAGE, text);
    true
}

/// `Connect from 192.0.2.1:33312 to 198.51.100.2:8012 (www/HTTP)`
fn connect<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let columns = Columns::by_blank(text);
    let &[b"Connect", b"from", source, b"to", destination, ref proxy @ ..] = columns.all() else { return false };
    set_product(writer);
    writer.put_str(ecs::EVENT_CATEGORY, "web");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "connection");
    put_source(writer, source);
    if let Some((ip, port)) = split_end(destination) {
        if writer.put_ip(ecs::DESTINATION_IP, ip) {
            writer.put(ecs::DESTINATION_ADDRESS, ip);
            relate(writer, ecs::DESTINATION_IP, ecs::RELATED_IP);
        }
        writer.put_port(ecs::DESTINATION_PORT, port);
    }
    let proxy = proxy.first().and_then(|proxy| proxy.strip_prefix(b"(")?.strip_suffix(b")"));
    match proxy.and_then(|proxy| Some((proxy, memchr::memrchr(b'/', proxy)?))) {
        Some((proxy, slash)) => {
            writer.put_vendor(ids().frontend_name, &proxy[..slash]);
            writer.put_vendor(ids().mode, &proxy[slash + 1..]);
        }
        None => writer.defect(Defect::Truncated),
    }
    true
}

/// Address and port around the last colon.
fn split_end(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memrchr(b':', text)?;
    parse_u64(&text[colon + 1..])?;
    Some((&text[..colon], &text[colon + 1..]))
}

fn put_source<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let Some((address, port)) = split_end(text) else { return };
    // A client of a UNIX socket has no address.
    if let Some(ip) = crate::ip::parse(address) {
        writer.put_addr(ecs::SOURCE_IP, ip, address);
        writer.put(ecs::SOURCE_ADDRESS, address);
        relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    }
    writer.put_port(ecs::SOURCE_PORT, port);
}

/// Most bytes before the stamp: an address and a port.
const STAMP_WITHIN_BYTES: usize = 80;

/// `client:port [accept date] frontend …`: the TCP, HTTP and HTTPS formats, and connection errors.
fn decode_transfer<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let Some(open) = memchr::memchr(b'[', &text[..text.len().min(STAMP_WITHIN_BYTES)]) else { return false };
    let Some(client) = text[..open].strip_suffix(b" ") else { return false };
    if memchr::memchr(b' ', client).is_some() || split_end(client).is_none() {
        return false;
    }
    let Some((stamp, rest)) = take_clf(&text[open + 1..]) else { return false };
    let Some(rest) = rest.strip_prefix(b"] ") else { return false };
    if !error(writer, rest) && !transfer(writer, rest) {
        return false;
    }
    put_source(writer, client);
    context.set_stamp(writer, &stamp);
    true
}

/// `frontend/bind: message`
fn error<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let Some(colon) = memchr::memmem::find(&text[..text.len().min(512)], b": ") else { return false };
    let name = &text[..colon];
    let Some(slash) = memchr::memchr(b'/', name).filter(|_| memchr::memchr(b' ', name).is_none()) else { return false };
    set_product(writer);
    writer.put_vendor(ids().frontend_name, &name[..slash]);
    writer.put_vendor(ids().bind_name, &name[slash + 1..]);
    writer.put_vendor(ids().error_message, &text[colon + 2..]);
    writer.put(ecs::ERROR_MESSAGE, &text[colon + 2..]);
    true
}

/// `frontend backend/server [host] timers …`
fn transfer<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    // What is quoted or braced holds blanks: the columns end there.
    let end = memchr::memchr2(b'"', b'{', text).unwrap_or(text.len());
    let columns = Columns::by_blank(&text[..end]);
    let all = columns.all();
    let Some(slash) = memchr::memchr(b'/', columns.get(1)) else { return false };
    let timers = if is_timers(columns.get(2)) { 2 } else { 3 };
    if !is_timers(columns.get(timers)) {
        return false;
    }
    let http = memchr::memchr_iter(b'/', columns.get(timers)).count() == 4;
    set_product(writer);
    let ids = ids();
    writer.put_vendor(ids.frontend_name, columns.get(0));
    writer.put_vendor(ids.backend_name, &columns.get(1)[..slash]);
    writer.put_vendor(ids.server_name, &columns.get(1)[slash + 1..]);
    if timers == 3 {
        writer.put(ecs::DESTINATION_ADDRESS, columns.get(2));
    }
    let rest = all.get(timers + 1..).unwrap_or_default();
    if http {
        writer.put_str(ecs::EVENT_CATEGORY, "web");
        put_timers(
            writer,
            columns.get(timers),
            &[ids.time_wait_ms, ids.total_waiting_time_ms, ids.connection_wait_time_ms, ids.time_wait_without_data_ms],
        );
        put_http(writer, rest);
        put_request(writer, &text[end..]);
    } else {
        put_timers(writer, columns.get(timers), &[ids.total_waiting_time_ms, ids.connection_wait_time_ms]);
        let [bytes, state, connections, queues, extra @ ..] = rest else {
            writer.defect(Defect::Truncated);
            return true;
        };
        put_number(writer, ids.bytes_read, bytes);
        writer.put_vendor(ids.termination_state, state);
        put_counts(writer, connections, queues);
        for value in extra {
            writer.put_vendor(ids.extra, value);
        }
    }
    true
}

/// Three (TCP) or five (HTTP) numbers with slashes between, `-1` for a phase not reached.
fn is_timers(text: &[u8]) -> bool {
    let slashes = memchr::memchr_iter(b'/', text).count();
    matches!(slashes, 2 | 4) && text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'/' | b'-' | b'+'))
}

fn put_number<'a>(writer: &mut EventWriter<'a>, id: FieldId, text: &'a [u8]) {
    // `option logasap` writes `+` before what still grows.
    let text = text.strip_prefix(b"+").unwrap_or(text);
    if parse_i64(text).is_some() {
        writer.put_as(id, text, Kind::Number, true);
    } else {
        writer.defect(Defect::NumberInvalid);
    }
}

/// The phases by name, then the total, which is the event's duration.
fn put_timers<'a>(writer: &mut EventWriter<'a>, text: &'a [u8], names: &[FieldId]) {
    let mut timers = text.split(|&byte| byte == b'/');
    for (&id, timer) in names.iter().zip(&mut timers) {
        put_number(writer, id, timer);
    }
    let total = timers.next().unwrap_or_default();
    let total = total.strip_prefix(b"+").unwrap_or(total);
    if let Some(duration) = parse_i64(total).and_then(|ms| ms.checked_mul(1_000_000)) {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
}

/// `actconn/feconn/beconn/srv_conn/retries srv_queue/backend_queue`
fn put_counts<'a>(writer: &mut EventWriter<'a>, connections: &'a [u8], queues: &'a [u8]) {
    let ids = ids();
    let names = [ids.active, ids.frontend, ids.backend, ids.server, ids.retries];
    for (id, count) in names.into_iter().zip(connections.split(|&byte| byte == b'/')) {
        put_number(writer, id, count);
    }
    for (id, count) in [ids.server_queue, ids.backend_queue].into_iter().zip(queues.split(|&byte| byte == b'/')) {
        put_number(writer, id, count);
    }
}

/// `status bytes request_cookie response_cookie state connections queues`
fn put_http<'a>(writer: &mut EventWriter<'a>, columns: &[&'a [u8]]) {
    let [status, bytes, request_cookie, response_cookie, state, rest @ ..] = columns else {
        writer.defect(Defect::Truncated);
        return;
    };
    let ids = ids();
    let bytes_plain = bytes.strip_prefix(b"+").unwrap_or(bytes);
    put_number(writer, ids.bytes_read, bytes_plain);
    if parse_u64(bytes_plain).is_some() {
        writer.put_as(ecs::HTTP_RESPONSE_BYTES, bytes_plain, Kind::Number, false);
    }
    // -1 where no status was sent.
    match parse_i64(status) {
        Some(code) if code >= 0 => {
            writer.put_as(ecs::HTTP_RESPONSE_STATUS_CODE, status, Kind::Number, false);
            writer.put_str(ecs::EVENT_OUTCOME, if code < 400 { "success" } else { "failure" });
        }
        Some(_) => {}
        None => writer.defect(Defect::NumberInvalid),
    }
    writer.put_vendor(ids.request_cookie, request_cookie);
    writer.put_vendor(ids.response_cookie, response_cookie);
    writer.put_vendor(ids.termination_state, state);
    match rest {
        [connections, queues, ..] => put_counts(writer, connections, queues),
        _ => writer.defect(Defect::Truncated),
    }
}

/// `[{request headers}] [{response headers}] "request line" [HTTPS columns]`
fn put_request<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    let mut rest = text;
    for id in [ids.request_headers, ids.response_headers] {
        let Some(inner) = rest.strip_prefix(b"{") else { break };
        let Some(end) = memchr::memchr(b'}', inner) else {
            writer.defect(Defect::UnbalancedQuote);
            return;
        };
        for header in inner[..end].split(|&byte| byte == b'|') {
            writer.put_vendor(id, header);
        }
        rest = inner[end + 1..].trim_ascii_start();
    }
    let Some(inner) = rest.strip_prefix(b"\"") else {
        writer.defect(Defect::Truncated);
        return;
    };
    // Quotes of the request are escaped as #22; a line cut at the length limit has no closing one.
    let end = memchr::memchr(b'"', inner);
    let line = &inner[..end.unwrap_or(inner.len())];
    put_request_line(writer, line);
    match end {
        Some(end) => put_tls(writer, &inner[end + 1..]),
        None => writer.defect(Defect::UnbalancedQuote),
    }
}

fn put_request_line<'a>(writer: &mut EventWriter<'a>, line: &'a [u8]) {
    writer.put_vendor(ids().raw_request_line, line);
    let Some(method_end) = memchr::memchr(b' ', line) else { return };
    // <BADREQ> stands for what could not be read.
    if line.starts_with(b"<") {
        return;
    }
    writer.put(ecs::HTTP_REQUEST_METHOD, &line[..method_end]);
    let rest = &line[method_end + 1..];
    let version = memchr::memrchr(b' ', rest).filter(|&at| rest[at + 1..].starts_with(b"HTTP/"));
    if let Some(at) = version {
        writer.put(ecs::HTTP_VERSION, &rest[at + 1 + b"HTTP/".len()..]);
    }
    let target = writer.span_of(&rest[..version.unwrap_or(rest.len())]);
    url::put(writer, target);
    relate(writer, ecs::URL_DOMAIN, ecs::RELATED_HOSTS);
}

/// `fc_err/ssl_fc_err/ssl_c_err/ssl_c_ca_err/is_resumed sni/version/cipher` of `option httpslog`.
fn put_tls<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    let columns = Columns::by_blank(text);
    let &[errors, names] = columns.all() else {
        for value in columns.all() {
            writer.put_vendor(ids.extra, value);
        }
        return;
    };
    let mut errors = errors.split(|&byte| byte == b'/');
    for (id, error) in [ids.fc_err, ids.ssl_fc_err, ids.ssl_c_err, ids.ssl_c_ca_err].into_iter().zip(&mut errors) {
        if parse_i64(error).is_some() {
            writer.put_as(id, error, Kind::Number, true);
        } else {
            writer.put_vendor(id, error);
        }
    }
    match errors.next() {
        Some(b"1") => writer.put_str(ecs::TLS_RESUMED, "true"),
        Some(b"0") => writer.put_str(ecs::TLS_RESUMED, "false"),
        _ => {}
    }
    let mut names = names.split(|&byte| byte == b'/');
    let mut next = || names.next().filter(|name| !matches!(*name, b"" | b"-"));
    if let Some(sni) = next() {
        let sni = writer.span_of(sni);
        for id in [ecs::TLS_CLIENT_SERVER_NAME, ecs::DESTINATION_DOMAIN, ecs::URL_DOMAIN] {
            if writer.first(id).is_none() {
                writer.put_span(id, sni, Kind::Text, false);
            }
        }
        relate_span(writer, sni, ecs::RELATED_HOSTS);
    }
    if let Some(version) = next() {
        if let Some(number) = version.strip_prefix(b"TLSv").or_else(|| version.strip_prefix(b"SSLv")) {
            writer.put(ecs::TLS_VERSION, number);
            writer.put_str(ecs::TLS_VERSION_PROTOCOL, if version[0] == b'T' { "tls" } else { "ssl" });
        }
    }
    if let Some(cipher) = next() {
        writer.put(ecs::TLS_CIPHER, cipher);
    }
}
