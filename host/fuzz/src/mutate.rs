//! Changes bytes as transmission, malice and old versions do: a bit, a number at the edge, a piece moved, doubled or gone.

use crate::Seed;

/// Longest result, in bytes.
const MAX: usize = 1 << 20;
/// Numbers at which readers go wrong.
const EDGES: [u64; 10] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];

/// The bytes after one to eight changes. `words` are pieces that mean something to the reader.
pub fn mutate(seed: &mut Seed, bytes: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=seed.below(8) {
        change(seed, &mut bytes, words);
        bytes.truncate(MAX);
    }
    bytes
}

fn change(seed: &mut Seed, bytes: &mut Vec<u8>, words: &[&[u8]]) {
    let (at, other) = (seed.below(bytes.len()), seed.below(bytes.len()));
    let (from, to) = (at.min(other), at.max(other).min(at.min(other) + 4096));
    match seed.below(9) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << seed.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = seed.draw() as u8;
            }
        }
        2 => {
            let edge = seed.pick(&EDGES).copied().unwrap_or_default();
            let edge = if seed.one_in(2) { edge.to_le_bytes() } else { edge.to_be_bytes() };
            let width = [1, 2, 4, 8][seed.below(4)];
            for (place, byte) in bytes.iter_mut().skip(at).take(width).enumerate() {
                *byte = edge[place];
            }
        }
        3 => drop(bytes.drain(from..to)),
        4 => bytes.truncate(at),
        5 => {
            let piece = bytes[from..to].to_vec();
            splice(bytes, at, &piece.repeat(1 + seed.below(16)));
        }
        6 => {
            let count = 1 + seed.below(16);
            let noise = seed.bytes(count);
            splice(bytes, at, &noise);
        }
        7 => {
            let piece = bytes[from..to].to_vec();
            let end = (other + piece.len()).min(bytes.len());
            bytes.splice(other..end.max(other), piece);
        }
        _ => {
            if let Some(word) = seed.pick(words) {
                splice(bytes, at, word);
            }
        }
    }
}

fn splice(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let at = at.min(bytes.len());
    bytes.splice(at..at, piece.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let of = |number| mutate(&mut Seed::new(number), b"the quick brown fox", &[b"word"]);
        assert_eq!((0..200).map(of).collect::<Vec<_>>(), (0..200).map(of).collect::<Vec<_>>());
        assert!((0..200).map(of).any(|bytes| bytes != of(0)));
    }

    #[test]
    fn even_nothing_can_be_changed() {
        for number in 0..500 {
            mutate(&mut Seed::new(number), b"", &[]);
            mutate(&mut Seed::new(number), b"x", &[b""]);
        }
    }
}
