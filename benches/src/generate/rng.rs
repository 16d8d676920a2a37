//! The random numbers of the generator: SplitMix64, and Zipf ranks from an integer alias table.
//!
//! Own code, because the bytes of a seed must stay the same for years: library generators change their
//! algorithms between versions, and floating-point `exp` differs between C libraries.

/// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit state, passes BigCrush, two multiplications a draw.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator for one purpose: `seed` is the user's, `lane` tells streams apart, `index` the chunk.
    #[must_use]
    pub fn new(seed: u64, lane: u64, index: u64) -> Self {
        let mut rng = Rng(seed ^ lane.wrapping_mul(0xA24B_AED4_963E_E407));
        let mixed = rng.draw() ^ index.wrapping_mul(0x9FB2_1C65_1E98_DF25);
        let mut rng = Rng(mixed);
        rng.draw();
        rng
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound` (> 0), by multiplication: the bias is below 2⁻³² for the bounds used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0, "an empty range has no member");
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `share` of 1,000 draws.
    pub fn per_mille(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }

    /// One of `items`.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len() as u64) as usize]
    }

    /// A size whose logarithm is uniform: most small, few large, at most `2^bits`.
    pub fn size(&mut self, bits: u64) -> u64 {
        let length = self.range(6, bits);
        (1 << (length - 1)) + self.below(1 << (length - 1))
    }
}

/// The finaliser of SplitMix64: a bijection on 64 bits.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Ranks `0..RANKS` with Zipf's law, exponent 1: rank r is drawn in proportion to 1/(r+1).
#[derive(Debug)]
pub struct Zipf {
    /// Per column: the share of 2³² that stays, and the rank that takes the rest (Walker's alias method).
    columns: Vec<(u32, u32)>,
}

/// Members of each Zipf-distributed population (users, inside and outside addresses).
/// A power of two, so that an odd multiplication scatters ranks over it without a collision.
pub const RANKS: usize = 1 << 17;

impl Zipf {
    /// Builds the alias table in integers, so that it is the same on every machine.
    #[must_use]
    pub fn new() -> Self {
        let weights: Vec<u64> = (1..=RANKS as u64).map(|rank| (1 << 40) / rank).collect();
        let total: u64 = weights.iter().sum();
        // Each column holds `total` parts; a rank's weight is spread over RANKS of them.
        let mut parts: Vec<u64> = weights.iter().map(|weight| weight * RANKS as u64).collect();
        let mut columns = vec![(u32::MAX, 0); RANKS];
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..RANKS).partition(|&rank| parts[rank] < total);
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            let kept = (u128::from(parts[poor]) << 32) / u128::from(total);
            columns[poor] = (kept as u32, rich as u32);
            parts[rich] -= total - parts[poor];
            if parts[rich] < total {
                large.pop();
                small.push(rich);
            }
        }
        for rank in small.into_iter().chain(large) {
            columns[rank] = (u32::MAX, rank as u32);
        }
        Self { columns }
    }

    /// A rank below [`RANKS`].
    pub fn rank(&self, rng: &mut Rng) -> u32 {
        let bits = rng.draw();
        let column = (bits >> 32) as usize % RANKS;
        let (kept, alias) = self.columns[column];
        if bits as u32 <= kept { column as u32 } else { alias }
    }
}

impl Default for Zipf {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_follows_its_law() {
        let (zipf, mut rng) = (Zipf::new(), Rng::new(1, 2, 3));
        let mut counts = vec![0_u32; RANKS];
        for _ in 0..1_000_000 {
            counts[zipf.rank(&mut rng) as usize] += 1;
        }
        // The harmonic number of 131,072 is 12.36: rank 0 takes 8.09 %, rank 9 a tenth of that.
        assert!((79_000..83_000).contains(&counts[0]), "rank 0 drawn {} times", counts[0]);
        assert!((7_700..8_500).contains(&counts[9]), "rank 9 drawn {} times", counts[9]);
        assert!(counts[RANKS / 2..].iter().any(|&count| count > 0), "the tail is never drawn");
    }

    #[test]
    fn lanes_and_chunks_differ() {
        let first = Rng::new(1, 0, 0).draw();
        assert_ne!(first, Rng::new(1, 1, 0).draw());
        assert_ne!(first, Rng::new(1, 0, 1).draw());
        assert_ne!(first, Rng::new(2, 0, 0).draw());
    }
}
