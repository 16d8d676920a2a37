//! OpenCanary honeypot events as JSON (OpenCanary documentation, "Alerting"; log types by number).

use super::fields::put_direction;
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `opencanary`.
pub(crate) static PRODUCT: Product = Product {
    name: "opencanary",
    title: "OpenCanary",
    document: "OpenCanary documentation: alerting, log types",
    namespace: "opencanary",
    module: "opencanary",
    dataset: "opencanary.events",
    json: &[&TABLE],
    detect: &[Detect::Members(&["logtype", "node_id", "dst_host", "src_host"], read)],
    ..Product::NONE
};

macro_rules! kinds {
    ($($number:literal $name:literal)*) => {
        OnlyMeans(&[$(($number, &[(ecs::EVENT_PROVIDER, $name)])),*])
    };
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::OPENCANARY,
    log_source: logsource::OPENCANARY,
    constants: &[
        (ecs::EVENT_KIND, "alert"),
        (ecs::EVENT_CATEGORY, "network"),
        (ecs::EVENT_CATEGORY, "intrusion_detection"),
        (ecs::EVENT_TYPE, "connection"),
    ],
    time: &[("utc_time", Clock::IsoUtc), ("local_time", Clock::Iso)],
    rows: &[
        (
            "logtype",
            ecs::EVENT_PROVIDER,
            kinds!(
                "1000" "LOG_BASE_BOOT" "1001" "LOG_BASE_MSG" "1002" "LOG_BASE_DEBUG" "1003" "LOG_BASE_ERROR"
                "1004" "LOG_BASE_PING" "1005" "LOG_BASE_CONFIG_SAVE" "1006" "LOG_BASE_EXAMPLE"
                "2000" "LOG_FTP_LOGIN_ATTEMPT" "2001" "LOG_FTP_AUTH_ATTEMPT_INITIATED"
                "3000" "LOG_HTTP_GET" "3001" "LOG_HTTP_POST_LOGIN_ATTEMPT" "3002" "LOG_HTTP_UNIMPLEMENTED_REQUEST"
                "3003" "LOG_HTTP_REDIRECT_REQUEST" "4000" "LOG_SSH_NEW_CONNECTION"
                "4001" "LOG_SSH_REMOTE_VERSION_SENT" "4002" "LOG_SSH_LOGIN_ATTEMPT" "5000" "LOG_SMB_FILE_OPEN"
                "5001" "LOG_PORT_SYN" "5002" "LOG_PORT_NMAPOS" "5003" "LOG_PORT_NMAPNULL" "5004" "LOG_PORT_NMAPXMAS"
                "5005" "LOG_PORT_NMAPFIN" "6001" "LOG_TELNET_LOGIN_ATTEMPT"
                "6002" "LOG_TELNET_CONNECTION_MADE" "7001" "LOG_HTTPPROXY_LOGIN_ATTEMPT"
                "8001" "LOG_MYSQL_LOGIN_ATTEMPT" "9001" "LOG_MSSQL_LOGIN_SQLAUTH" "9002" "LOG_MSSQL_LOGIN_WINAUTH"
                "9003" "LOG_MSSQL_CONNECTION_MADE" "10001" "LOG_TFTP" "11001" "LOG_NTP_MONLIST" "12001" "LOG_VNC"
                "13001" "LOG_SNMP_CMD" "14001" "LOG_RDP" "15001" "LOG_SIP_REQUEST" "16001" "LOG_GIT_CLONE_REQUEST"
                "17001" "LOG_REDIS_COMMAND" "18001" "LOG_TCP_BANNER_CONNECTION_MADE"
                "18002" "LOG_TCP_BANNER_KEEP_ALIVE_CONNECTION_MADE" "18003" "LOG_TCP_BANNER_KEEP_ALIVE_SECRET_RECEIVED"
                "18004" "LOG_TCP_BANNER_KEEP_ALIVE_DATA_RECEIVED" "18005" "LOG_TCP_BANNER_DATA_RECEIVED"
                "19001" "LOG_LLMNR_QUERY_RESPONSE"
            ),
        ),
        ("local_time", ecs::EVENT_START, Time(Clock::Iso)),
        ("src_host", ecs::SOURCE_ADDRESS, Text),
        ("src_host", ecs::SOURCE_IP, Ip),
        ("src_port", ecs::SOURCE_PORT, Port),
        ("dst_host", ecs::DESTINATION_ADDRESS, Text),
        ("dst_host", ecs::DESTINATION_IP, Ip),
        ("dst_port", ecs::DESTINATION_PORT, Port),
        ("logdata.USERNAME", ecs::USER_NAME, User),
        ("logdata.USER", ecs::USER_NAME, User),
        ("logdata.DOMAIN", ecs::USER_DOMAIN, Text),
        ("logdata.HOSTNAME", ecs::HOST_NAME, Text),
        ("logdata.PATH", ecs::URL_ORIGINAL, Url),
        ("logdata.USERAGENT", ecs::USER_AGENT_ORIGINAL, Text),
        ("logdata.LOCALNAME", ecs::DESTINATION_DOMAIN, Host),
        ("logdata.REMOTENAME", ecs::SOURCE_DOMAIN, Host),
        ("logdata.AUDITACTION", ecs::EVENT_ACTION, Text),
        ("logdata.FILENAME", ecs::FILE_PATH, Text),
    ],
    also: &[
        "local_time_adjusted",
        "logdata.PASSWORD",
        "logdata.CMD",
        "logdata.ARGS",
        "logdata.SHARENAME",
        "logdata.SKIN",
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    put_direction(writer);
    true
}
