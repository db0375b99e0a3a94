//! Lines of the shell, one after the other, in a session over a database in memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torre::fuzzing;
use torre_cli::{Fed, Reply, Session, fuzzing as shell};
use torre_storage::Storage;

/// Lines of one run, and numbers in a line, at most: what they ask for takes time, and that is no find.
const LINES: usize = 40;
const DIGITS: usize = 3;

/// What every reply promises.
fn check(line: &str, reply: &Reply) {
    assert!(reply.text.is_empty() || reply.text.ends_with('\n'), "{line:?}: {:?}", reply.text);
    if let Some(error) = &reply.error {
        assert!(!error.is_empty() && !error.contains(['\n', '\r', '\u{1b}']), "{line:?}: {error:?}");
    }
}

/// Whether a line may ask for files of the machine; a parse, which is slow, decides.
fn reads_files(line: &str) -> bool {
    let words = ["read", "import", "eval", "--users", "--queries", "--item", "--user"];
    words.iter().any(|word| line.contains(word)) && shell::reads_files(line)
}

/// Numbers that are only large: lists, widths and samples of millions.
fn asks_for_much(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > DIGITS)
        && ["create", "build", "recall"].iter().any(|word| line.contains(word))
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let database = fuzzing::database(Storage::in_memory()).expect("a database in memory");
    let mut session = Session::new(database);
    if first & 1 == 1 {
        session = session.json();
    }
    session.set_width((first & 2 == 2).then_some(u16::from(first)));
    let mut whole = String::new();
    for line in text.lines().take(LINES) {
        whole.push_str(line);
        if let Some(words) = shell::words(&whole) {
            assert_eq!(shell::words(&shell::write_words(&words)), Some(words), "{whole:?}");
        }
        if !Session::needs_more(&whole) && (reads_files(&whole) || asks_for_much(&whole)) {
            session.abandon();
            whole.clear();
            continue;
        }
        if first & 4 == 4 {
            let cursor = whole.floor_char_boundary(whole.len() - line.len() / 2);
            let (start, completions) = session.complete(&whole, cursor);
            assert!(whole.is_char_boundary(start) && start <= cursor && completions.len() < 1000);
        }
        match session.feed(line) {
            Fed::NeedMore => {
                assert!(Session::needs_more(&whole));
                whole.push('\n');
            }
            Fed::Done(reply) => {
                assert!(!Session::needs_more(&whole));
                check(&whole, &reply);
                whole.clear();
                if reply.quit {
                    break;
                }
            }
        }
        assert!(!session.prompt().is_empty());
    }
    if let Some(reply) = session.abandon() {
        check(&whole, &reply);
    }
});
