//! What processes and hosts have: heap, threads, processors, disks, clocks, versions.

mod bad_version;
mod gc_full;
mod gc_young;
mod heap_leak;
mod host_clock;
mod host_cpu;
mod host_disk_full;
mod logs_flood;
mod threads;

use super::Kind;

/// Every kind of this area.
pub(super) const KINDS: &[&dyn Kind] = &[
    &gc_young::JvmGcYoung,
    &gc_full::JvmGcFull,
    &heap_leak::JvmHeapLeak,
    &threads::ThreadsExhausted,
    &host_cpu::HostCpu,
    &logs_flood::LogsFlood,
    &bad_version::DeployBadVersion,
    &host_clock::HostClock,
    &host_disk_full::HostDiskFull,
];
