//! The contract as Rust types, generated from `wit/`. The five worlds share one `types` module, so that a batch made
//! once fits all of them. Everything here is private: `convert` translates to and from the types of the model.
#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]

pub(crate) mod collector {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "collector",
        imports: { "lagdoctor:plugin/http.fetch": async | trappable, default: trappable },
        exports: { default: async },
    });
}

macro_rules! world {
    ($module:ident, $world:literal) => {
        pub(crate) mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit",
                world: $world,
                imports: { default: trappable },
                exports: { default: async },
                with: {
                    "lagdoctor:plugin/types": super::collector::lagdoctor::plugin::types,
                    "lagdoctor:plugin/log": super::collector::lagdoctor::plugin::log,
                },
            });
        }
    };
}
world!(scorer, "scorer");
world!(ranker, "ranker");
world!(forecaster, "forecaster");

pub(crate) mod notifier {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "notifier",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "lagdoctor:plugin/types": super::collector::lagdoctor::plugin::types,
            "lagdoctor:plugin/log": super::collector::lagdoctor::plugin::log,
            "lagdoctor:plugin/clock": super::collector::lagdoctor::plugin::clock,
            "lagdoctor:plugin/http": super::collector::lagdoctor::plugin::http,
        },
    });
}

pub(crate) use collector::exports::lagdoctor::plugin::collecting;
pub(crate) use collector::lagdoctor::plugin::{clock, http, log, types};
pub(crate) use forecaster::exports::lagdoctor::plugin::forecasting;
pub(crate) use notifier::exports::lagdoctor::plugin::notifying;
