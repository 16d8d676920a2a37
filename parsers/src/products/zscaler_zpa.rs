//! Zscaler Private Access, JSON of its Log Streaming Service (Zscaler Help: "About Log Streaming Service", log fields of User
//! Activity, User Status, App Connector Status, Browser Access and Audit).

use super::fields::put_network_type;
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY as C, EVENT_TYPE as T};
use crate::event::EventWriter;
use crate::time::take_ctime;
use crate::{ecs, products};

/// `zscaler_zpa`.
pub(crate) static PRODUCT: Product = Product {
    name: "zscaler_zpa",
    title: "Zscaler Private Access",
    document: "Zscaler Help: Log Streaming Service, log fields",
    namespace: "zscaler_zpa",
    module: "zscaler_zpa",
    dataset: "zscaler_zpa.log",
    vendor: "Zscaler",
    product: "Private Access",
    observer_type: "forwarder",
    names: NAMES,
    json: &[&AUDIT, &ACTIVITY, &STATUS, &CONNECTOR, &BROWSER],
    detect: &[
        Detect::Members(&["AuditOperationType", "ObjectType", "CustomerID"], read_audit),
        Detect::Members(&["ConnectionID", "ConnectionStatus", "ClientZEN"], read_activity),
        Detect::Members(&["SessionType", "Connector", "ZEN"], read_connector),
        Detect::Members(&["SessionStatus", "ZEN", "Username"], read_status),
        Detect::Members(&["ConnectionID", "Exporter", "TimestampRequestReceiveStart"], read_browser),
    ],
};

vendor_names! {
    stamp = "LogTimestamp";
    @also
    "SessionID" "InternalReason" "DoubleEncryption" "Policy" "ConnectorZEN" "Application" "AppGroup" "Server" "Idp"
    "ClientToClient" "AuditOldValue" "AuditNewValue" "ClientCountryCode" "TotalBytesRx" "TotalBytesTx" "PosturesHit"
    "PosturesMiss" "TrustedNetworks" "SAMLAttributes" "ConnectorGroup"
}

static AUDIT: JsonTable = JsonTable::new(Spec {
    product: products::ZSCALER_ZPA,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "iam")],
    time: &[("CreationTime", Clock::IsoUtc), ("ModifiedTime", Clock::IsoUtc)],
    rows: &[
        ("RequestID", ecs::EVENT_ID, Text),
        ("CustomerID", ecs::ORGANIZATION_ID, Text),
        (
            "AuditOperationType",
            T,
            OnlyMeans(&[
                ("Create", &[(T, "creation")]),
                ("Update", &[(T, "change")]),
                ("Delete", &[(T, "deletion")]),
                ("Sign In", &[(C, "authentication"), (T, "start")]),
                ("Sign Out", &[(C, "authentication"), (T, "end")]),
                ("Sign In Failure", &[(C, "authentication"), (T, "start"), (ecs::EVENT_OUTCOME, "failure")]),
                ("Download", &[(T, "access")]),
            ]),
        ),
        ("AuditOperationType", ecs::EVENT_ACTION, Slug),
        ("ModifiedBy", ecs::USER_ID, User),
        ("User", ecs::USER_NAME, User),
    ],
    ..Spec::NONE
});

static ACTIVITY: JsonTable = JsonTable::new(Spec {
    product: products::ZSCALER_ZPA,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "network"), (C, "iam"), (T, "info"), (T, "user"), (T, "connection")],
    rows: &[
        ("Customer", ecs::ORGANIZATION_NAME, Text),
        ("Username", ecs::USER_NAME, User),
        ("ConnectionStatus", ecs::EVENT_ACTION, Lower),
        ("TimestampConnectionStart", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("TimestampConnectionEnd", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("InternalReason", ecs::EVENT_REASON, Text),
        ("IPProtocol", ecs::NETWORK_IANA_NUMBER, Text),
        ("IPProtocol", ecs::NETWORK_TRANSPORT, Map(&[("6", "tcp"), ("17", "udp"), ("1", "icmp")])),
        ("ClientPublicIP", ecs::CLIENT_IP, Ip),
        ("ClientPrivateIP", ecs::CLIENT_NAT_IP, Ip),
        ("ClientZEN", ecs::RELATED_HOSTS, Set),
        ("ServerIP", ecs::SERVER_IP, Ip),
        ("ServerPort", ecs::SERVER_PORT, Port),
        ("Host", ecs::HOST_IP, Ips),
        ("Host", ecs::SERVER_ADDRESS, Text),
        ("ConnectorIP", ecs::OBSERVER_IP, Ips),
        ("Connector", ecs::OBSERVER_NAME, Text),
        ("ZENTotalBytesRxClient", ecs::CLIENT_BYTES, Number),
        ("ZENTotalBytesTxClient", ecs::SERVER_BYTES, Number),
        ("Policy", ecs::RULE_NAME, Text),
        ("Application", ecs::NETWORK_APPLICATION, Text),
    ],
    ..Spec::NONE
});

static STATUS: JsonTable = JsonTable::new(Spec {
    product: products::ZSCALER_ZPA,
    constants: &[(ecs::EVENT_KIND, "state"), (C, "iam"), (T, "info"), (T, "user")],
    rows: &[
        ("Customer", ecs::ORGANIZATION_NAME, Text),
        ("Username", ecs::USER_NAME, User),
        ("PublicIP", ecs::CLIENT_IP, Ip),
        ("PrivateIP", ecs::CLIENT_NAT_IP, Ip),
        ("Hostname", ecs::HOST_HOSTNAME, Host),
        ("Platform", ecs::HOST_OS_PLATFORM, Text),
        ("CertificateCN", ecs::X509_ISSUER_COMMON_NAME, Set),
        ("Version", ecs::OBSERVER_VERSION, Text),
        ("TimestampAuthentication", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("TimestampUnAuthentication", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("SessionStatus", ecs::EVENT_ACTION, Lower),
    ],
    ..Spec::NONE
});

static CONNECTOR: JsonTable = JsonTable::new(Spec {
    product: products::ZSCALER_ZPA,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "package"), (T, "info")],
    rows: &[
        ("Customer", ecs::ORGANIZATION_NAME, Text),
        ("PublicIP", ecs::OBSERVER_IP, Ips),
        ("DefRouteGW", ecs::CLIENT_NAT_IP, Ip),
        ("PrivateIP", ecs::RELATED_IP, Set),
        ("PrimaryDNSResolver", ecs::RELATED_IP, Set),
        ("Version", ecs::OBSERVER_VERSION, Text),
        ("Connector", ecs::OBSERVER_NAME, Text),
        ("Platform", ecs::OBSERVER_OS_NAME, Text),
        ("SessionStatus", ecs::EVENT_ACTION, Lower),
    ],
    ..Spec::NONE
});

static BROWSER: JsonTable = JsonTable::new(Spec {
    product: products::ZSCALER_ZPA,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "web"), (T, "access")],
    rows: &[
        ("Customer", ecs::ORGANIZATION_NAME, Text),
        ("NameID", ecs::USER_NAME, User),
        ("ConnectionID", ecs::EVENT_ID, Text),
        ("ClientPublicIp", ecs::CLIENT_IP, Ip),
        ("Host", ecs::URL_DOMAIN, Host),
        ("URL", ecs::URL_PATH, Text),
        ("Protocol", ecs::URL_SCHEME, Lower),
        ("Method", ecs::HTTP_REQUEST_METHOD, Text),
        ("UserAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("StatusCode", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("RequestSize", ecs::HTTP_REQUEST_BYTES, Number),
        ("ResponseSize", ecs::HTTP_RESPONSE_BYTES, Number),
    ],
    also: &["Exporter", "TimestampRequestReceiveStart"],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT.apply(writer, context)
}

fn read_activity(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    put_time(writer, context);
    ACTIVITY.apply(writer, context);
    put_network_type(writer);
    true
}

fn read_status(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    put_time(writer, context);
    STATUS.apply(writer, context)
}

fn read_connector(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    put_time(writer, context);
    CONNECTOR.apply(writer, context)
}

fn read_browser(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    put_time(writer, context);
    BROWSER.apply(writer, context)
}

/// `Fri May 31 17:35:42 2026`, in UTC.
fn put_time(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let Some(mut stamp) = writer.first(ids().stamp).and_then(take_ctime) else { return };
    stamp.offset_s = Some(0);
    context.set_stamp(writer, &stamp);
}
