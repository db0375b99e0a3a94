//! Filters over columns against the reference, row by row.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::prepared::check_indexed;
use crate::error::Error;
use crate::features::{Row, Schema, Value};
use crate::filter::{Bound, Filter, Params};
use crate::segment::column::testing::{Dice, random_value};
use crate::segment::column::{Column, Columns};
use crate::segment::{Bits, ColumnsBuilder, RowTable};

const FIELDS: [(&str, &str); 12] = [
    ("t", "text"),
    ("i", "int"),
    ("f", "float"),
    ("b", "bool"),
    ("w", "time"),
    ("lt", "list<text>"),
    ("li", "list<int>"),
    ("lf", "list<float>"),
    ("lb", "list<bool>"),
    ("lw", "list<time>"),
    ("lat", "float"),
    ("lon", "float"),
];

fn schema() -> Schema {
    let fields = FIELDS.iter().map(|(name, kind)| format!("{name}:{kind} index").parse().unwrap());
    Schema { fields: fields.collect(), ..Schema::default() }
}

fn random_row(at: usize, dice: &mut Dice) -> Row {
    let mut row = Row::new().with("id", format!("row-{at}"));
    for (name, kind) in FIELDS {
        match dice.below(6) {
            0 => {}
            1 => drop(row.insert(name, Value::Null)),
            _ if name == "lat" || name == "lon" => drop(row.insert(name, dice.below(21) as f64 * 5.0 - 5.0)),
            _ => drop(row.insert(name, random_value(kind, dice))),
        }
    }
    row
}

/// A literal that a field can be compared with.
fn literal(field: &str, dice: &mut Dice) -> String {
    let of = match field {
        "t" | "lt" => ["''", "'a'", "'ab'", "'b'", "'b c'", "'é'", "'7'", "'none'"],
        "i" | "li" => ["0", "-1", "2", "0.5", "9007199254740993", "9007199254740992.0", "18446744073709551615", "-1e300"],
        "f" | "lf" => ["0", "-0.5", "0.1", "1", "9007199254740993", "1e300", "-1e300", "3"],
        "b" | "lb" => ["true", "false", "true", "false", "true", "false", "true", "false"],
        "w" | "lw" => ["1700000001", "'2026-04-25T20:15:00.5Z'", "0.25", "now() - 7d", "1099511627776", "1e300", "1699999999.5", "0"],
        _ => ["'row-1'", "'row-10'", "'row-63'", "'row-64'", "7", "'r'", "'row-9'", "'s'"],
    };
    dice.pick(&of).to_owned()
}

fn literals(field: &str, dice: &mut Dice) -> String {
    (0..1 + dice.below(5)).map(|_| literal(field, dice)).collect::<Vec<_>>().join(", ")
}

fn random_test(dice: &mut Dice) -> String {
    let ordered = dice.pick(&["t", "i", "f", "w", "id", "i", "f"]);
    let list = dice.pick(&["lt", "li", "lf", "lb", "lw"]);
    let any = FIELDS[dice.below(FIELDS.len())].0;
    match dice.below(12) {
        0..=2 => format!("{ordered} {} {}", dice.pick(&["=", "!=", "<", "<=", ">", ">="]), literal(ordered, dice)),
        3 => format!("{ordered} BETWEEN {} AND {}", literal(ordered, dice), literal(ordered, dice)),
        4 => format!("{ordered} IN ({})", literals(ordered, dice)),
        5 => format!("{any} IS {}NULL", dice.pick(&["", "NOT "])),
        6 => dice.pick(&["b", "b = false", "b != true"]).to_owned(),
        7 => format!("{} STARTS WITH {}", dice.pick(&["t", "id"]), dice.pick(&["'a'", "'row-1'", "'b c'", "'zz'"])),
        8 => format!("t MATCH {}", dice.pick(&["'b'", "'a b'", "'c B'", "'7'"])),
        9 => format!("{list} HAS {} ({})", dice.pick(&["ANY", "ALL", "NONE"]), literals(list, dice)),
        10 => format!("WITHIN(lat, lon, 10, 20, {})", dice.pick(&["0", "900", "3000", "30000"])),
        _ => "IN LIST 'odd'".to_owned(),
    }
}

fn random_filter(depth: usize, dice: &mut Dice) -> String {
    if depth == 0 || dice.below(4) == 0 {
        return random_test(dice);
    }
    let parts: Vec<String> = (0..2 + dice.below(2)).map(|_| random_filter(depth - 1, dice)).collect();
    match dice.below(3) {
        0 => format!("({})", parts.join(" AND ")),
        1 => format!("({})", parts.join(" OR ")),
        _ => format!("NOT ({})", parts[0]),
    }
}

fn bind(filter: &str, schema: &Schema) -> Bound {
    Filter::parse(filter).unwrap().bind(schema, &Params::new(), 1_700_604_801.0).unwrap()
}

fn table_of(rows: &[Row], schema: &Schema) -> RowTable {
    let ids: Vec<&str> = rows.iter().map(|row| row.get("id").and_then(Value::as_str).unwrap()).collect();
    let mut columns = ColumnsBuilder::new(schema.indexed());
    rows.iter().for_each(|row| columns.push(row));
    RowTable::from_iter(ids.into_iter().zip(0..)).unwrap().with_columns(columns.finish().unwrap())
}

/// Whether an id stands in the stored list.
fn is_odd(name: &str, id: &str) -> bool {
    name == "odd" && id.ends_with(['1', '3', '5', '7', '9'])
}

fn assert_selects(table: &RowTable, rows: &[Row], bound: &Bound, what: &str) {
    let on_list = |list: &str| (0..table.len()).filter(|&at| is_odd(list, table.id(at))).collect::<Vec<usize>>();
    let lists: Vec<Bits> = bound.lists.iter().map(|list| Bits::of(table.len(), &on_list(list))).collect();
    let prepared = table.prepare(bound, &lists).unwrap();
    let expected: Vec<bool> = rows.iter().map(|row| bound.eval_with(row, &is_odd) == Some(true)).collect();
    let len = rows.len();
    let all: Vec<u32> = (0u32..).zip(&expected).filter(|(_, expected)| **expected).map(|(at, _)| at).collect();
    for most in [0, 3, len / 4, len] {
        let Some(mut few) = prepared.few(most) else { continue };
        few.sort_unstable();
        assert!(few == all && few.len() <= most, "{what}: at most {most} of {len} rows");
    }
    for range in [0..len, 0..len.min(64), len / 3..len, len.min(1)..len, len / 2..(len / 2 + 70).min(len), len..len] {
        let mut out = vec![u64::MAX; range.len().div_ceil(64)];
        prepared.select(range.clone(), &mut out);
        let mut wanted = vec![0u64; out.len()];
        range.clone().enumerate().filter(|(_, at)| expected[*at]).for_each(|(bit, _)| wanted[bit / 64] |= 1 << (bit % 64));
        assert_eq!(out, wanted, "{what} of {len} rows in {range:?}");
        if let Some(first) = wanted.first() {
            assert_eq!(prepared.word(range.start, range.len()), *first, "{what}");
        }
    }
}

/// The table after its columns were stored and read.
fn stored(table: &RowTable) -> RowTable {
    let read = |column: &Column| Column::from_parts(&column.parts().unwrap(), table.len()).unwrap();
    table.with_columns(table.columns().iter().map(|column| read(column)).collect::<Columns>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn columns_say_what_the_reference_says(seed in any::<u64>(), rows in prop::sample::select(vec![0usize, 1, 63, 64, 65, 130, 1000, 1100])) {
        let (schema, mut dice) = (schema(), Dice(seed));
        let rows: Vec<Row> = (0..rows).map(|at| random_row(at, &mut dice)).collect();
        let table = table_of(&rows, &schema);
        // Some rows in another order, of two tables.
        let cut = rows.len() / 3;
        let halves = [table_of(&rows[..cut], &schema), table_of(&rows[cut..], &schema)];
        let mut order: Vec<usize> = (0..rows.len()).filter(|_| dice.below(5) > 0).collect();
        (1..order.len()).for_each(|at| order.swap(at, dice.below(at + 1)));
        let places: Vec<(u32, u32)> = order.iter().map(|&at| if at < cut { (0, at as u32) } else { (1, (at - cut) as u32) }).collect();
        let gathered = RowTable::gather(&[&halves[0], &halves[1]], &places).unwrap();
        let moved: Vec<Row> = order.iter().map(|&at| rows[at].clone()).collect();
        for _ in 0..24 {
            let text = random_filter(3, &mut dice);
            let bound = bind(&text, &schema);
            assert_selects(&table, &rows, &bound, &text);
            assert_selects(&stored(&table), &rows, &bound, &text);
            assert_selects(&gathered, &moved, &bound, &text);
            assert_selects(&stored(&gathered), &moved, &bound, &text);
        }
        // Some with other values, twice: the order of the values is as it was before.
        let (mut table, mut patched) = (table, rows.clone());
        for _ in 0..2 {
            let at: Vec<usize> = (0..rows.len()).filter(|_| dice.below(rows.len()) < 20).collect();
            at.iter().for_each(|&at| patched[at] = random_row(at, &mut dice));
            let mut changes: Vec<(u32, Row)> = at.iter().map(|&at| (at as u32, patched[at].clone())).collect();
            // A patch takes a field away by a null.
            changes.iter_mut().for_each(|(_, row)| FIELDS.iter().for_each(|(name, _)| {
                if !row.contains(name) {
                    row.insert(*name, Value::Null);
                }
            }));
            let borrowed: Vec<(u32, &Row)> = changes.iter().map(|(at, row)| (*at, row)).collect();
            table = table.with_columns(table.columns().patched(&borrowed).unwrap());
            for _ in 0..12 {
                let text = random_filter(2, &mut dice);
                assert_selects(&table, &patched, &bind(&text, &schema), &text);
            }
        }
    }
}

#[test]
fn every_kind_of_test_is_right_by_itself() {
    let (schema, mut dice) = (schema(), Dice(7));
    let rows: Vec<Row> = (0..300).map(|at| random_row(at, &mut dice)).collect();
    let table = table_of(&rows, &schema);
    for _ in 0..600 {
        let text = random_test(&mut dice);
        for text in [format!("NOT {text}"), text] {
            assert_selects(&table, &rows, &bind(&text, &schema), &text);
        }
    }
}

#[test]
fn few_rows_are_found_by_value_of_many() {
    let (schema, mut dice) = (schema(), Dice(9));
    let rows: Vec<Row> =
        (0..2000).map(|at| random_row(at, &mut dice).with("i", at as i64 / 4).with("t", format!("t{}", at % 500))).collect();
    let table = table_of(&rows, &schema);
    let found = |text: &str, most| table.prepare(&bind(text, &schema), &[]).unwrap().few(most).map(|few| few.len());
    for (text, rows) in [
        ("i = 7", 4),
        ("i < 3", 12),
        ("i IN (1, 3, 900)", 8),
        ("t = 't12'", 4),
        ("t STARTS WITH 't49'", 44),
        ("i = 7 AND NOT i = 7", 0),
        ("i = 7 OR t = 't28'", 7),
        ("id IN ('row-3', 'row-5')", 2),
        ("i > 7 AND i < 9 AND id STARTS WITH 'row-'", 4),
    ] {
        assert_eq!(found(text, 100), Some(rows), "{text}");
        assert!(rows == 0 || found(text, rows - 1).is_none() || text.contains("AND"), "{text}");
    }
    for many in ["i > 7", "NOT i = 7", "i = 7 OR b", "lt HAS 'a'"] {
        assert_eq!(found(many, 100), None, "{many}");
    }
}

#[test]
fn a_field_without_an_index_is_named_with_those_that_have_one() {
    let mut schema = schema();
    schema.fields[1].indexed = false;
    schema.fields.truncate(4);
    let table = table_of(&[], &schema);
    let bound = bind("t = 'a' AND i > 2", &schema);
    let known = vec!["t".to_owned(), "f".to_owned(), "b".to_owned()];
    let error = check_indexed(&schema, &bound).unwrap_err();
    assert!(matches!(&error, Error::NotIndexed { field, indexed } if field == "i" && *indexed == known), "{error}");
    assert!(matches!(table.select(&bound, 0..0, &mut []), Err(Error::NotIndexed { field, .. }) if field == "i"));
    assert!(check_indexed(&schema, &bind("b OR id = 7", &schema)).is_ok());
}
