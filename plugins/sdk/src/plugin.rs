//! The traits that authors implement, and how an implementation becomes the exports of a component. Start at
//! [`Plugin`] and [`Scorer`].

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::{
    Error, Finding, Host, IncidentEvent, Manifest, Page, Projection, Query, Ranking, Receipt, Rendering, Symptom,
    Target, View, code,
};

/// Who a plugin is and how it is configured.
pub trait Plugin: Sized + 'static {
    /// The operator's configuration, read from JSON. [`numbers!`](crate::numbers) makes one together with its schema;
    /// [`NoConfig`](crate::NoConfig) is for plugins without any.
    type Config: DeserializeOwned;

    /// What the plugin says of itself.
    fn manifest() -> Manifest;

    /// Ready to work with this configuration.
    ///
    /// # Errors
    /// With code `bad-config` when the values do not fit together; the schema has already been checked.
    fn new(config: Self::Config) -> Result<Self, Error>;

    /// Ready to work with this JSON text.
    ///
    /// # Errors
    /// With code `bad-config` when it cannot be read or does not fit.
    fn from_json(config: &str) -> Result<Self, Error> {
        let text = if config.trim().is_empty() { "{}" } else { config };
        let config = serde_json::from_str(text).map_err(|error| {
            let name = Self::manifest().into_record().name;
            Error::new(code::BAD_CONFIG, format!("configuration of `{name}` cannot be read: {error}"))
        })?;
        Self::new(config)
    }
}

/// Reads signals out of one kind of system, in that system's own words.
pub trait Collector: Plugin {
    /// Reads one page.
    ///
    /// # Errors
    /// When nothing could be read. What is missing from an otherwise good page goes into its `gaps`.
    fn collect(&self, host: &dyn Host, query: &Query) -> Result<Page, Error>;
}

/// Says what is unusual, and what is not.
pub trait Scorer: Plugin {
    /// One finding for each thing looked at, those with a score near 0 included: they rule causes out.
    ///
    /// # Errors
    /// When the batch makes no sense. Missing data is no error; it gives no findings.
    fn score(&self, view: &View<'_>) -> Result<Vec<Finding>, Error>;
}

/// From findings and dependencies to causes.
pub trait Ranker: Plugin {
    /// Causes, best first, and what was set aside.
    ///
    /// # Errors
    /// When the input makes no sense. Having no idea is an empty ranking.
    fn rank(&self, view: &View<'_>, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, Error>;
}

/// Says where a series is going.
pub trait Forecaster: Plugin {
    /// One projection for each target that has enough readings.
    ///
    /// # Errors
    /// When the input makes no sense.
    fn forecast(&self, view: &View<'_>, targets: &[Target], horizon_ms: i64) -> Result<Vec<Projection>, Error>;
}

/// Tells people, somewhere.
pub trait Notifier: Plugin {
    /// Sends one event of an incident; proof of what was sent.
    ///
    /// # Errors
    /// When it could not be delivered.
    fn notify(
        &self,
        host: &dyn Host,
        event: &IncidentEvent,
        diagnosis_json: &str,
        renderings: &[Rendering],
    ) -> Result<Vec<Receipt>, Error>;
}

thread_local! {
    static CONFIGURED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Joins a plugin to the exports of its world. Named by the export macros only.
#[derive(Debug)]
pub struct Adapter<P>(PhantomData<P>);

impl<P: Plugin> Adapter<P> {
    /// Runs the job on the configured plugin, or on one with an empty configuration when none was given.
    fn with<T>(job: impl FnOnce(&P) -> Result<T, Error>) -> Result<T, Error> {
        CONFIGURED.with_borrow_mut(|slot| {
            if !slot.as_ref().is_some_and(|plugin| plugin.is::<P>()) {
                *slot = Some(Box::new(P::from_json("")?));
            }
            match slot.as_ref().and_then(|plugin| plugin.downcast_ref::<P>()) {
                Some(plugin) => job(plugin),
                None => Err(Error::new(code::INTERNAL, "the configured plugin is of another type")),
            }
        })
    }
}

mod exports {
    use super::{Adapter, CONFIGURED, Error, Forecaster, Plugin, Ranker, Scorer, View};
    #[cfg(target_family = "wasm")]
    use super::{Collector, Notifier};
    #[cfg(target_family = "wasm")]
    use crate::bindings::collecting::exports::lagdoctor::plugin::collecting;
    use crate::bindings::forecasting::exports::lagdoctor::plugin::forecasting;
    use crate::bindings::lifecycle::exports::lagdoctor::plugin::lifecycle;
    #[cfg(target_family = "wasm")]
    use crate::bindings::notifying::exports::lagdoctor::plugin::notifying;
    use crate::bindings::ranking::exports::lagdoctor::plugin::ranking;
    use crate::bindings::scoring::exports::lagdoctor::plugin::scoring;
    use crate::bindings::shared::lagdoctor::plugin::types;

    impl<P: Plugin> lifecycle::Guest for Adapter<P> {
        fn describe() -> types::Manifest {
            P::manifest().into_record()
        }

        fn configure(config_json: String) -> Result<(), Error> {
            // A panic becomes a trap without words, so its message is sent to the log first.
            #[cfg(target_family = "wasm")]
            std::panic::set_hook(Box::new(|panic| crate::log::error(&panic.to_string())));
            let plugin = P::from_json(&config_json)?;
            CONFIGURED.with_borrow_mut(|slot| *slot = Some(Box::new(plugin)));
            Ok(())
        }
    }

    impl<P: Scorer> scoring::Guest for Adapter<P> {
        fn score(batch: types::Batch) -> Result<Vec<types::Finding>, Error> {
            Self::with(|plugin| plugin.score(&View::new(&batch)))
        }
    }

    impl<P: Ranker> ranking::Guest for Adapter<P> {
        fn rank(
            batch: types::Batch,
            findings: Vec<types::Finding>,
            symptom: types::Symptom,
        ) -> Result<types::Ranking, Error> {
            Self::with(|plugin| plugin.rank(&View::new(&batch), &findings, &symptom))
        }
    }

    impl<P: Forecaster> forecasting::Guest for Adapter<P> {
        fn forecast(
            batch: types::Batch,
            targets: Vec<forecasting::Target>,
            horizon_ms: i64,
        ) -> Result<Vec<forecasting::Projection>, Error> {
            Self::with(|plugin| plugin.forecast(&View::new(&batch), &targets, horizon_ms))
        }
    }

    // Natively there is no host to reach: there a collector or notifier runs only against a `Host` of a test.
    #[cfg(target_family = "wasm")]
    impl<P: Collector> collecting::Guest for Adapter<P> {
        fn collect(query: collecting::Query) -> Result<collecting::Page, Error> {
            Self::with(|plugin| plugin.collect(&crate::Sandbox, &query))
        }
    }

    #[cfg(target_family = "wasm")]
    impl<P: Notifier> notifying::Guest for Adapter<P> {
        fn notify(
            event: notifying::IncidentEvent,
            diagnosis_json: String,
            renderings: Vec<notifying::Rendering>,
        ) -> Result<Vec<notifying::Receipt>, Error> {
            Self::with(|plugin| plugin.notify(&crate::Sandbox, &event, &diagnosis_json, &renderings))
        }
    }
}

/// Makes this type, a [`Collector`], the component's. One such line in a crate.
#[macro_export]
macro_rules! export_collector {
    ($plugin:ty) => {
        $crate::__export_component!($plugin, collecting, export_collecting);
    };
}

/// Makes this type, a [`Scorer`], the component's. One such line in a crate.
#[macro_export]
macro_rules! export_scorer {
    ($plugin:ty) => {
        $crate::__export_component!($plugin, scoring, export_scoring);
    };
}

/// Makes this type, a [`Ranker`], the component's. One such line in a crate.
#[macro_export]
macro_rules! export_ranker {
    ($plugin:ty) => {
        $crate::__export_component!($plugin, ranking, export_ranking);
    };
}

/// Makes this type, a [`Forecaster`], the component's. One such line in a crate.
#[macro_export]
macro_rules! export_forecaster {
    ($plugin:ty) => {
        $crate::__export_component!($plugin, forecasting, export_forecasting);
    };
}

/// Makes this type, a [`Notifier`], the component's. One such line in a crate.
#[macro_export]
macro_rules! export_notifier {
    ($plugin:ty) => {
        $crate::__export_component!($plugin, notifying, export_notifying);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_component {
    ($plugin:ty, $job:ident, $export_job:ident) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            type Exported = $crate::Adapter<$plugin>;
    $crate::bindings::lifecycle::export_lifecycle!(Exported with_types_in $crate::bindings::lifecycle);
    $crate::bindings::$job::$export_job!(Exported with_types_in $crate::bindings::$job);
        };
    };
}
