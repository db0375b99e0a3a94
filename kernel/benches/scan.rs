//! Speed of the kernels: `cargo bench -p torre-kernel`. Each is checked against the scalar path before it is timed.
//!
//! Sizes are of the bytes that a scan reads: 256 kB stays in the second-level cache, 8 MB in the third, 256 MB in neither. Beside
//! each stands a plain read of the same bytes. Cycles are those of a chain of dependent multiplications, three a step.
//! `TORRE_KERNEL=scalar` (avx2, avx512, neon) forces a path.
#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::time::Instant;

use torre_kernel::{BLOCK, EXACT_MAX, ExactTask, FILTER_MAX, FilterTask, IntQuery, Kernel, Line, Lines, Rounding, Sink};

/// Keeps nothing, and lets no later block through.
struct Nothing;

impl Sink for Nothing {
    fn survivors(&mut self, _block: usize, _lanes: u64, _sums: &[u16; BLOCK]) -> u16 {
        u16::MAX
    }
}

/// Keeps everything.
#[derive(Default, PartialEq)]
struct All(Vec<u16>);

impl Sink for All {
    fn survivors(&mut self, _block: usize, _lanes: u64, sums: &[u16; BLOCK]) -> u16 {
        self.0.extend(sums);
        0
    }
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 32
    }

    fn lines(&mut self, count: usize) -> Lines {
        let mut lines = Lines::zeros(count);
        for bytes in lines.bytes_mut().as_chunks_mut::<4>().0 {
            *bytes = (self.next() as u32).to_le_bytes();
        }
        lines
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next() as f32 / (1u64 << 31) as f32 - 1.0).collect()
    }
}

/// Median time of a call, in ns, over about a tenth of a second.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let once = start.elapsed().as_secs_f64().max(1e-8);
    let calls = ((0.01 / once) as usize).max(1);
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() / calls as f64 * 1e9
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[4]
}

fn read(lines: &[Line]) -> u64 {
    let mut sums = [0u64; 8];
    for line in lines {
        for (sum, word) in sums.iter_mut().zip(line.0.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.iter().fold(0, |a, b| a ^ b)
}

fn main() {
    let kernel = match std::env::var("TORRE_KERNEL") {
        Ok(name) => Kernel::by_name(&name).unwrap_or_else(|| panic!("this CPU has no path {name}")),
        Err(_) => Kernel::detect(),
    };
    let scalar = Kernel::by_name("scalar").expect("the scalar path is always there");
    let step = time(|| {
        let mut x = black_box(3u64);
        for i in 0..10_000u64 {
            x = x.wrapping_mul(x | i);
        }
        black_box(x);
    });
    // A step is an `or` and a multiplication: 1 + 3 cycles.
    let cycle = step / 40_000.0;
    println!("path {}, {:.2} GHz", kernel.name(), 1.0 / cycle);
    scans(kernel, scalar, cycle);
    coarse(kernel, scalar);
    tables(kernel, scalar);
    products(kernel);
}

fn scans(kernel: Kernel, scalar: Kernel, cycle: f64) {
    println!("{:8} {:>4} {:>8} {:>10} {:>15} {:>8} {:>12}", "scan", "m", "MB", "ns/code", "lookups/cycle", "GB/s", "read GB/s");
    let mut rng = Rng(1);
    let (hi, lo) = (rng.lines(4 << 20), rng.lines(4 << 20));
    for m in [8usize, 16, 32, 50, 64, 96, 128, 256] {
        let height = m.div_ceil(2);
        let small: Vec<[u8; 16]> = (0..2 * height).map(|_| std::array::from_fn(|_| rng.next() as u8 % (FILTER_MAX + 1))).collect();
        let large: Vec<[u8; 256]> = (0..2 * height).map(|_| std::array::from_fn(|_| rng.next() as u8 % (EXACT_MAX + 1))).collect();
        let filter = |lines, threshold| FilterTask { codes: lines, fetched: 0, next: &[], tables: &small, offsets: None, threshold };
        let exact = |hi, lo, threshold| ExactTask { hi, lo, tables: &large, offsets: None, threshold };
        let (mut a, mut b, mut c, mut d) = (All::default(), All::default(), All::default(), All::default());
        kernel.filter(filter(&hi[..7 * height], 0), &mut a);
        scalar.filter(filter(&hi[..7 * height], 0), &mut b);
        kernel.exact(exact(&hi[..7 * height], &lo[..7 * height], 0), &mut c);
        scalar.exact(exact(&hi[..7 * height], &lo[..7 * height], 0), &mut d);
        assert!(a == b && c == d, "m {m}: not what the scalar path says");
        for bytes in [256usize << 10, 8 << 20, 256 << 20] {
            let blocks = bytes / 64 / height;
            let lines = &hi[..blocks * height];
            let plain = time(|| _ = black_box(read(black_box(lines))));
            let scan = time(|| _ = kernel.filter(filter(black_box(lines), u16::MAX), &mut Nothing));
            row("filter", m, blocks, bytes, scan, plain, cycle);
            let lists = Visits::new(&mut rng, blocks, height);
            let scan = time(|| lists.scan(kernel, black_box(lines), filter(&[], u16::MAX)));
            row("lists", m, lists.order.len() * Visits::BLOCKS, lists.order.len() * Visits::BLOCKS * height * 64, scan, plain, cycle);
            // The exact scan reads two planes: half as many codes are as many bytes.
            let blocks = blocks / 2;
            let (hi, lo) = (&hi[..blocks * height], &lo[..blocks * height]);
            if m == 50 || m == 96 {
                let plain = time(|| _ = black_box(read(black_box(hi)) ^ read(black_box(lo))));
                let scan = time(|| kernel.exact(exact(black_box(hi), lo, u16::MAX), &mut Nothing));
                row("exact", m, blocks, bytes, scan, plain, cycle);
            }
        }
    }
}

/// Lists of 512 codes, visited in no order, as queries do: each is asked for while the one before is scanned.
struct Visits {
    /// First lines.
    order: Vec<usize>,
    length: usize,
}

impl Visits {
    const BLOCKS: usize = 8;

    fn new(rng: &mut Rng, blocks: usize, height: usize) -> Self {
        let length = Self::BLOCKS * height;
        let mut order: Vec<usize> = (0..blocks / Self::BLOCKS).map(|list| list * length).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, rng.next() as usize % (at + 1));
        }
        Self { order, length }
    }

    fn scan(&self, kernel: Kernel, lines: &[Line], task: FilterTask<'_>) {
        let mut fetched = 0;
        for (at, &start) in self.order.iter().enumerate() {
            let next = self.order.get(at + 1).map_or(&[][..], |&next| &lines[next..next + self.length]);
            fetched = kernel.filter(FilterTask { codes: &lines[start..start + self.length], fetched, next, ..task }, &mut Nothing);
        }
    }
}

fn row(name: &str, m: usize, blocks: usize, bytes: usize, scan: f64, plain: f64, cycle: f64) {
    let codes = (blocks * BLOCK) as f64;
    let (speed, reading) = (bytes as f64 / scan, bytes as f64 / plain);
    let lookups = codes * m as f64 / (scan / cycle);
    println!("{name:8} {m:4} {:8.2} {:10.3} {lookups:15.1} {speed:8.1} {reading:12.1}", bytes as f64 / 1e6, scan / codes);
}

fn coarse(kernel: Kernel, scalar: Kernel) {
    let (lists, dim) = (4096, 128);
    let mut rng = Rng(2);
    let blocks = rng.lines(lists / 16 * dim / 4);
    let query: Vec<i8> = (0..dim).map(|_| (rng.next() % 129) as i64 as i8).map(|x| x.clamp(-64, 64)).collect();
    let (mut sums, mut want) = (vec![0i32; lists], vec![0i32; lists]);
    kernel.coarse(&query, &blocks, &mut sums);
    scalar.coarse(&query, &blocks, &mut want);
    assert!(sums == want, "coarse: not what the scalar path says");
    let (centroids, floats, mut out) = (rng.floats(lists * dim), rng.floats(dim), vec![0f32; lists]);
    let integers = time(|| kernel.coarse(black_box(&query), &blocks, &mut sums));
    let one_by_one = time(|| {
        for (row, out) in centroids.chunks_exact(dim).zip(&mut out) {
            *out = kernel.dot(black_box(&floats), row);
        }
    });
    println!("coarse {lists} x {dim}: integers {:.1} us, f32 one by one {:.1} us", integers / 1e3, one_by_one / 1e3);
}

fn tables(kernel: Kernel, scalar: Kernel) {
    for (dim, m) in [(100, 50), (128, 64), (384, 96)] {
        table::<16>(kernel, scalar, dim, m, FILTER_MAX);
        table::<256>(kernel, scalar, dim, m, EXACT_MAX);
    }
}

fn table<const W: usize>(kernel: Kernel, scalar: Kernel, dim: usize, m: usize, most: u8) {
    let mut rng = Rng(3);
    let bounds: Vec<u32> = (0..=m).map(|j| (j * dim / m) as u32).collect();
    let (query, columns) = (rng.floats(dim), rng.floats(dim * W));
    let (mut floats, mut low, mut bytes) = (vec![0f32; m * W], vec![0f32; m], vec![[0u8; W]; m]);
    let mut build = |kernel: Kernel| {
        kernel.table::<W>(black_box(&query), &columns, &bounds, &mut floats);
        let widest = kernel.ranges::<W>(&floats, &mut low);
        kernel.quantise::<W>(&floats, &low, Rounding { inverse: f32::from(most) / widest, add: 0.5, most }, &mut bytes);
        bytes.as_flattened().iter().map(|&b| u64::from(b)).sum::<u64>()
    };
    assert_eq!(build(kernel), build(scalar), "tables: not what the scalar path says");
    let built = time(|| _ = black_box(build(kernel)));
    println!("tables of {W:3} entries, dim {dim}, m {m}: {:.2} us", built / 1e3);
}

/// Products of a query with rows that lie in the first-level cache, as the refine step makes them, beside those of simsimd: the fastest of
/// the libraries, whose order of additions depends on the CPU.
fn products(kernel: Kernel) {
    use simsimd::SpatialSimilarity;
    const ROWS: usize = 16;
    for dim in [100usize, 128, 384] {
        let mut rng = Rng(4);
        let (query, rows) = (rng.floats(dim), rng.floats(dim * ROWS));
        let halves: Vec<half::f16> = rows.iter().map(|&x| half::f16::from_f32(x)).collect();
        let bytes: Vec<u8> = halves.iter().flat_map(|x| x.to_le_bytes()).collect();
        let half_query: Vec<half::f16> = query.iter().map(|&x| half::f16::from_f32(x)).collect();
        let as_theirs = |values: &[half::f16]| values.iter().map(|x| simsimd::f16(x.to_bits())).collect::<Vec<_>>();
        let (their_query, theirs) = (as_theirs(&half_query), as_theirs(&halves));
        let ints: Vec<u8> = (0..dim * ROWS).map(|_| rng.next() as u8).collect();
        let (int_query, their_ints): (Vec<i8>, Vec<i8>) =
            ((0..dim).map(|_| rng.next() as i8).collect(), ints.iter().map(|&x| x as i8).collect());
        let mut int = IntQuery::default();
        int.set(&query);
        let each = |total: f64| total / ROWS as f64;
        let ours = [
            each(time(|| rows.chunks_exact(dim).for_each(|row| _ = black_box(kernel.dot(black_box(&query), row))))),
            each(time(|| bytes.chunks_exact(2 * dim).for_each(|row| _ = black_box(kernel.dot_f16(black_box(&query), row))))),
            each(time(|| ints.chunks_exact(dim).for_each(|row| _ = black_box(kernel.dot_i8(black_box(&int), row))))),
        ];
        let simsimd = [
            each(time(|| rows.chunks_exact(dim).for_each(|row| _ = black_box(f32::dot(black_box(&query), row))))),
            each(time(|| theirs.chunks_exact(dim).for_each(|row| _ = black_box(simsimd::f16::dot(black_box(&their_query), row))))),
            each(time(|| their_ints.chunks_exact(dim).for_each(|row| _ = black_box(i8::dot(black_box(&int_query), row))))),
        ];
        for ((name, ours), simsimd) in ["f32", "f16", "int8"].iter().zip(ours).zip(simsimd) {
            println!("product of {dim:3} {name}: {ours:.1} ns, simsimd {simsimd:.1} ns");
        }
        let (plain, other) = (f64::from(kernel.dot(&query, &rows[..dim])), f32::dot(&query, &rows[..dim]).unwrap_or(f64::NAN));
        assert!((plain - other).abs() < 1e-3, "product: not what simsimd says");
    }
}
