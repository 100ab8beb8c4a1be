//! Reads Rust sources the way a reviewer would who looks for a few words: without comments, texts and tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// All Rust files below a folder, build folders aside, in order.
pub(crate) fn sources_below(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Words that a pure crate does not use, and what to use instead.
const WORDS: &[(&[&str], &str)] = &[
    (&["Instant", "SystemTime"], "reads a clock: take a Timestamp instead"),
    (&["HashMap", "HashSet", "RandomState"], "has no order: use BTreeMap, BTreeSet or IndexMap"),
    (&["tokio", "async", "await"], "waits: pure crates only think"),
    (
        &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"],
        "reaches the network: only runtime and kafka do",
    ),
    (&["StdRng", "SmallRng", "ThreadRng"], "changes between versions: use a ChaCha8 stream"),
    (&["println", "eprintln", "print", "eprint", "stdout", "stderr", "stdin"], "prints: only cli does"),
];

/// Parts of `std` that reach outside.
const OUTSIDE: &[&str] = &["fs", "env", "process", "thread"];

/// Functions of floating-point numbers whose last digits are the platform's.
const MATHEMATICS: &[&str] = &[
    "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "powf", "powi", "sin", "cos", "tan", "asin",
    "acos", "atan", "atan2", "sinh", "cosh", "tanh", "cbrt", "hypot",
];

/// What a pure crate may not do, by line: `12: ...`. Tests, in a module at the end or in a file named `tests`, may.
pub(crate) fn forbidden(source: &Source) -> Vec<String> {
    if source.path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests.rs" | "tests"))) {
        return Vec::new();
    }
    let code = code_of(&source.text);
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let tokens = tokens(line);
        for (index, token) in tokens.iter().enumerate() {
            let before = |distance: usize| index.checked_sub(distance).map_or("", |index| tokens[index]);
            let calls = tokens.get(index + 1) == Some(&"(");
            if let Some((_, why)) = WORDS.iter().find(|(words, _)| words.contains(token)) {
                found.push(format!("{number}: `{token}` {why}"));
            } else if OUTSIDE.contains(token) && (before(2) == "std" || tokens.contains(&"std") && tokens[0] == "use") {
                found.push(format!("{number}: `std::{token}` reaches outside: pure crates only think"));
            } else if MATHEMATICS.contains(token) && calls {
                let is_method = before(1) == "." || (before(1) == "::" && matches!(before(2), "f64" | "f32"));
                if is_method {
                    found.push(format!("{number}: `{token}` differs between platforms: use libm"));
                }
            }
        }
    }
    found
}

/// Words and punctuation of a line, `::` as one.
fn tokens(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if !first.is_whitespace() {
            found.push(token);
        }
        rest = after;
    }
    found
}

/// The text with comments and the insides of literals blanked, its lines kept.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest, code.chars().next_back()));
        let length = skipped.unwrap_or(first.len_utf8());
        let (piece, after) = rest.split_at(length);
        if skipped.is_some() {
            code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(piece);
        }
        rest = after;
    }
    code
}

/// Length of the comment that begins here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while rest.starts_with("/*") {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest[at..].chars().next()?.len_utf8();
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Length of the text or character literal that begins here; a lifetime is none.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !before.is_some_and(is_word)) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return raw[hashes + 1..].find(&end).map(|at| 1 + hashes + 1 + at + end.len());
        }
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    let inside = rest.strip_prefix('\'')?;
    let is_character = inside.starts_with('\\') || inside.chars().nth(1) == Some('\'');
    if is_character { quoted(rest, '\'') } else { None }
}

/// Length up to and including the closing quote, escapes heeded.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}
