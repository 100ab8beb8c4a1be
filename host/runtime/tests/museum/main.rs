//! Do the plugins that authors have handed out still work? `plugins/museum` keeps components as they were built, and each
//! must load, be bound with the grants it asks for, and answer as it did; and the contract may only grow. What may change,
//! and what is done instead of a change that may not, is in `wit/README.md`.

mod answers;
mod catalogue;
mod contract;
#[cfg(unix)]
mod visit;

use std::collections::BTreeSet;

use catalogue::{Hall, Piece, halls};

/// Fails with all that was found, and with what is to be done about it.
fn check(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}\n  {}", found.join("\n  "));
}

/// All pieces of all versions.
fn pieces() -> Vec<Piece> {
    halls().iter().flat_map(|hall| hall.pieces().expect("the catalogue of the museum can be read")).collect()
}

#[test]
fn every_piece_is_the_one_that_was_built() {
    let found = pieces().iter().filter_map(|piece| piece.component().err()).collect();
    check(
        "A piece of the museum is never rebuilt, changed or replaced: it stands for components that authors have handed out \
         and that nobody can call back. Put the old file back (`git checkout`), and add what is new as another piece \
         (plugins/museum/README.md):",
        found,
    );
}

#[test]
fn every_folder_is_listed_and_every_listed_piece_is_there() {
    let found = halls().iter().flat_map(Hall::disagreements).collect();
    check("museum.toml lists what its folder holds (plugins/museum/README.md says how a piece is added):", found);
}

#[test]
fn each_world_is_there_with_the_sdk_and_without() {
    let pieces = pieces();
    let made = |with_sdk: bool| -> BTreeSet<&str> {
        pieces
            .iter()
            .filter(|piece| piece.label.sdk.is_some() == with_sdk)
            .map(|piece| piece.label.world.as_str())
            .collect()
    };
    let worlds = BTreeSet::from(["collector", "forecaster", "notifier", "ranker", "scorer"]);
    assert_eq!(made(true), worlds, "with the SDK");
    assert_eq!(made(false), worlds, "straight from wit-bindgen");
}

#[test]
fn every_error_code_has_been_answered() {
    let pieces = pieces();
    let calls = pieces.iter().flat_map(|piece| &piece.label.call);
    let answered: BTreeSet<&str> = calls.filter_map(|call| call.config["code"].as_str()).collect();
    let codes = [
        "bad-config",
        "bad-input",
        "internal",
        "made-up",
        "not-granted",
        "rate-limited",
        "unauthorised",
        "unreachable",
        "unsupported",
        "upstream",
    ];
    assert_eq!(answered, BTreeSet::from(codes));
}

#[test]
fn the_museum_stays_small() {
    let sizes: Vec<usize> = pieces().iter().map(|piece| piece.component().map_or(0, |bytes| bytes.len())).collect();
    assert!(sizes.iter().all(|size| *size <= 160 << 10), "a piece above 160 KiB: {sizes:?}");
    let total: usize = sizes.iter().sum();
    assert!(total <= 4 << 20, "{total} bytes in all; binaries stay in the history, so build them small");
}

#[test]
fn what_was_promised_stands_as_it_was() {
    let found = halls().iter().flat_map(|hall| contract::since(hall).broken).collect();
    check(
        "wit/ no longer says what was promised. A component that was built before is refused, whatever it does. Undo this. \
         What is new goes into `ext`, into a new imported function, or into a new interface; what cannot, needs a new \
         version of the package beside this one (wit/README.md, \"What may change, and what may not\"):",
        found,
    );
}

#[test]
fn what_was_added_to_the_contract_is_written_down() {
    for hall in halls() {
        let added = contract::since(&hall).added;
        let listed: Vec<String> = hall.catalogue.added.clone();
        assert_eq!(
            added,
            listed,
            "wit/ differs from what was published as {}. An addition that wit/README.md allows is written into `added` of {}, \
             with a new piece that uses it, so that nobody adds to the contract by accident",
            hall.version,
            hall.folder.join("museum.toml").display()
        );
    }
}

#[test]
fn every_word_of_the_vocabulary_means_what_it_meant() {
    let found = halls().iter().flat_map(contract::lost_words).collect();
    check(
        "A word is never removed, renamed or given another meaning, because plugins that were built before say it. Put it back; \
         what nobody should say any more keeps its entry (wit/README.md, \"What may change, and what may not\"):",
        found,
    );
}
