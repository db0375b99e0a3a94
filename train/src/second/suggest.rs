//! Features for a ranker, from what the rows of both sides hold.

use serde::Serialize;
use serde_json::{Value as Json, json};
use torre::Row;

use super::candidates::{Asked, Candidates, RankCase};
use super::category::in_order;
use super::fields::{Field, Fields, Kind, Tally};

/// The share of the values of a user's field that an item's field has to have for the two to be compared.
const COMMON: f64 = 0.5;

/// A list of features, as the document of a ranker has it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RankerFeatures {
    /// The list.
    pub features: Json,
    /// What was taken, what was not, and why: a sentence each.
    pub why: Vec<String>,
}

/// A list that grows.
#[derive(Default)]
struct List {
    features: Vec<Json>,
    why: Vec<String>,
}

impl List {
    fn take(&mut self, feature: Json, why: &str) {
        let name = feature["name"].as_str().unwrap_or_default();
        self.why.push(format!("{name}: {why}"));
        self.features.push(feature);
    }

    fn leave(&mut self, name: &str, why: &str) {
        self.why.push(format!("{name} is left out: {why}"));
    }

    /// A field of one side by itself.
    fn alone(&mut self, side: &str, name: &str, field: &Field) {
        let from = format!("{side}.{name}");
        match field.kind {
            _ if field.constant => self.leave(&from, "it is the same everywhere"),
            Kind::Number => self.take(json!({"name": from, "from": from}), "a number"),
            Kind::Text if field.rows > 9 && field.values.len() * 2 > field.rows => self.leave(&from, "hardly any text comes twice"),
            Kind::Text => {
                let vocab = in_order(&field.values);
                if vocab.len() < 2 {
                    return self.leave(&from, "too few candidates have the same text");
                }
                let why = format!("{} texts in the order of how often they are chosen", vocab.len());
                self.take(json!({"name": from, "from": from, "vocab": vocab}), &why);
            }
            Kind::List => self.leave(&from, "a list has no single value; it is compared where the other side has its values"),
            Kind::Other => self.leave(&from, "its values are of several kinds"),
        }
    }

    fn cross(&mut self, name: String, cross: &str, of: &[String], why: &str) {
        self.take(json!({"name": name, "cross": cross, "of": of}), why);
    }
}

/// Suggests features from the cases of `asked`: the score, the fields of both sides by themselves, and crosses of fields that hold the same.
/// Which texts are chosen more often is counted over these cases alone.
#[must_use]
pub fn suggest(candidates: &Candidates, cases: &[RankCase], asked: &[&Asked]) -> RankerFeatures {
    let mut of_items = vec![Tally::default(); candidates.items.len()];
    let mut of_users: Vec<(&Row, Tally)> = Vec::with_capacity(asked.len());
    for asked in asked {
        let mut of_user = Tally::default();
        for (&item, &grade) in asked.items.iter().zip(&asked.grades) {
            let tally = Tally { shown: 1, chosen: u64::from(grade > 0) };
            of_items[item as usize].add(tally);
            of_user.add(tally);
        }
        of_users.extend(cases.get(asked.case).map(|case| (&case.user, of_user)));
    }
    let items = Fields::of(candidates.items.iter().map(|(_, row)| row).zip(of_items));
    let users = Fields::of(of_users.into_iter());
    let mut list = List::default();
    list.take(json!({"name": "score", "from": "score"}), "the score of the first stage");
    items.0.iter().for_each(|(name, field)| list.alone("item", name, field));
    users.0.iter().for_each(|(name, field)| list.alone("user", name, field));
    numbers(&mut list, &users, &items);
    categories(&mut list, &users, &items);
    place(&mut list, &users, &items);
    RankerFeatures { features: Json::Array(list.features), why: list.why }
}

/// Numbers that are called the same, but for what stands before it in the user's: `usual_price` and `price`.
fn numbers(list: &mut List, users: &Fields, items: &Fields) {
    for (user, _) in users.of_kind(Kind::Number) {
        for (item, _) in items.of_kind(Kind::Number) {
            if user == item || user.strip_suffix(item).is_some_and(|rest| rest.ends_with('_')) {
                let of = [format!("item.{item}"), format!("user.{user}")];
                list.cross(format!("{} - {}", of[0], of[1]), "difference", &of, "numbers of the same");
                list.cross(format!("{} / {}", of[0], of[1]), "ratio", &of, "numbers of the same");
            }
        }
    }
}

/// Texts and lists that hold the same.
fn categories(list: &mut List, users: &Fields, items: &Fields) {
    let categories = |fields: &'_ Fields| -> Vec<(String, Field)> {
        let of = |kind| fields.of_kind(kind).map(|(name, field)| (name.to_owned(), field.clone())).collect::<Vec<_>>();
        [of(Kind::Text), of(Kind::List)].concat()
    };
    let of_items = categories(items);
    for (user, mine) in categories(users) {
        for (item, theirs) in &of_items {
            let common = mine.values.keys().filter(|value| theirs.values.contains_key(*value)).count();
            if common == 0 || (common as f64) < COMMON * mine.values.len() as f64 {
                continue;
            }
            let (user, item) = (format!("user.{user}"), format!("item.{item}"));
            let why = format!("{common} of {} values of the user's are the item's", mine.values.len());
            match (mine.kind, theirs.kind) {
                (Kind::Text, Kind::Text) => list.cross(format!("{user} = {item}"), "equal", &[user, item], &why),
                (Kind::Text, _) => list.cross(format!("{user} in {item}"), "in_list", &[user, item], &why),
                (_, Kind::Text) => list.cross(format!("share of {item} in {user}"), "in_list", &[user, item], &why),
                _ => list.cross(format!("share of {item} in {user}"), "in_list", &[item, user], &why),
            }
        }
    }
}

/// Where both sides say where they are.
fn place(list: &mut List, users: &Fields, items: &Fields) {
    let of = |fields: &'_ Fields| {
        let latitude = fields.number(&["lat", "latitude"])?.to_owned();
        Some((latitude, fields.number(&["lon", "lng", "long", "longitude"])?.to_owned()))
    };
    if let (Some((user_lat, user_lon)), Some((item_lat, item_lon))) = (of(users), of(items)) {
        let of = [format!("user.{user_lat}"), format!("user.{user_lon}"), format!("item.{item_lat}"), format!("item.{item_lon}")];
        list.cross("km".to_owned(), "distance", &of, "both sides say where they are");
    }
}
