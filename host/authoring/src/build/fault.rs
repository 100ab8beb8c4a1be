//! Where in a script is its fault? Tools that put a script into a component say it in the midst of their own stack, so it
//! is looked for in what they say. Start at [`in_python`] and [`in_javascript`].

use std::fmt;
use std::path::Path;

/// Lines of source that are shown with a fault.
const SHOWN: usize = 3;

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, seen from the project.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong with it, in the words of its language.
    pub message: String,
    /// The line itself, and what marks the place in it.
    pub source: Vec<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)?;
        self.source.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// The fault that Python tells of, in what `componentize-py` says: the deepest place inside the project. There the
/// project's files lie in `/0`.
pub(super) fn in_python(said: &str, project: &Path) -> Option<Fault> {
    let lines: Vec<&str> = said.lines().collect();
    let place = |(at, line): (usize, &&str)| {
        let rest = line.split_once("File \"")?.1;
        let (path, rest) = rest.split_once("\", line ")?;
        let (number, file) = path.strip_prefix('/')?.split_once('/')?;
        let is_ours = number.chars().all(|c| c.is_ascii_digit()) && project.join(file).is_file();
        let number = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        is_ours.then(|| (at, file.to_owned(), number))
    };
    let (at, file, line) = lines.iter().enumerate().rev().find_map(place)?;
    let rest = &lines[at + 1..];
    let source = rest.iter().take_while(|line| line.starts_with("    ")).take(SHOWN);
    let source = source.map(|line| shown(line)).collect();
    // What is raised stands where the stack ends, at the edge.
    let message = rest.iter().find(|line| !line.starts_with(' ') && is_error(line))?;
    Some(Fault { file, line, message: shown(message), source })
}

/// The fault that JavaScript tells of: in what `node --check` says, which begins with `FILE:LINE`, or in what the engine
/// says inside `componentize-js`, which has a line `FILE:LINE:COLUMN Error: ...`.
pub(super) fn in_javascript(said: &str, project: &Path) -> Option<Fault> {
    let lines: Vec<&str> = said.lines().collect();
    checked(&lines, project).or_else(|| evaluated(&lines, project))
}

fn checked(lines: &[&str], project: &Path) -> Option<Fault> {
    let (path, line) = lines.first()?.rsplit_once(':')?;
    let file = within(path.strip_prefix("file://").unwrap_or(path), project)?;
    let line = line.parse().ok()?;
    let source = lines[1..].iter().take_while(|line| !line.is_empty()).take(SHOWN).map(|line| shown(line)).collect();
    let message = lines[1..].iter().find(|line| is_error(line))?;
    Some(Fault { file, line, message: shown(message), source })
}

fn evaluated(lines: &[&str], project: &Path) -> Option<Fault> {
    let fault = |(at, line): (usize, &&str)| {
        let (place, message) = line.split_once(' ')?;
        let (rest, column) = place.rsplit_once(':')?;
        let (path, line) = rest.rsplit_once(':')?;
        column.parse::<u32>().ok()?;
        if !is_error(message) {
            return None;
        }
        // The engine repeats the place before the line itself.
        let source = lines[at + 1..].iter().map_while(|line| line.strip_prefix(place)).take(SHOWN);
        let source = source.map(|line| shown(line.strip_prefix(' ').unwrap_or(line))).collect();
        let (file, message) = (within(path, project)?, shown(message.trim_end_matches(':')));
        Some(Fault { file, line: line.parse().ok()?, message, source })
    };
    lines.iter().enumerate().find_map(fault)
}

/// A file of the project, seen from it.
fn within(path: &str, project: &Path) -> Option<String> {
    let path = Path::new(path);
    let file = path.strip_prefix(project).unwrap_or(path);
    let is_ours = project.join(file).is_file() && !file.starts_with("node_modules") && file.is_relative();
    is_ours.then(|| file.display().to_string())
}

/// Whether a line begins as an exception of Python or of JavaScript does: `SyntaxError: ...`.
fn is_error(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let has_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_name);
    has_name && (line.contains(": ") || name == line)
}

/// A line as it may be shown.
fn shown(line: &str) -> String {
    line.trim_end().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a project that has these files.
    fn check(find: fn(&str, &Path) -> Option<Fault>, files: &[&str], said: &str, expected: Option<&str>) {
        let project = tempfile::tempdir().unwrap();
        for file in files {
            let path = project.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let said = said.replace("PROJECT", &project.path().display().to_string());
        assert_eq!(find(&said, project.path()).map(|fault| fault.to_string()).as_deref(), expected);
    }

    /// As componentize-py 0.25.1 says it.
    const SYNTAX: &str = r#"Traceback (most recent call last):
  File "PROJECT/.venv/bin/componentize-py", line 8, in <module>
    sys.exit(script())
             ^^^^^^^^
AssertionError:   File "/0/plugin.py", line 3
    def broken(:
               ^
SyntaxError: invalid syntax


Caused by:
    SyntaxError: invalid syntax (plugin.py, line 3)

Stack backtrace:
   0: <anyhow::Error>::msg::<alloc::string::String>
"#;

    /// The same.
    const RAISED: &str = r#"Traceback (most recent call last):
  File "PROJECT/.venv/bin/componentize-py", line 8, in <module>
    sys.exit(script())
             ^^^^^^^^
AssertionError: Traceback (most recent call last):
  File "/0/plugin.py", line 4, in <module>
    import deep.er
  File "/0/deep/er.py", line 128, in <module>
    undefined_name(3)
    ^^^^^^^^^^^^^^
NameError: name 'undefined_name' is not defined


Caused by:
    NameError: name 'undefined_name' is not defined
"#;

    #[test]
    fn a_fault_of_a_python_script_is_found_in_the_stack_of_its_tool() {
        let files = [".venv/bin/componentize-py", "plugin.py", "deep/er.py"];
        let syntax = "plugin.py:3: SyntaxError: invalid syntax\n    def broken(:\n               ^";
        check(in_python, &files, SYNTAX, Some(syntax));
        let raised = "deep/er.py:128: NameError: name 'undefined_name' is not defined\n    undefined_name(3)\n    ^^^^^^^^^^^^^^";
        check(in_python, &files, RAISED, Some(raised));
        // Where the fault is not the project's, its tool has to say what it is.
        check(in_python, &[".venv/bin/componentize-py"], RAISED, None);
        check(in_python, &files, "Killed", None);
        check(in_python, &files, "", None);
    }

    #[test]
    fn a_fault_of_a_javascript_module_is_found_in_what_node_and_the_engine_say() {
        // As Node.js 20 says it.
        let node = "PROJECT/plugin.js:20\nfunction broken( {\n         ^^^^^^\n\nSyntaxError: Unexpected identifier 'broken'\n    \
                    at checkSyntax (node:internal/main/check_syntax:74:5)\n\nNode.js v20.20.2\n";
        let expected = "plugin.js:20: SyntaxError: Unexpected identifier 'broken'\nfunction broken( {\n         ^^^^^^";
        check(in_javascript, &["plugin.js"], node, Some(expected));
        // As componentize-js 0.23.0 says it.
        let stack = "file://PROJECT/node_modules/@b/componentize-js/src/componentize.js:365\n    throw new Error(err);\n          ^\n\n\
                     Error: Failed to initialize component (wizer (PROJECT/node_modules/wizer)):\n\
                     Exception while evaluating top-level script\n";
        let end = "    at componentize (file://PROJECT/node_modules/@b/componentize-js/src/componentize.js:365:11)\n";
        let files = ["plugin.js", "lib/x.js", "node_modules/@b/componentize-js/src/componentize.js"];
        let raised = "plugin.js:122:1 ReferenceError: undefinedFunction is not defined\nStack:\n  @plugin.js:122:1\n";
        let expected = "plugin.js:122: ReferenceError: undefinedFunction is not defined";
        check(in_javascript, &files, &format!("{stack}{raised}{end}"), Some(expected));
        let syntax = "lib/x.js:1:9 SyntaxError: expected expression, got '=':\nlib/x.js:1:9 let x = = 1;\nlib/x.js:1:9 ........^\n";
        let expected = "lib/x.js:1: SyntaxError: expected expression, got '='\nlet x = = 1;\n........^";
        check(in_javascript, &files, &format!("{stack}{syntax}{end}"), Some(expected));
        check(in_javascript, &files, &format!("{stack}{end}"), None);
        check(in_javascript, &files, "", None);
    }
}
