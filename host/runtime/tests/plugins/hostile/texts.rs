//! Texts that would do something to whoever reads them: control characters, terminals' escape sequences, floods.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};

use lagdoctor_runtime::Operator;

use crate::guest::Guest;
use crate::{at, batch, bound, host_with, limits, operator, query};

/// What a terminal obeys: colours, the title of the window, the clipboard, a bell, a turned direction, a new line.
const EVIL: &str =
    "a\u{1b}[31mb\u{1b}]0;title\u{7}c\u{1b}]52;c;cm0gLXJm\u{7}d\u{202e}e\u{2066}f\rg\nh\u{9b}2Ji\u{0}j\u{2028}k";

fn is_harmless(text: &str) -> bool {
    let obeyed = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    !text.chars().any(obeyed)
}

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<u8>>>);

impl io::Write for Book {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a future gives, and all that is logged meanwhile, down to the finest detail.
pub(crate) async fn logged<T>(future: impl Future<Output = T>) -> (T, String) {
    let book = Book::default();
    let writer = book.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // The test has one thread, so what is set for the thread is set for the test.
    let guard = tracing::subscriber::set_default(subscriber);
    let outcome = future.await;
    drop(guard);
    let bytes = book.0.lock().unwrap().clone();
    (outcome, String::from_utf8(bytes).unwrap())
}

/// A scorer that logs this text so many times.
fn chatty(text: &str, times: u32) -> Guest {
    let mut guest = Guest::new("scorer", "");
    guest.top = r#"(import "lagdoctor:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#.to_owned();
    let at = guest.image.place(text.as_bytes());
    let answer = guest.image.findings(&[]);
    guest.job = format!(
        "(local $n i32) (local.set $n (i32.const {times}))
         (loop (call $log (i32.const 17) (i32.const {at}) (i32.const {}))
               (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         (i32.const {answer})",
        text.len()
    );
    guest
}

#[tokio::test]
async fn a_log_line_does_nothing_to_the_terminal_and_cannot_pass_for_two() {
    let bound = bound(chatty(EVIL, 1)).await;
    let (outcome, log) = logged(bound.score(&batch())).await;
    assert_eq!(outcome.unwrap(), []);
    assert!(is_harmless(&log) && log.contains("plugin=\"mine\""), "{log:?}");
    assert_eq!(log.lines().filter(|line| line.contains("31mb")).count(), 1, "{log}");
    assert!(
        log.lines().all(|line| line.contains("ERROR") || line.contains("TRACE") || line.contains("DEBUG")),
        "{log}"
    );
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_off_and_counted() {
    let bound = bound(chatty(&"la".repeat(50), 10_000)).await;
    let (outcome, log) = logged(bound.score(&batch())).await;
    assert_eq!(outcome.unwrap(), []);
    assert_eq!(log.lines().filter(|line| line.contains("lala")).count(), 100);
    assert!(log.contains("log lines beyond the limit were dropped") && log.contains("lines=9900"), "{log}");
    assert!(log.len() < 64 << 10, "{} bytes were logged", log.len());
}

#[tokio::test]
async fn personal_data_in_a_log_line_is_redacted() {
    let bound = bound(chatty("login of user=alice from alice@example.com", 1)).await;
    let (_, log) = logged(bound.score(&batch())).await;
    assert!(log.contains("login of user=<user:1>") && !log.contains("alice"), "{log}");
}

#[tokio::test]
async fn what_a_finding_an_error_or_a_name_says_does_nothing_to_the_terminal() {
    let guest = Guest::scorer(|image| {
        let finding = image.finding(0.5, "log", EVIL, EVIL);
        format!("i32.const {}", image.findings(&[finding]))
    });
    let batch = batch();
    let findings = bound(guest).await.score(&batch).await.unwrap();
    assert!(is_harmless(&findings[0].statement), "{:?}", findings[0].statement);
    assert!(batch.gaps().iter().all(|gap| is_harmless(&gap.statement)), "{:?}", batch.gaps());

    let guest = Guest::scorer(|image| format!("i32.const {}", image.error(EVIL, EVIL)));
    let error = bound(guest).await.score(&batch).await.unwrap_err();
    assert!(is_harmless(&error.statement), "{error}");

    for change in [
        (|guest| guest.name = EVIL.to_owned()) as fn(&mut Guest),
        |guest| guest.signals = vec!["jvm.\u{202e}"],
        |guest| guest.grants = vec![("secret", "a\u{202e}b")],
        |guest| guest.grants = vec![(EVIL, "x")],
        |guest| guest.schema = EVIL.to_owned(),
    ] {
        let mut guest = Guest::new("scorer", "unreachable");
        change(&mut guest);
        let said = host_with(limits()).load(EVIL, &guest.build()).await.unwrap_err().to_string();
        assert!(is_harmless(&said), "{said:?}");
    }
}

#[tokio::test]
async fn a_host_that_looks_like_another_is_shown_for_what_it_is() {
    let mut guest = Guest::new("collector", "unreachable");
    // The first letter is Cyrillic.
    guest.grants = vec![("http", "https://\u{430}pple.example")];
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    assert_eq!(plugin.manifest().grants[0].value, "https://xn--pple-43d.example");
}

#[tokio::test]
async fn names_that_a_collector_gives_are_refused_or_cleaned() {
    let mut guest = Guest::new("collector", "");
    let image = &mut guest.image;
    let labels = [image.text(EVIL), image.text(EVIL)].concat();
    let labels = image.list(1, &labels);
    let node = |image: &mut crate::guest::Image, name: &str| {
        [image.text("service"), image.text(name), labels.clone(), image.none()].concat()
    };
    let nodes = [node(image, EVIL), node(image, "a\u{202e}b"), node(image, "plain")].concat();
    let event =
        [0i64.to_le_bytes().to_vec(), image.text(EVIL), image.text(EVIL), labels.clone(), image.none()].concat();
    let (nodes, events) = (image.list(3, &nodes), image.list(1, &event));
    let gap = [image.text(EVIL), image.text(EVIL), image.none()].concat();
    let gaps = image.list(1, &gap);
    let page = [vec![0; 16], events, nodes, vec![0; 8], gaps, vec![0; 16]].concat();
    let answer = image.place(&[vec![0; 4], page].concat());
    guest.job = format!("i32.const {answer}");
    let plugin = host_with(limits()).load("test.wasm", &guest.build()).await.unwrap();
    let bound = plugin.bind(Operator { name: EVIL.to_owned(), ..operator() }).unwrap();
    let page = bound.collect(&query(), at(60)).await.unwrap();
    let names: Vec<&str> = page.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(names, ["service:plain"]);
    for (name, value) in page.nodes.iter().flat_map(|node| &node.attributes) {
        assert!(is_harmless(name) && is_harmless(value), "{name:?} {value:?}");
    }
    assert!(is_harmless(&page.events[0].kind) && is_harmless(&page.events[0].what), "{:?}", page.events);
    for gap in &page.gaps {
        assert!(is_harmless(&gap.source) && is_harmless(&gap.statement), "{gap:?}");
    }
    assert!(is_harmless(bound.name()), "{:?}", bound.name());
}
