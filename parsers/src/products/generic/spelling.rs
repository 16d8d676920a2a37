//! The many spellings of one thing: `src_ip`, `SourceIP`, `source.address`, `clientIp` …
//!
//! A name is compared without case and without the signs between its words. It is believed as far as its value fits.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::products::fields::{mac_of, put_lower, relate_span, transport_of};
use crate::products::url;

/// How a value goes to its schema name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Text,
    Ip,
    Port,
    Number,
    Mac,
    /// A user: related besides.
    User,
    /// A host: related besides.
    Host,
    /// A hash: its kind by its length.
    Hash,
    Url,
    Transport,
    /// A number is a severity, text a level.
    Level,
    Outcome,
}

use How::*;

static SPELLINGS: &[(FieldId, How, &[&str])] = &[
    (
        ecs::SOURCE_IP,
        Ip,
        &[
            "srcip",
            "sourceip",
            "src",
            "sourceaddress",
            "srcaddr",
            "srcaddress",
            "sourceipaddress",
            "clientip",
            "clientaddress",
            "clientipaddress",
            "clientaddr",
            "remoteip",
            "remoteaddr",
            "remoteaddress",
            "remotehost",
            "ipaddress",
            "ipaddr",
            "ip",
            "sip",
            "callerip",
            "calleripaddress",
            "callingip",
            "originip",
            "actorip",
            "actoripaddress",
            "userip",
            "srchost",
            "peeraddr",
            "peerip",
            "internalip",
            "localip",
            "xforwardedfor",
            "realip",
            "attackerip",
            "senderip",
            "source",
            "client",
        ],
    ),
    (
        ecs::DESTINATION_IP,
        Ip,
        &[
            "dstip",
            "destinationip",
            "destip",
            "dst",
            "dest",
            "destination",
            "dstaddr",
            "dstaddress",
            "destinationaddress",
            "destaddress",
            "destinationipaddress",
            "serverip",
            "serveraddr",
            "serveraddress",
            "targetip",
            "targetaddress",
            "dip",
            "dsthost",
            "hostip",
            "dddstip",
            "recipientip",
            "dstipaddress",
        ],
    ),
    (ecs::SOURCE_PORT, Port, &["srcport", "sourceport", "spt", "sport", "clientport", "remoteport", "peerport"]),
    (
        ecs::DESTINATION_PORT,
        Port,
        &["dstport", "destinationport", "destport", "dpt", "dport", "serverport", "targetport", "dddstport", "port"],
    ),
    (ecs::SOURCE_MAC, Mac, &["srcmac", "sourcemac", "macaddress", "macaddr", "mac", "clientmac", "srcmacaddress"]),
    (ecs::DESTINATION_MAC, Mac, &["dstmac", "destinationmac", "destmac"]),
    (
        ecs::USER_NAME,
        User,
        &[
            "username",
            "user",
            "useraccount",
            "accountname",
            "account",
            "login",
            "loginname",
            "subjectusername",
            "actor",
            "actorname",
            "principal",
            "principalname",
            "suser",
            "usr",
            "uname",
            "targetusername",
            "users",
            "usernames",
            "loginuser",
            "sourceuser",
            "srcuser",
            "userprincipalname",
            "actorusername",
            "initiator",
            "performedby",
        ],
    ),
    (ecs::USER_ID, Text, &["userid", "uid", "actorid", "accountid", "principalid", "sid", "usersid"]),
    (
        ecs::USER_EMAIL,
        User,
        &["useremail", "email", "emailaddress", "mail", "actoremail", "actoremailaddress", "useremailaddress"],
    ),
    (ecs::USER_DOMAIN, Text, &["userdomain", "domain", "ntdomain", "accountdomain", "subjectdomainname"]),
    (
        ecs::HOST_NAME,
        Host,
        &[
            "hostname",
            "host",
            "computer",
            "computername",
            "machinename",
            "machine",
            "devicename",
            "dvchost",
            "endpointname",
            "computerdnsname",
            "devicehostname",
            "agenthostname",
            "nodename",
            "workstation",
            "servername",
        ],
    ),
    (ecs::PROCESS_NAME, Text, &["processname", "procname", "process", "program", "imagename"]),
    (ecs::PROCESS_PID, Number, &["pid", "processid", "procid"]),
    (ecs::PROCESS_PARENT_PID, Number, &["ppid", "parentpid", "parentprocessid"]),
    (ecs::PROCESS_PARENT_NAME, Text, &["parentprocessname", "parentname", "parentprocess"]),
    (ecs::PROCESS_COMMAND_LINE, Text, &["commandline", "cmdline", "processcommandline", "cmd"]),
    (ecs::PROCESS_EXECUTABLE, Text, &["processpath", "executable", "exe", "imagepath", "processexecutable"]),
    (ecs::FILE_NAME, Text, &["filename", "file", "fname"]),
    (ecs::FILE_PATH, Text, &["filepath", "fullpath", "targetfilename", "path"]),
    (ecs::FILE_SIZE, Number, &["filesize"]),
    (
        ecs::FILE_HASH_SHA256,
        Hash,
        &["sha256", "filesha256", "sha256hash", "sha1", "filesha1", "md5", "filemd5", "filehash", "hash"],
    ),
    (ecs::URL_ORIGINAL, Url, &["url", "uri", "requesturl", "requesturi", "href", "link", "requestpath", "targeturl"]),
    (ecs::HTTP_REQUEST_METHOD, Text, &["method", "requestmethod", "httpmethod", "verb"]),
    (
        ecs::HTTP_RESPONSE_STATUS_CODE,
        Number,
        &["statuscode", "httpstatus", "httpstatuscode", "responsecode", "responsestatus", "httpresponsecode"],
    ),
    (ecs::USER_AGENT_ORIGINAL, Text, &["useragent", "httpuseragent", "useragentstring"]),
    (ecs::HTTP_REQUEST_REFERRER, Text, &["referer", "referrer", "httpreferer", "httpreferrer"]),
    (
        ecs::NETWORK_TRANSPORT,
        Transport,
        &["protocol", "proto", "transport", "ipprotocol", "networkprotocol", "transportprotocol"],
    ),
    (ecs::NETWORK_DIRECTION, Text, &["direction", "networkdirection"]),
    (
        ecs::EVENT_ACTION,
        Text,
        &["action", "eventaction", "operation", "operationname", "eventname", "activity", "eventtype", "activitytype"],
    ),
    (ecs::EVENT_OUTCOME, Outcome, &["outcome", "result", "status", "eventresult", "success"]),
    (ecs::EVENT_ID, Text, &["eventid", "uuid", "guid", "alertid", "logid", "id", "eventuuid"]),
    (ecs::EVENT_CODE, Text, &["eventcode", "messageid", "msgid", "signatureid"]),
    (ecs::EVENT_REASON, Text, &["reason", "failurereason", "statusreason"]),
    (ecs::LOG_LEVEL, Level, &["level", "loglevel", "severity", "lvl", "priority"]),
    (ecs::LOG_LOGGER, Text, &["logger", "loggername", "component"]),
    (ecs::MESSAGE, Text, &["message", "msg", "log", "text"]),
    (
        ecs::RULE_NAME,
        Text,
        &["rulename", "rule", "signature", "alertname", "policyname", "policy", "detectionname", "threatname"],
    ),
    (ecs::RULE_ID, Text, &["ruleid", "policyid"]),
    (ecs::DNS_QUESTION_NAME, Text, &["qname", "dnsquery", "queryname", "dnsquestion"]),
    (ecs::SOURCE_BYTES, Number, &["bytessent", "sentbytes", "bytesout", "sentbyte", "ddbytessent", "sourcebytes"]),
    (
        ecs::DESTINATION_BYTES,
        Number,
        &["bytesreceived", "receivedbytes", "bytesin", "rcvdbyte", "ddbytesrcvd", "rcvdbytes"],
    ),
    (ecs::SERVICE_NAME, Text, &["servicename", "service"]),
    (ecs::ERROR_MESSAGE, Text, &["error", "errormessage", "errormsg", "exception"]),
    (ecs::ERROR_CODE, Text, &["errorcode", "errno"]),
    (ecs::CLOUD_REGION, Text, &["region", "awsregion", "cloudregion"]),
    (ecs::EMAIL_SUBJECT, Text, &["subject", "emailsubject"]),
    (ecs::EMAIL_MESSAGE_ID, Text, &["messageidheader", "internetmessageid"]),
];

/// Names that hold the time of an event, in the order in which they are believed.
static TIMES: &[&str] = &[
    "timestamp",
    "eventtime",
    "eventtimestamp",
    "datetime",
    "eventdatetime",
    "time",
    "ts",
    "utctime",
    "occurredat",
    "occurredon",
    "detecteddatetime",
    "detectiontime",
    "timegenerated",
    "generatedtime",
    "generatedat",
    "createdat",
    "createddatetime",
    "createtime",
    "creationtime",
    "created",
    "published",
    "publishedat",
    "logtime",
    "logtimestamp",
    "when",
    "occurtime",
    "clicktime",
    "starttime",
    "startdatetime",
    "eventdate",
    "date",
    "receivedtime",
    "receivedat",
    "timereceived",
    "localtime",
    "activitydatetime",
    "lastupdated",
    "updatedat",
    "epoch",
    "unixtime",
    "rt",
    "t",
];

type ByName = HashMap<&'static [u8], (FieldId, How)>;

static BY_NAME: LazyLock<ByName> = LazyLock::new(|| {
    let spelled = |&(id, how, names): &(FieldId, How, &'static [&'static str])| {
        names.iter().map(move |name| (name.as_bytes(), (id, how)))
    };
    SPELLINGS.iter().flat_map(spelled).collect()
});

/// Longest name compared, without its signs.
const NAME_BYTES_MAX: usize = 40;

/// A name without case and signs.
#[derive(Clone, Copy)]
struct Squashed {
    bytes: [u8; NAME_BYTES_MAX],
    len: usize,
    /// Where the part behind the last dot begins.
    leaf: usize,
}

impl Squashed {
    fn of(name: &[u8]) -> Option<Squashed> {
        let mut squashed = Squashed { bytes: [0; NAME_BYTES_MAX], len: 0, leaf: 0 };
        for &byte in name {
            match byte {
                b'.' => squashed.leaf = squashed.len,
                b'_' | b'-' | b' ' | b'@' | b'/' | b'$' => {}
                _ => {
                    *squashed.bytes.get_mut(squashed.len)? = byte.to_ascii_lowercase();
                    squashed.len += 1;
                }
            }
        }
        Some(squashed)
    }

    fn whole(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The last part.
    fn last(&self) -> &[u8] {
        &self.bytes[self.leaf..self.len]
    }

    /// The last part, where it is long enough to mean one thing wherever it stands.
    fn leaf(&self) -> Option<&[u8]> {
        (self.leaf > 0 && self.len - self.leaf >= 6).then(|| &self.bytes[self.leaf..self.len])
    }
}

/// Writes the schema names of the vendor's fields written so far, and the event time where it has none yet or
/// `own_time` says that the record's own counts for more than the header's.
pub(super) fn put(writer: &mut EventWriter<'_>, context: &Context<'_>, own_time: bool) {
    let count = writer.fields_len();
    let mut time: Option<(usize, Span)> = None;
    for at in 0..count {
        let view = writer.view();
        let field = view.fields()[at];
        let value = field.span();
        if !field.vendor
            || value.is_empty()
            || value.len() > u16::MAX.into()
            || matches!(field.kind, Kind::Null | Kind::Json)
        {
            continue;
        }
        let own;
        let name = match field.id {
            FieldId::UNNAMED => {
                own = view.own_name(&field);
                own
            }
            id => context.dictionary.name(id).as_bytes(),
        };
        let Some(squashed) = Squashed::of(name) else { continue };
        let text = view.value(&field);
        if own_time || !view.core().time_from_record {
            let rank = |name: &[u8]| TIMES.iter().position(|time| time.as_bytes() == name);
            // A name that a part of the document bears comes after those of the document, any other time last.
            let of_part = || rank(squashed.last()).map(|rank| TIMES.len() + rank);
            let other = || {
                let ends = [&b"time"[..], b"date", b"timestamp"].iter().any(|end| squashed.whole().ends_with(end));
                ends.then_some(2 * TIMES.len())
            };
            let rank = rank(squashed.whole()).or_else(of_part).or_else(other);
            if let Some(rank) = rank.filter(|&rank| time.is_none_or(|(best, _)| rank < best)) {
                if super::stamp::is_time(text) {
                    time = Some((rank, value));
                    continue;
                }
            }
        }
        if !writer.derives() {
            continue;
        }
        let found = BY_NAME.get(squashed.whole()).or_else(|| squashed.leaf().and_then(|leaf| BY_NAME.get(leaf)));
        match found {
            Some(&(id, how)) => put_value(writer, id, how, value, field.kind),
            // An address is one wherever it stands.
            None if (7..=45).contains(&text.len()) && crate::ip::parse(text).is_some() => {
                relate_span(writer, value, ecs::RELATED_IP);
            }
            None => {}
        }
    }
    if let Some((_, span)) = time {
        super::stamp::set(writer, context, span);
    }
}

fn put_value(writer: &mut EventWriter<'_>, id: FieldId, how: How, value: Span, kind: Kind) {
    let text = writer.bytes(value);
    if matches!(text, b"" | b"-" | b"null" | b"N/A" | b"---") {
        return;
    }
    let taken = writer.first(id).is_some();
    match how {
        Text | User | Host => {
            let related = match how {
                User => ecs::RELATED_USER,
                Host => ecs::RELATED_HOSTS,
                _ => FieldId::UNNAMED,
            };
            if kind == Kind::Bool {
                return;
            }
            if !taken {
                writer.put_span(id, value, Kind::Text, false);
            }
            if related != FieldId::UNNAMED {
                relate_span(writer, value, related);
            }
        }
        Ip => {
            if crate::ip::parse(text).is_some() {
                if !taken {
                    writer.put_ip_span(id, value);
                }
                relate_span(writer, value, ecs::RELATED_IP);
            } else {
                put_with_port(writer, id, value);
            }
        }
        Port => {
            if !taken && crate::number::parse_u64(text).is_some_and(|port| port <= 65_535) {
                writer.put_port_span(id, value);
            }
        }
        Number => {
            if !taken && crate::number::parse_i64(text).is_some() {
                writer.put_span(id, value, Kind::Number, false);
            }
        }
        Mac => {
            if let Some(mac) = mac_of(text).filter(|_| !taken) {
                writer.put(id, &mac);
            }
        }
        Hash => {
            let id = match text.len() {
                32 => ecs::FILE_HASH_MD5,
                40 => ecs::FILE_HASH_SHA1,
                64 => ecs::FILE_HASH_SHA256,
                128 => ecs::FILE_HASH_SHA512,
                _ => return,
            };
            if text.iter().all(u8::is_ascii_hexdigit) {
                if writer.first(id).is_none() {
                    writer.put_span(id, value, Kind::Text, false);
                }
                relate_span(writer, value, ecs::RELATED_HASH);
            }
        }
        Url => {
            if !taken && (text[0] == b'/' || memchr::memmem::find(text, b"://").is_some()) {
                url::put(writer, value);
            }
        }
        Transport => match transport_of(text) {
            Some((name, number)) if !taken => {
                writer.put_str(ecs::NETWORK_TRANSPORT, name);
                writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
            }
            None if writer.first(ecs::NETWORK_PROTOCOL).is_none() && kind == Kind::Text => {
                put_lower(writer, ecs::NETWORK_PROTOCOL, value);
            }
            _ => {}
        },
        Level => {
            let number = crate::number::parse_i64(text).is_some();
            let id = if number { ecs::EVENT_SEVERITY } else { ecs::LOG_LEVEL };
            if writer.first(id).is_none() {
                if number {
                    writer.put_span(id, value, Kind::Number, false);
                } else {
                    put_lower(writer, id, value);
                }
            }
        }
        Outcome => {
            let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()));
            let outcome = if is(&["success", "succeeded", "successful", "ok", "true", "passed", "completed"]) {
                "success"
            } else if is(&["failure", "failed", "fail", "error", "false", "denied", "unsuccessful"]) {
                "failure"
            } else {
                return;
            };
            if !taken {
                writer.put_str(id, outcome);
            }
        }
    }
}

/// `address:port` where an address is expected.
fn put_with_port(writer: &mut EventWriter<'_>, id: FieldId, value: Span) {
    let text = writer.bytes(value);
    let Some(colon) = memchr::memrchr(b':', text) else { return };
    let len = text.len();
    let bracketed = text[0] == b'[' && text[..colon].ends_with(b"]");
    let host = if bracketed { value.part(1..colon - 1) } else { value.part(0..colon) };
    if crate::ip::parse(writer.bytes(host)).is_none()
        || crate::number::parse_u64(&writer.bytes(value)[colon + 1..]).is_none()
    {
        return;
    }
    relate_span(writer, host, ecs::RELATED_IP);
    if writer.first(id).is_none() {
        writer.put_ip_span(id, host);
        let port = if id == ecs::SOURCE_IP { ecs::SOURCE_PORT } else { ecs::DESTINATION_PORT };
        if writer.first(port).is_none() {
            writer.put_port_span(port, value.part(colon + 1..len));
        }
    }
}
