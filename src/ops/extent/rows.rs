//! The sample rows of `extent.rs`.

use super::*;
use crate::at;
use crate::ops::samples::*;

impl Sampled for Triangle {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[4, 4])], |v| v[0].triu(0).exp()),
            grad([any(&[4, 6])], |v| v[0].triu(2).exp()),
            grad([any(&[6, 4])], |v| v[0].tril(-3).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].tril(1).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].permute(&[1, 2, 0]).triu(-1).exp()),
            grad([any(&[3, 3])], |v| v[0].triu(9).exp() + v[0].triu(-9) + v[0].tril(9) + v[0].tril(-9)),
            grad([any(&[3, 0])], |v| v[0].triu(0).exp()),
            grad([any(&[0, 3])], |v| v[0].tril(0).exp()),
            grad([any(&[1, 1])], |v| v[0].tril(0) * v[0]),
            value([of(&[2, 2], [1.0, f64::NAN, 3.0, 4.0])], |v| v[0].tril(0), &[1.0, 0.0, 3.0, 4.0], [&[1.0, 0.0, 1.0, 1.0]]),
            value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].triu(1), &[0.0, 2.0, 0.0, 0.0], [&[0.0, 1.0, 0.0, 0.0]]),
            adjoint(any(&[3, 5]), any(&[3, 5]), |u| u.triu(1), |v| v.triu(1)),
            refuses([any(&[4])], |v| v[0].tril(0), &["tril of [4]", "matrix", "hint: "]),
            refuses([any(&[])], |v| v[0].triu(0), &["triu of []", "matrix", "hint: "]),
        ]
    }
}

impl Sampled for Diagonal {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[3, 3])], |v| v[0].diagonal(0, 0, 1).exp()),
            grad([any(&[3, 5])], |v| v[0].diagonal(3, 0, 1).exp()),
            grad([any(&[3, 5])], |v| v[0].diagonal(-2, 0, 1).exp()),
            grad([any(&[3, 5])], |v| v[0].diagonal(1, -1, 0).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].diagonal(1, 0, 2).exp()),
            grad([any(&[3, 5])], |v| v[0].diagonal(7, 0, 1).exp()),
            grad([any(&[0, 3])], |v| v[0].diagonal(0, 0, 1).exp()),
            grad([any(&[6, 4])], |v| v[0].slice(&at![..; -2, 1..]).t().diagonal(0, 0, 1) * v[0].diagonal(1, 0, 1)),
            grad([any(&[3, 5])], |v| v[0].trace().square()),
            grad([any(&[1, 4])], |v| v[0].t().trace().square()),
            value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].diagonal(-1, 0, 1), &[3.0], [&[0.0, 0.0, 1.0, 0.0]]),
            refuses([any(&[2, 3])], |v| v[0].diagonal(0, 1, -1), &["diagonal of [2, 3]", "axes 1 and -1 are the same", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].diagonal(0, 0, 2), &["diagonal of [2, 3]", "axis 2", "hint: "]),
            refuses([any(&[2])], |v| v[0].trace(), &["trace of [2]", "matrix"]),
        ]
    }
}

impl Sampled for OnDiagonal {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[3])], |v| v[0].diag_embed(0, -2, -1).exp()),
            grad([any(&[2, 3])], |v| v[0].diag_embed(1, 0, 2).exp()),
            grad([any(&[2, 3])], |v| v[0].diag_embed(-2, -1, 0).exp()),
            grad([any(&[2, 3])], |v| v[0].t().diag_embed(0, 1, 2).exp()),
            grad([any(&[0])], |v| v[0].diag_embed(1, 0, 1).exp()),
            value([of(&[2], [1.0, 2.0])], |v| v[0].diag_embed(1, 0, 1), &[0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0], [&[1.0, 1.0]]),
            adjoint(any(&[2, 3]), any(&[4, 2, 4]), |u| u.diag_embed(1, 0, 2), |v| v.diagonal(1, 0, 2)),
            refuses([any(&[2, 3])], |v| v[0].diag_embed(0, 1, 1), &["diag_embed of [2, 3]", "are the same", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].diag_embed(0, 0, 3), &["diag_embed of [2, 3]", "axis 3", "hint: "]),
            refuses([any(&[])], |v| v[0].diag_embed(0, 0, 1), &["diag_embed of []", "hint: "]),
        ]
    }
}

impl Sampled for Windows {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[7])], |v| v[0].unfold(0, 3, 1).exp()),
            grad([any(&[7])], |v| v[0].unfold(-1, 2, 3).exp()),
            grad([any(&[5, 3])], |v| v[0].unfold(0, 3, 2).exp()),
            grad([any(&[2, 5, 3])], |v| v[0].permute(&[1, 0, 2]).unfold(0, 2, 1).exp()),
            grad([any(&[5])], |v| v[0].unfold(0, 2, 1).unfold(0, 2, 2).exp()),
            grad([any(&[4])], |v| v[0].unfold(0, 4, 9) * v[0]),
            grad([any(&[])], |v| v[0].unfold(0, 1, 1).exp()),
            grad([any(&[3])], |v| v[0].unfold(0, 0, 1).exp()),
            grad([any(&[0, 3])], |v| v[0].unfold(1, 2, 1).exp()),
            value([of(&[4], [1.0, 2.0, 3.0, 4.0])], |v| v[0].unfold(0, 3, 1), &[1.0, 2.0, 3.0, 2.0, 3.0, 4.0], [&[1.0, 2.0, 2.0, 1.0]]),
            refuses([any(&[2, 3])], |v| v[0].unfold(1, 4, 1), &["unfold of [2, 3]", "windows of 4", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].unfold(1, 2, 0), &["unfold of [2, 3]", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].unfold(2, 1, 1), &["unfold of [2, 3]", "axis 2", "hint: "]),
        ]
    }
}

impl Sampled for OverlapAdd {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let op = |axis, size, step, n| OverlapAdd { windows: Windows { axis, size, step }, n };
        vec![
            grad([any(&[3, 2])], move |v| v[0].record(op(0, 2, 1, 4)).exp()),
            grad([any(&[2, 3, 2])], move |v| v[0].permute(&[1, 0, 2]).record(op(0, 2, 2, 7)).exp()),
            grad([any(&[0, 2, 2])], move |v| v[0].record(op(1, 2, 1, 3)).exp()),
            adjoint(any(&[2, 5]), any(&[2, 2, 3]), |u| u.unfold(1, 3, 2), move |v| v.record(op(1, 3, 2, 5))),
            refuses([any(&[3, 2])], move |v| v[0].record(op(0, 2, 1, 9)), &["overlap_add of [3, 2]", "[9]", "[8, 2]"]),
        ]
    }
}

/// Methods made of slices and joins; their rows run with those of `Slice`.
pub(crate) fn compositions<T: Scalar>() -> Vec<Row<T>> {
    vec![
        grad([any(&[5])], |v| v[0].flip(0).exp() * v[0]),
        grad([any(&[2, 3, 4])], |v| v[0].flip([0, -1]).exp()),
        grad([any(&[2, 0, 4])], |v| v[0].flip(..).exp()),
        grad([any(&[])], |v| v[0].flip(0).exp()),
        value([of(&[3], [1.0, 2.0, 3.0])], |v| v[0].flip(0), &[3.0, 2.0, 1.0], [&[1.0; 3]]),
        refuses([any(&[2, 3])], |v| v[0].flip([0, -2]), &["flip of [2, 3]", "named twice", "hint: "]),
        grad([any(&[3, 5])], |v| v[0].roll(&[2, -1], &[1, 0]).exp()),
        grad([any(&[3, 5])], |v| v[0].roll(&[-7], &[]).exp()),
        value([of(&[4], [1.0, 2.0, 3.0, 4.0])], |v| v[0].roll(&[-1], &[0]), &[2.0, 3.0, 4.0, 1.0], [&[1.0; 4]]),
        value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].roll(&[5], &[]), &[4.0, 1.0, 2.0, 3.0], [&[1.0; 4]]),
        refuses([any(&[2, 2])], |v| v[0].roll(&[1, 2], &[0]), &["roll of [2, 2]", "2 shifts", "hint: "]),
        refuses([any(&[2, 2])], |v| v[0].roll(&[], &[]), &["roll of [2, 2]", "0 shifts", "hint: "]),
        refuses([any(&[2])], |v| v[0].roll(&[0], &[2]), &["roll of [2]", "axis 2", "hint: "]),
        refuses([any(&[])], |v| v[0].roll(&[0], &[0]), &["roll of []", "axis 0", "hint: "]),
        grad([any(&[5, 3])], |v| concat(&v[0].split(2, 0), 0).exp() * v[0].split(4, 0)[1]),
        grad([any(&[5, 3])], |v| v[0].split_with_sizes([1, 0, 2], -1)[2].exp()),
        grad([any(&[5, 3])], |v| v[0].chunk(3, 0)[2].exp() * v[0].chunk(2, 0)[1]),
        refuses([any(&[5, 3])], |v| v[0].split(0, 0)[0], &["split of [5, 3]", "no elements", "hint: "]),
        refuses([any(&[5, 3])], |v| v[0].split_with_sizes([4, 2], 0)[0], &["split_with_sizes of [5, 3]", "[4, 2]", "hint: "]),
        refuses([any(&[5, 3])], |v| v[0].chunk(0, 0)[0], &["chunk of [5, 3]", "0 parts", "hint: "]),
        refuses([any(&[])], |v| v[0].chunk(2, 0)[0], &["chunk of []", "axis 0", "hint: "]),
    ]
}

/// Methods made of broadcasts and reshapes; their rows run with those of `Reshape`.
pub(crate) fn repeats<T: Scalar>() -> Vec<Row<T>> {
    vec![
        grad([any(&[2, 3])], |v| v[0].repeat([2, 1, 3]).exp()),
        grad([any(&[3, 2])], |v| v[0].t().repeat([2, 2]).exp()),
        grad([any(&[3])], |v| v[0].repeat([0, 2]).exp()),
        grad([any(&[0])], |v| v[0].repeat([2, 3]).exp()),
        grad([any(&[2, 3])], |v| v[0].tile([2]).exp()),
        value([of(&[2], [1.0, 2.0])], |v| v[0].repeat([2]), &[1.0, 2.0, 1.0, 2.0], [&[2.0, 2.0]]),
        equals(
            [any(&[2, 3])],
            |v| v[0].repeat([2, 2]).exp(),
            |v| {
                let wide = concat(&[v[0], v[0]], 1);
                concat(&[wide, wide], 0).exp()
            },
        ),
        refuses([any(&[2, 3])], |v| v[0].repeat([2]), &["repeat of [2, 3]", "fewer entries", "hint: "]),
    ]
}
