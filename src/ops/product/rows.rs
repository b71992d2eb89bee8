//! The sample rows of `product.rs`.

use super::*;
use crate::ops::samples::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

impl Sampled for MatMul {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let shapes: [[&[usize]; 2]; 17] = [
            [&[3, 5], &[5, 4]],
            [&[1, 1], &[1, 1]],
            [&[1, 7], &[7, 1]],
            [&[7, 1], &[1, 3]],
            [&[19, 17], &[17, 5]],
            [&[5], &[5]],
            [&[5], &[5, 3]],
            [&[3, 5], &[5]],
            [&[0, 3], &[3, 2]],
            [&[2, 0], &[0, 3]],
            [&[2, 3], &[3, 0]],
            [&[2, 3, 4], &[2, 4, 5]],
            [&[2, 3, 4], &[4, 5]],
            [&[3, 4], &[2, 4, 5]],
            [&[2, 1, 3, 4], &[5, 4, 2]],
            [&[2, 3, 4], &[4]],
            [&[4], &[2, 4, 3]],
        ];
        let mut rows: Vec<Row<T>> = shapes.map(|[a, b]| grad([any(a), any(b)], |v| v[0].matmul(v[1]))).into();
        rows.extend([
            grad([any(&[4, 4])], |v| v[0].matmul(v[0])),
            grad([any(&[3, 4])], |v| v[0].matmul(v[0].t())),
            grad([any(&[5, 3]), any(&[4, 5])], |v| v[0].t().matmul(v[1].t())),
            grad([any(&[2, 3, 4]), any(&[3, 5, 4])], |v| {
                v[0].permute(&[1, 0, 2]).matmul(v[1].transpose(1, 2).slice(&crate::at![.., .., ..4]))
            }),
            grad([any(&[5, 4]), any(&[6, 3])], |v| v[0].slice(&crate::at![..; -2]).matmul(v[1].slice(&crate::at![1..5]))),
            grad([any(&[4]), any(&[4, 2])], |v| v[0].broadcast_to([3, 4]).matmul(v[1])),
            grad([any(&[3, 3])], |v| v[0].tape().grad_with(v[0].matmul(v[0].exp()), v[0], &[v[0]])[0].expect("depends on x")),
            equals([any(&[3, 4]), any(&[4, 5])], |v| v[0].matmul(v[1]), |v| (v[0].unsqueeze(2) * v[1]).sum_axes(1, false)),
            value(
                [of(&[2, 2], [1.0, 2.0, 3.0, 4.0]), of(&[2], [1.0, -1.0])],
                |v| v[0].matmul(v[1]),
                &[-1.0, -1.0],
                [&[1.0, -1.0, 1.0, -1.0], &[4.0, 6.0]],
            ),
            value([of(&[1, 2], [0.0, NAN]), of(&[2, 1], [INF, 1.0])], |v| v[0].matmul(v[1]), &[NAN], [&[INF, 1.0], &[0.0, NAN]]),
            value([of(&[2, 0], []), of(&[0, 1], [])], |v| v[0].matmul(v[1]), &[0.0, 0.0], [&[], &[]]),
            refuses([any(&[2, 3]), any(&[2, 3])], |v| v[0].matmul(v[1]), &["matmul of [2, 3] and [2, 3]", "(3)", "(2)", "hint: "]),
            refuses([any(&[]), any(&[3])], |v| v[0].matmul(v[1]), &["matmul of [] and [3]", "hint: "]),
            refuses([any(&[3]), any(&[4])], |v| v[0].matmul(v[1]), &["matmul of [3] and [4]", "hint: "]),
            refuses(
                [any(&[2, 3, 4]), any(&[3, 4, 5])],
                |v| v[0].matmul(v[1]),
                &["matmul of [2, 3, 4] and [3, 4, 5]", "the batches [2] and [3] do not broadcast"],
            ),
            refuses([any(&[3]), any(&[3, 2])], |v| v[0].record2(MatMul, v[1]), &["matmul of [3] and [3, 2]", "hint: "]),
        ]);
        rows.extend(of_one_shape());
        rows.extend(tensordots());
        rows.extend([
            grad([any(&[2, 3]), any(&[2, 4]), any(&[5, 3, 4]), any(&[5])], |v| v[0].bilinear(v[1], v[2], Some(v[3]))),
            grad([any(&[3]), any(&[4]), any(&[5, 3, 4])], |v| v[0].bilinear(v[1], v[2], None)),
            grad([any(&[0, 3]), any(&[0, 4]), any(&[5, 3, 4])], |v| v[0].bilinear(v[1], v[2], None)),
            equals(
                [any(&[2, 3, 2]), any(&[2, 3, 4]), any(&[1, 2, 4])],
                |v| v[0].bilinear(v[1], v[2], None),
                |v| (v[0].unsqueeze(-2).matmul(v[2].reshape([2, 4])) * v[1].unsqueeze(-2)).sum_axes(-1, false),
            ),
            refuses(
                [any(&[2, 3]), any(&[2, 4]), any(&[5, 4, 3])],
                |v| v[0].bilinear(v[1], v[2], None),
                &["bilinear of [2, 3] and [2, 4] and [5, 4, 3]", "hint: "],
            ),
        ]);
        rows
    }
}

/// dot, mv, mm, bmm, outer, addmm, baddbmm.
fn of_one_shape<T: Scalar>() -> Vec<Row<T>> {
    const SCALED: AddmmOptions = AddmmOptions { beta: 0.2, alpha: -0.6 };
    const ONLY: AddmmOptions = AddmmOptions { beta: 0.0, alpha: 1.0 };
    vec![
        grad([any(&[5]), any(&[5])], |v| v[0].dot(v[1])),
        grad([any(&[5])], |v| v[0].dot(v[0])),
        value([of(&[0], []), of(&[0], [])], |v| v[0].dot(v[1]), &[0.0], [&[], &[]]),
        value([of(&[2], [1.0, 2.0]), of(&[2], [3.0, -1.0])], |v| v[0].dot(v[1]), &[1.0], [&[3.0, -1.0], &[1.0, 2.0]]),
        grad([any(&[3, 5]), any(&[5])], |v| v[0].mv(v[1])),
        grad([any(&[3, 0]), any(&[0])], |v| v[0].mv(v[1])),
        grad([any(&[3, 5]), any(&[5, 2])], |v| v[0].mm(v[1])),
        grad([any(&[2, 3, 4]), any(&[2, 4, 1])], |v| v[0].bmm(v[1])),
        grad([any(&[0, 3, 4]), any(&[0, 4, 5])], |v| v[0].bmm(v[1])),
        grad([any(&[2, 4]), any(&[3, 2, 5])], |v| v[0].t().broadcast_to([3, 4, 2]).bmm(v[1])),
        equals([any(&[3]), any(&[4])], |v| v[0].outer(v[1]).matmul(v[1]), |v| v[0].unsqueeze(1).matmul(v[1].unsqueeze(0)).matmul(v[1])),
        equals([any(&[0]), any(&[4])], |v| v[0].outer(v[1]).matmul(v[1]), |v| v[0].unsqueeze(1).matmul(v[1].unsqueeze(0)).matmul(v[1])),
        grad([any(&[3, 2]), any(&[3, 4]), any(&[4, 2])], |v| v[0].addmm(v[1], v[2], AddmmOptions::default())),
        grad([any(&[2]), any(&[3, 4]), any(&[4, 2])], |v| v[0].addmm(v[1], v[2], SCALED)),
        grad([any(&[1, 1]), any(&[3, 0]), any(&[0, 2])], |v| v[0].addmm(v[1], v[2], SCALED)),
        grad([any(&[]), any(&[3, 2, 4]), any(&[3, 4, 2])], |v| v[0].baddbmm(v[1], v[2], SCALED)),
        grad([any(&[3, 1, 2]), any(&[3, 2, 4]), any(&[3, 4, 2])], |v| v[0].baddbmm(v[1], v[2], AddmmOptions::default())),
        equals(
            [any(&[2]), any(&[3, 4]), any(&[4, 2])],
            |v| v[0].addmm(v[1], v[2], SCALED),
            |v| v[0] * v[0].number(0.2) - v[1].matmul(v[2]) * v[0].number(0.6),
        ),
        // An array that is multiplied by 0 is ignored, whatever its values.
        equals([of(&[1], [NAN]), any(&[3, 4]), any(&[4, 2])], |v| v[0].addmm(v[1], v[2], ONLY), |v| v[1].matmul(v[2])),
        equals([of(&[], [INF]), any(&[1, 3, 4]), any(&[1, 4, 2])], |v| v[0].baddbmm(v[1], v[2], ONLY), |v| v[1].matmul(v[2])),
        refuses([any(&[3]), any(&[4])], |v| v[0].dot(v[1]), &["dot of [3] and [4]", "needs shapes [k] and [k]", "hint: "]),
        refuses([any(&[1]), any(&[3])], |v| v[0].dot(v[1]), &["dot of [1] and [3]", "hint: "]),
        refuses([any(&[1, 1]), any(&[3])], |v| v[0].dot(v[1]), &["dot of [1, 1] and [3]", "hint: "]),
        refuses([any(&[3, 4]), any(&[3])], |v| v[0].mv(v[1]), &["mv of [3, 4] and [3]", "[m, k] and [k]", "hint: "]),
        refuses([any(&[2, 3, 4]), any(&[4])], |v| v[0].mv(v[1]), &["mv of [2, 3, 4] and [4]", "hint: "]),
        refuses([any(&[3, 4]), any(&[3, 4])], |v| v[0].mm(v[1]), &["mm of [3, 4] and [3, 4]", "hint: "]),
        refuses([any(&[1, 3, 4]), any(&[2, 4, 3])], |v| v[0].bmm(v[1]), &["bmm of [1, 3, 4] and [2, 4, 3]", "[b, m, k]", "hint: "]),
        refuses([any(&[3, 4]), any(&[4])], |v| v[0].outer(v[1]), &["outer of [3, 4] and [4]", "two vectors", "hint: "]),
        refuses([any(&[3]), any(&[3, 4]), any(&[4, 2])], |v| v[0].addmm(v[1], v[2], ONLY), &["addmm of [3] and [3, 2]", "hint: "]),
        refuses([any(&[1, 3, 2]), any(&[3, 4]), any(&[4, 2])], |v| v[0].addmm(v[1], v[2], SCALED), &["addmm of [1, 3, 2]", "hint: "]),
    ]
}

fn tensordots<T: Scalar>() -> Vec<Row<T>> {
    vec![
        grad([any(&[2, 3, 4]), any(&[3, 4, 2])], |v| v[0].tensordot(v[1], 2)),
        grad([any(&[2, 3]), any(&[3])], |v| v[0].tensordot(v[1], 1)),
        grad([any(&[2, 3]), any(&[2])], |v| v[0].tensordot(v[1], 0)),
        grad([any(&[2, 3]), any(&[2, 3])], |v| v[0].tensordot(v[1], 2)),
        grad([any(&[]), any(&[2])], |v| v[0].tensordot(v[1], 0)),
        grad([any(&[2, 0]), any(&[0, 3])], |v| v[0].tensordot(v[1], 1)),
        grad([any(&[2, 3, 4]), any(&[5, 4, 2])], |v| v[0].tensordot_axes(v[1], &[0, -1], &[2, 1])),
        grad([any(&[4, 3, 2]), any(&[2, 3])], |v| v[0].permute(&[2, 0, 1]).tensordot_axes(v[1].t(), &[-1, 0], &[0, 1])),
        grad([any(&[2, 2, 1]), any(&[2, 1, 2])], |v| v[0].tensordot_axes(v[1], &[0, 1], &[2, 0])),
        grad([any(&[1, 1, 3]), any(&[2, 4, 2])], |v| v[0].tensordot_axes(v[1], &[0, 1], &[2, 0])),
        grad([any(&[3, 3])], |v| v[0].tensordot_axes(v[0], &[0], &[1])),
        equals(
            [any(&[2, 3, 4]), any(&[5, 4, 2])],
            |v| v[0].tensordot_axes(v[1], &[0, 2], &[2, 1]).exp(),
            |v| (v[0].permute(&[1, 0, 2]).unsqueeze(1) * v[1].permute(&[0, 2, 1])).sum_axes([2, 3], false).exp(),
        ),
        refuses([any(&[2, 3]), any(&[2, 3])], |v| v[0].tensordot(v[1], 1), &["tensordot of [2, 3] and [2, 3]", "size 3", "hint: "]),
        refuses([any(&[2]), any(&[2, 3])], |v| v[0].tensordot(v[1], 2), &["tensordot of [2] and [2, 3]", "no 2 axes", "hint: "]),
        refuses([any(&[2, 2]), any(&[2])], |v| v[0].tensordot_axes(v[1], &[0, 1], &[0]), &["tensordot", "[0, 1] names 2 axes", "hint: "]),
        refuses([any(&[2, 2]), any(&[2])], |v| v[0].tensordot_axes(v[1], &[2], &[0]), &["tensordot", "axis 2 is out of range", "hint: "]),
        refuses([any(&[2, 2]), any(&[2, 2])], |v| v[0].tensordot_axes(v[1], &[0, 0], &[0, 1]), &["tensordot", "named twice", "hint: "]),
    ]
}

impl Sampled for FullyConnected {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let shapes: [[&[usize]; 3]; 9] = [
            [&[3, 5], &[4, 5], &[4]],
            [&[1, 1], &[1, 1], &[1]],
            [&[17, 9], &[5, 9], &[5]],
            [&[5], &[4, 5], &[4]],
            [&[2, 3, 5], &[4, 5], &[4]],
            [&[0, 5], &[4, 5], &[4]],
            [&[3, 0], &[4, 0], &[4]],
            [&[3, 5], &[0, 5], &[0]],
            [&[2, 0, 5], &[4, 5], &[4]],
        ];
        let mut rows: Vec<Row<T>> = shapes.map(|[x, w, b]| grad([any(x), any(w), any(b)], |v| v[0].linear(v[1], v[2]))).into();
        rows.extend([
            grad([any(&[5, 3]), any(&[5, 4]), any(&[8])], |v| v[0].t().linear(v[1].t(), v[2].slice(&crate::at![..; -2]))),
            grad([any(&[4, 4]), any(&[])], |v| v[0].linear(v[0], v[1].broadcast_to([4]))),
            equals([any(&[3, 5]), any(&[4, 5]), any(&[4])], |v| v[0].linear(v[1], v[2]), |v| v[0].matmul(v[1].t()) + v[2]),
            equals(
                [any(&[2, 3, 5]), any(&[4, 5]), any(&[4])],
                |v| v[0].linear(v[1], v[2]).tanh(),
                |v| (v[0].matmul(v[1].t()) + v[2]).tanh(),
            ),
            value(
                [of(&[1, 2], [1.0, 2.0]), of(&[1, 2], [3.0, 4.0]), of(&[1], [0.5])],
                |v| v[0].linear(v[1], v[2]),
                &[11.5],
                [&[3.0, 4.0], &[1.0, 2.0], &[1.0]],
            ),
            refuses(
                [any(&[3, 5]), any(&[5, 4]), any(&[4])],
                |v| v[0].linear(v[1], v[2]),
                &["linear of [3, 5] and [5, 4] and [4]", "[out, in]", "hint: "],
            ),
            refuses([any(&[3, 5]), any(&[4, 5]), any(&[1])], |v| v[0].linear(v[1], v[2]), &["linear of [3, 5] and [4, 5] and [1]"]),
            refuses([any(&[]), any(&[4, 5]), any(&[4])], |v| v[0].linear(v[1], v[2]), &["linear of [] and [4, 5] and [4]"]),
        ]);
        rows
    }
}

impl Sampled for SumRows {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[3, 5])], |v| v[0].record(SumRows).square()),
            grad([any(&[5, 3])], |v| v[0].t().record(SumRows).square()),
            grad([any(&[0, 3])], |v| v[0].record(SumRows)),
            equals([any(&[3, 5])], |v| v[0].square().record(SumRows), |v| v[0].square().sum_axes(0, false)),
            adjoint(any(&[3, 5]), any(&[5]), |u| u.record(SumRows), |v| v.broadcast_to([3, 5])),
        ]
    }
}
