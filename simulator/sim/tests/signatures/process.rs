use super::seen::*;

#[test]
fn full_collections_stop_one_instance_and_all_that_it_measures() {
    let seen = see("gc-pauses", 3, "target = \"fulfilment-1\"\nramp = \"30s\"\nseverity = 0.7\n");
    for (labels, points) in seen.ask(GC) {
        let overhead = means(&points).1;
        assert_eq!(overhead > 0.3, labels["pod"] == "fulfilment-1", "{labels} {overhead}");
    }
    let lags = lags(&seen);
    let (its, others) = ([&lags[3..6]].concat(), [&lags[..3], &lags[6..]].concat());
    assert!(its.iter().all(|lag| *lag > 2000.0) && others.iter().all(|lag| *lag < 400.0), "{lags:?}");
    let slowest = |pod: &str| {
        seen.means(&format!("hikaricp_connections_usage_seconds_max{{pod=\"{pod}\",pool=\"orders-db\"}}")).1
    };
    assert!(slowest("fulfilment-1") > 1.0 && slowest("fulfilment-0") < 0.3, "its clients seem slow, and only its");
    assert!((0.7..1.4).contains(&seen.factor(STATEMENT)), "the server itself is not");
    let longest = seen.means("jvm_gc_pause_seconds_max{pod=\"fulfilment-1\",action=\"end of major GC\"}").1;
    assert!((1.0..10.0).contains(&longest), "{longest} s");
    let (before, after) = seen.means("jvm_memory_usage_after_gc{pod=\"fulfilment-1\"}");
    assert!(before < 0.35 && after > 0.9, "{before} {after}");
    assert!(seen.says("Pause Full (G1 Compaction Pause)") > 20);
}
