//! What training and encoding need: the choice among one sub-quantizer's 256 centroids, and what products may be off by.
//!
//! [`choose_nearest`] and [`choose_aware`] fix their order of operations (fused multiply-adds, dimension by dimension), so a
//! code is the same on every CPU.

#![allow(unsafe_code)]

/// Centroids of one sub-quantizer.
const CENTROIDS: usize = 256;
/// Groups of them, of equal size, one after another.
const GROUPS: usize = 16;
/// Centroids whose sums are kept in registers together.
const LANES: usize = 32;

/// How far a product of two vectors of `dim` values computed in f32 in any order may be off, as a multiple of the product of
/// their lengths (the standard bound n u / (1 - n u), with one operation to spare for a bias).
pub fn product_error(dim: usize) -> f32 {
    let unit = f64::from(f32::EPSILON) / 2.0;
    let n = (dim + 2) as f64 * unit;
    (n / (1.0 - n)) as f32
}

/// One sub-quantizer's centroids laid out for choosing.
///
/// A centroid's cost is half its squared distance plus `weight` times half that of its group's centre, up to what all have in common:
/// `half[c] - <pull[c], row>` with `pull = centroid + weight * centre`.
pub struct PartTable {
    width: usize,
    weight: f32,
    /// The centroids: `by_dim[d * 256 + c]`.
    by_dim: Vec<f32>,
    /// In the same order.
    pull: Vec<f32>,
    half: Vec<f32>,
    /// The groups' centres: `centres[d * 16 + g]`.
    centres: Vec<f32>,
}

impl PartTable {
    /// Takes up to 256 centroids, row after row of `width` values. Places left over are never chosen.
    pub fn new(width: usize, centroids: &[f32]) -> Self {
        Self::with_groups(width, centroids, &vec![0.0; GROUPS * width], 0.0)
    }

    /// Takes the centres of the groups of 16 centroids too, and what their distance counts.
    pub fn with_groups(width: usize, centroids: &[f32], centres: &[f32], weight: f32) -> Self {
        assert!(width > 0 && centroids.len() <= CENTROIDS * width && centres.len() == GROUPS * width);
        let (mut by_dim, mut pull) = (vec![0.0; CENTROIDS * width], vec![0.0; CENTROIDS * width]);
        let mut half = vec![f32::INFINITY; CENTROIDS];
        for (c, centroid) in centroids.chunks_exact(width).enumerate() {
            let mut square = 0.0f32;
            for (d, (&x, &y)) in centroid.iter().zip(&centres[c / (CENTROIDS / GROUPS) * width..]).enumerate() {
                by_dim[d * CENTROIDS + c] = x;
                pull[d * CENTROIDS + c] = weight.mul_add(y, x);
                square = (weight * y).mul_add(y, x.mul_add(x, square));
            }
            half[c] = 0.5 * square;
        }
        let centres = (0..GROUPS * width).map(|at| centres[at % GROUPS * width + at / GROUPS]).collect();
        Self { width, weight, by_dim, pull, half, centres }
    }

    /// What the groups' errors along a direction cost, where `along` is the error without this part.
    #[inline(always)]
    fn group_costs(&self, direction: &[f32], along: f32, weight: f32) -> [f32; GROUPS] {
        let mut costs = [along; GROUPS];
        for (&y, centres) in direction.iter().zip(self.centres.as_chunks::<GROUPS>().0) {
            for (left, &c) in costs.iter_mut().zip(centres) {
                *left = (-y).mul_add(c, *left);
            }
        }
        costs.map(|left| self.weight * weight * left * left)
    }

    /// Takes a chosen centroid's share off the errors along a direction.
    #[inline(always)]
    fn settle(&self, code: u8, direction: &[f32], along: &mut [f32; 2]) {
        let group = usize::from(code) / (CENTROIDS / GROUPS);
        for (d, &y) in direction.iter().enumerate() {
            along[0] = (-y).mul_add(self.by_dim[d * CENTROIDS + usize::from(code)], along[0]);
            along[1] = (-y).mul_add(self.centres[d * GROUPS + group], along[1]);
        }
    }
}

/// For each of the rows (`width` values each) the centroid of least cost, without weight the nearest; the lowest number where they tie.
pub fn choose_nearest(table: &PartTable, rows: &[f32], codes: &mut [u8]) {
    assert_eq!(rows.len(), codes.len() * table.width);
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the CPU has AVX2 and FMA, which is all this function asks beyond what safe code asks.
        return unsafe {
            match table.width {
                1 => avx2::nearest::<1>(table, rows, codes),
                2 => avx2::nearest::<2>(table, rows, codes),
                3 => avx2::nearest::<3>(table, rows, codes),
                4 => avx2::nearest::<4>(table, rows, codes),
                _ => avx2::nearest::<0>(table, rows, codes),
            }
        };
    }
    nearest_any(table, rows, codes);
}

/// One sub-quantizer's step of score-aware encoding (see `quantizer::encode`), for many rows.
pub struct Aware<'a> {
    /// What this part has to stand for, `width` values a row.
    pub residuals: &'a [f32],
    /// This part of each row's unit vector, `width` values a row.
    pub directions: &'a [f32],
    /// (eta - 1) / 2.
    pub weight: f32,
}

/// For each row picks the centroid c that minimises its cost (see [`PartTable`]) plus `weight * (along - <c, direction>)^2` plus the table's
/// weight times the same for its group's centre. `along` are the errors along the row's direction, of codes and of groups, with this part's
/// contribution taken out; they are left with the choice in. The lowest number wins a tie.
pub fn choose_aware(table: &PartTable, step: &Aware<'_>, along: &mut [[f32; 2]], codes: &mut [u8]) {
    assert_eq!(step.residuals.len(), codes.len() * table.width);
    assert_eq!(step.directions.len(), codes.len() * table.width);
    assert_eq!(along.len(), codes.len());
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: as in `choose_nearest`.
        return unsafe {
            match table.width {
                1 => avx2::aware::<1>(table, step, along, codes),
                2 => avx2::aware::<2>(table, step, along, codes),
                3 => avx2::aware::<3>(table, step, along, codes),
                4 => avx2::aware::<4>(table, step, along, codes),
                _ => avx2::aware::<0>(table, step, along, codes),
            }
        };
    }
    aware_any(table, step, along, codes);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! Eight centroids a register, four registers side by side; each lane keeps its least cost and where it was.

    use std::arch::x86_64::*;

    use super::{Aware, CENTROIDS, GROUPS, LANES, PartTable};

    const REGISTERS: usize = LANES / 8;

    struct Least {
        cost: [__m256; REGISTERS],
        place: [__m256i; REGISTERS],
    }

    impl Least {
        #[inline]
        #[target_feature(enable = "avx2,fma")]
        fn new() -> Self {
            Self { cost: [_mm256_set1_ps(f32::INFINITY); REGISTERS], place: [_mm256_setzero_si256(); REGISTERS] }
        }

        #[inline]
        #[target_feature(enable = "avx2,fma")]
        fn take(&mut self, register: usize, cost: __m256, first: usize) {
            let less = _mm256_cmp_ps::<_CMP_LT_OQ>(cost, self.cost[register]);
            let place = _mm256_set1_epi32(first as i32);
            self.cost[register] = _mm256_blendv_ps(self.cost[register], cost, less);
            self.place[register] = _mm256_blendv_epi8(self.place[register], place, _mm256_castps_si256(less));
        }

        /// The place of the least cost, the lowest of several.
        #[inline]
        #[target_feature(enable = "avx2,fma")]
        fn lowest(&self) -> u8 {
            let mut least = self.cost[0];
            for &cost in &self.cost[1..] {
                least = _mm256_min_ps(least, cost);
            }
            least = _mm256_min_ps(least, _mm256_permute2f128_ps::<1>(least, least));
            least = _mm256_min_ps(least, _mm256_shuffle_ps::<0b01_00_11_10>(least, least));
            least = _mm256_min_ps(least, _mm256_shuffle_ps::<0b10_11_00_01>(least, least));
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let mut lowest = _mm256_set1_epi32(i32::MAX);
            for (&cost, &place) in self.cost.iter().zip(&self.place) {
                let equal = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_EQ_OQ>(cost, least));
                let place = _mm256_add_epi32(place, lanes);
                lowest = _mm256_min_epi32(lowest, _mm256_blendv_epi8(_mm256_set1_epi32(i32::MAX), place, equal));
            }
            lowest = _mm256_min_epi32(lowest, _mm256_permute2x128_si256::<1>(lowest, lowest));
            lowest = _mm256_min_epi32(lowest, _mm256_shuffle_epi32::<0b01_00_11_10>(lowest));
            lowest = _mm256_min_epi32(lowest, _mm256_shuffle_epi32::<0b10_11_00_01>(lowest));
            _mm256_extract_epi32::<0>(lowest) as u8
        }
    }

    /// Eight values of the table, from `at` on.
    ///
    /// # Safety
    /// `at + 8 <= values.len()`.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn load(values: &[f32], at: usize) -> __m256 {
        debug_assert!(at + 8 <= values.len());
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(values.as_ptr().add(at)) }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn nearest<const WIDTH: usize>(table: &PartTable, rows: &[f32], codes: &mut [u8]) {
        let width = if WIDTH == 0 { table.width } else { WIDTH };
        assert!(table.half.len() == CENTROIDS && table.pull.len() == CENTROIDS * width);
        for (row, code) in rows.chunks_exact(width).zip(codes) {
            let mut least = Least::new();
            for first in (0..CENTROIDS).step_by(LANES) {
                for register in 0..REGISTERS {
                    let at = first + 8 * register;
                    // SAFETY: at + 8 <= CENTROIDS, and d < width; lengths are asserted above.
                    let mut cost = unsafe { load(&table.half, at) };
                    for (d, &x) in row.iter().enumerate() {
                        // SAFETY: as above.
                        cost = _mm256_fnmadd_ps(_mm256_set1_ps(x), unsafe { load(&table.pull, d * CENTROIDS + at) }, cost);
                    }
                    least.take(register, cost, at);
                }
            }
            *code = least.lowest();
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn aware<const WIDTH: usize>(table: &PartTable, step: &Aware<'_>, along: &mut [[f32; 2]], codes: &mut [u8]) {
        let width = if WIDTH == 0 { table.width } else { WIDTH };
        assert!(table.half.len() == CENTROIDS && table.by_dim.len() == CENTROIDS * width && table.pull.len() == CENTROIDS * width);
        let weight = _mm256_set1_ps(step.weight);
        let rows = step.residuals.chunks_exact(width).zip(step.directions.chunks_exact(width));
        for (((row, direction), along), code) in rows.zip(along).zip(codes) {
            let mut least = Least::new();
            let before = _mm256_set1_ps(along[0]);
            let groups = table.group_costs(direction, along[1], step.weight);
            for first in (0..CENTROIDS).step_by(LANES) {
                for register in 0..REGISTERS {
                    let at = first + 8 * register;
                    // SAFETY: at + 8 <= CENTROIDS, and d < width; lengths are asserted above.
                    let half = unsafe { load(&table.half, at) };
                    let mut cost = _mm256_add_ps(half, _mm256_set1_ps(groups[at * GROUPS / CENTROIDS]));
                    let mut left = before;
                    for (d, (&x, &y)) in row.iter().zip(direction).enumerate() {
                        // SAFETY: as above.
                        let (pull, centroids) = unsafe { (load(&table.pull, d * CENTROIDS + at), load(&table.by_dim, d * CENTROIDS + at)) };
                        cost = _mm256_fnmadd_ps(_mm256_set1_ps(x), pull, cost);
                        left = _mm256_fnmadd_ps(_mm256_set1_ps(y), centroids, left);
                    }
                    cost = _mm256_fmadd_ps(_mm256_mul_ps(weight, left), left, cost);
                    least.take(register, cost, at);
                }
            }
            *code = least.lowest();
            table.settle(*code, direction, along);
        }
    }
}

/// The same in plain Rust, for any CPU.
fn nearest_any(table: &PartTable, rows: &[f32], codes: &mut [u8]) {
    let width = table.width;
    let mut costs = [0.0f32; CENTROIDS];
    for (row, code) in rows.chunks_exact(width).zip(codes) {
        for (at, out) in costs.chunks_exact_mut(LANES).enumerate() {
            let mut sums = [0.0f32; LANES];
            sums.copy_from_slice(&table.half[at * LANES..(at + 1) * LANES]);
            for (d, &x) in row.iter().enumerate() {
                let pull = &table.pull[d * CENTROIDS + at * LANES..d * CENTROIDS + (at + 1) * LANES];
                for (sum, &c) in sums.iter_mut().zip(pull) {
                    *sum = (-x).mul_add(c, *sum);
                }
            }
            out.copy_from_slice(&sums);
        }
        *code = lowest(&costs);
    }
}

fn aware_any(table: &PartTable, step: &Aware<'_>, along: &mut [[f32; 2]], codes: &mut [u8]) {
    let width = table.width;
    let mut costs = [0.0f32; CENTROIDS];
    let rows = step.residuals.chunks_exact(width).zip(step.directions.chunks_exact(width));
    for (((row, direction), along), code) in rows.zip(along).zip(codes) {
        let groups = table.group_costs(direction, along[1], step.weight);
        for (at, out) in costs.chunks_exact_mut(LANES).enumerate() {
            let mut left = [along[0]; LANES];
            let mut sums: [f32; LANES] =
                std::array::from_fn(|lane| table.half[at * LANES + lane] + groups[(at * LANES + lane) * GROUPS / CENTROIDS]);
            for (d, (&x, &y)) in row.iter().zip(direction).enumerate() {
                let range = d * CENTROIDS + at * LANES..d * CENTROIDS + (at + 1) * LANES;
                let values = table.pull[range.clone()].iter().zip(&table.by_dim[range]);
                for ((sum, left), (&pull, &c)) in sums.iter_mut().zip(&mut left).zip(values) {
                    *sum = (-x).mul_add(pull, *sum);
                    *left = (-y).mul_add(c, *left);
                }
            }
            for (sum, &left) in sums.iter_mut().zip(&left) {
                *sum = (step.weight * left).mul_add(left, *sum);
            }
            out.copy_from_slice(&sums);
        }
        *code = lowest(&costs);
        table.settle(*code, direction, along);
    }
}

/// Place of the smallest value, the first where several are equal (0 where none is a finite number).
fn lowest(costs: &[f32; CENTROIDS]) -> u8 {
    let mut least = [f32::INFINITY; LANES];
    for chunk in costs.chunks_exact(LANES) {
        for (least, &cost) in least.iter_mut().zip(chunk) {
            *least = if cost < *least { cost } else { *least };
        }
    }
    let mut lowest = f32::INFINITY;
    for cost in least {
        lowest = if cost < lowest { cost } else { lowest };
    }
    if lowest == f32::INFINITY {
        return 0;
    }
    costs.iter().position(|&cost| cost == lowest).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn every_path_chooses_the_lowest_cost() {
        for width in [1, 2, 3, 4, 5, 8, 17] {
            for (centroids, weight) in [(1, 0.0), (31, 0.0), (255, 2.0), (256, 0.0), (256, 2.0)] {
                let (values, centres) = (noise(centroids * width, 3), noise(GROUPS * width, 7));
                let table = PartTable::with_groups(width, &values, &centres, weight);
                let (rows, directions) = (noise(50 * width, 4), noise(50 * width, 5));
                let (mut fast, mut plain) = (vec![0u8; 50], vec![0u8; 50]);
                choose_nearest(&table, &rows, &mut fast);
                nearest_any(&table, &rows, &mut plain);
                assert_eq!(fast, plain);
                let part = |values: &[f32], at: usize| values[at * width..(at + 1) * width].to_vec();
                let squared = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
                let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                let far = |row: usize, c: usize| {
                    let row = part(&rows, row);
                    0.5 * (squared(&row, &part(&values, c)) + f64::from(weight) * squared(&row, &part(&centres, c / 16)))
                };
                let least = |cost: &dyn Fn(usize) -> f64| (0..centroids).map(cost).fold(f64::INFINITY, f64::min);
                for (row, &code) in fast.iter().enumerate() {
                    let cost = |c| far(row, c);
                    assert!(usize::from(code) < centroids && cost(usize::from(code)) <= least(&cost) + 1e-5);
                }
                let step = Aware { residuals: &rows, directions: &directions, weight: 1.5 };
                let before: Vec<[f32; 2]> = noise(100, 6).as_chunks::<2>().0.to_vec();
                let (mut a, mut b) = (before.clone(), before.clone());
                choose_aware(&table, &step, &mut a, &mut fast);
                aware_any(&table, &step, &mut b, &mut plain);
                assert_eq!((&fast, &a), (&plain, &b));
                for (row, &code) in fast.iter().enumerate() {
                    let direction = part(&directions, row);
                    let left = |at: usize, values: Vec<f32>| f64::from(before[row][at]) - product(&direction, &values);
                    let cost = |c: usize| {
                        let along = left(0, part(&values, c)).powi(2) + f64::from(weight) * left(1, part(&centres, c / 16)).powi(2);
                        far(row, c) + 1.5 * along
                    };
                    assert!(cost(usize::from(code)) <= least(&cost) * (1.0 + 1e-5) + 1e-5, "width {width}, weight {weight}");
                    assert!((f64::from(a[row][0]) - left(0, part(&values, usize::from(code)))).abs() < 1e-4);
                    assert!((f64::from(a[row][1]) - left(1, part(&centres, usize::from(code) / 16))).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn values_that_are_not_numbers_choose_something() {
        let table = PartTable::new(2, &noise(512, 3));
        let mut codes = [9u8; 3];
        let rows = [f32::NAN, 0.0, f32::INFINITY, 1.0, f32::MAX, f32::MAX];
        choose_nearest(&table, &rows, &mut codes);
        let mut plain = [9u8; 3];
        nearest_any(&table, &rows, &mut plain);
        assert_eq!((codes, codes[0]), (plain, 0));
    }
}
