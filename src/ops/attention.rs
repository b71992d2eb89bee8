//! Attention: how well a query matches the keys decides which values it reads. A formula of other ops.

use crate::array::error::ShapeError;
use crate::array::memory::room;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::ops::softmax::MaskedSoftmax;
use crate::tape::var::{Operand, Var, refuse};

/// The options of [`Var::scaled_dot_product_attention`]. By default every query sees every key.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionOptions<'t, T: Scalar> {
    /// A query sees the keys where this is not 0. It broadcasts to `[.., queries, keys]`. A query that sees no key reads 0.
    pub mask: Option<Var<'t, T>>,
    /// Added to the scores before the softmax; -inf hides a key. It broadcasts to `[.., queries, keys]` too.
    pub bias: Option<Var<'t, T>>,
    /// If true, query i sees only the keys 0 to i.
    pub is_causal: bool,
    /// The factor of the scores; `None` is 1 / sqrt(features).
    pub scale: Option<f64>,
}

/// The shape of the scores. Refuses what does not fit before anything is recorded.
#[track_caller]
fn scores_of<T: Scalar>(q: Shape, k: Shape, v: Shape, options: &AttentionOptions<'_, T>) -> Shape {
    let name = "scaled_dot_product_attention";
    let hint = "shapes are [.., queries, features], [.., keys, features] and [.., keys, values]";
    let (m, n, o) = (q.len(), k.len(), v.len());
    if m < 2 || n < 2 || o < 2 || q[m - 1] != k[n - 1] || k[n - 2] != v[o - 2] {
        refuse(ShapeError::new("queries, keys and values do not fit").hint(hint), name, [q, k, v]);
    }
    let batch = |s: &Shape| Shape::from(&s[..s.len() - 2]);
    let Some(all) = batch(&q).broadcast(&batch(&k)).and_then(|s| s.broadcast(&batch(&v))) else {
        refuse(ShapeError::new("the batches of queries, keys and values do not broadcast").hint(hint), name, [q, k, v]);
    };
    let scores = all.insert(all.len(), q[m - 2]);
    let scores = scores.insert(scores.len(), k[n - 2]);
    for extra in [options.mask, options.bias].into_iter().flatten() {
        if scores.broadcast(&extra.shape()).is_none_or(|s| s != scores) {
            let e = ShapeError::new(format!("mask or bias of shape {} does not broadcast to {scores}", extra.shape()));
            refuse(e.hint("one number for each query and key: [.., queries, keys]"), name, [q, k, v]);
        }
    }
    scores
}

impl<'t, T: Scalar> Var<'t, T> {
    /// Attention of queries (this array) to keys and values: w v, where w = softmax(q k^T / sqrt(features)). Shapes: `[.., queries,
    /// features]`, `[.., keys, features]` and `[.., keys, values]` to `[.., queries, values]`; the leading axes broadcast. A key can be
    /// hidden from a query by the mask, by a bias of -inf, or by `is_causal`. A query that sees no key reads 0, and no gradient flows back
    /// from it. Derivatives, for a cotangent g: w^T g by the values; with s = w (g v^T - d) / sqrt(features), where d is the sum of w (g
    /// v^T) over the keys, s k by the queries and s^T q by the keys. (A. Vaswani et al., "Attention is all you need", 2017.)
    ///
    /// ```
    /// use wengert::{AttentionOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[1.0, 0.0], [0.0, 1.0]]);
    /// let y = x.scaled_dot_product_attention(x, x, AttentionOptions { is_causal: true, ..Default::default() });
    /// assert_eq!(y.narrow(0, 0, 1).to_vec(), [1.0, 0.0]); // the first sees only itself
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn scaled_dot_product_attention(
        self,
        key: impl Operand<'t, T>,
        value: impl Operand<'t, T>,
        options: AttentionOptions<'t, T>,
    ) -> Self {
        let shape = scores_of(self.shape(), key.shape(), value.shape(), &options);
        let (key, value) = (key.to_var(self.tape), value.to_var(self.tape));
        let (queries, keys) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        let features = self.shape()[self.ndim() - 1];
        let scale = options.scale.unwrap_or(1.0 / (features as f64).sqrt());
        let mut scores = (self * self.number(scale)).matmul(key.transpose(-2, -1));
        if let Some(bias) = options.bias {
            scores += bias;
        }
        let causal = (options.is_causal && shape.numel() > 0).then(|| {
            self.check_size("scaled_dot_product_attention", &[queries, keys].into());
            let mut seen = self.or_refuse("scaled_dot_product_attention", room(queries * keys));
            seen.extend((0..queries * keys).map(|i| if i % keys <= i / keys { T::ONE } else { T::ZERO }));
            self.tape.constant(seen).reshape_to([queries, keys].into())
        });
        let masks = [options.mask, causal].into_iter().flatten();
        let hidden = self.number(f64::NEG_INFINITY);
        let scores = masks.fold(scores, |scores, mask| mask.where_cond(scores, hidden));
        // A query that sees no key gives every key the weight 0.
        let weights = scores.record(MaskedSoftmax);
        weights.matmul(value)
    }
}

#[cfg(test)]
pub(crate) mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;

    #[track_caller]
    fn attend<'t, T: Scalar>(v: &[Var<'t, T>], options: AttentionOptions<'t, T>) -> Var<'t, T> {
        v[0].scaled_dot_product_attention(v[1], v[2], options)
    }
    fn formula<'t, T: Scalar>(v: &[Var<'t, T>], scale: f64) -> Var<'t, T> {
        (v[0].matmul(v[1].transpose(-2, -1)) * v[0].number(scale)).softmax(-1).matmul(v[2])
    }

    /// A function without an op of its own; its rows run with those of softmax.
    pub(crate) fn rows<T: Scalar>() -> Vec<Row<T>> {
        let plain = || [any(&[2, 3, 4]), any(&[2, 5, 4]), any(&[2, 5, 3])];
        vec![
            equals(plain(), |v| attend(v, AttentionOptions::default()), |v| formula(v, 0.5)),
            equals(plain(), |v| attend(v, AttentionOptions { scale: Some(0.3), ..Default::default() }), |v| formula(v, 0.3)),
            grad([any(&[3, 4]), any(&[2, 5, 4]), any(&[2, 1, 5, 3])], |v| attend(v, AttentionOptions::default())),
            grad([any(&[3, 4]), any(&[3, 4]), any(&[3, 2])], |v| attend(v, AttentionOptions { is_causal: true, ..Default::default() })),
            grad([any(&[3, 4]), any(&[5, 4]), any(&[5, 2]), any(&[3, 5])], |v| {
                attend(v, AttentionOptions { bias: Some(v[3]), mask: Some(v[3].gt(v[3].number(-1.0))), is_causal: true, scale: None })
            }),
            // The first query sees the first key; the second sees none.
            value(
                [of(&[2, 1], [1.0, 2.0]), of(&[2, 1], [3.0, 4.0]), of(&[2, 1], [5.0, 6.0])],
                |v| {
                    attend(
                        v,
                        AttentionOptions {
                            mask: Some(v[0].tape().constant([[T::ONE, T::ZERO], [T::ZERO, T::ZERO]])),
                            ..Default::default()
                        },
                    )
                },
                &[5.0, 0.0],
                [&[0.0, 0.0], &[0.0, 0.0], &[1.0, 0.0]],
            ),
            // The same with a bias; then with bias, mask and causality together, none of which hides every key alone.
            value(
                [of(&[2, 1], [1.0, 2.0]), of(&[2, 1], [3.0, 4.0]), of(&[2, 1], [5.0, 6.0]), of(&[2, 2], [0.0, -INF, -INF, -INF])],
                |v| attend(v, AttentionOptions { bias: Some(v[3]), ..Default::default() }),
                &[5.0, 0.0],
                [&[0.0, 0.0], &[0.0, 0.0], &[1.0, 0.0], &[0.0; 4]],
            ),
            value(
                [
                    of(&[2, 1], [1.0, 2.0]),
                    of(&[3, 1], [3.0, 4.0, 5.0]),
                    of(&[3, 1], [5.0, 6.0, 7.0]),
                    of(&[2, 3], [-INF, 0.0, 0.0, 0.0, -INF, 0.0]),
                ],
                |v| {
                    let mask = v[0].tape().constant([T::ZERO, T::ONE, T::ONE]);
                    attend(v, AttentionOptions { bias: Some(v[3]), mask: Some(mask), is_causal: true, scale: None })
                },
                &[0.0, 0.0],
                [&[0.0; 2], &[0.0; 3], &[0.0; 3], &[0.0; 6]],
            ),
            // Hiding a key from all queries by -inf has the same effect as leaving it out.
            equals(
                [any(&[2, 3]), any(&[3, 3]), any(&[3, 2])],
                |v| {
                    let bias = v[0].tape().constant([0.0, 0.0, -INF].map(T::from_f64));
                    attend(v, AttentionOptions { bias: Some(bias), ..Default::default() })
                },
                |v| attend(&[v[0], v[1].narrow(0, 0, 2), v[2].narrow(0, 0, 2)], AttentionOptions::default()),
            ),
            refuses(
                [any(&[2, 3]), any(&[2, 4]), any(&[2, 3])],
                |v| attend(v, AttentionOptions::default()),
                &["scaled_dot_product_attention of [2, 3] and [2, 4] and [2, 3]", "do not fit", "hint: "],
            ),
            refuses([any(&[2, 2, 3]), any(&[3, 2, 3]), any(&[2, 3])], |v| attend(v, AttentionOptions::default()), &["broadcast", "hint: "]),
            refuses(
                [any(&[2, 3]), any(&[4, 3]), any(&[4, 3]), any(&[4, 2])],
                |v| attend(v, AttentionOptions { mask: Some(v[3]), ..Default::default() }),
                &["mask or bias of shape [4, 2] does not broadcast to [2, 4]", "hint: "],
            ),
        ]
    }
}
