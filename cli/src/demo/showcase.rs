//! The shoppers that a person gets to see. They are chosen by what they looked at, never by what they were recommended.

use super::catalogue::{Catalogue, Product, category};
use super::clicks::Split;
use super::names::DEPARTMENTS;
use super::report::Line;
use super::shop::Shop;
use super::shopper::Shopper;

/// Shoppers shown, besides somebody new.
const SHOWN: usize = 3;

/// Fewest clicks of a shopper worth looking at.
const WORTH: usize = 12;

/// The first shoppers with enough clicks who care most for a department each, all different, and who came back in the held-out days.
pub(super) fn choose(shop: &Shop) -> Vec<&(Shopper, Split)> {
    let mut taken = [false; DEPARTMENTS.len()];
    let mut chosen = Vec::new();
    for each in &shop.shoppers {
        let seen = each.1.seen();
        if chosen.len() == SHOWN {
            break;
        }
        if seen.len() < WORTH || each.1.relevant().is_empty() {
            continue;
        }
        let favourite = favourite(&shop.catalogue, &seen);
        if !std::mem::replace(&mut taken[favourite], true) {
            chosen.push(each);
        }
    }
    chosen
}

/// The department most looked at.
fn favourite(shop: &Catalogue, seen: &[usize]) -> usize {
    let mut clicks = [0; DEPARTMENTS.len()];
    for &number in seen {
        clicks[shop.products[number].category / 5] += 1;
    }
    (0..clicks.len()).max_by_key(|&department| (clicks[department], department)).unwrap_or(0)
}

impl Shopper {
    /// For a person reading.
    pub(super) fn introduction(&self) -> String {
        format!("{}, {}, {}, on a {}", self.name, self.age, self.city_name(), self.device_name())
    }
}

impl Product {
    /// The product on the page.
    pub(super) fn line(&self) -> Line {
        Line {
            id: self.id(),
            title: self.title.clone(),
            brand: self.brand_name().to_owned(),
            category: category(self.category).name.to_owned(),
            price: f64::from(self.cents) / 100.0,
            stock: self.stock,
            score: None,
            boost: None,
            clicked_later: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_shown_differ_in_what_they_like() {
        let shop = Shop::new(1, 500, 60);
        let chosen = choose(&shop);
        assert_eq!(chosen.len(), SHOWN);
        let mut favourites: Vec<usize> = chosen.iter().map(|(_, split)| favourite(&shop.catalogue, &split.seen())).collect();
        favourites.sort_unstable();
        favourites.dedup();
        assert_eq!(favourites.len(), SHOWN);
        assert!(choose(&Shop::new(1, 0, 5)).is_empty());
    }
}
