//! What all operators of this folder read: tensors as they lie in the runtime, and the kernel.

use std::sync::LazyLock;

use crate::kernel::Kernel;

/// The fastest path of this CPU; every path gives the same bits.
pub(super) static KERNEL: LazyLock<Kernel> = LazyLock::new(Kernel::detect);

/// A tensor as it lies in the runtime, row-major: f32, or i64 where indices or axes are an input.
#[derive(Clone, Copy, Default)]
pub(in crate::tower) struct View<'a> {
    pub(in crate::tower) shape: &'a [usize],
    pub(in crate::tower) data: &'a [f32],
    pub(in crate::tower) whole: &'a [i64],
}

/// The inputs of a node, by place.
pub(in crate::tower) type Views<'a> = [Option<View<'a>>];
