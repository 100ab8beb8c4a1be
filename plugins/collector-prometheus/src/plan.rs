//! What is left to read, as a token that the host hands back for the next page.

use std::fmt;

use lagdoctor_sdk::{Error, code};

use crate::dialect::Source;

/// Sources still to be read, in order. As text `1:12.0,13.0`: a version, then place and alternative of each.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) sources: Vec<Source>,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1:")?;
        for (index, source) in self.sources.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}.{}", source.place, source.alternative)?;
        }
        Ok(())
    }
}

impl Token {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let source = |pair: &str| {
            let (place, alternative) = pair.split_once('.')?;
            Source::at(place.parse().ok()?, alternative.parse().ok()?)
        };
        let sources: Option<Vec<Source>> =
            text.strip_prefix("1:").and_then(|list| list.split(',').map(source).collect());
        sources.map(|sources| Self { sources }).ok_or_else(|| {
            Error::new(code::BAD_INPUT, "the page token is not one of this plugin; begin again with the first page")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went() {
        let token = Token::parse("1:0.0,7.0").unwrap();
        assert_eq!(token.to_string(), "1:0.0,7.0");
        assert_eq!(token.sources[1].place, 7);
    }

    #[test]
    fn a_token_of_another_version_or_place_is_refused() {
        for text in ["", "1:", "2:0.0", "1:0", "1:0.9", "1:99999.0", "1:0.0,", "1:-1.0"] {
            assert!(Token::parse(text).is_err(), "{text}");
        }
    }
}
