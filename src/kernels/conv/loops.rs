//! How is a convolution computed by plain loops? One tap at a time, along the rows of x and y that it connects: for output channels of one or
//! two input channels (depthwise convolution).

use super::geometry::{Geometry, grain, product};
use crate::array::scalar::Scalar;
use crate::array::simd::{LoopKernel, dispatch};
use crate::kernels::parallel;
use crate::kernels::reduce::{Sum, halved};

/// The planes of one channel each, from element `first` of an array on, with their indices.
fn planes<T>(first: usize, size: usize, all: &mut [T]) -> impl Iterator<Item = (usize, &mut [T])> {
    all.chunks_exact_mut(size).enumerate().map(move |(i, plane)| (first / size + i, plane))
}

/// Some planes of the output.
struct Output<'a, T> {
    g: &'a Geometry,
    x: &'a [T],
    w: &'a [T],
    bias: Option<&'a [T]>,
    first: usize,
    y: &'a mut [T],
}

impl<T: Scalar> LoopKernel for Output<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Output { g, x, w, bias, first, y } = self;
        let (input, taps, stride) = (g.input(), g.taps(), g.axes[2].stride);
        for (plane, y) in planes(first, g.output(), y) {
            let (n, f) = (plane / (g.groups * g.filters), plane % (g.groups * g.filters));
            y.fill(bias.map_or(T::ZERO, |b| b[f]));
            for c in 0..g.channels {
                let x = &x[((n * g.groups + f / g.filters) * g.channels + c) * input..][..input];
                for (k, &w) in w[(f * g.channels + c) * taps..][..taps].iter().enumerate() {
                    let met = g.met(g.tap(k));
                    for plane in 0..met.planes {
                        for line in 0..met.lines {
                            let (o, i) = met.at(plane, line);
                            add(w, &x[i..], stride, &mut y[o..o + met.len], 1);
                        }
                    }
                }
            }
        }
    }
}

/// Some planes of the gradient by the input.
struct InputGrad<'a, T> {
    g: &'a Geometry,
    y: &'a [T],
    w: &'a [T],
    first: usize,
    x: &'a mut [T],
}

impl<T: Scalar> LoopKernel for InputGrad<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let InputGrad { g, y, w, first, x } = self;
        let (output, taps, stride) = (g.output(), g.taps(), g.axes[2].stride);
        for (plane, x) in planes(first, g.input(), x) {
            let (group, c) = (plane / g.channels, plane % g.channels);
            x.fill(T::ZERO);
            for f in 0..g.filters {
                let y = &y[(group * g.filters + f) * output..][..output];
                let w = &w[((group % g.groups * g.filters + f) * g.channels + c) * taps..][..taps];
                for (k, &w) in w.iter().enumerate() {
                    let met = g.met(g.tap(k));
                    for plane in 0..met.planes {
                        for line in 0..met.lines {
                            let (o, i) = met.at(plane, line);
                            add(w, &y[o..o + met.len], 1, &mut x[i..], stride);
                        }
                    }
                }
            }
        }
    }
}

/// Some planes of the gradient by the weights.
struct WeightGrad<'a, T> {
    g: &'a Geometry,
    x: &'a [T],
    y: &'a [T],
    first: usize,
    w: &'a mut [T],
}

impl<T: Scalar> LoopKernel for WeightGrad<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let WeightGrad { g, x, y, first, w } = self;
        let (input, output, taps, stride) = (g.input(), g.output(), g.taps(), g.axes[2].stride);
        for (plane, w) in planes(first, taps, w) {
            let (f, c) = (plane / g.channels, plane % g.channels);
            w.fill(T::ZERO);
            for n in 0..g.batch {
                let x = &x[((n * g.groups + f / g.filters) * g.channels + c) * input..][..input];
                let y = &y[(n * g.groups * g.filters + f) * output..][..output];
                for (k, w) in w.iter_mut().enumerate() {
                    let met = g.met(g.tap(k));
                    for plane in 0..met.planes {
                        for line in 0..met.lines {
                            let (o, i) = met.at(plane, line);
                            *w += dot(&y[o..o + met.len], &x[i..], stride);
                        }
                    }
                }
            }
        }
    }
}

/// `y += w * x`, along rows of any step.
#[inline(always)]
fn add<T: Scalar>(w: T, x: &[T], step_x: usize, y: &mut [T], step_y: usize) {
    match (step_x, step_y) {
        (1, 1) => {
            for (y, x) in y.iter_mut().zip(x) {
                *y += w * *x;
            }
        }
        _ => {
            for (y, x) in y.iter_mut().step_by(step_y).zip(x.iter().step_by(step_x)) {
                *y += w * *x;
            }
        }
    }
}

/// The sum of products of two rows, in an order that depends on their length alone.
#[inline(always)]
fn dot<T: Scalar>(y: &[T], x: &[T], step: usize) -> T {
    const LANES: usize = 16;
    let mut sums = [T::ZERO; LANES];
    if step == 1 {
        let (x, x_rest) = x[..y.len()].as_chunks::<LANES>();
        let (y, y_rest) = y.as_chunks::<LANES>();
        for (y, x) in y.iter().zip(x) {
            for lane in 0..LANES {
                sums[lane] += y[lane] * x[lane];
            }
        }
        for (lane, (y, x)) in y_rest.iter().zip(x_rest).enumerate() {
            sums[lane] += *y * *x;
        }
    } else {
        for (i, (y, x)) in y.iter().zip(x.iter().step_by(step)).enumerate() {
            sums[i % LANES] += *y * *x;
        }
    }
    halved(&mut sums, Sum)
}

pub(super) fn output<T: Scalar>(g: &Geometry, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let each = grain(g.output(), product([g.output(), g.depth()]));
    parallel::parts(y, each, &|first, y| dispatch(Output { g, x, w, bias, first, y }));
}

pub(super) fn input_grad<T: Scalar>(g: &Geometry, y: &[T], w: &[T], x: &mut [T]) {
    let each = grain(g.input(), product([g.output(), g.taps(), g.filters]));
    parallel::parts(x, each, &|first, x| dispatch(InputGrad { g, y, w, first, x }));
}

pub(super) fn weight_grad<T: Scalar>(g: &Geometry, x: &[T], y: &[T], w: &mut [T]) {
    let each = grain(g.taps(), product([g.output(), g.taps(), g.batch]));
    parallel::parts(w, each, &|first, w| dispatch(WeightGrad { g, x, y, first, w }));
}
