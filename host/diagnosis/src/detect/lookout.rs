//! Does anything hurt now, and now, and now? Whoever looks as often as a source is read finds most of the time that nothing
//! does, or that what hurt a moment ago still hurts; both are told by far less than what [`detect`] looks at. Start at
//! [`Lookout::hurts_at`].

use lagdoctor_model::{Node, Series, Signals, Window};

use super::{Asked, detect, group, service};
use crate::seen::Seen;

/// Looks at the same signals at one moment after another, each time as if nothing had come later.
pub struct Lookout<'a> {
    signals: &'a Signals,
    /// Every group with its series, in the order of the topology.
    groups: Vec<(&'a Node, Vec<&'a Series>)>,
    /// The group that hurt last.
    likely: usize,
    /// What was known at a moment.
    then: Signals,
}

impl<'a> Lookout<'a> {
    /// A lookout over these signals.
    pub fn over(signals: &'a Signals) -> Self {
        let seen = Seen::new(signals);
        let groups = signals.topology.nodes().filter(|node| node.id.kind() == "group");
        let groups = groups.map(|node| (node, seen.of_node(&node.id).to_vec())).collect();
        let then = Signals {
            topology: signals.topology.clone(),
            history: signals.history.iter().filter(is_looked_at).cloned().collect(),
            ..Signals::empty(signals.window)
        };
        Self { signals, groups, likely: 0, then }
    }

    /// Whether [`detect`] finds a symptom in what lies within this window, asked about no group in particular and told
    /// nothing: [`Signals::reported`] is left out.
    pub fn hurts_at(&mut self, window: Window) -> bool {
        self.then.window = window;
        self.then.events.clear();
        self.then.events.extend(self.signals.events.iter().filter(|event| event.at <= window.now).cloned());
        if self.groups.is_empty() {
            self.then.series = within(self.signals.series.iter().filter(is_looked_at), &window);
            return detect(&self.then, None).symptom.is_some();
        }
        let others = (0..self.groups.len()).filter(|place| *place != self.likely);
        let hurting = std::iter::once(self.likely).chain(others).find(|place| {
            let (node, series) = &self.groups[*place];
            let judged = group::judged_by(series).flat_map(|series| series.within(window.start, window.now));
            self.then.series = judged.collect();
            if !group::may_hurt(&self.then, &Seen::new(&self.then), &node.id) {
                return false;
            }
            self.then.series = within(series.iter().copied(), &window);
            group::judge(&self.then, &Seen::new(&self.then), node).is_symptom(Asked::AboutAll)
        });
        self.likely = hurting.unwrap_or(self.likely);
        hurting.is_some()
    }
}

/// Whether this series says something of whether anything hurts.
fn is_looked_at(series: &&Series) -> bool {
    series.node().kind() == "group" || service::is_felt(series.signal().as_str())
}

/// What was read within the window; a series of which nothing was is not known.
fn within<'s>(series: impl Iterator<Item = &'s Series>, window: &Window) -> Vec<Series> {
    series.filter_map(|series| series.within(window.start, window.now)).collect()
}
