//! The shop's products, and the shelves on which shoppers find them.

use std::collections::HashSet;

use super::dice::Dice;
use super::names::{BRAND_TIERS, CATEGORIES, COLOURS, Category, DEPARTMENTS, LINES, STYLES, TIER_PERCENT};
use super::time::{DAYS, PERIODS};

/// A product as the shop knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Product {
    /// Its place in the catalogue.
    pub(super) number: usize,
    /// Words a person reads; the only place where the style shows.
    pub(super) title: String,
    /// Place in the list of all categories.
    pub(super) category: usize,
    /// Place among the brands of its department.
    pub(super) brand: usize,
    /// Place in [`COLOURS`].
    pub(super) colour: usize,
    /// Place in [`STYLES`].
    pub(super) style: usize,
    /// Price.
    pub(super) cents: u32,
    /// Stars, in tenths.
    pub(super) rating: usize,
    /// Reviews before the first day: what the shop knows of how well it sells.
    pub(super) reviews: u32,
    /// How many are in stock; of every eighth none is.
    pub(super) stock: u32,
    /// The day it comes into the shop; 0 for most.
    pub(super) listed: usize,
    /// How often people come across it (not shown to the towers).
    exposure: u32,
}

/// A category's products.
#[derive(Clone, Default, Debug)]
pub(super) struct Shelf {
    /// All of them.
    pub(super) products: Vec<usize>,
    /// Running sums of their exposure.
    pub(super) sums: Vec<u64>,
    /// Those that come in during the season, by day.
    pub(super) arrivals: Vec<usize>,
    /// A handful that everybody talks about, period by period.
    pub(super) talked_about: Vec<Vec<usize>>,
}

/// All products and shelves.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    /// Products by number.
    pub(super) products: Vec<Product>,
    /// Shelves by category.
    pub(super) shelves: Vec<Shelf>,
}

/// The category at a place in the list of all categories.
pub(super) fn category(at: usize) -> &'static Category {
    &DEPARTMENTS[at / 5].categories[at % 5]
}

impl Product {
    /// The id under which the database keeps it.
    pub(super) fn id(&self) -> String {
        format!("P{:05}", self.number)
    }

    /// The number in such an id.
    pub(super) fn number_of(id: &str) -> Option<usize> {
        id.strip_prefix('P')?.parse().ok()
    }

    /// The name of its brand.
    pub(super) fn brand_name(&self) -> &'static str {
        DEPARTMENTS[self.category / 5].brands[self.brand]
    }

    fn draw(number: usize, weights: &[u32], dice: &mut Dice) -> Self {
        let category_at = dice.weighted(weights);
        let brand = dice.below(12);
        // A brand has a style of its own: half of what it makes shows it.
        let style = if dice.chance(1, 2) { (brand + category_at / 5) % STYLES.len() } else { dice.below(STYLES.len()) };
        let listed = if dice.chance(1, 16) { 1 + dice.below(DAYS - 1) } else { 0 };
        let exposure = 90_000 / (3 + dice.below(1000)) as u32;
        let reviews = if listed > 0 { 0 } else { exposure * (50 + dice.below(100)) as u32 / 1000 };
        let percent = TIER_PERCENT[BRAND_TIERS[brand]] as usize * (75 + dice.below(51));
        Self {
            number,
            title: String::new(),
            category: category_at,
            brand,
            colour: dice.below(COLOURS.len()),
            style,
            cents: tidy(category(category_at).cents as usize * percent / 10_000),
            rating: 30 + dice.below(11) + dice.below(11),
            reviews,
            stock: 0,
            listed,
            exposure,
        }
    }

    fn name(&mut self, taken: &mut HashSet<String>, dice: &mut Dice) {
        let (brand, noun) = (self.brand_name(), category(self.category).noun);
        let (style, colour) = (dice.pick(&STYLES[self.style]), COLOURS[self.colour]);
        let mut title = format!("{brand} {} {style} {noun}, {colour}", dice.pick(&LINES));
        while taken.contains(&title) {
            title = format!("{brand} {} {} {style} {noun}, {colour}", dice.pick(&LINES), 2 + dice.below(98));
        }
        taken.insert(title.clone());
        self.title = title;
    }
}

/// A price as shops write it: whole above 100, else ending in 90.
fn tidy(cents: usize) -> u32 {
    let whole = cents / 100;
    if whole >= 100 { (whole * 100) as u32 } else { (whole * 100 + 90) as u32 }
}

impl Catalogue {
    /// Makes `count` products from a seed.
    pub(super) fn new(seed: u64, count: usize) -> Self {
        let mut dice = Dice::new(seed, 1);
        // Numbers of its own: the towers were trained on what the others make.
        let mut stock = Dice::new(seed, 2);
        let weights: Vec<u32> = (0..CATEGORIES).map(|c| 4 + category(c).weight).collect();
        let mut taken = HashSet::with_capacity(count);
        let products: Vec<Product> = (0..count)
            .map(|number| {
                let mut product = Product::draw(number, &weights, &mut dice);
                product.name(&mut taken, &mut dice);
                product
            })
            .map(|product| Product { stock: stock.below(8).min(1) as u32 * (1 + stock.below(40)) as u32, ..product })
            .collect();
        let shelves = (0..CATEGORIES).map(|c| Shelf::new(&products, c, &mut dice)).collect();
        Self { products, shelves }
    }
}

impl Shelf {
    fn new(all: &[Product], category: usize, dice: &mut Dice) -> Self {
        let mut shelf = Self::default();
        let mut sum = 0;
        for product in all.iter().filter(|p| p.category == category) {
            sum += u64::from(product.exposure);
            shelf.products.push(product.number);
            shelf.sums.push(sum);
            if product.listed > 0 {
                shelf.arrivals.push(product.number);
            }
        }
        shelf.arrivals.sort_by_key(|&number| (all[number].listed, number));
        if !shelf.products.is_empty() {
            shelf.talked_about = (0..PERIODS).map(|_| (0..6).map(|_| *dice.pick(&shelf.products)).collect()).collect();
        }
        shelf
    }

    /// Somebody comes across a product on a day: one that is talked about, a new one, or one by its exposure.
    /// `None` when it is not in the shop yet, or the shelf is empty.
    pub(super) fn come_across(&self, all: &[Product], day: usize, dice: &mut Dice) -> Option<usize> {
        if self.products.is_empty() {
            return None;
        }
        let number = match dice.below(12) {
            0 => *dice.pick(&self.talked_about[day * PERIODS / DAYS]),
            1 => {
                let came = self.arrivals.partition_point(|&number| all[number].listed <= day);
                let recent = self.arrivals[..came].partition_point(|&number| all[number].listed + 14 < day);
                if recent == came {
                    return None;
                }
                *dice.pick(&self.arrivals[recent..came])
            }
            _ => self.products[dice.by_sums(&self.sums)],
        };
        (all[number].listed <= day).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_many_different_and_the_same_each_time() {
        let shop = Catalogue::new(1, 3000);
        assert_eq!(shop.products, Catalogue::new(1, 3000).products);
        assert_ne!(shop.products, Catalogue::new(2, 3000).products);
        let titles: HashSet<&str> = shop.products.iter().map(|p| p.title.as_str()).collect();
        assert_eq!(titles.len(), 3000);
        assert_eq!(shop.shelves.iter().map(|s| s.products.len()).sum::<usize>(), 3000);
    }

    #[test]
    fn nobody_comes_across_what_is_not_there_yet() {
        let shop = Catalogue::new(3, 2000);
        let mut dice = Dice::new(3, 9);
        let mut arrivals = 0;
        for day in 0..DAYS {
            for shelf in &shop.shelves {
                for number in (0..20).filter_map(|_| shelf.come_across(&shop.products, day, &mut dice)) {
                    assert!(shop.products[number].listed <= day);
                    arrivals += usize::from(shop.products[number].listed > 0);
                }
            }
        }
        assert!(arrivals > 0);
    }

    #[test]
    fn an_empty_shelf_shows_nothing() {
        let mut dice = Dice::new(1, 1);
        assert_eq!(Shelf::default().come_across(&[], 0, &mut dice), None);
    }
}
