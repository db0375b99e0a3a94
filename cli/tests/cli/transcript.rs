//! Golden sessions: what was typed, and below it what came. `TORRE_BLESS=1` writes what comes now into the file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A line of a script.
enum Line<'a> {
    /// `# ...`: kept as it is.
    Remark(&'a str),
    /// Something typed, after its prompt.
    Typed { prompt: &'a str, text: &'a str },
    /// What came last time.
    Came,
}

fn classify<'a>(line: &'a str, prompts: &[&'a str]) -> Line<'a> {
    if line.starts_with("# ") {
        return Line::Remark(line);
    }
    let typed = prompts.iter().find_map(|prompt| line.strip_prefix(prompt).map(|text| Line::Typed { prompt, text }));
    typed.unwrap_or(Line::Came)
}

/// The scripts of a folder of `tests/scripts`.
pub(crate) fn scripts(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no scripts in {}", folder.display());
    paths
}

/// Types the lines of a script again and compares what comes with what is written there. `answer` gets the prompt and the text.
pub(crate) fn check(path: &Path, prompts: &[&str], mut answer: impl FnMut(&str, &str) -> String) -> Result<(), String> {
    let expected = std::fs::read_to_string(path).unwrap();
    let mut now = String::new();
    for line in expected.lines() {
        match classify(line, prompts) {
            Line::Remark(line) => writeln!(now, "{line}").unwrap(),
            Line::Typed { prompt, text } => {
                writeln!(now, "{prompt}{text}").unwrap();
                now.push_str(&mask(&answer(prompt, text)));
            }
            Line::Came => {}
        }
    }
    if now == expected {
        return Ok(());
    }
    if std::env::var_os("TORRE_BLESS").is_some() {
        std::fs::write(path, now).unwrap();
        return Ok(());
    }
    let differs =
        expected.lines().zip(now.lines()).position(|(a, b)| a != b).unwrap_or_else(|| expected.lines().count().min(now.lines().count()));
    let line = |text: &str| text.lines().nth(differs).unwrap_or("(end)").to_owned();
    Err(format!(
        "{}, line {}:\n  expected: {}\n  came:     {}\n(TORRE_BLESS=1 accepts what comes now)",
        path.display(),
        differs + 1,
        line(&expected),
        line(&now)
    ))
}

/// Times differ from run to run: their digits become `?`.
fn mask(text: &str) -> String {
    const JSON_KEYS: [&str; 6] =
        ["\"micros\":", "\"seconds\":", "\"rows_per_second\":", "\"p50_micros\":", "\"p99_micros\":", "_bytes_per_row\":"];
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut line = line.to_owned();
        for key in JSON_KEYS {
            let mut from = 0;
            while let Some(at) = line[from..].find(key) {
                let start = from + at + key.len();
                let end = start + line[start..].find([',', '}', ']']).unwrap_or(line.len() - start);
                line.replace_range(start..end, "?");
                from = start;
            }
        }
        for (before, after) in [("time: ", " ms"), (" in ", " s"), ("p50 ", " us"), ("p99 ", " us")] {
            line = masked_between(&line, before, after);
        }
        for (before, after) in ["read ", "train ", "write ", "import ", "build ", "measure "].map(|stage| (stage, " s")) {
            line = masked_between(&line, before, after);
        }
        // Columns that hold times, and the stages of an explanation.
        if line.trim_end().ends_with("us") || line.trim_end().ends_with("us:") {
            // Of any width: one `?` for a number and one space before it.
            line = line.split_inclusive('\n').map(|line| without_numbers(line.trim_end()) + "\n").collect();
        }
        for name in ["seconds", "ram_bytes_per_row", "disk_bytes_per_row"] {
            if line.starts_with(&format!("│ {name}")) || line.trim_start().starts_with(&format!("{name} =")) {
                line = line.chars().map(|c| if c.is_ascii_digit() { '?' } else { c }).collect();
            }
        }
        out.push_str(&line);
    }
    out
}

fn masked_between(line: &str, before: &str, after: &str) -> String {
    let Some(start) = line.find(before).map(|at| at + before.len()) else { return line.to_owned() };
    let Some(length) = line[start..].find(after) else { return line.to_owned() };
    let middle = &line[start..start + length];
    if middle.is_empty() || !middle.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return line.to_owned();
    }
    format!("{}?{}", &line[..start], &line[start + length..])
}

fn without_numbers(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<String> = line
        .split_whitespace()
        .map(
            |word| {
                if number(word) { word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned() } else { word.to_owned() }
            },
        )
        .zip(line.split_whitespace().map(number))
        .map(|(rest, number)| if number { format!("?{rest}") } else { rest })
        .collect();
    format!("{}{}", &line[..indent], words.join(" "))
}
