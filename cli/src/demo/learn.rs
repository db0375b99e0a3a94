//! Towers and a second stage of the shop's own, trained on its clicks before the held-out days.
//!
//! The last ten of these days choose the number of epochs, and the second stage learns from them how to order what towers found that had not
//! seen them. Then the towers are trained once more on all days.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;
use torre::{Database, FeatureSpec, Progress, RankerSource, Row, Stage, TowerPair, row};
use torre_train::{
    Candidates, Config, Dataset, Joined, Log, Part, RankCase, RankerOptions, RawEvent, Run, Sources, SpecOptions, Split, SplitRule, Table,
    TrainError, Trained, TreeOptions, fit_ranker, train,
};

use super::catalogue::Product;
use super::clicks::{HISTORY, Session};
use super::report::TrainLine;
use super::rows::ids;
use super::served::stocked;
use super::shop::Shop;
use super::shopper::Shopper;
use super::stages::Stages;
use super::time::{DAY, HELD_OUT};
use crate::repl::Failure;

/// The first moment of the days that choose.
const CHOOSING: i64 = HELD_OUT - 10 * DAY;
/// The field of user rows that holds what was looked at.
const FIELD: &str = "history";
/// Products that the second stage orders.
const CANDIDATES: usize = 200;
/// Share of the shoppers who decide how many trees there are.
const HELD_SHARE: f64 = 0.2;

/// Trains both stages. `database` is a place to work in.
pub(super) fn learn(shop: &Shop, seed: u64, database: &Database, progress: &dyn Progress) -> Result<(Stages, TrainLine), Failure> {
    let start = Instant::now();
    let (sources, split) = sources(shop)?;
    let joined = Joined::new(sources, &split, None)?;
    let mut config = Config::default();
    config.training.seed = seed;
    let first = fit(&joined, &config, progress)?;
    let best = first.1.best;
    let validation = first.1.epochs.get(best.saturating_sub(1)).and_then(|epoch| epoch.validation);
    let (candidates, cases) = candidates(shop, &pair(&first)?, database, progress)?;
    config.training.epochs = best.max(1);
    let towers = pair(&fit(&joined.refit(), &config, progress)?)?;
    let space = database.create_collection("space", torre::CollectionOptions::towers(&towers))?.space();
    let options = RankerOptions { features: None, trees: TreeOptions { seed, ..TreeOptions::default() }, held_share: HELD_SHARE, space };
    let fitted = fit_ranker(&candidates, &cases, &options, progress)?;
    let line = TrainLine {
        epochs: best,
        validation_ndcg: validation.map(|quality| quality.ndcg),
        trees: fitted.boosted.forest.trees.len(),
        seconds: start.elapsed().as_secs_f64(),
    };
    Ok((Stages { towers, ranker: RankerSource::new(fitted.file.onnx) }, line))
}

/// The clicks before the held-out days, in two parts; the first held-out click stands for a third, which nothing is learnt from.
fn sources(shop: &Shop) -> Result<(Sources, Split), Failure> {
    let mut log = Log { timed: true, ..Log::default() };
    let mut ends = Vec::new();
    let parts: [(&dyn Fn(i64) -> bool, Part); 3] = [
        (&|at| at < CHOOSING, Part::Train),
        (&|at| (CHOOSING..HELD_OUT).contains(&at), Part::Validation),
        (&|at| at >= HELD_OUT, Part::Test),
    ];
    for (is_of, _) in parts {
        for (shopper, visits) in &shop.shoppers {
            for session in visits.before.iter().chain(&visits.after).filter(|session| is_of(session.at)) {
                for &number in &session.clicks {
                    let of = (log.users.number(&shopper.number.to_string()), log.items.number(&shop.catalogue.products[number].id()));
                    if let (Some(user), Some(item)) = of {
                        log.events.push(RawEvent { user, item, time: session.at, weight: 1.0, positive: true });
                    }
                }
            }
        }
        ends.push(log.events.len());
    }
    let rule = SplitRule::Given { ends, parts: parts.map(|(_, part)| part).to_vec(), validation: 0.0 };
    let split = Split::new(&log, &rule, 1)?;
    let products = shop.catalogue.products.iter();
    let items = Table { ids: products.clone().map(Product::id).collect(), rows: products.map(Product::row).collect(), ..Table::default() };
    let shoppers = shop.shoppers.iter().map(|(shopper, _)| shopper);
    let users = Table {
        ids: shoppers.clone().map(|shopper| shopper.number.to_string()).collect(),
        rows: shoppers.map(profile).collect(),
        ..Table::default()
    };
    Ok((Sources { log, items: Some(items), users: Some(users) }, split))
}

/// What of a shopper does not change.
fn profile(shopper: &Shopper) -> Row {
    row! { "city" => shopper.city_name(), "age" => shopper.age, "device" => shopper.device_name() }
}

fn fit(joined: &Joined, config: &Config, progress: &dyn Progress) -> Result<(Dataset, Trained), Failure> {
    let (item, user) = joined.infer(&SpecOptions { model: "demo".to_owned(), history_length: Some(HISTORY), ..SpecOptions::default() });
    let parse = |text: String| FeatureSpec::parse(&text).map_err(|error| Failure::new(error.to_string()));
    let dataset = joined.dataset(parse(item.to_text())?, parse(user.to_text())?, FIELD)?;
    let stop = AtomicBool::new(false);
    let mut tell = |what: &torre_train::Progress| {
        if let torre_train::Progress::Step { epoch, done, examples, .. } = what {
            let all = (config.training.epochs * examples) as u64;
            progress.update(Stage::TrainTowers, (epoch * examples + done) as u64, Some(all));
        }
        if progress.cancelled() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let trained = train(&dataset, config, Run { progress: &mut tell, stop: &stop, checkpoint: None, previous: None })?;
    Ok((dataset, trained))
}

fn pair((dataset, trained): &(Dataset, Trained)) -> Result<TowerPair, TrainError> {
    let files = trained.files(dataset, &json!({"config": trained.config, "epochs": trained.best}))?;
    Ok(TowerPair::from_bytes(&files.item, &files.user)?)
}

/// What towers that know nothing of the days that choose find for those who came in them.
fn candidates(
    shop: &Shop,
    towers: &TowerPair,
    database: &Database,
    progress: &dyn Progress,
) -> Result<(Candidates, Vec<RankCase>), Failure> {
    let (items, _) = stocked(database, "first", shop, towers, &shop.popularity_before(CHOOSING), progress)?;
    let (mut cases, mut asked) = (Vec::new(), Vec::new());
    for (shopper, visits) in &shop.shoppers {
        let cut = visits.before.partition_point(|session| session.at < CHOOSING);
        let (before, after) = visits.before.split_at(cut);
        let Some(first) = after.first() else { continue };
        let (seen, mut relevant) = (clicked(before), clicked(after));
        relevant.retain(|number| !seen.contains(number));
        let case = |row: Row| RankCase {
            user: super::ask::as_read(&items, row),
            seen: ids(&shop.catalogue, &seen),
            relevant: ids(&shop.catalogue, &relevant),
        };
        // The towers are asked by what they read; the second stage reads more.
        asked.push(case(shopper.row(&shop.catalogue, &seen, first.at)));
        cases.push(case(shopper.ranked_row(&shop.catalogue, &seen, first.at)));
    }
    Ok((Candidates::of(&items, &asked, CANDIDATES, progress)?, cases))
}

fn clicked(sessions: &[Session]) -> Vec<usize> {
    sessions.iter().flat_map(|session| session.clicks.clone()).collect()
}
