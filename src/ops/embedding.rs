//! Rows of a table by index: vectors for token numbers. A formula of other ops.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::ops::index::Indices;
use crate::tape::var::{Var, refuse};

impl<'t, T: Scalar> Var<'t, T> {
    /// Rows of a table (this array, `[rows, features]`) by index: `y[i][j] = x[index[i][j]]`. Shapes: `[rows, features]` and indices `[..]`
    /// to `[.., features]`. Derivative: each cotangent is added to its row; the row `padding_idx` (which may count from the end) gets none.
    /// (PyTorch's `F.embedding`, where the indices come first.)
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let table = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// let y = table.embedding([[1, 0], [1, 1]], Some(0));
    /// assert_eq!(y.shape(), [2, 2, 2]);
    /// assert_eq!(tape.grad(y, &[table])[0].unwrap().to_vec(), [0.0, 0.0, 3.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the table does not have two axes, or an index is out of range.
    #[track_caller]
    pub fn embedding(self, index: impl Into<Indices>, padding_idx: Option<isize>) -> Self {
        let (shape, index) = (self.shape(), index.into());
        let checked = match shape.len() {
            2 => index.check(shape[0], "index"),
            _ => Err(ShapeError::new("a table of shape [rows, features] is needed").hint("this array is the table, the argument the rows")),
        };
        let padding = checked.and_then(|()| {
            let Some(p) = padding_idx else { return Ok(None) };
            let row = if p < 0 { p + shape[0] as isize } else { p };
            let fits = (0..shape[0] as isize).contains(&row);
            let wrong =
                || ShapeError::new(format!("padding_idx {p} is not one of {} rows", shape[0])).hint("it may count from the end, from -1");
            fits.then_some(Some(row as usize)).ok_or_else(wrong)
        });
        let padding = match padding {
            Ok(padding) => padding,
            Err(e) => refuse(e, "embedding", [shape]),
        };
        let y = self.index_select(0, index.reshape([index.shape().numel()].into()));
        let is_padding = |i: &i64| padding == Some(*i as usize);
        let y = match index.values().iter().any(is_padding) {
            true => {
                let mask: Vec<T> = index.values().iter().map(|i| if is_padding(i) { T::ONE } else { T::ZERO }).collect();
                self.tape.constant(mask).unsqueeze(-1).where_cond(y.detach(), y)
            }
            false => y,
        };
        y.reshape_to(index.shape().insert(index.shape().len(), shape[1]))
    }
}

#[cfg(test)]
pub(crate) mod rows {
    use super::*;
    use crate::ops::samples::*;

    /// The rows of a function without an op of its own; they run with those of `index_select`.
    pub(crate) fn rows<T: Scalar>() -> Vec<Row<T>> {
        vec![
            grad([any(&[5, 3])], |v| v[0].embedding([[4, 0], [4, 1]], None).exp()),
            grad([any(&[5, 3])], |v| v[0].embedding(Indices::new(&[], [2]), None).exp()),
            grad([any(&[5, 3])], |v| v[0].embedding(Vec::<u8>::new(), Some(1)).exp()),
            value([of(&[2, 1], [1.0, 2.0])], |v| v[0].embedding([1, 0, 1], Some(-1)), &[2.0, 1.0, 2.0], [&[1.0, 0.0]]),
            refuses([any(&[])], |v| v[0].embedding([0], None), &["embedding of []", "[rows, features]"]),
            refuses([any(&[1, 1, 1])], |v| v[0].embedding([0], None), &["embedding of [1, 1, 1]", "[rows, features]"]),
            refuses([any(&[2, 3])], |v| v[0].embedding([2], None), &["embedding of [2, 3]", "index 2", "hint: "]),
            refuses([any(&[2, 3])], |v| v[0].embedding([1], Some(-3)), &["embedding of [2, 3]", "padding_idx -3 is not one of 2 rows"]),
        ]
    }
}
