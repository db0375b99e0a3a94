//! Loops of others, compiled once for each path.

/// Work that a [`Kernel`](crate::Kernel) runs with its path's instructions: plain loops over slices, which the compiler vectorises.
///
/// `run` has to be `#[inline(always)]`, as all that it calls, or it is compiled for the least of CPUs. The compiler changes no order of
/// additions, so every path gives the same bits, provided that products are added by `f32::mul_add` or not at all fused.
pub trait Loop {
    /// What comes of it.
    type Output;

    /// The loops.
    fn run(self) -> Self::Output;
}
