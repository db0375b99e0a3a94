//! Queries with rules, against a plain way to do the same over all items.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;

use crate::filter::{Filter, field};
use crate::ranker::testing::Table;
use crate::rules::Policy;
use crate::{
    BuildOptions, CandidateValues, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, RankerSource, SearchOptions,
    row,
};

const ITEMS: i64 = 400;
const QUERY: [f32; 2] = [1.0, 0.0];

/// An item as the plain way has it.
#[derive(Clone, Debug)]
struct Plain {
    id: String,
    score: f64,
    brand: Option<String>,
    tags: Vec<String>,
    stock: i64,
}

/// Most items are of one brand; scores come several times.
fn plain(number: i64) -> Plain {
    let brand = match number % 10 {
        0 => None,
        1 | 2 => Some(format!("b{}", number % 7)),
        _ => Some("big".to_owned()),
    };
    let tags = (0..number % 4).map(|tag| format!("t{}", (number + tag) % 6)).collect();
    Plain { id: number.to_string(), score: (number * 37 % 331) as f64, brand, tags, stock: number * 7 % 5 }
}

fn collection(database: &Database, name: &str) -> Collection {
    let fields = ["brand:text index", "tags:list<text> index", "stock:int index", "f0:float index"];
    let options = CollectionOptions::vectors(2, Metric::InnerProduct).m(2).lists(4);
    let options = fields.iter().fold(options, |options, field| options.field(field.parse().unwrap()).unwrap());
    let items = database.create_collection(name, options).unwrap();
    let item = |number| {
        let Plain { id, score, brand, tags, stock } = plain(number);
        let row = row! { "brand" => brand.map_or(crate::Value::Null, crate::Value::from), "tags" => tags, "stock" => stock };
        Item::new(id).unwrap().with_row(row).with_vector([score as f32, (number % 3) as f32])
    };
    items.upsert_many((0..ITEMS).map(item)).unwrap();
    items
}

/// One whose rows are in the tail, and one whose rows are in a segment but for some.
static COLLECTIONS: LazyLock<[Collection; 2]> = LazyLock::new(|| {
    let database = Database::in_memory().unwrap();
    let built = collection(&database, "built");
    built.build(&BuildOptions::default(), &NoProgress).unwrap();
    let again = |number: i64| {
        let found = built.get(&number.to_string()).unwrap().unwrap();
        Item::new(number).unwrap().with_row(found.row().clone()).with_vector(found.vector().unwrap().to_vec())
    };
    built.upsert_many((ITEMS - 20..ITEMS).map(again)).unwrap();
    [collection(&database, "tail"), built]
});

/// A query, to be asked in both ways.
#[derive(Clone, Debug)]
struct Asked {
    k: usize,
    offset: usize,
    boost: bool,
    bury: bool,
    brand: Option<usize>,
    tags: Option<usize>,
    pins: Vec<(String, usize)>,
    forbid: bool,
    require: bool,
    min_score: Option<f32>,
}

impl Asked {
    fn options(&self) -> SearchOptions {
        let mut rules = Policy::new();
        if self.boost {
            rules = rules.boost("30 * stock - 1").unwrap().boost("if(brand = 'big', user.nobody, 0.5)").unwrap();
        }
        if self.bury {
            rules = rules.bury("stock * 2 > 6 OR tags HAS 't3'").unwrap();
        }
        rules = self.brand.into_iter().fold(rules, |rules, most| rules.max_per("brand", most));
        rules = self.tags.into_iter().fold(rules, |rules, most| rules.max_per("tags", most));
        rules = self.pins.iter().fold(rules, |rules, (id, position)| rules.pin(id.clone(), *position));
        if self.forbid {
            rules = rules.forbid(field("brand").eq("b1"));
        }
        if self.require {
            rules = rules.require(field("stock").gt(0));
        }
        let mut options = SearchOptions::default();
        (options.k, options.offset, options.rules, options.min_score) = (self.k, self.offset, rules, self.min_score);
        options.effort = crate::Effort::Exact;
        options
    }

    /// The plain way: everything is sorted, then gone through.
    fn plainly(&self) -> Vec<String> {
        let returned = |item: &Plain| !(self.forbid && item.brand.as_deref() == Some("b1") || self.require && item.stock == 0);
        let all: Vec<Plain> = (0..ITEMS).map(plain).filter(returned).collect();
        let mut found: Vec<Plain> =
            all.iter().filter(|item| self.min_score.is_none_or(|least| item.score >= f64::from(least))).cloned().collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let boosted =
            |item: &Plain| item.score + 30.0 * item.stock as f64 - 1.0 + if item.brand.as_deref() == Some("big") { 0.0 } else { 0.5 };
        let buried = |item: &Plain| item.stock * 2 > 6 || item.tags.iter().any(|tag| tag == "t3");
        let window = found.len().min(200.max(self.k + self.offset));
        if self.boost {
            found[..window].sort_by(|a, b| boosted(b).total_cmp(&boosted(a)));
        }
        if self.bury {
            found[..window].sort_by_key(buried);
        }
        let mut pins: Vec<(usize, Plain)> =
            self.pins.iter().filter_map(|(id, at)| Some((*at, all.iter().find(|item| item.id == *id)?.clone()))).collect();
        pins.sort_by_key(|(at, _)| *at);
        found.retain(|item| pins.iter().all(|(_, pin)| pin.id != item.id));
        let mut hits: HashMap<String, usize> = HashMap::new();
        let values = |item: &Plain| {
            let brand = self.brand.into_iter().flat_map(|most| item.brand.iter().map(move |brand| (brand.clone(), most)));
            let tags = self.tags.into_iter().flat_map(|most| item.tags.iter().map(move |tag| (tag.clone(), most)));
            brand.chain(tags).collect::<Vec<_>>()
        };
        pins.iter().flat_map(|(_, pin)| values(pin)).for_each(|(value, _)| *hits.entry(value).or_default() += 1);
        found.retain(|item| {
            let free = values(item).iter().all(|(value, most)| hits.get(value).is_none_or(|hits| hits < most));
            if free {
                values(item).into_iter().for_each(|(value, _)| *hits.entry(value).or_default() += 1);
            }
            free
        });
        // The rows that later stages want are as many as are shown.
        let mut ids: Vec<String> = found.into_iter().map(|item| item.id).collect();
        pins.into_iter().for_each(|(at, pin)| ids.insert((at - 1).min(ids.len()), pin.id));
        ids.into_iter().skip(self.offset).take(self.k).collect()
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let sizes = (select(vec![0usize, 1, 3, 10, 57, 250, 1000]), select(vec![0usize, 0, 2, 20, 150]));
    let most = || select(vec![None, None, Some(1), Some(2), Some(9), Some(200)]);
    let pin = (0..ITEMS + 5, 1usize..30).prop_map(|(id, at)| (id.to_string(), at));
    let pins = prop::collection::vec(pin, 0..4).prop_map(|mut pins| {
        pins.sort_by_key(|(_, at)| *at);
        pins.dedup_by_key(|(_, at)| *at);
        pins.sort_by(|a, b| a.0.cmp(&b.0));
        pins.dedup_by(|a, b| a.0 == b.0);
        pins
    });
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (sizes, most(), most(), pins, flags, select(vec![None, None, Some(100.0), Some(320.0)])).prop_map(
        |((k, offset), brand, tags, pins, (boost, bury, forbid, require), min_score)| Asked {
            k,
            offset,
            boost,
            bury,
            brand,
            tags,
            pins,
            forbid,
            require,
            min_score,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn rules_do_what_the_plain_way_does(asked in asked()) {
        for items in &*COLLECTIONS {
            let answer = items.search(&QUERY).options(asked.options()).run().unwrap();
            prop_assert_eq!(answer.ids().collect::<Vec<_>>(), asked.plainly(), "{} {:?}", items.name(), asked);
        }
    }

    #[test]
    fn a_batch_is_answered_as_its_queries_are(asked in asked()) {
        let options = asked.options();
        let queries: [&[f32]; 3] = [&QUERY, &[-1.0, 0.0], &[0.5, 1.0]];
        for items in &*COLLECTIONS {
            let batch = items.search_many(queries).options(options.clone()).run().unwrap();
            for (answer, query) in batch.iter().zip(queries) {
                prop_assert_eq!(&answer.hits, &items.search(query).options(options.clone()).run().unwrap().hits);
            }
        }
    }
}

fn ids(answer: &crate::Answer) -> Vec<&str> {
    answer.ids().collect()
}

#[test]
fn the_index_gives_k_hits_under_a_limit_too() {
    let [_, built] = &*COLLECTIONS;
    for k in [10, 40, 120] {
        let answer = built.search(&QUERY).k(k).max_per("brand", 2).recall(0.99).explain().run().unwrap();
        let brands = built.get_many(answer.ids()).unwrap().into_iter().map(|item| item.unwrap().row().get("brand").cloned());
        let mut hits: HashMap<String, usize> = HashMap::new();
        brands.flatten().filter_map(|brand| brand.as_str().map(str::to_owned)).for_each(|brand| *hits.entry(brand).or_default() += 1);
        // Seven small brands, the big one and 40 items of none.
        assert_eq!(answer.hits.len(), k.min(2 * 8 + 40));
        assert!(hits.values().all(|hits| *hits <= 2), "{hits:?}");
        let report = answer.explain.unwrap().rules.unwrap();
        // Where fewer qualify than are wanted, more were looked for.
        assert!(report.over_limit > 0 && (report.widened > 0 || k < 120), "{report:?}");
    }
}

#[test]
fn stages_come_in_their_order() {
    let database = Database::in_memory().unwrap();
    let items = collection(&database, "items");
    items.attach_ranker("main", &RankerSource::new(Table::stump(1.0, -1.0).to_onnx())).unwrap();
    let query = || items.search(&QUERY).k(5).explain();
    let answer =
        query().rerank(20).boost("0.001 * score").unwrap().bury("rank_score = 5").unwrap().pin("3", 2).max_per("brand", 3).run().unwrap();
    let stages: Vec<&str> = answer.explain.as_ref().unwrap().stages.iter().map(|stage| stage.stage).collect();
    assert!(stages.ends_with(&["rank", "rules", "pin", "max_per"]), "{stages:?}");
    // The ranker scores all alike, for want of its feature: the boost orders them as the first stage did.
    let report = answer.explain.as_ref().unwrap().rules.as_ref().unwrap();
    assert_eq!((report.candidates, report.buried, report.pinned), (20, 0, 1));
    assert_eq!((answer.hits[1].id.as_str(), answer.hits[1].pinned), ("3", Some(2)));
    let first = &answer.hits[0];
    assert_eq!(first.rule_score, Some((f64::from(first.rank_score.unwrap()) + 0.001 * f64::from(first.score)) as f32));
    assert_eq!((first.boosts[0].rule.as_str(), first.boosts[0].adds), ("0.001 * score", Some(0.001 * f64::from(first.score))));
    // Rows behind those that are ranked get no boost.
    let answer = items.search(&QUERY).k(30).rerank(20).boost("-1000").unwrap().run().unwrap();
    assert!(answer.hits[..20].iter().all(|hit| hit.rule_score.is_some()) && answer.hits[20..].iter().all(|hit| hit.rule_score.is_none()));
    // Without a boost there is no score of rules.
    assert!(query().bury("stock = 0").unwrap().run().unwrap().hits.iter().all(|hit| hit.rule_score.is_none()));
}

#[test]
fn values_that_the_caller_computes_reach_rankers_and_rules() {
    let database = Database::in_memory().unwrap();
    let items = collection(&database, "items");
    let spec = crate::ranker::fuzzing::spec(1, "x", "y").replace("item.f0", "value.days");
    items.attach_ranker("main", &RankerSource::new(Table::stump(1.0, -1.0).to_onnx()).with_spec(spec)).unwrap();
    let days = |ids: &[&str]| {
        CandidateValues::new().with("days", ids.iter().map(|id| (id.len() % 2) as f64)).with("other", vec![f64::NAN; ids.len()])
    };
    let answer = items.search(&QUERY).k(8).rerank(50).rerank_values(days).boost("value.other").unwrap().explain().run().unwrap();
    let ranker = items.ranker("main").unwrap();
    for hit in &answer.hits {
        let day = (hit.id.as_str().len() % 2) as f32;
        assert_eq!(hit.features.as_ref().unwrap().get("f0").unwrap().as_f64(), Some(f64::from(day)));
        assert_eq!(hit.rank_score, Some(ranker.score(&crate::Matrix::from_vec(1, vec![day]).unwrap()).unwrap()[0]));
        assert_eq!((hit.boosts[0].adds, hit.rule_score), (None, hit.rank_score));
    }
    let batch = items
        .search_many([&QUERY[..], &QUERY[..]])
        .k(3)
        .rerank_values(|query, ids| CandidateValues::new().with("first", vec![query as f64; ids.len()]));
    let batch = batch.boost("value.first").unwrap().run().unwrap();
    assert_eq!(batch[1].hits[0].rule_score, Some(batch[0].hits[0].rule_score.unwrap() + 1.0));
    // What is not there, or is no number for each candidate.
    let error = items.search(&QUERY).boost("value.days").unwrap().run().unwrap_err();
    assert!(error.to_string().starts_with("boost 1: column 7: no values \"days\" were computed"), "{error}");
    let error = items.search(&QUERY).rerank_values(days).bury("value.day > 1").unwrap().run().unwrap_err();
    assert!(error.to_string().contains("no values \"day\" were computed for the candidates (there are: days, other)"), "{error}");
    let short = |_: &[&str]| CandidateValues::new().with("days", [1.0]);
    assert!(matches!(items.search(&QUERY).rerank_values(short).run(), Err(Error::InvalidOption { option: "rerank_values", .. })));
    let infinite = |ids: &[&str]| CandidateValues::new().with("days", vec![f64::INFINITY; ids.len()]);
    assert!(matches!(items.search(&QUERY).rerank_values(infinite).run(), Err(Error::InvalidOption { option: "rerank_values", .. })));
}

#[test]
fn rules_that_do_not_fit_are_refused_with_their_name() {
    let [tail, _] = &*COLLECTIONS;
    let query = || tail.search(&QUERY);
    for (query, said) in [
        (query().boost("1 / (stock - 2)").unwrap(), "boost 1: column 3: 1 / 0 for the item"),
        (query().boost("1").unwrap().boost("prize").unwrap(), "boost 2: column 1: the field \"prize\" is not indexed"),
        (query().bury("prize < 3").unwrap(), "bury 1: filter, column 1: unknown field \"prize\""),
        (query().bury("stock = 'x'").unwrap(), "bury 1: filter"),
        (query().max_per("prize", 2), "max_per 1: the field \"prize\" is not indexed, and rules read indexed fields (indexed: brand"),
        (query().max_per("brand", 0), "max_per: expected at least 1 hit"),
        (query().forbid(field("prize").eq(1)), "forbid 1: filter: unknown field"),
        (query().boost("$most * 1").unwrap(), "the parameter $most: expected a number, got no value"),
        (query().policy("homepage"), "the collection has no policy \"homepage\""),
        (query().pin("1", 0), "pin: expected a position from 1 to 1000"),
    ] {
        let error = query.run().unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.responsible(), crate::Responsible::Caller);
    }
    assert!(query().boost("1 +").is_err() && query().bury("1").is_err());
    let answer = query().k(1).boost("if(brand = $brand, 1000, 0)").unwrap().param("brand", "b3").run().unwrap();
    assert_eq!(plain(answer.hits[0].id.as_str().parse().unwrap()).brand.as_deref(), Some("b3"));
}

#[test]
fn a_pin_of_what_is_left_out_is_said() {
    let [tail, built] = &*COLLECTIONS;
    for items in [tail, built] {
        let answer = items.search(&QUERY).k(4).exclude(["5"]).filter(Filter::parse("stock < 3").unwrap());
        let answer = answer.pin("5", 1).pin("none", 2).pin("2", 3).pin("10", 4).explain().run().unwrap();
        let report = answer.explain.as_ref().unwrap().rules.as_ref().unwrap();
        // 2 has a stock of 4, 10 of none.
        assert_eq!((report.unpinned.clone(), report.pinned), (vec!["5".to_owned(), "none".to_owned(), "2".to_owned()], 1));
        assert_eq!((ids(&answer)[3], answer.hits[3].score), ("10", plain(10).score as f32));
    }
    let similar = tail.similar("7").k(3).pin("7", 1).run().unwrap();
    assert!(!ids(&similar).contains(&"7"));
}

#[test]
fn what_is_forbidden_is_counted_and_what_is_unknown_comes_back() {
    let [tail, built] = &*COLLECTIONS;
    for items in [tail, built] {
        let answer = items.search(&QUERY).k(1000).forbid(field("brand").eq("big")).explain().run().unwrap();
        let expected: Vec<Plain> = (0..ITEMS).map(plain).filter(|item| item.brand.as_deref() != Some("big")).collect();
        assert_eq!(answer.hits.len(), expected.len());
        assert_eq!(answer.explain.unwrap().rules.unwrap().left_out, ITEMS as u64 - expected.len() as u64);
    }
}
