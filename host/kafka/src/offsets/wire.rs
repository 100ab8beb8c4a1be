//! Reads Kafka's primitive types from bytes that may be anything. Two encodings exist: the plain one with fixed-width
//! lengths, and the flexible one with variable-width lengths and tagged fields (KIP-482). Start at [`Reader`].

use super::{Skip, TopicId};

/// Which of the two encodings lengths have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Fixed-width lengths, no tags.
    Plain,
    /// Variable-width lengths that are one too high, so that 0 means null; tagged fields end each structure.
    Flexible,
}

/// Reads from the front of a byte string. Fails with [`Skip::Malformed`] and never reads past the end.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    encoding: Encoding,
}

const TRUNCATED: Skip = Skip::Malformed("it ends too early");

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], encoding: Encoding) -> Self {
        Self { rest: bytes, encoding }
    }

    /// Goes on in the other encoding: the version comes first, and it decides.
    pub(super) fn switch(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Skip> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Skip> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn i8(&mut self) -> Result<i8, Skip> {
        self.array().map(i8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Skip> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Skip> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Skip> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn topic_id(&mut self) -> Result<TopicId, Skip> {
        self.array().map(TopicId)
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u32, Skip> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Skip::Malformed("a length takes more than 32 bits"))
    }

    /// A length, `None` for null. `fixed` reads it where the encoding is plain.
    fn length(&mut self, fixed: fn(&mut Self) -> Result<i32, Skip>) -> Result<Option<usize>, Skip> {
        let length = match self.encoding {
            Encoding::Plain => i64::from(fixed(self)?),
            Encoding::Flexible => i64::from(self.varint()?) - 1,
        };
        match length {
            -1 => Ok(None),
            // Nothing can be longer than what is left, so that no length from outside decides how much is allocated.
            _ => match usize::try_from(length) {
                Ok(length) if length <= self.rest.len() => Ok(Some(length)),
                Ok(_) => Err(TRUNCATED),
                Err(_) => Err(Skip::Malformed("a length is negative")),
            },
        }
    }

    pub(super) fn nullable_text(&mut self) -> Result<Option<String>, Skip> {
        let Some(length) = self.length(|reader| reader.i16().map(i32::from))? else { return Ok(None) };
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Skip::Malformed("a text is no UTF-8"))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn text(&mut self) -> Result<String, Skip> {
        self.nullable_text()?.ok_or(Skip::Malformed("a text is null"))
    }

    /// A topic's name. Kafka allows 249 bytes; a longer one would be multiplied by every partition that follows it.
    pub(super) fn topic(&mut self) -> Result<String, Skip> {
        let topic = self.text()?;
        if topic.len() <= 249 { Ok(topic) } else { Err(Skip::Malformed("a topic's name is longer than 249 bytes")) }
    }

    /// The number of a partition.
    pub(super) fn partition(&mut self) -> Result<u32, Skip> {
        u32::try_from(self.i32()?).map_err(|_| Skip::Malformed("a partition is negative"))
    }

    /// Null reads as empty: writers differ, and nobody means anything by it.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Skip> {
        match self.length(Self::i32)? {
            Some(length) => self.take(length),
            None => Ok(&[]),
        }
    }

    /// An array. Every element takes at least one byte, so a length beyond what is left is refused before allocating.
    pub(super) fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Result<T, Skip>) -> Result<Vec<T>, Skip> {
        let count = self.length(Self::i32)?.unwrap_or(0);
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(element(self)?);
        }
        Ok(list)
    }

    /// The tagged fields that end a structure: nothing in the plain encoding. Gives the one that is wanted.
    pub(super) fn tags(&mut self, wanted: u32) -> Result<Option<&'a [u8]>, Skip> {
        if self.encoding == Encoding::Plain {
            return Ok(None);
        }
        let mut found = None;
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let length = self.varint()?;
            let field = self.take(usize::try_from(length).map_err(|_| TRUNCATED)?)?;
            if tag == wanted {
                found = Some(field);
            }
        }
        Ok(found)
    }

    /// The tagged fields that end a structure, none of which is wanted.
    pub(super) fn skip_tags(&mut self) -> Result<(), Skip> {
        self.tags(u32::MAX).map(|_| ())
    }
}
