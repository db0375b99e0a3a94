//! Default numbers of lists and sub-quantizers.

/// Fewest training vectors for each list; below this a centroid says little about what comes later.
const ROWS_A_LIST: usize = 39;
/// Most lists; the coarse step grows with their number.
const MAX_LISTS: usize = 1 << 16;
/// Most sub-quantizers.
pub(crate) const MAX_M: usize = 256;

/// Lists for `rows` vectors: 2 sqrt(rows), to the nearest power of two, lowered until each has 39 of the `sample` vectors to train on.
pub(crate) fn default_lists(rows: usize, sample: usize) -> usize {
    let wanted = 2.0 * (rows as f64).sqrt();
    let mut lists = 1usize << (wanted.max(1.0).log2().round() as u32).min(MAX_LISTS.trailing_zeros());
    while lists > 1 && sample / lists < ROWS_A_LIST {
        lists /= 2;
    }
    lists
}

/// Sub-quantizers for vectors of `dim` values: two dimensions each up to 128, then 64 of them until four dimensions each is more;
/// at most 256. A quarter to an eighth of the bytes of f32, which refining makes up for.
pub(crate) fn default_m(dim: usize) -> usize {
    let m = if dim <= 128 { dim.div_ceil(2) } else { (dim / 4).max(64) };
    m.clamp(1, MAX_M)
}

/// `m + 1` bounds that cut `dim` dimensions into `m` parts whose widths differ by at most 1, the wider ones first.
pub(crate) fn part_bounds(dim: usize, m: usize) -> Vec<u32> {
    let (width, wider) = (dim / m, dim % m);
    (0..=m).map(|part| (part * width + part.min(wider)) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_the_data() {
        let lists: Vec<usize> =
            [0, 1, 100, 1_000, 10_000, 100_000, 336_479, 1_000_000].into_iter().map(|rows| default_lists(rows, rows)).collect();
        assert_eq!(lists, [1, 1, 2, 16, 256, 512, 1024, 2048]);
        assert_eq!(default_lists(1_000_000, 50_000), 1024);
        let m: Vec<usize> = [1, 2, 3, 64, 100, 128, 160, 384, 768, 1024, 4096].into_iter().map(default_m).collect();
        assert_eq!(m, [1, 1, 2, 32, 50, 64, 64, 96, 192, 256, 256]);
    }

    #[test]
    fn parts_cover_every_dimension() {
        assert_eq!(part_bounds(10, 4), [0, 3, 6, 8, 10]);
        for dim in 1..70 {
            for m in 1..=dim {
                let bounds = part_bounds(dim, m);
                assert_eq!((bounds[0], bounds[m] as usize), (0, dim));
                let widths: Vec<u32> = bounds.windows(2).map(|w| w[1] - w[0]).collect();
                assert!(widths.iter().max().unwrap() - widths.iter().min().unwrap() <= 1 && widths[0] > 0);
            }
        }
    }
}
