//! A tile of products: a few rows with a panel of rows. A tile of a path is plain loops, or registers of it. Also what else a path
//! instantiates of its own: loops of others, compiled for it.

/// Rows of `b` in a panel.
pub(super) const PANEL: usize = 32;

/// Some rows of `a` with a panel of `b`.
pub(super) struct Tile<'a> {
    /// For each dimension the values of the tile's rows, as many as the path takes together.
    pub(super) rows: &'a [f32],
    /// For each dimension the values of the panel's rows.
    pub(super) panel: &'a [[f32; PANEL]],
    /// The products, a line for each row of the tile.
    pub(super) out: &'a mut [[f32; PANEL]],
}

/// Some rows with a panel, neither of them packed: products that are long or few, of which packing would be a large part.
pub(super) struct Strided<'a> {
    /// Value `k` of row `i` stands at `i * row + k * step`.
    pub(super) rows: &'a [f32],
    pub(super) row: usize,
    pub(super) step: usize,
    /// Dimensions.
    pub(super) depth: usize,
    /// Values of dimension `k` begin at `k * line`.
    pub(super) panel: &'a [f32],
    pub(super) line: usize,
    /// Products of row `i` begin at `i * out_line`.
    pub(super) out: &'a mut [f32],
    pub(super) out_line: usize,
    /// Whether the products are added to what stands there.
    pub(super) add: bool,
}

impl Strided<'_> {
    /// Whether everything that `height` rows touch is there.
    pub(super) fn fits(&self, height: usize) -> bool {
        let last = |count: usize, stride: usize| (count - 1).checked_mul(stride);
        let within = |from: Option<usize>, width: usize, length: usize| {
            from.and_then(|from| from.checked_add(width)).is_some_and(|end| end <= length)
        };
        let rows = last(height, self.row).zip(last(self.depth.max(1), self.step)).and_then(|(a, b)| a.checked_add(b));
        self.depth > 0
            && within(rows, 1, self.rows.len())
            && within(last(self.depth, self.line), PANEL, self.panel.len())
            && within(last(height, self.out_line), PANEL, self.out.len())
    }
}

/// Rows with a panel, in plain loops.
pub(super) fn plain_strided<const H: usize>(task: Strided<'_>) {
    assert!(task.fits(H), "rows, panel or products of another size");
    for i in 0..H {
        let mut sums = [0f32; PANEL];
        for k in 0..task.depth {
            let x = task.rows[i * task.row + k * task.step];
            for (sum, &y) in sums.iter_mut().zip(&task.panel[k * task.line..]) {
                *sum = x.mul_add(y, *sum);
            }
        }
        for (out, sum) in task.out[i * task.out_line..].iter_mut().zip(sums) {
            *out = if task.add { *out + sum } else { sum };
        }
    }
}

/// A tile of one row, in plain loops.
pub(super) fn plain(tile: Tile<'_>) {
    let Tile { rows, panel, out } = tile;
    for out in out {
        *out = [0.0; PANEL];
        for (&x, values) in rows.iter().zip(panel) {
            for (sum, &y) in out.iter_mut().zip(values) {
                *sum = x.mul_add(y, *sum);
            }
        }
    }
}

/// The tile of a path: `$height` rows by `$width` registers of `$lanes` lanes at a time.
macro_rules! tiled {
    ($features:literal, $height:literal, $width:literal, $lanes:literal, $vector:ty, $zero:expr, $splat:path, $load:path, $store:path, $fma:path, $add:path) => {
        #[target_feature(enable = $features)]
        pub(crate) fn looped<L: crate::Loop>(work: L) -> L::Output {
            work.run()
        }

        #[target_feature(enable = $features)]
        pub(crate) fn strided<const H: usize>(task: crate::blocked::Strided<'_>) {
            // Rows that stand side by side are found at constant places.
            if task.row == 1 { strided_by::<H, true>(task) } else { strided_by::<H, false>(task) }
        }

        #[target_feature(enable = $features)]
        fn strided_by<const H: usize, const SIDE_BY_SIDE: bool>(task: crate::blocked::Strided<'_>) {
            const COLUMNS: usize = $width * $lanes;
            assert!(task.fits(H), "rows, panel or products of another size");
            let row = if SIDE_BY_SIDE { 1 } else { task.row };
            for first in (0..PANEL).step_by(COLUMNS) {
                let mut sums: [[$vector; $width]; H] = [[$zero; $width]; H];
                for k in 0..task.depth {
                    // SAFETY: `fits` says that PANEL values, a multiple of COLUMNS, begin at every `k * line`.
                    let values: [$vector; $width] =
                        std::array::from_fn(|at| unsafe { $load(task.panel.as_ptr().add(k * task.line + first + at * $lanes)) });
                    for (i, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: `fits` says that value `k` of row `i` is there.
                        let x = $splat(unsafe { *task.rows.as_ptr().add(i * row + k * task.step) });
                        for (sum, &value) in sums.iter_mut().zip(&values) {
                            *sum = $fma(x, value, *sum);
                        }
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    for (at, &sum) in sums.iter().enumerate() {
                        // SAFETY: `fits` says that PANEL products begin at every `i * out_line`.
                        unsafe {
                            let out = task.out.as_mut_ptr().add(i * task.out_line + first + at * $lanes);
                            let sum = if task.add { $add($load(out), sum) } else { sum };
                            $store(out, sum);
                        }
                    }
                }
            }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn tile(tile: Tile<'_>) {
            const COLUMNS: usize = $width * $lanes;
            let Tile { rows, panel, out } = tile;
            assert!(rows.len() == panel.len() * $height && out.len() == $height, "a tile of another size");
            for first in (0..PANEL).step_by(COLUMNS) {
                let mut sums: [[$vector; $width]; $height] = [[$zero; $width]; $height];
                for (rows, values) in rows.as_chunks::<$height>().0.iter().zip(panel) {
                    // SAFETY: a line of the panel holds PANEL values, a multiple of COLUMNS.
                    let values: [$vector; $width] = std::array::from_fn(|at| unsafe { $load(values.as_ptr().add(first + at * $lanes)) });
                    for (&x, sums) in rows.iter().zip(&mut sums) {
                        let x = $splat(x);
                        for (sum, &value) in sums.iter_mut().zip(&values) {
                            *sum = $fma(x, value, *sum);
                        }
                    }
                }
                for (out, sums) in out.iter_mut().zip(&sums) {
                    for (at, &sum) in sums.iter().enumerate() {
                        // SAFETY: as above.
                        unsafe { $store(out.as_mut_ptr().add(first + at * $lanes), sum) };
                    }
                }
            }
        }
    };
}
pub(super) use tiled;
