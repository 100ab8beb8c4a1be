//! Hand-made diagnoses for the tests of all report formats.

use lagdoctor_model::{
    Action, Basis, Cause, Class, Diagnosis, Evidence, Forecast, Gap, GapCause, Impact, Millis, Need, NodeId, Outlook,
    RuledOut, Score, SignalName, Symptom, Timestamp, Unconnected, Verdict, Window,
};

pub(crate) fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

fn signal(name: &str) -> SignalName {
    SignalName::new(name).unwrap()
}

/// 2026-03-01, 12:00:00 UTC and so many seconds.
pub(crate) fn noon(seconds: u32) -> Timestamp {
    Timestamp::from_millis(1_772_366_400_000).unwrap() + Millis::seconds(seconds)
}

fn window() -> Window {
    Window { start: noon(1200) - Millis::minutes(60), now: noon(1200), step: Millis::seconds(15) }
}

fn symptom() -> Symptom {
    Symptom {
        node: node("group:fulfilment"),
        signal: signal("kafka.consumer_group.backlog"),
        onset: noon(255),
        observed: 1_240_331.0,
        expected: 120.0,
        statement: "backlog of `fulfilment` grows by 1,040 records/s since 12:04:15".into(),
    }
}

fn replica() -> Cause {
    Cause {
        node: node("database:orders-db-replica"),
        class: Some(Class::new("db.replication-lag").unwrap()),
        words: "the replica is behind its primary".into(),
        confidence: Score::new(0.91).unwrap(),
        basis: Basis::Direct,
        owner: Some("orders-dba".into()),
        path: vec![node("group:fulfilment"), node("service:fulfilment"), node("database:orders-db-replica")],
        evidence: vec![
            Evidence {
                node: node("database:orders-db-replica"),
                signal: signal("db.replication.apply_running"),
                statement: "the apply thread stopped".into(),
                observed: Some(0.0),
                expected: Some(1.0),
                unit: "1".into(),
                onset: Some(noon(242)),
                age: Some(Millis::seconds(10)),
                query: Some("mysql_slave_status_slave_sql_running{instance=\"orders-db-replica:3306\"}".into()),
            },
            Evidence {
                node: node("instance:fulfilment-0"),
                signal: signal("log"),
                statement: "14 lines \"stale read of order <id:1>, retrying\", none in the hour before".into(),
                observed: None,
                expected: None,
                unit: String::new(),
                onset: Some(noon(250)),
                age: None,
                query: None,
            },
            Evidence {
                node: node("instance:fulfilment-0"),
                signal: signal("messaging.process.duration"),
                statement: "processing takes longer, and this began after the replica stopped applying, which is what a reader of \
                            stale rows that retries would show"
                    .into(),
                observed: Some(0.412),
                expected: Some(0.0041),
                unit: "s".into(),
                onset: Some(noon(255)),
                age: Some(Millis::minutes(6)),
                query: None,
            },
        ],
        because: "it began first, 13 s before the backlog, and everything between it and the group waits for it".into(),
        actions: vec![
            Action {
                say: "See both replication threads and their positions".into(),
                command: Some("mysql -h orders-db-replica -e 'SHOW REPLICA STATUS\\G'".into()),
            },
            Action {
                say: "If the apply thread was stopped, find out by whom before starting it.".into(),
                command: None,
            },
        ],
    }
}

fn slow_code() -> Cause {
    Cause {
        node: node("service:fulfilment"),
        class: Some(Class::new("consumer.slow-code").unwrap()),
        words: "the consumer's own code has become slow".into(),
        confidence: Score::new(0.22).unwrap(),
        basis: Basis::Inferred,
        owner: None,
        path: vec![node("group:fulfilment"), node("service:fulfilment")],
        evidence: vec![],
        because: "processing is slower, but its databases explain that".into(),
        actions: vec![],
    }
}

pub(crate) fn cause() -> Diagnosis {
    Diagnosis {
        window: window(),
        verdict: Verdict::Cause,
        headline:
            "database orders-db-replica: the replica is behind its primary, so group fulfilment falls behind (91 %)"
                .into(),
        symptom: Some(symptom()),
        impact: Impact {
            backlog: Some(1_240_331),
            time_lag: Some(Millis::seconds(845)),
            growth_per_s: Some(1040.2),
            partitions: Some((12, 12)),
        },
        time_to_data_loss: Some(Millis::minutes(185)),
        causes: vec![replica(), slow_code()],
        unconnected: vec![],
        ruled_out: vec![RuledOut {
            node: node("pool:fulfilment-0/orders-db"),
            class: Some(Class::new("pool.too-small").unwrap()),
            because: "at most 3 of 10 connections in use, nobody waits".into(),
        }],
        gaps: vec![Gap {
            source: "prometheus".into(),
            cause: GapCause::Unreachable,
            node: Some(node("host:h7")),
            statement: "node exporter of h7 did not answer, so its processors are unknown".into(),
        }],
        needs: vec![],
        forecast: Some(Forecast {
            by: "forecaster-linear".into(),
            outlook: Outlook::Breaches,
            at: Some(noon(4800)),
            statement: "the backlog reaches 5,000,000 records at 13:20".into(),
        }),
    }
}

pub(crate) fn insufficient() -> Diagnosis {
    Diagnosis {
        verdict: Verdict::InsufficientEvidence,
        headline: "group fulfilment falls behind, and what is known does not single out a cause".into(),
        causes: vec![slow_code()],
        unconnected: vec![Unconnected {
            node: node("jvm:billing-2"),
            class: Some(Class::new("jvm.gc-full").unwrap()),
            statement: "85 % of its time goes to collections (before: 0.1 %)".into(),
            onset: Some(noon(240)),
        }],
        ruled_out: vec![],
        time_to_data_loss: None,
        needs: vec![Need {
            node: node("database:orders-db"),
            signals: vec![signal("db.server.statement.duration"), signal("db.server.up")],
            statement: "whether a statement has become slow on the server; scrape mysqld_exporter of orders-db".into(),
        }],
        forecast: None,
        ..cause()
    }
}

pub(crate) fn no_incident() -> Diagnosis {
    Diagnosis {
        verdict: Verdict::NoIncident,
        headline: "nothing hurts: all 3 groups keep up".into(),
        symptom: None,
        impact: Impact::default(),
        time_to_data_loss: None,
        causes: vec![],
        unconnected: vec![],
        ruled_out: vec![],
        gaps: vec![],
        needs: vec![],
        forecast: None,
        window: window(),
    }
}
