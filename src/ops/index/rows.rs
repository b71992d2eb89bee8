//! The sample rows of `index.rs`.

use super::*;
use crate::ops::samples::*;

impl Sampled for Gather {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = crate::ops::sort::rows::order();
        rows.extend([
            grad([any(&[3, 5])], |v| v[0].gather(1, [[4, 0], [1, 1], [2, 3]]).exp()),
            grad([any(&[3, 5])], |v| v[0].gather(0, [[2, 2, 0, 1, 0], [2, 0, 1, 1, 2]]).exp()),
            grad([any(&[5, 3])], |v| v[0].t().gather(-1, [[4, 0], [1, 1], [2, 3]]).exp()),
            grad([any(&[7])], |v| v[0].gather(0, [6, 6, 6, 0]) * v[0].gather(0, [1, 6, 2, 0])),
            grad([any(&[3, 5])], |v| v[0].gather(1, Indices::new(&[3, 0], [0; 0])).exp()),
            grad([any(&[2, 3, 2])], |v| v[0].gather(1, Indices::new(&[2, 1, 2], [2, 0, 1, 2])).exp()),
            grad([any(&[4])], |v| v[0].broadcast_to([3, 4]).gather(1, [[1], [1], [3]]).exp()),
            value([of(&[3], [1.0, 2.0, 3.0])], |v| v[0].gather(0, [2, 0, 2]), &[3.0, 1.0, 3.0], [&[1.0, 0.0, 2.0]]),
            adjoint(
                any(&[3, 4]),
                any(&[3, 2]),
                |u| u.gather(1, [[3, 3], [0, 1], [2, 0]]),
                |v| v.record(ScatterAdd { axis: 1, index: [[3, 3], [0, 1], [2, 0]].into(), shape: [3, 4].into() }),
            ),
            refuses([any(&[3])], |v| v[0].gather(0, [3]), &["gather of [3]", "index 3 (at position 0) is out of range", "hint: "]),
            refuses([any(&[3])], |v| v[0].gather(0, [0, -1]), &["gather of [3]", "index -1 (at position 1)", "hint: "]),
            refuses([any(&[3, 2])], |v| v[0].gather(0, [1]), &["gather of [3, 2]", "shape [1]", "hint: "]),
            refuses([any(&[2, 2])], |v| v[0].gather(1, [[0], [0], [1]]), &["gather of [2, 2]", "[3, 1]", "hint: "]),
            refuses([any(&[2])], |v| v[0].gather(1, [0]), &["gather of [2]", "axis 1", "hint: "]),
            // A number has one element. An empty array of indices may have any shape.
            grad([any(&[])], |v| v[0].gather(0, [0, 0]).exp()),
            grad([any(&[])], |v| v[0].gather(-1, Indices::new(&[], [0])).exp()),
            grad([any(&[5])], |v| v[0].gather(0, Indices::new(&[], [3])).exp()),
            grad([any(&[5])], |v| v[0].gather(0, Indices::new(&[2, 0], [0; 0])).exp()),
            grad([any(&[5, 4])], |v| v[0].take_along_dim(1, [[3, 0]]).exp()),
            grad([any(&[1, 4])], |v| v[0].take_along_dim(-1, [[3, 0], [1, 1], [2, 2]]).exp()),
            grad([any(&[])], |v| v[0].take_along_dim(0, [0, 0]).exp()),
            equals([any(&[3, 4])], |v| v[0].take_along_dim(1, v[0].argsort(1, true)).exp(), |v| v[0].sort(1, true).0.exp()),
            refuses([any(&[3, 4])], |v| v[0].take_along_dim(1, [[0], [1]]), &["take_along_dim of [3, 4]", "[2, 1]", "hint: "]),
            refuses([any(&[3, 4])], |v| v[0].take_along_dim(1, [0]), &["take_along_dim of [3, 4]", "[1]", "hint: "]),
            refuses([any(&[3, 4])], |v| v[0].take_along_dim(1, [[4]]), &["take_along_dim of [3, 4]", "index 4", "hint: "]),
            equals([any(&[])], |v| v[0].gather(-1, Indices::new(&[], [0])).exp(), |v| v[0].exp()),
            equals([any(&[])], |v| v[0].gather(0, [0, 0]).exp(), |v| v[0].exp().broadcast_to([2])),
            refuses([any(&[])], |v| v[0].gather(0, [[0]]), &["gather of [1]", "[1, 1]", "hint: "]),
            equals([any(&[3, 4])], |v| v[0].take_along_dim(1, [[-1, 0]]).exp(), |v| v[0].take_along_dim(1, [[3, 0]]).exp()),
        ]);
        rows
    }
}

impl Sampled for ScatterAdd {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[3, 4]), any(&[3, 2])], |v| v[0].scatter_add(1, [[3, 3], [0, 1], [2, 0]], v[1]).exp()),
            grad([any(&[4]), any(&[3])], |v| v[0].scatter_add(0, [1, 1, 1], v[1]).exp()),
            grad([any(&[3, 4]), any(&[4, 2])], |v| v[0].scatter_add(0, [[0, 1, 2, 0], [0, 2, 2, 1]], v[1].t()).exp()),
            grad([any(&[2]), any(&[0])], |v| {
                let v1 = v[1].record(ScatterAdd { axis: 0, index: Vec::<usize>::new().into(), shape: [2].into() });
                v[0].scatter_add(0, Vec::<usize>::new(), v[1]).exp() + v1
            }),
            grad([any(&[]), any(&[])], |v| v[0].scatter_add(0, Indices::new(&[], [0]), v[1]).exp()),
            grad([any(&[3]), any(&[5])], |v| v[0].scatter_add(0, [2, 2], v[1]).exp()),
            grad([any(&[3, 4]), any(&[2, 5])], |v| v[0].scatter_add(1, [[3, 3, 1]], v[1]).exp()),
            grad([any(&[3])], |v| v[0].scatter_add(0, [2, 2, 0], v[0]).square()),
            value(
                [of(&[2], [1.0, 2.0]), of(&[3], [10.0, 20.0, 40.0])],
                |v| v[0].scatter_add(0, [1, 1, 0], v[1]),
                &[41.0, 32.0],
                [&[1.0; 2], &[1.0; 3]],
            ),
            refuses(
                [any(&[2]), any(&[1])],
                |v| v[0].scatter_add(0, [1, 1], v[1]),
                &["scatter_add of [1]", "values of shape [1] do not fill indices of shape [2]", "hint: "],
            ),
            refuses(
                [any(&[2]), any(&[3])],
                |v| v[1].record(ScatterAdd { axis: 0, index: [1].into(), shape: v[0].shape() }),
                &["scatter_add of [3]", "indices of shape [1] need values of that shape"],
            ),
            equals(
                [any(&[3]), any(&[2, 0])],
                |v| (v[0] + v[1].record(ScatterAdd { axis: 0, index: Indices::new(&[2, 0], [0; 0]), shape: v[0].shape() })).exp(),
                |v| v[0].scatter_add(0, Indices::new(&[2, 0], [0; 0]), v[1]).exp(),
            ),
            equals([any(&[]), any(&[])], |v| v[0].scatter_add(0, Indices::new(&[], [0]), v[1]).exp(), |v| (v[0] + v[1]).exp()),
            equals([any(&[]), any(&[2])], |v| v[0].scatter_add(-1, [0, 0], v[1]).exp(), |v| (v[0] + v[1].sum()).exp()),
            refuses([any(&[2]), any(&[1])], |v| v[0].scatter_add(0, [2], v[1]), &["scatter_add of [1]", "index 2", "hint: "]),
        ]
    }
}

impl Sampled for IndexSelect {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = crate::ops::sort::rows::medians();
        rows.extend(crate::ops::advanced::rows::indexing());
        rows.extend(replacements());
        rows.extend(crate::ops::embedding::rows::rows());
        rows.extend([
            grad([any(&[5, 3])], |v| v[0].index_select(0, [4, 0, 4]).exp()),
            grad([any(&[])], |v| v[0].index_select(-1, [0]).exp()),
            grad([any(&[4, 3, 2])], |v| v[0].permute(&[2, 0, 1]).index_select(1, [3, 0, 3]).exp()),
            grad([any(&[4, 3, 2])], |v| v[0].permute(&[2, 1, 0]).index_select(0, [1, 1]).exp()),
            grad([any(&[7])], |v| v[0].slice(&crate::at![..; -2]).index_select(0, [1, 1, 3]).exp()),
            grad([any(&[3])], |v| v[0].broadcast_to([2, 3]).index_select(0, [1, 1, 0]).exp()),
            grad([any(&[2, 5, 3])], |v| v[0].index_select(1, [1, 1, 0]).exp()),
            grad([any(&[5, 3])], |v| v[0].t().index_select(-1, [4, 0]).exp()),
            grad([any(&[5])], |v| v[0].index_select(0, [2, 3]) * v[0].index_select(0, [2, 2])),
            grad([any(&[5, 3])], |v| v[0].index_select(0, Vec::<u8>::new()).exp()),
            grad([any(&[5, 0])], |v| v[0].index_select(0, [1_i64]).exp()),
            value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].index_select(0, [1, 1]), &[3.0, 4.0, 3.0, 4.0], [&[0.0, 0.0, 2.0, 2.0]]),
            adjoint(
                any(&[3, 4, 2]),
                any(&[3, 5, 2]),
                |u| u.index_select(1, [3, 3, 0, 1, 3]),
                |v| v.record(IndexAdd { axis: 1, index: [3, 3, 0, 1, 3].into(), size: 4 }),
            ),
            equals([any(&[])], |v| v[0].index_select(-1, [0]).exp(), |v| v[0].exp()),
            equals([any(&[3])], |v| v[0].index_select(0, Indices::new(&[], [2])).exp(), |v| v[0].index_select(0, [2]).exp()),
            refuses([any(&[])], |v| v[0].index_select(0, [0, 0]), &["index_select of []", "one element", "hint: "]),
            refuses([any(&[])], |v| v[0].index_select(0, [1]), &["index_select of [1]", "index 1", "hint: "]),
            refuses([any(&[3])], |v| v[0].index_select(0, [3]), &["index_select of [3]", "index 3 (at position 0)", "hint: "]),
            refuses([any(&[3])], |v| v[0].index_select(0, [[1]]), &["index_select of [3]", "[1, 1]", "hint: "]),
            refuses([any(&[3])], |v| v[0].index_select(1, [0]), &["index_select of [3]", "axis 1", "hint: "]),
        ]);
        rows
    }
}

/// Replacing is made of `index_select` and `where_cond`.
fn replacements<T: Scalar>() -> Vec<Row<T>> {
    vec![
        grad([any(&[3, 4]), any(&[2, 4])], |v| v[0].scatter(0, [[2, 0, 1, 0], [0, 1, 2, 1]], v[1]).exp()),
        grad([any(&[3, 4]), any(&[3, 2])], |v| v[0].t().scatter(0, [[3, 1, 0]], v[1].t()).exp()),
        grad([any(&[3, 4]), any(&[])], |v| v[0].scatter(1, [[3], [1], [1]], v[1]).exp()),
        grad([any(&[]), any(&[])], |v| v[0].scatter(0, Indices::new(&[], [0]), v[1]).exp() * v[0]),
        grad([any(&[3])], |v| v[0].scatter(0, [1, 2], v[0]).square()),
        // If two values go to one place, the last counts.
        value(
            [of(&[2], [1.0, 2.0]), of(&[3], [10.0, 20.0, 30.0])],
            |v| v[0].scatter(0, [1, 1], v[1]),
            &[1.0, 20.0],
            [&[1.0, 0.0], &[0.0, 1.0, 0.0]],
        ),
        value([of(&[2], [f64::NAN, 2.0]), of(&[], [5.0])], |v| v[0].scatter(0, [0], v[1]), &[5.0, 2.0], [&[0.0, 1.0], &[1.0]]),
        refuses([any(&[3, 5])], |v| v[0].scatter(0, [[34, 0]], v[0]), &["scatter of [3, 5]", "index 34", "hint: "]),
        refuses([any(&[3, 5]), any(&[1])], |v| v[0].scatter(0, [[0, 0]], v[1]), &["scatter of [1]", "values of shape [1]", "hint: "]),
        grad([any(&[4, 3]), any(&[2, 3])], |v| v[0].index_copy(0, [3, 1], v[1]).exp()),
        grad([any(&[3, 4]), any(&[2, 3])], |v| v[0].index_copy(-1, [3, 1], v[1].t()).exp()),
        grad([any(&[]), any(&[])], |v| v[0].index_copy(0, [0], v[1]).exp() * v[0]),
        value(
            [of(&[3], [1.0, 2.0, 3.0]), of(&[2], [7.0, 8.0])],
            |v| v[0].index_copy(0, [2, 2], v[1]),
            &[1.0, 2.0, 8.0],
            [&[1.0, 1.0, 0.0], &[0.0, 1.0]],
        ),
        refuses([any(&[3]), any(&[1])], |v| v[0].index_copy(0, [3], v[1]), &["index_copy of [3] and [1]", "index 3", "hint: "]),
        grad([any(&[4, 3]), any(&[])], |v| v[0].index_fill(1, [2, 0, 2], v[1]).exp()),
        value([of(&[2], [1.0, 2.0]), of(&[], [9.0])], |v| v[0].index_fill(0, [0], v[1]), &[9.0, 2.0], [&[0.0, 1.0], &[1.0]]),
        refuses([any(&[2]), any(&[1])], |v| v[0].index_fill(0, [0], v[1]), &["index_fill of [2] and [1]", "one number", "hint: "]),
    ]
}

impl Sampled for IndexAdd {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let op = |size| IndexAdd { axis: 0, index: [1, 1, 0].into(), size };
        vec![
            grad([any(&[4, 3]), any(&[2, 3])], |v| v[0].index_add(0, [3, 3], v[1], -2.0).exp()),
            grad([any(&[3, 4]), any(&[2, 3])], |v| v[0].index_add(1, [0, 2], v[1].t(), 1.0).exp()),
            grad([any(&[]), any(&[])], |v| v[0].index_add(0, [0], v[1], 0.5).exp()),
            refuses(
                [any(&[3, 2]), any(&[2])],
                |v| v[0].index_add(0, [0, 1], v[1], 1.0),
                &["index_add of [3, 2] and [2]", "slices of shape [2, 2], not [2]", "hint: "],
            ),
            grad([any(&[3, 2])], move |v| v[0].record(op(4)).exp()),
            grad([any(&[2, 3])], move |v| v[0].t().record(op(2)).exp()),
            grad([any(&[3, 0])], move |v| v[0].record(op(2)).exp()),
            value([of(&[3], [1.0, 2.0, 4.0])], move |v| v[0].record(op(3)), &[4.0, 3.0, 0.0], [&[1.0; 3]]),
            refuses([any(&[3])], move |v| v[0].record(op(1)), &["index_add of [3]", "index 1", "hint: "]),
            refuses([any(&[2])], move |v| v[0].record(op(2)), &["index_add of [2]", "3 indices need as many slices"]),
        ]
    }
}
