//! What is in a file of the cache, and is it whole? A header says what the code was made from, how long it is and which
//! digest it has. The digest is no signature: it tells damage and mix-ups from what was written. That nobody else wrote
//! it is what the folder is checked for.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use super::folder::OwnBytes;

/// Changes whenever the layout below does.
const MAGIC: &[u8; 32] = b"lagdoctor compiled component 1\n\0";
const HEADER: usize = 32 + 32 + 32 + 8 + 32;
/// How the names of all files of a cache end.
pub(super) const SUFFIX: &str = ".native";

/// What machine code follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    component: [u8; 32],
    engine: [u8; 32],
}

impl Key {
    /// The key of the component with this digest on this engine.
    pub(crate) fn new(component: [u8; 32], engine: &Engine) -> Self {
        let mut hasher = ByDigest(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { component, engine: hasher.0.finalize().into() }
    }

    /// The file that has it. Half of each digest is plenty for a name; the header has the whole.
    pub(super) fn file_name(&self) -> String {
        format!("{}-{}{SUFFIX}", hex(&self.component[..16]), hex(&self.engine[..16]))
    }
}

/// Whether a file of this name is one of a cache.
pub(super) fn is_file_name(name: &str) -> bool {
    let Some((component, engine)) = name.strip_suffix(SUFFIX).and_then(|stem| stem.split_once('-')) else {
        return false;
    };
    let is_hex = |part: &str| part.len() == 32 && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex(component) && is_hex(engine)
}

/// The standard hash of something as a digest that keeps two engines apart, which 64 bits would not surely do.
struct ByDigest(Sha256);

impl Hasher for ByDigest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What stands before this code.
pub(super) fn header(key: &Key, code: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let length = (code.len() as u64).to_le_bytes();
    let digest: [u8; 32] = Sha256::digest(code).into();
    let parts: [&[u8]; 5] = [MAGIC, &key.component, &key.engine, &length, &digest];
    let mut rest = &mut header[..];
    for part in parts {
        let (place, after) = std::mem::take(&mut rest).split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    header
}

/// Code that this user wrote for one key, whole. [`verify`] is the only way to one.
#[derive(Debug)]
pub(super) struct Verified<'a>(&'a [u8]);

impl Verified<'_> {
    /// The machine code.
    pub(super) fn code(&self) -> &[u8] {
        self.0
    }
}

/// Why a file is not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is something else, or of another version of this layout.
    Foreign,
    /// It was made from another component, or for another engine or processor.
    OtherKey,
    /// It has more or fewer bytes than it says.
    Length,
    /// Its bytes are not those that were written.
    Altered,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "it does not begin as a file of this cache",
            Self::OtherKey => "it was made from another component or for another engine",
            Self::Length => "it is shorter or longer than it says",
            Self::Altered => "its digest is wrong, so it was altered",
        })
    }
}

/// The code in a file of the cache, when it is whole and of this key.
pub(super) fn verify<'a>(key: &Key, bytes: &'a OwnBytes) -> Result<Verified<'a>, Flaw> {
    let bytes = bytes.as_slice();
    if !bytes.starts_with(MAGIC) {
        return Err(Flaw::Foreign);
    }
    let Some((head, code)) = bytes.split_at_checked(HEADER) else { return Err(Flaw::Length) };
    let expected = header(key, code);
    let (same_key, rest) = (head[..96] == expected[..96], &head[96..]);
    if !same_key {
        Err(Flaw::OtherKey)
    } else if rest[..8] != expected[96..104] {
        Err(Flaw::Length)
    } else if rest[8..] != expected[104..] {
        Err(Flaw::Altered)
    } else {
        Ok(Verified(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(component: u8, engine: u8) -> Key {
        Key { component: [component; 32], engine: [engine; 32] }
    }

    fn file(code: &[u8]) -> Vec<u8> {
        [&header(&key(1, 2), code)[..], code].concat()
    }

    fn check(bytes: Vec<u8>, key: Key) -> Result<Vec<u8>, Flaw> {
        verify(&key, &OwnBytes::claimed(bytes)).map(|verified| verified.code().to_vec())
    }

    #[test]
    fn what_was_written_is_read_under_its_own_key_alone() {
        assert_eq!(check(file(b"code"), key(1, 2)), Ok(b"code".to_vec()));
        assert_eq!(check(file(b"code"), key(1, 3)), Err(Flaw::OtherKey));
        assert_eq!(check(file(b"code"), key(3, 2)), Err(Flaw::OtherKey));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_apart() {
        assert_eq!(check(vec![], key(1, 2)), Err(Flaw::Foreign));
        assert_eq!(check(b"\x7fELF".to_vec(), key(1, 2)), Err(Flaw::Foreign));
        assert_eq!(check(file(b"code")[..HEADER - 1].to_vec(), key(1, 2)), Err(Flaw::Length));
        assert_eq!(check([&file(b"code")[..], b"s"].concat(), key(1, 2)), Err(Flaw::Length));
        let mut altered = file(b"code");
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(check(altered, key(1, 2)), Err(Flaw::Altered));
    }

    #[test]
    fn engines_that_compile_otherwise_have_other_keys() {
        let engine = |fuel: bool| Engine::new(wasmtime::Config::new().consume_fuel(fuel)).unwrap();
        assert_eq!(Key::new([1; 32], &engine(true)), Key::new([1; 32], &engine(true)));
        assert_ne!(Key::new([1; 32], &engine(true)), Key::new([1; 32], &engine(false)));
    }

    #[test]
    fn only_names_that_a_key_gives_are_names_of_the_cache() {
        assert!(is_file_name(&key(1, 2).file_name()));
        for name in ["", ".native", "a-b.native", "notes.txt", "..", ".new-1-1"] {
            assert!(!is_file_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_of_a_file_can_change_unnoticed(code in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, by in 1u8..) {
            let mut altered = file(&code);
            *at.get_mut(&mut altered) ^= by;
            prop_assert!(check(altered, key(1, 2)).is_err());
        }

        #[test]
        fn no_end_of_a_file_can_be_missing_unnoticed(code in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index) {
            let whole = file(&code);
            let cut = at.index(whole.len());
            prop_assert!(check(whole[..cut].to_vec(), key(1, 2)).is_err());
        }
    }
}
