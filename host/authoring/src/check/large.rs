//! A large site, made of many copies of a usual one.

use lagdoctor_model::{Edge, Node, NodeId, Series, SeriesKey, Signals};

/// Copies of these signals side by side, until there are this many nodes or more.
pub(super) fn site(usual: &Signals, nodes: usize) -> Signals {
    let copies = nodes.div_ceil(usual.topology.len().max(1));
    let mut large = Signals::empty(usual.window);
    for copy in 0..copies {
        let renamed = |id: &NodeId| NodeId::new(format!("{id}-{copy}")).unwrap_or_else(|_| id.clone());
        for node in usual.topology.nodes() {
            large.topology.add_node(Node { id: renamed(&node.id), ..node.clone() });
        }
        for edge in usual.topology.edges() {
            let edge =
                Edge { dependent: renamed(&edge.dependent), dependency: renamed(&edge.dependency), ..edge.clone() };
            large.topology.connect(edge);
        }
        for series in &usual.series {
            let key = SeriesKey { node: renamed(series.node()), ..series.key().clone() };
            large.series.extend(Series::new(key, series.samples().to_vec()));
        }
        // One copy of the log is as long as a host reads; what is beyond, it would leave out.
        if copy == 0 {
            large.logs = usual
                .logs
                .iter()
                .map(|line| lagdoctor_model::LogLine { node: renamed(&line.node), ..line.clone() })
                .collect();
        }
    }
    large.normalised()
}
