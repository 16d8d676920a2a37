//! What a member's path means, by whose document it is.
//!
//! The same path means different things in different documents: `dns.type` is the schema's in a
//! Filebeat document and Suricata's own in EVE. A document shows whose it is by members that its
//! vendor always writes; they are looked for before the walk, wherever they stand.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::dictionary::{Dictionary, FieldId};
use crate::ecs;
use crate::products::windows;

/// Whose document it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// Nobody's known: schema names at the root, all others under the namespace.
    Generic,
    /// Suricata EVE: every name is the vendor's.
    Suricata,
    /// A Windows event in one of its JSON shapes: event data by bare names.
    Windows,
    /// What stands around a product's document, whose members are written already: as [`Dialect::Generic`],
    /// but a schema name that has a value keeps it.
    Envelope,
}

/// Where a member is written.
pub(super) enum Name<'n> {
    /// Under the product's namespace, by id.
    Vendor(FieldId),
    /// At the root, under a schema name.
    Schema(FieldId),
    /// No dictionary holds the name.
    Unnamed {
        /// The name.
        name: &'n [u8],
        /// Under the product's namespace, or at the root.
        vendor: bool,
    },
}

/// The names that Noroshi writes itself: a record must not be able to put words into its mouth.
#[inline]
fn reserved(id: FieldId) -> bool {
    matches!(id, ecs::EVENT_ORIGINAL | ecs::EVENT_CREATED | ecs::TIMESTAMP)
}

static EVENT_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("EventID\""));

/// The member by which a document of Suricata's is told from one of Windows.
pub(super) const EVENT_TYPE: &[u8] = b"event_type";

impl Dialect {
    /// All, in order.
    pub(super) const ALL: [Dialect; 4] = [Dialect::Generic, Dialect::Suricata, Dialect::Windows, Dialect::Envelope];

    /// Judges a document by its members.
    pub(crate) fn of(text: &[u8]) -> Dialect {
        static OF_EVE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"event_type\""));
        static FLOW_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"flow_id\""));
        static STATS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"stats\""));
        static WINLOG: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"winlog"));
        static WAZUH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"win\""));
        static SRC_IP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"src_ip\""));
        static TIMESTAMP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"timestamp\""));
        if OF_EVE.find(text).is_some()
            && (FLOW_ID.find(text).is_some()
                || STATS.find(text).is_some()
                // Others that relay its alerts flatten them and name the time otherwise.
                || SRC_IP.find(text).is_some() && TIMESTAMP.find(text).is_some())
        {
            Dialect::Suricata
        } else if EVENT_ID.find(text).is_some() || WINLOG.find(text).is_some() || WAZUH.find(text).is_some() {
            Dialect::Windows
        } else {
            Dialect::Generic
        }
    }

    /// Whether the text looks like a document of Windows, unless a member [`EVENT_TYPE`] says otherwise.
    pub(super) fn may_be_windows(text: &[u8]) -> bool {
        EVENT_ID.find(text).is_some()
    }

    /// Where the member at `path` is written.
    #[inline]
    pub(super) fn name<'n>(self, path: &'n [u8], dictionary: &Dictionary) -> Name<'n> {
        match self {
            Dialect::Suricata => match dictionary.find(path) {
                Some(id) => Name::Vendor(id),
                None => Name::Unnamed { name: path, vendor: true },
            },
            Dialect::Generic | Dialect::Envelope => match dictionary.find(path) {
                Some(id) if id.index() < ecs::COUNT && !reserved(id) => Name::Schema(id),
                Some(id) => Name::Vendor(id),
                None => Name::Unnamed { name: path, vendor: true },
            },
            Dialect::Windows => windows_name(path, dictionary),
        }
    }
}

fn windows_name<'n>(path: &'n [u8], dictionary: &Dictionary) -> Name<'n> {
    if let Some(name) = path.strip_prefix(b"data.win.").or_else(|| path.strip_prefix(b"win.")) {
        return windows::wazuh_name(name, dictionary).map_or(Name::Unnamed { name: path, vendor: true }, Name::Vendor);
    }
    if let Some((name, of_system)) = windows::own_name(path) {
        let name = if of_system { windows::system_name(name) } else { name };
        return match dictionary.find(name) {
            Some(id) => Name::Vendor(id),
            None => Name::Unnamed { name, vendor: true },
        };
    }
    let dotted = memchr::memchr(b'.', path).is_some();
    match dictionary.find(path) {
        Some(ecs::TIMESTAMP) => Name::Vendor(ecs::TIMESTAMP),
        // The taxonomy is decided from the event, not taken from a shipper's older idea of it.
        Some(
            ecs::EVENT_ACTION
            | ecs::EVENT_CATEGORY
            | ecs::EVENT_TYPE
            | ecs::EVENT_KIND
            | ecs::EVENT_OUTCOME
            | ecs::EVENT_ORIGINAL
            | ecs::EVENT_CREATED,
        ) => Name::Unnamed { name: path, vendor: true },
        Some(id) if id.index() < ecs::COUNT || path.starts_with(b"winlog.") => Name::Schema(id),
        Some(id) => Name::Vendor(id),
        None => Name::Unnamed { name: path, vendor: !dotted || path.starts_with(b"noroshi.") },
    }
}
