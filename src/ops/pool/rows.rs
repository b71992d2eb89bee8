//! The sample rows of `pool.rs`.

use super::*;
use crate::at;
use crate::ops::samples::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Windows that overlap, are dilated and padded, and reach beyond the end.
fn mixed() -> MaxPoolOptions<2> {
    MaxPoolOptions { stride: Some([2, 1]), padding: [1, 2], dilation: [1, 2], ceil_mode: true }
}
fn strided_by<const N: usize>(stride: [usize; N]) -> MaxPoolOptions<N> {
    MaxPoolOptions { stride: Some(stride), ..Default::default() }
}
fn indices<'t, T: Scalar>(x: Var<'t, T>, (_, i): (Var<'t, T>, Indices)) -> Var<'t, T> {
    // Recorded in addition to the pool, so that the row still runs the op.
    x.tape().constant(i.values().iter().map(|&i| T::from_f64(i as f64)).collect::<Vec<_>>()).reshape_to(i.shape().clone())
}

impl Sampled for MaxPool {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[2, 3, 7])], |v| v[0].max_pool1d([3], Default::default()).exp()),
            grad([any(&[3, 7])], |v| v[0].max_pool1d([2], strided_by([1])).exp()),
            grad([any(&[3, 7])], |v| v[0].max_pool1d([2], strided_by([3])).exp()),
            grad([any(&[2, 3, 4, 6])], |v| v[0].max_pool2d([2, 2], Default::default()).exp()),
            grad([any(&[2, 5, 6])], |v| v[0].max_pool2d([3, 4], mixed()).exp()),
            grad([any(&[1, 5, 4])], |v| v[0].transpose(-1, -2).max_pool2d([2, 3], strided_by([1, 1])).exp()),
            grad([any(&[2, 1, 2, 3, 4])], |v| v[0].max_pool3d([2, 2, 3], strided_by([1, 1, 1])).exp()),
            grad([any(&[1, 3, 4, 4])], |v| {
                let options = MaxPoolOptions { padding: [1, 0, 1], dilation: [2, 1, 1], ceil_mode: true, ..Default::default() };
                v[0].max_pool3d([2, 2, 2], options).exp()
            }),
            grad([any(&[0, 3, 7])], |v| v[0].max_pool1d([3], Default::default()).exp()),
            grad([any(&[1, 1])], |v| v[0].max_pool1d([1], Default::default()) * v[0]),
            grad([any(&[2, 2, 7])], |v| v[0].adaptive_max_pool1d([3]).exp()),
            grad([any(&[2, 5, 4])], |v| v[0].adaptive_max_pool2d([Some(7), None]).exp()),
            grad([any(&[1, 3, 4, 5])], |v| v[0].adaptive_max_pool3d([2, 3, 2]).exp()),
            grad([any(&[2, 2, 3, 4])], |v| v[0].adaptive_max_pool3d([1, 1, 1]).exp()),
            equals([any(&[2, 3, 4, 5])], |v| v[0].adaptive_max_pool2d([1, 1]), |v| v[0].amax([-2, -1], true)),
            value([of(&[1, 2], [3.0, 4.0])], |v| v[0].adaptive_max_pool1d([0]), &[], [&[0.0; 2]]),
            // Long rows with every stride, and many planes.
            equals([any(&[1, 150])], |v| v[0].max_pool1d([2], strided_by([1])), |v| v[0].narrow(1, 0, 149).maximum(v[0].narrow(1, 1, 149))),
            equals(
                [any(&[1, 300])],
                |v| v[0].max_pool1d([2], strided_by([3])),
                |v| v[0].slice(&at![.., ..; 3]).maximum(v[0].slice(&at![.., 1..; 3])),
            ),
            equals(
                [any(&[40, 60, 60])],
                |v| v[0].max_pool2d([2, 2], Default::default()),
                |v| {
                    let [a, b] = [0, 1].map(|i: isize| v[0].slice(&at![.., i..; 2, ..; 2]).maximum(v[0].slice(&at![.., i..; 2, 1..; 2])));
                    a.maximum(b)
                },
            ),
            equals([any(&[1, 130])], |v| v[0].adaptive_max_pool1d([65]), |v| v[0].max_pool1d([2], Default::default())),
            equals([any(&[1, 130])], |v| v[0].adaptive_max_pool1d([2]), |v| v[0].max_pool1d([65], Default::default())),
            // The first of equal elements is chosen. Windows overlap, so an element can be chosen twice.
            value(
                [of(&[1, 5], [1.0, 2.0, 2.0, 0.0, 2.0])],
                |v| v[0].max_pool1d([3], strided_by([1])),
                &[2.0; 3],
                [&[0.0, 2.0, 1.0, 0.0, 0.0]],
            ),
            // NaN is the largest, and the last of several is chosen; -inf is larger than the padding.
            value(
                [of(&[1, 7], [NAN, 1.0, NAN, 5.0, 3.0, -INF, -INF])],
                |v| v[0].max_pool1d([4], MaxPoolOptions { padding: [1], ..Default::default() }),
                &[NAN, 5.0],
                [&[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]],
            ),
            value(
                [of(&[1, 3], [-INF, -INF, 7.0])],
                |v| v[0].max_pool1d([2], MaxPoolOptions { padding: [1], ..Default::default() }),
                &[-INF, 7.0],
                [&[1.0, 0.0, 1.0]],
            ),
            // Two windows lie wholly in the padding.
            value(
                [of(&[1, 3], [1.0, 2.0, 3.0])],
                |v| v[0].max_pool1d([2], MaxPoolOptions { padding: [3], dilation: [5], ..strided_by([1]) }),
                &[3.0, -INF, -INF, 1.0],
                [&[1.0, 0.0, 1.0]],
            ),
            constant(
                [of(&[1, 2, 3], [1.0, 4.0, 2.0, 9.0, 3.0, 8.0])],
                |v| indices(v[0], v[0].max_pool2d_with_indices([2, 2], strided_by([1, 1]))),
                &[3.0, 5.0],
            ),
            constant(
                [of(&[1, 4], [1.0, 9.0, 2.0, 4.0])],
                |v| indices(v[0], v[0].max_pool1d_with_indices([3], MaxPoolOptions { padding: [1], ..Default::default() })),
                &[1.0, 3.0],
            ),
            constant(
                [of(&[1, 2, 1, 2], [1.0, 9.0, 2.0, 4.0])],
                |v| indices(v[0], v[0].max_pool3d_with_indices([2, 1, 1], Default::default())),
                &[2.0, 1.0],
            ),
            constant([of(&[1, 4], [1.0, 9.0, 2.0, 4.0])], |v| indices(v[0], v[0].adaptive_max_pool1d_with_indices([2])), &[1.0, 3.0]),
            constant([of(&[1, 2, 2], [1.0, 9.0, 2.0, 4.0])], |v| indices(v[0], v[0].adaptive_max_pool2d_with_indices([2, 1])), &[1.0, 3.0]),
            constant(
                [of(&[2, 2, 2], [1.0, 2.0, 9.0, 4.0, 1.0, 3.0, 2.0, 0.0])],
                |v| indices(v[0], v[0].adaptive_max_pool2d_with_indices([1, 1])),
                &[2.0, 1.0],
            ),
            constant(
                [of(&[1, 1, 2, 2], [1.0, 9.0, 2.0, 4.0])],
                |v| indices(v[0], v[0].adaptive_max_pool3d_with_indices([1, 2, 1])),
                &[1.0, 3.0],
            ),
            refuses([any(&[4])], |v| v[0].max_pool1d([2], Default::default()), &["max_pool1d of [4]: an array of 3 or 2 axes", "hint: "]),
            refuses([any(&[4, 4])], |v| v[0].max_pool2d([2, 2], Default::default()), &["max_pool2d of [4, 4]", "4 or 3 axes"]),
            refuses([any(&[2, 0, 4])], |v| v[0].max_pool1d([2], Default::default()), &["[2, 0, 4]: axis 1 has size 0", "hint: "]),
            refuses([any(&[2, 4])], |v| v[0].max_pool1d([5], Default::default()), &["max_pool1d of [2, 4]: a window of 5", "size 4"]),
            refuses([any(&[2, 4])], |v| v[0].max_pool1d([0], Default::default()), &["kernel_size is 0", "hint: "]),
            refuses([any(&[2, 4])], |v| v[0].max_pool1d([1], strided_by([0])), &["stride is 0", "hint: "]),
            refuses(
                [any(&[2, 4])],
                |v| v[0].max_pool1d([2], MaxPoolOptions { dilation: [0], ..Default::default() }),
                &["dilation is 0", "hint: "],
            ),
            refuses(
                [any(&[1, 4, 4])],
                |v| v[0].max_pool2d([2, 2], MaxPoolOptions { padding: [1, 2], ..Default::default() }),
                &["max_pool2d of [1, 4, 4]: padding 2 along spatial axis 1 is more than half of the 2", "hint: "],
            ),
            refuses(
                [any(&[1, 4])],
                |v| v[0].max_pool1d([usize::MAX], MaxPoolOptions { dilation: [usize::MAX], ..strided_by([usize::MAX]) }),
                &["max_pool1d of [1, 4]: a window of", "hint: "],
            ),
            refuses([any(&[4, 4])], |v| v[0].adaptive_max_pool2d([2, 2]), &["adaptive_max_pool2d of [4, 4]", "4 or 3 axes"]),
            refuses([any(&[2, 0])], |v| v[0].adaptive_max_pool1d([2]), &["adaptive_max_pool1d of [2, 0]: axis 1 has size 0"]),
        ]
    }
}

impl Sampled for MaxPick {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let windows = mixed().windows([3, 4]);
        vec![
            grad([any(&[2, 5, 6]), any(&[2, 5, 6])], move |v| v[0].record2(MaxPick(windows), v[1].detach()).exp()),
            grad([any(&[0, 1, 5, 6]), any(&[0, 1, 5, 6])], move |v| v[0].record2(MaxPick(windows), v[1].detach()).exp()),
            // Picking from x itself gives the pool.
            equals([any(&[2, 5, 6])], move |v| v[0].record2(MaxPick(windows), v[0]), |v| v[0].max_pool2d([3, 4], mixed())),
            value(
                [of(&[1, 4], [1.0, 2.0, 3.0, 4.0]), of(&[1, 4], [5.0, 0.0, 0.0, NAN])],
                |v| v[0].record2(MaxPick(strided_by([2]).windows([2])), v[1].detach()) + v[1].narrow(1, 1, 2),
                &[1.0, 4.0],
                [&[1.0, 0.0, 0.0, 1.0], &[0.0, 1.0, 1.0, 0.0]],
            ),
            refuses(
                [any(&[1, 4]), any(&[1, 5])],
                |v| v[0].record2(MaxPick(strided_by([2]).windows([2])), v[1]),
                &["max_pool_pick of [1, 4] and [1, 5]"],
            ),
        ]
    }
}

impl Sampled for MaxPlace {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let windows = mixed().windows([3, 4]);
        let none = PoolWindows::adaptive([0]);
        vec![
            grad([any(&[2, 3, 4]), any(&[2, 5, 6])], move |v| v[0].record2(MaxPlace(windows), v[1].detach()).exp()),
            grad([any(&[2, 0]), any(&[2, 3])], move |v| v[0].record2(MaxPlace(none), v[1].detach()).exp()),
            equals(
                [any(&[2, 5, 6]), any(&[2, 3, 4]), any(&[2, 5, 6])],
                move |v| (v[0] * v[1].record2(MaxPlace(windows), v[2].detach())).sum(),
                move |v| (v[0].record2(MaxPick(windows), v[2].detach()) * v[1]).sum(),
            ),
            refuses(
                [any(&[1, 3]), any(&[1, 4])],
                |v| v[0].record2(MaxPlace(strided_by([2]).windows([2])), v[1]),
                &["max_pool_place of [1, 3] and [1, 4]"],
            ),
        ]
    }
}
