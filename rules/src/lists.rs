//! Long lists of a rule, asked as one.
//!
//! A rule may name hundreds of paths of which one will do. Asked one after the other they cost more than everything
//! else about an event; as [`AnyOf`] they cost a few looks.

use noroshi_pattern::{AnyOf, At, Literal};

use crate::fold::folded;
use crate::pattern::{Pattern, Piece};
use crate::rule::{Item, Test};

/// Fewest values that are asked as one.
const VALUES_MIN: usize = 6;

/// The values of `item` as one, if they are many plain ones of which any will do. It holds for values of ASCII: for
/// these, and no others, letters meet byte by byte.
pub(crate) fn of_item(item: &Item) -> Option<AnyOf> {
    let tests = || item.values.iter().flat_map(|value| &value.alternatives);
    if item.all || item.field.is_none() || tests().count() < VALUES_MIN {
        return None;
    }
    let literals: Option<Vec<Literal>> = tests()
        .map(|test| match test {
            Test::Text(pattern) => plain(pattern),
            _ => None,
        })
        .collect();
    literals.map(|literals| AnyOf::new(&literals))
}

fn plain(pattern: &Pattern) -> Option<Literal> {
    let (at, bytes): (At, &[u8]) = match pattern.pieces.as_slice() {
        _ if pattern.cased => return None,
        [] => (At::Whole, b""),
        [Piece::Literal(bytes)] => (At::Whole, bytes),
        [Piece::Literal(bytes), Piece::Any] => (At::Start, bytes),
        [Piece::Any, Piece::Literal(bytes)] => (At::End, bytes),
        [Piece::Any, Piece::Literal(bytes), Piece::Any] => (At::Anywhere, bytes),
        _ => return None,
    };
    Some(Literal::new(at, folded(bytes)))
}
