//! Cloudflare: audit logs (API: "User audit logs") and Logpush data sets (Cloudflare Logs: "Datasets" — HTTP requests, firewall
//! events, DNS logs, Gateway DNS, HTTP and network).

use super::json_table::How::*;
use super::json_table::{self, Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `cloudflare_audit`.
pub(crate) static AUDIT: Product = Product {
    name: "cloudflare_audit",
    title: "Cloudflare audit logs",
    document: "Cloudflare API: audit logs; Cloudflare Logs: audit_logs data set",
    namespace: "cloudflare.audit",
    module: "cloudflare",
    dataset: "cloudflare.audit",
    names: NAMES,
    json: &[&AUDIT_TABLE],
    detect: &[
        Detect::Members(&["action.type", "actor.id", "when"], read_audit),
        Detect::Members(&["ActionType", "ActorID", "When"], read_audit),
    ],
    ..Product::NONE
};

/// `cloudflare_http`.
pub(crate) static HTTP: Product = Product {
    name: "cloudflare_http",
    title: "Cloudflare HTTP requests and firewall events",
    document: "Cloudflare Logs: http_requests and firewall_events data sets",
    namespace: "cloudflare",
    module: "cloudflare",
    dataset: "cloudflare_logpush.http_request",
    json: &[&HTTP_TABLE],
    detect: &[
        Detect::Members(&["ClientIP", "ClientRequestMethod", "RayID"], read_http),
        Detect::Members(&["ClientIP", "ClientRequestHost", "EdgeStartTimestamp"], read_http),
    ],
    ..Product::NONE
};

/// `cloudflare_gateway`.
pub(crate) static GATEWAY: Product = Product {
    name: "cloudflare_gateway",
    title: "Cloudflare Gateway and DNS logs",
    document: "Cloudflare Logs: gateway_dns, gateway_http, gateway_network and dns_logs data sets",
    namespace: "cloudflare",
    module: "cloudflare",
    dataset: "cloudflare_logpush.gateway",
    json: &[&GATEWAY_TABLE],
    detect: &[
        Detect::Members(&["Datetime", "PolicyID", "DeviceID"], read_gateway),
        Detect::Members(&["Datetime", "SourceIP", "DestinationIP"], read_gateway),
        Detect::Members(&["Timestamp", "QueryName", "ResponseCode", "SourceIP"], read_gateway),
    ],
    ..Product::NONE
};

vendor_names! {
    action = "action.type";
    result = "action.result";
    result_capital = "ActionResult";
    protocol = "ClientRequestProtocol";
    ssl = "ClientSSLProtocol";
    request_bytes = "ClientRequestBytes";
    response_bytes = "EdgeResponseBytes";
    query = "ClientRequestQuery";
    start = "EdgeStartTimestamp";
    end = "EdgeEndTimestamp";
    gateway_action = "Action";
    rcode = "RCode";
    @also
    "ResolverDecision" "actor.type" "owner.id" "resource.id" "resource.type" "metadata" "interface" "oldValueJson" "newValueJson"
    "ActorType" "Interface" "OwnerID" "ResourceID" "ResourceType" "EdgeColoID" "EdgePathingOp" "EdgePathingSrc" "EdgePathingStatus"
    "OriginResponseStatus" "OriginResponseTime" "CacheCacheStatus" "WAFAction" "WAFRuleID" "WAFRuleMessage" "ZoneName"
    "ClientASN" "ClientCountry" "ClientDeviceType" "ClientIPClass" "ClientRequestSource" "SecurityLevel" "BotScore"
}

static AUDIT_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CLOUDFLARE_AUDIT,
    log_source: logsource::CLOUDFLARE,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::CLOUD_PROVIDER, "cloudflare")],
    time: &[("when", Clock::IsoUtc), ("When", Clock::IsoUtc)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("ID", ecs::EVENT_ID, Text),
        ("action.type", ecs::EVENT_ACTION, Text),
        ("ActionType", ecs::EVENT_ACTION, Text),
        ("interface", ecs::EVENT_PROVIDER, Text),
        ("Interface", ecs::EVENT_PROVIDER, Text),
        ("actor.email", ecs::USER_EMAIL, Text),
        ("ActorEmail", ecs::USER_EMAIL, Text),
        ("actor.id", ecs::USER_ID, User),
        ("ActorID", ecs::USER_ID, User),
        ("actor.ip", ecs::SOURCE_IP, Ip),
        ("actor.ip", ecs::SOURCE_ADDRESS, Text),
        ("ActorIP", ecs::SOURCE_IP, Ip),
    ],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT_TABLE.apply(writer, context);
    let ids = ids();
    match writer.first(ids.result).or_else(|| writer.first(ids.result_capital)) {
        Some(b"true" | b"success") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(b"false" | b"failure") => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        _ => {}
    }
    let action = writer.first(ids.action).unwrap_or_default();
    if action.is_empty() {
        writer.put_str(ecs::EVENT_CATEGORY, "authentication");
        writer.put_str(ecs::EVENT_TYPE, "info");
        return true;
    }
    let has = |word: &[u8]| memchr::memmem::find(action, word).is_some();
    let category = match () {
        () if action == b"login" || action == b"logout" => "authentication",
        () if has(b"token") || has(b"member") || has(b"role") || has(b"API_key") || has(b"user") => "iam",
        () => "configuration",
    };
    let kind = match () {
        () if has(b"create") || has(b"add") || has(b"_set") && !has(b"settings") => "creation",
        () if has(b"del") || has(b"revoke") || has(b"purge") => "deletion",
        () => "info",
    };
    writer.put_str(ecs::EVENT_CATEGORY, category);
    writer.put_str(ecs::EVENT_TYPE, kind);
    true
}

static HTTP_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CLOUDFLARE_HTTP,
    log_source: logsource::CLOUDFLARE,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "network"), (ecs::NETWORK_PROTOCOL, "http")],
    time: &[("EdgeStartTimestamp", Clock::IsoUtc), ("Datetime", Clock::IsoUtc), ("EdgeEndTimestamp", Clock::IsoUtc)],
    rows: &[
        ("ClientIP", ecs::SOURCE_IP, Ip),
        ("ClientIP", ecs::SOURCE_ADDRESS, Text),
        ("ClientIP", ecs::CLIENT_IP, Ip),
        ("ClientIP", ecs::CLIENT_ADDRESS, Text),
        ("ClientSrcPort", ecs::SOURCE_PORT, Port),
        ("ClientSrcPort", ecs::CLIENT_PORT, Port),
        ("ClientRequestBytes", ecs::SOURCE_BYTES, Number),
        ("ClientRequestBytes", ecs::CLIENT_BYTES, Number),
        ("ClientRequestBytes", ecs::HTTP_REQUEST_BYTES, Number),
        ("EdgeResponseBytes", ecs::DESTINATION_BYTES, Number),
        ("EdgeResponseBytes", ecs::SERVER_BYTES, Number),
        ("EdgeResponseBytes", ecs::HTTP_RESPONSE_BYTES, Number),
        ("OriginIP", ecs::DESTINATION_IP, Ip),
        ("OriginIP", ecs::DESTINATION_ADDRESS, Text),
        ("OriginIP", ecs::SERVER_IP, Ip),
        ("OriginIP", ecs::SERVER_ADDRESS, Text),
        ("EdgeStartTimestamp", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("EdgeEndTimestamp", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("Action", ecs::EVENT_ACTION, Text),
        ("FirewallMatchesActions", ecs::EVENT_ACTION, Text),
        ("RuleID", ecs::RULE_ID, Text),
        ("WAFRuleID", ecs::RULE_ID, Text),
        ("WAFRuleMessage", ecs::RULE_DESCRIPTION, Text),
        ("ClientRequestMethod", ecs::HTTP_REQUEST_METHOD, Text),
        ("ClientRequestReferer", ecs::HTTP_REQUEST_REFERRER, Text),
        ("EdgeResponseStatus", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("EdgeResponseContentType", ecs::HTTP_RESPONSE_MIME_TYPE, Text),
        ("ClientSSLCipher", ecs::TLS_CIPHER, Text),
        ("ClientRequestHost", ecs::URL_DOMAIN, Host),
        ("ClientRefererHost", ecs::RELATED_HOSTS, Set),
        ("ClientRequestScheme", ecs::URL_SCHEME, Text),
        ("ClientRequestURI", ecs::URL_ORIGINAL, Url),
        ("ClientRequestPath", ecs::URL_PATH, Text),
        ("ClientRequestUserAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("RayID", ecs::HTTP_REQUEST_ID, Text),
        ("ClientCountry", ecs::SOURCE_GEO_COUNTRY_ISO_CODE, Text),
        ("ClientASN", ecs::SOURCE_AS_NUMBER, Number),
    ],
    ..Spec::NONE
});

fn read_http(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    HTTP_TABLE.apply(writer, context);
    let ids = ids();
    writer.put_str(ecs::EVENT_TYPE, "info");
    for (from, mark, to) in [(ids.protocol, &b"HTTP/"[..], ecs::HTTP_VERSION), (ids.ssl, b"TLSv", ecs::TLS_VERSION)] {
        if let Some(span) = json_table::value(writer, from) {
            let at = if writer.bytes(span).starts_with(mark) { mark.len() } else { 0 };
            writer.put_span(to, span.part(at..span.len()), Kind::Text, false);
        }
    }
    if let Some(span) = json_table::value(writer, ids.query) {
        let at = usize::from(writer.bytes(span).starts_with(b"?"));
        json_table::put_as_new(writer, context, span.part(at..span.len()), ecs::URL_QUERY, Text);
    }
    let number = |writer: &EventWriter<'_>, id| writer.first(id).and_then(crate::number::parse_i64);
    if let (Some(received), Some(sent)) = (number(writer, ids.request_bytes), number(writer, ids.response_bytes)) {
        writer.put_i64(ecs::NETWORK_BYTES, received.saturating_add(sent));
    }
    let instant = |writer: &mut EventWriter<'_>, id| {
        let span = json_table::value(writer, id)?;
        json_table::read_time(writer, context, span, Clock::IsoUtc).map(|(time_ns, _)| time_ns)
    };
    if let (Some(start), Some(end)) = (instant(writer, ids.start), instant(writer, ids.end)) {
        writer.put_i64(ecs::EVENT_DURATION, end.saturating_sub(start));
    }
    true
}

static GATEWAY_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CLOUDFLARE_GATEWAY,
    log_source: logsource::CLOUDFLARE,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "network"), (ecs::EVENT_TYPE, "info")],
    time: &[("Datetime", Clock::IsoUtc), ("Timestamp", Clock::IsoUtc)],
    rows: &[
        ("SessionID", ecs::EVENT_ID, Text),
        ("Action", ecs::EVENT_ACTION, Text),
        ("SourceIP", ecs::SOURCE_IP, Ip),
        ("SrcIP", ecs::SOURCE_IP, Ip),
        ("SourcePort", ecs::SOURCE_PORT, Port),
        ("SrcPort", ecs::SOURCE_PORT, Port),
        ("DestinationIP", ecs::DESTINATION_IP, Ip),
        ("DstIP", ecs::DESTINATION_IP, Ip),
        ("DestinationPort", ecs::DESTINATION_PORT, Port),
        ("DstPort", ecs::DESTINATION_PORT, Port),
        ("OverrideIP", ecs::RELATED_IP, Set),
        ("SNI", ecs::DESTINATION_DOMAIN, Host),
        ("SNI", ecs::TLS_CLIENT_SERVER_NAME, Text),
        ("DeviceID", ecs::HOST_ID, Host),
        ("DeviceName", ecs::HOST_NAME, Host),
        ("UserID", ecs::USER_ID, User),
        ("Email", ecs::USER_EMAIL, User),
        ("Transport", ecs::NETWORK_TRANSPORT, Lower),
        ("Protocol", ecs::NETWORK_PROTOCOL, Lower),
        ("HTTPMethod", ecs::HTTP_REQUEST_METHOD, Text),
        ("HTTPStatusCode", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("HTTPVersion", ecs::HTTP_VERSION, Text),
        ("Referer", ecs::HTTP_REQUEST_REFERRER, Text),
        ("UserAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("URL", ecs::URL_ORIGINAL, Url),
        ("QueryName", ecs::DNS_QUESTION_NAME, Text),
        ("QueryTypeName", ecs::DNS_QUESTION_TYPE, Text),
        ("RCode", ecs::DNS_RESPONSE_CODE, Text),
        ("ResponseCode", ecs::DNS_RESPONSE_CODE, Text),
        ("RData.data", ecs::DNS_ANSWERS_DATA, Set),
        ("ResolvedIPs", ecs::DNS_RESOLVED_IP, Ips),
        ("PolicyName", ecs::RULE_NAME, Text),
        ("PolicyID", ecs::RULE_ID, Text),
        ("BlockedFileName", ecs::FILE_NAME, Text),
        ("BlockedFileSize", ecs::FILE_SIZE, Number),
        ("BlockedFileHash", ecs::RELATED_HASH, Set),
    ],
    ..Spec::NONE
});

fn read_gateway(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    GATEWAY_TABLE.apply(writer, context);
    let ids = ids();
    if writer.first(ids.gateway_action).is_some_and(|action| action.eq_ignore_ascii_case(b"block")) {
        writer.put_str(ecs::EVENT_TYPE, "denied");
    }
    match writer.first(ids.rcode) {
        Some(b"0") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
    true
}
