//! Facts about the page that is attached to a ticket.

use lagdoctor_model::{Labels, Millis, Redactor, Sample, Series, SeriesKey, SignalName, Signals, Timestamp};

use super::*;
use crate::report::samples::{self, node, noon};

fn envelope() -> Envelope {
    Envelope { took: Millis::new(812).unwrap(), cluster: "shop".into(), plugins: vec![] }
}

/// An hour of one signal, a reading every 15 s.
fn series(of: &str, signal: &str, value: impl Fn(f64) -> f64) -> Series {
    let key = SeriesKey { node: node(of), signal: SignalName::new(signal).unwrap(), labels: Labels::new() };
    let start = samples::cause().window.start;
    let reading =
        |place: i64| Sample { at: start + Millis::seconds(15 * place as u32), value: value(place as f64 * 15.0) };
    Series::new(key, (0..=240).map(reading).collect()).unwrap()
}

fn signals() -> Signals {
    let mut signals = Signals::empty(samples::cause().window);
    signals.series = vec![
        series("group:fulfilment", "kafka.consumer_group.backlog", |s| (s - 2_655.0).max(0.0) * 1_040.0),
        series("database:orders-db-replica", "db.replication.apply_running", |s| f64::from(s < 2_642.0)),
    ];
    signals
}

fn page(diagnosis: &Diagnosis) -> String {
    html(diagnosis, &signals(), &Links::prometheus("http://prometheus:9090"), &envelope())
}

/// How often each tag is opened and closed; a page that does not balance falls apart in a browser.
fn check_balance(page: &str) {
    for tag in
        ["html", "head", "body", "section", "figure", "svg", "ul", "ol", "li", "dl", "code", "footer", "div", "span"]
    {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "<{tag}>");
    }
}

#[test]
fn a_page_shows_the_symptom_and_what_speaks_for_the_cause_on_one_time_axis() {
    let page = page(&samples::cause());
    check_balance(&page);
    assert_eq!(page.matches("<figure>").count(), 2, "backlog and apply thread; of the others there are no readings");
    let ticks = |text: &str| text.matches("class=\"time\"").count();
    let charts: Vec<&str> = page.split("<figure>").skip(1).collect();
    assert_eq!(ticks(charts[0]), ticks(charts[1].split("</svg>").next().unwrap()));
    assert!(charts[0].contains(">12:04:15</text>"), "the onset of the backlog is marked");
    assert!(charts[1].contains(">12:04:02</text>"), "and so is that of the cause");
}

#[test]
fn a_page_loads_nothing_from_anywhere() {
    let page = page(&samples::cause());
    for word in ["<script", "<link", "<img", "<iframe", "src=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn no_foreign_text_becomes_part_of_the_page() {
    let evil = "\"><script>alert('x')</script>\u{1b}[2J\u{202e}";
    let mut diagnosis = samples::cause();
    diagnosis.headline = evil.into();
    diagnosis.causes[0].because = evil.into();
    diagnosis.causes[0].owner = Some(evil.into());
    diagnosis.causes[0].evidence[0].statement = evil.into();
    diagnosis.causes[0].evidence[0].query = Some(evil.into());
    diagnosis.causes[0].actions[0].command = Some(evil.into());
    diagnosis.gaps[0].statement = evil.into();
    let page = page(&diagnosis);
    check_balance(&page);
    assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
}

#[test]
fn a_link_that_is_no_web_address_is_left_out() {
    let links = Links::template("javascript:alert({query})");
    let page = html(&samples::cause(), &signals(), &links, &envelope());
    assert!(!page.contains("javascript:"));
}

#[test]
fn thin_evidence_is_shown_as_such_and_a_quiet_hour_by_its_backlogs() {
    let thin = page(&samples::insufficient());
    assert!(thin.contains("Insufficient evidence") && thin.contains("Candidates, not answers"));
    let quiet = page(&samples::no_incident());
    check_balance(&quiet);
    assert!(quiet.contains("No incident") && quiet.matches("<figure>").count() == 1);
}

#[test]
fn log_evidence_is_shown_as_lines_a_minute() {
    let mut signals = signals();
    let line = |seconds: u32| lagdoctor_model::LogLine {
        at: noon(seconds),
        node: node("instance:fulfilment-0"),
        severity: lagdoctor_model::Severity::from_level("error"),
        message: Redactor::new([]).redact("stale read"),
    };
    signals.logs = (250..264).map(line).collect();
    let page = html(&samples::cause(), &signals, &Links::none(), &envelope());
    assert_eq!(page.matches("<rect class=\"bar\"").count(), 1, "14 lines within one minute are one bar");
}

#[test]
fn a_gap_in_the_readings_is_a_gap_in_the_line() {
    let mut signals = signals();
    let gap = |s: f64| if (1_000.0..1_300.0).contains(&s) { f64::NAN } else { 5.0 };
    signals.series = vec![series("group:fulfilment", "kafka.consumer_group.backlog", gap)];
    let page = html(&samples::cause(), &signals, &Links::none(), &envelope());
    assert_eq!(page.matches("<polyline").count(), 2);
}

#[test]
fn times_below_a_chart_never_overlap() {
    for minutes in [1, 7, 60, 180, 1_440, 20_000] {
        let mut diagnosis = samples::cause();
        diagnosis.window.start = Timestamp::from_millis(diagnosis.window.now.as_millis() - minutes * 60_000).unwrap();
        let mut signals = signals();
        signals.window = diagnosis.window;
        let page = html(&diagnosis, &signals, &Links::none(), &envelope());
        let chart = page.split("<figure>").nth(1).unwrap();
        let places: Vec<f64> = chart
            .split("class=\"time\" x=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 40.0), "{minutes} min: {places:?}");
        assert!(!places.is_empty() || minutes == 1, "{minutes} min");
    }
}
