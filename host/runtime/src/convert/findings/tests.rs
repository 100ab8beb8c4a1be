use super::*;
use crate::Limits;
use crate::testing::{key, node, signals};
use lagdoctor_model::Gap;

fn given() -> wit::Finding {
    wit::Finding {
        node: 1,
        signal: "jvm.gc.overhead".into(),
        score: 0.9,
        magnitude: 12.0,
        onset_ms: Some(30_000),
        class: "jvm.gc-full".into(),
        observed: 4.0,
        expected: f64::NAN,
        series: Some(1),
        log_line: Some(1),
        statement: "pauses\u{1b}[2J of 4 s".into(),
        ext: vec![],
    }
}

/// What becomes of a finding that was changed so, and what is noted.
fn read(change: impl FnOnce(&mut wit::Finding)) -> Result<(Vec<Finding>, Vec<Gap>), String> {
    let limits = Limits::default();
    let mut reader = Reader::new("jvm", &limits);
    let mut finding = given();
    change(&mut finding);
    let found = findings(&mut reader, &Batch::new(&signals()), vec![finding]).map_err(|broken| broken.0)?;
    Ok((found, reader.gaps()))
}

/// Why a finding that was changed so breaks the contract; empty when it does not.
fn check(change: impl FnOnce(&mut wit::Finding)) -> String {
    read(change).err().unwrap_or_default()
}

#[test]
fn handles_become_names_and_places_in_the_signals() {
    let (found, gaps) = read(|_| ()).unwrap();
    assert_eq!(found[0].node, node("jvm:fulfilment-0"));
    assert_eq!(found[0].series, Some(key("jvm:fulfilment-0", "jvm.gc.overhead")));
    // The first line of the signals has no node in the topology, so the batch begins with the second.
    assert_eq!(found[0].log_line, Some(2));
    assert_eq!((found[0].observed, found[0].expected), (Some(4.0), None));
    assert_eq!(found[0].statement, "pauses[2J of 4 s");
    assert_eq!(gaps, []);
}

#[test]
fn a_finding_about_what_does_not_exist_breaks_the_contract() {
    assert!(check(|given| given.node = 2).contains("node that does not exist"));
    assert!(check(|given| given.series = Some(2)).contains("series that does not exist"));
    assert!(check(|given| given.log_line = Some(2)).contains("log line that does not exist"));
    assert!(check(|given| given.node = u32::MAX).contains("node"));
}

#[test]
fn a_number_that_is_none_breaks_the_contract() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(check(|given| given.score = wrong).contains("score"));
        assert!(check(|given| given.magnitude = wrong).contains("magnitude"));
    }
    assert!(check(|given| given.observed = f64::INFINITY).contains("infinite"));
    assert!(check(|given| given.expected = f64::NEG_INFINITY).contains("infinite"));
    assert!(check(|given| given.onset_ms = Some(i64::MIN)).contains("time"));
    assert_eq!(check(|given| given.observed = f64::NAN), "");
}

#[test]
fn a_score_outside_its_range_is_clamped() {
    assert_eq!(read(|given| given.score = 7.0).unwrap().0[0].score.get(), 1.0);
    assert_eq!(read(|given| given.score = -7.0).unwrap().0[0].score.get(), 0.0);
}

#[test]
fn an_unknown_class_is_dropped_and_named_and_the_finding_stays() {
    let (found, gaps) = read(|given| given.class = "jvm.gremlins".into()).unwrap();
    assert_eq!(found[0].class, None);
    assert_eq!(
        gaps[0].statement,
        "plugin `jvm` names the class `jvm.gremlins`, which the vocabulary does not know; it was ignored"
    );
    let (found, gaps) = read(|given| given.class.clear()).unwrap();
    assert_eq!((found[0].class.clone(), gaps), (None, vec![]));
}

#[test]
fn a_class_that_the_manifest_does_not_list_is_dropped_and_named() {
    let limits = Limits::default();
    let mut reader = Reader::new("jvm", &limits);
    let listed = ["db.lock".to_owned()];
    reader.classes = Some(&listed);
    let found = findings(&mut reader, &Batch::new(&signals()), vec![given()]).unwrap();
    assert_eq!(found[0].class, None);
    assert!(reader.gaps()[0].statement.contains("`jvm.gc-full`, which its manifest does not list"));
}

#[test]
fn a_finding_on_an_unknown_signal_is_left_out_and_named() {
    for signal in ["jvm.gremlins", "", "\u{1b}[2J"] {
        let (found, gaps) = read(|given| given.signal = signal.into()).unwrap();
        assert!(found.is_empty() && gaps.len() == 1, "{signal}: {gaps:?}");
        assert!(!gaps[0].statement.contains('\u{1b}'));
    }
    assert_eq!(read(|given| given.signal = "log".into()).unwrap().0.len(), 1);
}

#[test]
fn findings_beyond_the_limit_are_left_out_and_named_and_a_sentence_is_cut() {
    let limits = Limits { output_items: 2, output_text_bytes: 8, ..Limits::default() };
    let mut reader = Reader::new("jvm", &limits);
    let found = findings(&mut reader, &Batch::new(&signals()), vec![given(); 5]).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].statement, "pause…");
    let gaps = reader.gaps();
    assert_eq!(gaps[0].cause, GapCause::Truncated);
    assert!(gaps[0].statement.contains("3 were left out"), "{gaps:?}");
}

#[test]
fn the_same_mistake_a_thousand_times_is_one_gap() {
    let limits = Limits::default();
    let mut reader = Reader::new("jvm", &limits);
    let wrong = wit::Finding { class: "nope.nope".into(), ..given() };
    findings(&mut reader, &Batch::new(&signals()), vec![wrong; 1000]).unwrap();
    let gaps = reader.gaps();
    assert!(gaps.len() == 1 && gaps[0].statement.ends_with("(1000 times)"), "{gaps:?}");
}

#[test]
fn findings_come_back_from_a_ranker_under_the_places_they_had() {
    let batch = Batch::new(&signals());
    let (mut found, _) = read(|_| ()).unwrap();
    found.insert(0, Finding { node: node("host:elsewhere"), ..found[0].clone() });
    let (sent, places) = for_ranker(&batch, &found);
    assert_eq!((sent.len(), places.as_slice()), (1, &[1][..]));
    assert_eq!((sent[0].node, sent[0].series, sent[0].log_line), (1, Some(1), Some(1)));
    assert!(sent[0].expected.is_nan());
    let cause = wit::Cause {
        node: 1,
        class: "jvm.gc-full".into(),
        confidence: 0.8,
        path: vec![0, 1],
        findings: vec![0],
        because: "it pauses".into(),
        ext: vec![],
    };
    let dismissal =
        wit::Dismissal { node: 0, class: String::new(), findings: vec![], because: "no".into(), ext: vec![] };
    let given = wit::Ranking { causes: vec![cause.clone()], dismissed: vec![dismissal], ext: vec![] };
    let limits = Limits::default();
    let rank = |given| ranking(&mut Reader::new("walk", &limits), &batch, &places, given).map_err(|broken| broken.0);
    let ranked = rank(given.clone()).unwrap();
    assert_eq!(ranked.causes[0].findings, [1]);
    assert_eq!(ranked.causes[0].path, [node("group:fulfilment"), node("jvm:fulfilment-0")]);
    assert_eq!(ranked.dismissed[0].node, node("group:fulfilment"));

    let with = |cause| wit::Ranking { causes: vec![cause], ..given.clone() };
    for (wrong, why) in [
        (wit::Cause { findings: vec![1], ..cause.clone() }, "finding that does not exist"),
        (wit::Cause { path: vec![0, 9], ..cause.clone() }, "node that does not exist"),
        (wit::Cause { confidence: f64::NAN, ..cause.clone() }, "confidence"),
        (wit::Cause { node: 9, ..cause.clone() }, "node that does not exist"),
    ] {
        let said = rank(with(wrong)).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}
