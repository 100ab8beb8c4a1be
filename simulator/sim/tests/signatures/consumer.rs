use super::seen::*;

#[test]
fn slow_code_makes_records_slow_and_nothing_else() {
    for (how, cpu) in [("cpu", 3.0..10.0), ("wait", 0.1..1.2)] {
        let seen = see("slow-consumer", 2, &format!("severity = 0.7\nparams = {{ how = \"{how}\" }}\n"));
        assert!(seen.factor(RECORD) > 3.0, "{how}");
        assert!((0.8..1.2).contains(&seen.factor(INFLOW)) && seen.factor(DONE) < 0.9, "{how}");
        assert!(spread(&lags(&seen)) < 1.6, "all alike: {:?}", lags(&seen));
        for flat in [USE, STATEMENT] {
            assert!((0.7..1.4).contains(&seen.factor(flat)), "{how}: {flat} {}", seen.factor(flat));
        }
        assert!(seen.means(PENDING).1 < 2.0);
        assert!(seen.ask(GC).iter().all(|(_, points)| means(points).1 < 0.02));
        let used = seen.factor("avg(process_cpu_usage{job=\"fulfilment\"})");
        assert!(cpu.contains(&used), "{how}: {used}");
    }
}
