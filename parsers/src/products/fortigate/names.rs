//! The keys of FortiOS logs, and the schema names that their values take besides.

use std::sync::LazyLock;

use crate::dictionary::FieldId;
use crate::ecs;
use crate::products::names::vendor_names;
use crate::products::targets::{Target, To, by_id};

vendor_names! {
    date = "date";
    time = "time";
    tz = "tz";
    eventtime = "eventtime";
    kind = "type";
    subtype = "subtype";
    action = "action";
    utmaction = "utmaction";
    app = "app";
    logdesc = "logdesc";
    status = "status";
    result = "result";
    proto = "proto";
    service = "service";
    sentbyte = "sentbyte";
    rcvdbyte = "rcvdbyte";
    sentpkt = "sentpkt";
    rcvdpkt = "rcvdpkt";
    ui = "ui";
    direction = "direction";
    dir = "dir";
    duration = "duration";
    url = "url";
    filename = "filename";
    tlsver = "tlsver";
    ipaddr = "ipaddr";
    ip = "ip";
    reqlength = "reqlength";
    resplength = "resplength";
    statuscode = "statuscode";
    @also
    "devname" "devid" "device_id" "vd" "logid" "log_id" "level" "pri" "eventtype" "msg" "srcip" "srcport" "srcintf"
    "srcintfrole" "src_int" "src" "src_port" "dstip" "dstport" "dstintf" "dstintfrole" "dst_int" "dst" "dst_port"
    "srccountry" "dstcountry" "sessionid" "session_id" "policyid" "policytype" "policyname" "poluuid" "trandisp"
    "transip" "transport" "tranip" "tranport" "appid" "appcat" "apprisk" "applist" "lanin" "lanout" "wanin" "wanout"
    "utmref" "countapp" "countav" "countweb" "countips" "countdns" "countssl" "countssh" "countff" "countdlp"
    "craction" "crscore" "crlevel" "osname" "srcswversion" "mastersrcmac" "srcmac" "srcserver" "dstmac"
    "masterdstmac" "dstserver" "devtype" "devcategory" "srchwvendor" "srcfamily" "dstdevtype" "dstosname" "srcname"
    "dstname" "unauthuser" "unauthusersource" "user" "group" "authserver" "profile" "profiletype" "cat" "catdesc"
    "hostname" "reqtype" "method" "agent" "referralurl" "sentdelta" "rcvddelta" "shapersentname" "vpn" "vpntype"
    "vwlid" "vwlquality" "severity" "attack" "attackid" "attackcontext" "attackcontextid" "incidentserialno" "ref"
    "virus" "virusid" "viruscat" "dtype" "quarskip" "checksum" "filehash" "filehashsrc" "filesize" "filetype"
    "analyticscksum" "analyticssubmit" "from" "to" "subject" "sender" "recipient" "cc" "attachment" "qname" "qtype"
    "qtypeval" "qclass" "xid" "rcode" "remip" "remport" "locip" "locport" "outintf" "cookies" "xauthuser" "xauthgroup"
    "vpntunnel" "tunnelip" "tunnelid" "tunneltype" "dst_host" "stage" "role" "init" "mode" "reason" "error_num"
    "adminprof" "sn" "cfgtid" "cfgpath" "cfgobj" "cfgattr" "name" "fctuid" "count" "interface" "authproto"
    "cpu" "mem" "totalsession" "disk" "bandwidth" "setuprate" "sni" "cipher" "scertcname" "scertissuer" "certhash"
    "kxproto" "kxcurve" "authalgo" "handshake" "forwardedfor" "eventsubtype" "eventid" "identifier" "radioband"
    "ap" "ssid" "stamac" "channel" "assigned" "mac" "lease" "dhcp_msg" "nextstat" "advpnsc" "srcregion" "dstregion"
    "srcuuid" "dstuuid" "dstinetsvc" "srcreputation" "dstreputation" "srcthreatfeed" "dstthreatfeed" "comment"
    "httpmethod" "rawdata" "srcdomain" "httpcode" "operation" "path" "server" "process" "urlsource" "urltype"
    "ruleid" "rulename" "filtername" "filteridx" "filtertype" "ratemethod" "trueclntip" "hostname_dns" "keyword"
}

/// Names as Elastic's fortinet_fortigate integration maps them. Where
/// several keys fill one name, the first in the record does.
static TARGETS: &[Target] = &[
    ("logid", ecs::EVENT_CODE, To::Text),
    ("log_id", ecs::EVENT_CODE, To::Text),
    ("eventtype", ecs::EVENT_ACTION, To::Text),
    ("level", ecs::LOG_LEVEL, To::Text),
    ("msg", ecs::MESSAGE, To::Text),
    ("tz", ecs::EVENT_TIMEZONE, To::Text),
    ("reason", ecs::EVENT_REASON, To::Text),
    ("ref", ecs::EVENT_REFERENCE, To::Text),
    ("eventid", ecs::EVENT_ID, To::Text),
    ("logdesc", ecs::RULE_DESCRIPTION, To::Text),
    ("devname", ecs::OBSERVER_NAME, To::Text),
    ("devid", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    ("device_id", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    ("srcintf", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("src_int", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("interface", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("dstintf", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    ("dst_int", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    ("srcip", ecs::SOURCE_IP, To::Ip),
    ("src", ecs::SOURCE_IP, To::Ip),
    ("locip", ecs::SOURCE_IP, To::Ip),
    ("srcport", ecs::SOURCE_PORT, To::Port),
    ("src_port", ecs::SOURCE_PORT, To::Port),
    ("locport", ecs::SOURCE_PORT, To::Port),
    ("dstip", ecs::DESTINATION_IP, To::Ip),
    ("dst", ecs::DESTINATION_IP, To::Ip),
    ("remip", ecs::DESTINATION_IP, To::Ip),
    ("dstport", ecs::DESTINATION_PORT, To::Port),
    ("dst_port", ecs::DESTINATION_PORT, To::Port),
    ("remport", ecs::DESTINATION_PORT, To::Port),
    ("transip", ecs::SOURCE_NAT_IP, To::Ip),
    ("transport", ecs::SOURCE_NAT_PORT, To::Port),
    ("tranip", ecs::DESTINATION_NAT_IP, To::Ip),
    ("tranport", ecs::DESTINATION_NAT_PORT, To::Port),
    ("sentbyte", ecs::SOURCE_BYTES, To::Number),
    ("rcvdbyte", ecs::DESTINATION_BYTES, To::Number),
    ("sentpkt", ecs::SOURCE_PACKETS, To::Number),
    ("rcvdpkt", ecs::DESTINATION_PACKETS, To::Number),
    ("srcmac", ecs::SOURCE_MAC, To::Mac),
    ("stamac", ecs::SOURCE_MAC, To::Mac),
    ("dstmac", ecs::DESTINATION_MAC, To::Mac),
    ("user", ecs::SOURCE_USER_NAME, To::Text),
    ("unauthuser", ecs::SOURCE_USER_NAME, To::Text),
    ("group", ecs::SOURCE_USER_GROUP_NAME, To::Text),
    ("adminprof", ecs::USER_ROLES, To::Set),
    ("proto", ecs::NETWORK_IANA_NUMBER, To::Text),
    ("app", ecs::NETWORK_APPLICATION, To::Text),
    ("policyid", ecs::RULE_ID, To::Text),
    ("policyname", ecs::RULE_NAME, To::Text),
    ("attack", ecs::RULE_NAME, To::Text),
    ("poluuid", ecs::RULE_UUID, To::Text),
    ("policytype", ecs::RULE_RULESET, To::Text),
    ("profile", ecs::RULE_RULESET, To::Text),
    ("applist", ecs::RULE_RULESET, To::Text),
    ("appcat", ecs::RULE_CATEGORY, To::Text),
    ("catdesc", ecs::RULE_CATEGORY, To::Text),
    ("hostname", ecs::URL_DOMAIN, To::Text),
    ("agent", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("httpmethod", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("referralurl", ecs::HTTP_REQUEST_REFERRER, To::Text),
    ("qname", ecs::DNS_QUESTION_NAME, To::Text),
    ("qtype", ecs::DNS_QUESTION_TYPE, To::Text),
    ("qclass", ecs::DNS_QUESTION_CLASS, To::Text),
    ("xid", ecs::DNS_ID, To::Text),
    ("filesize", ecs::FILE_SIZE, To::Number),
    ("filetype", ecs::FILE_EXTENSION, To::Text),
    ("filehash", ecs::FILE_HASH_SHA256, To::Text),
    ("from", ecs::EMAIL_FROM_ADDRESS, To::Set),
    ("to", ecs::EMAIL_TO_ADDRESS, To::Set),
    ("subject", ecs::EMAIL_SUBJECT, To::Text),
    ("sender", ecs::EMAIL_SENDER_ADDRESS, To::Text),
    ("sni", ecs::TLS_CLIENT_SERVER_NAME, To::Text),
    ("cipher", ecs::TLS_CIPHER, To::Text),
    ("kxcurve", ecs::TLS_CURVE, To::Text),
    ("scertissuer", ecs::TLS_SERVER_ISSUER, To::Text),
    ("dtype", ecs::VULNERABILITY_CATEGORY, To::Set),
];

/// The table by field id.
#[inline]
pub(crate) fn targets() -> &'static [Option<(FieldId, To)>] {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}
