//! Web server logs: the Common and Combined Log Formats of Apache httpd and nginx, with a
//! virtual host or a list of forwarded addresses before them, and the error logs of both.
//!
//! The line itself does not say which server wrote it, so the log source answers to both, unless
//! the syslog tag or the source's configuration names one.

mod error;
mod further;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

use super::fields::{relate, relate_span};
use super::names::vendor_names;
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::time::take_clf;
use crate::wire::json::scan;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `nginx`.
pub(crate) static NGINX: Product = Product {
    name: "nginx",
    title: "nginx access log",
    document: "nginx ngx_http_log_module",
    namespace: "nginx.access",
    module: "nginx",
    dataset: "nginx.access",
    names: NAMES,
    ..Product::NONE
};

/// `nginx_error`.
pub(crate) static NGINX_ERROR: Product = Product {
    name: "nginx_error",
    title: "nginx error log",
    document: "nginx core functionality, error_log",
    namespace: "nginx.error",
    module: "nginx",
    dataset: "nginx.error",
    ..Product::NONE
};

/// `nginx_ingress`.
pub(crate) static NGINX_INGRESS: Product = Product {
    name: "nginx_ingress",
    title: "Ingress NGINX Controller",
    document: "Ingress-Nginx Controller: Log format",
    namespace: "nginx_ingress_controller.access",
    module: "nginx_ingress_controller",
    dataset: "nginx_ingress_controller.access",
    names: further::NAMES,
    ..Product::NONE
};

/// `tomcat`.
pub(crate) static TOMCAT: Product = Product {
    name: "tomcat",
    title: "Apache Tomcat",
    document: "Apache Tomcat 11: Access Log Valve; Logging in Tomcat (OneLineFormatter)",
    namespace: "apache_tomcat",
    module: "apache_tomcat",
    dataset: "apache_tomcat.access",
    detect: &[Detect::Line("0123456789", further::read_tomcat)],
    ..Product::NONE
};

/// `apache`.
pub(crate) static APACHE: Product = Product {
    name: "apache",
    title: "Apache HTTP Server access log",
    document: "Apache HTTP Server 2.4, mod_log_config",
    namespace: "apache.access",
    module: "apache",
    dataset: "apache.access",
    ..Product::NONE
};

/// `apache_error`.
pub(crate) static APACHE_ERROR: Product = Product {
    name: "apache_error",
    title: "Apache HTTP Server error log",
    document: "Apache HTTP Server 2.4, core: ErrorLogFormat",
    namespace: "apache.error",
    module: "apache",
    dataset: "apache.error",
    ..Product::NONE
};

/// `access_log`.
pub(crate) static ACCESS_LOG: Product = Product {
    name: "access_log",
    title: "Access log in Common or Combined Log Format",
    document: "Apache HTTP Server 2.4, Log Files",
    namespace: "access_log",
    detect: &[Detect::App(&["nginx", "apache", "apache2", "httpd"], decode)],
    ..Product::NONE
};

vendor_names! {
    remote_ip_list = "remote_ip_list";
    forwarded_for = "forwarded_for";
    ident = "ident";
    extra = "extra";
    tls_protocol = "ssl.protocol";
    tls_cipher = "ssl.cipher";
    method = "method";
    module = "module";
    connection_id = "connection_id";
}

/// How far the time stamp stands from the start at most: a virtual host (253 bytes), a list of forwarded
/// addresses and a user name.
const STAMP_WITHIN_BYTES: usize = 1024;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some(open) = memchr::memchr(b'[', &text[..text.len().min(STAMP_WITHIN_BYTES)]) else { return false };
    let Some((stamp, rest)) = take_clf(&text[open + 1..]) else {
        return error::decode(writer, context, header);
    };
    let Some(rest) = rest.strip_prefix(b"]") else { return false };
    // `ssl_request_log` puts the client after the time.
    let ssl = open == 0;
    let mut further = Further::None;
    let before = text[..open].trim_ascii();
    let rest = rest.trim_ascii_start();
    if ssl {
        if !ssl_request(writer, rest) {
            return false;
        }
    } else {
        let Some(rest) = rest.strip_prefix(b"\"") else { return false };
        if !client(writer, before) {
            return false;
        }
        further = tail(writer, rest);
    }
    context.set_stamp(writer, &stamp);
    finish(writer, context, header, further);
    true
}

/// Whose columns stand among those of the combined format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Further {
    None,
    Ingress,
    Tomcat,
}

/// What is said of every access.
fn finish(writer: &mut EventWriter<'_>, context: &Context<'_>, header: &Header<'_>, further: Further) {
    put_product(writer, context, header, further);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "web");
    if further != Further::Ingress {
        writer.put_str(ecs::EVENT_TYPE, "access");
    }
    match writer.first(ecs::HTTP_RESPONSE_STATUS_CODE) {
        Some([b'1'..=b'3', _, _]) => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
}

fn put_product(writer: &mut EventWriter<'_>, context: &Context<'_>, header: &Header<'_>, further: Further) {
    let nginx = context.options.format == Some(products::NGINX) || header.appname == b"nginx";
    let apache =
        context.options.format == Some(products::APACHE) || matches!(header.appname, b"apache" | b"apache2" | b"httpd");
    let core = writer.core();
    (core.product, core.log_source) = match (nginx, apache) {
        _ if further == Further::Ingress => (products::NGINX_INGRESS, logsource::NGINX),
        _ if further == Further::Tomcat => (products::TOMCAT, logsource::ACCESS_LOG),
        (true, _) => (products::NGINX, logsource::NGINX),
        (_, true) => (products::APACHE, logsource::APACHE),
        _ => (products::ACCESS_LOG, logsource::ACCESS_LOG),
    };
}

/// `[vhost[:port]] client[, client…] ident user`
fn client<'a>(writer: &mut EventWriter<'a>, before: &'a [u8]) -> bool {
    let Some(user_at) = memchr::memrchr(b' ', before) else { return false };
    let user = &before[user_at + 1..];
    let Some(ident_at) = memchr::memrchr(b' ', &before[..user_at]) else { return false };
    let ident = &before[ident_at + 1..user_at];
    let list = &before[..ident_at];
    if list.is_empty() {
        return false;
    }
    if ident != b"-" {
        writer.put_vendor(ids().ident, ident);
    }
    if user != b"-" && user != b"\"\"" {
        writer.put(ecs::USER_NAME, user);
        relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    }
    if memchr::memchr2(b' ', b',', list).is_some() {
        clients(writer, list);
    } else {
        put_client(writer, list);
    }
    true
}

/// One client: an address, an address with a port, or a name.
fn put_client<'a>(writer: &mut EventWriter<'a>, client: &'a [u8]) {
    let mut address = client;
    if let Some(ip) = crate::ip::parse(client) {
        writer.put_addr(ecs::SOURCE_IP, ip, client);
    } else if let Some(colon) = memchr::memrchr(b':', client) {
        if let Some(ip) = crate::ip::parse(&client[..colon]) {
            address = &client[..colon];
            writer.put_addr(ecs::SOURCE_IP, ip, address);
            writer.put_port(ecs::SOURCE_PORT, &client[colon + 1..]);
        }
    }
    if writer.first(ecs::SOURCE_IP).is_some() {
        relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    } else {
        writer.put(ecs::SOURCE_DOMAIN, address);
        relate(writer, ecs::SOURCE_DOMAIN, ecs::RELATED_HOSTS);
    }
    if writer.derives() {
        writer.put(ecs::SOURCE_ADDRESS, address);
    }
}

/// Most forwarded addresses taken of one line.
const CLIENTS_MAX: usize = 32;

/// A virtual host and a client, or the addresses that a request was forwarded by, client first. The
/// source is the first public one, else the first.
fn clients<'a>(writer: &mut EventWriter<'a>, list: &'a [u8]) {
    let mut tokens = list.split(|&byte| byte == b' ' || byte == b',').filter(|token| !token.is_empty());
    let first = tokens.clone().next().unwrap_or_default();
    if crate::ip::parse(first).is_none() {
        let port = memchr::memchr(b':', first);
        let host = &first[..port.unwrap_or(first.len())];
        writer.put(ecs::DESTINATION_DOMAIN, host);
        writer.put(ecs::URL_DOMAIN, host);
        relate(writer, ecs::URL_DOMAIN, ecs::RELATED_HOSTS);
        if let Some(colon) = port {
            writer.put_port(ecs::URL_PORT, &first[colon + 1..]);
        }
        tokens.next();
    }
    let is_public =
        |token: &&&[u8]| crate::ip::parse(token).is_some_and(|ip| !crate::ip::is_private(ip) && !ip.is_loopback());
    let tokens: [&[u8]; CLIENTS_MAX] = std::array::from_fn(|_| tokens.next().unwrap_or_default());
    let len = tokens.iter().position(|token| token.is_empty()).unwrap_or(CLIENTS_MAX);
    let tokens = &tokens[..len];
    let Some(source) = tokens.iter().find(is_public).or(tokens.first()) else { return };
    put_client(writer, source);
    for token in tokens {
        if len > 1 {
            writer.put_vendor(ids().remote_ip_list, token);
        }
        if crate::ip::parse(token).is_some() {
            let span = writer.span_of(token);
            relate_span(writer, span, ecs::RELATED_IP);
        }
    }
}

/// The end of a quoted string whose content starts at 0; quotes within are written `\"` (Apache) or `\x22` (nginx).
#[inline]
fn quote_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// `request" status bytes ["referer" "agent" …]`
fn tail<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> Further {
    let Some(end) = quote_end(text) else {
        writer.defect(Defect::UnbalancedQuote);
        writer.put(ecs::URL_ORIGINAL, text);
        return Further::None;
    };
    request(writer, &text[..end]);
    let rest = text[end + 1..].trim_ascii_start();
    let (status, rest) = token(rest);
    if status.len() == 3 && parse_u64(status).is_some() {
        writer.put_as(ecs::HTTP_RESPONSE_STATUS_CODE, status, Kind::Number, false);
    } else {
        writer.defect(Defect::MessageMalformed);
    }
    let (bytes, rest) = token(rest);
    if parse_u64(bytes).is_some() {
        writer.put_as(ecs::HTTP_RESPONSE_BODY_BYTES, bytes, Kind::Number, false);
    } else if bytes != b"-" {
        writer.defect(Defect::NumberInvalid);
    }
    let tomcat = further::tomcat(writer, rest);
    let rest = tomcat.unwrap_or(rest);
    let further = if tomcat.is_some() { Further::Tomcat } else { Further::None };
    let Some(rest) = quoted(writer, rest, Some(ecs::HTTP_REQUEST_REFERRER)) else { return further };
    let Some(rest) = quoted(writer, rest, Some(ecs::USER_AGENT_ORIGINAL)) else { return further };
    if further::ingress(writer, rest) {
        return Further::Ingress;
    }
    extras(writer, rest, tomcat.is_some());
    further
}

#[inline]
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let end = scan::blank_end(text, 0);
    (&text[..end], text.get(end + 1..).unwrap_or_default())
}

/// A quoted column; `-` says that there is no value. `None` = the line ends here.
#[inline]
fn quoted<'a>(
    writer: &mut EventWriter<'a>,
    text: &'a [u8],
    id: Option<crate::dictionary::FieldId>,
) -> Option<&'a [u8]> {
    let inner = text.strip_prefix(b"\"")?;
    let Some(end) = quote_end(inner) else {
        writer.defect(Defect::UnbalancedQuote);
        return None;
    };
    let value = &inner[..end];
    if let Some(id) = id.filter(|_| value != b"-" && !value.is_empty()) {
        writer.put(id, value);
    }
    Some(inner[end + 1..].strip_prefix(b" ").unwrap_or(&inner[end + 1..]))
}

/// What stands after the combined format: most often the forwarded addresses, whose first is the client's; `all` of them
/// where the server says so.
fn extras<'a>(writer: &mut EventWriter<'a>, text: &'a [u8], all: bool) {
    if text.is_empty() {
        return;
    }
    let list = text.strip_prefix(b"X-Forwarded-For=").unwrap_or(text);
    let list = list.strip_prefix(b"\"").and_then(|list| Some(&list[..quote_end(list)?]));
    match list {
        Some(b"-" | b"") => {}
        Some(list) => {
            let first = list.split(|&byte| byte == b',' || byte == b' ').next().unwrap_or_default();
            if crate::ip::parse(first).is_some() {
                writer.put_vendor(ids().forwarded_for, list);
                let span = writer.span_of(first);
                writer.put_ip_span(ecs::NETWORK_FORWARDED_IP, span);
                writer.put_ip_span(ecs::CLIENT_IP, span);
                relate_span(writer, span, ecs::RELATED_IP);
                let rest = list.split(|&byte| byte == b',').skip(1).take(CLIENTS_MAX).filter(|_| all);
                for client in rest.map(|client| client.trim_ascii()) {
                    let span = writer.span_of(client);
                    if writer.put_if_ip(ecs::CLIENT_IP, span) {
                        relate_span(writer, span, ecs::RELATED_IP);
                    }
                }
            } else {
                writer.put_vendor(ids().extra, text);
            }
        }
        None => writer.put_vendor(ids().extra, text),
    }
}

/// `METHOD target HTTP/version` (RFC 9112 §3). What is none is kept as it came.
fn request<'a>(writer: &mut EventWriter<'a>, line: &'a [u8]) {
    if line == b"-" || line.is_empty() {
        return;
    }
    let method = memchr::memchr(b' ', line);
    let version = memchr::memrchr(b' ', line);
    let parts = match (method, version) {
        (Some(method), Some(version)) => {
            let http = line[version + 1..].strip_prefix(b"HTTP/");
            // HTTP/0.9 has no version; then the target runs to the end.
            let target_end = if http.is_some() { version } else { line.len() };
            (method < target_end).then(|| (&line[..method], &line[method + 1..target_end], http))
        }
        _ => None,
    };
    let parts = parts.filter(|(method, target, http)| !target.is_empty() && (http.is_some() || is_method(method)));
    let Some((method, target, http)) = parts else {
        writer.defect(Defect::MessageMalformed);
        writer.put(ecs::URL_ORIGINAL, line);
        return;
    };
    if let Some(http) = http {
        writer.put(ecs::HTTP_VERSION, http);
    }
    if is_method(method) {
        writer.put(ecs::HTTP_REQUEST_METHOD, method);
    } else if method != b"-" {
        writer.defect(Defect::MessageMalformed);
        writer.put_vendor(ids().method, method);
    }
    if target == b"-" {
        return;
    }
    let span = writer.span_of(target);
    url::put(writer, span);
    if method == b"CONNECT" {
        url::put_authority(writer, span);
    }
}

/// Longest method taken for one; the longest registered with IANA is UPDATEREDIRECTREF, 17 bytes.
const METHOD_BYTES_MAX: usize = 20;

#[inline]
fn is_method(text: &[u8]) -> bool {
    (1..=METHOD_BYTES_MAX).contains(&text.len())
        && text.iter().all(|&byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_')
        && text != b"-"
}

/// `client protocol cipher "request" bytes`
fn ssl_request<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let (client, rest) = token(text);
    let (protocol, rest) = token(rest);
    let (cipher, rest) = token(rest);
    let Some(rest) = rest.strip_prefix(b"\"") else { return false };
    let Some(end) = quote_end(rest) else { return false };
    put_client(writer, client);
    if protocol != b"-" {
        writer.put_vendor(ids().tls_protocol, protocol);
        let version = protocol.strip_prefix(b"TLSv").or_else(|| protocol.strip_prefix(b"SSLv"));
        if let Some(version) = version {
            writer.put(ecs::TLS_VERSION, version);
            writer.put_str(ecs::TLS_VERSION_PROTOCOL, if protocol[0] == b'T' { "tls" } else { "ssl" });
        }
    }
    if cipher != b"-" {
        writer.put_vendor(ids().tls_cipher, cipher);
        writer.put(ecs::TLS_CIPHER, cipher);
    }
    request(writer, &rest[..end]);
    let bytes = rest[end + 1..].trim_ascii();
    if parse_u64(bytes).is_some() {
        writer.put_as(ecs::HTTP_RESPONSE_BODY_BYTES, bytes, Kind::Number, false);
    }
    true
}
