//! Every row against its record and its vector, and every record and vector against the place of its row.

use std::collections::HashSet;

use crate::db::verify::{Checker, live_positions};
use crate::db::verify_codes::{self as codes, Drift};
use crate::error::{Error, Result};
use crate::features::Row;
use crate::progress::Stage;
use crate::segment::{ColumnBuilder, LiveRows, Place, Record, Snapshot, Stored};
use crate::types::ItemId;

impl Checker<'_> {
    /// Every live position must be the one at which its id is found.
    pub(super) fn places(&mut self) {
        let (snapshot, shared) = (&self.pinned.snapshot, &self.pinned.core.shared);
        let mut twice = Vec::new();
        let segments = snapshot.segments.iter().map(|view| live_positions(&view.selection, &view.body));
        let runs = snapshot.runs.iter().map(|view| view.positions().collect::<Vec<usize>>());
        for (part, positions) in segments.chain(runs).enumerate() {
            for position in positions {
                let place = (part as u32, position as u32);
                if snapshot.locate(snapshot.id(place)) != Some(place) {
                    twice.push(snapshot.row(place));
                }
            }
        }
        for row in twice {
            self.error(&shared.damaged(format!("row {row}"), "another live row has the same id"));
        }
    }

    /// Every record and every vector against the place of its row; every place against its record and its vector.
    pub(super) fn records(&mut self, dead: &HashSet<u64>) -> Result<()> {
        let (snapshot, shared) = (&self.pinned.snapshot, &self.pinned.core.shared);
        let mut seen: HashSet<u64> = HashSet::new();
        let mut drift = vec![Drift::default(); snapshot.segments.len()];
        let mut scratch = vec![0.0; shared.settings.dim];
        let mut live = LiveRows::all(snapshot);
        for stored in shared.stored(0..snapshot.next_row) {
            let Stored { row, record, vector } = match stored {
                Ok(stored) => stored,
                Err(error) => {
                    self.error(&error.into());
                    continue;
                }
            };
            let place = live.place(row);
            let mut wrong = |what: &str| self.report.add_error("", &shared.damaged(format!("row {row}"), what));
            let Some(record) = record else {
                // Of a live row the record is missed below.
                if place.is_none() && !dead.contains(&row) {
                    wrong("it has a vector, but no segment or tail holds it and no tombstone deletes it");
                }
                continue;
            };
            let record = match shared.decode(row, &record) {
                Ok(record) => record,
                Err(error) => {
                    self.error(&error);
                    continue;
                }
            };
            match snapshot.locate(record.id) {
                Some(place) if snapshot.row(place) == row => {
                    seen.insert(row);
                    match sound(snapshot, row, &record) {
                        Ok(features) if is_indexed(snapshot, place, &features) => {}
                        Ok(_) => wrong("the indexes of its fields have other values than its record"),
                        Err(what) => wrong(what),
                    }
                    let Some(vector) = vector else {
                        wrong("it is live and has no readable vector");
                        continue;
                    };
                    let vector = match shared.values(row, &vector) {
                        Ok(values) => values.to_vec(),
                        Err(error) => {
                            self.error(&error);
                            continue;
                        }
                    };
                    if !vector.iter().all(|x| x.is_finite()) {
                        wrong("its vector is not finite");
                    }
                    match snapshot.segments.get(place.0 as usize) {
                        None if snapshot.vector(place) != Some(&vector) => wrong("the vector in memory is not the stored one"),
                        None => {}
                        Some(view) => {
                            let sum = &mut drift[place.0 as usize];
                            if !codes::are_near(&snapshot.training, view, place.1 as usize, &vector, &mut scratch, sum) {
                                wrong("its refine vector is not near its stored vector");
                            }
                        }
                    }
                }
                _ if dead.contains(&row) => {}
                _ => wrong("no segment or tail holds it, and no tombstone deletes it"),
            }
            if seen.len().is_multiple_of(1024) {
                self.progress.update(Stage::Verify, seen.len() as u64, Some(snapshot.live()));
                if self.progress.cancelled() {
                    return Err(Error::Interrupted);
                }
            }
        }
        self.report.rows += seen.len() as u64;
        for (segment, (view, drift)) in snapshot.segments.iter().zip(&drift).enumerate() {
            if !drift.is_suspicious(view.body.error) {
                continue;
            }
            // The rows that are left need not be like those that it was made of: what would their codes be today?
            match codes::recoded(shared, snapshot, segment, self.progress) {
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => self.error(&error),
                Ok(today) if drift.is_worse_than(&today) => {
                    let (now, right) = (drift.share(), today.share());
                    let what = format!("its codes are off by {now:.3} of the vectors they stand for, and should be by {right:.3}");
                    self.error(&shared.damaged(format!("segment {}", view.body.blob), &what));
                }
                Ok(_) => {}
            }
        }
        if seen.len() as u64 != snapshot.live() {
            let segments = snapshot.segments.iter().flat_map(|view| {
                live_positions(&view.selection, &view.body).into_iter().map(|position| view.body.rows.row(position)).collect::<Vec<u64>>()
            });
            let runs = snapshot.runs.iter().flat_map(|view| view.positions().map(|position| view.body.rows.row(position)));
            let missing: Vec<u64> = segments.chain(runs).filter(|row| !seen.contains(row)).collect();
            for row in missing {
                self.error(&shared.damaged(format!("row {row}"), "it is live and has no readable record under its id"));
            }
        }
        Ok(())
    }
}

/// Whether the columns have a row's values.
fn is_indexed(snapshot: &Snapshot, place: Place, features: &Row) -> bool {
    let columns = snapshot.table(place.0).columns();
    snapshot.schema.indexed().all(|field| {
        let mut right = ColumnBuilder::new(field);
        right.push(features.get(&field.name));
        right.finish().is_ok_and(|right| columns.value(&field.name, place.1 as usize) == Some(right.value(0)))
    })
}

fn sound(snapshot: &Snapshot, row: u64, record: &Record<'_>) -> Result<Row, &'static str> {
    if ItemId::new(record.id).is_err() {
        return Err("its id is empty or too long");
    }
    let mut features = Row::from_bytes(record.features).ok_or("its features do not decode")?;
    snapshot.patches.apply(row, &mut features);
    Ok(features)
}
