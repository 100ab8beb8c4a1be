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
/// assert!(Config::SCHEMA.contains(r#""description":"Threads that may wait"#));
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
            $vis const SCHEMA: &'static str = {
                const SPACED: &str = concat!(
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
                const CLOSED: [u8; $crate::__closed_len(SPACED)] = $crate::__closed(SPACED);
                match ::core::str::from_utf8(&CLOSED) {
                    Ok(schema) => schema,
                    Err(_) => SPACED,
                }
            };
        }
    };
}

/// A doc comment begins with the space behind its slashes, which is none of the text's: where this text has `":" `, it is
/// left out. Only the beginning of a description reads so, since nothing else has quotation marks before a space.
const fn is_left_out(text: &[u8], at: usize) -> bool {
    at >= 3 && text[at] == b' ' && text[at - 1] == b'"' && text[at - 2] == b':' && text[at - 3] == b'"'
}

/// How long [`__closed`] is.
#[doc(hidden)]
pub const fn __closed_len(text: &str) -> usize {
    let text = text.as_bytes();
    let (mut at, mut len) = (0, 0);
    while at < text.len() {
        if !is_left_out(text, at) {
            len += 1;
        }
        at += 1;
    }
    len
}

/// A schema without the spaces with which its descriptions begin.
#[doc(hidden)]
pub const fn __closed<const LEN: usize>(text: &str) -> [u8; LEN] {
    let text = text.as_bytes();
    let mut closed = [0; LEN];
    let (mut at, mut len) = (0, 0);
    while at < text.len() {
        if !is_left_out(text, at) {
            closed[len] = text[at];
            len += 1;
        }
        at += 1;
    }
    closed
}

#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    ($first:expr $(, $rest:expr)*) => { concat!($first $(, ",", $rest)*) };
}
