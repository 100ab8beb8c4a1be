//! What the WIT files become in Rust. One set of shared types serves all five worlds, so that a helper written for a
//! scorer works for a ranker too. Authors never name this module; the export macros of the crate root do.
//!
//! A world is exported in two parts, `lifecycle` and the job, because all five share the first part and a macro may
//! be defined only once in a crate. The component encoder joins the parts again.
#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all)]

/// The shared types and the host's functions.
pub mod shared {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package lagdoctor:sdk;
            world shared {
                import lagdoctor:plugin/types@0.1.0;
                import lagdoctor:plugin/log@0.1.0;
                import lagdoctor:plugin/clock@0.1.0;
                import lagdoctor:plugin/http@0.1.0;
            }
        ",
        world: "lagdoctor:sdk/shared",
        additional_derives: [PartialEq],
        generate_all,
        generate_unused_types: true,
    });
}

/// Generates one exported part on top of the shared types, with an export macro of its own.
macro_rules! part {
    ($module:ident, $wit:literal, $world:literal, $macro_name:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                inline: $wit,
                world: $world,
                with: { "lagdoctor:plugin/types@0.1.0": crate::bindings::shared::lagdoctor::plugin::types },
                additional_derives: [PartialEq],
                generate_unused_types: true,
                pub_export_macro: true,
                export_macro_name: $macro_name,
            });
        }
    };
}

part!(
    lifecycle,
    "package lagdoctor:sdk; world lifecycle-part { export lagdoctor:plugin/lifecycle@0.1.0; }",
    "lagdoctor:sdk/lifecycle-part",
    "export_lifecycle"
);
part!(
    collecting,
    "package lagdoctor:sdk; world collecting-part { export lagdoctor:plugin/collecting@0.1.0; }",
    "lagdoctor:sdk/collecting-part",
    "export_collecting"
);
part!(
    scoring,
    "package lagdoctor:sdk; world scoring-part { export lagdoctor:plugin/scoring@0.1.0; }",
    "lagdoctor:sdk/scoring-part",
    "export_scoring"
);
part!(
    ranking,
    "package lagdoctor:sdk; world ranking-part { export lagdoctor:plugin/ranking@0.1.0; }",
    "lagdoctor:sdk/ranking-part",
    "export_ranking"
);
part!(
    forecasting,
    "package lagdoctor:sdk; world forecasting-part { export lagdoctor:plugin/forecasting@0.1.0; }",
    "lagdoctor:sdk/forecasting-part",
    "export_forecasting"
);
part!(
    notifying,
    "package lagdoctor:sdk; world notifying-part { export lagdoctor:plugin/notifying@0.1.0; }",
    "lagdoctor:sdk/notifying-part",
    "export_notifying"
);
