//! `tests/scripts`: sessions of the shell, and calls of the binary.

use torre::Database;
use torre_cli::{Fed, Session};

use crate::binary::Workshop;
use crate::transcript::{check, scripts};

/// Columns of the terminal in the scripts.
const WIDTH: u16 = 100;

#[test]
fn sessions_of_the_shell_go_as_written() {
    let failures: Vec<String> = scripts("shell").iter().filter_map(|path| session(path).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

fn session(path: &std::path::Path) -> Result<(), String> {
    let mut session = Session::new(Database::in_memory().unwrap());
    session.set_width(Some(WIDTH));
    check(path, &["torre> ", "  ...> "], |_, text| match session.feed(text) {
        Fed::NeedMore => String::new(),
        Fed::Done(reply) => match reply.error {
            Some(error) => format!("{}error: {error}\n", reply.text),
            None => reply.text,
        },
    })
}

#[test]
fn calls_of_the_binary_go_as_written() {
    let failures: Vec<String> = scripts("cli").iter().filter_map(|path| calls(path).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

/// `$ ` runs a command line, `$ NAME << TEXT` writes a line to a file.
fn calls(path: &std::path::Path) -> Result<(), String> {
    let workshop = Workshop::new();
    check(path, &["$ "], |_, text| {
        if let Some((name, line)) = text.split_once(" << ") {
            workshop.append(name, line);
            return String::new();
        }
        let run = workshop.shell(text);
        let mut out = run.stdout;
        for line in run.stderr.lines() {
            out.push_str("! ");
            out.push_str(line);
            out.push('\n');
        }
        if run.code != 0 {
            out.push_str(&format!("= exit {}\n", run.code));
        }
        out
    })
}
