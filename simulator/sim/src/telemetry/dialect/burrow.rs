//! Burrow for Kafka, the Prometheus client's collectors for the JVM, and HikariCP's own tracker, which counts in
//! nanoseconds and milliseconds.

use super::{Labels, Other, Said, label, relabelled, renamed};

/// burrow_exporter. Burrow knows the commits that it has read and the ends of logs, and nothing else.
pub(super) fn of_kafka(name: &str, labels: Labels<'_>) -> Said {
    let mut own = vec![("cluster".to_owned(), "main".to_owned())];
    let group = [("consumergroup", "consumer_group"), ("topic", "topic"), ("partition", "partition")];
    let name = match name {
        "kafka_consumergroup_lag" => "burrow_kafka_consumer_partition_lag",
        "kafka_consumergroup_current_offset" => "burrow_kafka_consumer_current_offset",
        "kafka_consumergroup_lag_sum" => {
            own.extend(relabelled(labels, &group[..1]));
            return Said::As(renamed("burrow_kafka_consumer_lag_total", own));
        }
        "kafka_topic_partition_current_offset" => "burrow_kafka_topic_partition_offset",
        _ => return Said::Nothing,
    };
    own.extend(relabelled(labels, &group));
    // A partition in which nothing was committed is not there.
    Said::As(Other { unknown: Some(-1.0), ..renamed(name, own) })
}

pub(super) fn of_service(name: &str, labels: Labels<'_>) -> Said {
    if let Some(of) = name.strip_prefix("hikaricp_") {
        return pool(of, labels);
    }
    if let Some(of) = name.strip_prefix("jvm_gc_pause_seconds_") {
        return match of {
            "max" => Said::Nothing,
            of => {
                let own = relabelled(labels, &[("gc", "gc")]);
                Said::As(Other { is_part: true, ..renamed(&format!("jvm_gc_collection_seconds_{of}"), own) })
            }
        };
    }
    let area = || relabelled(labels, &[("area", "area")]);
    Said::As(match name {
        "jvm_memory_used_bytes" => Other { is_part: true, ..renamed("jvm_memory_bytes_used", area()) },
        "jvm_memory_max_bytes" => {
            Other { is_part: true, unknown: Some(-1.0), ..renamed("jvm_memory_bytes_max", area()) }
        }
        "jvm_gc_live_data_size_bytes" => {
            renamed("jvm_memory_pool_collection_used_bytes", vec![("pool".into(), "G1 Old Gen".into())])
        }
        "jvm_threads_live_threads" => renamed("jvm_threads_current", vec![]),
        name if name.starts_with("jvm_") => return Said::Nothing,
        _ => return Said::Same,
    })
}

fn pool(of: &str, labels: Labels<'_>) -> Said {
    let own = vec![("pool".to_owned(), label(labels, "pool").to_owned())];
    let scaled = |name: &str, scale: f64| Said::As(Other { scale, ..renamed(name, own.clone()) });
    match of {
        "connections_active" => scaled("hikaricp_active_connections", 1.0),
        "connections_idle" => scaled("hikaricp_idle_connections", 1.0),
        "connections_pending" => scaled("hikaricp_pending_threads", 1.0),
        "connections" => scaled("hikaricp_connections", 1.0),
        "connections_max" => scaled("hikaricp_max_connections", 1.0),
        "connections_min" => scaled("hikaricp_min_connections", 1.0),
        "connections_timeout_total" => scaled("hikaricp_connection_timeout_total", 1.0),
        "connections_acquire_seconds_sum" => scaled("hikaricp_connection_acquired_nanos_sum", 1e9),
        "connections_acquire_seconds_count" => scaled("hikaricp_connection_acquired_nanos_count", 1.0),
        "connections_usage_seconds_sum" => scaled("hikaricp_connection_usage_millis_sum", 1e3),
        "connections_usage_seconds_count" => scaled("hikaricp_connection_usage_millis_count", 1.0),
        "connections_creation_seconds_sum" => scaled("hikaricp_connection_creation_millis_sum", 1e3),
        "connections_creation_seconds_count" => scaled("hikaricp_connection_creation_millis_count", 1.0),
        _ => Said::Nothing,
    }
}
