//! Measures the recall of rows that lie behind others, for some of the queries that a calibration has: from their true neighbours down to the last
//! [band](super::bands), in which lists these are, and how many candidates come before them.

use rayon::prelude::*;

use super::bands::{Band, MULTIPLES, WANTED, measurable};
use super::calibrate::{Trial, places};
use super::calibration::Calibration;
use super::interpolate::least;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Recalls by lists alone at which candidates are tried.
const STOPS: [f32; 4] = [0.8, 0.9, 0.96, 0.99];
/// Queries that are searched for the candidates.
const SEARCHED: usize = 128;

impl Calibration {
    /// With all bands that the collection has rows for. Takes a second or two.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `progress` says so.
    pub(crate) fn with_bands(self, trial: &Trial<'_>, progress: &dyn Progress) -> Result<Self> {
        Ok(Self { bands: measure(trial, progress)?, ..self })
    }
}

fn measure(trial: &Trial<'_>, progress: &dyn Progress) -> Result<Vec<Band>> {
    let known = trial.deep.iter().map(|(_, near)| near.len()).min().unwrap_or(0);
    let bands = measurable(trial.lists.len()).filter(|before| before + WANTED <= known);
    let order = places(trial, &trial.deep.iter().map(|(query, _)| *query).collect::<Vec<_>>());
    bands.map(|before| band(trial, &order, before, progress)).collect()
}

fn band(trial: &Trial<'_>, order: &[Vec<u32>], before: usize, progress: &dyn Progress) -> Result<Band> {
    let lists = by_lists(trial, order, before);
    let mut stops: Vec<u32> = STOPS.iter().map(|&stop| least(lists.len(), |nprobe| lists[nprobe - 1] >= stop) as u32).collect();
    stops.dedup();
    let mut keep = Vec::new();
    for &nprobe in &stops {
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        keep.push(kept(trial, order, before, nprobe as usize));
    }
    Ok(Band { before: before as u32, stops, lists, keep })
}

/// The recall of 1, 2, 3, ... probes if no candidate were lost.
fn by_lists(trial: &Trial<'_>, order: &[Vec<u32>], before: usize) -> Vec<f32> {
    let mut found = vec![0u64; trial.quantizer.lists()];
    for (places, (_, near)) in order.iter().zip(trial.deep) {
        for near in &near[before..before + WANTED] {
            found[places[trial.lists[near.row as usize] as usize] as usize] += 1;
        }
    }
    let total = found.iter().sum::<u64>().max(1);
    let mut sum = 0;
    let share = |&found: &u64| {
        sum += found;
        sum as f32 / total as f32
    };
    found.iter().map(share).collect()
}

/// What each number of candidates keeps of the band's rows in `nprobe` lists.
fn kept(trial: &Trial<'_>, order: &[Vec<u32>], before: usize, nprobe: usize) -> [f32; MULTIPLES.len()] {
    let numbers = MULTIPLES.map(|multiple| (multiple * (before + WANTED) as f32) as usize);
    let most = numbers[MULTIPLES.len() - 1];
    let step = (trial.deep.len() / SEARCHED).max(1);
    let counts = trial.deep.par_iter().zip(order).step_by(step).map(|((query, near), places)| {
        let probed = |near: &&super::truth::Near| (places[trial.lists[near.row as usize] as usize] as usize) < nprobe;
        let wanted: Vec<u32> = near[before..before + WANTED].iter().filter(probed).map(|near| near.row).collect();
        let left_out: Vec<u32> = near[..before].iter().map(|near| near.row).collect();
        let nearer = trial.searcher.candidates_before(*query, &left_out, &wanted, nprobe, most);
        (numbers.map(|number| nearer.iter().filter(|&&nearer| nearer < number).count() as u64), wanted.len() as u64)
    });
    let none = || ([0; MULTIPLES.len()], 0);
    let (found, probed) = counts.reduce(none, |a, b| (std::array::from_fn(|at| a.0[at] + b.0[at]), a.1 + b.1));
    found.map(|found| if probed == 0 { 1.0 } else { found as f32 / probed as f32 })
}
