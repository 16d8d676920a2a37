//! Access logs of AWS services: Elastic Load Balancing (ELB User Guides, "Access logs" of Application, Network and Classic
//! Load Balancers), S3 (S3 User Guide, "Server access log format") and CloudFront (CloudFront Developer Guide,
//! "Standard logs", tab-separated).

use std::sync::LazyLock;

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Spec};
use super::names::{id_of, vendor_names};
use super::{Detect, Product, url};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::time::{take_clf, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `aws_elb`.
pub(crate) static ELB: Product = Product {
    name: "aws_elb",
    title: "AWS Elastic Load Balancing access logs",
    document: "Elastic Load Balancing User Guides: access log entries of Application, Network and Classic Load Balancers",
    namespace: "aws.elb",
    module: "aws",
    dataset: "aws.elb_logs",
    names: NAMES,
    json: &[&ELB_TABLE],
    detect: &[Detect::Line("hwgt2", read_elb), Detect::Shape("hwgt2", read_elb)],
    ..Product::NONE
};

/// `aws_s3access`.
pub(crate) static S3: Product = Product {
    name: "aws_s3access",
    title: "Amazon S3 server access logs",
    document: "Amazon S3 User Guide: server access log format",
    namespace: "aws.s3access",
    module: "aws",
    dataset: "aws.s3access",
    json: &[&S3_TABLE],
    detect: &[Detect::Line("0123456789abcdef", read_s3), Detect::Shape("0123456789abcdef", read_s3)],
    ..Product::NONE
};

/// `aws_cloudfront`.
pub(crate) static CLOUDFRONT: Product = Product {
    name: "aws_cloudfront",
    title: "Amazon CloudFront standard logs",
    document: "Amazon CloudFront Developer Guide: standard log file fields",
    namespace: "aws.cloudfront",
    module: "aws",
    dataset: "aws.cloudfront_logs",
    json: &[&CLOUDFRONT_TABLE],
    detect: &[Detect::Line("2", read_cloudfront)],
    ..Product::NONE
};

vendor_names! {
    request = "request";
    ssl_protocol = "ssl_protocol";
    tls_version = "tls_version";
    host_header = "host_header";
    request_uri = "request_uri";
    status = "status";
    user_agent = "cs_user_agent";
    forwarded = "x_forwarded_for";
    scheme = "cs_protocol";
    path = "cs_uri_stem";
    query = "cs_uri_query";
    host = "x_host_header";
    http_version = "cs_protocol_version";
}

const APPLICATION: &[&str] = &[
    "type",
    "time",
    "name",
    "client",
    "target",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "status",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
];

const NETWORK: &[&str] = &[
    "type",
    "version",
    "time",
    "name",
    "listener",
    "client",
    "target",
    "connection_time",
    "tls_handshake_time",
    "received_bytes",
    "sent_bytes",
    "incoming_tls_alert",
    "chosen_cert_arn",
    "chosen_cert_serial",
    "ssl_cipher",
    "ssl_protocol",
    "tls_named_group",
    "domain_name",
    "alpn_fe_protocol",
    "alpn_be_protocol",
    "alpn_client_preference_list",
    "tls_connection_creation_time",
];

const CLASSIC: &[&str] = &[
    "time",
    "name",
    "client",
    "target",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "status",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
];

const S3_COLUMNS: &[&str] = &[
    "bucket_owner",
    "bucket",
    "time",
    "remote_ip",
    "requester",
    "request_id",
    "operation",
    "key",
    "request_uri",
    "status",
    "error_code",
    "bytes_sent",
    "object_size",
    "total_time",
    "turn_around_time",
    "referrer",
    "user_agent",
    "version_id",
    "host_id",
    "signature_version",
    "cipher_suite",
    "authentication_type",
    "host_header",
    "tls_version",
    "access_point_arn",
    "acl_required",
];

const CLOUDFRONT_COLUMNS: &[&str] = &[
    "date",
    "time",
    "x_edge_location",
    "sc_bytes",
    "c_ip",
    "cs_method",
    "cs_host",
    "cs_uri_stem",
    "status",
    "cs_referer",
    "cs_user_agent",
    "cs_uri_query",
    "cs_cookie",
    "x_edge_result_type",
    "x_edge_request_id",
    "x_host_header",
    "cs_protocol",
    "cs_bytes",
    "time_taken",
    "x_forwarded_for",
    "ssl_protocol",
    "ssl_cipher",
    "x_edge_response_result_type",
    "cs_protocol_version",
    "fle_status",
    "fle_encrypted_fields",
    "c_port",
    "time_to_first_byte",
    "x_edge_detailed_result_type",
    "sc_content_type",
    "sc_content_len",
    "sc_range_start",
    "sc_range_end",
];

/// Most columns of a record: new ones come at the end.
const COLUMNS_MAX: usize = 36;

type Ids36 = [FieldId; COLUMNS_MAX];

fn ids_of(layout: &'static [&'static str]) -> Ids36 {
    let mut ids = [FieldId::UNNAMED; COLUMNS_MAX];
    for (id, name) in ids.iter_mut().zip(layout) {
        *id = id_of(name);
    }
    ids
}

static LAYOUTS: LazyLock<[Ids36; 5]> =
    LazyLock::new(|| [APPLICATION, NETWORK, CLASSIC, S3_COLUMNS, CLOUDFRONT_COLUMNS].map(ids_of));

/// The columns of a record parted by blanks, quoted and bracketed ones without their marks.
fn columns(text: &[u8]) -> Option<([&[u8]; COLUMNS_MAX], usize)> {
    let mut columns = [&b""[..]; COLUMNS_MAX];
    let mut len = 0;
    let mut at = 0;
    while at < text.len() {
        let (from, end, next) = match text[at] {
            b'"' => {
                let end = memchr::memchr(b'"', &text[at + 1..])? + at + 1;
                (at + 1, end, end + 1)
            }
            // A time; an IPv6 address has its port behind the bracket.
            b'[' if memchr::memchr(b']', &text[at..]).is_some_and(|end| text.get(at + end + 1) != Some(&b':')) => {
                let end = memchr::memchr(b']', &text[at + 1..])? + at + 1;
                (at + 1, end, end + 1)
            }
            _ => {
                let end = memchr::memchr(b' ', &text[at..]).map_or(text.len(), |end| at + end);
                (at, end, end)
            }
        };
        *columns.get_mut(len)? = &text[from..end];
        len += 1;
        at = next + 1;
    }
    Some((columns, len))
}

fn put_columns<'a>(writer: &mut EventWriter<'a>, layout: usize, columns: &[&'a [u8]]) {
    for (&id, column) in LAYOUTS[layout].iter().zip(columns) {
        if id != FieldId::UNNAMED {
            writer.put_as(id, column, Kind::Text, true);
        }
    }
}

const WEB: Constants = &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "web"), (ecs::CLOUD_PROVIDER, "aws")];
const WEB_ACCESS: Constants = &[
    (ecs::EVENT_KIND, "event"),
    (ecs::EVENT_CATEGORY, "web"),
    (ecs::EVENT_TYPE, "access"),
    (ecs::CLOUD_PROVIDER, "aws"),
];

static ELB_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_ELB,
    log_source: logsource::AWS_ACCESS,
    own: false,
    constants: WEB,
    time: &[("time", Clock::IsoUtc)],
    rows: &[
        ("time", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("request_creation_time", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("tls_connection_creation_time", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("client", ecs::SOURCE_IP, IpPort(ecs::SOURCE_PORT)),
        ("status", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("user_agent", ecs::USER_AGENT_ORIGINAL, Text),
        ("ssl_cipher", ecs::TLS_CIPHER, Text),
        ("domain_name", ecs::DESTINATION_DOMAIN, Host),
    ],
    also: APPLICATION,
    ..Spec::NONE
});

fn read_elb<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let kind = &text[..memchr::memchr(b' ', text).unwrap_or(0)];
    let classic = text.first() == Some(&b'2');
    let layout = match kind {
        b"http" | b"https" | b"h2" | b"grpcs" | b"ws" | b"wss" => 0,
        b"tls" => 1,
        _ if classic => 2,
        _ => return false,
    };
    let Some((columns, len)) = columns(text) else { return false };
    let (time_at, least) = [(1, 25), (2, 18), (0, 15)][layout];
    // Classic entries have as many columns, no more.
    if len < least || classic && len > 15 || take_iso(columns[time_at]).is_none() {
        return false;
    }
    put_columns(writer, layout, &columns[..len]);
    ELB_TABLE.apply(writer, context);
    let ids = ids();
    super::fields::copy(writer, ecs::SOURCE_IP, ecs::SOURCE_ADDRESS);
    let http = writer.view().has(ids.request);
    let (received, sent) = match http {
        true => (ecs::HTTP_REQUEST_BODY_BYTES, ecs::HTTP_RESPONSE_BODY_BYTES),
        false => (ecs::SOURCE_BYTES, ecs::DESTINATION_BYTES),
    };
    for (from, to) in [("received_bytes", received), ("sent_bytes", sent)] {
        if let Some(span) = json_table::value(writer, id_of(from)) {
            json_table::put_as(writer, context, span, to, Number);
        }
    }
    if let Some(span) = json_table::value(writer, ids.request) {
        put_request(writer, span);
    }
    put_tls(writer, ids.ssl_protocol);
    put_outcome(writer, ids);
    true
}

/// `GET /path HTTP/1.1`: method, address and version.
fn put_request(writer: &mut EventWriter<'_>, request: Span) {
    let text = writer.bytes(request);
    let (Some(first), Some(last)) = (memchr::memchr(b' ', text), memchr::memrchr(b' ', text)) else { return };
    let version = text[last + 1..].strip_prefix(b"HTTP/").is_some_and(|version| !version.is_empty());
    if text[..first] == *b"-" {
        return;
    }
    writer.put_span(ecs::HTTP_REQUEST_METHOD, request.part(0..first), Kind::Text, false);
    if last > first {
        url::put(writer, request.part(first + 1..last));
        if version {
            writer.put_span(ecs::HTTP_VERSION, request.part(last + 6..request.len()), Kind::Text, false);
        }
    }
}

/// `TLSv1.2`, `tlsv12`.
fn put_tls(writer: &mut EventWriter<'_>, id: FieldId) {
    let Some(span) = json_table::value(writer, id) else { return };
    let text = writer.bytes(span);
    if text.len() <= 4 || !text[..4].eq_ignore_ascii_case(b"TLSv") {
        return;
    }
    let version = match text[4..] {
        [major, minor] if minor != b'.' => Some([major, b'.', minor]),
        _ => None,
    };
    writer.put_str(ecs::TLS_VERSION_PROTOCOL, "tls");
    match version {
        Some(version) => writer.put_as(ecs::TLS_VERSION, &version, Kind::Text, false),
        None => writer.put_span(ecs::TLS_VERSION, span.part(4..span.len()), Kind::Text, false),
    }
}

fn put_outcome(writer: &mut EventWriter<'_>, ids: &Ids) {
    match writer.first(ids.status).and_then(crate::number::parse_u64) {
        Some(status @ 1..) => writer.put_str(ecs::EVENT_OUTCOME, if status < 400 { "success" } else { "failure" }),
        Some(0) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
}

static S3_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_S3ACCESS,
    log_source: logsource::AWS_ACCESS,
    own: false,
    constants: WEB_ACCESS,
    rows: &[
        ("request_id", ecs::EVENT_ID, Text),
        ("operation", ecs::EVENT_ACTION, Text),
        ("remote_ip", ecs::CLIENT_IP, Ip),
        ("remote_ip", ecs::CLIENT_ADDRESS, Text),
        ("remote_ip", ecs::SOURCE_IP, Ip),
        ("requester", ecs::CLIENT_USER_ID, Text),
        ("bucket_owner", ecs::RELATED_USER, Set),
        ("status", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("error_code", ecs::ERROR_CODE, Text),
        ("bytes_sent", ecs::HTTP_RESPONSE_BODY_BYTES, Number),
        ("total_time", ecs::EVENT_DURATION, Duration(1_000_000)),
        ("referrer", ecs::HTTP_REQUEST_REFERRER, Text),
        ("user_agent", ecs::USER_AGENT_ORIGINAL, Text),
        ("cipher_suite", ecs::TLS_CIPHER, Text),
    ],
    also: S3_COLUMNS,
    ..Spec::NONE
});

fn read_s3<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    // The canonical id of the bucket's owner.
    let owner = text.get(..64).is_some_and(|owner| owner.iter().all(u8::is_ascii_hexdigit));
    if !owner || text.get(64) != Some(&b' ') {
        return false;
    }
    let Some((columns, len)) = columns(text) else { return false };
    let Some((stamp, _)) = take_clf(columns[2]).filter(|_| len >= 17) else { return false };
    put_columns(writer, 3, &columns[..len]);
    context.set_stamp(writer, &stamp);
    S3_TABLE.apply(writer, context);
    let ids = ids();
    if let Some(span) = json_table::value(writer, ids.request_uri) {
        put_request(writer, span);
    }
    put_tls(writer, ids.tls_version);
    put_outcome(writer, ids);
    // `bucket.s3.region.amazonaws.com`
    if let Some(span) = json_table::value(writer, ids.host_header) {
        let text = writer.bytes(span);
        let from = memchr::memmem::find(text, b"s3.").or_else(|| memchr::memmem::find(text, b"s3-")).map(|at| at + 3);
        let to = memchr::memmem::find(text, b".amazonaws.com");
        if let (Some(from), Some(to)) = (from, to) {
            if from < to {
                writer.put_span(ecs::CLOUD_REGION, span.part(from..to), Kind::Text, false);
            }
        }
    }
    true
}

static CLOUDFRONT_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_CLOUDFRONT,
    log_source: logsource::AWS_ACCESS,
    own: false,
    constants: WEB_ACCESS,
    rows: &[
        ("c_ip", ecs::SOURCE_IP, Ip),
        ("c_ip", ecs::SOURCE_ADDRESS, Text),
        ("c_port", ecs::SOURCE_PORT, Port),
        ("cs_host", ecs::RELATED_HOSTS, Set),
        ("x_host_header", ecs::DESTINATION_DOMAIN, Host),
        ("x_host_header", ecs::DESTINATION_ADDRESS, Text),
        ("x_host_header", ecs::URL_DOMAIN, Text),
        ("cs_protocol", ecs::URL_SCHEME, Text),
        ("cs_protocol", ecs::NETWORK_PROTOCOL, Lower),
        ("cs_uri_stem", ecs::URL_PATH, Text),
        ("cs_uri_query", ecs::URL_QUERY, Text),
        ("cs_method", ecs::HTTP_REQUEST_METHOD, Text),
        ("cs_referer", ecs::HTTP_REQUEST_REFERRER, Text),
        ("x_edge_request_id", ecs::EVENT_ID, Text),
        ("x_edge_request_id", ecs::HTTP_REQUEST_ID, Text),
        ("cs_bytes", ecs::HTTP_REQUEST_BYTES, Number),
        ("sc_bytes", ecs::HTTP_RESPONSE_BYTES, Number),
        ("sc_content_len", ecs::HTTP_RESPONSE_BODY_BYTES, Number),
        ("sc_content_type", ecs::HTTP_RESPONSE_MIME_TYPE, Text),
        ("status", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("time_taken", ecs::EVENT_DURATION, Duration(1_000_000_000)),
        ("ssl_cipher", ecs::TLS_CIPHER, Text),
    ],
    also: CLOUDFRONT_COLUMNS,
    ..Spec::NONE
});

fn read_cloudfront<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    if text.get(10) != Some(&b'\t') || text.get(19) != Some(&b'\t') {
        return false;
    }
    // The two columns of the time stand as far apart as date and time of ISO 8601.
    let mut stamp = [0u8; 19];
    stamp.copy_from_slice(&text[..19]);
    stamp[10] = b' ';
    let Some((mut stamp, _)) = take_iso(&stamp) else { return false };
    let mut columns = [&b""[..]; COLUMNS_MAX];
    let mut len = 0;
    for column in text.split(|&byte| byte == b'\t').take(COLUMNS_MAX) {
        columns[len] = column;
        len += 1;
    }
    if len < 26 {
        return false;
    }
    put_columns(writer, 4, &columns[..len]);
    stamp.offset_s = Some(0);
    context.set_stamp(writer, &stamp);
    CLOUDFRONT_TABLE.apply(writer, context);
    let ids = ids();
    if let Some(span) = json_table::value(writer, ids.http_version) {
        let at = if writer.bytes(span).starts_with(b"HTTP/") { 5 } else { 0 };
        writer.put_span(ecs::HTTP_VERSION, span.part(at..span.len()), Kind::Text, false);
    }
    put_tls(writer, ids.ssl_protocol);
    put_outcome(writer, ids);
    match writer.first(ecs::SOURCE_IP) {
        Some(ip) if ip.contains(&b':') => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(_) => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        None => {}
    }
    put_url(writer, ids);
    if let Some(span) = json_table::value(writer, ids.user_agent) {
        let agent = percent_decoded(writer, span);
        writer.put_span(ecs::USER_AGENT_ORIGINAL, agent, Kind::Text, false);
    }
    put_forwarded(writer, ids);
    true
}

/// The address that the columns are the parts of.
fn put_url(writer: &mut EventWriter<'_>, ids: &Ids) {
    let part = |writer: &EventWriter<'_>, id| json_table::value(writer, id);
    let (Some(scheme), Some(host), Some(path)) =
        (part(writer, ids.scheme), part(writer, ids.host), part(writer, ids.path))
    else {
        return;
    };
    let query = part(writer, ids.query);
    let from = writer.arena_start();
    writer.arena_push_span(scheme);
    writer.arena_push(b"://");
    writer.arena_push_span(host);
    writer.arena_push_span(path);
    if let Some(query) = query {
        writer.arena_push(b"?");
        writer.arena_push_span(query);
    }
    let full = writer.arena_end(from);
    writer.put_span(ecs::URL_FULL, full, Kind::Text, false);
}

/// A value with `%XX` undone; CloudFront encodes blanks and what is not printable.
fn percent_decoded(writer: &mut EventWriter<'_>, span: Span) -> Span {
    if memchr::memchr(b'%', writer.bytes(span)).is_none() {
        return span;
    }
    let made = writer.arena_start();
    let mut at = 0;
    while at < span.len() {
        let text = writer.bytes(span);
        let plain = memchr::memchr(b'%', &text[at..]).map_or(text.len(), |end| at + end);
        let hex = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let byte = match (hex(plain + 1), hex(plain + 2)) {
            (Some(high), Some(low)) => Some((high << 4 | low) as u8),
            _ => None,
        };
        writer.arena_push_span(span.part(at..plain));
        at = match byte {
            Some(byte) => {
                writer.arena_push(&[byte]);
                plain + 3
            }
            None => {
                writer.arena_push_span(span.part(plain..(plain + 1).min(span.len())));
                plain + 1
            }
        };
    }
    writer.arena_end(made)
}

/// Most addresses of a forwarding header that are read.
const FORWARDED_MAX: usize = 16;

fn put_forwarded(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some(span) = json_table::value(writer, ids.forwarded) else { return };
    let mut from = 0;
    for _ in 0..FORWARDED_MAX {
        let text = writer.bytes(span);
        if from >= text.len() {
            return;
        }
        let to = memchr::memchr(b',', &text[from..]).map_or(text.len(), |at| from + at);
        let start = from + text[from..to].iter().take_while(|&&byte| byte == b' ').count();
        let part = span.part(start..to);
        if writer.put_if_ip(ecs::NETWORK_FORWARDED_IP, part) {
            super::fields::relate_span(writer, part, ecs::RELATED_IP);
        }
        from = to + 1;
    }
}
