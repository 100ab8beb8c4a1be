//! The words of OpenTelemetry, as they come out of a Prometheus exporter: dots are underscores, units end the name.

use super::{Labels, Other, Said, label, relabelled, renamed};

/// kafkametricsreceiver.
pub(super) fn of_kafka(name: &str, labels: Labels<'_>) -> Said {
    let group = [("consumergroup", "group"), ("topic", "topic"), ("partition", "partition")];
    let name = match name {
        "kafka_consumergroup_lag" => "kafka_consumer_group_lag",
        "kafka_consumergroup_lag_sum" => "kafka_consumer_group_lag_sum",
        "kafka_consumergroup_current_offset" => "kafka_consumer_group_offset",
        "kafka_consumergroup_current_offset_sum" => "kafka_consumer_group_offset_sum",
        "kafka_consumergroup_members" => "kafka_consumer_group_members",
        "kafka_topic_partition_current_offset" => "kafka_partition_current_offset",
        "kafka_topic_partition_oldest_offset" => "kafka_partition_oldest_offset",
        "kafka_topic_partition_replicas" => "kafka_partition_replicas",
        "kafka_topic_partition_in_sync_replica" => "kafka_partition_replicas_in_sync",
        "kafka_brokers" | "kafka_topic_partitions" => return Said::Same,
        // It names neither brokers nor leaders.
        _ => return Said::Nothing,
    };
    Said::As(renamed(name, relabelled(labels, &group)))
}

/// The Java agent: semantic conventions for what they know, and the bridge to Micrometer for the rest.
pub(super) fn of_service(name: &str, labels: Labels<'_>) -> Said {
    if let Some(of) = name.strip_prefix("spring_kafka_listener_seconds_") {
        return listener(of, labels);
    }
    if let Some(of) = name.strip_prefix("http_client_requests_seconds_") {
        return http(of, labels);
    }
    if let Some(of) = name.strip_prefix("hikaricp_") {
        return pool(of, labels);
    }
    if name.starts_with("jvm_") || matches!(name, "process_cpu_usage" | "system_cpu_count") {
        return jvm(name, labels);
    }
    client(name, labels)
}

/// A histogram keeps no greatest value.
fn histogram(name: &str, of: &str, labels: Vec<(String, String)>) -> Said {
    match of {
        "count" | "sum" => Said::As(renamed(&format!("{name}_{of}"), labels)),
        _ => Said::Nothing,
    }
}

fn listener(of: &str, labels: Labels<'_>) -> Said {
    let topic = label(labels, "name").trim_end_matches("-listener-0");
    let mut own: Vec<(String, String)> = vec![
        ("messaging_destination_name".into(), topic.into()),
        ("messaging_operation_name".into(), "process".into()),
        ("messaging_system".into(), "kafka".into()),
    ];
    if label(labels, "result") == "failure" {
        own.insert(0, ("error_type".into(), label(labels, "exception").into()));
    }
    histogram("messaging_process_duration_seconds", of, own)
}

fn http(of: &str, labels: Labels<'_>) -> Said {
    let names =
        [("method", "http_request_method"), ("status", "http_response_status_code"), ("client_name", "server_address")];
    let mut own = relabelled(labels, &names);
    let error = label(labels, "error");
    if error != "none" {
        // Without an answer there is no status.
        own.retain(|(name, value)| name != "http_response_status_code" || value.parse::<u32>().is_ok());
        own.insert(0, ("error_type".into(), error.into()));
    }
    histogram("http_client_request_duration_seconds", of, own)
}

fn pool(of: &str, labels: Labels<'_>) -> Said {
    let own = relabelled(labels, &[("pool", "db_client_connection_pool_name")]);
    let state = |state: &str| {
        let mut own = own.clone();
        own.push(("db_client_connection_state".into(), state.into()));
        Said::As(renamed("db_client_connection_count", own))
    };
    match of {
        "connections_active" => state("used"),
        "connections_idle" => state("idle"),
        "connections_max" => Said::As(renamed("db_client_connection_max", own)),
        "connections_min" => Said::As(renamed("db_client_connection_idle_min", own)),
        "connections_pending" => Said::As(renamed("db_client_connection_pending_requests", own)),
        "connections_timeout_total" => Said::As(renamed("db_client_connection_timeouts_total", own)),
        _ => match (of.strip_prefix("connections_acquire_seconds_"), of.strip_prefix("connections_usage_seconds_")) {
            (Some(of), _) => histogram("db_client_connection_wait_time_seconds", of, own),
            (_, Some(of)) => histogram("db_client_connection_use_time_seconds", of, own),
            _ => match of.strip_prefix("connections_creation_seconds_") {
                Some(of) => histogram("db_client_connection_create_time_seconds", of, own),
                None => Said::Nothing,
            },
        },
    }
}

fn jvm(name: &str, labels: Labels<'_>) -> Said {
    let memory = || -> Vec<(String, String)> {
        let area = if label(labels, "area") == "heap" { "heap" } else { "non_heap" };
        vec![("jvm_memory_pool_name".into(), label(labels, "id").into()), ("jvm_memory_type".into(), area.into())]
    };
    if let Some(of) = name.strip_prefix("jvm_gc_pause_seconds_") {
        let own = relabelled(labels, &[("action", "jvm_gc_action"), ("gc", "jvm_gc_name")]);
        return histogram("jvm_gc_duration_seconds", of, own);
    }
    Said::As(match name {
        "jvm_memory_used_bytes" => renamed(name, memory()),
        "jvm_memory_max_bytes" => Other { unknown: Some(-1.0), ..renamed("jvm_memory_limit_bytes", memory()) },
        "jvm_gc_live_data_size_bytes" => renamed(
            "jvm_memory_used_after_last_gc_bytes",
            vec![("jvm_memory_pool_name".into(), "G1 Old Gen".into()), ("jvm_memory_type".into(), "heap".into())],
        ),
        "jvm_threads_live_threads" => renamed("jvm_thread_count", vec![("jvm_thread_daemon".into(), "false".into())]),
        "process_cpu_usage" => renamed("jvm_cpu_recent_utilization_ratio", vec![]),
        "system_cpu_count" => renamed("jvm_cpu_count", vec![]),
        _ => return Said::Nothing,
    })
}

/// The Kafka client's own metrics lose the name of their group; what is neither they nor of a convention comes over the
/// bridge as it is.
fn client(name: &str, labels: Labels<'_>) -> Said {
    let counted = |name: &str, operation: &str| {
        let own = vec![
            ("messaging_operation_name".to_owned(), operation.to_owned()),
            ("messaging_system".to_owned(), "kafka".to_owned()),
        ];
        Said::As(renamed(name, own))
    };
    match name {
        "kafka_consumer_fetch_manager_records_consumed_total" => {
            counted("messaging_client_consumed_messages_total", "poll")
        }
        "kafka_producer_record_send_total" => counted("messaging_client_sent_messages_total", "send"),
        _ => {
            let short = name.replacen("kafka_consumer_fetch_manager_", "kafka_consumer_", 1);
            let short = short.replacen("kafka_consumer_coordinator_", "kafka_consumer_", 1);
            let names: Vec<(&str, &str)> =
                labels.iter().map(|(name, _)| (*name, *name)).filter(|(name, _)| *name != "kafka_version").collect();
            if name.starts_with("kafka_") { Said::As(renamed(&short, relabelled(labels, &names))) } else { Said::Same }
        }
    }
}
