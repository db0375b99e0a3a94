//! The binary in a directory of its own.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A directory to run the binary in.
pub(crate) struct Workshop {
    directory: tempfile::TempDir,
}

/// What a call came to.
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap() }
    }
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn append(&self, name: &str, line: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.path().join(name)).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let binaries = Path::new(env!("CARGO_BIN_EXE_torre")).parent().unwrap();
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
        command.env("ASSETS", Path::new(env!("CARGO_MANIFEST_DIR")).join("assets"));
        command.current_dir(self.path()).env("PATH", path).env("HOME", self.path()).env_remove("TORRE_LOG").stdin(Stdio::null());
        command
    }

    /// Runs a line by `sh`, with `torre` in its path.
    pub(crate) fn shell(&self, line: &str) -> Run {
        self.command("sh").args(["-c", line]).output().unwrap().into()
    }

    /// Runs the binary.
    pub(crate) fn torre(&self, arguments: &[&str]) -> Run {
        self.command(env!("CARGO_BIN_EXE_torre")).args(arguments).output().unwrap().into()
    }

    /// The binary, to be run and killed.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = self.command(env!("CARGO_BIN_EXE_torre"));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the binary and gives the JSON it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let run = self.torre(&[arguments, &["--json"]].concat());
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", run.stdout))
    }
}

#[test]
fn json_is_one_object_and_standard_error_is_silent() {
    let workshop = Workshop::new();
    let created = workshop.json(&["create", "db", "--dim", "2", "--metric", "cosine"]);
    assert_eq!(created, serde_json::json!({"collection": "items", "dim": 2, "metric": "cosine", "generation": 1}));
    for row in 0..30 {
        workshop.append("rows.jsonl", &format!(r#"{{"id": {row}, "vector": [{}, 1]}}"#, row as f64 / 10.0));
    }
    let imported = workshop.json(&["import", "db", "rows.jsonl"]);
    assert_eq!((&imported["rows"], &imported["inserted"], &imported["rejected"]), (&30.into(), &30.into(), &0.into()));
    let again = workshop.json(&["import", "db", "rows.jsonl"]);
    assert_eq!((&again["inserted"], &again["updated"]), (&0.into(), &30.into()));
    let answer = workshop.json(&["search", "db", "--vector", "[0, 1]", "-k", "3", "--explain"]);
    let ids: Vec<&str> = answer["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["0", "1", "2"]);
    assert!(answer["micros"].as_f64().unwrap() > 0.0 && answer["explain"]["rows_scanned"].as_u64().unwrap() == 30, "{answer}");
    assert_eq!(workshop.json(&["get", "db", "7"])["id"], "7");
    assert_eq!(workshop.json(&["delete", "db", "7", "8", "no"])["deleted"], 2);
    assert_eq!(workshop.json(&["stats", "db"])["rows"], 28);
    let run = workshop.torre(&["stats", "db", "--json"]);
    assert!(run.stderr.is_empty() && run.stdout.lines().count() == 1, "{}{}", run.stdout, run.stderr);
}

#[test]
fn exit_codes_tell_failures_from_bad_arguments() {
    let workshop = Workshop::new();
    for (arguments, code) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        (&[], 2),
        (&["recommend"], 2),
        (&["create", "db"], 2),
        (&["create", "db", "--dim", "0"], 2),
        (&["bench"], 2),
        (&["bench", "--data", "somewhere", "--reps", "0"], 2),
        (&["bench", "--data", "nowhere"], 1),
        (&["get", "missing", "1"], 1),
        (&["missing"], 1),
        (&["create", "db", "--item", "no.onnx", "--user", "no.onnx"], 1),
    ] {
        let run = workshop.torre(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(code != 1 || run.stderr.starts_with("error: ") && run.stderr.lines().count() == 1, "{arguments:?}: {}", run.stderr);
    }
    assert!(!workshop.path().join("db").exists(), "a failed create leaves nothing behind");
}

#[test]
fn a_dump_lies_beside_its_database_where_nothing_else_is_said() {
    let workshop = Workshop::new();
    workshop.json(&["create", "db", "--dim", "1", "--metric", "ip"]);
    workshop.shell("torre db -c 'put {\"id\": \"a\", \"vector\": [1]}'");
    assert_eq!(workshop.json(&["dump", "db/"])["rows"], 1);
    assert!(workshop.path().join("db.dump").is_dir());
    workshop.shell("mv db.dump copy.dump");
    assert_eq!(workshop.json(&["load", "copy"])["rows"], 1);
    assert_eq!(workshop.json(&["get", "copy", "a"])["id"], "a");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let workshop = Workshop::new();
    let run = workshop.shell("torre --help | head -1; torre :memory: -c .help | true");
    assert!(run.code == 0 && run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn the_shell_reads_a_pipe_up_to_the_first_failure() {
    let workshop = Workshop::new();
    let run = workshop.shell("printf 'create items --dim 1\\nput {\"id\": 1,\\n\"vector\": [1]}\\nget 2\\nget 1\\n' | torre :memory:");
    assert_eq!((run.code, run.stderr.as_str()), (1, "error: no item has the id \"2\"\n"));
    assert!(run.stdout.contains("1 inserted, 0 updated") && !run.stdout.contains("│ id"), "{}", run.stdout);
    let run = workshop.shell("printf 'put {\"id\": 1,\\n' | torre :memory:");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("the JSON is not complete"), "{}", run.stderr);
}

#[test]
fn towers_are_checked_without_a_database() {
    let workshop = Workshop::new();
    let asset = |name: &str| format!("{}/assets/demo/{name}", env!("CARGO_MANIFEST_DIR"));
    let (item, user) = (asset("item.onnx"), asset("user.onnx"));
    let found = workshop.json(&["check", &item, &user]);
    for (tower, role) in found.as_array().unwrap().iter().zip(["item", "user"]) {
        assert_eq!(tower["tower"], role);
        assert_eq!(tower["batches"], serde_json::json!([1, 8, 64]));
        assert!(tower["rows_compared"].as_u64().unwrap() >= 5, "{tower}");
        assert!(tower["largest_difference"].as_f64().unwrap() <= tower["tolerance"].as_f64().unwrap(), "{tower}");
        assert!(tower["golden_rows"].as_u64().unwrap() > 0 && tower["golden_difference"].as_f64().unwrap() < 1e-4, "{tower}");
    }
    let shown = workshop.torre(&["check", &item]);
    assert!(shown.code == 0 && shown.stdout.contains("rows compared") && shown.stderr.is_empty(), "{}{}", shown.stdout, shown.stderr);
    // Two towers that are no pair, and a file that is no tower.
    assert_eq!(workshop.torre(&["check", &user, &item]).code, 1);
}
