//! The specification: every literal against the value, one after the other.

use crate::{At, Literal};

/// Whether `literal` stands in `value` where `at` says.
pub fn stands(at: At, literal: &[u8], value: &[u8]) -> bool {
    match at {
        At::Whole => value.eq_ignore_ascii_case(literal),
        At::Start => value.get(..literal.len()).is_some_and(|head| head.eq_ignore_ascii_case(literal)),
        At::End => {
            value.len().checked_sub(literal.len()).is_some_and(|from| value[from..].eq_ignore_ascii_case(literal))
        }
        At::Anywhere => {
            literal.is_empty() || value.windows(literal.len()).any(|window| window.eq_ignore_ascii_case(literal))
        }
    }
}

/// The places of those of `literals` that stand in `value`, in order.
pub fn find(literals: &[Literal], value: &[u8]) -> Vec<u32> {
    let standing = literals.iter().enumerate().filter(|(_, literal)| literal.stands_in(value));
    standing.map(|(at, _)| at as u32).collect()
}
