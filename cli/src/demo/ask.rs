//! Recommendations to shoppers: for a person to see, and all of them to be measured.

use super::baseline::Popularity;
use super::catalogue::Product;
use super::clicks::Split;
use super::names::{CITIES, DEVICES};
use super::report::{HeldOut, K, Line, Shown};
use super::rows::ids;
use super::rules::{Effect, POLICY};
use super::shop::Shop;
use super::shopper::Shopper;
use super::showcase;
use super::time::HELD_OUT;
use torre::{Answer, Collection, Error, Hit, Progress, Query, Result, Row, Stage, row};
use torre_report::{Cutoff, Evaluation, Latency};

/// Products that the second stage orders.
const RANKED: usize = 200;
/// Shoppers whose vectors recall targets are calibrated with.
const CALIBRATED_WITH: usize = 1000;
/// The last products of a history that are shown.
const LOOKED_AT: usize = 6;

/// Recommends to every shopper who clicked something new in the held-out days, as of their first visit in them.
pub(super) fn evaluate(items: &Collection, shop: &Shop, progress: &dyn Progress) -> Result<(HeldOut, Latency, Latency)> {
    let popularity = Popularity::new(shop);
    let [mut towers, mut ranked, mut own_categories, mut popular] = [(); 4].map(|()| Evaluation::new(&[K]));
    let (mut times, mut ranked_times) = (Vec::new(), Vec::new());
    let named = |numbers: &[usize]| ids(&shop.catalogue, numbers);
    for (shopper, split) in &shop.shoppers {
        let (relevant, seen) = (split.relevant(), split.seen());
        if relevant.is_empty() {
            continue;
        }
        let relevant = named(&relevant);
        let user = user_row(items, shop, shopper, split);
        let answer = recommend(items, &user, named(&seen)).run()?;
        towers.add(&answer.ids().collect::<Vec<_>>(), &relevant);
        let second = recommend(items, &user, named(&seen)).rerank(RANKED).run()?;
        ranked.add(&second.ids().collect::<Vec<_>>(), &relevant);
        ranked_times.push(second.elapsed);
        own_categories.add(&named(&popularity.own_categories(&seen)), &relevant);
        popular.add(&named(&popularity.overall(&seen)), &relevant);
        times.push(answer.elapsed);
        progress.update(Stage::Evaluate, times.len() as u64, Some(shop.shoppers.len() as u64));
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
    }
    let held_out = HeldOut {
        shoppers: times.len(),
        towers: at_k(&towers),
        ranked: at_k(&ranked),
        own_categories: at_k(&own_categories),
        popularity: at_k(&popular),
    };
    Ok((held_out, Latency::of(&times), Latency::of(&ranked_times)))
}

fn at_k(evaluation: &Evaluation) -> Cutoff {
    evaluation.cutoffs().at(K)
}

/// A few shoppers who differ, and somebody of whom nothing is known but city, age and device.
pub(super) fn show(items: &Collection, shop: &Shop) -> Result<Vec<Shown>> {
    let mut shown = Vec::new();
    for (shopper, split) in showcase::choose(shop) {
        let (seen, relevant) = (split.seen(), split.relevant());
        let user = user_row(items, shop, shopper, split);
        let (answer, rules) = page(items, &user, &ids(&shop.catalogue, &seen))?;
        let last = &seen[seen.len().saturating_sub(LOOKED_AT)..];
        shown.push(Shown {
            who: shopper.introduction(),
            user,
            looked_at: last.iter().map(|&number| shop.catalogue.products[number].line()).collect(),
            looked_at_in_all: seen.len(),
            hits: lines(shop, &answer, Some(&relevant)),
            rules,
        });
    }
    let (city, device, age) = (CITIES[0].0, DEVICES[0], 23);
    let user = row! { "history" => Vec::<String>::new(), "city" => city, "age" => age, "device" => device, "now" => HELD_OUT };
    let user = as_read(items, user);
    let (answer, rules) = page(items, &user, &[])?;
    shown.push(Shown {
        who: format!("Somebody new, {age}, {city}, on a {device}"),
        user,
        looked_at: Vec::new(),
        looked_at_in_all: 0,
        hits: lines(shop, &answer, None),
        rules,
    });
    Ok(shown)
}

/// Vectors of shoppers, to calibrate recall targets with: users look elsewhere than items lie.
pub(super) fn vectors(items: &Collection, shop: &Shop) -> Result<Vec<Vec<f32>>> {
    shop.shoppers
        .iter()
        .take(CALIBRATED_WITH)
        .map(|(shopper, split)| items.recommend(&user_row(items, shop, shopper, split)).vector())
        .collect()
}

/// The call that all of this is about: raw features in, items out.
fn recommend<'q>(items: &'q Collection, user: &'q Row, seen: Vec<String>) -> Query<'q> {
    items.recommend(user).k(K).exclude(seen)
}

/// What the shop shows: the towers' best products, ordered by the second stage and the shop's rules; and what those did.
fn page(items: &Collection, user: &Row, seen: &[String]) -> Result<(Answer, Effect)> {
    let ranked = || recommend(items, user, seen.to_vec()).rerank(RANKED);
    let without = ranked().run()?;
    let answer = ranked().policy(POLICY).explain().run()?;
    let effect = Effect::of(&answer, &without);
    Ok((answer, effect))
}

fn user_row(items: &Collection, shop: &Shop, shopper: &Shopper, split: &Split) -> Row {
    let now = split.after.first().map_or(HELD_OUT, |visit| visit.at);
    as_read(items, shopper.ranked_row(&shop.catalogue, &split.seen(), now))
}

/// A user's row without the time of the visit where the towers read none: those trained on the shop's clicks do not.
pub(super) fn as_read(items: &Collection, mut row: Row) -> Row {
    if items.towers().is_some_and(|pair| !pair.user_spec().reads("now")) {
        row.remove("now");
    }
    row
}

fn lines(shop: &Shop, answer: &Answer, relevant: Option<&[usize]>) -> Vec<Line> {
    let products = &shop.catalogue.products;
    let line = |product: &Product, hit: &Hit| Line {
        score: Some(hit.score),
        boost: hit.boosts.first().and_then(|boost| boost.adds),
        clicked_later: relevant.map(|relevant| relevant.contains(&product.number)),
        ..product.line()
    };
    answer.hits.iter().filter_map(|hit| Some(line(products.get(Product::number_of(hit.id.as_str())?)?, hit))).collect()
}
