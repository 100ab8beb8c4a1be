//! Follows `docs/tutorial.md` literally, in a fresh folder: writes the files that it shows, runs the commands that it
//! shows, and compares what they print with what it shows. `…` stands for whatever differs. What it shows in other
//! languages is followed by `languages.rs`.
#![cfg(unix)]

#[path = "author/mod.rs"]
mod author;

use author::{Bench, Step, covers, follow, steps};

const TUTORIAL: &str = include_str!("../../../docs/tutorial.md");

#[test]
fn a_reader_who_follows_it_has_a_graded_scorer_in_the_end() {
    let steps = steps(TUTORIAL, None);
    assert!(steps.len() > 12, "the tutorial is read: {steps:?}");
    let home = tempfile::tempdir().unwrap();
    follow(&mut Bench::new(home.path()), &steps);
    assert!(home.path().join("replica-delay/replica-delay.wasm").exists());
}

#[test]
fn every_block_that_it_shows_is_of_a_kind_that_is_followed() {
    for (info, block) in author::blocks(TUTORIAL) {
        let word = info.split(' ').next().unwrap_or_default();
        assert!(["console", "rust", "diff", "toml"].contains(&word), "nobody follows ```{info}\n{}", block.join("\n"));
    }
}

mod reading {
    use super::*;

    #[test]
    fn a_block_is_read_as_its_kind_says() {
        let text = "# A\n```console\n$ a b\none\n$ cd c\n```\n```rust src/lib.rs\nfn x() {}\n```\n```toml\n$ no\n```\n\
                    ```console python\n$ d\ntwo\n```\n";
        let rust = [
            Step::Run("a b", vec!["one"]),
            Step::Run("cd c", vec![]),
            Step::Write("src/lib.rs", "fn x() {}\n".to_owned()),
        ];
        assert_eq!(steps(text, None), rust);
        assert_eq!(steps(text, Some("python")), [Step::Run("d", vec!["two"])]);
    }

    #[test]
    fn what_is_printed_is_compared_in_order_and_dots_stand_for_anything() {
        let printed = "built /tmp/a.wasm, 12 KiB\n\nnext:\n  check\n";
        assert_eq!(covers(&["built …/a.wasm, … KiB", "", "next:"], printed), Ok(()));
        assert_eq!(covers(&["…", "next:", "  check"], printed), Ok(()));
        assert_eq!(covers(&["next:", "built …"], printed), Err("built …".to_owned()));
        assert_eq!(covers(&["built …/b.wasm, … KiB"], printed), Err("built …/b.wasm, … KiB".to_owned()));
    }
}
