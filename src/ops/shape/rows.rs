//! The sample rows of `shape.rs`.

use super::*;
use crate::at;
use crate::ops::samples::*;

impl Sampled for Contiguous {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[3, 5])], |v| v[0].t().contiguous().square()),
            grad([any(&[2, 3, 4])], |v| v[0].permute(&[2, 0, 1]).contiguous() * v[0].permute(&[2, 0, 1])),
            grad([any(&[3])], |v| v[0].broadcast_to([2, 3]).contiguous().exp()),
            grad([any(&[9])], |v| v[0].slice(&at![..; -2]).contiguous().exp()),
            value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].t().contiguous(), &[1.0, 3.0, 2.0, 4.0], [&[1.0; 4]]),
        ]
    }
}

impl Sampled for Detach {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            constant([of(&[2], [1.0, f64::NAN])], |v| v[0].detach(), &[1.0, f64::NAN]),
            constant([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].t().detach(), &[1.0, 3.0, 2.0, 4.0]),
            value([of(&[2], [3.0, -1.0])], |v| v[0] * v[0].detach(), &[9.0, 1.0], [&[3.0, -1.0]]),
            value([of(&[0], [])], |v| v[0] * v[0].detach(), &[], [&[]]),
        ]
    }
}

impl Sampled for BroadcastTo {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[])], |v| v[0].broadcast_to([2, 3]).square()),
            grad([any(&[3])], |v| v[0].broadcast_to([2, 3]).exp()),
            grad([any(&[3, 1])], |v| v[0].broadcast_to([2, 3, 4]).exp()),
            grad([any(&[1, 1])], |v| v[0].broadcast_to([1, 5]).exp()),
            grad([any(&[1])], |v| v[0].broadcast_to([0]).exp()),
            grad([any(&[0, 1])], |v| v[0].broadcast_to([2, 0, 3]).exp()),
            grad([any(&[4, 3])], |v| v[0].t().broadcast_to([2, 3, 4]).exp()),
            grad([any(&[7])], |v| v[0].slice(&at![..; -3]).broadcast_to([2, 3]) * v[0].slice(&at![..3])),
            value([of(&[2], [1.0, 2.0])], |v| v[0].broadcast_to([2, 2]), &[1.0, 2.0, 1.0, 2.0], [&[2.0, 2.0]]),
            adjoint(any(&[3, 1]), any(&[2, 3, 4]), |u| u.broadcast_to([2, 3, 4]), |v| v.sum_to([3, 1])),
            adjoint(any(&[]), any(&[2, 3]), |u| u.broadcast_to([2, 3]), |v| v.sum_to(())),
            refuses([any(&[2])], |v| v[0].broadcast_to([3]), &["broadcast_to of [2]", "does not broadcast to [3]", "hint: "]),
            grad([any(&[2, 1])], |v| v[0].expand([3, -1, 4]).exp()),
            refuses([any(&[2])], |v| v[0].expand([-1, 2]), &["expand of [2]", "-1", "hint: "]),
            refuses([any(&[2, 1])], |v| v[0].expand([2]), &["expand of [2, 1]", "fewer axes", "hint: "]),
            refuses([any(&[2])], |v| v[0].expand([3]), &["broadcast_to of [2]", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].broadcast_to([3]), &["broadcast_to of [2, 3]", "does not broadcast to [3]"]),
            refuses([any(&[3])], |v| v[0].broadcast_to([1]), &["broadcast_to of [3]", "does not broadcast to [1]"]),
        ]
    }
}

impl Sampled for SumTo {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[2, 3, 4])], |v| v[0].sum_to([3, 1]).square()),
            grad([any(&[2, 3])], |v| v[0].sum_to(()).square()),
            grad([any(&[4, 3, 2])], |v| v[0].permute(&[2, 1, 0]).sum_to([1, 4]).square()),
            grad([any(&[0, 3])], |v| v[0].sum_to([3]).square()),
            grad([any(&[3])], |v| v[0].broadcast_to([5, 3]).sum_to([1]).square()),
            value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].sum_to([2, 1]), &[3.0, 7.0], [&[1.0; 4]]),
            adjoint(any(&[2, 3, 4]), any(&[1, 4]), |u| u.sum_to([1, 4]), |v| v.broadcast_to([2, 3, 4])),
            refuses([any(&[2, 3])], |v| v[0].sum_to([2]), &["sum_to of [2, 3]", "[2] does not broadcast to [2, 3]"]),
        ]
    }
}

impl Sampled for Reshape {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        let mut rows = crate::ops::extent::rows::repeats();
        rows.extend([
            grad([any(&[3, 4])], |v| v[0].reshape([2, -1]).exp()),
            grad([any(&[3, 4])], |v| v[0].t().reshape([2, 6]).exp()),
            grad([any(&[4, 6])], |v| v[0].t().reshape([2, 3, 4]).exp()),
            grad([any(&[3])], |v| v[0].broadcast_to([4, 3]).reshape([2, 6]).exp()),
            grad([any(&[6])], |v| v[0].reshape([2, 3]) * v[0].reshape([1, 2, 3])),
            grad([any(&[])], |v| v[0].reshape([1, 1]).exp()),
            grad([any(&[0, 3])], |v| v[0].reshape([3, 0]).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].flatten(1, -1).exp()),
            grad([any(&[2, 1, 3])], |v| v[0].squeeze(1).unsqueeze(-1).squeeze(..).exp()),
            value([of(&[4], [1.0, 2.0, 3.0, 4.0])], |v| v[0].reshape([2, 2]).t(), &[1.0, 3.0, 2.0, 4.0], [&[1.0; 4]]),
            adjoint(any(&[4, 3]), any(&[2, 6]), |u| u.t().reshape([2, 6]), |v| v.reshape([3, 4]).t()),
            refuses([any(&[2, 3])], |v| v[0].reshape([4]), &["reshape of [2, 3]", "6 elements", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].reshape([4, -1]), &["reshape of [2, 3]", "[4, -1]", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].reshape([-1, -1]), &["reshape of [2, 3]", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].reshape([-2, 3]), &["reshape of [2, 3]", "hint: "]),
            refuses([any(&[0, 3])], |v| v[0].reshape([0, -1]), &["reshape of [0, 3]", "hint: "]),
            equals([any(&[])], |v| v[0].unsqueeze(0).squeeze(0).squeeze(-1).transpose(0, -1).exp(), |v| v[0].exp()),
            refuses([any(&[])], |v| v[0].transpose(0, 1), &["transpose of []", "axis 0", "hint: "]),
            grad([any(&[1, 2, 1, 1])], |v| v[0].squeeze([0, -1, 1]).unsqueeze(0).exp()),
            grad([any(&[1, 6, 2])], |v| v[0].unflatten(1, [2, -1]).exp()),
            refuses([any(&[2, 6])], |v| v[0].unflatten(1, [2, 4]), &["unflatten of [2, 6]", "axis 1 of size 6 is not [2, 4]", "hint: "]),
            refuses([any(&[2, 6])], |v| v[0].unflatten(1, [4, -1]), &["unflatten of [2, 6]", "6 elements", "[4, -1]", "hint: "]),
            refuses([any(&[2, 1])], |v| v[0].squeeze([1, -1]), &["squeeze of [2, 1]", "named twice", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].squeeze(2), &["squeeze of [2, 3]", "axis 2", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].unsqueeze(3), &["unsqueeze of [2, 3]", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].flatten(1, 0), &["flatten of [2, 3]", "axis 1 comes after axis 0"]),
        ]);
        rows
    }
}

impl Sampled for Permute {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[2, 3, 4])], |v| v[0].permute(&[2, 0, 1]).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].permute(&[1, 2, 0]).permute(&[1, 2, 0]).exp()),
            grad([any(&[2, 0, 4])], |v| v[0].permute(&[-1, 0, 1]).exp()),
            grad([any(&[2, 3, 4])], |v| v[0].transpose(0, 1).exp()),
            grad([any(&[])], |v| v[0].permute(&[]).exp()),
            grad([any(&[3, 3])], |v| v[0] * v[0].permute(&[1, 0])),
            grad([any(&[2, 3, 4])], |v| v[0].movedim(&[0], &[-1]).exp()),
            equals([any(&[2, 3, 4])], |v| v[0].movedim(&[-1, 0], &[0, 1]).exp(), |v| v[0].permute(&[2, 0, 1]).exp()),
            refuses([any(&[2, 3])], |v| v[0].movedim(&[0], &[0, 1]), &["movedim of [2, 3]", "2 places", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].movedim(&[0], &[2]), &["movedim of [2, 3]", "axis 2", "hint: "]),
            value([of(&[2, 2], [1.0, 2.0, 3.0, 4.0])], |v| v[0].permute(&[1, 0]), &[1.0, 3.0, 2.0, 4.0], [&[1.0; 4]]),
            adjoint(any(&[2, 3, 4]), any(&[4, 2, 3]), |u| u.permute(&[2, 0, 1]), |v| v.permute(&[1, 2, 0])),
            refuses([any(&[2, 3])], |v| v[0].permute(&[0]), &["permute of [2, 3]", "[0] names 1 of the 2 axes", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].permute(&[0, 0]), &["permute of [2, 3]", "named twice"]),
            refuses([any(&[2, 3])], |v| v[0].permute(&[0, 2]), &["permute of [2, 3]", "axis 2", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].transpose(0, -3), &["transpose of [2, 3]", "axis -3", "hint: "]),
        ]
    }
}

impl Sampled for Transpose {
    fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[3, 5])], |v| v[0].t().exp()),
            grad([any(&[2, 3, 4])], |v| v[0].transpose(-1, 1).exp()),
            grad([any(&[3, 0])], |v| v[0].t().exp()),
            grad([any(&[3, 3])], |v| v[0] * v[0].t() * v[0].t().t()),
            value([of(&[1, 2], [1.0, 2.0])], |v| v[0].t(), &[1.0, 2.0], [&[1.0; 2]]),
            adjoint(any(&[3, 5]), any(&[5, 3]), |u| u.t(), |v| v.t()),
            refuses([any(&[2, 3, 4])], |v| v[0].t(), &["t of [2, 3, 4]", "matrix", "hint: "]),
            refuses([any(&[2])], |v| v[0].record(Transpose), &["transpose of [2]", "matrix"]),
        ]
    }
}
