//! What are the sizes of a convolution?

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
    /// Whether each output meets the input of the same index and no other.
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
    /// A size of each axis. (Not by `map`, which is a lot of code in each of its instances.)
    #[inline(always)]
    fn sizes(&self, of: fn(&Axis) -> usize) -> [usize; 3] {
        let [a, b, c] = &self.axes;
        [of(a), of(b), of(c)]
    }
    /// Input elements of a channel.
    pub fn input(&self) -> usize {
        product(self.sizes(|a| a.input))
    }
    /// Output elements of a channel.
    pub fn output(&self) -> usize {
        product(self.sizes(|a| a.output))
    }
    /// Taps of a kernel.
    pub fn taps(&self) -> usize {
        product(self.sizes(|a| a.kernel))
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
    /// The index of tap `k` along each axis.
    #[inline(always)]
    pub fn tap(&self, k: usize) -> [usize; 3] {
        let [_, b, c] = self.sizes(|a| a.kernel);
        [k / (b * c), k / c % b, k % c]
    }
    /// The rows of outputs that meet a tap inside the input.
    #[inline]
    pub fn met(&self, tap: [usize; 3]) -> Met {
        let [a, b, c] = &self.axes;
        let ((planes, i0), (lines, i1), (row, i2)) = (a.met(tap[0]), b.met(tap[1]), c.met(tap[2]));
        Met {
            planes: if row.is_empty() { 0 } else { planes.len() },
            lines: lines.len(),
            len: row.len(),
            output: ((planes.start * b.output + lines.start) * c.output + row.start, b.output * c.output, c.output),
            input: ((i0 * b.input + i1) * c.input + i2, a.stride * b.input * c.input, b.stride * c.input),
        }
    }
}

/// Rows of outputs that meet a tap inside the input: `planes` times `lines`, of `len` outputs each.
pub struct Met {
    pub planes: usize,
    pub lines: usize,
    pub len: usize,
    /// The place of the first row, and the distances of neighbouring planes and of neighbouring lines.
    output: (usize, usize, usize),
    input: (usize, usize, usize),
}

impl Met {
    /// The first place of a row in the output, and the input that it meets; the next inputs are a stride of the last axis apart.
    #[inline(always)]
    pub fn at(&self, plane: usize, line: usize) -> (usize, usize) {
        let place = |(first, planes, lines): (usize, usize, usize)| first + plane * planes + line * lines;
        (place(self.output), place(self.input))
    }
}

/// The product of sizes, saturating. (Sizes of arrays are checked where the op is recorded, but the number of operations is not.)
pub fn product<const N: usize>(sizes: [usize; N]) -> usize {
    sizes.into_iter().fold(1, usize::saturating_mul)
}

/// Multiply-adds from which a thread of its own pays.
pub const GRAIN: usize = 64 * 1024;

/// The number of elements of a part for a thread, where each `size` elements take `work` multiply-adds together.
pub fn grain(size: usize, work: usize) -> usize {
    size * (GRAIN / work.max(1)).max(1)
}
