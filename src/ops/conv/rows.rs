//! The sample rows of `conv.rs`.

use super::*;
use crate::ops::samples::*;

fn halve<const N: usize>() -> ConvOptions<N> {
    ConvOptions { stride: [2; N], padding: Padding::Zeros([1; N]), ..Default::default() }
}
fn same<const N: usize>() -> ConvOptions<N> {
    ConvOptions { padding: Padding::Same, ..Default::default() }
}
fn spread<const N: usize>(stride: usize) -> ConvTransposeOptions<N> {
    ConvTransposeOptions { stride: [stride; N], padding: [1; N], output_padding: [1; N], ..Default::default() }
}

/// The convolution as patches, a matrix product and a reshape.
fn by_patches<'t, T: Scalar, const N: usize>(x: Var<'t, T>, w: Var<'t, T>, options: ConvOptions<N>) -> Var<'t, T> {
    let (x_shape, w_shape) = (x.shape(), w.shape());
    let kernel: [usize; N] = std::array::from_fn(|i| w_shape[2 + i]);
    let axes = options.axes(&x_shape[2..], &kernel).expect("fits");
    let sizes = axes[3 - N..].iter().map(|a| a.output as isize);
    let shape: Vec<isize> = [x_shape[0] as isize, w_shape[0] as isize].into_iter().chain(sizes).collect();
    w.reshape([w_shape[0] as isize, -1]).matmul(x.im2col(kernel, options)).reshape(&shape)
}

impl Sampled for ConvOutput {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let odd = Conv2dOptions { stride: [2, 3], padding: Padding::Zeros([2, 0]), dilation: [1, 2], groups: 1 };
        let grouped = Conv2dOptions { groups: 2, ..halve() };
        let depthwise = Conv2dOptions { groups: 3, ..halve() };
        vec![
            grad([any(&[2, 3, 7]), any(&[4, 3, 3]), any(&[4])], |v| v[0].conv1d(v[1], v[2], halve())),
            grad([any(&[3, 7]), any(&[4, 3, 3])], |v| v[0].conv1d(v[1], None, same())),
            grad([any(&[1, 4, 7]), any(&[4, 2, 4])], |v| {
                v[0].conv1d(v[1], None, Conv1dOptions { padding: Padding::Same, dilation: [3], groups: 2, ..Default::default() })
            }),
            grad([any(&[2, 3, 5, 6]), any(&[4, 3, 3, 2]), any(&[4])], |v| v[0].conv2d(v[1], v[2], Conv2dOptions::default())),
            grad([any(&[2, 3, 6, 8]), any(&[2, 3, 3, 3]), any(&[2])], move |v| v[0].conv2d(v[1], v[2], odd)),
            grad([any(&[2, 4, 5, 5]), any(&[6, 2, 3, 3]), any(&[6])], move |v| v[0].conv2d(v[1], v[2], grouped)),
            grad([any(&[2, 3, 5, 5]), any(&[6, 1, 3, 3]), any(&[6])], move |v| v[0].conv2d(v[1], v[2], depthwise)),
            grad([any(&[2, 3, 4, 5]), any(&[4, 3, 1, 1]), any(&[4])], |v| v[0].conv2d(v[1], v[2], Conv2dOptions::default())),
            grad([any(&[2, 3, 4, 5]), any(&[4, 3, 1, 1])], |v| v[0].conv2d(v[1], None, halve())),
            grad([any(&[3, 4, 5]), any(&[4, 3, 2, 2]), any(&[4])], |v| v[0].conv2d(v[1], v[2], same())),
            grad([any(&[2, 2, 3, 4, 5]), any(&[3, 2, 2, 3, 2]), any(&[3])], |v| v[0].conv3d(v[1], v[2], halve())),
            grad([any(&[2, 3, 4, 3]), any(&[4, 1, 2, 2, 3])], |v| v[0].conv3d(v[1], None, Conv3dOptions { groups: 2, ..same() })),
            grad([any(&[1, 1, 1, 1]), any(&[1, 1, 1, 1]), any(&[1])], |v| v[0].conv2d(v[1], v[2], Conv2dOptions::default())),
            grad([any(&[0, 3, 5, 6]), any(&[4, 3, 3, 2]), any(&[4])], |v| v[0].conv2d(v[1], v[2], Conv2dOptions::default())),
            grad([any(&[2, 0, 5, 6]), any(&[4, 0, 3, 2]), any(&[4])], |v| v[0].conv2d(v[1], v[2], Conv2dOptions::default())),
            // Operands that are views, and one array twice.
            grad([any(&[5, 4, 3, 2]), any(&[2, 3, 3, 4]), any(&[8])], |v| {
                let (x, w) = (v[0].permute(&[3, 2, 1, 0]), v[1].transpose(0, 3));
                x.conv2d(w, v[2].slice(&crate::at![..; -2]), Conv2dOptions::default())
            }),
            grad([any(&[1, 3, 1, 4]), any(&[2, 3, 1, 1])], |v| {
                v[0].broadcast_to([2, 3, 4, 4]).conv2d(v[1].broadcast_to([2, 3, 2, 3]), None, same())
            }),
            grad([any(&[2, 2, 3, 3])], |v| v[0].conv2d(v[0], None, same())),
            grad([any(&[1, 2, 3, 3]), any(&[2, 2, 3, 3])], |v| {
                v[0].tape().grad_with(v[0].conv2d(v[1], None, same()), v[0], &[v[0]])[0].expect("depends on x")
            }),
            // For some outputs the kernel lies wholly in the padding.
            grad([any(&[1, 1, 2]), any(&[1, 1, 2])], |v| {
                v[0].conv1d(v[1], None, Conv1dOptions { padding: Padding::Zeros([4]), stride: [3], ..Default::default() })
            }),
            equals(
                [any(&[2, 3, 6, 7]), any(&[4, 3, 3, 2]), any(&[4])],
                |v| v[0].conv2d(v[1], v[2], halve()),
                |v| by_patches(v[0], v[1], halve::<2>()) + v[2].reshape([4, 1, 1]),
            ),
            equals([any(&[2, 3, 6, 8]), any(&[2, 3, 3, 3])], move |v| v[0].conv2d(v[1], None, odd), move |v| by_patches(v[0], v[1], odd)),
            equals([any(&[2, 2, 9]), any(&[3, 2, 4])], |v| v[0].conv1d(v[1], None, same()), |v| by_patches(v[0], v[1], same::<1>())),
            equals(
                [any(&[2, 2, 3, 4, 5]), any(&[3, 2, 2, 3, 2])],
                |v| v[0].conv3d(v[1], None, halve()),
                |v| by_patches(v[0], v[1], halve::<3>()),
            ),
            // Each group is a convolution of its own.
            equals(
                [any(&[2, 4, 5, 5]), any(&[6, 2, 3, 3])],
                move |v| v[0].conv2d(v[1], None, grouped),
                |v| {
                    let part = |i: usize| v[0].narrow(1, 2 * i, 2).conv2d(v[1].narrow(0, 3 * i, 3), None, halve());
                    crate::concat(&[part(0), part(1)], 1)
                },
            ),
            equals(
                [any(&[2, 3, 5, 5]), any(&[6, 1, 3, 3])],
                move |v| v[0].conv2d(v[1], None, depthwise),
                |v| {
                    let part = |i: usize| by_patches(v[0].narrow(1, i, 1), v[1].narrow(0, 2 * i, 2), halve::<2>());
                    crate::concat(&[part(0), part(1), part(2)], 1)
                },
            ),
            // If the number of zeros is odd, there is one more after than before.
            value(
                [of(&[1, 1, 3], [1.0, 2.0, 3.0]), of(&[1, 1, 2], [10.0, 1.0])],
                |v| v[0].conv1d(v[1], None, same()),
                &[12.0, 23.0, 30.0],
                [&[10.0, 11.0, 11.0], &[6.0, 5.0]],
            ),
            value(
                [of(&[1, 1, 3], [1.0, f64::INFINITY, f64::NAN]), of(&[1, 1, 2], [0.0, 1.0])],
                |v| v[0].conv1d(v[1], None, Conv1dOptions::default()),
                &[f64::INFINITY, f64::NAN],
                [&[0.0, 1.0, 1.0], &[f64::INFINITY, f64::NAN]],
            ),
            refuses(
                [any(&[2, 3, 5, 5]), any(&[4, 2, 3, 3])],
                |v| v[0].conv2d(v[1], None, Conv2dOptions::default()),
                &["conv2d of [2, 3, 5, 5] and [4, 2, 3, 3]", "3 channels", "hint: "],
            ),
            refuses(
                [any(&[2, 4, 5, 5]), any(&[3, 2, 3, 3])],
                |v| v[0].conv2d(v[1], None, Conv2dOptions { groups: 2, ..Default::default() }),
                &["conv2d of [2, 4, 5, 5] and [3, 2, 3, 3]", "3 filters", "groups = 2", "hint: "],
            ),
            refuses(
                [any(&[2, 3, 5, 5]), any(&[4, 1, 3, 3])],
                |v| v[0].conv2d(v[1], None, Conv2dOptions { groups: 2, ..Default::default() }),
                &["conv2d of [2, 3, 5, 5] and [4, 1, 3, 3]", "3 channels", "groups = 2"],
            ),
            refuses(
                [any(&[2, 3, 5, 2]), any(&[4, 3, 3, 3])],
                |v| v[0].conv2d(v[1], None, Conv2dOptions::default()),
                &["conv2d of [2, 3, 5, 2]", "spatial axis 1", "reaches over 3", "only 2", "hint: "],
            ),
            refuses(
                [any(&[3, 5]), any(&[4, 3, 3, 3])],
                |v| v[0].conv2d(v[1], None, Conv2dOptions::default()),
                &["conv2d of [3, 5] and", "2 axes, 4 are needed", "hint: "],
            ),
            refuses(
                [any(&[1, 1, 4]), any(&[1, 2])],
                |v| v[0].conv1d(v[1], None, Conv1dOptions::default()),
                &["conv1d of [1, 1, 4] and [1, 2]", "the weight has 2 axes"],
            ),
            refuses(
                [any(&[2, 2, 4]), any(&[3, 2, 1]), any(&[1])],
                |v| v[0].conv1d(v[1], v[2], Conv1dOptions::default()),
                &["conv1d of [2, 2, 4] and [3, 2, 1] and [1]", "bias must be [3]"],
            ),
            refuses(
                [any(&[2, 2, 4]), any(&[3, 2, 1])],
                |v| v[0].conv1d(v[1], None, Conv1dOptions { stride: [2], ..same() }),
                &["conv1d of [2, 2, 4] and [3, 2, 1]", "Padding::Same with stride [2]", "hint: "],
            ),
            refuses(
                [any(&[2, 2, 4]), any(&[3, 2, 1])],
                |v| v[0].conv1d(v[1], None, Conv1dOptions { stride: [0], ..same() }),
                &["stride must be"],
            ),
            refuses(
                [any(&[2, 2, 4]), any(&[3, 2, 1])],
                |v| v[0].conv1d(v[1], None, Conv1dOptions { dilation: [0], ..same() }),
                &["dilation must"],
            ),
            refuses(
                [any(&[2, 2, 4]), any(&[3, 2, 1])],
                |v| v[0].conv1d(v[1], None, Conv1dOptions { groups: 0, ..same() }),
                &["groups must be"],
            ),
            refuses([any(&[2, 2, 0]), any(&[3, 2, 1])], |v| v[0].conv1d(v[1], None, halve()), &["conv1d of [2, 2, 0]", "empty"]),
            refuses([any(&[2, 2, 4]), any(&[3, 2, 0])], |v| v[0].conv1d(v[1], None, halve()), &["conv1d of [2, 2, 4]", "empty"]),
            refuses([any(&[2, 2, 4]), any(&[0, 2, 1])], |v| v[0].conv1d(v[1], None, halve()), &["conv1d of [2, 2, 4]", "0 filters"]),
        ]
    }
}

impl Sampled for ConvInputGrad {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let odd = ConvTranspose2dOptions { stride: [3, 2], padding: [1, 2], output_padding: [2, 3], dilation: [4, 4], groups: 2 };
        vec![
            grad([any(&[2, 3, 4]), any(&[3, 2, 3]), any(&[2])], |v| v[0].conv_transpose1d(v[1], v[2], spread(2))),
            grad([any(&[3, 4]), any(&[3, 2, 3])], |v| v[0].conv_transpose1d(v[1], None, spread(3))),
            grad([any(&[2, 3, 4, 5]), any(&[3, 4, 2, 3]), any(&[4])], |v| {
                v[0].conv_transpose2d(v[1], v[2], ConvTranspose2dOptions::default())
            }),
            grad([any(&[2, 4, 3, 2]), any(&[4, 2, 2, 3]), any(&[4])], move |v| v[0].conv_transpose2d(v[1], v[2], odd)),
            grad([any(&[3, 4, 5]), any(&[3, 4, 2, 3]), any(&[4])], |v| v[0].conv_transpose2d(v[1], v[2], spread(2))),
            grad([any(&[2, 3, 4, 5]), any(&[3, 4, 1, 1])], |v| v[0].conv_transpose2d(v[1], None, ConvTranspose2dOptions::default())),
            grad([any(&[2, 3, 4, 5]), any(&[3, 1, 2, 2])], |v| {
                v[0].conv_transpose2d(v[1], None, ConvTranspose2dOptions { groups: 3, ..spread(2) })
            }),
            grad([any(&[2, 2, 2, 3, 2]), any(&[2, 3, 2, 2, 3]), any(&[3])], |v| v[0].conv_transpose3d(v[1], v[2], spread(2))),
            grad([any(&[2, 2, 3, 2]), any(&[2, 3, 2, 2, 3])], |v| v[0].conv_transpose3d(v[1], None, ConvTranspose3dOptions::default())),
            grad([any(&[0, 3, 4, 5]), any(&[3, 4, 2, 3]), any(&[4])], |v| {
                v[0].conv_transpose2d(v[1], v[2], ConvTranspose2dOptions::default())
            }),
            grad([any(&[5, 4, 3, 2]), any(&[2, 3, 3, 4])], |v| {
                v[0].permute(&[3, 2, 1, 0]).conv_transpose2d(v[1].transpose(0, 1), None, spread(2))
            }),
            equals(
                [any(&[2, 3, 5]), any(&[3, 2, 3])],
                |v| v[0].conv_transpose1d(v[1], None, ConvTranspose1dOptions::default()),
                |v| {
                    let flipped = v[1].slice(&crate::at![.., .., ..; -1]).transpose(0, 1);
                    v[0].conv1d(flipped, None, Conv1dOptions { padding: Padding::Zeros([2]), ..Default::default() })
                },
            ),
            // The transpose of a convolution: <conv(x), y> = <x, transposed(y)>.
            equals(
                [any(&[2, 3, 7, 6]), any(&[4, 3, 3, 2]), any(&[2, 4, 4, 4])],
                |v| (v[0].conv2d(v[1], None, halve()) * v[2]).sum(),
                |v| {
                    let options = ConvTranspose2dOptions { stride: [2, 2], padding: [1, 1], output_padding: [0, 0], ..Default::default() };
                    (v[0] * v[2].conv_transpose2d(v[1], None, options)).sum()
                },
            ),
            value(
                [of(&[1, 1, 2], [1.0, 2.0]), of(&[1, 1, 2], [1.0, 10.0])],
                |v| v[0].conv_transpose1d(v[1], None, ConvTranspose1dOptions { stride: [2], output_padding: [1], ..Default::default() }),
                &[1.0, 10.0, 2.0, 20.0, 0.0],
                [&[11.0, 11.0], &[3.0, 3.0]],
            ),
            refuses(
                [any(&[1, 2, 4, 4]), any(&[2, 3, 3, 3])],
                |v| v[0].conv_transpose2d(v[1], None, ConvTranspose2dOptions { output_padding: [1, 1], ..Default::default() }),
                &["conv_transpose2d of [1, 2, 4, 4] and [2, 3, 3, 3]", "output_padding 1", "hint: "],
            ),
            refuses(
                [any(&[1, 2, 1, 1]), any(&[2, 3, 2, 2])],
                |v| v[0].conv_transpose2d(v[1], None, ConvTranspose2dOptions { padding: [1, 1], ..Default::default() }),
                &["conv_transpose2d of [1, 2, 1, 1]", "nothing is left", "hint: "],
            ),
            refuses(
                [any(&[1, 3, 4, 4]), any(&[3, 3, 2, 2])],
                |v| v[0].conv_transpose2d(v[1], None, ConvTranspose2dOptions { groups: 2, ..Default::default() }),
                &["conv_transpose2d of [1, 3, 4, 4]", "3 channels", "groups = 2", "hint: "],
            ),
            refuses(
                [any(&[1, 3, 4]), any(&[2, 3, 2])],
                |v| v[0].conv_transpose1d(v[1], None, ConvTranspose1dOptions::default()),
                &["conv_transpose1d of [1, 3, 4] and [2, 3, 2]", "3 channels", "expects 2", "hint: "],
            ),
            refuses(
                [any(&[1, 3, 4]), any(&[3, 2, 2]), any(&[3])],
                |v| v[0].conv_transpose1d(v[1], v[2], ConvTranspose1dOptions::default()),
                &["conv_transpose1d of [1, 3, 4] and [3, 2, 2] and [3]", "bias must be [2]"],
            ),
            refuses(
                [any(&[1, 3, 4]), any(&[3, 2, 2])],
                |v| v[0].conv_transpose1d(v[1], None, ConvTranspose1dOptions { stride: [0], ..Default::default() }),
                &["conv_transpose1d of [1, 3, 4] and [3, 2, 2]", "stride must be at least 1"],
            ),
            refuses(
                [any(&[4]), any(&[3, 2, 2])],
                |v| v[0].conv_transpose1d(v[1], None, ConvTranspose1dOptions::default()),
                &["conv_transpose1d of [4] and [3, 2, 2]", "1 axes"],
            ),
        ]
    }
}

impl Sampled for ConvWeightGrad {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        // Recorded by the rules of the other two.
        fn by_weight<'t, T: Scalar>(y: Var<'t, T>, w: Var<'t, T>) -> Var<'t, T> {
            w.tape().grad(y.square().sum(), &[w])[0].expect("depends on w")
        }
        vec![
            grad([any(&[2, 3, 7]), any(&[4, 3, 3])], |v| by_weight(v[0].conv1d(v[1], None, halve()), v[1])),
            grad([any(&[2, 3, 5, 6]), any(&[4, 3, 3, 2])], |v| by_weight(v[0].conv2d(v[1], None, halve()), v[1])),
            grad([any(&[2, 4, 5, 5]), any(&[4, 2, 3, 3])], |v| {
                by_weight(v[0].conv2d(v[1], None, Conv2dOptions { groups: 2, ..halve() }), v[1])
            }),
            grad([any(&[2, 3, 5, 5]), any(&[3, 1, 3, 3])], |v| {
                by_weight(v[0].conv2d(v[1], None, Conv2dOptions { groups: 3, ..same() }), v[1])
            }),
            grad([any(&[2, 2, 3, 4, 5]), any(&[3, 2, 2, 3, 2])], |v| by_weight(v[0].conv3d(v[1], None, halve()), v[1])),
            grad([any(&[2, 3, 4]), any(&[3, 2, 3])], |v| by_weight(v[0].conv_transpose1d(v[1], None, spread(2)), v[1])),
            grad([any(&[0, 3, 5, 6]), any(&[4, 3, 3, 2])], |v| by_weight(v[0].conv2d(v[1], None, halve()), v[1])),
            equals(
                [any(&[2, 3, 6, 7]), any(&[4, 3, 3, 2])],
                |v| by_weight(v[0].conv2d(v[1], None, halve()), v[1]),
                |v| by_weight(by_patches(v[0], v[1], halve::<2>()), v[1]),
            ),
        ]
    }
}
