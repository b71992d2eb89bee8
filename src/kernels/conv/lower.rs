//! How is a convolution computed as a matrix product? The patch of x that each output depends on becomes a column ([`im2col`]), and the weights
//! are multiplied by the matrix of all columns. This works for every shape. It is slower than the direct kernels, because the patches take as
//! many times the memory of the image as there are taps.

use super::geometry::{Geometry, grain};
use crate::array::scalar::Scalar;
use crate::kernels::gemm::{Mat, gemm, gemm_here};
use crate::kernels::{parallel, scratch};

/// Patches as columns: `columns[(c, k), o] = x[c, o * stride + k * dilation - before]`, for some channels of one image.
pub(crate) fn im2col<T: Scalar>(g: &Geometry, x: &[T], columns: &mut [T]) {
    let (input, output, taps, stride) = (g.input(), g.output(), g.taps(), g.axes[2].stride);
    for (ck, column) in columns.chunks_exact_mut(output).enumerate() {
        let x = &x[ck / taps * input..][..input];
        column.fill(T::ZERO);
        let met = g.met(g.tap(ck % taps));
        for plane in 0..met.planes {
            for line in 0..met.lines {
                let (o, i) = met.at(plane, line);
                let (to, from) = (&mut column[o..o + met.len], &x[i..]);
                match stride {
                    1 => to.copy_from_slice(&from[..met.len]),
                    _ => to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from),
                }
            }
        }
    }
}

/// Adds each element of the patches to the element of x that it was copied from: the adjoint of [`im2col`].
pub(crate) fn col2im<T: Scalar>(g: &Geometry, columns: &[T], x: &mut [T]) {
    let (input, output, taps, stride) = (g.input(), g.output(), g.taps(), g.axes[2].stride);
    x.fill(T::ZERO);
    for (ck, column) in columns.chunks_exact(output).enumerate() {
        let x = &mut x[ck / taps * input..][..input];
        let met = g.met(g.tap(ck % taps));
        for plane in 0..met.planes {
            for line in 0..met.lines {
                let (o, i) = met.at(plane, line);
                let (from, to) = (&column[o..o + met.len], &mut x[i..]);
                match stride {
                    1 => to.iter_mut().zip(from).for_each(|(to, from)| *to += *from),
                    _ => to.iter_mut().step_by(stride).zip(from).for_each(|(to, from)| *to += *from),
                }
            }
        }
    }
}

/// Calls `f` with the patches of image and group `t`: x itself, where each output depends on one element.
fn patches<T: Scalar, R>(g: &Geometry, x: &[T], t: usize, f: impl FnOnce(&[T]) -> R) -> R {
    let size = g.channels * g.input();
    let x = &x[t * size..][..size];
    if g.is_pointwise() {
        return f(x);
    }
    scratch::with(g.depth() * g.output(), |columns| {
        im2col(g, x, columns);
        f(columns)
    })
}

/// The product of one task: on all threads if there is no other task.
#[allow(clippy::too_many_arguments)]
fn product<T: Scalar>(alone: bool, m: usize, k: usize, n: usize, a: Mat<'_, T>, b: Mat<'_, T>, c: &mut [T], accumulate: bool) {
    if alone { gemm(m, k, n, a, b, c, accumulate) } else { gemm_here(m, k, n, a, b, c, accumulate) }
}

pub(super) fn output<T: Scalar>(g: &Geometry, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (depth, output, size) = (g.depth(), g.output(), g.filters * g.output());
    let alone = g.batch * g.groups == 1;
    parallel::pieces(y, size, grain(size, g.work()), &|t, y| {
        let group = t % g.groups;
        if let Some(bias) = bias {
            let bias = &bias[group * g.filters..];
            y.chunks_exact_mut(output).zip(bias).for_each(|(y, b)| y.fill(*b));
        }
        let w = &w[group * g.filters * depth..][..g.filters * depth];
        patches(g, x, t, |columns| {
            product(alone, g.filters, depth, output, Mat::rows(w, depth), Mat::rows(columns, output), y, bias.is_some());
        });
    });
}

pub(super) fn input_grad<T: Scalar>(g: &Geometry, y: &[T], w: &[T], x: &mut [T]) {
    let (depth, output, size) = (g.depth(), g.output(), g.channels * g.input());
    let alone = g.batch * g.groups == 1;
    parallel::pieces(x, size, grain(size, g.work()), &|t, x| {
        let w = &w[t % g.groups * g.filters * depth..][..g.filters * depth];
        let y = &y[t * g.filters * output..][..g.filters * output];
        let columns_of = |to: &mut [T]| product(alone, depth, g.filters, output, Mat::columns(w, depth), Mat::rows(y, output), to, false);
        if g.is_pointwise() {
            columns_of(x);
        } else {
            scratch::with(depth * output, |columns| {
                columns_of(columns);
                col2im(g, columns, x);
            });
        }
    });
}

pub(super) fn weight_grad<T: Scalar>(g: &Geometry, x: &[T], y: &[T], w: &mut [T]) {
    let (depth, output, size) = (g.depth(), g.output(), g.filters * g.depth());
    let alone = g.groups == 1;
    parallel::pieces(w, size, grain(size, g.work().saturating_mul(g.batch)), &|group, w| {
        // One image after the other, so that the order of the sum is fixed.
        for n in 0..g.batch {
            let t = n * g.groups + group;
            let y = &y[t * g.filters * output..][..g.filters * output];
            patches(g, x, t, |patches| {
                product(alone, g.filters, output, depth, Mat::rows(y, output), Mat::columns(patches, output), w, n > 0);
            });
        }
    });
}
