//! Trainings that are interrupted, killed, or meet a full disk, and go on; and towers that are trained further and take the name.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::binary::Workshop;
use crate::training::shop;

const TRAIN: [&str; 13] = [
    "train",
    "--interactions",
    "clicks.csv",
    "--items",
    "items.csv",
    "--positive",
    "rating >= 4",
    "--dim",
    "16",
    "--config",
    "each.toml",
    "--epochs",
    "6",
];

/// A shop, and options that save after each step.
fn workshop() -> Workshop {
    let workshop = Workshop::new();
    shop(&workshop);
    workshop.append("each.toml", "[training]\nbatch = 64\npatience = 0\ncheckpoint_minutes = 0");
    workshop
}

/// Waits until a file is there, or the process has ended.
fn wait_for(workshop: &Workshop, name: &str, child: &mut Child) {
    let start = Instant::now();
    while !workshop.path().join(name).exists() && child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(120), "{name} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn towers(workshop: &Workshop, directory: &str) -> [Vec<u8>; 2] {
    ["item.onnx", "user.onnx"].map(|name| std::fs::read(workshop.path().join(directory).join(name)).unwrap())
}

#[test]
#[cfg(unix)]
fn what_is_interrupted_or_killed_goes_on_and_ends_with_the_same_bytes() {
    let workshop = workshop();
    workshop.json(&[&TRAIN[..], &["--out", "whole"]].concat());
    let args = [&TRAIN[..], &["--out", "towers"]].concat();
    let resume = [&args[..], &["--resume"]].concat();
    let mut rounds = 0;
    for round in 0..6u64 {
        let mut child = workshop.spawn(if round == 0 { &args } else { &resume });
        wait_for(&workshop, "towers/first.checkpoint", &mut child);
        std::thread::sleep(Duration::from_millis(40 * round));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        rounds += 1;
        if round % 2 == 0 {
            let interrupted = workshop.shell(&format!("kill -INT {}", child.id()));
            assert_eq!(interrupted.code, 0, "{}", interrupted.stderr);
            let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
            // It may have ended just before, or not begun to train yet.
            let saved = said.contains("is saved in towers: the same command with --resume goes on");
            assert!(said.is_empty() || saved || (round > 0 && said.starts_with("error: interrupted")), "{said}");
            if said.is_empty() {
                break;
            }
            let refused = workshop.torre(&args);
            assert!(
                refused.code == 1 && refused.stderr.contains("with --resume goes on from it; remove it to begin anew"),
                "{}",
                refused.stderr
            );
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    assert!(rounds > 1, "it ended before it was interrupted");
    workshop.json(&resume);
    assert!(towers(&workshop, "towers") == towers(&workshop, "whole"), "resumed, other towers came out");
    let left: Vec<String> =
        std::fs::read_dir(workshop.path().join("towers")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.contains("checkpoint") || name.contains("tmp")), "{left:?}");
    // Nothing to go on from is no error: a script may always say so.
    assert!(workshop.torre(&resume).stdout.contains("there is no checkpoint: from the beginning"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_at_a_checkpoint_is_said_and_nothing_is_lost() {
    let workshop = workshop();
    workshop.json(&[&TRAIN[..], &["--out", "whole"]].concat());
    let line = |more: &str| {
        let words: Vec<String> = TRAIN.iter().map(|word| format!("'{word}'")).collect();
        format!("trap '' XFSZ; {more} torre {} --out towers", words.join(" "))
    };
    // No file may grow beyond this: the first checkpoint does not fit.
    let full = workshop.shell(&line("ulimit -f 8;"));
    assert!(
        full.code == 1
            && full.stderr.contains("first.checkpoint: ")
            && full.stderr.contains("there is no earlier checkpoint; once there is room"),
        "{}",
        full.stderr
    );
    let mut child = workshop.spawn(&[&TRAIN[..], &["--out", "towers"]].concat());
    wait_for(&workshop, "towers/first.checkpoint", &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = std::fs::read(workshop.path().join("towers/first.checkpoint")).unwrap();
    let full = workshop.shell(&(line("ulimit -f 8;") + " --resume"));
    assert!(
        full.code == 1 && full.stderr.contains("training ended at step") && full.stderr.contains("is whole; once there is room"),
        "{}",
        full.stderr
    );
    assert!(std::fs::read(workshop.path().join("towers/first.checkpoint")).unwrap() == before);
    let resumed = workshop.shell(&(line("") + " --resume"));
    assert!(resumed.code == 0 && resumed.stdout.contains("gone on from a checkpoint"), "{}", resumed.stderr);
    assert!(towers(&workshop, "towers") == towers(&workshop, "whole"));
}

const RETRAIN: [&str; 11] =
    ["retrain", "shop", "--interactions", "clicks.csv", "--positive", "rating >= 4", "--epochs", "4", "--no-refit", "--switch", "always"];

/// A database of the first half of what was chosen, and of all items but the last ones, which were imported since.
fn served() -> Workshop {
    let workshop = workshop();
    let read = |name: &str| std::fs::read_to_string(workshop.path().join(name)).unwrap();
    let (clicks, items) = (read("clicks.csv"), read("items.csv"));
    // The last items come later, and so does the second half of what is chosen.
    let is_early = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        cells[2] < "1014000" && cells[1][1..].parse::<u32>().unwrap() < 99
    };
    let early: Vec<&str> = clicks.lines().enumerate().filter(|(n, line)| *n == 0 || is_early(line)).map(|(_, line)| line).collect();
    std::fs::write(workshop.path().join("early.csv"), early.join("\n") + "\n").unwrap();
    let some: Vec<&str> = items.lines().take(100).collect();
    std::fs::write(workshop.path().join("some.csv"), some.join("\n") + "\n").unwrap();
    workshop.json(&[
        "make",
        "shop",
        "--items",
        "some.csv",
        "--interactions",
        "early.csv",
        "--positive",
        "rating >= 4",
        "--dim",
        "16",
        "--epochs",
        "2",
        "--no-refit",
    ]);
    workshop.json(&["import", "shop", "items.csv"]);
    workshop.json(&["list", "add", "shop", "seen", "i1"]);
    workshop
}

fn hits(workshop: &Workshop) -> Vec<Json> {
    let answer = workshop.json(&["recommend", "shop", "--user", r#"{"history": ["i0", "i6", "i12"]}"#, "-k", "8"]);
    answer["hits"].as_array().unwrap().iter().map(|hit| hit["id"].clone()).collect()
}

#[test]
fn towers_are_trained_further_take_the_name_and_give_it_back() {
    let workshop = served();
    let before = hits(&workshop);
    let rows = workshop.json(&["stats", "shop"])["rows"].clone();
    let again = workshop.json(&RETRAIN);
    assert_eq!((&again["switched"], &again["previous"], &again["rows"]), (&true.into(), &"items.previous".into(), &rows));
    let ndcg = |name: &str| {
        again["models"].as_array().unwrap().iter().find(|model| model["name"] == name).unwrap()["measures"]["10"]["ndcg"]["mean"]
            .as_f64()
            .unwrap()
    };
    assert!(ndcg("retrained") > ndcg("serving so far"), "{} against {}", ndcg("retrained"), ndcg("serving so far"));
    let after = hits(&workshop);
    assert_ne!(before, after);
    assert_eq!(workshop.json(&["list", "show", "shop", "seen"])["ids"], serde_json::json!(["i1"]));
    // The same users, asked by `eval`, find what was measured.
    let eval = workshop.json(&["eval", "shop", "shop.retrained/eval.jsonl", "-k", "10,20"]);
    assert!((eval["ndcg"]["10"].as_f64().unwrap() - ndcg("retrained")).abs() < 1e-9, "{eval}");

    workshop.json(&["swap", "shop", "items.previous"]);
    assert_eq!(hits(&workshop), before);
    workshop.json(&["swap", "shop", "items.previous"]);
    assert_eq!(hits(&workshop), after);
    // Further still, from towers that were trained further; and this time somebody looks first.
    let looked = workshop.json(&[&RETRAIN[..9], &["--switch", "never"]].concat());
    assert_eq!((&looked["switched"], &looked["next"]), (&false.into(), &"items.next".into()));
    assert_eq!(hits(&workshop), after);
    workshop.json(&[&RETRAIN[..9], &["--switch", "always"]].concat());
    assert_eq!(workshop.json(&["verify", "shop"])["damage"], serde_json::json!([]));
    for (arguments, code, says) in [
        (&["retrain", "shop", "--interactions", "clicks.csv", "--items", "items.csv"][..], 2, "the items are those of the database"),
        (&["retrain", "shop", "--interactions", "clicks.csv", "--collection", "none"], 1, "none"),
        (&["swap", "shop", "none"], 1, "no collection is named \"none\""),
        (&["retrain", "nothing", "--interactions", "clicks.csv"], 1, "there is no database"),
    ] {
        let run = workshop.torre(arguments);
        assert!(run.code == code && run.stderr.contains(says), "{arguments:?}: {} {}", run.code, run.stderr);
    }
    workshop.json(&["create", "plain", "--dim", "2", "--metric", "ip"]);
    let run = workshop.torre(&["retrain", "plain", "--interactions", "clicks.csv"]);
    assert!(run.code == 1 && run.stderr.contains("\"items\" has no towers"), "{}", run.stderr);
}

#[test]
#[cfg(unix)]
fn killed_at_any_moment_what_serves_is_whole() {
    let workshop = served();
    let before = hits(&workshop);
    let mut killed = 0;
    for round in 0..12u64 {
        let resume = ["--resume"];
        let mut child = workshop.spawn(&[&RETRAIN[..], &resume].concat());
        std::thread::sleep(Duration::from_millis(60 * round));
        if child.try_wait().unwrap().is_none() {
            killed += 1;
            child.kill().unwrap();
        }
        let done = child.wait().unwrap().success();
        assert_eq!(workshop.json(&["verify", "shop"])["damage"], serde_json::json!([]));
        let now = hits(&workshop);
        let names: Vec<String> = workshop.shell("torre shop --json -c .collections").stdout.lines().map(str::to_owned).collect();
        let switched = names.iter().any(|line| line.contains("items.previous"));
        assert!(switched != (now == before), "round {round}, {done}: {names:?}");
        if switched {
            break;
        }
    }
    assert!(killed > 2, "{killed}");
    workshop.json(&[&RETRAIN[..], &["--resume"]].concat());
    assert_ne!(hits(&workshop), before);
}

/// More items than are imported in a moment.
const MANY: u64 = 60_000;

#[test]
#[cfg(unix)]
fn a_shop_whose_import_is_cut_short_is_not_there_until_it_is_whole() {
    let workshop = workshop();
    let mut items = std::fs::read_to_string(workshop.path().join("items.csv")).unwrap();
    (120..MANY).for_each(|item| items += &format!("i{item},the lamp of kind {},{},red,x\n", item % 40, item % 7 + 1));
    std::fs::write(workshop.path().join("items.csv"), items).unwrap();
    let make = ["make", "shop", "--interactions", "clicks.csv", "--items", "items.csv", "--dim", "8", "--epochs", "1", "--no-refit"];
    let resume = [&make[..], &["--resume"]].concat();
    let names = || workshop.shell("torre shop --json -c .collections").stdout;
    let mut cut = 0;
    for round in 0..6u64 {
        let mut child = workshop.spawn(&resume);
        // The database is made once the towers are written; then the import begins.
        wait_for(&workshop, "shop.towers/item.onnx", &mut child);
        if round == 0 {
            wait_for(&workshop, "shop", &mut child);
        }
        std::thread::sleep(Duration::from_millis(60 * round));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        if round % 2 == 0 {
            assert_eq!(workshop.shell(&format!("kill -INT {}", child.id())).code, 0);
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            assert!(ended.status.success() || said.contains("interrupted"), "{said}");
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        if !workshop.path().join("shop").exists() || !names().contains("\"items\"") {
            cut += 1;
            let asked = workshop.torre(&["recommend", "shop", "--user", r#"{"history": ["i0"]}"#]);
            assert_eq!(asked.code, 1, "{}", asked.stdout);
            continue;
        }
        break;
    }
    assert!(cut > 0, "it was made before it was interrupted");
    if !names().contains("\"items\"") {
        workshop.json(&resume);
    }
    assert_eq!(workshop.json(&["stats", "shop"])["rows"], MANY);
    assert!(!names().contains("making"), "{}", names());
    assert_eq!(workshop.json(&["verify", "shop"])["damage"], serde_json::json!([]));
}
