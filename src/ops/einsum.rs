//! Einstein summation: sums of products of any number of arrays, with axes named by letters; and `tensordot`, with axes named by index.
//!
//! There is no op of its own. It records diagonals, sums, permuted views and batched matrix products, and their rules differentiate it.

use crate::array::error::ShapeError;
use crate::array::layout::Axes;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small};
use crate::ops::product::MatMul;
use crate::tape::var::{Operand, Var, refuse};
use smallvec::SmallVec;
use std::panic::Location;

/// The name of an axis: a letter, or an axis of an ellipsis, counted from its end.
type Label = u8;
type Labels = SmallVec<[Label; 8]>;
/// Labels from here on are axes of an ellipsis.
const ELLIPSIS: Label = 128;

// ------------------------------------------------------------------------------------------------------- the equation

/// An equation, applied to operands of given shapes.
struct Equation {
    inputs: SmallVec<[Labels; 4]>,
    output: Labels,
    /// The size of each label's axis.
    sizes: [usize; 256],
}

impl Equation {
    fn new(equation: &str, shapes: &[Shape]) -> Result<Equation, ShapeError> {
        let (left, right) = match equation.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (equation, None),
        };
        let named = left.split(',').count();
        if named != shapes.len() {
            return Err(ShapeError::new(format!("{equation:?} names {named} operands, {} are given", shapes.len()))
                .hint("operands are separated by commas, as in \"ij,jk->ik\""));
        }
        let (mut inputs, mut sizes, mut dots) = (SmallVec::<[Labels; 4]>::new(), [1; 256], 0);
        for (i, (text, shape)) in left.split(',').zip(shapes).enumerate() {
            let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
            let rest = match (text.contains('.'), shape.len().checked_sub(letters)) {
                (false, Some(0)) => 0,
                (true, Some(rest)) => rest,
                _ => {
                    return Err(ShapeError::new(format!("{:?} names {letters} axes, but operand {i} has shape {shape}", text.trim()))
                        .hint("one letter an axis; \"...\" stands for all that are not named"));
                }
            };
            dots = dots.max(rest);
            let labels = labels(text, rest)?;
            for (axis, &l) in labels.iter().enumerate() {
                let (n, size) = (shape[axis], &mut sizes[l as usize]);
                let twice = labels[..axis].iter().position(|&other| other == l);
                if let Some(first) = twice.filter(|&first| shape[first] != n) {
                    return Err(ShapeError::new(format!("{} is repeated in operand {i}, with sizes {} and {n}", show(l), shape[first]))
                        .hint("a letter that is repeated in one operand takes the diagonal, which needs equal sizes"));
                }
                match (*size, n) {
                    (a, b) if a == b => {}
                    (1, n) => *size = n,
                    (_, 1) => {}
                    (a, b) => {
                        return Err(ShapeError::new(format!("{} has size {b} in operand {i}, but {a} before it", show(l)))
                            .hint("axes of one letter must have one size, or size 1, which broadcasts"));
                    }
                }
            }
            inputs.push(labels);
        }
        let output = match right {
            Some(right) => labels(right, if right.contains('.') { dots } else { 0 })?,
            // Without "->", the output is the ellipsis and then, in alphabetical order, the letters that occur once.
            None => {
                let mut times = [0usize; 256];
                inputs.iter().flatten().for_each(|&l| times[l as usize] += 1);
                (0..dots).rev().map(|r| ELLIPSIS + r as Label).chain((0..ELLIPSIS).filter(|&l| times[l as usize] == 1)).collect()
            }
        };
        for (i, &l) in output.iter().enumerate() {
            if output[..i].contains(&l) {
                return Err(ShapeError::new(format!("{} is repeated in the output of {equation:?}", show(l)))
                    .hint("an axis of the result is named once"));
            }
            if !inputs.iter().any(|labels| labels.contains(&l)) {
                return Err(ShapeError::new(format!("{} is in the output of {equation:?}, but in no operand", show(l)))
                    .hint("every axis of the result comes from an operand"));
            }
        }
        Ok(Equation { inputs, output, sizes })
    }
}

/// The labels that a text names; "..." stands for `rest` axes.
fn labels(text: &str, rest: usize) -> Result<Labels, ShapeError> {
    let (mut labels, mut dots) = (Labels::new(), 0);
    let mut bytes = text.trim().bytes();
    while let Some(c) = bytes.next() {
        match c {
            b' ' => {}
            b'a'..=b'z' | b'A'..=b'Z' => labels.push(c),
            b'.' if dots == 0 && bytes.next() == Some(b'.') && bytes.next() == Some(b'.') => {
                dots += 1;
                labels.extend((0..rest).rev().map(|r| ELLIPSIS + r as Label));
            }
            _ => {
                return Err(ShapeError::new(format!("{:?} is not a list of axes", text.trim()))
                    .hint("letters a-z and A-Z name axes, \"...\" (once) all that are not named, spaces are ignored"));
            }
        }
    }
    Ok(labels)
}

fn show(l: Label) -> String {
    if l < ELLIPSIS { format!("axis {:?}", l as char) } else { format!("axis -{} of \"...\"", l - ELLIPSIS + 1) }
}

// ------------------------------------------------------------------------------------------------------- the terms

/// A factor that is still to be multiplied. Its labels differ, and none of its axes has size 1: such an axis is left out, and then
/// broadcasts, or is summed over, without any work.
struct Term<'t, T: Scalar> {
    x: Var<'t, T>,
    labels: Labels,
}

impl<'t, T: Scalar> Term<'t, T> {
    #[track_caller]
    fn new(mut x: Var<'t, T>, mut labels: Labels) -> Self {
        while let Some((a, b)) = repeated(&labels) {
            x = x.diagonal(0, a as isize, b as isize); // becomes the last axis
            labels.remove(b);
            let l = labels.remove(a);
            labels.push(l);
        }
        let shape = x.shape();
        let x = x.reshape_to(shape.iter().copied().filter(|&n| n != 1).collect());
        let labels = labels.iter().zip(shape.iter()).filter(|&(_, &n)| n != 1).map(|(&l, _)| l).collect();
        Term { x, labels }
    }

    /// Sums over every label that does not stay.
    #[track_caller]
    fn sum_except(self, stays: impl Fn(Label) -> bool) -> Self {
        let gone: Small<isize> = (0..self.labels.len()).filter(|&i| !stays(self.labels[i])).map(|i| i as isize).collect();
        if gone.is_empty() {
            return self;
        }
        Term { x: self.x.sum_axes(&gone[..], false), labels: self.labels.into_iter().filter(|&l| stays(l)).collect() }
    }

    /// A view with the axes in the order of these labels, which name all of them.
    #[track_caller]
    fn ordered(&self, labels: impl Iterator<Item = Label>) -> Var<'t, T> {
        let axis = |l: Label| self.labels.iter().position(|&other| other == l).expect("a label of this term");
        let axes: Small<isize> = labels.map(|l| axis(l) as isize).collect();
        if axes.iter().copied().eq(0..axes.len() as isize) { self.x } else { self.x.permute(&axes) }
    }

    /// The labels that fulfil a condition, in the order of their axes in memory. In this order they can be merged without a copy.
    fn in_memory_order(&self, wanted: impl Fn(Label) -> bool) -> Labels {
        let inner = self.x.tape.read();
        let strides = inner.layout(self.x.id).strides();
        let mut axes: Small<usize> = (0..self.labels.len()).filter(|&i| wanted(self.labels[i])).collect();
        axes.sort_by_key(|&i| std::cmp::Reverse(strides[i].abs()));
        axes.into_iter().map(|i| self.labels[i]).collect()
    }
}

/// Each label once.
fn distinct(labels: &[Label]) -> impl Iterator<Item = Label> {
    labels.iter().enumerate().filter(|&(i, l)| !labels[..i].contains(l)).map(|(_, &l)| l)
}

/// Two positions with the same label.
fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|b| labels[..b].iter().position(|&l| l == labels[b]).map(|a| (a, b)))
}

/// The product of two terms, summed over the labels that do not stay.
#[track_caller]
fn contract<'t, T: Scalar>(a: Term<'t, T>, b: Term<'t, T>, sizes: &[usize; 256], stays: impl Fn(Label) -> bool) -> Term<'t, T> {
    let a = a.sum_except(|l| stays(l) || b.labels.contains(&l));
    let b = b.sum_except(|l| stays(l) || a.labels.contains(&l));
    let (in_a, in_b) = (|l| a.labels.contains(&l), |l| b.labels.contains(&l));
    let size = |labels: &[Label]| labels.iter().map(|&l| sizes[l as usize]).product::<usize>();

    let batch: Labels = a.labels.iter().copied().filter(|&l| in_b(l) && stays(l)).collect();
    let (rows, cols) = (a.in_memory_order(|l| !in_b(l)), b.in_memory_order(|l| !in_a(l)));
    // If only one of them can be a view, the larger one should be.
    let larger = if a.x.numel() >= b.x.numel() { &a } else { &b };
    let summed = larger.in_memory_order(|l| in_a(l) && in_b(l) && !stays(l));

    let labels: Labels = batch.iter().chain(&rows).chain(&cols).copied().collect();
    let shape: Shape = labels.iter().map(|&l| sizes[l as usize]).collect();
    let (first, second) = (batch.iter().chain(&rows).chain(&summed).copied(), batch.iter().chain(&summed).chain(&cols).copied());
    let (left, right) = (a.ordered(first), b.ordered(second));
    let with = |last: [usize; 2]| batch.iter().map(|&l| sizes[l as usize]).chain(last).collect::<Shape>();
    let (m, k, n) = (size(&rows), size(&summed), size(&cols));
    let x = if summed.is_empty() {
        left.reshape_to(with([m, 1])) * right.reshape_to(with([1, n]))
    } else {
        left.reshape_to(with([m, k])).record2(MatMul, right.reshape_to(with([k, n])))
    };
    Term { x: x.reshape_to(shape), labels }
}

/// For each label, the number of terms that have it; the output counts as a term.
type Uses = [usize; 256];

/// The pair of terms whose product is the cheapest: the one that leaves the fewest elements and, if several do, needs the fewest
/// multiplications.
fn cheapest<T: Scalar>(terms: &[Term<'_, T>], uses: &Uses, sizes: &[usize; 256]) -> (usize, usize) {
    // In f64, which does not overflow.
    let size = |labels: &mut dyn Iterator<Item = Label>| labels.map(|l| sizes[l as usize] as f64).product::<f64>();
    let (mut best, mut least) = ((0, 1), (f64::INFINITY, f64::INFINITY));
    for j in 1..terms.len() {
        for i in 0..j {
            let (a, b) = (&terms[i].labels, &terms[j].labels);
            let all = || a.iter().chain(b.iter().filter(|l| !a.contains(l))).copied();
            let elsewhere = |l: Label| uses[l as usize] > usize::from(a.contains(&l)) + usize::from(b.contains(&l));
            let grows = size(&mut all().filter(|&l| elsewhere(l))) - size(&mut a.iter().copied()) - size(&mut b.iter().copied());
            let cost = (grows, size(&mut all()));
            if cost < least {
                (best, least) = ((i, j), cost);
            }
        }
    }
    best
}

/// The operands that are not terms yet, if there are more of them than the window holds.
struct Waiting {
    taken: Vec<bool>,
    /// All operands before this one are taken.
    first: usize,
    /// For each label, the operands that have it (the first one is last in the list), and the number of those that are not taken.
    having: Vec<Vec<usize>>,
    count: Uses,
    labels: Vec<Labels>,
}

impl Waiting {
    fn new(inputs: &[Labels], shapes: &[Shape]) -> Waiting {
        // Axes of size 1 are shared with nothing.
        let size = |labels: &Labels, shape: &Shape, l: Label| shape[labels.iter().position(|&k| k == l).expect("one of them")];
        let wide = |labels: &Labels, shape: &Shape| distinct(labels).filter(|&l| size(labels, shape, l) != 1).collect();
        let labels: Vec<Labels> = inputs.iter().zip(shapes).map(|(labels, shape)| wide(labels, shape)).collect();
        let (mut having, mut count) = (vec![Vec::new(); 256], [0; 256]);
        for (i, labels) in labels.iter().enumerate().rev() {
            for &l in labels {
                having[l as usize].push(i);
                count[l as usize] += 1;
            }
        }
        Waiting { taken: vec![false; inputs.len()], first: 0, having, count, labels }
    }
    fn take(&mut self, i: usize) -> usize {
        self.taken[i] = true;
        self.labels[i].iter().for_each(|&l| self.count[l as usize] -= 1);
        i
    }
    /// Takes the first operand that is left.
    fn first(&mut self) -> Option<usize> {
        while *self.taken.get(self.first)? {
            self.first += 1;
        }
        Some(self.take(self.first))
    }
    /// Takes the first operand that has the rarest of the terms' labels; if no operand shares a label with a term, the first of all. So two
    /// terms that share nothing are not multiplied while an operand that one of them shares a label with is left.
    fn beside<T: Scalar>(&mut self, terms: &[Term<'_, T>]) -> Option<usize> {
        let labels = terms.iter().flat_map(|term| term.labels.iter().copied());
        let Some(rarest) = labels.filter(|&l| self.count[l as usize] > 0).min_by_key(|&l| self.count[l as usize]) else {
            return self.first();
        };
        let having = &mut self.having[rarest as usize];
        while having.last().is_some_and(|&i| self.taken[i]) {
            having.pop();
        }
        let next = *having.last().expect("one waits");
        Some(self.take(next))
    }
}

/// A sum of products, like `einsum` in NumPy and PyTorch. Letters name the axes of the operands. Axes with the same letter are multiplied
/// element by element, and letters that are not in the output are summed over.
///
/// * Without `->`, the output has the letters that occur once, in alphabetical order.
/// * A letter repeated in one operand takes its diagonal.
/// * `...` stands for all axes that are not named; they broadcast. An axis of size 1 broadcasts against any size.
/// * Spaces are ignored.
///
/// More than two operands are multiplied in pairs; the pair that leaves the fewest elements comes first. Each pair is a batched matrix
/// product of views, which are copied only where axes that must be merged are not adjacent in memory. With more than 16 operands, pairs are
/// chosen among 16 at a time; operands that share a letter with one of these come next, the rarest letter first. Derivative: by each
/// operand, the product of the cotangent and all the other operands, summed. Shapes: as the letters say; `"bij,bjk->bik"` takes `[b, i, j]`
/// and `[b, j, k]` to `[b, i, k]`.
///
/// ```
/// use wengert::{Tape, einsum};
/// let tape = Tape::<f64>::new();
/// let a = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
/// let x = tape.leaf([1.0, -1.0]);
/// assert_eq!(einsum("ij,j->i", &[a, x]).to_vec(), [-1.0, -1.0]);
/// assert_eq!(einsum("ii", &[a]).item(), 5.0); // the trace
/// assert_eq!(einsum("i,ij,j", &[x, a, x]).item(), 0.0); // x^T a x
/// ```
///
/// # Panics
/// If the equation does not fit the operands, or their sizes do not fit each other.
#[track_caller]
pub fn einsum<'t, T: Scalar>(equation: &str, operands: &[Var<'t, T>]) -> Var<'t, T> {
    let shapes: SmallVec<[Shape; 4]> = operands.iter().map(|x| x.shape()).collect();
    let Equation { inputs, output, sizes } = match Equation::new(equation, &shapes) {
        Ok(equation) => equation,
        Err(e) => panic!("{}", e.of("einsum", shapes, Location::caller())),
    };
    // `uses` counts axes of size 1 too, although terms have no label for them. That does no harm: nothing looks these labels up.
    let mut uses: Uses = [0; 256];
    inputs.iter().chain([&output]).for_each(|labels| distinct(labels).for_each(|l| uses[l as usize] += 1));
    // Loops, since closures would hide the caller's line. A pair is chosen among WINDOW terms, so that its cost does not grow with the
    // number of operands.
    const WINDOW: usize = 16;
    let mut terms: SmallVec<[Term<'t, T>; 4]> = SmallVec::new();
    let mut all = 0..operands.len();
    let mut waiting = (operands.len() > WINDOW).then(|| Waiting::new(&inputs, &shapes));
    loop {
        while terms.len() < WINDOW
            && let Some(next) = waiting.as_mut().map_or_else(|| all.next(), |waiting| waiting.beside(&terms))
        {
            let (x, labels) = (operands[next], inputs[next].clone());
            for l in distinct(&labels) {
                uses[l as usize] -= 1;
            }
            let term = Term::new(x, labels);
            term.labels.iter().for_each(|&l| uses[l as usize] += 1);
            terms.push(term);
        }
        if terms.len() < 2 {
            break;
        }
        let (i, j) = cheapest(&terms, &uses, &sizes);
        let b = terms.remove(j);
        let a = terms.remove(i);
        a.labels.iter().chain(&b.labels).for_each(|&l| uses[l as usize] -= 1);
        let product = contract(a, b, &sizes, |l| uses[l as usize] > 0);
        product.labels.iter().for_each(|&l| uses[l as usize] += 1);
        terms.push(product);
    }
    let all = terms.pop().expect("as many terms as operands, of which there is one at least").sum_except(|l| output.contains(&l));
    let x = all.ordered(output.iter().copied().filter(|l| all.labels.contains(l)));
    x.reshape_to(output.iter().map(|&l| sizes[l as usize]).collect())
}

// ------------------------------------------------------------------------------------------------------ tensordot

impl<'t, T: Scalar> Var<'t, T> {
    /// The sum of products over the last `count` axes of this array and the first `count` of the other, which must agree in size. The other
    /// axes of both remain. With 0, every element of one is multiplied by every element of the other. Derivatives: those of
    /// [`Var::tensordot_axes`]. Shapes: `[..a, ..n]` and `[..n, ..b]` to `[..a, ..b]`, where `..n` are the `count` axes.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (u, v) = (tape.leaf([1.0, 2.0]), tape.leaf([10.0, 20.0]));
    /// assert_eq!(u.tensordot(v, 1).item(), 50.0);
    /// assert_eq!(u.tensordot(v, 0).to_vec(), [10.0, 20.0, 20.0, 40.0]);
    /// ```
    ///
    /// # Panics
    /// If an array has too few axes, or sizes differ.
    #[track_caller]
    pub fn tensordot(self, other: impl Operand<'t, T>, count: usize) -> Self {
        let other = other.to_var(self.tape);
        let (m, n) = (self.ndim(), other.ndim());
        if count > m.min(n) {
            let e = ShapeError::new(format!("there are no {count} axes to sum over")).hint("at most as many as both arrays have");
            refuse(e, "tensordot", [self.shape(), other.shape()]);
        }
        let axes: Small<isize> = (0..m as isize).collect();
        self.tensordot_axes(other, &axes[m - count..], &axes[..count])
    }
    /// The sum of products over `axes` of this array and, in the same order, `other_axes` of the other, which must agree in size (a size of
    /// 1 broadcasts). The result has the remaining axes of this array, then those of the other. It is a matrix product of views.
    /// Derivatives: the cotangent times the other factor, summed over the other factor's axes. In PyTorch: `torch.tensordot` with lists.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let a = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.tensordot_axes(a, &[0], &[0]).to_vec(), a.t().matmul(a).to_vec());
    /// ```
    ///
    /// # Panics
    /// If the lists differ in length, an axis is named twice or does not exist, or sizes differ.
    #[track_caller]
    pub fn tensordot_axes(self, other: impl Operand<'t, T>, axes: &[isize], other_axes: &[isize]) -> Self {
        let other = other.to_var(self.tape);
        let (sa, sb) = (self.shape(), other.shape());
        let (left, right) = match paired(&sa, &sb, axes, other_axes) {
            Ok(pair) => pair,
            Err(e) => refuse(e, "tensordot", [sa, sb]),
        };
        // An axis whose partner has size 1 is summed over first.
        let meets = |s: &Shape, mine: &[usize], o: &Shape, theirs: &[usize]| -> Small<isize> {
            mine.iter().zip(theirs).filter(|&(&i, &j)| o[j] == 1 && s[i] != 1).map(|(&i, _)| i as isize).collect()
        };
        let (gone_a, gone_b) = (meets(&sa, &left, &sb, &right), meets(&sb, &right, &sa, &left));
        let a = if gone_a.is_empty() { self } else { self.sum_axes(&gone_a[..], true) };
        let b = if gone_b.is_empty() { other } else { other.sum_axes(&gone_b[..], true) };
        let rest = |n: usize, of: &[usize]| (0..n).filter(|i| !of.contains(i)).collect::<Small<usize>>();
        let (rows, cols) = (rest(sa.len(), &left), rest(sb.len(), &right));
        let order = |axes: &mut dyn Iterator<Item = usize>| axes.map(|i| i as isize).collect::<Small<isize>>();
        let shape: Shape = rows.iter().map(|&i| sa[i]).chain(cols.iter().map(|&i| sb[i])).collect();
        let size = |s: &Shape, axes: &[usize]| axes.iter().map(|&i| s[i]).product::<usize>();
        let (m, n, k) = (size(&sa, &rows), size(&sb, &cols), size(&a.shape(), &left));
        let a = a.permute(&order(&mut rows.iter().chain(&left).copied())).reshape_to([m, k].into());
        let b = b.permute(&order(&mut right.iter().chain(&cols).copied())).reshape_to([k, n].into());
        a.record2(MatMul, b).reshape_to(shape)
    }
}

/// The axes to sum over, checked and counted from the front.
fn paired(a: &Shape, b: &Shape, axes_a: &[isize], axes_b: &[isize]) -> Result<(Small<usize>, Small<usize>), ShapeError> {
    if axes_a.len() != axes_b.len() {
        return Err(ShapeError::new(format!("{axes_a:?} names {} axes, {axes_b:?} {}", axes_a.len(), axes_b.len()))
            .hint("each axis to sum over has a partner in the other array"));
    }
    Axes::new(a, axes_a)?;
    Axes::new(b, axes_b)?;
    let (mut left, mut right) = (Small::new(), Small::new());
    for (&i, &j) in axes_a.iter().zip(axes_b) {
        let (p, q) = (a.axis(i)?, b.axis(j)?);
        if a[p] != b[q] && a[p] != 1 && b[q] != 1 {
            return Err(ShapeError::new(format!("axis {i} of the first has size {}, its partner, axis {j} of the second, {}", a[p], b[q]))
                .hint("the axes to sum over must agree in size"));
        }
        left.push(p);
        right.push(q);
    }
    Ok((left, right))
}
