//! How well does trouble travel from one node to another? The product over the edges of the best way between them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lagdoctor_sdk::{NodeRef, View};

/// How well trouble in the dependency shows on the dependent, by kind of edge.
fn travel(kind: &str) -> f64 {
    match kind {
        // A shared host or database hurts only when it is short.
        "contends" => 0.5,
        // A primary may be busy without its replica falling behind.
        "replicates" => 0.7,
        // Calls can be few, cached, or survived; a link carries more than this traffic.
        "calls" | "crosses" | "led-by" => 0.9,
        "runs-on" | CLOCK => 0.95,
        _ => 1.0,
    }
}

/// What is timed inside a process stands still with it: a pool's times include the pauses of its instance's virtual
/// machine, although no dependency is drawn between the two.
const CLOCK: &str = "timed-by";

/// How well trouble travels on a way that nobody knows: less than over a call or two.
const UNKNOWN_WAY: f64 = 0.7;

/// What a node depends on, and what its measurements include.
pub(crate) fn influences<'a>(view: &View<'a>, node: NodeRef<'a>) -> Vec<(NodeRef<'a>, &'a str)> {
    let mut found: Vec<(NodeRef<'a>, &'a str)> = view.dependencies(node).collect();
    if node.kind == "pool" {
        for (instance, _) in view.dependents(node).filter(|(above, _)| above.kind == "instance") {
            let below = view.dependencies(instance).filter(|(below, _)| matches!(below.kind, "jvm" | "host"));
            found.extend(below.map(|(below, _)| (below, CLOCK)));
        }
    }
    found
}

/// Which nodes can be reached from one, how well, and on which way.
pub(crate) struct Reach {
    start: u32,
    strength: Vec<f64>,
    before: Vec<Option<u32>>,
}

impl Reach {
    /// Walks from this node along everything that influences it. Cycles are harmless, since no way gets better by going
    /// round.
    pub(crate) fn from<'a>(view: &View<'a>, start: NodeRef<'a>) -> Self {
        let count = view.batch().nodes.len();
        let mut reach = Self { start: start.handle, strength: vec![0.0; count], before: vec![None; count] };
        let mut hops = vec![usize::MAX; count];
        reach.strength[start.handle as usize] = 1.0;
        hops[start.handle as usize] = 0;
        // Strongest first, then the shorter way, then the smaller handle. Bits of positive numbers order as they do.
        let mut open = BinaryHeap::from([(1.0_f64.to_bits(), Reverse(0_usize), Reverse(start.handle))]);
        while let Some((bits, Reverse(far), Reverse(handle))) = open.pop() {
            let place = handle as usize;
            if f64::from_bits(bits) < reach.strength[place] || far > hops[place] {
                continue;
            }
            let Some(node) = view.node(handle) else { continue };
            for (next, kind) in influences(view, node) {
                let there = next.handle as usize;
                let strength = reach.strength[place] * travel(kind);
                let is_better =
                    strength > reach.strength[there] || (strength == reach.strength[there] && far + 1 < hops[there]);
                if is_better {
                    reach.strength[there] = strength;
                    reach.before[there] = Some(handle);
                    hops[there] = far + 1;
                    open.push((strength.to_bits(), Reverse(far + 1), Reverse(next.handle)));
                }
            }
        }
        reach
    }

    /// The same where nobody said who depends on whom: then any node may be behind a service that hurts, and none more than
    /// another. Of a group it is known what it depends on, if anything is known at all.
    pub(crate) fn or_anywhere<'a>(mut self, view: &View<'a>, start: NodeRef<'a>) -> Self {
        if view.batch().edges.is_empty() && start.kind != "group" {
            self.strength.fill(UNKNOWN_WAY);
        }
        self
    }

    /// How well trouble there shows here; 0 when no way leads there.
    pub(crate) fn strength(&self, node: u32) -> f64 {
        self.strength.get(node as usize).copied().unwrap_or(0.0)
    }

    /// The best way there, both ends included; empty when none is known.
    pub(crate) fn path(&self, node: u32) -> Vec<u32> {
        if self.strength(node) == 0.0
            || (node != self.start && self.before.get(node as usize).is_none_or(Option::is_none))
        {
            return vec![];
        }
        let mut path = vec![node];
        while let Some(before) = path.last().and_then(|last| self.before.get(*last as usize).copied().flatten()) {
            // A way back to the start closes no circle: the start has no node before it.
            if *path.last().unwrap_or(&self.start) == self.start {
                break;
            }
            path.push(before);
        }
        path.reverse();
        path
    }

    /// All nodes that can be reached, in order of their handles.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.strength).filter(|(_, strength)| **strength > 0.0).map(|(handle, _)| handle)
    }
}
