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

/// A tile in plain loops.
pub(super) fn plain(tile: Tile<'_>) {
    let Tile { rows, panel, out } = tile;
    let height = out.len();
    for (row, out) in out.iter_mut().enumerate() {
        *out = [0.0; PANEL];
        for (rows, values) in rows.chunks_exact(height).zip(panel) {
            for (sum, &y) in out.iter_mut().zip(values) {
                *sum = rows[row].mul_add(y, *sum);
            }
        }
    }
}

/// The tile of a path: `$height` rows by `$width` registers of `$lanes` lanes at a time.
macro_rules! tiled {
    ($name:ident, $features:literal, $height:literal, $width:literal, $lanes:literal, $vector:ty, $zero:expr, $splat:path, $load:path, $store:path, $fma:path) => {
        #[target_feature(enable = $features)]
        pub(crate) fn $name(tile: Tile<'_>) {
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
