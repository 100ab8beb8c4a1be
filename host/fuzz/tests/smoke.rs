//! A few hundred inputs for each target, the same each time. `cargo xtask fuzz` tries others, and more of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lagdoctor_fuzz::{Seed, targets};

fn check(name: &str, cases: u64) {
    let mut target = targets::of(name).unwrap().unwrap_or_else(|| panic!("there is no target {name}"));
    for number in 0..cases {
        let inputs = target.generate(&mut Seed::new(number));
        let outcome = catch_unwind(AssertUnwindSafe(|| target.run(&inputs)));
        let how = format!("replay with `cargo xtask fuzz {name} --seed {number} --cases 1`");
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(what)) => panic!("{name} {number}: {what}; {how}"),
            Err(_) => panic!("{name} {number} panicked; {how}"),
        }
        assert_eq!(
            target.generate(&mut Seed::new(number)),
            inputs,
            "{name} {number}: the same seed gives the same input"
        );
    }
}

#[test]
fn components() {
    check("components", 60);
}

#[test]
fn bundles() {
    check("bundle", 200);
}

#[test]
fn configurations() {
    check("config", 500);
}

#[test]
fn manifests() {
    check("manifest", 60);
}

#[test]
fn records_of_offsets() {
    check("offsets", 20_000);
}

#[test]
fn answers_over_http() {
    check("http", 300);
}

#[test]
fn incidents_of_others() {
    check("import", 400);
}

#[test]
fn every_target_is_tried_here() {
    assert_eq!(targets::NAMES.len(), 7);
    for name in targets::NAMES {
        assert!(targets::of(name).unwrap().is_some(), "{name}");
    }
}
