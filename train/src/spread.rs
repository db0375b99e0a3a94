//! How much vectors are one vector.

/// Mean cosine of vectors with their mean direction: near 0 of vectors in all directions, 1 of vectors that are all alike.
pub(crate) fn alike(vectors: &[f32], dim: usize) -> f64 {
    let mut sum = vec![0f64; dim];
    let mut count = 0usize;
    for vector in vectors.chunks_exact(dim) {
        let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x) / length);
            count += 1;
        }
    }
    // The mean of cosines with the mean's direction is the mean's length.
    if count == 0 { 0.0 } else { sum.iter().map(|x| x * x).sum::<f64>().sqrt() / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_and_not() {
        assert!((alike(&[1.0, 0.0, 3.0, 0.0], 2) - 1.0).abs() < 1e-9);
        assert!(alike(&[1.0, 0.0, -1.0, 0.0], 2) < 1e-9);
        assert_eq!(alike(&[0.0, 0.0], 2), 0.0);
    }
}
