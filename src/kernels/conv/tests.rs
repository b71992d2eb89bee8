//! Does every way of computing a convolution give the sum that defines it?

use super::pass::Pass;
use super::{Axis, Geometry, flat, input_grad, loops, lower, output, panel, weight, weight_grad, winograd};
use crate::array::scalar::Scalar;

fn axis(input: usize, kernel: usize, stride: usize, dilation: usize, before: usize, after: usize) -> Axis {
    let output = (input + before + after - dilation * (kernel - 1) - 1) / stride + 1;
    Axis { input, kernel, output, stride, dilation, before }
}

/// Odd sizes, remainders of strides, uneven borders, gaps, groups, one to three dimensions.
fn geometries() -> Vec<Geometry> {
    let g = |batch, groups, channels, filters, axes| Geometry { batch, groups, channels, filters, axes };
    let none = Axis::NONE;
    let mut all = vec![
        g(3, 1, 3, 5, [none, none, axis(17, 3, 1, 1, 1, 1)]),
        g(2, 1, 1, 30, [none, axis(12, 5, 1, 1, 0, 0), axis(11, 5, 1, 1, 0, 0)]),
        g(2, 1, 16, 17, [none, axis(9, 3, 1, 1, 1, 1), axis(14, 3, 1, 1, 1, 1)]),
        g(9, 1, 20, 70, [none, axis(4, 3, 1, 1, 1, 1), axis(5, 3, 1, 1, 1, 1)]),
        g(5, 1, 18, 40, [none, axis(8, 3, 2, 1, 1, 1), axis(9, 3, 2, 1, 1, 1)]),
        g(2, 1, 3, 33, [none, axis(13, 4, 3, 2, 2, 1), axis(10, 2, 2, 3, 0, 2)]),
        g(2, 2, 4, 24, [none, axis(7, 3, 1, 1, 0, 2), axis(8, 2, 1, 2, 1, 1)]),
        g(2, 3, 1, 2, [none, axis(7, 3, 2, 1, 1, 1), axis(8, 3, 2, 1, 1, 1)]),
        g(2, 1, 2, 18, [axis(5, 2, 1, 1, 1, 0), axis(6, 3, 1, 1, 1, 1), axis(7, 3, 1, 1, 0, 0)]),
        g(2, 2, 3, 16, [axis(5, 2, 2, 1, 1, 0), axis(6, 3, 1, 2, 2, 1), axis(7, 3, 3, 1, 0, 0)]),
        g(1, 1, 64, 130, [none, none, axis(1, 1, 1, 1, 0, 0)]),
        g(2, 1, 5, 16, [none, axis(6, 1, 1, 1, 0, 0), axis(5, 1, 1, 1, 0, 0)]),
        g(2, 1, 5, 16, [none, axis(6, 1, 2, 1, 0, 0), axis(5, 1, 3, 1, 0, 0)]),
        // A stride beyond the kernel: some inputs meet nothing.
        g(2, 1, 4, 20, [none, axis(11, 2, 4, 1, 0, 0), axis(9, 1, 3, 1, 1, 1)]),
        // A transposed convolution with output padding beyond the stride.
        g(1, 1, 4, 16, [none, none, Axis { input: 10, kernel: 2, output: 3, stride: 2, dilation: 4, before: 1 }]),
    ];
    // Images that fall into parts and strips.
    all.push(g(1, 1, 2, 17, [none, axis(41, 3, 1, 1, 1, 1), axis(38, 3, 1, 1, 1, 1)]));
    all.push(g(2, 1, 1, 18, [none, axis(71, 2, 2, 1, 0, 1), axis(68, 3, 2, 1, 1, 1)]));
    all.push(g(2, 1, 1, 9, [none, axis(80, 2, 1, 1, 0, 0), axis(70, 3, 1, 1, 1, 1)]));
    // Tiles of 4 x 4 beyond the edge, several blocks and panels of channels, groups; uneven borders.
    all.push(g(3, 1, 37, 70, [none, axis(9, 3, 1, 1, 1, 1), axis(14, 3, 1, 1, 1, 1)]));
    all.push(g(2, 2, 18, 17, [none, axis(7, 3, 1, 1, 2, 0), axis(6, 3, 1, 1, 0, 2)]));
    all.push(g(1, 1, 5, 3, [none, axis(3, 3, 1, 1, 0, 0), axis(34, 3, 1, 1, 2, 2)]));
    all.push(g(9, 1, 16, 16, [none, axis(4, 3, 1, 1, 1, 1), axis(4, 3, 1, 1, 1, 1)]));
    // Kernels in several pieces of 3 x 3 or 4 x 4 taps, of which some have taps outside the kernel or meet nothing but the border.
    all.push(g(2, 1, 37, 70, [none, axis(9, 7, 1, 1, 3, 3), axis(14, 7, 1, 1, 3, 3)]));
    all.push(g(3, 1, 16, 17, [none, axis(4, 7, 1, 1, 3, 3), axis(3, 7, 1, 1, 3, 3)]));
    all.push(g(2, 2, 18, 17, [none, axis(9, 5, 1, 1, 4, 0), axis(11, 4, 1, 1, 0, 3)]));
    all.push(g(2, 1, 20, 16, [none, axis(12, 8, 1, 1, 2, 5), axis(13, 11, 1, 1, 5, 5)]));
    all.push(g(2, 1, 16, 20, [none, axis(7, 4, 1, 1, 1, 2), axis(6, 4, 1, 1, 2, 1)]));
    // Two taps along one axis.
    all.push(g(2, 1, 16, 20, [none, axis(16, 3, 1, 1, 1, 1), axis(16, 2, 1, 1, 0, 1)]));
    all.push(g(2, 1, 20, 16, [none, axis(17, 2, 1, 1, 1, 0), axis(16, 3, 1, 1, 1, 1)]));
    // Planes that could be taken for images: of which some are not reached, or are reached by one tap of several, or by none.
    for depth in [axis(2, 2, 2, 1, 0, 0), axis(2, 1, 2, 1, 0, 0), axis(1, 3, 2, 1, 1, 1), axis(1, 1, 3, 1, 1, 1)] {
        all.push(g(2, 1, 16, 16, [depth, axis(8, 3, 1, 1, 1, 1), axis(8, 3, 1, 1, 1, 1)]));
    }
    // Several blocks of depth.
    all.push(g(2, 1, 37, 20, [none, axis(6, 3, 1, 1, 1, 1), axis(6, 3, 1, 1, 1, 1)]));
    all.push(g(33, 1, 2, 8, [none, axis(6, 3, 1, 1, 1, 1), axis(6, 3, 1, 1, 1, 1)]));
    all
}

fn numbers<T: Scalar>(len: usize, seed: usize) -> Vec<T> {
    (0..len).map(|i| T::from_f64(((i * 7919 + seed * 104_729) % 997) as f64 / 500.0 - 1.0)).collect()
}

/// All three legs, by the sum over everything that meets.
fn naive<T: Scalar>(g: &Geometry, x: &[T], w: &[T], y: &[T]) -> [Vec<f64>; 3] {
    let mut legs = [vec![0.0; y.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
    let (input, output, taps) = (g.input(), g.output(), g.taps());
    for n in 0..g.batch * g.groups {
        for f in 0..g.filters {
            for c in 0..g.channels {
                for k in 0..taps {
                    for o in 0..output {
                        let [_, b, c_] = g.axes.map(|a| a.output);
                        let place = [o / (b * c_), o / c_ % b, o % c_];
                        let tap = g.tap(k);
                        let mut at = Some(0);
                        for ((axis, o), k) in g.axes.iter().zip(place).zip(tap) {
                            let i = (o * axis.stride + k * axis.dilation).checked_sub(axis.before).filter(|i| *i < axis.input);
                            at = at.zip(i).map(|(at, i)| at * axis.input + i);
                        }
                        if let Some(at) = at {
                            let i = (n * g.channels + c) * input + at;
                            let j = (n * g.filters + f) * output + o;
                            let l = ((n % g.groups * g.filters + f) * g.channels + c) * taps + k;
                            let (xi, wl, yj) = (x[i].to_f64(), w[l].to_f64(), y[j].to_f64());
                            legs[0][j] += wl * xi;
                            legs[1][i] += wl * yj;
                            legs[2][l] += xi * yj;
                        }
                    }
                }
            }
        }
    }
    legs
}

fn close<T: Scalar>(what: &str, g: &Geometry, found: &[T], expected: &[f64], tolerance: f64) {
    let scale = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a.to_f64() - b).abs() <= tolerance * scale, "{what} of {g:?} at {i}: {} and {b}", a.to_f64());
    }
}

fn every_way_is_the_sum<T: Scalar>(tolerance: f64) {
    for g in geometries() {
        let (x, w, y): (Vec<T>, Vec<T>, Vec<T>) = (numbers(g.x_len(), 1), numbers(g.w_len(), 2), numbers(g.y_len(), 3));
        let bias: Vec<T> = numbers(g.groups * g.filters, 4);
        let [mut expected_y, expected_x, expected_w] = naive(&g, &x, &w, &y);
        for (i, y) in expected_y.iter_mut().enumerate() {
            *y += bias[i / g.output() % bias.len()].to_f64();
        }
        // What was there before must not matter.
        let by = |name: &str, expected: &[f64], f: &dyn Fn(&mut [T])| {
            let mut to = vec![T::NAN; expected.len()];
            f(&mut to);
            close(name, &g, &to, expected, tolerance);
        };
        let by_output = |name: &str, f: &dyn Fn(&mut [T])| by(name, &expected_y, f);
        let by_input = |name: &str, f: &dyn Fn(&mut [T])| by(name, &expected_x, f);
        let by_weight = |name: &str, f: &dyn Fn(&mut [T])| by(name, &expected_w, f);
        let (forward, (backward, all)) = (Pass::forward(&g), Pass::backward(&g));
        by_output("output", &|to| output(&g, &x, &w, Some(&bias), to));
        by_output("output by loops", &|to| loops::output(&g, &x, &w, Some(&bias), to));
        by_output("output by patches", &|to| lower::output(&g, &x, &w, Some(&bias), to));
        by_output("output by panels", &|to| panel::run(std::slice::from_ref(&forward), &x, &w, Some(&bias), to));
        by_input("gradient by input", &|to| input_grad(&g, &y, &w, to));
        by_input("gradient by input, by loops", &|to| loops::input_grad(&g, &y, &w, to));
        by_input("gradient by input, by patches", &|to| lower::input_grad(&g, &y, &w, to));
        if let Some(first) = backward.first() {
            by_input("gradient by input, by panels", &|to| {
                // What meets no tap is left to the caller.
                if !all {
                    to.fill(T::ZERO);
                }
                panel::run(&backward, &y, &w, None, to);
            });
            if first.tiling().is_some() {
                by_input("gradient by input, by Winograd's algorithm", &|to| winograd::run(first, &y, &w, None, to));
            }
            if first.is_whole() {
                by_input("gradient by input, by flat places", &|to| flat::run(first, &y, &w, None, to));
            }
        }
        by_weight("gradient by weight", &|to| weight_grad(&g, &x, &y, to));
        by_weight("gradient by weight, by loops", &|to| loops::weight_grad(&g, &x, &y, to));
        by_weight("gradient by weight, by patches", &|to| lower::weight_grad(&g, &x, &y, to));
        by_weight("gradient by weight, by shares of the batch", &|to| weight::run(&forward, &x, &y, to, true));
        by_weight("gradient by weight, by shares of the weights", &|to| weight::run(&forward, &x, &y, to, false));
        if forward.tiling().is_some() {
            by_output("output by Winograd's algorithm", &|to| winograd::run(&forward, &x, &w, Some(&bias), to));
            by_weight("gradient by weight, by Winograd's algorithm", &|to| winograd::weight_grad(&forward, &x, &y, to));
        }
        if forward.is_dense() {
            by_output("output by flat places", &|to| flat::run(&forward, &x, &w, Some(&bias), to));
        }
    }
}

#[test]
fn the_gradient_by_the_input_takes_no_longer_for_a_larger_stride() {
    // One tap in a phase of a million, and a border of a million zeros.
    let far = |output: usize, kernel: usize| Axis {
        input: (output - 1) * (1 << 20) + kernel,
        kernel,
        output,
        stride: 1 << 20,
        dilation: 1,
        before: 0,
    };
    let g = Geometry { batch: 1, groups: 1, channels: 4, filters: 4, axes: [Axis::NONE, Axis::NONE, far(2, 2)] };
    let (passes, all) = Pass::backward(&g);
    assert!(passes.len() == 2 && !all, "{} passes", passes.len());
    let (y, w, mut x) = (vec![1.0; g.y_len()], vec![0.5; g.w_len()], vec![f64::NAN; g.x_len()]);
    input_grad(&g, &y, &w, &mut x);
    let row = &x[..g.input()];
    assert!((row[0], row[1], row[1 << 20], row[(1 << 20) + 1]) == (2.0, 2.0, 2.0, 2.0) && row.iter().sum::<f64>() == 8.0);
}

#[test]
fn a_padded_image_whose_size_wraps_does_not_fit() {
    // 2^64 + 63 elements.
    let wide = |before: usize| Axis { input: 1, kernel: 1, output: 1, stride: 1 << 24, dilation: 1, before };
    let axes = [Axis { kernel: 2, ..wide((1 << 18) - 1) }, wide((1 << 22) - 1), wide((1 << 22) - 1)];
    let g = Geometry { batch: 1, groups: 1, channels: 3, filters: 8, axes };
    assert!(!Pass::forward(&g).fits());
}

#[test]
fn every_way_is_the_sum_in_f32() {
    every_way_is_the_sum::<f32>(1e-5);
}

#[test]
fn every_way_is_the_sum_in_f64() {
    every_way_is_the_sum::<f64>(5e-14); // 1.2e-14 was measured, in a sum of 11,060 terms
}

/// Of layers as networks have them, in f32, against the same in f64: the largest error by the largest element.
#[test]
fn winograd_errors_are_small() {
    let error = |a: &[f32], b: &[f64]| {
        let largest = b.iter().fold(0.0f64, |m, b| m.max(b.abs()));
        a.iter().zip(b).fold(0.0f64, |e, (a, b)| e.max((f64::from(*a) - b).abs())) / largest
    };
    // Of pieces of 3 x 3 taps, and of 4 x 4.
    let bounds = |kernel: usize| if matches!(kernel, 3 | 5) { 3e-6 } else { 5e-6 };
    for (batch, channels, size, kernel) in [(4, 16, 28, 3), (2, 64, 16, 3), (1, 256, 8, 3), (2, 64, 16, 7), (2, 32, 14, 5), (1, 128, 8, 4)]
    {
        let axis = axis(size, kernel, 1, 1, kernel / 2, (kernel - 1) / 2);
        let g = Geometry { batch, groups: 1, channels, filters: channels, axes: [Axis::NONE, axis, axis] };
        let (x, w, y): (Vec<f64>, Vec<f64>, Vec<f64>) = (numbers(g.x_len(), 1), numbers(g.w_len(), 2), numbers(g.y_len(), 3));
        let single = |v: &[f64]| v.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let exact = |v: &[f64]| single(v).iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let (x, w, y) = (exact(&x), exact(&w), exact(&y));
        let (x32, w32, y32) = (single(&x), single(&w), single(&y));
        let (forward, backward) = (Pass::forward(&g), Pass::backward(&g).0);
        let (mut expected, mut direct, mut found) = (y.clone(), y32.clone(), y32.clone());
        panel::run(std::slice::from_ref(&forward), &x, &w, None, &mut expected);
        panel::run(std::slice::from_ref(&forward), &x32, &w32, None, &mut direct);
        winograd::run(&forward, &x32, &w32, None, &mut found);
        let errors = (error(&direct, &expected), error(&found, &expected));
        assert!(errors.1 < bounds(kernel), "of the output {errors:?}");
        let (mut expected, mut direct, mut found) = (x.clone(), x32.clone(), x32.clone());
        panel::run(&backward, &y, &w, None, &mut expected);
        panel::run(&backward, &y32, &w32, None, &mut direct);
        winograd::run(&backward[0], &y32, &w32, None, &mut found);
        let errors = (error(&direct, &expected), error(&found, &expected));
        assert!(errors.1 < bounds(kernel), "of the gradient by input {errors:?}");
        let (mut expected, mut direct, mut found) = (w.clone(), w32.clone(), w32.clone());
        weight::run(&forward, &x, &y, &mut expected, false);
        weight::run(&forward, &x32, &y32, &mut direct, false);
        winograd::weight_grad(&forward, &x32, &y32, &mut found);
        let errors = (error(&direct, &expected), error(&found, &expected));
        assert!(errors.1 < bounds(kernel), "of the gradient by weight {errors:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let all = || {
        let mut bits: Vec<u32> = Vec::new();
        for g in geometries() {
            let (x, w, y): (Vec<f32>, Vec<f32>, Vec<f32>) = (numbers(g.x_len(), 1), numbers(g.w_len(), 2), numbers(g.y_len(), 3));
            let (mut dy, mut dx, mut dw) = (y.clone(), x.clone(), w.clone());
            output(&g, &x, &w, None, &mut dy);
            input_grad(&g, &y, &w, &mut dx);
            weight_grad(&g, &x, &y, &mut dw);
            bits.extend([dy, dx, dw].iter().flatten().map(|v| v.to_bits()));
        }
        bits
    };
    let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started").install(all);
    let one = with(1);
    assert!(one == with(2) && one == with(5));
}
