//! Cross entropy: the loss of a prediction of one of several classes.

use crate::array::error::ShapeError;
use crate::array::scalar::Scalar;
use crate::array::shape::{Shape, Small};
use crate::array::view::View;
use crate::kernels::softmax as kernel;
use crate::ops::index::Indices;
use crate::ops::loss::Reduction;
use crate::tape::op::{Cotangents, Op, Vjp};
use crate::tape::var::{Operand, Var, refuse};

/// The mean (or sum) of `-ln softmax(x)[target]` over the rows of x whose target is not ignored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrossEntropy(Classes);

/// `g * (softmax(x) - onehot(target)) / n`, from g and x: the gradient of [`CrossEntropy`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrossEntropyGrad(Classes);

/// One class index for each row.
#[derive(Clone, Debug, PartialEq)]
struct Classes {
    targets: Indices,
    /// Rows with this target do not count.
    ignore: i64,
    mean: bool,
}

impl Classes {
    fn check(&self, x: &Shape) -> Result<(), ShapeError> {
        if x.len() != 2 {
            return Err(ShapeError::new(format!("logits must have shape [rows, classes], not {x}")).hint("one row for each target"));
        }
        if *self.targets.shape() != [x[0]] {
            return Err(ShapeError::new(format!("{} rows of logits need as many targets, not shape {}", x[0], self.targets.shape()))
                .hint("targets are class numbers; for one-hot rows or probabilities use `cross_entropy_probs`"));
        }
        self.targets.check_but(Some(self.ignore), x[1], "class")
    }
    /// What the sum over rows is divided by.
    fn divisor(&self) -> f64 {
        if self.mean { self.counted() as f64 } else { 1.0 }
    }
    /// The number of rows that count.
    fn counted(&self) -> usize {
        self.targets.values().iter().filter(|&&t| t != self.ignore).count()
    }
    /// 1 for each row that counts, 0 for the others; `None` if all count.
    #[track_caller]
    fn mask<'t, T: Scalar>(&self, like: Var<'t, T>) -> Option<Var<'t, T>> {
        let one = |&t: &i64| if t == self.ignore { T::ZERO } else { T::ONE };
        (self.counted() < self.targets.values().len())
            .then(|| like.tape.constant(self.targets.values().iter().map(one).collect::<Vec<T>>()))
    }
}

impl<T: Scalar> Op<T> for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        self.0.check(x[0])?;
        Ok(Shape::scalar())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y[0] = kernel::cross_entropy(x[0], self.0.targets.values(), self.0.ignore) / T::from_f64(self.0.divisor());
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.record2(CrossEntropyGrad(self.0.clone()), cx.x(0)))
    }
}

impl<T: Scalar> Op<T> for CrossEntropyGrad {
    fn name(&self) -> &'static str {
        "cross_entropy_grad"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        self.0.check(x[1])?;
        Ok(x[1].clone())
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        let scale = x[0].data[x[0].offset] / T::from_f64(self.0.divisor());
        kernel::cross_entropy_grad(x[1], self.0.targets.values(), self.0.ignore, scale, y);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        let (h, g, x) = (cx.g, cx.x(0), cx.x(1));
        cx.each(|i| {
            if i == 0 {
                let slope = g.number(1.0).record2(CrossEntropyGrad(self.0.clone()), x);
                return (h * slope).sum();
            }
            let p = x.softmax(-1);
            let h = self.0.mask(h).map_or(h, |mask| h * mask.unsqueeze(-1));
            p * (h - (h * p).sum_axes(-1, true)) * (g * g.number(1.0 / self.0.divisor()))
        })
    }
}

/// The options of [`Var::cross_entropy_with`], [`Var::cross_entropy_probs_with`] and [`Var::nll_loss_with`].
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropyOptions<'t, T: Scalar> {
    /// One weight for each class, which multiplies its losses; the mean is then the weighted mean.
    pub weight: Option<Var<'t, T>>,
    /// The target that marks rows to ignore. It need not be a class.
    pub ignore_index: i64,
    /// The share of the target, from 0 to 1, that is spread evenly over all classes. (C. Szegedy et al., "Rethinking the inception
    /// architecture for computer vision", 2016.)
    pub label_smoothing: f64,
    /// How the losses of the rows are combined.
    pub reduction: Reduction,
}
impl<T: Scalar> Default for CrossEntropyOptions<'_, T> {
    fn default() -> Self {
        CrossEntropyOptions { weight: None, ignore_index: -100, label_smoothing: 0.0, reduction: Reduction::Mean }
    }
}

/// The axis of the classes: the second, or the only one.
fn class_axis(shape: &Shape) -> usize {
    usize::from(shape.len() > 1)
}

impl<'t, T: Scalar> Var<'t, T> {
    /// The mean cross entropy of logits with one class index for each row: -mean ln softmax(x)\[target\]. Logits have shape `[rows,
    /// classes]`, or `[classes]` with a single target, or `[rows, classes, ..]` with targets `[rows, ..]`. Rows with target -100 do not
    /// count. Derivative: (softmax(x) - onehot(target)) / rows. Shape: `[]`.
    ///
    /// ```
    /// use wengert::{Indices, Tape};
    /// let tape = Tape::<f64>::new();
    /// let logits = tape.leaf([[0.0, 0.0], [0.0, 0.0]]);
    /// let loss = logits.cross_entropy(&Indices::from([0, 1]));
    /// assert!((loss.item() - 2f64.ln()).abs() < 1e-15);
    /// assert_eq!(tape.backward(loss).wrt(logits).unwrap().as_slice().unwrap(), [-0.25, 0.25, 0.25, -0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is out of range.
    #[track_caller]
    pub fn cross_entropy(self, targets: impl Into<Indices>) -> Self {
        self.cross_entropy_with(targets, CrossEntropyOptions::default())
    }
    /// The cross entropy of logits with class indices. The options add weights, ignored targets, smoothing and the reduction. Shapes: those
    /// of [`Var::cross_entropy`]; without a reduction, the result has that of the targets. Derivative, without smoothing, of a row whose
    /// class has weight w: w (softmax(x) - onehot(target)); for the mean it is divided by the sum of the weights of all rows that count.
    ///
    /// ```
    /// use wengert::{CrossEntropyOptions, Tape};
    /// let tape = Tape::<f64>::new();
    /// let logits = tape.leaf([[0.0, 0.0, 0.0], [0.0, 9.0, 0.0]]);
    /// let options = CrossEntropyOptions { ignore_index: 2, label_smoothing: 0.1, ..Default::default() };
    /// assert!((logits.cross_entropy_with([0, 2], options).item() - 3f64.ln()).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a class is out of range, or `label_smoothing` is not between 0 and 1.
    #[track_caller]
    pub fn cross_entropy_with(self, targets: impl Into<Indices>, options: CrossEntropyOptions<'t, T>) -> Self {
        let (classes, shape) = self.classes("cross_entropy", targets.into(), &options);
        let rows = self.class_rows();
        let plain = options.weight.is_none() && options.label_smoothing == 0.0;
        if plain && matches!(options.reduction, Reduction::Mean | Reduction::Sum) {
            return rows.contiguous().record(CrossEntropy(classes));
        }
        rows.log_softmax(-1).of_classes(&classes, shape, &options)
    }
    /// The mean negative log-likelihood of class indices, given logarithms of probabilities: -mean(x\[target\]). Shapes and options are
    /// those of [`Var::cross_entropy`], which is [`Var::log_softmax`] followed by this. Derivative: -1 / rows at the targets, else 0.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[-1.0, -2.0], [-3.0, -4.0]]);
    /// assert_eq!(x.nll_loss([1, 0]).item(), 2.5);
    /// assert_eq!(tape.grad(x.nll_loss([1, 0]), &[x])[0].unwrap().to_vec(), [0.0, -0.5, -0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is out of range.
    #[track_caller]
    pub fn nll_loss(self, targets: impl Into<Indices>) -> Self {
        self.nll_loss_with(targets, CrossEntropyOptions::default())
    }
    /// The negative log-likelihood of class indices, with all options: without smoothing -w x\[target\] for each row, where w is the weight
    /// of its class. Derivative: -w at the target; for the mean it is divided by the sum of the weights of all rows that count. Shapes:
    /// those of [`Var::cross_entropy_with`].
    ///
    /// ```
    /// use wengert::{CrossEntropyOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[-1.0, -2.0], [-3.0, -4.0]]);
    /// let options = CrossEntropyOptions { weight: Some(tape.constant([1.0, 3.0])), ..Default::default() };
    /// assert_eq!(x.nll_loss_with([1, 0], options).item(), (3.0 * 2.0 + 1.0 * 3.0) / (3.0 + 1.0));
    /// let each = CrossEntropyOptions { reduction: Reduction::None, ..options };
    /// assert_eq!(x.nll_loss_with([1, 0], each).to_vec(), [6.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a class is out of range, or `label_smoothing` is not between 0 and 1.
    #[track_caller]
    pub fn nll_loss_with(self, targets: impl Into<Indices>, options: CrossEntropyOptions<'t, T>) -> Self {
        let (classes, shape) = self.classes("nll_loss", targets.into(), &options);
        self.class_rows().of_classes(&classes, shape, &options)
    }
    /// The mean cross entropy of logits with probabilities (one-hot or soft): -mean over rows of sum t ln softmax(x). Shapes are those of
    /// [`Var::cross_entropy`]; the probabilities have the shape of the logits. Derivatives: (softmax(x) sum(t) - t) / rows by x, and -ln
    /// softmax(x) / rows by t. In PyTorch: `F.cross_entropy` with probabilities.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let x = tape.leaf([[0.0, 0.0]]);
    /// let loss = x.cross_entropy_probs(tape.constant([[0.25, 0.75]]));
    /// assert!((loss.item() - 2_f64.ln()).abs() < 1e-15);
    /// assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [0.25, -0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or the logits have no axis.
    #[track_caller]
    pub fn cross_entropy_probs(self, targets: impl Operand<'t, T>) -> Self {
        self.cross_entropy_probs_with(targets, CrossEntropyOptions::default())
    }
    /// The cross entropy of logits with probabilities, with weights, smoothing and any reduction. The mean is taken over rows, also with
    /// weights. Derivatives: those of [`Var::cross_entropy_probs`] for the smoothed and weighted t, divided by `rows` only for the mean.
    /// Shapes: those of [`Var::cross_entropy_with`].
    ///
    /// ```
    /// use wengert::{CrossEntropyOptions, Reduction, Tape};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf([[0.0, 0.0], [0.0, 0.0]]);
    /// let options = CrossEntropyOptions { label_smoothing: 0.5, reduction: Reduction::Sum, ..Default::default() };
    /// let loss = x.cross_entropy_probs_with(tape.constant([[1.0, 0.0], [0.0, 1.0]]), options);
    /// assert_eq!(tape.grad(loss, &[x])[0].unwrap().to_vec(), [-0.25, 0.25, 0.25, -0.25]); // 1/2 - 3/4, 1/2 - 1/4
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, `label_smoothing` is not between 0 and 1, or `ignore_index` is not negative: probabilities name no class
    /// that could be ignored.
    #[track_caller]
    pub fn cross_entropy_probs_with(self, targets: impl Operand<'t, T>, options: CrossEntropyOptions<'t, T>) -> Self {
        let name = "cross_entropy_probs";
        let shape = self.shape();
        if shape.is_empty() || targets.shape() != shape {
            let e = ShapeError::new("logits and probabilities must have one shape: [rows, classes], [classes] or [rows, classes, ..]")
                .hint("for class numbers use `cross_entropy`");
            refuse(e, name, [shape, targets.shape()]);
        }
        if options.ignore_index >= 0 {
            refuse(ShapeError::new("probabilities have no class to be ignored").hint("leave `ignore_index` as it is"), name, [shape]);
        }
        let axis = class_axis(&shape);
        self.check_class_options(name, &options);
        let mut t = targets.to_var(self.tape);
        let smooth = options.label_smoothing;
        if smooth > 0.0 {
            t = t * self.number(1.0 - smooth) + self.number(smooth / shape[axis] as f64);
        }
        if let Some(w) = options.weight {
            let beside: Small<usize> = (0..shape.len()).map(|a| if a == axis { shape[a] } else { 1 }).collect();
            t *= w.reshape_to(beside.into());
        }
        options.reduction.of(-(t * self.log_softmax(axis as isize)).sum_axes(axis as isize, false))
    }

    #[track_caller]
    fn check_class_options(self, op: &'static str, options: &CrossEntropyOptions<'t, T>) {
        let shape = self.shape();
        let smooth = options.label_smoothing;
        if !(0.0..=1.0).contains(&smooth) {
            let e = ShapeError::new(format!("label_smoothing must be between 0 and 1, not {smooth}"));
            refuse(e.hint("it is the share of the target that is spread over all classes"), op, [shape]);
        }
        if let Some(w) = options.weight {
            let n = shape[class_axis(&shape)];
            if w.shape() != [n] {
                let e = ShapeError::new(format!("{n} classes need as many weights, not shape {}", w.shape()));
                refuse(e.hint("one weight a class"), op, [shape, w.shape()]);
            }
        }
    }

    /// Targets as one class index for each row, and their original shape. Refuses what does not fit.
    #[track_caller]
    fn classes(self, op: &'static str, targets: Indices, options: &CrossEntropyOptions<'t, T>) -> (Classes, Shape) {
        let (shape, t) = (self.shape(), targets.shape().clone());
        let expected = if shape.is_empty() { Shape::scalar() } else { shape.remove(class_axis(&shape)) };
        let rows = expected.numel();
        let classes = Classes { ignore: options.ignore_index, mean: options.reduction == Reduction::Mean, targets };
        let checked = match shape.len() {
            0 => Err(ShapeError::new("logits must have shape [rows, classes], not that of a number").hint("one number for each class")),
            2 => classes.check(&shape),
            _ if t == expected => classes.targets.check_but(Some(classes.ignore), shape[class_axis(&shape)], "class"),
            _ => Err(ShapeError::new(format!("logits of shape {shape} need targets of shape {expected}, not {t}"))
                .hint("targets are class numbers, logits are [rows, classes, ..]; for probabilities use `cross_entropy_probs`")),
        };
        if let Err(e) = checked {
            refuse(e, op, [shape]);
        }
        self.check_class_options(op, options);
        (Classes { targets: classes.targets.reshape([rows].into()), ..classes }, expected)
    }

    /// Logits of any shape as `[rows, classes]`.
    #[track_caller]
    fn class_rows(self) -> Self {
        let shape = self.shape();
        match shape.len() {
            1 => self.unsqueeze(0),
            2 => self,
            n => {
                let order: Small<isize> = [0].into_iter().chain(2..n as isize).chain([1]).collect();
                self.permute(&order).reshape_to([shape.remove(1).numel(), shape[1]].into())
            }
        }
    }

    /// The loss of rows of logarithms of probabilities.
    #[track_caller]
    fn of_classes(self, classes: &Classes, shape: Shape, options: &CrossEntropyOptions<'t, T>) -> Self {
        let (rows, n) = (self.shape()[0], self.shape()[1]);
        let (mask, zero) = (classes.mask(self), self.number(0.0));
        // An ignored target may be no class at all. Class 0 stands in for it, since its loss does not count.
        let targets = match mask {
            None => classes.targets.clone(),
            Some(_) => Indices::new(&[rows], classes.targets.values().iter().map(|&t| if t == classes.ignore { 0 } else { t })),
        };
        let weight = options.weight.map(|w| w.index_select(0, &targets));
        // With no classes all rows are ignored, and there is nothing to gather.
        let picked =
            if n == 0 { zero.broadcast_to([rows]) } else { self.gather(1, targets.reshape([rows, 1].into())).reshape_to([rows].into()) };
        let mut loss = -weight.map_or(picked, |w| picked * w);
        let smooth = options.label_smoothing;
        if smooth > 0.0 {
            let all = -options.weight.map_or(self, |w| self * w).sum_axes(1, false);
            loss = loss * self.number(1.0 - smooth) + all * self.number(smooth / n as f64);
        }
        // Not a product: an ignored loss may be infinite.
        loss = mask.map_or(loss, |mask| mask.where_cond(loss, zero));
        if options.reduction != Reduction::Mean {
            return options.reduction.of(loss.reshape_to(shape));
        }
        let total = match (weight, mask) {
            (None, _) => self.number(classes.counted() as f64),
            (Some(w), None) => w.sum(),
            (Some(w), Some(mask)) => mask.where_cond(w, zero).sum(),
        };
        loss.sum() / total
    }
}

#[cfg(test)]
mod rows {
    use super::*;
    use crate::ops::samples::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    const NONE: Reduction = Reduction::None;

    fn one_hot<T: Scalar>(like: Var<'_, T>, classes: [usize; 3]) -> Var<'_, T> {
        let width = like.shape()[1];
        let mut t = vec![T::ZERO; 3 * width];
        (0..3).for_each(|row| t[row * width + classes[row]] = T::ONE);
        like.tape().constant(t).reshape([3, width as isize])
    }
    fn op(targets: [i64; 3]) -> CrossEntropyGrad {
        CrossEntropyGrad(Classes { targets: targets.into(), ignore: -100, mean: true })
    }
    fn options<'t, T: Scalar>(reduction: Reduction) -> CrossEntropyOptions<'t, T> {
        CrossEntropyOptions { reduction, ..Default::default() }
    }
    /// All options at once.
    fn all<'t, T: Scalar>(weight: Var<'t, T>, reduction: Reduction) -> CrossEntropyOptions<'t, T> {
        CrossEntropyOptions { weight: Some(weight), ignore_index: 1, label_smoothing: 0.3, reduction }
    }

    impl Sampled for CrossEntropy {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            let ignore = |ignore_index| CrossEntropyOptions { ignore_index, ..Default::default() };
            let mut rows = vec![
                grad([any(&[3, 5])], |v| v[0].cross_entropy([4, 0, 4])),
                grad([any(&[1, 1])], |v| v[0].cross_entropy([0])),
                grad([any(&[5, 3])], |v| v[0].t().cross_entropy([4, 0, 1]).square()),
                grad([any(&[3, 5])], |v| (v[0] * v[0]).cross_entropy([4, 0, 1]) + v[0].square().sum()),
                grad([any(&[3, 5])], |v| v[0].cross_entropy_probs(v[0].softmax(1)) + v[0].cross_entropy([1, 2, 3])),
                grad([any(&[3, 5])], |v| v[0].cross_entropy([4, -100, 1])),
                grad([any(&[2, 3, 2])], |v| v[0].cross_entropy([[2, 0], [1, -100]])),
                grad([any(&[2, 3, 2])], |v| v[0].cross_entropy_with([[2, 0], [1, 2]], options(Reduction::Sum)).square()),
                grad([any(&[5])], |v| v[0].cross_entropy(Indices::new(&[], [3]))),
                equals([any(&[3, 5])], |v| v[0].cross_entropy([4, 0, 1]), |v| v[0].cross_entropy_probs(one_hot(v[0], [4, 0, 1]))),
                equals(
                    [any(&[3, 5])],
                    |v| v[0].cross_entropy([4, 0, 1]),
                    |v| -(v[0].log_softmax(1) * one_hot(v[0], [4, 0, 1])).sum() / v[0].number(3.0),
                ),
                equals(
                    [any(&[3, 5])],
                    |v| v[0].cross_entropy([4, 0, 1]),
                    |v| (v[0].logsumexp(1, true) - v[0].gather(1, [[4], [0], [1]])).mean(),
                ),
                equals(
                    [any(&[3, 5])],
                    move |v| v[0].cross_entropy_with([4, 7, 1], ignore(7)),
                    |v| v[0].index_select(0, [0, 2]).cross_entropy([4, 1]),
                ),
                equals([any(&[3, 5])], |v| v[0].cross_entropy([4, 0, 1]), |v| v[0].log_softmax(1).nll_loss([4, 0, 1])),
                value([of(&[1, 2], [1e3, 0.0])], |v| v[0].cross_entropy([1]), &[1e3], [&[1.0, -1.0]]),
                value([of(&[1, 2], [-INF, 0.0])], |v| v[0].cross_entropy([1]), &[0.0], [&[0.0, 0.0]]),
                value([of(&[1, 2], [-INF, 0.0])], |v| v[0].cross_entropy([0]), &[INF], [&[-1.0, 1.0]]),
                value([of(&[1, 2], [NAN, 0.0])], |v| v[0].cross_entropy([0]), &[NAN], [&[NAN, NAN]]),
                value(
                    [of(&[2, 2], [NAN, 0.0, 0.0, 0.0])],
                    |v| v[0].cross_entropy([-100, 0]),
                    &[std::f64::consts::LN_2],
                    [&[0.0, 0.0, -0.5, 0.5]],
                ),
                value([of(&[1, 2], [1.0, 0.0])], |v| v[0].cross_entropy([-100]), &[NAN], [&[0.0, 0.0]]),
                value([of(&[0, 2], [])], |v| v[0].cross_entropy(Vec::<usize>::new()), &[NAN], [&[]]),
                refuses([any(&[5])], |v| v[0].cross_entropy([1]), &["cross_entropy of [5]", "need targets of shape []", "hint: "]),
                refuses([any(&[])], |v| v[0].cross_entropy([1]), &["cross_entropy of []", "[rows, classes]"]),
                refuses([any(&[2, 3])], |v| v[0].cross_entropy([1]), &["cross_entropy of [2, 3]", "2 rows", "hint: "]),
                refuses(
                    [any(&[2, 3, 2])],
                    |v| v[0].cross_entropy([1, 1]),
                    &["cross_entropy of [2, 3, 2]", "targets of shape [2, 2]", "hint: "],
                ),
                refuses([any(&[2, 3])], |v| v[0].cross_entropy([1, 3]), &["class 3 (at position 1) is out of range", "hint: there are 3"]),
                refuses([any(&[2, 3])], |v| v[0].cross_entropy([-1, 0]), &["class -1 (at position 0) is out of range"]),
                refuses(
                    [any(&[2, 3]), any(&[2])],
                    |v| v[0].cross_entropy_probs(v[1]),
                    &["cross_entropy_probs of [2, 3] and [2]", "hint: "],
                ),
                refuses(
                    [any(&[2, 3]), any(&[2])],
                    |v| v[0].cross_entropy_with([0, 1], all(v[1], NONE)),
                    &["3 classes need as many weights, not shape [2]"],
                ),
                refuses(
                    [any(&[2, 3])],
                    |v| v[0].cross_entropy_with([0, 1], CrossEntropyOptions { label_smoothing: 1.5, ..Default::default() }),
                    &["cross_entropy of [2, 3]", "between 0 and 1, not 1.5"],
                ),
                refuses(
                    [any(&[2, 3])],
                    |v| v[0].cross_entropy_probs_with(v[0], CrossEntropyOptions { ignore_index: 1, ..Default::default() }),
                    &["cross_entropy_probs of [2, 3]", "ignored", "hint: "],
                ),
                refuses([any(&[2, 3])], |v| v[0].nll_loss([0, 1, 2]), &["nll_loss of [2, 3]", "2 rows"]),
            ];
            let three = || positive(&[3]);
            let mut others = Vec::new();
            for reduction in [NONE, Reduction::Mean, Reduction::Sum] {
                others.extend([
                    grad([any(&[4, 3]), three()], move |v| v[0].cross_entropy_with([2, 0, 1, 2], all(v[1], reduction))),
                    grad([any(&[2, 3, 2]), three()], move |v| v[0].cross_entropy_with([[2, 0], [1, 2]], all(v[1], reduction))),
                    grad([any(&[4, 3]), three()], move |v| v[0].nll_loss_with([2, 0, 1, 2], all(v[1], reduction))),
                    grad([any(&[3])], move |v| v[0].nll_loss_with(Indices::new(&[], [2]), options(reduction))),
                    grad([any(&[2, 3, 2]), positive(&[2, 3, 2]), three()], move |v| {
                        v[0].cross_entropy_probs_with(v[1], CrossEntropyOptions { ignore_index: -100, ..all(v[2], reduction) })
                    }),
                    grad([any(&[3]), three()], move |v| v[0].cross_entropy_probs_with(v[1], options(reduction))),
                ]);
            }
            others.extend([
                // Computed by hand: weights 1, 2, 4; rows with targets 2 and 0.
                value(
                    [of(&[2, 3], [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]), of(&[3], [1.0, 2.0, 4.0])],
                    |v| v[0].nll_loss_with([2, 0], CrossEntropyOptions { weight: Some(v[1]), ..Default::default() }),
                    &[16.0 / 5.0],
                    [&[0.0, 0.0, -0.8, -0.2, 0.0, 0.0], &[0.16, 0.0, -0.04]],
                ),
                value(
                    [of(&[2, 2], [-INF, -2.0, -3.0, -4.0])],
                    |v| v[0].nll_loss_with([-1, 1], CrossEntropyOptions { ignore_index: -1, reduction: NONE, ..Default::default() }),
                    &[0.0, 4.0],
                    [&[0.0, 0.0, 0.0, -1.0]],
                ),
                equals(
                    [any(&[3, 5])],
                    |v| v[0].cross_entropy_with([4, 0, 1], CrossEntropyOptions { label_smoothing: 0.2, ..Default::default() }),
                    |v| {
                        let t = one_hot(v[0], [4, 0, 1]) * v[0].number(0.8) + v[0].number(0.04);
                        v[0].cross_entropy_probs(t)
                    },
                ),
                equals(
                    [any(&[3, 5])],
                    |v| v[0].cross_entropy_with([4, 0, 1], options(NONE)),
                    |v| -(v[0].log_softmax(1) * one_hot(v[0], [4, 0, 1])).sum_axes(1, false),
                ),
            ]);
            rows.extend(composed(others));
            rows
        }
    }

    impl Sampled for CrossEntropyGrad {
        fn rows<T: Scalar>() -> Vec<Row<T>> {
            vec![
                grad([any(&[3, 5])], |v| v[0].tape().grad(v[0].cross_entropy([4, 0, 4]), v)[0].expect("depends on x")),
                grad([any(&[3, 5])], |v| v[0].tape().grad(v[0].cross_entropy([4, -100, 4]), v)[0].expect("depends on x")),
                grad([any(&[]), any(&[3, 5])], |v| v[0].record2(op([4, 0, 4]), v[1])),
                grad([any(&[5, 3])], |v| v[0].tape().grad(v[0].t().cross_entropy([4, 0, 4]).square(), v)[0].expect("depends on x")),
                equals(
                    [any(&[]), any(&[3, 5])],
                    |v| v[0].record2(op([4, 0, 1]), v[1]),
                    |v| (v[1].softmax(1) - one_hot(v[1], [4, 0, 1])) * v[0] / v[0].number(3.0),
                ),
            ]
        }
    }
}
