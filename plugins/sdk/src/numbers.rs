//! Configuration made of numbers: one list gives the Rust struct, its defaults and its JSON Schema, so that the three
//! cannot disagree.

use serde::Deserialize;

/// No configuration: the empty JSON object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Declares a configuration of numbers, each with what it means (no quotation marks: it becomes part of the schema), its
/// default and its range. Gives a struct with
/// `Default`, `Deserialize` and the constant `SCHEMA`.
///
/// ```
/// lagdoctor_sdk::numbers! {
///     /// When a pool is worth a word.
///     pub struct Config {
///         /// Threads that may wait before anybody is told
///         pub waiting: f64 = 1.0, from 0.0 to 1000.0;
///     }
/// }
/// assert_eq!(Config::default().waiting, 1.0);
/// let given: Config = lagdoctor_sdk::json::from_str(r#"{"waiting": 3}"#).unwrap();
/// assert_eq!(given.waiting, 3.0);
/// assert!(Config::SCHEMA.contains(r#""maximum":1000.0"#));
/// ```
#[macro_export]
macro_rules! numbers {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $config:ident {
            $(
                $(#[doc = $meaning:literal])+
                pub $field:ident: f64 = $default:literal, from $low:literal to $high:literal;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, $crate::serde::Deserialize)]
        #[serde(crate = "lagdoctor_sdk::serde", default, deny_unknown_fields)]
        $vis struct $config {
            $( $(#[doc = $meaning])+ pub $field: f64, )+
        }

        impl Default for $config {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl $config {
            /// The JSON Schema of this configuration.
            $vis const SCHEMA: &'static str = concat!(
                r#"{"type":"object","additionalProperties":false,"properties":{"#,
                $crate::__join!($(
                    concat!(
                        "\"", stringify!($field), r#"":{"type":"number","default":"#, stringify!($default),
                        r#","minimum":"#, stringify!($low), r#","maximum":"#, stringify!($high),
                        r#","description":""#, $($meaning,)+ "\"}"
                    )
                ),+),
                "}}"
            );
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    ($first:expr $(, $rest:expr)*) => { concat!($first $(, ",", $rest)*) };
}
