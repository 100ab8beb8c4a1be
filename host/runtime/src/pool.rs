//! How many guests fit in, and how large may each be? Wasmtime reserves address space for all of them when the host
//! starts, so these are said once for the host, and [`crate::Limits`] of a plugin stay within.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::Limits;

const WASM_PAGE: usize = 64 << 10;
/// Address space of a memory whose guest needs no check of its own before it reads or writes: no address that it can
/// name lies outside, and what it may not touch is not mapped. That makes a guest half as fast again.
pub(crate) const WHOLE_MEMORY: u64 = 4 << 30;
/// What the host's own functions need of a stack beyond the guest's part.
const HOST_STACK: usize = 1536 << 10;
/// Bytes of what Wasmtime keeps about one core instance. Interpreters have thousands of functions in their tables.
const MOST_INSTANCE_BYTES: usize = 8 << 20;
/// Bytes of a memory that are put back in place instead of being given to the system and asked for again. An interpreter
/// touches one or two MiB in a call, and to fault them in takes longer than to copy them.
const WARM_BYTES: usize = 4 << 20;
/// The same of a table.
const WARM_TABLE_BYTES: usize = 256 << 10;

/// What the pool of instances has room for. All fields but the first two and the last are about one call.
///
/// ```
/// # use lagdoctor_runtime::{Limits, Pool};
/// let large = Limits { memory_bytes: 256 << 20, ..Limits::default() };
/// assert_eq!(Pool::default().with_room_for(&large).memory_bytes, 256 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Calls of all plugins together that run at one moment; a further call waits for a free slot within its own time.
    /// Default: 32.
    pub concurrent_calls: u32,
    /// Stack of a guest in bytes; a recursion beyond it is a trap. Default: 512 KiB.
    pub stack_bytes: usize,
    /// Most that [`Limits::memory_bytes`] can be. Default: 64 MiB.
    pub memory_bytes: usize,
    /// Most that [`Limits::memories`] can be. Default: 4.
    pub memories: usize,
    /// Most that [`Limits::table_elements`] can be. Default: 100,000.
    pub table_elements: usize,
    /// Most that [`Limits::tables`] can be. Default: 16.
    pub tables: usize,
    /// Most that [`Limits::instances`] can be. Default: 64.
    pub instances: usize,
    /// When room is made for a guest. Default: ahead.
    pub room: Room,
}

/// When room is made for a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// When the host starts: address space for all calls is reserved, and a call begins in microseconds.
    #[default]
    Ahead,
    /// When a call begins, which takes several times as long. For systems where a program may not reserve gigabytes of
    /// address space that it does not use. All limits hold alike.
    OnDemand,
}

impl Default for Pool {
    /// Room for the default limits.
    fn default() -> Self {
        let empty = Self {
            concurrent_calls: 32,
            stack_bytes: 512 << 10,
            memory_bytes: 0,
            memories: 0,
            table_elements: 0,
            tables: 0,
            instances: 0,
            room: Room::Ahead,
        };
        empty.with_room_for(&Limits::default())
    }
}

impl Pool {
    /// The same, enlarged until a call under these limits fits.
    #[must_use]
    pub fn with_room_for(self, limits: &Limits) -> Self {
        Self {
            memory_bytes: self.memory_bytes.max(limits.memory_bytes),
            memories: self.memories.max(limits.memories),
            table_elements: self.table_elements.max(limits.table_elements),
            tables: self.tables.max(limits.tables),
            instances: self.instances.max(limits.instances),
            ..self
        }
    }

    /// The first limit that is above what there is room for: its key, its value and the most.
    pub(crate) fn exceeded(&self, limits: &Limits) -> Option<(&'static str, usize, usize)> {
        let pairs = [
            ("memory_mib", limits.memory_bytes, self.memory_bytes),
            ("memories", limits.memories, self.memories),
            ("table_elements", limits.table_elements, self.table_elements),
            ("tables", limits.tables, self.tables),
            ("instances", limits.instances, self.instances),
        ];
        pairs.into_iter().find(|(_, asked, most)| asked > most)
    }

    /// Sets an engine up for it, with so many bytes of address space for a memory, or as many as the limits need.
    ///
    /// Starting a guest is fast because a slot that a component has run in is kept for that component: its memory is
    /// still mapped, and putting back what the last call has changed takes less than building it anew. That matters most
    /// for interpreters, whose memory is dozens of MiB, of which one call changes a few.
    pub(crate) fn configure(&self, config: &mut Config, reservation: u64) {
        let calls = self.concurrent_calls;
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let all = |each: usize| calls.saturating_mul(narrow(each));
        let memory = self.memory_bytes.max(1).next_multiple_of(WASM_PAGE);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(calls)
            .total_core_instances(all(self.instances))
            .total_memories(all(self.memories))
            .total_tables(all(self.tables))
            .total_stacks(calls)
            .max_memories_per_component(narrow(self.memories))
            .max_tables_per_component(narrow(self.tables))
            .max_core_instances_per_component(narrow(self.instances))
            .max_memories_per_module(narrow(self.memories))
            .max_tables_per_module(narrow(self.tables))
            .max_core_instance_size(MOST_INSTANCE_BYTES)
            .max_component_instance_size(MOST_INSTANCE_BYTES)
            .table_elements(self.table_elements)
            .max_memory_size(memory)
            .max_unused_warm_slots(calls);
        // Where the system cannot say which pages were changed, all of the warm part would have to be copied each time,
        // which for a small guest takes longer than everything else.
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            pool.pagemap_scan(Enabled::Yes)
                .linear_memory_keep_resident(WARM_BYTES)
                .table_keep_resident(WARM_TABLE_BYTES);
        }
        config
            .max_wasm_stack(self.stack_bytes)
            .async_stack_size(self.stack_bytes.saturating_add(HOST_STACK))
            .memory_reservation(reservation.max(memory as u64))
            .memory_may_move(false)
            .allocation_strategy(match self.room {
                Room::Ahead => InstanceAllocationStrategy::Pooling(pool),
                Room::OnDemand => InstanceAllocationStrategy::OnDemand,
            });
    }
}
