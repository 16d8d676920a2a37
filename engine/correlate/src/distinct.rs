//! Counting distinct values: exactly up to a cap, above it with HyperLogLog.
//!
//! Both are functions of the set of values, so the count does not depend on
//! arrival. The switch depends on the size of the set alone, never on memory.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::image::{Damaged, ImageReader, ImageWriter, Saved};

/// Distinct values of a finding counted exactly; above it the number is an estimate with a standard error of 0.8 %.
/// Ten thousand users or ports leave no doubt about a spray or a scan, and cost 320 KiB.
pub const VALUES_EXACT_MAX: usize = 10_000;

/// Index bits: 2^14 registers, 16 KiB.
const PRECISION: u32 = 14;
const REGISTERS: usize = 1 << PRECISION;
/// Ranks run from 0 to this.
const RANK_MAX: usize = 64 - PRECISION as usize + 1;

/// HyperLogLog with the improved estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog
/// sketches" (arXiv:1702.01284, algorithm 6), which needs no bias table.
#[derive(Clone, Debug)]
struct HyperLogLog {
    registers: Box<[u8]>,
}

impl HyperLogLog {
    fn new() -> HyperLogLog {
        HyperLogLog { registers: vec![0; REGISTERS].into_boxed_slice() }
    }

    /// The value is a digest already, yet perhaps of a weak hash: it is mixed once more.
    fn insert(&mut self, value: &[u8; 16]) {
        let hash = crate::key::stable_hash(value);
        let index = (hash >> (64 - PRECISION)) as usize;
        let rank = ((hash << PRECISION).leading_zeros() + 1).min(RANK_MAX as u32) as u8;
        self.registers[index] = self.registers[index].max(rank);
    }

    fn estimate(&self) -> u64 {
        let mut of_rank = [0u32; RANK_MAX + 1];
        for &rank in &self.registers {
            of_rank[usize::from(rank)] += 1;
        }
        let m = REGISTERS as f64;
        let mut z = m * tau(1.0 - f64::from(of_rank[RANK_MAX]) / m);
        for &registers in of_rank[1..RANK_MAX].iter().rev() {
            z = 0.5 * (z + f64::from(registers));
        }
        z += m * sigma(f64::from(of_rank[0]) / m);
        (m * m / (2.0 * std::f64::consts::LN_2 * z)).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// A set of values of which only the size is asked.
#[derive(Clone, Debug)]
pub(crate) enum Distinct {
    Exact(HashSet<[u8; 16], FixedState>),
    Approximate(Sketch),
}

/// The registers of a set that outgrew the exact count.
#[derive(Clone, Debug)]
pub(crate) struct Sketch(HyperLogLog);

impl<E: Clone> Saved<E> for Distinct {
    fn save(&self, to: &mut ImageWriter<E>) {
        match self {
            Distinct::Exact(values) => {
                to.put(&false);
                to.put(values);
            }
            Distinct::Approximate(sketch) => {
                to.put(&true);
                to.raw(&sketch.0.registers);
            }
        }
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        if !from.take::<bool>()? {
            return Ok(Distinct::Exact(from.take()?));
        }
        let registers: Box<[u8]> = from.raw()?.into();
        let fits = registers.len() == REGISTERS && registers.iter().all(|&rank| usize::from(rank) <= RANK_MAX);
        if fits {
            Ok(Distinct::Approximate(Sketch(HyperLogLog { registers })))
        } else {
            Err(Damaged("a sketch is of another size"))
        }
    }
}

impl Distinct {
    pub(crate) fn new() -> Distinct {
        Distinct::Exact(HashSet::with_hasher(FixedState::with_seed(0)))
    }

    pub(crate) fn insert(&mut self, value: [u8; 16]) {
        match self {
            Distinct::Approximate(sketch) => sketch.0.insert(&value),
            Distinct::Exact(values) => {
                values.insert(value);
                if values.len() > VALUES_EXACT_MAX {
                    let mut sketch = HyperLogLog::new();
                    values.iter().for_each(|value| sketch.insert(value));
                    *self = Distinct::Approximate(Sketch(sketch));
                }
            }
        }
    }

    pub(crate) fn count(&self) -> crate::ValueCount {
        match self {
            Distinct::Exact(values) => crate::ValueCount { number: values.len() as u64, approximate: false },
            Distinct::Approximate(sketch) => {
                crate::ValueCount { number: sketch.0.estimate().max(VALUES_EXACT_MAX as u64 + 1), approximate: true }
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Distinct::Exact(values) => values.allocation_size(),
            Distinct::Approximate(_) => REGISTERS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(n: u64) -> [u8; 16] {
        let mut value = [0u8; 16];
        value[..8].copy_from_slice(&n.to_le_bytes());
        value
    }

    #[test]
    fn exact_to_the_cap_and_close_above_it() {
        let mut distinct = Distinct::new();
        for n in 0..VALUES_EXACT_MAX as u64 {
            distinct.insert(value(n));
            distinct.insert(value(n / 2));
        }
        assert_eq!(distinct.count(), crate::ValueCount { number: 10_000, approximate: false });
        for (upto, tolerance) in [(10_001, 0.03), (30_000, 0.03), (100_000, 0.03), (1_000_000, 0.03)] {
            (0..upto).for_each(|n| distinct.insert(value(n)));
            let count = distinct.count();
            assert!(count.approximate);
            let error = (count.number as f64 - upto as f64).abs() / upto as f64;
            assert!(error < tolerance, "{upto}: {count:?}");
        }
    }

    #[test]
    fn the_estimate_is_a_function_of_the_set() {
        let (mut up, mut down) = (Distinct::new(), Distinct::new());
        (0..20_000).for_each(|n| up.insert(value(n)));
        (0..20_000).rev().for_each(|n| (0..2).for_each(|_| down.insert(value(n))));
        assert_eq!(up.count(), down.count());
    }
}
