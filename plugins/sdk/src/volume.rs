//! How full are the volumes of a machine? One that is nearly full for years hurts nobody; one that has filled up within the
//! window is news. Start at [`View::fullest_volume`].

use crate::words::{bytes, percent};
use crate::{NodeRef, SeriesRef, View, ramp};

/// How much of a volume must have gone within the window for it to be news, as a share of its size.
const FILLED: (f64, f64) = (0.0, 0.02);

/// A volume of a machine, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Volume<'a> {
    /// What is free, in bytes.
    pub free: SeriesRef<'a>,
    /// Where it is mounted; `?` where nobody says it.
    pub place: &'a str,
    /// Its size in bytes, above 0.
    pub size: f64,
    /// Bytes that are free by the newest reading, and by the first one of the window.
    pub left: f64,
    /// See `left`.
    pub first: f64,
}

impl<'a> View<'a> {
    /// The volume of a host of which the smallest share is free; `None` where size or free space are not measured.
    pub fn fullest_volume(&self, host: NodeRef<'_>) -> Option<Volume<'a>> {
        let volumes = self.signals(host, "system.filesystem.available").filter_map(|free| {
            let place = free.label("mountpoint");
            let size = self.signals(host, "system.filesystem.size").find(|size| size.label("mountpoint") == place)?;
            let size = size.last().filter(|size| *size > 0.0)?;
            let left = free.last()?;
            let first = free.readings().next().map_or(left, |(_, first)| first);
            Some(Volume { free, place: place.unwrap_or("?"), size, left, first })
        });
        volumes.min_by(|a, b| a.share().total_cmp(&b.share()))
    }
}

impl Volume<'_> {
    /// The share of it that is free, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.left / self.size
    }

    /// The share of it that was taken within the window; below 0 where room was made.
    pub fn filled(&self) -> f64 {
        (self.first - self.left) / self.size
    }

    /// How surely it has become full, from 0 to 1, where it is as good as full with `full_share` of it free.
    pub fn has_filled_up(&self, full_share: f64) -> f64 {
        let is_full = 1.0 - ramp(self.share(), full_share * 0.5, full_share);
        is_full * ramp(self.filled(), FILLED.0, FILLED.1)
    }

    /// When less than `full_share` of it was free first; `None` where that never was so.
    pub fn full_since(&self, full_share: f64) -> Option<i64> {
        self.free.readings().find(|(_, left)| *left < self.size * full_share).map(|(time, _)| time)
    }

    /// What is left of it, for people.
    pub fn words(&self) -> String {
        format!("{} of {} ({}) are left on {}", bytes(self.left), bytes(self.size), percent(self.share()), self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::BatchBuilder;

    #[test]
    fn the_fullest_volume_is_that_with_the_smallest_share_left_and_news_if_it_has_just_filled_up() {
        let volume = |place: &'static str, builder: BatchBuilder, size: f64, free: fn(f64) -> f64| {
            let labels = [("mountpoint", place)];
            let builder = builder.labelled("host:a", "system.filesystem.size", &labels, move |_| size);
            builder.labelled("host:a", "system.filesystem.available", &labels, free)
        };
        let always = volume("/boot", BatchBuilder::minutes(40), 1e9, |_| 1e7);
        let batch = volume("/data", always, 1e12, |minute| (4e11 - minute * 1e11).max(0.0)).build();
        let view = View::new(&batch);
        let host = view.find("host:a").unwrap();
        let fullest = view.fullest_volume(host).unwrap();
        assert_eq!((fullest.place, fullest.share(), fullest.filled()), ("/data", 0.0, 0.4));
        assert_eq!(fullest.has_filled_up(0.02), 1.0);
        let since = fullest.full_since(0.02).unwrap() - view.start_ms();
        assert!((180_000..=240_000).contains(&since), "{since}");
        // Nearly full, and always so.
        let batch = volume("/boot", BatchBuilder::minutes(40), 1e9, |_| 1e7).build();
        let view = View::new(&batch);
        let boot = view.fullest_volume(view.find("host:a").unwrap()).unwrap();
        assert_eq!((boot.has_filled_up(0.02), boot.filled()), (0.0, 0.0));
    }
}
