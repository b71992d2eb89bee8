//! Square matrices and batches of them: solve, inv, matrix_power; and products of many matrices in the best order.
//!
//! The derivatives are those of M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation"
//! (2008). All rest on one LU factorisation with partial pivoting. The factors are a node of their own, so that values, derivatives and
//! further derivatives share them. Ops take the matrix and its factors as inputs. No derivative flows through the factors: rules
//! differentiate by the matrix, on which the factors depend.

use crate::array::error::ShapeError;
use crate::array::memory::list;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::view::View;
use crate::kernels::linalg as kernels;
use crate::kernels::strided::{copy, scatter};
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};
use std::panic::Location;

/// The batch axes of a shape of matrices.
pub(crate) fn batch(shape: &[usize]) -> Shape {
    shape[..shape.len() - 2].into()
}

/// The size of square matrices; refuses other shapes.
pub(crate) fn square(x: &Shape) -> Result<usize, ShapeError> {
    match x[..] {
        [.., m, n] if m == n => Ok(n),
        _ => {
            Err(ShapeError::new("needs square matrices, [.., n, n]").hint("the last two axes must have one size; axes before are a batch"))
        }
    }
}

/// Where matrix `p` of a batch begins.
pub(crate) fn place<T>(x: &View<'_, T>, mut p: usize) -> usize {
    let (shape, strides) = (x.layout.shape(), x.layout.strides());
    let mut at = x.offset as isize;
    for axis in (0..shape.len() - 2).rev() {
        at += (p % shape[axis]) as isize * strides[axis];
        p /= shape[axis];
    }
    at as usize
}

/// The index of matrix `p` in a batch, for error messages; empty for a single matrix.
pub(crate) fn element(batch: &[usize], mut p: usize) -> String {
    if batch.is_empty() {
        return String::new();
    }
    let mut index = vec![0; batch.len()];
    for axis in (0..batch.len()).rev() {
        index[axis] = p % batch[axis];
        p /= batch[axis];
    }
    format!(" {index:?} of the batch")
}

// ----------------------------------------------------------------------------------------------------------------- LU

/// The LU factors of square matrices and the row swaps: `[.., n, n] -> [.., n + 1, n]`, in the format of `kernels::linalg`. It has no
/// derivative of its own: see the head of this file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LuFactor;

impl<T: Scalar> Op<T> for LuFactor {
    fn name(&self) -> &'static str {
        "lu_factor"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        let n = square(x[0])?;
        Ok(x[0].with(x[0].len() - 2, n + 1))
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let shape = x[0].shape();
        let n = shape[shape.len() - 1];
        scatter(x[0], y, 0, &shape.with(shape.len() - 2, n + 1).strides());
        kernels::lu_factor(y, n);
    }
    fn vjp<'t>(&self, _: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        Cotangents::none()
    }
}

/// A matrix `a` and its LU factors.
#[derive(Clone, Copy)]
pub(crate) struct Factored<'t, T: Scalar> {
    pub a: Var<'t, T>,
    pub lu: Var<'t, T>,
}

impl<'t, T: Scalar> Factored<'t, T> {
    /// Computes the factors.
    ///
    /// # Panics
    /// If the matrices are not square.
    #[track_caller]
    pub fn new(a: Var<'t, T>, op: &'static str) -> Self {
        if let Err(e) = square(&a.shape()) {
            refuse(e, op, [a.shape()]);
        }
        Factored { a, lu: a.record(LuFactor) }
    }
    /// The first matrix for which `found` returns something, and what it returns. `found` takes the factors and their size.
    pub fn find(&self, found: impl Fn(&[T], usize) -> Option<usize>) -> Option<(usize, usize)> {
        let n = self.a.shape()[self.a.ndim() - 1];
        let inner = self.a.tape.read();
        let lu = inner.view(self.lu.id).as_slice().expect("fresh factors are contiguous");
        lu.chunks_exact(((n + 1) * n).max(1)).enumerate().find_map(|(p, lu)| found(lu, n).map(|k| (p, k)))
    }
    /// Refuses singular matrices.
    #[track_caller]
    fn regular(self, op: &'static str, shapes: &[Shape]) -> Self {
        if let Some((p, k)) = self.find(|lu, n| kernels::pivots(lu, n).1.position(|x| x == T::ZERO)) {
            let at = element(&batch(&self.a.shape()), p);
            let e = ShapeError::new(format!("matrix{at} is singular: pivot {k} of its LU factors is 0")).hint(
                "a singular matrix has no inverse; `det` and `slogdet` take it, and adding a multiple of the identity makes it regular",
            );
            panic!("{}", e.of(op, shapes.iter().cloned(), Location::caller()));
        }
        self
    }
    /// `a^-1 b`, or `a^-T b`. The batch axes of all three must be equal.
    #[track_caller]
    pub fn solve(self, b: Var<'t, T>, transposed: bool) -> Var<'t, T> {
        self.a.record3(LuSolve { transposed }, self.lu, b)
    }
    /// `a^-1`.
    #[track_caller]
    pub fn inverse(self) -> Var<'t, T> {
        self.a.record2(Inv, self.lu)
    }
    /// Broadcast to a batch.
    #[track_caller]
    fn spread(self, to: &Shape) -> Self {
        let matrices = |x: Var<'t, T>| {
            let shape = x.shape();
            x.broadcast_to_shape(to.iter().chain(&shape[shape.len() - 2..]).copied().collect())
        };
        Factored { a: matrices(self.a), lu: matrices(self.lu) }
    }
}

// -------------------------------------------------------------------------------------------------------------- solve

/// `a^-1 b`, or `a^-T b`, from a, its factors, and b. All have the same batch axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LuSolve {
    transposed: bool,
}

impl<T: Scalar> Op<T> for LuSolve {
    fn name(&self) -> &'static str {
        "solve"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[2].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        copy(x[2], y);
        if let [.., n, columns] = x[2].shape()[..] {
            kernels::lu_solve(x[1].data, &|p| place(&x[1], p), (n, columns), self.transposed, y);
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (f, x) = (Factored { a: cx.x(0), lu: cx.x(1) }, cx.y());
        if !cx.needs(0) && !cx.needs(2) {
            return Cotangents::none();
        }
        // x = a^-1 b: with w = a^-T g, the cotangent of b is w and that of a is -w x^T. (Giles 2.3.1)
        let w = f.solve(cx.g, !self.transposed);
        cx.each(|i| match i {
            0 if self.transposed => Some(-x.matmul(w.transpose(-2, -1))),
            0 => Some(-w.matmul(x.transpose(-2, -1))),
            1 => None,
            _ => Some(w),
        })
    }
}

// ---------------------------------------------------------------------------------------------------------------- inv

/// `a^-1`, from a and its factors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Inv;

impl<T: Scalar> Op<T> for Inv {
    fn name(&self) -> &'static str {
        "inv"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        square(x[0])?;
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let n = x[0].shape()[x[0].shape().len() - 1];
        y.fill(T::ZERO);
        y.chunks_exact_mut((n * n).max(1)).for_each(|y| (0..n).for_each(|i| y[i * n + i] = T::ONE));
        kernels::lu_solve(x[1].data, &|p| place(&x[1], p), (n, n), false, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        // -y^T g y^T (Giles 2.2.3)
        let yt = cx.y().transpose(-2, -1);
        cx.each(|i| (i == 0).then(|| -yt.matmul(cx.g).matmul(yt)))
    }
}

// ------------------------------------------------------------------------------------------------------------- methods

impl<'t, T: Scalar> Var<'t, T> {
    /// The solution x of `a x = b`, where this array is `a`: `[.., n, n]` and `[.., n, k]`, whose batch axes broadcast, or one vector
    /// `[.., n]` for each matrix. Derivatives: w = a^-T g for b, and -w x^T for a. To solve `x a = b`, transpose: `a.t().solve(b.t()).t()`.
    /// PyTorch: `linalg.solve`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[2.0, 0.0], [1.0, 1.0]]);
    /// let b = tape.leaf([2.0, 5.0]);
    /// assert_eq!(a.solve(b).to_vec(), [1.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, one is singular, or the shapes do not fit.
    #[track_caller]
    pub fn solve(self, b: impl Operand<'t, T>) -> Self {
        let b = b.to_var(self.tape);
        let (sa, sb) = (self.shape(), b.shape());
        if let Err(e) = square(&sa) {
            refuse(e, "solve", [sa, sb]);
        }
        // b is one vector, or one vector for each matrix; everything else is matrices.
        let vector = sb.len() == 1 || sb[..] == sa[..sa.len() - 1];
        let columns = if vector { b.unsqueeze(-1) } else { b };
        let to = system(&sa, &columns.shape(), "solve", [sa.clone(), sb.clone()]);
        let f = Factored::new(self, "solve").regular("solve", &[sa, sb]).spread(&to);
        let s = columns.shape();
        let x = f.solve(columns.broadcast_to_shape(to.iter().chain(&s[s.len() - 2..]).copied().collect()), false);
        if vector { x.squeeze(-1) } else { x }
    }
    /// The identity matrix with `n` rows.
    #[track_caller]
    pub(crate) fn identity(self, op: &'static str, n: usize) -> Self {
        self.ones_where(op, n, |i, j| i == j)
    }
    /// A matrix with `n` rows and columns: 1 where `here` is true, else 0.
    #[track_caller]
    pub(crate) fn ones_where(self, op: &'static str, n: usize, here: fn(usize, usize) -> bool) -> Self {
        self.check_size(op, &[n, n].into());
        let ones = list((0..n * n).map(|p| if here(p / n, p % n) { T::ONE } else { T::ZERO }));
        self.tape.constant(self.or_refuse(op, ones)).reshape_to([n, n].into())
    }
    /// The inverse y of square matrices. Derivative: -y^T g y^T. Shapes: `[.., n, n]` to the same. PyTorch: `linalg.inv`. To multiply by an
    /// inverse, [`Var::solve`] is faster and more accurate.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[1.0, 2.0], [0.0, 4.0]]);
    /// assert_eq!(a.inv().to_vec(), [1.0, -0.5, 0.0, 0.25]);
    /// assert_eq!(tape.grad(a.inv(), &[a])[0].unwrap().to_vec(), [-0.5, -0.25, 0.125, 0.0625]);
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or one is singular.
    #[track_caller]
    pub fn inv(self) -> Self {
        Factored::new(self, "inv").regular("inv", &[self.shape()]).inverse()
    }
    /// The `n`-th power of square matrices, by repeated squaring. For a negative `n` the inverse is taken first; for 0 it is the identity,
    /// without a gradient. Derivative for n > 0: the sum of (a^T)^i g (a^T)^(n-1-i), for i from 0 to n - 1. Shapes: `[.., n, n]` to the
    /// same. PyTorch: `linalg.matrix_power`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[1.0, 1.0], [0.0, 1.0]]);
    /// assert_eq!(a.matrix_power(3).to_vec(), [1.0, 3.0, 0.0, 1.0]);
    /// assert_eq!(a.matrix_power(-2).to_vec(), [1.0, -2.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the matrices are not square, or `n` is negative and one is singular.
    #[track_caller]
    pub fn matrix_power(self, n: i32) -> Self {
        let shape = self.shape();
        let size = match square(&shape) {
            Ok(size) => size,
            Err(e) => refuse(e, "matrix_power", [shape]),
        };
        if n == 0 {
            return match shape.numel() {
                0 => self.detach(),
                _ => self.identity("matrix_power", size).broadcast_to_shape(shape),
            };
        }
        let mut square = self;
        if n < 0 {
            square = Factored::new(self, "matrix_power").regular("matrix_power", &[shape]).inverse();
        }
        let (mut left, mut power) = (n.unsigned_abs(), None);
        loop {
            if left % 2 == 1 {
                power = Some(match power {
                    Some(power) => square.matmul(power),
                    None => square,
                });
            }
            left /= 2;
            match power {
                Some(power) if left == 0 => return power,
                _ => square = square.matmul(square),
            }
        }
    }
}

/// The common batch axes of a system's matrices and right-hand sides.
#[track_caller]
pub(crate) fn system<const N: usize>(a: &Shape, b: &Shape, op: &'static str, shapes: [Shape; N]) -> Shape {
    let n = a[a.len() - 1];
    if b.len() < 2 || b[b.len() - 2] != n {
        let e = ShapeError::new(format!("{n} unknowns need {n} rows on the right side"));
        refuse(e.hint("shapes are [.., n, n] and [.., n, k]"), op, shapes);
    }
    match batch(a).broadcast(&batch(b)) {
        Some(to) => to,
        None => {
            let e = ShapeError::new(format!("the batches {} and {} do not broadcast", batch(a), batch(b)));
            refuse(e.hint("axes before the last two are a batch; their sizes must be equal, or one of them 1"), op, shapes)
        }
    }
}

/// The product of a list of matrices, each of which must fit the next, in the order that takes the fewest multiplications. (More than 128
/// matrices are multiplied in runs of 128, each in its best order.) The first may be a vector, which counts as a row, and the last too,
/// which counts as a column. These axes disappear from the result, as in [`Var::matmul`]. Derivative: that of the products. Shapes:
/// `[m, k]`, `[k, l]`, .., `[p, n]` to `[m, n]`. PyTorch: `linalg.multi_dot`.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let (a, x) = (tape.leaf([[1.0, 2.0], [3.0, 4.0]]), tape.leaf([1.0, -1.0]));
/// assert_eq!(wengert::multi_dot(&[a, a, x]).to_vec(), [-3.0, -7.0]); // a (a x), two products with a vector
/// ```
///
/// # Panics
/// If there are fewer than two, or the shapes do not fit.
#[track_caller]
pub fn multi_dot<'t, T: Scalar>(xs: &[Var<'t, T>]) -> Var<'t, T> {
    let shapes: Vec<Shape> = xs.iter().map(|x| x.shape()).collect();
    let count = xs.len();
    let axes = |i: usize| if i == 0 || i + 1 == count { 1..=2 } else { 2..=2 };
    let wrong = if count < 2 {
        Some(ShapeError::new("needs at least two factors").hint("give a list of two or more"))
    } else {
        let rank = shapes.iter().enumerate().find(|(i, s)| !axes(*i).contains(&s.len()));
        rank.map(|(i, s)| {
            ShapeError::new(format!("factor {i} has shape {s}")).hint("factors are matrices; the first and the last may be vectors")
        })
    };
    if let Some(e) = wrong {
        panic!("{}", e.of("multi_dot", shapes, Location::caller()));
    }
    // Factor i has sizes[i] rows and sizes[i + 1] columns.
    let mut sizes = vec![if shapes[0].len() == 1 { 1 } else { shapes[0][0] }];
    sizes.extend(shapes[..count - 1].iter().map(|s| s[s.len() - 1]));
    sizes.push(if shapes[count - 1].len() == 1 { 1 } else { shapes[count - 1][1] });
    for i in 1..count {
        if shapes[i][0] != sizes[i] {
            let e = ShapeError::new(format!("factor {} has {} columns, factor {i} has {} rows", i - 1, sizes[i], shapes[i][0]));
            panic!(
                "{}",
                e.hint("each factor must have as many rows as the one before has columns").of("multi_dot", shapes, Location::caller())
            );
        }
    }
    let mut factors = xs.to_vec();
    if shapes[0].len() == 1 {
        factors[0] = xs[0].unsqueeze(0);
    }
    if shapes[count - 1].len() == 1 {
        factors[count - 1] = xs[count - 1].unsqueeze(1);
    }
    // The time to find the best order grows with the third power of the number of factors. Long lists are therefore multiplied in runs.
    const RUN: usize = 128;
    while factors.len() > RUN {
        let (starts, mut products) = ((0..factors.len()).step_by(RUN), Vec::new());
        for start in starts.clone() {
            let end = factors.len().min(start + RUN);
            products.push(chain(&factors[start..end], &splits(&sizes[start..=end]), 0, end - start - 1));
        }
        sizes = starts.map(|start| sizes[start]).chain([sizes[factors.len()]]).collect();
        factors = products;
    }
    let mut y = chain(&factors, &splits(&sizes), 0, factors.len() - 1);
    if shapes[count - 1].len() == 1 {
        y = y.squeeze(-1);
    }
    if shapes[0].len() == 1 { y.squeeze(0) } else { y }
}

/// Where to split the product of factors i to j: `splits[i][j]` is the last factor of the left part. This is the matrix chain problem,
/// solved by dynamic programming.
fn splits(sizes: &[usize]) -> Vec<Vec<usize>> {
    let count = sizes.len() - 1;
    let mut cost = vec![vec![0.0; count]; count];
    let mut split = vec![vec![0; count]; count];
    for length in 1..count {
        for i in 0..count - length {
            let j = i + length;
            let price = |k: usize| cost[i][k] + cost[k + 1][j] + sizes[i] as f64 * sizes[k + 1] as f64 * sizes[j + 1] as f64;
            let best = (i..j).min_by(|&k, &l| price(k).total_cmp(&price(l))).expect("i < j");
            cost[i][j] = price(best);
            split[i][j] = best;
        }
    }
    split
}

/// The product of factors i to j. The recursion is at most as deep as there are factors.
#[track_caller]
fn chain<'t, T: Scalar>(factors: &[Var<'t, T>], splits: &[Vec<usize>], i: usize, j: usize) -> Var<'t, T> {
    if i == j {
        return factors[i];
    }
    let k = splits[i][j];
    chain(factors, splits, i, k).matmul(chain(factors, splits, k + 1, j))
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const NAN: f64 = f64::NAN;

    impl Sampled for LuFactor {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                constant([of(&[2, 2], [1.0, 2.0, 4.0, 2.0])], |v| v[0].record(LuFactor), &[4.0, 2.0, 0.25, 1.5, 1.0, 1.0]),
                constant([of(&[2, 2], [1.0, 4.0, 2.0, 2.0])], |v| v[0].t().record(LuFactor), &[4.0, 2.0, 0.25, 1.5, 1.0, 1.0]),
                constant([of(&[2, 1, 1], [3.0, 0.0])], |v| v[0].record(LuFactor), &[3.0, 0.0, 0.0, 0.0]),
                constant([of(&[0, 0], [])], |v| v[0].record(LuFactor), &[]),
                refuses([any(&[2, 3])], |v| v[0].record(LuFactor), &["lu_factor of [2, 3]", "square", "hint: "]),
                refuses([any(&[3])], |v| v[0].record(LuFactor), &["lu_factor of [3]", "square"]),
            ]
        }
    }

    impl Sampled for LuSolve {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let shapes: [[&[usize]; 2]; 14] = [
                [&[3, 3], &[3, 2]],
                [&[3, 3], &[3]],
                [&[1, 1], &[1, 1]],
                [&[5, 5], &[5, 1]],
                [&[2, 3, 3], &[2, 3, 2]],
                [&[2, 3, 3], &[2, 3]],
                [&[2, 3, 3], &[3, 1]],
                [&[3, 3], &[2, 3, 2]],
                [&[2, 1, 2, 2], &[3, 2, 1]],
                [&[0, 3, 3], &[0, 3, 2]],
                [&[0, 0], &[0, 2]],
                [&[0, 0], &[0]],
                [&[2, 0, 0], &[2, 0]],
                [&[3, 3], &[3, 0]],
            ];
            let mut rows: Vec<Row<T>> = shapes.map(|[a, b]| grad([any(a), any(b)], |v| regular(v[0]).solve(v[1]))).into();
            rows.extend([
                grad([any(&[3, 3]), any(&[2, 3])], |v| regular(v[0]).t().solve(v[1].t())),
                grad([any(&[3, 3])], |v| regular(v[0]).solve(v[0])),
                grad([any(&[4, 3, 2]), any(&[2, 3])], |v| {
                    regular(v[0].permute(&[1, 0, 2]).slice(&crate::at![.., ..2])).solve(v[1].t().unsqueeze(-1))
                }),
                equals([any(&[3, 3]), any(&[3, 2])], |v| regular(v[0]).solve(v[1]), |v| regular(v[0]).inv().matmul(v[1])),
                value(
                    [of(&[2, 2], [0.0, 2.0, 1.0, 0.0]), of(&[2], [2.0, 5.0])],
                    |v| v[0].solve(v[1]),
                    &[5.0, 1.0],
                    [&[-2.5, -0.5, -5.0, -1.0], &[0.5, 1.0]],
                ),
                // A NaN spreads; the matrix does not count as singular.
                value([of(&[1, 1], [NAN]), of(&[1], [2.0])], |v| v[0].solve(v[1]), &[NAN], [&[NAN], &[NAN]]),
                refuses([any(&[2, 3]), any(&[2])], |v| v[0].solve(v[1]), &["solve of [2, 3] and [2]", "square", "hint: "]),
                refuses([any(&[3, 3]), any(&[2])], |v| v[0].solve(v[1]), &["solve of [3, 3] and [2]", "3 unknowns need 3 rows", "hint: "]),
                refuses([any(&[3, 3]), any(&[])], |v| v[0].solve(v[1]), &["solve of [3, 3] and []", "hint: "]),
                refuses(
                    [any(&[2, 3, 3]), any(&[3, 3, 1])],
                    |v| v[0].solve(v[1]),
                    &["solve of [2, 3, 3] and [3, 3, 1]", "the batches [2] and [3] do not broadcast"],
                ),
                refuses(
                    [of(&[2, 1, 2, 2], [1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 4.0]), any(&[2])],
                    |v| v[0].solve(v[1].unsqueeze(-1)),
                    &["solve of [2, 1, 2, 2] and [2, 1]", "matrix [1, 0] of the batch is singular", "pivot 1", "hint: "],
                ),
            ]);
            rows
        }
    }

    impl Sampled for Inv {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let shapes: [&[usize]; 7] = [&[3, 3], &[1, 1], &[6, 6], &[2, 3, 3], &[0, 3, 3], &[0, 0], &[1, 2, 0, 0]];
            let mut rows: Vec<Row<T>> = shapes.map(|a| grad([any(a)], |v| regular(v[0]).inv())).into();
            rows.extend([
                grad([any(&[3, 3])], |v| regular(v[0]).t().inv() * v[0]),
                grad([any(&[2, 2])], |v| regular(v[0]).matrix_power(-3)),
                grad([any(&[0, 2, 2])], |v| regular(v[0]).matrix_power(-2)),
                equals([any(&[3, 3])], |v| regular(v[0]).inv().inv(), |v| regular(v[0])),
                equals([any(&[2, 3, 3])], |v| regular(v[0]).matrix_power(-1), |v| regular(v[0]).inv()),
                equals(
                    [any(&[3, 3])],
                    |v| regular(v[0]).inv() + v[0].matrix_power(5) + v[0].matrix_power(0) + v[0].matrix_power(1),
                    |v| {
                        let (a, i) = (v[0], v[0].matrix_power(0));
                        regular(a).solve(i) + a.matmul(a).matmul(a).matmul(a).matmul(a) + i + a
                    },
                ),
                value([of(&[2, 2], [0.0, 2.0, 1.0, 0.0])], |v| v[0].inv(), &[0.0, 1.0, 0.5, 0.0], [&[-0.5, -0.25, -1.0, -0.5]]),
                value([of(&[2, 2], [NAN, 2.0, 1.0, 0.0])], |v| v[0].inv(), &[NAN; 4], [&[NAN; 4]]),
                refuses([any(&[2, 3])], |v| v[0].inv(), &["inv of [2, 3]", "square", "hint: "]),
                refuses([any(&[])], |v| v[0].inv(), &["inv of []", "square", "hint: "]),
                refuses([of(&[2, 2], [1.0, 2.0, 2.0, 4.0])], |v| v[0].inv(), &["inv of [2, 2]", "matrix is singular", "pivot 1", "hint: "]),
                refuses([of(&[1, 1, 1], [0.0])], |v| v[0].inv(), &["inv of [1, 1, 1]", "matrix [0] of the batch is singular", "pivot 0"]),
                refuses([of(&[1, 1], [0.0])], |v| v[0].matrix_power(-2), &["matrix_power of [1, 1]", "singular", "hint: "]),
                refuses([any(&[2, 3])], |v| v[0].matrix_power(0), &["matrix_power of [2, 3]", "square", "hint: "]),
            ]);
            rows
        }
    }
    #[test]
    fn a_chain_of_matrices_is_multiplied_in_the_best_order() {
        // The example of Cormen and others, "Introduction to Algorithms": ((1 (2 3)) ((4 5) 6)).
        let split = splits(&[30, 35, 15, 5, 10, 20, 25]);
        assert_eq!((split[0][5], split[0][2], split[3][5]), (2, 0, 4));
    }
}
