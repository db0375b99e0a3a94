//! Measures of a list: how much its items differ.

/// The mean of 1 - cosine over all pairs of the vectors, of one length; `None` of fewer than two. A vector of zeros is 1 from any other.
///
/// ```
/// let apart = torre_report::intra_list_distance(&[[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]);
/// assert_eq!(apart, Some(2.0 / 3.0));
/// ```
pub fn intra_list_distance<V: AsRef<[f32]>>(vectors: &[V]) -> Option<f64> {
    let pairs = vectors.len() * vectors.len().saturating_sub(1) / 2;
    let unit: Vec<Vec<f64>> = vectors.iter().map(|vector| unit(vector.as_ref())).collect();
    let mut sum = 0.0;
    for (at, a) in unit.iter().enumerate() {
        for b in &unit[..at] {
            sum += 1.0 - a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        }
    }
    (pairs > 0).then(|| sum / pairs as f64)
}

/// The vector at length 1.
fn unit(vector: &[f32]) -> Vec<f64> {
    let length = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    vector.iter().map(|&x| if length > 0.0 { f64::from(x) / length } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_is_not_apart_from_others_and_the_same_twice_not_at_all() {
        assert_eq!(intra_list_distance::<[f32; 2]>(&[]), None);
        assert_eq!(intra_list_distance(&[[1.0, 2.0]]), None);
        assert!(intra_list_distance(&[[1.0, 2.0], [1.0, 2.0]]).is_some_and(|apart| apart.abs() < 1e-12));
        assert_eq!(intra_list_distance(&[[1.0, 0.0], [-3.0, 0.0]]), Some(2.0));
        assert_eq!(intra_list_distance(&[[1.0, 0.0], [0.0, 0.0]]), Some(1.0));
    }
}
