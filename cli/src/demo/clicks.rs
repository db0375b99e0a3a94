//! What shoppers look at over the season, and the split into what may be learnt from and what is held out.

use std::collections::HashSet;

use super::catalogue::Catalogue;
use super::dice::Dice;
use super::shopper::Shopper;
use super::time::{DAY, DAYS, HELD_OUT, START, day_of};

/// Longest history a user row carries: the last products looked at, oldest first.
pub(super) const HISTORY: usize = 30;

/// A visit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Session {
    /// When it began, in unix seconds.
    pub(super) at: i64,
    /// Products clicked, in order.
    pub(super) clicks: Vec<usize>,
}

/// All visits of a shopper, in time.
pub(super) fn sessions(seed: u64, shop: &Catalogue, shopper: &Shopper) -> Vec<Session> {
    let mut dice = Dice::new(seed, 1_000_000 + shopper.number as u64);
    let visits = 4 + dice.below(12) + dice.below(12);
    let mut times: Vec<i64> = (0..visits).map(|_| moment(&mut dice)).collect();
    times.sort_unstable();
    times.into_iter().map(|at| visit(shop, shopper, at, &mut dice)).filter(|session| !session.clicks.is_empty()).collect()
}

/// A moment of the season; more often in the evening than in the morning.
fn moment(dice: &mut Dice) -> i64 {
    let hour = [(7, 12), (12, 18), (18, 24), (18, 23)][dice.below(4)];
    let second = dice.below((hour.1 - hour.0) * 3600) + hour.0 * 3600;
    START + dice.below(DAYS) as i64 * DAY + second as i64
}

fn visit(shop: &Catalogue, shopper: &Shopper, at: i64, dice: &mut Dice) -> Session {
    let day = day_of(at);
    let (weekend, evening) = (day % 7 >= 5, (at - START) % DAY >= 18 * 3600);
    let mut category = shopper.category(weekend, evening, dice);
    let mut clicks = Vec::new();
    for _ in 0..2 + dice.below(5) {
        if dice.chance(1, 4) {
            category = shopper.category(weekend, evening, dice);
        }
        // Of two dozen products come across, the one liked best gets the click.
        let shelf = &shop.shelves[category];
        let best = (0..24)
            .filter_map(|_| {
                let number = shelf.come_across(&shop.products, day, dice)?;
                // Chance has its say in every choice.
                let chance = dice.below(6) + dice.below(6);
                Some((shopper.likes(&shop.products[number]) + chance as i32, number))
            })
            .filter(|(_, number)| !clicks.contains(number))
            .max();
        clicks.extend(best.map(|(_, number)| number));
    }
    Session { at, clicks }
}

/// A shopper's visits, split in time.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// Visits before the held-out days.
    pub(super) before: Vec<Session>,
    /// Visits in the held-out days.
    pub(super) after: Vec<Session>,
}

impl Split {
    /// Splits visits at the first held-out day.
    pub(super) fn new(mut visits: Vec<Session>) -> Self {
        let after = visits.split_off(visits.partition_point(|session| session.at < HELD_OUT));
        Self { before: visits, after }
    }

    /// Everything clicked before the held-out days, in order.
    pub(super) fn seen(&self) -> Vec<usize> {
        self.before.iter().flat_map(|session| session.clicks.iter().copied()).collect()
    }

    /// What was clicked in the held-out days and never before, each product once, in order.
    pub(super) fn relevant(&self) -> Vec<usize> {
        let mut known: HashSet<usize> = self.seen().into_iter().collect();
        self.after.iter().flat_map(|session| session.clicks.iter().copied()).filter(|&number| known.insert(number)).collect()
    }
}

/// The last clicks of a history, oldest first.
pub(super) fn history(clicks: &[usize]) -> &[usize] {
    &clicks[clicks.len().saturating_sub(HISTORY)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_lie_in_the_season_in_order_and_are_split_in_time() {
        let shop = Catalogue::new(1, 2000);
        let mut held_out = 0;
        for number in 0..50 {
            let visits = sessions(1, &shop, &Shopper::new(1, number));
            assert!(visits.is_sorted_by_key(|s| s.at));
            assert!(visits.iter().all(|s| (START..START + DAYS as i64 * DAY).contains(&s.at)));
            let split = Split::new(visits.clone());
            assert_eq!(split.before.len() + split.after.len(), visits.len());
            assert!(split.before.iter().all(|s| s.at < HELD_OUT) && split.after.iter().all(|s| s.at >= HELD_OUT));
            let seen = split.seen();
            assert!(split.relevant().iter().all(|number| !seen.contains(number)));
            held_out += split.relevant().len();
        }
        assert!(held_out > 100, "{held_out}");
    }

    #[test]
    fn a_history_is_the_last_clicks() {
        let clicks: Vec<usize> = (0..HISTORY + 5).collect();
        assert_eq!(history(&clicks), &clicks[5..]);
        assert_eq!(history(&clicks[..3]), &[0, 1, 2]);
        assert!(history(&[]).is_empty());
    }
}
