//! Draws items by a power of how often they were chosen.

use crate::rng::Rng;

/// An alias table (Walker 1977, in Vose's form of 1991): one random number and two look-ups a draw.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    /// For each place the chance to stay there, and where to go else.
    slots: Vec<(f32, u32)>,
    /// Natural logarithm of each item's chance.
    log_chance: Vec<f32>,
}

impl Sampler {
    /// `counts[i]^alpha`; an item that was never chosen counts as chosen half a time, so that none is out of reach.
    pub(crate) fn new(counts: &[u32], alpha: f32) -> Self {
        let weight = |&count: &u32| f64::from(count).max(0.5).powf(f64::from(alpha));
        let total: f64 = counts.iter().map(weight).sum();
        let n = counts.len() as f64;
        let mut shares: Vec<f64> = counts.iter().map(|count| weight(count) / total * n).collect();
        let log_chance = shares.iter().map(|share| (share / n).ln() as f32).collect();
        let mut slots = vec![(1.0f32, 0u32); counts.len()];
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..counts.len()).partition(|&item| shares[item] < 1.0);
        while let (Some(less), Some(&more)) = (small.pop(), large.last()) {
            slots[less] = (shares[less] as f32, more as u32);
            shares[more] -= 1.0 - shares[less];
            if shares[more] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        Self { slots, log_chance }
    }

    /// One item.
    pub(crate) fn draw(&self, rng: &mut Rng) -> u32 {
        let place = rng.below(self.slots.len());
        let (stay, other) = self.slots[place];
        if rng.uniform() < stay { place as u32 } else { other }
    }

    /// Natural logarithm of an item's chance in one draw.
    pub(crate) fn log_chance(&self, item: u32) -> f32 {
        self.log_chance[item as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    #[test]
    fn items_come_as_often_as_they_should() {
        let counts = [0, 1, 4, 100, 16];
        for alpha in [0.0, 0.5, 1.0] {
            let sampler = Sampler::new(&counts, alpha);
            let mut rng = Rng::new(3, Purpose::Negatives, 0);
            let mut drawn = [0u32; 5];
            for _ in 0..200_000 {
                drawn[sampler.draw(&mut rng) as usize] += 1;
            }
            for (item, drawn) in drawn.iter().enumerate() {
                let chance = f64::from(sampler.log_chance(item as u32)).exp();
                let expected = f64::from(counts[item]).max(0.5).powf(f64::from(alpha));
                let total: f64 = counts.iter().map(|c| f64::from(*c).max(0.5).powf(f64::from(alpha))).sum();
                assert!((chance - expected / total).abs() < 1e-6);
                assert!((f64::from(*drawn) / 200_000.0 - chance).abs() < 0.005, "{alpha} {item}");
            }
        }
    }
}
