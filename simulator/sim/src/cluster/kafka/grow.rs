//! More partitions for a topic that is in use. Producers know of them soon and send to them at once; the members of a group ask
//! for metadata only every five minutes, and until then nobody reads what is new.

use super::says;
use crate::cluster::Cluster;
use crate::cluster::line::{Level, Line, Source};
use crate::units::Micros;

/// Most seconds until a client asks for metadata again: `metadata.max.age.ms`.
const AGE_S: f64 = 300.0;

impl Cluster {
    /// Gives topics the partitions that they should have, and lets groups learn of them in their time.
    pub(in crate::cluster) fn grow_topics(&mut self) {
        let (now, Self { kafka, topics, groups, knobs, lines, written, .. }) = (self.now, &mut *self);
        for (place, topic) in topics.iter_mut().enumerate() {
            let wanted = topic.first_count + knobs.kafka.topics[place].added as usize;
            let had = topic.partitions.len();
            if wanted <= had {
                continue;
            }
            topic.grow(wanted, kafka.brokers.len());
            if let Some(active) = kafka.controller.active {
                let (source, logger) = (Source::Broker(active), says::CONTROLLER);
                let message = says::partitions_created(&topic.name);
                lines.push(Line { at: now, source, level: Level::Info, logger, message });
            }
            let known = groups.iter_mut().zip(&mut kafka.learns).enumerate();
            for (index, (group, learns)) in known.filter(|(_, (group, _))| group.topic == place) {
                // A partition that is new begins at its first record for whoever has never read it.
                group.committed.resize(wanted, Some(0));
                written[index].resize(wanted, 0);
                *learns = Some(now + Micros::of_seconds(AGE_S * kafka.stream.uniform(0.15, 1.0)));
            }
        }
        for place in 0..self.groups.len() {
            if self.kafka.learns[place].is_none_or(|at| at > now) {
                continue;
            }
            self.kafka.learns[place] = None;
            let Some(first) = self.groups[place].members.first().copied() else { continue };
            self.instances[first].is_called = true;
            let member = self.instances[first].member_id.clone();
            self.client_says(first, Level::Info, says::METADATA_CHANGED);
            self.rebalance(
                place,
                &format!("Leader {member} re-joining group during Stable; client reason: cached metadata has changed"),
            );
        }
    }
}
