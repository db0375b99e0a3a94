#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::read::{Names, ReadReport};

/// Users, items, times and whether chosen, as a log.
fn log(events: &[(u32, u32, i64, bool)], timed: bool) -> Log {
    let names = |count: u32| {
        let mut names = Names::default();
        (0..count).for_each(|n| assert_eq!(names.number(&n.to_string()), Some(n)));
        names
    };
    let most = |of: fn(&(u32, u32, i64, bool)) -> u32| events.iter().map(of).max().unwrap_or(0) + 1;
    let events = events.iter().map(|&(user, item, time, positive)| RawEvent { user, item, time, weight: 1.0, positive });
    let (users, items) = (names(most(|e| e.0)), names(most(|e| e.1)));
    let events = if timed { events.collect() } else { events.map(|event| RawEvent { time: 0, ..event }).collect() };
    Log { users, items, events, timed, report: ReadReport::default() }
}

fn rules() -> Vec<SplitRule> {
    vec![
        SplitRule::Time { validation: 0.1, test: 0.2 },
        SplitRule::Time { validation: 0.0, test: 0.5 },
        SplitRule::LastShare { validation: 0.2, test: 0.2 },
        SplitRule::LeaveLastOut,
    ]
}

fn parts(events: &[(u32, u32, i64, bool)], rule: SplitRule) -> Vec<Part> {
    Split::new(&log(events, true), &rule, 1).unwrap().parts
}

#[test]
fn a_split_by_time_is_the_same_for_everybody() {
    let events: Vec<(u32, u32, i64, bool)> = (0..10).map(|n| (n % 3, n, i64::from(n) * 10, true)).collect();
    let got = parts(&events, SplitRule::Time { validation: 0.2, test: 0.3 });
    assert_eq!(got, [[Part::Train; 5].as_slice(), &[Part::Validation; 2], &[Part::Test; 3]].concat());
    // The share falls into a second of many: all of them are tested.
    let same: Vec<(u32, u32, i64, bool)> = (0..10).map(|n| (n, n, if n < 4 { i64::from(n) } else { 50 }, true)).collect();
    assert_eq!(parts(&same, SplitRule::Time { validation: 0.1, test: 0.2 })[4..], [Part::Test; 6]);
}

#[test]
fn the_last_share_is_that_of_the_published_protocol() {
    // ceil(0.8 * 10) = 8: the ninth event's second is the boundary.
    let events: Vec<(u32, u32, i64, bool)> = (0..10).map(|n| (0, n, i64::from(n / 2), true)).collect();
    let got = parts(&events, SplitRule::LastShare { validation: 0.0, test: 0.2 });
    assert_eq!(got, [[Part::Train; 8].as_slice(), &[Part::Test; 2]].concat());
    let earlier: Vec<(u32, u32, i64, bool)> = (0..10u32).map(|n| (0, n, i64::from(n.div_ceil(2)), true)).collect();
    assert_eq!(parts(&earlier, SplitRule::LastShare { validation: 0.0, test: 0.2 })[7..], [Part::Test; 3], "of one second, together");
}

#[test]
fn the_last_chosen_item_is_left_out_with_what_follows_it() {
    let events = [(0, 0, 1, true), (0, 1, 2, true), (0, 2, 3, false), (0, 3, 4, true), (0, 4, 5, false), (1, 0, 1, true), (1, 1, 2, true)];
    use Part::{Test, Train, Validation};
    assert_eq!(parts(&events, SplitRule::LeaveLastOut), [Train, Validation, Validation, Test, Test, Train, Test]);
    let one = Split::new(&log(&[(0, 0, 1, true), (0, 1, 1, true)], true), &SplitRule::LeaveLastOut, 1);
    assert!(one.unwrap_err().to_string().contains("leaves the test part without"));
}

#[test]
fn files_are_parts_as_they_are() {
    let events: Vec<(u32, u32, i64, bool)> = (0..1000).map(|n| (n % 7, n, 0, true)).collect();
    let log = log(&events, false);
    let given = |files: &[Part], validation| SplitRule::Given { ends: vec![800, 1000], parts: files.to_vec(), validation };
    let split = Split::new(&log, &given(&[Part::Train, Part::Test], 0.1), 1).unwrap();
    assert!(split.parts[800..].iter().all(|part| *part == Part::Test));
    let drawn = split.report.part(Part::Validation).unwrap().events;
    assert!((50..110).contains(&drawn), "{drawn}");
    assert_eq!(split.parts, Split::new(&log, &given(&[Part::Train, Part::Test], 0.1), 1).unwrap().parts);
    assert_ne!(split.parts, Split::new(&log, &given(&[Part::Train, Part::Test], 0.1), 2).unwrap().parts);
    let none = Split::new(&log, &given(&[Part::Train, Part::Test], 0.0), 1).unwrap();
    assert!(none.report.part(Part::Validation).is_none());
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let untimed = log(&[(0, 0, 0, true), (0, 1, 0, true)], false);
    let error = Split::new(&untimed, &SplitRule::Time { validation: 0.1, test: 0.1 }, 1).unwrap_err().to_string();
    assert!(error.contains("needs times"), "{error}");
    for (validation, test) in [(0.5, 0.5), (-0.1, 0.2), (0.1, 0.0), (f64::NAN, 0.1), (0.1, 1.0)] {
        let error = Split::new(&untimed, &SplitRule::LastShare { validation, test }, 1).unwrap_err().to_string();
        assert!(error.contains("shares"), "{error}");
    }
}

#[test]
fn the_report_says_dates_and_counts() {
    let day = 86_400;
    let events = [(0, 0, 0, true), (0, 1, day, true), (1, 0, 2 * day, false), (1, 2, 3 * day, true), (2, 1, 4 * day, true)];
    let split = Split::new(&log(&events, true), &SplitRule::Time { validation: 0.2, test: 0.4 }, 1).unwrap();
    let text = split.report.to_string();
    assert!(text.contains("train: 2 events (2 chosen) of 1 users and 2 items, 1970-01-01 00:00:00 to 1970-01-02 00:00:00"), "{text}");
    assert!(text.contains("test: 2 events (2 chosen) of 2 users and 2 items, 1 users and 1 items not seen before, 1970-01-04"), "{text}");
}

proptest! {
    /// Whatever the times: nothing of a part lies at or after anything of a later part, of everybody or of the same user.
    #[test]
    fn no_part_sees_a_later_one(
        events in prop::collection::vec((0..6u32, 0..9u32, 0..12i64, any::<bool>()), 1..80), rule in 0..4usize, timed in any::<bool>(), seed in 0..9u64
    ) {
        let (log, rule) = (log(&events, timed), rules().swap_remove(rule));
        let Ok(split) = Split::new(&log, &rule, seed) else { return Ok(()) };
        prop_assert_eq!(split.parts.len(), log.events.len());
        let everybody = matches!(rule, SplitRule::Time { .. });
        for (a, part_a) in log.events.iter().zip(&split.parts) {
            for (b, part_b) in log.events.iter().zip(&split.parts) {
                if timed && part_a < part_b && (everybody || a.user == b.user) {
                    prop_assert!(a.time < b.time, "{:?} {:?} before {:?} {:?}", part_a, a, part_b, b);
                }
            }
        }
        let total: usize = split.report.parts.iter().map(|part| part.events).sum();
        prop_assert_eq!(total, log.events.len());
    }
}
