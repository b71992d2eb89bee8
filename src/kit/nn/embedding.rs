//! A table of vectors: one for each word.

use super::{Forward, Module, Visitor};
use crate::refusal::{elements, require};
use crate::{Indices, Param, Scalar, Tape, Var, init};
use rand::Rng;

/// A vector for each of `num_embeddings` words: PyTorch's `Embedding`. Words are numbers from 0; an array of words of shape `[..]` gives
/// vectors of shape `[.., embedding_dim]`. Initial vectors are normally distributed.
///
/// ```
/// use wengert::nn::Embedding;
/// let words = Embedding::<f32>::new(10, 4, &mut wengert::init::seeded(1));
/// let tape = wengert::Tape::new();
/// assert_eq!(words.lookup(&tape, [3, 1, 4]).shape(), [3, 4]);
/// ```
#[derive(Debug)]
pub struct Embedding<T: Scalar = f32> {
    /// `[num_embeddings, embedding_dim]`
    pub weight: Param<T>,
    /// A word whose vector is not trained, such as padding. [`Embedding::with_padding`] sets the vector to 0. It gets no gradient, and
    /// after the first [`Embedding::lookup`] no optimizer changes it, not even by weight decay or momentum ([`Param::freeze_elements`]).
    ///
    /// A later call to `freeze_elements` of your own replaces this: `freeze_elements(0..0)` lets optimizers change the vector again, and a
    /// range for other words must include this one. A layer that shares the table does not train the vector either. You may set another
    /// word later.
    pub padding_idx: Option<usize>,
}

impl<T: Scalar> Embedding<T> {
    /// A table of `num_embeddings` vectors with `embedding_dim` numbers each.
    ///
    /// # Panics
    /// If a table of these sizes is too large for memory.
    #[track_caller]
    pub fn new(num_embeddings: usize, embedding_dim: usize, rng: &mut impl Rng) -> Self {
        elements::<T>("Embedding: a table [num_embeddings, embedding_dim]", &[num_embeddings, embedding_dim]);
        Embedding { weight: Param::new("weight", init::normal((num_embeddings, embedding_dim), 0.0, 1.0, rng)), padding_idx: None }
    }
    /// The same table, with one word whose vector is 0 and is not trained.
    ///
    /// # Panics
    /// If there is no such word.
    #[track_caller]
    pub fn with_padding(self, padding_idx: usize) -> Self {
        let (rows, n) = (self.weight.shape()[0], self.weight.shape()[1]);
        let message = || format!("Embedding: padding_idx {padding_idx} is not one of {rows} words, which count from 0");
        require(padding_idx < rows, message, "increase num_embeddings by one");
        self.weight.with_mut(|w| w[padding_idx * n..][..n].fill(T::ZERO));
        let layer = Embedding { padding_idx: Some(padding_idx), ..self };
        layer.keep_padding();
        layer
    }
    /// Freezes the vector of the current padding word.
    fn keep_padding(&self) {
        let [rows, n] = [0, 1].map(|axis| self.weight.shape().get(axis).copied().unwrap_or(0));
        if let Some(row) = self.padding_idx.filter(|row| *row < rows) {
            self.weight.freeze_elements_once(row * n..(row + 1) * n);
        }
    }
    /// The vectors of these words.
    ///
    /// # Panics
    /// If a number is not a word.
    #[track_caller]
    pub fn lookup<'t>(&self, tape: &'t Tape<T>, words: impl Into<Indices>) -> Var<'t, T> {
        self.keep_padding();
        tape.param(&self.weight).embedding(words, self.padding_idx.map(|i| isize::try_from(i).unwrap_or(isize::MAX)))
    }
}

impl<T: Scalar> Forward<T> for Embedding<T> {
    /// The vectors of words, which are given as whole numbers in a `Var`.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.lookup(x.tape(), x)
    }
}

impl<T: Scalar> Module<T> for Embedding<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.param("weight", &self.weight);
    }
    fn describe(&self) -> String {
        format!("embedding of {} words", self.weight.shape()[0])
    }
}
