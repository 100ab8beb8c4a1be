//! Ways to misbehave that do not depend on the job.

use std::hint::black_box;

use lagdoctor_sdk::{Error, log};

/// All tricks, with what each of them shows.
pub(crate) const TRICKS: [(&str, &str); 9] = [
    ("trap", "panics"),
    ("loop", "computes for ever"),
    ("recurse", "calls itself for ever"),
    ("grow", "takes all memory that it can get"),
    ("log-flood", "writes far more notes than anybody wants, then works as it should"),
    ("error-upstream", "says that the far side failed"),
    ("error-internal", "says that it failed itself"),
    ("error-made-up", "says something with a code that does not exist, and with control characters"),
    ("error-huge", "fails with a message of a mebibyte"),
];

/// Does the trick of this name, if there is one. Some tricks return; then the job goes on as usual.
///
/// # Errors
/// When that is the trick.
pub(crate) fn perform(mode: &str) -> Result<(), Error> {
    match mode {
        "trap" => panic!("this is what I was told to do"),
        "loop" => compute(),
        "recurse" => {
            black_box(recurse(black_box(1)));
            Ok(())
        }
        "grow" => grow(),
        "log-flood" => {
            for number in 0..100_000 {
                log::error(&format!("note {number}: {}", "la".repeat(500)));
            }
            Ok(())
        }
        "error-upstream" => Err(Error::new("upstream", "the far side answered 503")),
        "error-internal" => Err(Error::new("internal", "I do not know what I am doing")),
        "error-made-up" => Err(Error::new("out-of-cheese", "\u{1b}[2J\u{7}redo from start")),
        "error-huge" => Err(Error::new("upstream", "sorry ".repeat(175_000))),
        _ => Ok(()),
    }
}

fn compute() -> ! {
    let mut state = 1_u64;
    loop {
        state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if black_box(depth) == 0 { 0 } else { recurse(depth + 1) + frame[(depth % 64) as usize] }
}

fn grow() -> ! {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// The JSON Schema of a configuration `{"mode": ...}`. It lets any name pass, so that the plugin itself can refuse.
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "mode": {"type": "string", "default": "fine", "description": "What to do wrong"},
    "url": {"type": "string", "description": "Where to go, for modes that go somewhere"},
    "secret": {"type": "string", "description": "Name of the secret to go with"}
  }
}"#;

/// Refuses a mode that is neither `fine`, a trick, nor one of these.
///
/// # Errors
/// With code `bad-config`, naming all modes.
pub(crate) fn known(mode: &str, own: &[(&str, &str)]) -> Result<(), Error> {
    let all = || [("fine", "works as it should")].into_iter().chain(TRICKS).chain(own.iter().copied());
    if all().any(|(name, _)| name == mode) {
        return Ok(());
    }
    let list = all().map(|(name, what)| format!("{name} ({what})")).collect::<Vec<_>>().join(", ");
    Err(Error::new("bad-config", format!("there is no mode `{mode}`; there are {list}")))
}
