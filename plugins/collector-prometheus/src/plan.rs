//! What is left to read, as a token that the host hands back for the next page.

use std::fmt;

use lagdoctor_sdk::{Error, code};

use crate::dialect::Source;

/// Most shards of a signal; series that need more are too many for this way of reading.
pub(crate) const MOST_SHARDS: u32 = 64;

/// Part of the series of a signal, by the fingerprints of their labels. Where a signal has more series than fit into
/// memory, its shards are read one after the other. One that is still too large is halved while it is read, so that no
/// answer is read in vain: its lower half is what has been kept, and its upper half comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) index: u32,
    /// A power of two.
    pub(crate) of: u32,
}

impl Shard {
    /// All series.
    pub(crate) const WHOLE: Self = Self { index: 0, of: 1 };

    /// Its lower half, if it may be halved.
    pub(crate) fn halved(self) -> Option<Self> {
        (self.of < MOST_SHARDS).then_some(Self { of: self.of * 2, ..self })
    }

    /// What comes after this, if not all has been read: the upper half of what it is the lower half of, or of what that
    /// is the lower half of, and so on.
    pub(crate) fn next(self) -> Option<Self> {
        let mut part = self;
        while part.of > 1 {
            let half = part.of / 2;
            if part.index < half {
                return Some(Self { index: part.index + half, ..part });
            }
            part = Self { index: part.index - half, of: half };
        }
        None
    }

    /// Whether a series whose labels have this fingerprint belongs here.
    pub(crate) fn holds(self, fingerprint: u64) -> bool {
        fingerprint % u64::from(self.of) == u64::from(self.index)
    }
}

/// A number that labels share with hardly any others (FNV-1a).
pub(crate) fn fingerprint<'l>(labels: impl Iterator<Item = &'l (String, String)>) -> u64 {
    let parts = labels.flat_map(|(name, value)| [name, value]);
    let bytes = parts.flat_map(|part| part.bytes().chain([0xff]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV know little of the last bytes; the high ones know them all.
    hash ^ (hash >> 32)
}

/// Sources still to be read, in order, the first signal's from a shard on. As text `1:0/1/240:12.0,13.0`: a version, the
/// shard, the points, then place and alternative of each source.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) shard: Shard,
    /// How many points of a series to ask for in one question about the first signal; 0 for all.
    pub(crate) points: usize,
    pub(crate) sources: Vec<Source>,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}/{}/{}:", self.shard.index, self.shard.of, self.points)?;
        for (index, source) in self.sources.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}.{}", source.place, source.alternative)?;
        }
        Ok(())
    }
}

impl Token {
    /// Of these sources, from the beginning.
    pub(crate) fn first(sources: Vec<Source>) -> Self {
        Self { shard: Shard::WHOLE, points: 0, sources }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::new(code::BAD_INPUT, "the page token is not one of this plugin; begin again with the first page")
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (shard, list) = text.strip_prefix("1:")?.split_once(':')?;
        let (index, of) = shard.split_once('/')?;
        let (of, points) = of.split_once('/')?;
        let points = points.parse().ok()?;
        let shard = Shard { index: index.parse().ok()?, of: of.parse().ok()? };
        let source = |pair: &str| {
            let (place, alternative) = pair.split_once('.')?;
            Source::at(place.parse().ok()?, alternative.parse().ok()?)
        };
        let sources = list.split(',').map(source).collect::<Option<Vec<Source>>>()?;
        (shard.index < shard.of && shard.of <= MOST_SHARDS && shard.of.is_power_of_two()).then_some(Self {
            shard,
            points,
            sources,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went() {
        let token = Token::parse("1:2/8/60:0.0,7.0").unwrap();
        assert_eq!(token.to_string(), "1:2/8/60:0.0,7.0");
        assert_eq!((token.shard, token.points, token.sources[1].place), (Shard { index: 2, of: 8 }, 60, 7));
    }

    #[test]
    fn a_token_of_another_version_or_place_is_refused() {
        for text in [
            "",
            "1:",
            "1:0/1/0:",
            "2:0/1:0.0",
            "1:0/1/0:0",
            "1:0/1/0:0.9",
            "1:0/1/0:99999.0",
            "1:1/1/0:0.0",
            "1:0/0/0:0.0",
            "1:0/3/0:0.0",
            "1:0/1:0.0",
            "1:0/1/x:0.0",
            "1:0/999/0:0.0",
        ] {
            assert!(Token::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_series_is_in_one_shard_and_shards_are_about_alike() {
        let mut counts = [0_u32; 8];
        for partition in 0..8000 {
            let labels = [("topic".to_owned(), "orders".to_owned()), ("partition".to_owned(), partition.to_string())];
            let print = fingerprint(labels.iter());
            let shards: Vec<u32> = (0..8).filter(|index| Shard { index: *index, of: 8 }.holds(print)).collect();
            assert_eq!(shards.len(), 1);
            counts[shards[0] as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    proptest::proptest! {
        #[test]
        fn shards_that_follow_each_other_hold_every_fingerprint_once_however_they_are_halved(
            prints in proptest::collection::btree_set(0..u64::MAX, 0..100),
            halvings in proptest::collection::vec(0..4_u8, 1..40),
        ) {
            let mut held = Vec::new();
            let mut part = Some(Shard::WHOLE);
            let mut halvings = halvings.into_iter().cycle();
            while let Some(mut shard) = part {
                for _ in 0..halvings.next().unwrap_or(0) {
                    shard = shard.halved().unwrap_or(shard);
                }
                held.extend(prints.iter().copied().filter(|print| shard.holds(*print)));
                part = shard.next();
            }
            held.sort_unstable();
            proptest::prop_assert_eq!(held, prints.into_iter().collect::<Vec<_>>());
        }
    }
}
