//! The shoppers: what the shop knows of them, and the tastes it does not.

use super::catalogue::{Product, category};
use super::dice::Dice;
use super::names::{BRAND_TIERS, CATEGORIES, CITIES, COLOURS, DEPARTMENTS, DEVICES, PEOPLE, STYLES, TIER_PERCENT};

/// A shopper.
#[derive(Clone, Debug)]
pub(super) struct Shopper {
    /// Place among all shoppers.
    pub(super) number: usize,
    /// For a person reading; not a feature.
    pub(super) name: &'static str,
    /// Place in [`CITIES`].
    pub(super) city: usize,
    /// Years.
    pub(super) age: usize,
    /// Place in [`DEVICES`].
    pub(super) device: usize,
    taste: Taste,
}

/// What draws a shopper. Only the clicks show it.
#[derive(Clone, Debug)]
struct Taste {
    categories: Vec<u32>,
    /// Points by department and brand.
    brands: [[i32; 12]; DEPARTMENTS.len()],
    styles: [i32; STYLES.len()],
    colours: [i32; COLOURS.len()],
    /// Price level, 0 to 3.
    tier: usize,
}

impl Shopper {
    /// Makes shopper `number` of a seed.
    pub(super) fn new(seed: u64, number: usize) -> Self {
        let mut dice = Dice::new(seed, 1_000 + number as u64);
        let city = dice.below(CITIES.len());
        let age = 18 + dice.below(28) + dice.below(28);
        let device = dice.weighted(&[5, 1, 3]);
        let name = *dice.pick(&PEOPLE);
        let taste = Taste::new(city, age, device, &mut dice);
        Self { number, name, city, age, device, taste }
    }

    /// The name of the city.
    pub(super) fn city_name(&self) -> &'static str {
        CITIES[self.city].0
    }

    /// The device.
    pub(super) fn device_name(&self) -> &'static str {
        DEVICES[self.device]
    }

    /// The category a visit begins with. At the weekend people are out, in the evening at home.
    pub(super) fn category(&self, weekend: bool, evening: bool, dice: &mut Dice) -> usize {
        if dice.chance(1, 10) {
            return dice.weighted(&(0..CATEGORIES).map(|c| category(c).weight).collect::<Vec<_>>());
        }
        let lift = |c: usize| match c / 5 {
            0 | 2 | 7 if weekend => 8,
            4..=6 if evening => 7,
            _ => 5,
        };
        dice.weighted(&self.taste.categories.iter().enumerate().map(|(c, &weight)| weight * lift(c)).collect::<Vec<_>>())
    }

    /// How much a product draws the shopper, in points.
    pub(super) fn likes(&self, product: &Product) -> i32 {
        let taste = &self.taste;
        let wanted = category(product.category).cents as i32 * TIER_PERCENT[taste.tier] as i32 / 100;
        let price = product.cents as i32;
        // Too dear counts double; a third off the price level wanted costs two points.
        let off = if price > wanted { (price - wanted) * 10 / wanted } else { (wanted - price) * 5 / wanted };
        taste.brands[product.category / 5][product.brand] + taste.styles[product.style] + taste.colours[product.colour] - off.min(8)
            + (product.rating as i32 - 40) / 4
    }
}

impl Taste {
    fn new(city: usize, age: usize, device: usize, dice: &mut Dice) -> Self {
        let (_, lean, colour) = CITIES[city];
        let mut departments = [0_u32; DEPARTMENTS.len()];
        departments[dice.below(DEPARTMENTS.len())] += 9;
        departments[dice.below(DEPARTMENTS.len())] += 5;
        departments[lean] += 4;
        departments[by_age(age)] += 4;
        let mut categories = vec![0; CATEGORIES];
        for (c, weight) in categories.iter_mut().enumerate() {
            // Of a department people like some categories more than others.
            *weight = departments[c / 5] * category(c).weight * [0, 1, 2, 6][dice.below(4)];
        }
        if categories.iter().all(|&w| w == 0) {
            categories[lean * 5] = 1;
        }
        // The older pay more, phones less: weakly.
        let tier = dice.weighted(&if age < 30 { [5, 5, 2, 1] } else { [2, 4, 4, 3] });
        let tier = if device == 0 && dice.chance(1, 4) { tier.saturating_sub(1) } else { tier };
        let mut taste =
            Self { categories, brands: [[0; 12]; DEPARTMENTS.len()], styles: [0; STYLES.len()], colours: [0; COLOURS.len()], tier };
        for brands in &mut taste.brands {
            for points in [8, 6, 4] {
                // A brand is liked by those who would pay its price.
                let brand = dice.below(12);
                if BRAND_TIERS[brand].abs_diff(tier) <= 1 {
                    brands[brand] = points;
                }
            }
        }
        for points in [9, 5] {
            taste.styles[dice.below(STYLES.len())] = points;
        }
        taste.colours[colour] = 2;
        for points in [7, 5, 3] {
            taste.colours[dice.below(COLOURS.len())] = points;
        }
        taste
    }
}

/// The department an age leans to.
fn by_age(age: usize) -> usize {
    match age {
        ..25 => 5,
        25..32 => 1,
        32..40 => 7,
        40..48 => 2,
        48..56 => 0,
        56..64 => 3,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::catalogue::Catalogue;

    #[test]
    fn a_shopper_is_the_same_whoever_else_is_made() {
        let ada = Shopper::new(1, 7);
        let again = Shopper::new(1, 7);
        assert_eq!((ada.name, ada.city, ada.age, ada.device), (again.name, again.city, again.age, again.device));
        assert_eq!(ada.taste.categories, again.taste.categories);
    }

    #[test]
    fn tastes_differ_between_shoppers_and_products() {
        let shop = Catalogue::new(1, 200);
        let (ada, bruno) = (Shopper::new(1, 0), Shopper::new(1, 1));
        let points = |s: &Shopper| shop.products.iter().map(|p| s.likes(p)).collect::<Vec<_>>();
        assert_ne!(points(&ada), points(&bruno));
        assert!(points(&ada).iter().max() > points(&ada).iter().min());
    }
}
