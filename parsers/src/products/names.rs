//! Vendor names with ids, said once.
//!
//! A decoder lists the vendor names it writes; the list goes into its product's
//! row, and the ids come back as a struct of constants. Every [`Dictionary`] gives these
//! names the same ids, because it interns them first and in the order of the rows.

use std::sync::LazyLock;

use crate::dictionary::{Dictionary, FieldId};

static BASE: LazyLock<Dictionary> = LazyLock::new(Dictionary::new);

/// The id that every dictionary gives to a declared vendor name or a name of the schema.
pub(crate) fn id_of(name: &str) -> FieldId {
    BASE.find(name.as_bytes()).unwrap_or(FieldId::UNNAMED)
}

/// Declares `NAMES`, the list for the product's row, and `ids()`, a struct of the ids of those that
/// the decoder itself reads or writes. Those after `@also` only have ids.
macro_rules! vendor_names {
    ($($id:ident = $name:literal;)* $(@also $($other:literal)*)?) => {
        /// Every vendor name of this decoder.
        pub(crate) static NAMES: &[&str] = &[$($name,)* $($($other,)*)?];

        /// The ids of those of [`NAMES`] that the code speaks of.
        #[derive(Clone, Copy)]
        pub(crate) struct Ids { $(pub(crate) $id: $crate::dictionary::FieldId,)* }

        /// The ids of this decoder's names, the same in every dictionary.
        #[inline]
        pub(crate) fn ids() -> &'static Ids {
            static IDS: std::sync::LazyLock<Ids> =
                std::sync::LazyLock::new(|| Ids { $($id: $crate::products::names::id_of($name),)* });
            &IDS
        }
    };
}
pub(crate) use vendor_names;
