//! Which sizes does a convolution have?

use std::ops::Range;

/// One spatial axis: output `o` and tap `k` meet input `o * stride + k * dilation - before`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub input: usize,
    pub kernel: usize,
    pub output: usize,
    pub stride: usize,
    pub dilation: usize,
    pub before: usize,
}

impl Axis {
    /// An axis along which nothing happens.
    pub const NONE: Axis = Axis { input: 1, kernel: 1, output: 1, stride: 1, dilation: 1, before: 0 };

    /// The outputs for which tap `k` lies inside the input, and the input that the first of them meets.
    #[inline]
    pub fn met(&self, k: usize) -> (Range<usize>, usize) {
        let shift = k * self.dilation;
        let first = self.before.saturating_sub(shift).div_ceil(self.stride);
        // Input `input - 1` is the last that may be met.
        let end = match (self.input + self.before).checked_sub(shift + 1) {
            Some(reach) => (reach / self.stride + 1).min(self.output),
            None => 0,
        };
        if first >= end { (0..0, 0) } else { (first..end, first * self.stride + shift - self.before) }
    }
    /// Whether each output meets the input of the same number and no other.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.before == 0 && self.output == self.input
    }
}

/// All sizes of a convolution: x is `[batch, groups * channels, input..]`, w `[groups * filters, channels, kernel..]` and
/// y `[batch, groups * filters, output..]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub groups: usize,
    /// Input channels of a group.
    pub channels: usize,
    /// Output channels of a group.
    pub filters: usize,
    pub axes: [Axis; 3],
}

impl Geometry {
    /// Input elements of a channel.
    pub fn input(&self) -> usize {
        product(self.axes.map(|a| a.input))
    }
    /// Output elements of a channel.
    pub fn output(&self) -> usize {
        product(self.axes.map(|a| a.output))
    }
    /// Taps of a kernel.
    pub fn taps(&self) -> usize {
        product(self.axes.map(|a| a.kernel))
    }
    /// Weights of one filter: how many products make one output.
    pub fn depth(&self) -> usize {
        self.channels.saturating_mul(self.taps())
    }
    pub fn x_len(&self) -> usize {
        self.batch * self.groups * self.channels * self.input()
    }
    pub fn w_len(&self) -> usize {
        self.groups * self.filters * self.depth()
    }
    pub fn y_len(&self) -> usize {
        self.batch * self.groups * self.filters * self.output()
    }
    /// Multiply-adds for one image and group.
    pub fn work(&self) -> usize {
        product([self.filters, self.output(), self.depth()])
    }
    pub fn is_pointwise(&self) -> bool {
        self.axes.iter().all(Axis::is_pointwise)
    }
    /// Tap `k` as a number along each axis.
    #[inline(always)]
    pub fn tap(&self, k: usize) -> [usize; 3] {
        let [_, b, c] = self.axes.map(|a| a.kernel);
        [k / (b * c), k / c % b, k % c]
    }
    /// Calls `f(o, i, n)` for each row of outputs that meet a tap inside the input: n outputs from o on, the first of which
    /// meets input i; the next inputs are a stride of the last axis apart.
    #[inline(always)]
    pub fn rows(&self, tap: [usize; 3], mut f: impl FnMut(usize, usize, usize)) {
        let [a, b, c] = &self.axes;
        let ((planes, i0), (lines, i1), (row, i2)) = (a.met(tap[0]), b.met(tap[1]), c.met(tap[2]));
        if row.is_empty() {
            return;
        }
        for (p, plane) in planes.enumerate() {
            for (l, line) in lines.clone().enumerate() {
                let o = (plane * b.output + line) * c.output + row.start;
                let i = ((i0 + p * a.stride) * b.input + i1 + l * b.stride) * c.input + i2;
                f(o, i, row.len());
            }
        }
    }
}

/// The product of sizes, which is as large as a number can be if it is larger. (Sizes of arrays are checked where the op is recorded; numbers
/// of positions and of operations may be any.)
pub fn product<const N: usize>(sizes: [usize; N]) -> usize {
    sizes.into_iter().fold(1, usize::saturating_mul)
}

/// Multiply-adds from which a thread of its own pays.
pub const GRAIN: usize = 64 * 1024;

/// How many of `size` elements, each of which takes `work` multiply-adds in all, make a part for a thread.
pub fn grain(size: usize, work: usize) -> usize {
    size * (GRAIN / work.max(1)).max(1)
}
