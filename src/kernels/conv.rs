//! How is a convolution computed?
//!
//! The trilinear form behind all of it is the sum over all indices of
//!
//! ```text
//! y[n, f, o] w[f, c, k] x[n, c, o * stride + k * dilation - before]
//! ```
//!
//! where positions outside x count as zero. Its derivative by y, given x and w, is the convolution ([`output`]); that by x is the transposed
//! convolution ([`input_grad`]), and that by w is the gradient of the weight ([`weight_grad`]). o, k and the position in x have
//! three axes each; a convolution of fewer dimensions leaves the first of them at size 1.
//!
//! The same bits come out at any number of threads: work is divided by sizes alone, and every sum has a fixed order.

mod flat;
mod geometry;
mod loops;
mod lower;
mod panel;
mod pass;
mod tile;
mod weight;
mod winograd;

use crate::array::scalar::Scalar;
use crate::array::simd::Element;
use geometry::product;
use pass::Pass;
use tile::{machine, most_vectors, panels};

pub(crate) use geometry::{Axis, Geometry};
pub(crate) use lower::{col2im, im2col};

/// Which code computes a convolution. Measured on two cores of 2 x 16 multiply-adds a cycle, 519 GFLOP/s, in f32, in GFLOP/s of the
/// definition's operations, 3 x 3 taps, as winograd / flat / panel / patches: 32 images of 16 channels of 32 x 32 540 / 435 / 300 / 270,
/// of 64 channels of 8 x 8 1130 / 320 / 440 / 270, 16 images of 256 channels of 8 x 8 1220 / 320 / 470 / 410. 1 x 1 taps, where
/// patches are the image itself or a part of it: 256 to 64 channels of 8 x 8 by panels 255, as patches 463. Larger kernels between 64
/// channels, on an Intel Xeon of two cores, winograd and the fastest of the others: 7 x 7 taps, 4 images of 64 x 64 580 / 256, of 8 x 8
/// 189 / 189 (the gradient by the input 214 / 106); 5 x 5, 16 images of 16 x 16 370 / 233; 4 x 4 553 / 182.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Rows multiplied by one weight at a time: for groups of so few channels that most of a tile would be unused.
    Loops,
    /// Vectors of neighbouring places: for large images.
    Flat,
    /// Vectors of channels: for small images, many channels, any stride.
    Panel,
    /// A quarter of the multiplications, between transformations: for 6 taps or more (2 x 3, 3 x 3 and larger) of stride 1 and enough channels.
    Winograd,
    /// A matrix product over copied patches: for everything else.
    Lower,
}

/// The largest size of weights, in bytes, that fit into the second-level cache beside an image.
const RESIDENT: usize = 384 * 1024;
/// The least number of places for which rows of neighbours fill their vectors.
const LARGE: usize = 128;

/// The way of the output, or of the gradient by the input, whose first phase is `pass`.
fn choose<T: Element>(g: &Geometry, pass: &Pass) -> Way {
    let (lanes, wide) = machine::<T>();
    let (panels, vectors) = panels(pass.targets, lanes, most_vectors(wide));
    // The percentage of the products that each way computes which is needed.
    let in_flat = 100 * pass.places() * pass.targets / product([pass.flat_places(), pass.targets.next_multiple_of(8)]);
    let in_panel = 100 * pass.targets / (panels * vectors * lanes);
    let weights = pass.targets * pass.depth() * size_of::<T>();
    if is_thin(g) {
        Way::Loops
    } else if pays_winograd(pass) {
        Way::Winograd
    } else if g.taps() == 1 || !pass.fits() {
        Way::Lower
    } else if pass.is_dense() && pass.is_whole() && pass.places() >= LARGE && weights <= RESIDENT && in_flat >= in_panel.clamp(40, 80) {
        Way::Flat
    } else if in_panel >= 40 {
        Way::Panel
    } else {
        Way::Lower
    }
}

/// The way of the gradient by the weights.
fn choose_weight<T: Element>(g: &Geometry, pass: &Pass) -> Way {
    if is_thin(g) {
        Way::Loops
    } else if pays_winograd(pass) {
        Way::Winograd
    } else if !pass.fits() || 2 * pass.targets < machine::<T>().0 {
        Way::Lower
    } else {
        Way::Panel
    }
}

/// Of a kernel of more pieces than one of 16 x 16 taps has, the weights at the points of all pieces would leave the cache: 63 x 63 taps and 64 channels took
/// 433 MB.
const MOST_PIECES: usize = 16;

/// Whether Winograd's algorithm needs few products (those for places outside the target and for taps outside the kernel are lost), and they
/// are large enough to pay for the transformations.
fn pays_winograd(pass: &Pass) -> bool {
    let few = |t: pass::Tiling| {
        let products = product([t.points(), t.points(), product(t.tiles), product(t.pieces)]);
        10 * pass.places() * product(t.kernel) >= 24 * products
    };
    pass.sources.min(pass.targets) >= 16 && pass.is_large() && pass.tiling().is_some_and(|t| product(t.pieces) <= MOST_PIECES && few(t))
}

/// Whether each channel meets so few others that most of a tile would be unused.
fn is_thin(g: &Geometry) -> bool {
    let few = |n: usize| n <= 2;
    few(g.channels) && few(g.filters) || g.groups > 1 && g.channels.min(g.filters) == 1 && g.channels.max(g.filters) <= 4
}

/// The convolution: `y = x * w`, plus a number for each channel.
pub(crate) fn output<T: Scalar>(g: &Geometry, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    check(g, x, w, y);
    if y.is_empty() {
        return;
    }
    if w.is_empty() {
        // Of no channels, the kernel may have any size.
        let channel = |i: usize| bias.map_or(T::ZERO, |bias| bias[i % bias.len()]);
        return y.chunks_exact_mut(g.output()).enumerate().for_each(|(i, y)| y.fill(channel(i)));
    }
    let pass = Pass::forward(g);
    match choose::<T>(g, &pass) {
        Way::Loops => loops::output(g, x, w, bias, y),
        Way::Flat => flat::run(&pass, x, w, bias, y),
        Way::Panel => panel::run(&[pass], x, w, bias, y),
        Way::Winograd => winograd::run(&pass, x, w, bias, y),
        Way::Lower => lower::output(g, x, w, bias, y),
    }
}

/// The transposed convolution: the gradient by x, of the gradient `y` of the output.
pub(crate) fn input_grad<T: Scalar>(g: &Geometry, y: &[T], w: &[T], x: &mut [T]) {
    check(g, x, w, y);
    if w.is_empty() || y.is_empty() {
        return x.fill(T::ZERO);
    }
    if x.is_empty() {
        return;
    }
    let (passes, all) = Pass::backward(g);
    if !all {
        x.fill(T::ZERO);
    }
    let Some(first) = passes.first() else { return };
    match choose::<T>(g, first) {
        Way::Loops => loops::input_grad(g, y, w, x),
        Way::Flat => flat::run(only(&passes), y, w, None, x),
        Way::Panel => panel::run(&passes, y, w, None, x),
        Way::Winograd => winograd::run(only(&passes), y, w, None, x),
        Way::Lower => lower::input_grad(g, y, w, x),
    }
}

/// The one pass of a stride of 1.
fn only(passes: &[Pass]) -> &Pass {
    assert_eq!(passes.len(), 1, "this way computes all of the target in one pass");
    &passes[0]
}

/// The gradient by w, of the gradient `y` of the output.
pub(crate) fn weight_grad<T: Scalar>(g: &Geometry, x: &[T], y: &[T], w: &mut [T]) {
    check(g, x, w, y);
    if w.is_empty() || x.is_empty() || y.is_empty() {
        return w.fill(T::ZERO);
    }
    let pass = Pass::forward(g);
    match choose_weight::<T>(g, &pass) {
        Way::Loops => loops::weight_grad(g, x, y, w),
        Way::Panel => weight::run(&pass, x, y, w, weight::are_few::<T>(&pass)),
        Way::Winograd => winograd::weight_grad(&pass, x, y, w),
        _ => lower::weight_grad(g, x, y, w),
    }
}

/// Kernels rely on these lengths.
fn check<T: Element>(g: &Geometry, x: &[T], w: &[T], y: &[T]) {
    assert_eq!((x.len(), w.len(), y.len()), (g.x_len(), g.w_len(), g.y_len()), "arrays of other sizes than {g:?}");
}

#[cfg(test)]
mod tests;
