//! Whether any of many literals stands in a value: a list of a rule, asked as one.

use crate::edges::Edges;
use crate::inside::{Inside, literals_by_piece};
use crate::sparse::{self, Sparse};
use crate::{At, Literal};

/// Many literals of which one is enough. Needs no scratch.
#[derive(Debug)]
pub struct AnyOf {
    /// One of them is empty and stands everywhere.
    always: bool,
    edges: Option<Edges>,
    sparse: Option<Sparse>,
    inside: Option<Inside>,
}

impl AnyOf {
    /// Prepares `literals`.
    pub fn new(literals: &[Literal]) -> Self {
        let all = || literals.iter().map(|literal| (0, literal)).filter(|(_, literal)| !literal.bytes.is_empty());
        let whole = literals.iter().filter(|literal| literal.bytes.is_empty() && literal.at == At::Whole);
        let edges: Vec<_> =
            all().filter(|(_, literal)| literal.at != At::Anywhere).chain(whole.map(|literal| (0, literal))).collect();
        let inside: Vec<_> = all()
            .filter(|(_, literal)| literal.at == At::Anywhere)
            .map(|(number, literal)| (number, &*literal.bytes))
            .collect();
        let literals_with = literals_by_piece(&inside);
        let (long, inside): (Vec<_>, Vec<_>) =
            inside.into_iter().partition(|(_, literal)| literal.len() >= sparse::LITERAL_MIN);
        AnyOf {
            always: literals.iter().any(|literal| literal.bytes.is_empty() && literal.at != At::Whole),
            edges: (!edges.is_empty()).then(|| Edges::new(&edges)),
            sparse: (!long.is_empty()).then(|| Sparse::new(&long, &literals_with)),
            inside: (!inside.is_empty()).then(|| Inside::new(&inside, &literals_with)),
        }
    }

    /// Whether any of them stands in `value`, where it must.
    pub fn stands_in(&self, value: &[u8]) -> bool {
        let mut any = self.always;
        if let Some(edges) = &self.edges {
            edges.find(value, &mut |_| any = true);
        }
        if let Some(sparse) = self.sparse.as_ref().filter(|_| !any) {
            sparse.find(value, &mut (), &mut |_| any = true);
        }
        if let Some(inside) = self.inside.as_ref().filter(|_| !any) {
            inside.find(value, &mut (), &mut |_| any = true);
        }
        any
    }
}
