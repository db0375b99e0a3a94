//! The score that so many rows exceed, where a density says how many exceed each.

/// Steps at most.
const STEPS: usize = 10;
/// So near to the number of rows asked for, as a share of it, a threshold is good enough.
const NEAR: f32 = 0.01;
/// So small a share of all rows is nothing.
const NOTHING: f32 = 1e-9;
/// How near a step comes to an end of the interval, as a share of it.
const EDGE: f32 = 0.02;

/// The threshold in the interval `(low, high)` that `count` of `all` rows exceed, where `above` says how many exceed a threshold; it falls.
///
/// By false position in the variant called Illinois (Dowell and Jarratt, 1971), of the square root of twice the logarithm of how many times as many
/// rows there are in all: for the tail of a normal distribution that is nearly a line, so that a few steps do. Density is a table, which has steps
/// too: after [`STEPS`] it is left at that.
pub(super) fn threshold(above: impl Fn(f32) -> f32, (count, all): (f32, f32), (mut low, mut high): (f32, f32)) -> f32 {
    let all = all.max(1.0);
    let height = |rows: f32| (2.0 * (all / rows.clamp(NOTHING * all, all)).ln()).sqrt();
    let wanted = height(count);
    // How far both ends are off. They were not looked at: below all rows lie, above next to none.
    let (mut below, mut over) = (-wanted, (height(0.0) - wanted).max(f32::MIN_POSITIVE));
    // Whether the last step moved the lower end.
    let mut moved_low = None;
    let mut at = 0.5 * (low + high);
    for _ in 0..STEPS {
        let share = if over > below { -below / (over - below) } else { 0.5 };
        at = low + (high - low) * share.clamp(EDGE, 1.0 - EDGE);
        let found = above(at);
        if (found - count).abs() <= NEAR * count {
            break;
        }
        let off = height(found) - wanted;
        let moves_low = found > count;
        // An end that stays for a second time counts half, else it would stay for ever.
        let stays = if moved_low == Some(moves_low) { 0.5 } else { 1.0 };
        if moves_low {
            (low, below, over) = (at, off, stays * over);
        } else {
            (high, over, below) = (at, off, stays * below);
        }
        moved_low = Some(moves_low);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::Cell;

    /// Rows above a threshold where lists' rows lie about their centres as a logistic distribution, whose tails are heavier than normal ones.
    fn logistic(lists: &[(f32, f32, f32)]) -> impl Fn(f32) -> f32 {
        move |at| lists.iter().map(|(centre, width, rows)| rows / (1.0 + ((at - centre) / width).exp())).sum()
    }

    #[test]
    fn so_many_rows_exceed_it() {
        let lists: Vec<(f32, f32, f32)> = (0..60).map(|list| (-(list as f32).sqrt(), 0.3 + 0.01 * list as f32, 200.0)).collect();
        let above = logistic(&lists);
        for count in [1.0, 10.0, 137.0, 2000.0, 9000.0] {
            let steps = Cell::new(0);
            let counted = |at| {
                steps.set(steps.get() + 1);
                above(at)
            };
            let at = threshold(counted, (count, 12_000.0), (-20.0, 12.0));
            assert!((above(at) - count).abs() <= 0.02 * count, "{count}: {} at {at}", above(at));
            assert!(steps.get() <= STEPS, "{count}: {} steps", steps.get());
        }
    }

    #[test]
    fn what_cannot_be_reached_ends_at_an_end() {
        for (count, is_low) in [(5000.0, true), (0.5, false)] {
            let at = threshold(|_| if is_low { 10.0 } else { 900.0 }, (count, 1000.0), (-1.0, 1.0));
            assert!(at.is_finite() && (at < 0.0) == is_low && at.abs() <= 1.0, "{count}: {at}");
        }
        for odd in [f32::NAN, -7.0, f32::INFINITY] {
            assert!(threshold(|_| odd, (10.0, 1000.0), (-1.0, 1.0)).abs() <= 1.0);
        }
        assert_eq!(threshold(|_| 3.0, (3.0, 0.0), (2.0, 2.0)), 2.0);
        // Steps, as a table has them.
        let at = threshold(|at| if at < 0.3 { 40.0 } else { 8.0 }, (10.0, 1000.0), (-5.0, 5.0));
        assert!((at - 0.3).abs() < 1.0, "{at}");
    }
}
