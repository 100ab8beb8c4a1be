//! Seeded chance. One counter-based stream for each (node, purpose), so that a draw that is added or left out in one
//! shifts no draw of another: the run with a fault and the run without it are a fair pair. Start at [`Streams`].
//!
//! Every distribution takes exactly one uniform number, by its inverse, so that a changed parameter changes values and
//! never the place in the stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::numbers::{exp, normal_quantile};

/// All streams of one run.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    key: [u8; 32],
}

/// One stream.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    rng: ChaCha8Rng,
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        for (place, chunk) in key.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&mixed(seed.wrapping_add(place as u64)).to_le_bytes());
        }
        Self { key }
    }

    pub(crate) fn stream(&self, node: &str, purpose: &str) -> Stream {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(Hash::of(&[node.as_bytes(), purpose.as_bytes()]));
        Stream { rng }
    }
}

impl Stream {
    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `count`; 0 when there is nothing to choose from.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        ((self.unit() * count as f64) as u64).min(count.saturating_sub(1))
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// The standard normal distribution.
    pub(crate) fn normal(&mut self) -> f64 {
        normal_quantile(self.unit().max(1e-12))
    }

    /// A factor with median 1.
    pub(crate) fn factor(&mut self, sigma: f64) -> f64 {
        exp(sigma * self.normal())
    }

    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// How many of independent events happen when `mean` are expected. A larger mean never gives fewer.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        let unit = self.unit();
        if mean <= 0.0 {
            return 0;
        }
        if mean > 60.0 {
            let near = mean + libm::sqrt(mean) * normal_quantile(unit.max(1e-12));
            return libm::round(near.max(0.0)) as u64;
        }
        let (mut count, mut probability) = (0, exp(-mean));
        let mut below = probability;
        while unit > below && count < 1000 {
            count += 1;
            probability *= mean / count as f64;
            below += probability;
        }
        count
    }

    /// A share of a count, rounded up or down by chance so that its mean is exact.
    pub(crate) fn part(&mut self, count: u32, share: f64) -> u32 {
        let exact = f64::from(count) * share;
        let whole = libm::floor(exact);
        let up = self.unit() < exact - whole;
        (whole as u32 + u32::from(up)).min(count)
    }
}

/// The finaliser of SplitMix64.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a over 64 bits: for names of streams and to compare runs, not against an adversary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn of(parts: &[&[u8]]) -> u64 {
        let mut hash = Self::new();
        for part in parts {
            hash.add(part);
        }
        hash.finish()
    }

    /// Adds a part; its end counts, so that `ab`, `c` and `a`, `bc` differ.
    pub(crate) fn add(&mut self, part: &[u8]) {
        for byte in part.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn add_number(&mut self, number: u64) {
        self.0 = mixed(self.0 ^ number);
    }

    pub(crate) fn finish(self) -> u64 {
        mixed(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_two_purposes_differ_and_repeat() {
        let take = |purpose| {
            let mut stream = Streams::new(7).stream("orders-db", purpose);
            [stream.unit(), stream.unit()]
        };
        assert_eq!(take("exec"), take("exec"));
        assert_ne!(take("exec"), take("noise"));
    }

    #[test]
    fn distributions_have_the_moments_they_promise() {
        let mut stream = Streams::new(1).stream("a", "b");
        let count = 20_000;
        let mut check = |expected: f64, draw: fn(&mut Stream) -> f64| {
            let mean = (0..count).map(|_| draw(&mut stream)).sum::<f64>() / f64::from(count);
            assert!((mean - expected).abs() < 0.05 * expected.abs().max(1.0), "{mean} is not {expected}");
        };
        check(0.0, Stream::normal);
        check(1.0, |stream| {
            let z = stream.normal();
            z * z
        });
        check(3.3, |stream| stream.poisson(3.3) as f64);
        check(90.0, |stream| stream.poisson(90.0) as f64);
        check(2.0, |stream| stream.exponential(2.0));
        check(0.7, |stream| f64::from(stream.part(7, 0.1)));
    }

    #[test]
    fn more_load_never_gives_fewer_records_from_the_same_draw() {
        for seed in 0..200 {
            let draw = |mean| Streams::new(seed).stream("orders", "arrivals").poisson(mean);
            assert!(draw(3.0) <= draw(3.1) && draw(3.1) <= draw(30.0) && draw(30.0) <= draw(59.0));
        }
    }
}
