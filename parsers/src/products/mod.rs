//! One file a product: wire fields to ECS names, the vendor's own names kept beside them.

pub(crate) mod access_log;
pub(crate) mod atlassian;
pub(crate) mod auditd;
pub(crate) mod auth0;
pub(crate) mod aws_access;
pub(crate) mod aws_cloudtrail;
pub(crate) mod aws_guardduty;
pub(crate) mod aws_route53;
pub(crate) mod aws_vpcflow;
pub(crate) mod aws_waf;
pub(crate) mod azure;
pub(crate) mod barracuda;
pub(crate) mod bind;
pub(crate) mod bitdefender;
pub(crate) mod carbon_black;
pub(crate) mod checkpoint;
pub(crate) mod cisco_asa;
pub(crate) mod cisco_duo;
pub(crate) mod cisco_ftd;
pub(crate) mod cisco_ios;
pub(crate) mod cisco_ise;
pub(crate) mod cisco_meraki;
pub(crate) mod cisco_secure_email;
pub(crate) mod cisco_secure_endpoint;
pub(crate) mod cisco_umbrella;
pub(crate) mod citrix_adc;
pub(crate) mod cloudflare;
pub(crate) mod columns;
pub(crate) mod command_line;
pub(crate) mod coredns;
pub(crate) mod crowdstrike;
pub(crate) mod csv_table;
pub(crate) mod cyberark_pas;
pub(crate) mod darktrace;
pub mod delimited;
pub(crate) mod dhcpd;
pub(crate) mod dnsmasq;
pub(crate) mod eset_protect;
pub(crate) mod f5_bigip;
pub(crate) mod falco;
pub(crate) mod fields;
pub(crate) mod file_integrity;
pub(crate) mod forgerock;
pub(crate) mod fortigate;
pub(crate) mod gcp;
pub(crate) mod generic;
pub(crate) mod github_audit;
pub(crate) mod gitlab;
pub(crate) mod google_workspace;
pub(crate) mod haproxy;
pub(crate) mod hashicorp_vault;
pub(crate) mod iis;
pub(crate) mod infoblox;
pub(crate) mod istio;
pub(crate) mod jamf_protect;
pub(crate) mod json_table;
pub(crate) mod juniper_srx;
pub(crate) mod klog;
pub(crate) mod kubernetes_audit;
pub(crate) mod kv_table;
pub(crate) mod linux_auth;
pub(crate) mod linux_daemon;
pub(crate) mod m365_defender;
pub(crate) mod mimecast;
pub(crate) mod mongodb;
pub(crate) mod ms_dhcp;
pub(crate) mod ms_dns_debug;
pub(crate) mod mssql;
pub(crate) mod mysql;
pub(crate) mod names;
pub(crate) mod netfilter;
pub(crate) mod netflow;
pub(crate) mod network;
pub(crate) mod o365_audit;
pub(crate) mod okta;
pub(crate) mod onelogin;
pub(crate) mod opencanary;
pub(crate) mod oracle;
pub(crate) mod osquery;
pub(crate) mod package_log;
pub(crate) mod panos;
pub(crate) mod patch_state;
pub(crate) mod pfsense;
pub(crate) mod postgresql;
pub(crate) mod proofpoint_tap;
pub(crate) mod qnap;
pub(crate) mod redis;
pub(crate) mod santa;
pub(crate) mod sentinel_one;
pub(crate) mod service_log;
pub(crate) mod slack;
pub(crate) mod snort;
pub(crate) mod sonicwall;
pub(crate) mod sophos_xg;
pub(crate) mod squid;
pub(crate) mod suricata;
pub(crate) mod symantec_endpoint;
pub(crate) mod targets;
#[cfg(test)]
mod template;
pub(crate) mod text;
pub(crate) mod text_template;
pub(crate) mod trend_micro_deep_security;
pub(crate) mod trend_micro_vision_one;
pub(crate) mod unbound;
pub(crate) mod url;
pub(crate) mod vectra;
pub(crate) mod watchguard;
pub(crate) mod windows;
pub(crate) mod zeek;
pub(crate) mod zscaler_zia;
pub(crate) mod zscaler_zpa;

use crate::decode::Context;
use crate::event::EventWriter;
use crate::logsource::ProductId;
use crate::wire::syslog::Header;

/// A product: what is said of it on every event, and how its records are told from others.
///
/// A product's file declares one and [`PRODUCTS`] lists it; nothing else has to be touched.
#[derive(Clone, Copy)]
pub struct Product {
    /// Name used in config (`format = "cisco_asa"`) and on the command line.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The document its decoder follows.
    pub document: &'static str,
    /// Where the vendor's own names are written: `cisco.asa` puts `x` at `cisco.asa.x`.
    pub namespace: &'static str,
    /// `event.module`.
    pub module: &'static str,
    /// `event.dataset`.
    pub dataset: &'static str,
    /// `observer.vendor`, where the product observes others.
    pub vendor: &'static str,
    /// `observer.product`.
    pub product: &'static str,
    /// `observer.type`.
    pub observer_type: &'static str,
    /// The vendor names its decoder writes, so that they have ids.
    pub names: &'static [&'static str],
    /// Tables whose members are names too.
    pub(crate) json: &'static [&'static json_table::JsonTable],
    /// The marks its records bear.
    pub(crate) detect: &'static [Detect],
}

impl Product {
    /// What a declaration leaves out.
    pub(crate) const NONE: Product = Product {
        name: "",
        title: "",
        document: "",
        namespace: "",
        module: "",
        dataset: "",
        vendor: "",
        product: "",
        observer_type: "",
        names: &[],
        json: &[],
        detect: &[],
    };
}

/// Reads a message, or a whole line; `false` = it is not of this product, and nothing was written.
pub(crate) type ReadText = for<'a> fn(&mut EventWriter<'a>, &Context<'_>, &Header<'a>) -> bool;

/// Reads a JSON object whose members are written already; `false` = it is not of this product.
pub(crate) type ReadMembers = fn(&mut EventWriter<'_>, &Context<'_>) -> bool;

/// A mark that a vendor documents, and who reads the records that bear it. Products are asked in the
/// order of [`PRODUCTS`], for the first kind that fits in the order below; the first to say yes has the record.
#[derive(Clone, Copy)]
pub(crate) enum Detect {
    /// The whole record, before a syslog header is looked for, begins with one of these bytes.
    Line(&'static str, ReadText),
    /// The JSON object has all of these members, by dotted path.
    Members(&'static [&'static str], ReadMembers),
    /// The APP-NAME or TAG of the header.
    App(&'static [&'static str], ReadText),
    /// One of these stands near the start of the message. At least three bytes each.
    Mark(&'static [&'static str], ReadText),
    /// The message behind the header begins with one of these bytes.
    Shape(&'static str, ReadText),
}

macro_rules! products {
    ($($(#[$when:meta])? $id:ident = $product:path;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "numbers the constants below")]
        #[repr(u16)]
        enum Number { $($(#[$when])? $id,)* }

        $(
            $(#[$when])?
            #[doc = concat!("`", stringify!($product), "`")]
            pub const $id: ProductId = ProductId(Number::$id as u16);
        )*

        /// Every product; the first stands for none known.
        pub static PRODUCTS: &[&Product] = &[$($(#[$when])? &$product,)*];
    };
}

static UNKNOWN_PRODUCT: Product =
    Product { name: "unknown", title: "Records of no known product", namespace: "unknown", ..Product::NONE };

products! {
    UNKNOWN = UNKNOWN_PRODUCT;
    SYSLOG = generic::SYSLOG;
    JSON = generic::JSON;
    KV = generic::KV;
    CEF = crate::wire::cef::PRODUCT;
    LEEF = crate::wire::leef::PRODUCT;
    LINUX_AUTH = linux_auth::PRODUCT;
    LINUX_DAEMON = linux_daemon::PRODUCT;
    NETFILTER = netfilter::PRODUCT;
    AUDITD = auditd::PRODUCT;
    CISCO_ASA = cisco_asa::PRODUCT;
    CISCO_FTD = cisco_ftd::PRODUCT;
    CISCO_IOS = cisco_ios::PRODUCT;
    CISCO_NEXUS = cisco_ios::NEXUS;
    CISCO_AIRONET = cisco_ios::AIRONET;
    CISCO_MERAKI = cisco_meraki::PRODUCT;
    CISCO_ISE = cisco_ise::PRODUCT;
    FORTIGATE = fortigate::PRODUCT;
    FORTIPROXY = fortigate::FORTIPROXY;
    PANOS = panos::PRODUCT;
    CHECKPOINT = checkpoint::PRODUCT;
    SOPHOS_XG = sophos_xg::PRODUCT;
    SONICWALL = sonicwall::PRODUCT;
    F5_BIGIP = f5_bigip::PRODUCT;
    CITRIX_ADC = citrix_adc::PRODUCT;
    JUNIPER_SRX = juniper_srx::PRODUCT;
    ISC_DHCP = dhcpd::PRODUCT;
    UNBOUND = unbound::PRODUCT;
    PFSENSE = pfsense::PRODUCT;
    ZSCALER_ZIA = zscaler_zia::PRODUCT;
    SURICATA = suricata::PRODUCT;
    NGINX = access_log::NGINX;
    NGINX_ERROR = access_log::NGINX_ERROR;
    APACHE = access_log::APACHE;
    APACHE_ERROR = access_log::APACHE_ERROR;
    ACCESS_LOG = access_log::ACCESS_LOG;
    SQUID = squid::PRODUCT;
    IIS = iis::PRODUCT;
    IIS_ERROR = iis::ERROR;
    HAPROXY = haproxy::PRODUCT;
    SNORT = snort::PRODUCT;
    ZEEK = zeek::PRODUCT;
    TREND_MICRO_VISION_ONE = trend_micro_vision_one::PRODUCT;
    TREND_MICRO_DEEP_SECURITY = trend_micro_deep_security::PRODUCT;
    SENTINEL_ONE = sentinel_one::PRODUCT;
    M365_DEFENDER = m365_defender::PRODUCT;
    HASHICORP_VAULT = hashicorp_vault::PRODUCT;
    KUBERNETES_AUDIT = kubernetes_audit::PRODUCT;
    OSQUERY = osquery::PRODUCT;
    MONGODB = mongodb::PRODUCT;
    CROWDSTRIKE_FDR = crowdstrike::FDR;
    CROWDSTRIKE_FALCON = crowdstrike::FALCON;
    CARBONBLACK_EDR = carbon_black::EDR;
    CARBON_BLACK_CLOUD = carbon_black::CLOUD;
    CYBERARK_PAS = cyberark_pas::PRODUCT;
    MS_DHCP = ms_dhcp::PRODUCT;
    MS_DNS_DEBUG = ms_dns_debug::PRODUCT;
    PACKAGE_LOG = package_log::PRODUCT;
    PATCH_STATE = patch_state::PRODUCT;
    WAZUH_FIM = file_integrity::WAZUH;
    FILE_INTEGRITY = file_integrity::REPORT;
    WINDOWS = windows::PRODUCT;
    SYSMON = windows::SYSMON;
    AWS_CLOUDTRAIL = aws_cloudtrail::PRODUCT;
    O365_AUDIT = o365_audit::PRODUCT;
    GITHUB_AUDIT = github_audit::PRODUCT;
    AZURE_SIGNIN = azure::SIGNIN;
    AZURE_AUDIT = azure::AUDIT;
    AZURE_ACTIVITY = azure::ACTIVITY;
    AZURE_PLATFORM = azure::PLATFORM;
    AZURE_GRAPH = azure::GRAPH;
    AZURE_RISK = azure::RISK;
    AZURE_PROVISIONING = azure::PROVISIONING;
    #[cfg(test)]
    TEMPLATE = template::PRODUCT;
    POSTGRESQL = postgresql::PRODUCT;
    MYSQL = mysql::PRODUCT;
    MYSQL_ENTERPRISE = mysql::AUDIT;
    MSSQL = mssql::PRODUCT;
    ORACLE = oracle::PRODUCT;
    REDIS = redis::PRODUCT;
    BIND = bind::PRODUCT;
    KEA = dhcpd::KEA;
    DNSMASQ = dnsmasq::PRODUCT;
    COREDNS = coredns::PRODUCT;
    INFOBLOX = infoblox::PRODUCT;
    NETFLOW = netflow::PRODUCT;
    FLOW_CSV = delimited::FLOW;
    BADGE_CSV = delimited::BADGE;
    CSV = delimited::PRODUCT;
    GCP_AUDIT = gcp::AUDIT;
    GCP_VPCFLOW = gcp::VPC_FLOW;
    GCP_FIREWALL = gcp::FIREWALL;
    GCP_DNS = gcp::DNS;
    OKTA = okta::PRODUCT;
    GOOGLE_WORKSPACE = google_workspace::PRODUCT;
    AWS_GUARDDUTY = aws_guardduty::PRODUCT;
    AWS_SECURITYHUB = aws_guardduty::SECURITY_HUB;
    AWS_WAF = aws_waf::PRODUCT;
    AWS_NETWORK_FIREWALL = aws_waf::FIREWALL;
    AWS_VPCFLOW = aws_vpcflow::PRODUCT;
    AWS_ROUTE53 = aws_route53::PUBLIC;
    AWS_ROUTE53_RESOLVER = aws_route53::RESOLVER;
    CISCO_DUO = cisco_duo::PRODUCT;
    ATLASSIAN_AUDIT = atlassian::PRODUCT;
    AUTH0 = auth0::PRODUCT;
    AWS_ELB = aws_access::ELB;
    AWS_S3ACCESS = aws_access::S3;
    AWS_CLOUDFRONT = aws_access::CLOUDFRONT;
    CLOUDFLARE_AUDIT = cloudflare::AUDIT;
    CLOUDFLARE_HTTP = cloudflare::HTTP;
    CLOUDFLARE_GATEWAY = cloudflare::GATEWAY;
    SLACK_AUDIT = slack::PRODUCT;
    ONE_PASSWORD = slack::ONE_PASSWORD;
    WATCHGUARD_FIREBOX = watchguard::PRODUCT;
    CISCO_SECURE_ENDPOINT = cisco_secure_endpoint::PRODUCT;
    GITLAB = gitlab::PRODUCT;
    MIMECAST = mimecast::PRODUCT;
    BITDEFENDER = bitdefender::PRODUCT;
    FALCO = falco::PRODUCT;
    SYSDIG_SECURE = falco::SYSDIG;
    VECTRA_DETECT = vectra::PRODUCT;
    FORGEROCK = forgerock::PRODUCT;
    PROOFPOINT_TAP = proofpoint_tap::PRODUCT;
    OPENCANARY = opencanary::PRODUCT;
    ESET_PROTECT = eset_protect::PRODUCT;
    KAFKA = service_log::KAFKA;
    RABBITMQ = service_log::RABBITMQ;
    ACTIVEMQ = service_log::ACTIVEMQ;
    KEYCLOAK = service_log::KEYCLOAK;
    CISCO_UMBRELLA = cisco_umbrella::PRODUCT;
    ISTIO = istio::PRODUCT;
    NGINX_INGRESS = access_log::NGINX_INGRESS;
    TOMCAT = access_log::TOMCAT;
    KLOG = klog::PRODUCT;
    CISCO_SECURE_EMAIL = cisco_secure_email::PRODUCT;
    JAMF_PROTECT = jamf_protect::PRODUCT;
    SANTA = santa::PRODUCT;
    ZSCALER_ZPA = zscaler_zpa::PRODUCT;
    DARKTRACE = darktrace::PRODUCT;
    BARRACUDA_CGF = barracuda::PRODUCT;
    SYMANTEC_ENDPOINT = symantec_endpoint::PRODUCT;
    QNAP = qnap::PRODUCT;
    MYSQL_AUDIT_XML = mysql::XML;
    MARIADB_AUDIT = mysql::MARIADB;
    ONELOGIN = onelogin::PRODUCT;
}

/// Schema fields by product, as its golden records yield them: `name: field field …`, a line each. A test keeps it true.
static YIELDS: &str = include_str!("yields.txt");

impl Product {
    /// The fields of the schema that its records were seen to yield, sorted.
    pub fn yields(&self) -> impl Iterator<Item = &'static str> + use<> {
        let line = YIELDS.lines().find_map(|line| line.strip_prefix(self.name)?.strip_prefix(": "));
        line.unwrap_or_default().split(' ').filter(|field| !field.is_empty())
    }
}

impl ProductId {
    /// What is said of it.
    #[inline]
    pub fn get(self) -> &'static Product {
        PRODUCTS.get(usize::from(self.0)).copied().unwrap_or(PRODUCTS[0])
    }

    /// The product of a config name.
    pub fn by_name(name: &str) -> Option<ProductId> {
        PRODUCTS.iter().position(|product| product.name == name).map(|at| ProductId(at as u16))
    }
}

/// Every vendor name any decoder writes by id.
pub fn vendor_names() -> impl Iterator<Item = &'static str> {
    PRODUCTS.iter().flat_map(|product| {
        let marks = product.detect.iter().flat_map(|detect| match *detect {
            Detect::Members(names, _) => names,
            _ => &[],
        });
        let tables = product.json.iter().flat_map(|table| table.names());
        product.names.iter().copied().chain(tables).chain(marks.copied())
    })
}
