//! A single row with several panels side by side: one panel alone would wait for its own additions.

use super::blocked::{self, PANEL, Tile};

/// Panels that go side by side past a single row.
pub(super) const ABREAST: usize = 4;

/// One row with panels side by side.
pub(super) struct Stripe<'a> {
    pub(super) row: &'a [f32],
    /// [`ABREAST`] panels, each as long as the row.
    pub(super) panels: &'a [[f32; PANEL]],
    pub(super) out: &'a mut [[f32; PANEL]; ABREAST],
}

/// A stripe in plain loops.
pub(super) fn plain_stripe(stripe: Stripe<'_>) {
    let Stripe { row, panels, out } = stripe;
    for (panel, out) in panels.chunks_exact(row.len()).zip(out) {
        blocked::plain(Tile { rows: row, panel, out: std::slice::from_mut(out) });
    }
}

/// The stripe of a path: `$width` registers of `$lanes` lanes a panel, `$group` panels at a time.
macro_rules! striped {
    ($features:literal, $group:literal, $width:literal, $lanes:literal, $vector:ty, $zero:expr, $splat:path, $load:path, $store:path, $fma:path) => {
        #[target_feature(enable = $features)]
        pub(crate) fn stripe(stripe: Stripe<'_>) {
            let Stripe { row, panels, out } = stripe;
            let long = row.len();
            assert!(long > 0 && panels.len() == ABREAST * long, "panels of another length");
            for (panels, out) in panels.chunks_exact($group * long).zip(out.as_chunks_mut::<$group>().0) {
                let mut sums: [[$vector; $width]; $group] = [[$zero; $width]; $group];
                for (at, &x) in row.iter().enumerate() {
                    let x = $splat(x);
                    for (panel, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: a chunk holds $group panels of `long` lines of PANEL = $width * $lanes values.
                        let line = unsafe { panels.get_unchecked(panel * long + at) }.as_ptr();
                        for (register, sum) in sums.iter_mut().enumerate() {
                            // SAFETY: as above.
                            *sum = $fma(x, unsafe { $load(line.add(register * $lanes)) }, *sum);
                        }
                    }
                }
                for (out, sums) in out.iter_mut().zip(&sums) {
                    for (register, &sum) in sums.iter().enumerate() {
                        // SAFETY: a line has PANEL values.
                        unsafe { $store(out.as_mut_ptr().add(register * $lanes), sum) };
                    }
                }
            }
        }
    };
}
pub(super) use striped;
