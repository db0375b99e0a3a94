//! Groups of centroids.
use super::*;
use crate::quantizer::testing::noise;

#[test]
fn keeps_the_centroids_and_fills_every_group() {
    for width in [1, 2, 5] {
        let centroids = noise(CENTROIDS, width, 1);
        let uses: Vec<u32> = (0..256).map(|c| c % 7 * 100).collect();
        let arranged = arrange(centroids.as_slice(), width, &uses, ROUNDS, 3);
        let sorted = |values: &[f32]| {
            let mut rows: Vec<Vec<u32>> = values.chunks_exact(width).map(|row| row.iter().map(|x| x.to_bits()).collect()).collect();
            rows.sort();
            rows
        };
        assert_eq!(sorted(centroids.as_slice()), sorted(&arranged.centroids));
        assert_eq!(arranged.centres.len(), GROUPS * width);
    }
}

#[test]
fn groups_are_far_tighter_than_chance() {
    let centroids = noise(CENTROIDS, 2, 4);
    let arranged = arrange(centroids.as_slice(), 2, &[1; 256], ROUNDS, 3);
    let error: f64 = arranged
        .centroids
        .chunks_exact(2)
        .enumerate()
        .map(|(c, row)| row.iter().zip(&arranged.centres[c / 16 * 2..]).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>())
        .sum();
    let spread: f64 = centroids.as_slice().iter().map(|&x| f64::from(x).powi(2)).sum();
    assert!(error < 0.2 * spread, "{error} of {spread}");
}

#[test]
fn wide_parts_are_grouped_as_well() {
    let width = 12;
    let centroids = noise(CENTROIDS, width, 5);
    let points: Vec<f64> = centroids.as_slice().iter().map(|&x| f64::from(x)).collect();
    let weights: Vec<f64> = (0..CENTROIDS).map(|c| (c % 5) as f64 + 0.01).collect();
    let start = || Grouping::start(&points, width, &weights, &mut Rng::new(3, 500));
    let (mut plain, mut tables) = (start(), start());
    plain.exchange(ROUNDS);
    tables.exchange_wide(ROUNDS);
    assert!((plain.cost() / tables.cost() - 1.0).abs() < 1e-6, "{} {}", plain.cost(), tables.cost());
}

#[test]
fn rounds_are_a_parameter_and_make_groups_tighter() {
    for width in [2, 12] {
        let centroids = noise(CENTROIDS, width, 6);
        let error = |rounds| {
            let arranged = arrange(centroids.as_slice(), width, &[1; 256], rounds, 3);
            let groups = arranged.centroids.chunks_exact(PER_GROUP * width).zip(arranged.centres.chunks_exact(width));
            let of_group = |(group, centre): (&[f32], &[f32])| -> f64 {
                group.chunks_exact(width).flat_map(|row| row.iter().zip(centre)).map(|(a, b)| f64::from(a - b).powi(2)).sum()
            };
            groups.map(of_group).sum::<f64>()
        };
        let (none, usual) = (error(0), error(ROUNDS));
        assert!(usual < none, "width {width}: {usual} after {ROUNDS} rounds, {none} after none");
    }
}

#[test]
fn equal_centroids_are_no_trouble() {
    let arranged = arrange(&vec![1.0; 512], 2, &[0; 256], ROUNDS, 3);
    assert!(arranged.centres.iter().all(|&x| x == 1.0));
}
