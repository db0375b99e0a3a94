//! The commands that the README promises.

/// The README's shell lines that begin with `torre`, as far as they need no data of the reader's own, run as they stand.
#[test]
fn the_commands_of_the_readme_run() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let start = readme.find("<!-- runs -->").expect("the README marks the commands that a test runs");
    let block = readme[start..].split("```").nth(1).unwrap();
    let workshop = crate::binary::Workshop::new();
    let lines: Vec<&str> = block.lines().skip(1).filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        let run = workshop.shell(line);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{line}");
    }
}
