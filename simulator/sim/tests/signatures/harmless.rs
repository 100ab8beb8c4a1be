use super::seen::*;

#[test]
fn a_rolling_release_costs_each_instance_one_restart_and_the_group_a_rebalance_for_each() {
    for seed in [1, 2, 3] {
        let seen = see("quiet", seed, "kind = \"deploy.rolling\"\ntarget = \"fulfilment\"\nseverity = 1.0\n");
        for number in 0..4 {
            assert_eq!(restarts(&seen, &format!("fulfilment-{number}")), 1, "{seed}: {number}");
        }
        assert_eq!(seen.says("sending LeaveGroup request"), 4, "{seed}: each says good-bye");
        assert_eq!(seen.says("has failed, removing it from the group"), 0, "{seed}: and none is thrown out");
        let drained = seen.one(LAG).into_iter().rfind(|(_, lag)| *lag > 4000.0).map_or(0.0, |(at, _)| at);
        assert!(drained < 200.0, "{seed}: all is caught up two minutes after the last restart: {drained}");
        assert!(is_flat(&seen, INFLOW), "{seed}");
    }
}

#[test]
fn an_exporter_that_nobody_reaches_leaves_a_gap_in_all_of_its_series_and_in_no_other() {
    let gap = "kind = \"exporter.gap\"\ntarget = \"orders-db\"\nseverity = 1.0\nhold = \"3m\"\n";
    let seen = see("quiet", 5, gap);
    let up = seen.one("up{instance=\"orders-db:9104\"}");
    let down: Vec<f64> = up.iter().filter(|(_, up)| *up == 0.0).map(|(at, _)| *at).collect();
    assert!(down[0] < 20.0 && (170.0..200.0).contains(&down[down.len() - 1]), "{down:?}");
    assert_eq!(seen.means("min(up{instance!=\"orders-db:9104\"})"), (1.0, 1.0));
    let read = seen.one("mysql_global_status_threads_running{instance=\"orders-db:9104\"}");
    assert!(!read.iter().any(|(at, _)| (25.0..170.0).contains(at)), "nothing is read in the gap");
    assert!(read.iter().any(|(at, _)| *at > 215.0), "and all is read after it");
    let counted = seen.one("mysql_global_status_questions{instance=\"orders-db:9104\"}");
    assert!(counted.windows(2).all(|pair| pair[0].1 <= pair[1].1), "the server went on counting");
    assert!(is_flat(&seen, DONE) && is_flat(&seen, INFLOW));
}

#[test]
fn a_batch_comes_at_its_hour_and_came_at_the_same_hour_of_each_day_before() {
    let batch = "[workload.orders]\nseason = { period = \"24h\", amp = 0.0 }\n\
        batch = { every = \"24h\", at = \"15m\", for = \"6m\", times = 2.5 }\n[history]\ndays = 2\nstep = \"5m\"\n";
    let seen = see(
        "quiet",
        6,
        &format!("kind = \"deploy.rolling\"\ntarget = \"fulfilment\"\nseverity = 1.0\nhold = \"0s\"\n{batch}"),
    );
    let [before, during, after] = [-300.0..-10.0, 90.0..350.0, 430.0..540.0].map(|within| seen.mean_in(INFLOW, within));
    assert!(
        (2.2..2.8).contains(&(during / before)) && (0.85..1.15).contains(&(after / before)),
        "{before} {during} {after}"
    );
    let past = seen.run.past().unwrap();
    let start = seen.run.start();
    let heavy: Vec<f64> = past
        .loads
        .iter()
        .filter(|(_, load)| *load > 1.8)
        .map(|(at, _)| start.since(*at).as_seconds() / 3600.0)
        .collect();
    // The moments of the past lie at the ends of steps of five minutes; the batch fills one of them, and a part of the next.
    assert_eq!(heavy.len(), 2, "{heavy:?}");
    assert!((47.5..47.8).contains(&heavy[0]) && (23.5..23.8).contains(&heavy[1]), "{heavy:?}");
}

#[test]
fn a_broker_that_shall_lead_nothing_keeps_its_copies_and_leads_again_at_the_next_check_after_it_may() {
    const LED: &str = "kafka_server_replicamanager_leadercount";
    let seen = see("quiet", 4, "kind = \"broker.demoted\"\ntarget = \"2\"\nseverity = 1.0\nhold = \"2m\"\n");
    let led = seen.ask(LED);
    let of = |values: &[(f64, f64)], within: std::ops::Range<f64>| -> Vec<f64> {
        values.iter().filter(|(at, _)| within.contains(at)).map(|(_, led)| *led).collect()
    };
    let gave_up: Vec<_> = led.iter().filter(|(_, values)| of(values, 20.0..290.0).contains(&0.0)).collect();
    assert_eq!(gave_up.len(), 1, "one of three brokers leads nothing");
    assert!(of(&gave_up[0].1, 20.0..290.0).iter().all(|led| *led == 0.0), "though it may after two minutes");
    for (_, values) in &led {
        let (before, after) = (of(values, -500.0..0.0), of(values, 330.0..500.0));
        assert!(before[0] > 0.0 && before.iter().chain(&after).all(|led| *led == before[0]), "{before:?} {after:?}");
    }
    assert_eq!(seen.means("sum(kafka_server_replicamanager_underreplicatedpartitions)"), (0.0, 0.0));
    assert_eq!(seen.says("could not be established"), 0, "no client is refused");
    assert!(is_flat(&seen, DONE) && is_flat(&seen, INFLOW));
    let most = seen.one(LAG).into_iter().map(|(_, lag)| lag).fold(0.0, f64::max);
    assert!(most < 4000.0, "no more than ten seconds' worth of records waits: {most}");
}
