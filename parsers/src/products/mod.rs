//! One file a product: wire fields to ECS names, the vendor's own names kept beside them.

pub(crate) mod access_log;
pub(crate) mod auditd;
pub(crate) mod cisco_asa;
pub(crate) mod fields;
pub(crate) mod fortigate;
pub(crate) mod generic;
pub(crate) mod linux_auth;
pub(crate) mod names;
pub(crate) mod netfilter;
pub(crate) mod squid;
pub(crate) mod suricata;
pub(crate) mod targets;
pub(crate) mod url;
pub(crate) mod windows;

use crate::logsource::ProductId;

/// What is said of a product on every event of it.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Name used in config (`format = "cisco_asa"`) and on the command line.
    pub name: &'static str,
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
}

macro_rules! products {
    ($($id:ident = $name:literal $namespace:literal $module:literal $dataset:literal [$vendor:literal $product:literal $type:literal] $names:expr;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "numbers the constants below")]
        #[repr(u16)]
        enum Number { $($id,)* }

        $(
            #[doc = concat!("`", $name, "`")]
            pub const $id: ProductId = ProductId(Number::$id as u16);
        )*

        /// Every product; the first stands for none known.
        pub static PRODUCTS: &[Product] = &[
            $(Product { name: $name, namespace: $namespace, module: $module, dataset: $dataset, vendor: $vendor, product: $product, observer_type: $type, names: $names },)*
        ];
    };
}

products! {
    UNKNOWN = "unknown" "unknown" "" "" ["" "" ""] &[];
    SYSLOG = "syslog" "syslog" "system" "system.syslog" ["" "" ""] &[];
    JSON = "json" "json" "" "" ["" "" ""] generic::NAMES;
    KV = "kv" "kv" "" "" ["" "" ""] &[];
    CEF = "cef" "cef.extensions" "cef" "cef.log" ["" "" ""] crate::wire::cef::NAMES;
    LINUX_AUTH = "linux_auth" "system.auth" "system" "system.auth" ["" "" ""] linux_auth::NAMES;
    NETFILTER = "netfilter" "iptables" "iptables" "iptables.log" ["" "" ""] netfilter::NAMES;
    AUDITD = "auditd" "auditd.log" "auditd" "auditd.log" ["" "" ""] auditd::NAMES;
    CISCO_ASA = "cisco_asa" "cisco.asa" "cisco_asa" "cisco_asa.log" ["Cisco" "asa" "firewall"] cisco_asa::NAMES;
    FORTIGATE = "fortigate" "fortinet.firewall" "fortinet_fortigate" "fortinet_fortigate.log" ["Fortinet" "Fortigate" "firewall"] fortigate::NAMES;
    SURICATA = "suricata" "suricata.eve" "suricata" "suricata.eve" ["OISF" "Suricata" "ids"] suricata::NAMES;
    NGINX = "nginx" "nginx.access" "nginx" "nginx.access" ["" "" ""] access_log::NAMES;
    NGINX_ERROR = "nginx_error" "nginx.error" "nginx" "nginx.error" ["" "" ""] &[];
    APACHE = "apache" "apache.access" "apache" "apache.access" ["" "" ""] &[];
    APACHE_ERROR = "apache_error" "apache.error" "apache" "apache.error" ["" "" ""] &[];
    ACCESS_LOG = "access_log" "access_log" "" "" ["" "" ""] &[];
    SQUID = "squid" "squid.log" "squid" "squid.log" ["Squid" "Squid" "proxy"] squid::NAMES;
    WINDOWS = "windows" "winlog.event_data" "windows" "windows.forwarded" ["" "" ""] windows::NAMES;
    SYSMON = "sysmon" "winlog.event_data" "windows" "windows.sysmon_operational" ["" "" ""] &[];
}

impl ProductId {
    /// What is said of it.
    #[inline]
    pub fn get(self) -> &'static Product {
        PRODUCTS.get(usize::from(self.0)).unwrap_or(&PRODUCTS[0])
    }

    /// The product of a config name.
    pub fn by_name(name: &str) -> Option<ProductId> {
        PRODUCTS.iter().position(|product| product.name == name).map(|at| ProductId(at as u16))
    }
}

/// Every vendor name any decoder writes by id.
pub fn vendor_names() -> impl Iterator<Item = &'static str> {
    PRODUCTS.iter().flat_map(|product| product.names.iter().copied())
}
