use super::seen::*;

#[test]
fn a_burst_moves_inflow_first_and_consumers_do_more_than_ever() {
    let seen = see("producer-burst", 1, "ramp = 0\nseverity = 0.45\n");
    assert!(seen.factor(INFLOW) > 4.0);
    assert!(seen.factor("sum(rate(kafka_producer_record_send_total[1m]))") > 4.0);
    assert!(seen.factor(DONE) > 1.8, "consumption rises to its cap");
    assert!(seen.onset_of(INFLOW) <= seen.onset_of(LAG) + 5.0);
    assert!(spread(&lags(&seen)) < 1.6, "all partitions fall behind alike: {:?}", lags(&seen));
    assert!(seen.means("avg(executor_active_threads)").1 > 18.0);
    assert!(seen.factor(STATEMENT) < 3.0);
}
