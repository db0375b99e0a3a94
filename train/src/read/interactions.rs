//! Files of events, a row an event, in bounded memory: an event takes 24 bytes, an id once.

use std::path::Path;

use torre::{Progress, Stage};
use torre_data::{ImportRow, Place, RowReader, Source};
use torre_features::{Row, Value};

use super::log::{Log, RawEvent};
use super::moment::to_seconds;
use super::options::InteractionOptions;
use super::positive::Positive;
use super::roles::{Role, Roles};
use crate::error::TrainError;

/// Rows read at a time; the first ones tell what the columns are.
const BATCH: usize = 4096;

/// Reads events from files, one after the other; the end of each file among the events comes beside. Rows that cannot be used are counted,
/// and the first is named.
///
/// # Errors
/// [`TrainError::Read`] for a file that cannot be read, [`TrainError::Data`] where columns are missing, or nothing can be learned from the
/// events; [`TrainError::Interrupted`].
pub fn read_events(paths: &[&Path], options: &InteractionOptions, progress: &dyn Progress) -> Result<(Log, Vec<usize>), TrainError> {
    let (mut log, mut ends) = (Log::default(), Vec::with_capacity(paths.len()));
    let mut timed = true;
    for path in paths {
        let Source::Rows(reader) = Source::open(path, &options.file.reading())? else {
            return Err(TrainError::Data(format!("{}: a file of vectors has no events", path.display())));
        };
        timed &= file(path, reader, options, &mut log, progress)?;
        ends.push(log.events.len());
    }
    Ok((log.check(timed)?, ends))
}

/// Reads one file; whether its events have times.
fn file(
    path: &Path,
    mut reader: RowReader,
    options: &InteractionOptions,
    log: &mut Log,
    progress: &dyn Progress,
) -> Result<bool, TrainError> {
    let meter = reader.meter().clone();
    let mut columns: Option<Columns> = None;
    while let Some(batch) = reader.next_batch(BATCH)? {
        let mut broken: Vec<(u64, String)> = batch.bad.iter().map(|error| (number(error.place), error.to_string())).collect();
        if columns.is_none() && !batch.rows.is_empty() {
            let rows: Vec<Row> = batch.rows.iter().map(|row| row.row.clone()).collect();
            columns = Some(Columns::new(options, &rows, log).map_err(|error| error.in_file(path))?);
        }
        for ImportRow { row, place, .. } in &batch.rows {
            let Some(columns) = &mut columns else { break };
            match columns.event(row, log) {
                Ok(event) => {
                    log.report.rows += 1;
                    log.events.push(event);
                }
                Err(problem) => broken.push((number(*place), format!("{}{place}: {problem}", path.display()))),
            }
        }
        broken.sort_unstable();
        broken.into_iter().for_each(|(_, problem)| log.report.reject(|| problem));
        progress.update(Stage::Import, meter.done(), Some(meter.total).filter(|total| *total > 0));
        if progress.cancelled() {
            return Err(TrainError::Interrupted { step: 0 });
        }
    }
    let Some(columns) = columns else { return Ok(true) };
    log.report.notes.extend(columns.unknown_event.map(|event| format!("events of types without a weight, as {event:?}, count 1")));
    Ok(columns.roles.column(Role::Time).is_some())
}

/// The line or row of a place.
fn number(place: Place) -> u64 {
    match place {
        Place::File => 0,
        Place::Line(number) | Place::Row(number) => number,
    }
}

struct Columns<'a> {
    roles: Roles,
    positive: Positive,
    options: &'a InteractionOptions,
    /// The first type of events that no weight was said for, where weights are said.
    unknown_event: Option<String>,
}

impl<'a> Columns<'a> {
    fn new(options: &'a InteractionOptions, rows: &[Row], log: &mut Log) -> Result<Self, TrainError> {
        let roles = Roles::of(&options.file, rows)?;
        let positive = Positive::new(options.positive.as_ref(), &roles, rows)?;
        if !options.event_weights.is_empty() && roles.column(Role::Event).is_none() {
            return Err(TrainError::Data(
                "events have weights by type, and no column says their type; say it with event=COLUMN".to_owned(),
            ));
        }
        let rated =
            rows.iter().flat_map(Row::iter).any(|(name, _)| matches!(name.to_ascii_lowercase().as_str(), "rating" | "stars" | "score"));
        if rated && matches!(positive, Positive::All) {
            log.report
                .notes
                .push("every event counts as chosen, whatever its rating; a condition like rating >= 4 says otherwise".to_owned());
        }
        Ok(Self { roles, positive, options, unknown_event: None })
    }

    fn event(&mut self, row: &Row, log: &mut Log) -> Result<RawEvent, String> {
        let user = id(Role::User, self.value(row, Role::User))?;
        let item = id(Role::Item, self.value(row, Role::Item))?;
        let time = match (self.roles.column(Role::Time), self.value(row, Role::Time)) {
            (None, _) => 0,
            (Some(column), None) => return Err(format!("the time {column:?} is missing")),
            (Some(column), Some(value)) => {
                to_seconds(value).ok_or_else(|| format!("the time {column:?} is {}; expected unix seconds or a date", value.describe()))?
            }
        };
        let positive = self.positive.of(row)?;
        let weight = self.weight(row)?;
        let too_many = || "more than 4 billion ids".to_owned();
        let user = log.users.number(&user).ok_or_else(too_many)?;
        let item = log.items.number(&item).ok_or_else(too_many)?;
        Ok(RawEvent { user, item, time, weight, positive })
    }

    fn value<'r>(&self, row: &'r Row, role: Role) -> Option<&'r Value> {
        row.get(self.roles.column(role)?).filter(|value| !value.is_null())
    }

    fn weight(&mut self, row: &Row) -> Result<f32, String> {
        let own = match self.value(row, Role::Weight) {
            None => 1.0,
            Some(value) => {
                let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                let fits = number.filter(|number| (0.0..=1e6).contains(number));
                fits.ok_or_else(|| format!("the weight is {}; expected a number from 0 to 1,000,000", value.describe()))? as f32
            }
        };
        if self.options.event_weights.is_empty() {
            return Ok(own);
        }
        let event = self.value(row, Role::Event).and_then(Value::to_id_text).unwrap_or_default();
        let of_type = self.options.event_weights.get(&event).copied();
        if of_type.is_none() {
            self.unknown_event.get_or_insert(event);
        }
        Ok(own * of_type.unwrap_or(1.0))
    }
}

/// The id that a cell holds: text, or an integer as its decimal text; a float without a fraction is that integer.
fn id(role: Role, value: Option<&Value>) -> Result<String, String> {
    let role = role.name();
    let value = value.ok_or_else(|| format!("the {role} is missing"))?;
    let text = match value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => Some(format!("{number:.0}")),
        Value::Text(text) => Some(text.trim().to_owned()),
        other => other.to_id_text(),
    };
    let text = text.ok_or_else(|| format!("the {role} is {}; expected text or an integer", value.describe()))?;
    if text.is_empty() {
        return Err(format!("the {role} is empty"));
    }
    match torre::ItemId::new(text.as_str()) {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("the {role}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::options::FileOptions;
    use super::*;
    use torre::NoProgress;
    use torre::filter::Filter;

    fn read(name: &str, text: impl AsRef<[u8]>, options: &InteractionOptions) -> Result<Log, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let read = read_events(&[&path], options, &NoProgress);
        read.map(|(log, ends)| {
            assert_eq!(ends, [log.events.len()]);
            log
        })
        .map_err(|error| error.to_string().replace(&directory.path().display().to_string(), ""))
    }

    #[test]
    fn the_raw_file_of_movielens_is_read_as_it_is() {
        let columns = [("user", "1"), ("item", "2"), ("time", "4")].map(|(field, column)| (field.to_owned(), column.to_owned())).to_vec();
        let options = InteractionOptions {
            file: FileOptions { header: false, columns, ..FileOptions::default() },
            positive: Some(Filter::parse("\"3\" >= 4").unwrap()),
            ..InteractionOptions::default()
        };
        let log = read("u.data", "196\t242\t3\t881250949\n186\t302\t4\t891717742\n196\t302\t5\t881250950\n", &options).unwrap();
        let events: Vec<(u32, u32, i64, bool)> = log.events.iter().map(|e| (e.user, e.item, e.time, e.positive)).collect();
        assert_eq!(events, [(0, 0, 881_250_949, false), (1, 1, 891_717_742, true), (0, 1, 881_250_950, true)]);
        assert_eq!(log.users.iter().collect::<Vec<_>>(), ["196", "186"]);
        assert!(log.timed && log.report.notes.is_empty());
    }

    #[test]
    fn broken_rows_are_counted_and_the_first_is_named() {
        let text = "user,item,time,weight\na,x,5,1\n,y,6,1\nb,y,soon,1\nb,y,7,-1\nb,y,8\nb,y,9,2.5\na,y,7,\nb,x,1,0\n";
        let log = read("e.csv", text, &InteractionOptions::default()).unwrap();
        assert_eq!((log.report.rows, log.report.broken), (4, 4));
        let first = log.report.first_broken.unwrap();
        assert!(first.ends_with("e.csv, line 3: the user is missing"), "{first}");
        assert_eq!(log.events.iter().map(|e| e.weight).collect::<Vec<_>>(), [1.0, 2.5, 1.0, 0.0]);
    }

    #[test]
    fn events_of_types_count_what_is_said() {
        let options = InteractionOptions { event_weights: [("buy".to_owned(), 5.0)].into(), ..InteractionOptions::default() };
        let text =
            "{\"user\":1,\"item\":2,\"event\":\"buy\",\"ts\":1}\n{\"user\":1.0,\"item\":3,\"event\":\"view\",\"ts\":\"2020-01-01\"}\n";
        let log = read("e.jsonl", text, &options).unwrap();
        assert_eq!(log.events.iter().map(|e| e.weight).collect::<Vec<_>>(), [5.0, 1.0]);
        assert_eq!(log.users.len(), 1);
        assert!(log.report.notes[0].contains("\"view\""));
        assert!(read("e.csv", "user,item\n1,2\n1,3\n", &options).unwrap_err().contains("event=COLUMN"));
    }

    #[test]
    fn what_nothing_can_be_learned_from_is_refused() {
        for (text, says) in [
            ("user,item\n", "no events"),
            ("user,item\n,1\n", "no column is the user"),
            ("user,item\n1,1\n2,1\n", "one item"),
            ("user,item,label\n1,1,0\n2,2,0\n", "was chosen"),
            ("user,item,label\n1,1,1\n2,2,x\n2,2,y\n", "2 of 3 rows are broken"),
            ("who,item\n1,1\n", "user=COLUMN; the columns are who, item"),
        ] {
            let error = read("e.csv", text, &InteractionOptions::default()).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn times_that_say_nothing_are_not_used() {
        let log = read("e.csv", "user,item\n1,1\n2,2\n", &InteractionOptions::default()).unwrap();
        assert!(!log.timed && log.report.notes[0].contains("no times"));
        let log = read("e.csv", "user,item,time\n1,1,9\n2,2,9\n", &InteractionOptions::default()).unwrap();
        assert!(!log.timed && log.report.notes[0].contains("same time"));
        let log = read("e.csv", "user,item,rating\n1,1,2\n2,2,5\n", &InteractionOptions::default()).unwrap();
        assert!(log.report.notes.iter().any(|note| note.contains("whatever its rating")));
    }
}
