//! How bad is a line? OpenTelemetry SeverityNumbers of the words that loggers use.

/// The lowest SeverityNumber that is worth reading first.
pub(crate) const WARN: u8 = 13;

/// Words of loggers, and the SeverityNumber of each.
const WORDS: [(&str, u8); 20] = [
    ("trace", 1),
    ("finest", 1),
    ("verbose", 1),
    ("debug", 5),
    ("fine", 5),
    ("finer", 5),
    ("info", 9),
    ("information", 9),
    ("informational", 9),
    ("config", 9),
    ("notice", 10),
    ("warn", 13),
    ("warning", 13),
    ("error", 17),
    ("err", 17),
    ("severe", 17),
    ("critical", 21),
    ("fatal", 21),
    ("alert", 22),
    ("emergency", 23),
];

/// The SeverityNumber of a word, whatever its case.
pub(crate) fn of_word(word: &str) -> Option<u8> {
    let word = word.trim();
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, number)| *number)
}

/// The level that stands at the beginning of a line, as in `2024-01-01 12:00:00 WARN [main] ...`.
pub(crate) fn in_text(message: &str) -> Option<u8> {
    let words = message.split(|c: char| c.is_whitespace() || "[]|:=".contains(c)).filter(|word| !word.is_empty());
    words.take(8).filter(|word| word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase())).find_map(of_word)
}

/// All spellings of all words in this range, for exact matches in an index that knows no case.
pub(crate) fn spellings(from: u8, below: u8) -> Vec<String> {
    let in_range = WORDS.iter().filter(|(_, number)| (from..below).contains(number));
    in_range
        .flat_map(|(word, _)| {
            let mut capital = (*word).to_owned();
            capital[..1].make_ascii_uppercase();
            [(*word).to_owned(), word.to_ascii_uppercase(), capital]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_all_loggers_have_a_number() {
        for (word, number) in [("WARN", 13), ("Warning", 13), ("SEVERE", 17), ("fatal", 21), ("INFO ", 9), ("trace", 1)]
        {
            assert_eq!(of_word(word), Some(number), "{word}");
        }
        assert_eq!(of_word("loud"), None);
    }

    #[test]
    fn a_level_in_the_text_is_read_and_a_word_of_the_text_is_not() {
        assert_eq!(in_text("2024-01-01 12:00:00,123 WARN  [main] o.a.k.Consumer - slow"), Some(13));
        assert_eq!(in_text("[ERROR] it broke"), Some(17));
        assert_eq!(in_text("level=ERROR msg=it"), Some(17));
        assert_eq!(in_text("an error occurred"), None);
    }

    #[test]
    fn spellings_of_a_range_leave_the_others_out() {
        let loud = spellings(WARN, u8::MAX);
        assert!(loud.contains(&"WARN".to_owned()) && loud.contains(&"Error".to_owned()));
        assert!(!loud.contains(&"info".to_owned()));
        assert!(spellings(0, 9).contains(&"DEBUG".to_owned()));
    }
}
