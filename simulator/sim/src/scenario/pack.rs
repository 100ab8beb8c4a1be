//! Which scenarios does this program hold? Whoever is graded on them elsewhere names their version, and is told when it is
//! another. Start at [`builtin_version`].

/// The content of each version, the newest last: it is raised by adding a line, never by changing one.
const VERSIONS: [u64; 1] = [0x68b1_05b8_465d_e5e8];

/// The version of the scenarios that are built in, from 1: `builtin:public@1`. It is raised whenever any of them, or a
/// topology that they use, changes. What is made of them may change without it: each run has a hash of its own.
///
/// ```
/// assert!(lagdoctor_sim::builtin_version() >= 1);
/// ```
pub fn builtin_version() -> usize {
    VERSIONS.len()
}

#[cfg(test)]
mod tests {
    use super::super::{BUILTIN, USED};
    use super::*;

    /// FNV-1a over names and texts; apart from the hash that streams are drawn by, which may become another one.
    fn content(files: &[&[(&str, &str)]]) -> u64 {
        let words = files.iter().flat_map(|list| list.iter()).flat_map(|(name, text)| [*name, *text]);
        let bytes = words.flat_map(|word| word.bytes().chain([0]));
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn scenarios_that_changed_have_another_version() {
        let now = content(&[BUILTIN, USED]);
        assert!(
            VERSIONS.last() == Some(&now),
            "the scenarios are no longer those of builtin:public@{}: raise the version, by adding {now:#x} at the end of VERSIONS",
            VERSIONS.len()
        );
    }

    #[test]
    fn no_version_is_that_of_another() {
        let mut all = VERSIONS.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), VERSIONS.len());
    }

    #[test]
    fn a_word_more_or_elsewhere_is_another_content() {
        let check = |files: &[(&str, &str)]| content(&[files, &[("topo/a.toml", "x = 1")]]);
        let base = check(&[("one", "a = 1"), ("two", "b = 2")]);
        for other in [
            &[("one", "a = 1"), ("two", "b = 3")][..],
            &[("one", "a = 1"), ("tw", "ob = 2")],
            &[("one", "a = 1")],
            &[("two", "b = 2"), ("one", "a = 1")],
        ] {
            assert_ne!(check(other), base, "{other:?}");
        }
    }
}
