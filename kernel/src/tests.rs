//! Every path against the scalar one, bit for bit, at awkward sizes; and the scalar one against the definition.
#![allow(clippy::unwrap_used)]

use half::f16;

use super::*;

/// A small generator, so that a failure repeats.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }

    fn lines(&mut self, n: usize) -> Vec<Line> {
        (0..n).map(|_| Line(std::array::from_fn(|_| self.next() as u8))).collect()
    }
}

const DIMS: [usize; 22] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 384, 1000];
const SCALAR: Kernel = Kernel::SCALAR;

fn others() -> Vec<Kernel> {
    let found = Kernel::available();
    eprintln!("kernel paths on this CPU: {:?}", found.iter().map(|k| k.name()).collect::<Vec<_>>());
    if let Ok(name) = std::env::var("TORRE_REQUIRE_KERNEL") {
        assert!(Kernel::by_name(&name).is_some(), "TORRE_REQUIRE_KERNEL asks for {name}, which this CPU does not have");
    }
    found.into_iter().filter(|k| *k != SCALAR).collect()
}

#[derive(Default, PartialEq, Debug)]
struct Collect {
    found: Vec<(usize, u64, Vec<u16>)>,
    raise: u16,
}

impl Sink for Collect {
    fn survivors(&mut self, block: usize, lanes: u64, sums: &[u16; BLOCK]) -> u16 {
        self.found.push((block, lanes, sums.to_vec()));
        self.raise
    }
}

#[test]
fn float_products_have_one_order() {
    let mut rng = Rng(1);
    for n in DIMS {
        let (q, rows) = (rng.floats(n), rng.floats(n * 5));
        let exact: f64 = q.iter().zip(&rows).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let square: f64 = q.iter().zip(&rows).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        assert!((f64::from(SCALAR.dot(&q, &rows[..n])) - exact).abs() < 1e-4, "{n}");
        assert!((f64::from(SCALAR.l2(&q, &rows[..n])) - square).abs() < 1e-3, "{n}");
        for kernel in others() {
            let (mut a, mut b) = ([0f32; 5], [0f32; 5]);
            SCALAR.dots(&q, &rows, &mut a);
            kernel.dots(&q, &rows, &mut b);
            assert_eq!(a.map(f32::to_bits), b.map(f32::to_bits), "{n}");
            assert_eq!(a[4].to_bits(), kernel.dot(&q, &rows[4 * n..]).to_bits(), "{n}");
            SCALAR.l2s(&q, &rows, &mut a);
            kernel.l2s(&q, &rows, &mut b);
            assert_eq!(a.map(f32::to_bits), b.map(f32::to_bits), "{n}");
            assert_eq!(a[4].to_bits(), kernel.l2(&q, &rows[4 * n..]).to_bits(), "{n}");
        }
    }
    assert_eq!(SCALAR.dot(&[], &[]), 0.0);
}

#[test]
fn float_products_of_extremes_and_odd_addresses_agree() {
    let mut rng = Rng(6);
    let kinds = [0.0, -0.0, 1.0, -1.0, f32::MIN_POSITIVE / 8.0, -f32::MIN_POSITIVE, 1e18, -1e18, f32::EPSILON];
    for n in DIMS {
        let (mut a, mut b) = (vec![0f32; n + 3], vec![-0f32; n + 3]);
        for round in 0..8 {
            for kernel in others() {
                let at = round % 4;
                let (x, y) = (&a[at..n.max(at)], &b[at..n.max(at)]);
                assert_eq!(SCALAR.dot(x, y).to_bits(), kernel.dot(x, y).to_bits(), "{n} {round}");
                assert_eq!(SCALAR.l2(x, y).to_bits(), kernel.l2(x, y).to_bits(), "{n} {round}");
            }
            // Once products that vanish below zero, so that all sums are -0.
            let (below, above) = (-f32::MIN_POSITIVE, f32::MIN_POSITIVE);
            a.fill_with(|| if round == 3 { below } else { kinds[rng.next() as usize % kinds.len()] });
            b.fill_with(|| if round == 3 { above } else { kinds[rng.next() as usize % kinds.len()] });
        }
    }
}

#[test]
fn half_precision_products_are_those_of_the_floats() {
    let mut rng = Rng(7);
    for n in DIMS {
        let (q, values) = (rng.floats(n), rng.floats(n));
        let halves: Vec<f16> = values.iter().map(|&x| f16::from_f32(x)).collect();
        let floats: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
        let row: Vec<u8> = halves.iter().flat_map(|x| x.to_le_bytes()).collect();
        for kernel in Kernel::available() {
            assert_eq!(kernel.dot_f16(&q, &row).to_bits(), SCALAR.dot(&q, &floats).to_bits(), "{} {n}", kernel.name());
            assert_eq!(kernel.l2_f16(&q, &row).to_bits(), SCALAR.l2(&q, &floats).to_bits(), "{} {n}", kernel.name());
        }
    }
}

#[test]
fn every_half_precision_number_is_the_same_float() {
    for bits in (0..=u16::MAX).filter(|&bits| f16::from_bits(bits).is_finite()) {
        let row: Vec<u8> = bits.to_le_bytes().repeat(9);
        let at = usize::from(bits) % 9;
        let mut one = [0f32; 9];
        one[at] = 1.0;
        for kernel in Kernel::available() {
            assert_eq!(kernel.dot_f16(&one, &row), f16::from_bits(bits).to_f32(), "{} {bits:#x}", kernel.name());
        }
    }
}

#[test]
fn integer_products_are_exact() {
    let mut rng = Rng(2);
    for n in DIMS {
        let mut query = IntQuery::default();
        let mut q = rng.floats(n);
        q[n / 2] = -3.0;
        query.set(&q);
        let row: Vec<u8> = (0..n).map(|_| rng.next() as u8).collect();
        let want: i64 = query.values.iter().zip(&row).map(|(&a, &b)| i64::from(a) * i64::from(b as i8)).sum();
        for kernel in Kernel::available() {
            assert_eq!(i64::from(kernel.dot_i8(&query, &row)), want, "{} {n}", kernel.name());
            // The largest sum there can be.
            let mut full = IntQuery::default();
            full.set(&vec![-1.0; n]);
            let most = i64::from(full.values[0]) * -128 * n as i64;
            assert_eq!(i64::from(kernel.dot_i8(&full, &vec![0x80; n])), most, "{} {n}", kernel.name());
        }
        for (v, x) in query.values.iter().zip(&q) {
            assert!((f32::from(*v) * query.scale - x).abs() <= query.scale * 0.51);
        }
    }
    for odd in [vec![0.0; 5], vec![f32::MAX; 5], vec![1e-45; 5]] {
        let mut query = IntQuery::default();
        query.set(&odd);
        assert!(query.scale.is_finite());
    }
}

#[test]
fn coarse_products_are_exact() {
    let mut rng = Rng(3);
    for steps in [0, 1, 2, 3, 25, 32, 96] {
        for (blocks, extreme) in [0, 1, 2, 3, 5]
            .into_iter()
            .flat_map(|blocks| [None, Some((0, -64)), Some((0, 64)), Some((255, -64)), Some((255, 64))].map(|e| (blocks, e)))
        {
            let query: Vec<i8> = (0..4 * steps).map(|_| extreme.map_or_else(|| ((rng.next() % 129) as i32 - 64) as i8, |e| e.1)).collect();
            let lines = extreme.map_or_else(|| rng.lines(blocks * steps), |e| vec![Line([e.0; 64]); blocks * steps]);
            let mut want = vec![1; blocks * 16];
            for (i, want) in want.iter_mut().enumerate() {
                let row = |d: usize| lines[i / 16 * steps + d / 4].0[i % 16 * 4 + d % 4];
                *want = (0..4 * steps).map(|d| i32::from(row(d)) * i32::from(query[d])).sum();
            }
            for kernel in Kernel::available() {
                let mut out = vec![7; blocks * 16];
                kernel.coarse(&query, &lines, &mut out);
                assert_eq!(out, want, "{} {steps} {blocks}", kernel.name());
            }
        }
    }
}

#[test]
fn coarse_scores_maxima_and_places_agree() {
    let mut rng = Rng(7);
    for n in DIMS.into_iter().chain([0, 10, 11, 12, 13, 14]) {
        let sums: Vec<i32> = (0..n).map(|_| rng.next() as i32).collect();
        let (scales, less) = (rng.floats(n), rng.floats(n));
        let (offset, unit) = (rng.next() as i32, rng.float());
        let scores: Vec<f32> = (0..n).map(|i| (sums[i].wrapping_sub(offset) as f32) * (scales[i] * unit) - less[i]).collect();
        let mut odd = scores.clone();
        odd.iter_mut().step_by(5).for_each(|score| *score = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0][rng.next() as usize % 4]);
        for kernel in Kernel::available() {
            let mut out = vec![3f32; n];
            kernel.coarse_scores(&sums, offset, unit, &scales, &less, &mut out);
            assert_eq!(out, scores, "{} {n}", kernel.name());
            for columns in [1, 7, 16, 33] {
                let mut most = vec![-1f32; columns];
                kernel.column_maxima(&scores, &mut most);
                let column = |at: usize| scores.iter().skip(at).step_by(columns).copied().fold(-1f32, f32::max);
                assert_eq!(most, (0..columns).map(column).collect::<Vec<_>>(), "{} {n}", kernel.name());
            }
            // Every value is a bound once: what equals it reaches it.
            for bound in odd.iter().copied().chain([f32::NEG_INFINITY, 0.0, f32::INFINITY]) {
                let mut places = vec![u32::MAX; n];
                let found = kernel.at_least(&odd, bound, &mut places);
                let want: Vec<u32> = (0..n as u32).filter(|&at| odd[at as usize] >= bound).collect();
                assert_eq!(places[..found], want, "{} {n} {bound}", kernel.name());
            }
        }
    }
}

#[test]
fn tables_have_one_order() {
    let mut rng = Rng(4);
    for bounds in [vec![0, 1], vec![0, 2, 4, 6], vec![0, 3, 5, 9, 9], (0..=50).map(|j| j * 2).collect::<Vec<u32>>()] {
        let (m, dim) = (bounds.len() - 1, *bounds.last().unwrap() as usize);
        tables_of::<16>(&mut rng, &bounds, m, dim);
        tables_of::<256>(&mut rng, &bounds, m, dim);
    }
}

fn tables_of<const W: usize>(rng: &mut Rng, bounds: &[u32], m: usize, dim: usize) {
    let (q, columns) = (rng.floats(dim), rng.floats(dim * W));
    let (mut want, mut low) = (vec![0f32; m * W], vec![0f32; m]);
    SCALAR.table::<W>(&q, &columns, bounds, &mut want);
    for (at, entry) in want.iter().enumerate() {
        let part = bounds[at / W] as usize..bounds[at / W + 1] as usize;
        let exact: f64 = part.map(|d| f64::from(q[d]) * f64::from(columns[d * W + at % W])).sum();
        assert!((exact - f64::from(*entry)).abs() < 1e-4);
    }
    let widest = SCALAR.ranges::<W>(&want, &mut low);
    let mut bytes = vec![[9u8; W]; m + 1];
    let rounding = Rounding { inverse: 127.0 / widest, add: 0.5, most: 127 };
    SCALAR.quantise::<W>(&want, &low, rounding, &mut bytes);
    assert_eq!(bytes[m], [9; W]);
    assert!(m == 0 || widest == 0.0 || bytes.iter().flatten().any(|&b| b == 127));
    assert!(bytes[..m].iter().flatten().all(|&b| b <= 127));
    for kernel in others() {
        let (mut table, mut least, mut out) = (vec![1f32; m * W], vec![1f32; m], vec![[9u8; W]; m + 1]);
        kernel.table::<W>(&q, &columns, bounds, &mut table);
        assert_eq!(table.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), want.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        assert_eq!(kernel.ranges::<W>(&table, &mut least).to_bits(), widest.to_bits());
        assert_eq!(least, low);
        kernel.quantise::<W>(&table, &least, rounding, &mut out);
        assert_eq!(out, bytes);
        // What is not a number ends somewhere in range, the same everywhere.
        let odd: Vec<f32> = (0..W * 4).map(|i| [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX][i / W]).collect();
        let (mut a, mut b) = (vec![[0; W]; 4], vec![[0; W]; 4]);
        let rounding = Rounding { inverse: 1.0, add: 0.5, most: 31 };
        SCALAR.quantise::<W>(&odd, &[0.0; 4], rounding, &mut a);
        kernel.quantise::<W>(&odd, &[0.0; 4], rounding, &mut b);
        assert_eq!(a, b);
    }
}

#[test]
fn scans_find_the_same_codes() {
    let mut rng = Rng(5);
    for m in [1usize, 2, 3, 4, 5, 8, 15, 16, 17, 50, 63, 64, 96, 255, 256] {
        for blocks in [0usize, 1, 2, 3, 5, 9] {
            let rows = m.div_ceil(2);
            let (hi, lo) = (rng.lines(blocks * rows), rng.lines(blocks * rows));
            let full = rng.next().is_multiple_of(4);
            let entry = |rng: &mut Rng, most: u8| if full { most } else { (rng.next() % (u64::from(most) + 1)) as u8 };
            let mut small: Vec<[u8; 16]> = (0..2 * rows).map(|_| std::array::from_fn(|_| entry(&mut rng, FILTER_MAX))).collect();
            let mut large: Vec<[u8; 256]> = (0..2 * rows).map(|_| std::array::from_fn(|_| entry(&mut rng, EXACT_MAX))).collect();
            if m % 2 == 1 {
                small[m] = [0; 16];
                large[m] = [0; 256];
            }
            let values: Vec<u16> = (0..blocks * BLOCK).map(|_| rng.next() as u16).collect();
            for offsets in [None, Some(Offsets { values: &values, weight: rng.next() as u16 % 32_768 })] {
                // Thresholds that some sum just reaches and just misses, too.
                let mut reached = Collect::default();
                SCALAR.filter(FilterTask { codes: &hi, fetched: 0, next: &[], tables: &small, offsets, threshold: 0 }, &mut reached);
                let most = reached.found.iter().flat_map(|f| &f.2).copied().max().unwrap_or(0);
                SCALAR.exact(ExactTask { hi: &hi, lo: &lo, tables: &large, offsets, threshold: 0 }, &mut reached);
                let most_exact = reached.found.iter().flat_map(|f| &f.2).copied().max().unwrap_or(0);
                let fixed = [0u16, (m * 15) as u16, (m * 17) as u16, (m * 60) as u16, (m * 70) as u16, 40_000, u16::MAX];
                for threshold in fixed.into_iter().chain([most, most + 1, most_exact, most_exact + 1]) {
                    let raise = threshold.saturating_add(7);
                    let (mut a, mut b) = (Collect { raise, ..Collect::default() }, Collect { raise, ..Collect::default() });
                    let filter = FilterTask { codes: &hi, fetched: rows, next: &lo[..lo.len() / 2], tables: &small, offsets, threshold };
                    let exact = ExactTask { hi: &hi, lo: &lo, tables: &large, offsets, threshold };
                    SCALAR.filter(filter, &mut a);
                    SCALAR.exact(exact, &mut b);
                    if threshold == 0 {
                        assert_eq!(a.found.len(), blocks);
                        check_sums(&a, &b, &hi, &lo, &small, &large, offsets);
                    }
                    for kernel in others() {
                        let (mut c, mut d) = (Collect { raise, ..Collect::default() }, Collect { raise, ..Collect::default() });
                        kernel.filter(filter, &mut c);
                        kernel.exact(exact, &mut d);
                        assert_eq!(a, c, "filter {} m {m} blocks {blocks} threshold {threshold}", kernel.name());
                        assert_eq!(b, d, "exact {} m {m} blocks {blocks} threshold {threshold}", kernel.name());
                    }
                }
            }
        }
    }
}

fn check_sums(a: &Collect, b: &Collect, hi: &[Line], lo: &[Line], small: &[[u8; 16]], large: &[[u8; 256]], offsets: Option<Offsets<'_>>) {
    let rows = small.len() / 2;
    for ((block, _, sums), (_, _, exact)) in a.found.iter().zip(&b.found) {
        for lane in 0..BLOCK {
            let (mut filter_sum, mut exact_sum) = (0u32, 0u32);
            for j in 0..2 * rows {
                let nibble = |plane: &[Line]| usize::from(plane[block * rows + j / 2].0[lane] >> (4 * (j % 2)) & 15);
                filter_sum += u32::from(small[j][nibble(hi)]);
                exact_sum += u32::from(large[j][16 * nibble(hi) + nibble(lo)]);
            }
            let more = offsets.map_or(0, |o| (u32::from(o.values[block * BLOCK + lane]) * u32::from(o.weight)) >> 16);
            assert_eq!(u32::from(sums[lane]), filter_sum + more);
            assert_eq!(u32::from(exact[lane]), exact_sum + more);
        }
    }
}

#[test]
fn tiles_of_queries_give_the_products_of_bytes() {
    let mut rng = Rng(9);
    for dim in DIMS {
        for (count, gap, after) in
            [(0, 0, 0), (1, 0, 0), (1, 3, 200), (7, 4, 0), (15, 0, 64), (16, 4, 5), (17, 8, 0), (64, 4, 1000), (131, 1, 0)]
        {
            let stride = dim + gap;
            let length = if count == 0 { after } else { (count - 1) * stride + dim + after };
            let extreme = rng.next().is_multiple_of(3);
            let byte = |rng: &mut Rng| if extreme { [0x80, 0x7f][rng.next() as usize % 2] } else { rng.next() as u8 };
            let bytes: Vec<u8> = (0..length).map(|_| byte(&mut rng)).collect();
            let queries: Vec<Vec<i8>> = (0..TILE).map(|_| (0..dim).map(|_| byte(&mut rng) as i8).collect()).collect();
            let mut tile = QueryTile::new(dim);
            // What stood there before leaves nothing.
            tile.set(3, &vec![-5; dim]);
            queries.iter().enumerate().for_each(|(place, query)| tile.set(place, query));
            tile.clear(5);
            let rows = ByteRows { bytes: &bytes, stride, count };
            for kernel in Kernel::available() {
                let mut products = vec![[7i32; TILE]; count];
                kernel.tile_products(&tile, rows, &mut products);
                for (row, products) in products.iter().enumerate() {
                    for (place, query) in queries.iter().enumerate() {
                        let values = bytes[row * stride..][..dim].iter().zip(query);
                        let product: i32 = values.map(|(&x, &q)| i32::from(x as i8) * i32::from(q)).sum();
                        let product = if place == 5 { 0 } else { product };
                        assert_eq!(products[place], product, "{} dim {dim} row {row} of {count} query {place}", kernel.name());
                    }
                }
            }
        }
    }
}

#[test]
fn scores_of_tiles_are_the_same_everywhere() {
    let mut rng = Rng(10);
    for count in [0usize, 1, 5, 16, 33] {
        let products: Vec<[i32; TILE]> = (0..count).map(|_| std::array::from_fn(|_| rng.next() as i32 >> 9)).collect();
        let mut scales = rng.floats(count);
        if let Some(first) = scales.first_mut() {
            *first = f32::MAX;
        }
        let (less, mut weights, floors) = (rng.floats(count), [0.5f32; TILE], std::array::from_fn(|_| 1e5 * rng.float()));
        weights[2] = f32::INFINITY;
        for less in [&less[..], &[]] {
            let by = TileScores { scales: &scales, less, weights: &weights, floors: &floors };
            let run = |kernel: Kernel| {
                let (mut scores, mut reached) = (vec![[0f32; TILE]; count], vec![0u16; count]);
                kernel.tile_scores(by, &products, &mut scores, &mut reached);
                (
                    scores
                        .as_flattened()
                        .iter()
                        .map(|score| score.to_bits() & if score.is_nan() { 0 } else { u32::MAX })
                        .collect::<Vec<_>>(),
                    reached,
                )
            };
            let expected = run(SCALAR);
            for kernel in others() {
                assert_eq!(run(kernel), expected, "{}", kernel.name());
            }
        }
    }
}
