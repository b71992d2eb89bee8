//! What is said when something is refused: op, shapes, the caller's line, a hint; and that the tape works on as if nothing had been.

#![allow(clippy::op_ref)] // operators on references are among what is tested

use crate::conformance::panics::caught;
use wengert::{Cotangents, Indices, Op, Param, Pick, Scalar, Shape, ShapeError, Tape, Var, View, Vjp, at, concat, pick, stack};

/// Runs a closure that must panic; gives the text.
fn refused<R>(f: impl FnOnce() -> R) -> String {
    caught(f).err().expect("must be refused")
}

/// That `$call` panics with `$message`, the line of the call, and `$hint`; that it leaves `$tape` as it was and able to work on.
macro_rules! refuses {
    ($tape:expr, $call:expr, $message:expr, hint: $hint:expr) => {{
        let before = $tape.stats();
        let (line, text) = (line!(), refused(|| $call));
        let column = text.split(concat!("\n  at ", file!(), ":")).nth(1).and_then(|t| t.split([':', '\n']).nth(1)).unwrap_or("?");
        let expected = format!("{}\n  at {}:{line}:{column}\n  hint: {}", $message, file!(), $hint);
        assert_eq!(text, expected);
        assert!(column.parse::<u32>().is_ok());
        works_on(&$tape, before);
    }};
}

fn works_on<T: Scalar>(tape: &Tape<T>, before: wengert::Stats) {
    assert_eq!(tape.stats(), before, "a refused op leaves nothing behind");
    let x = tape.leaf([T::from_f64(3.0)]);
    let grads = tape.backward((x * x).sum());
    assert_eq!(grads.wrt(x).expect("x is used").as_slice(), Some(&[T::from_f64(6.0)][..]));
}

// ------------------------------------------------------------------------------------------------------------- shapes

fn shapes_that_do_not_fit<T: Scalar>() {
    let tape = Tape::<T>::new();
    let of = |dims: &[usize]| tape.leaf(ndarray::ArrayD::from_elem(dims, T::ONE));
    let (a, b, m, v, c, r) = (of(&[2, 3]), of(&[4, 3]), of(&[3, 5]), of(&[2]), of(&[]), of(&[3]));
    let (cube, p, q) = (of(&[1, 1, 1]), of(&[2, 1, 3]), of(&[3, 3, 1]));
    let broadcast = "sizes are compared from the last axis; they must be equal, or one of them 1 (see `unsqueeze`)";
    refuses!(tape, a + b, "add of [2, 3] and [4, 3]: the shapes do not broadcast: axis -2 has 2 and 4", hint: broadcast);
    refuses!(tape, a - b, "sub of [2, 3] and [4, 3]: the shapes do not broadcast: axis -2 has 2 and 4", hint: broadcast);
    refuses!(tape, a * v, "mul of [2, 3] and [2]: the shapes do not broadcast: axis -1 has 3 and 2", hint: broadcast);
    refuses!(tape, &a / &v, "div of [2, 3] and [2]: the shapes do not broadcast: axis -1 has 3 and 2", hint: broadcast);
    refuses!(tape, a.pow(v), "pow of [2, 3] and [2]: the shapes do not broadcast: axis -1 has 3 and 2", hint: broadcast);
    refuses!(tape, a.gt(v), "gt of [2, 3] and [2]: the shapes do not broadcast: axis -1 has 3 and 2", hint: broadcast);
    refuses!(tape, a.lt(v), "gt of [2] and [2, 3]: the shapes do not broadcast: axis -1 has 2 and 3", hint: broadcast);
    let choice = "sizes are compared from the last axis; they must be equal, or one of them 1 (see `unsqueeze`)";
    refuses!(tape, a.where_cond(b, v), "where_cond of [2, 3] and [4, 3] and [2]: condition and values do not broadcast to one shape",
        hint: choice);
    refuses!(tape, a.where_cond(r, b), "where_cond of [2, 3] and [3] and [4, 3]: condition and values do not broadcast to one shape",
        hint: choice);

    refuses!(tape, a.matmul(b), "matmul of [2, 3] and [4, 3]: the last axis of the first (3) must equal the last but one of the second (4)",
        hint: "a product of [.., m, k] and [.., k, n] is [.., m, n]; `t()` transposes");
    refuses!(tape, a.matmul(v), "matmul of [2, 3] and [2]: the last axis of the first (3) must equal the last but one of the second (2)",
        hint: "a product of [.., m, k] and [.., k, n] is [.., m, n]; `t()` transposes");
    refuses!(tape, a.matmul(c), "matmul of [2, 3] and []: a number has no axis to sum over", hint: "multiply by a number with `*`");
    refuses!(tape, a.linear(m, v), "linear of [2, 3] and [3, 5] and [2]: needs input [.., in], weight [out, in] and bias [out]: \
         the input has 3 features, the weight takes 5",
        hint: "a layer's `in_features` is the last size of its input; the weight is [out_features, in_features]");
    refuses!(tape, cube.linear(m, v), "linear of [1, 1, 1] and [3, 5] and [2]: needs input [.., in], weight [out, in] and bias [out]: \
         the input has 1 features, the weight takes 5",
        hint: "a layer's `in_features` is the last size of its input; the weight is [out_features, in_features]");
    refuses!(tape, cube.matmul(b), "matmul of [1, 1, 1] and [4, 3]: the last axis of the first (1) must equal the last but one of the second (4)",
        hint: "a product of [.., m, k] and [.., k, n] is [.., m, n]; `t()` transposes");
    refuses!(tape, p.matmul(q), "matmul of [2, 1, 3] and [3, 3, 1]: the batches [2] and [3] do not broadcast",
        hint: "axes before the last two are a batch; their sizes must be equal, or one of them 1");
    refuses!(tape, a.mse_loss(b), "mse_loss of [2, 3] and [4, 3]: prediction and target must have one shape",
        hint: "`reshape` or `unsqueeze` the target; it is not broadcast");
    refuses!(tape, a.bce_with_logits(b), "bce_with_logits of [2, 3] and [4, 3]: prediction and target must have one shape",
        hint: "`reshape` or `unsqueeze` the target; it is not broadcast");
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    shapes_that_do_not_fit::<f32>();
    shapes_that_do_not_fit::<f64>();
}

fn rearrangements<T: Scalar>() {
    let tape = Tape::<T>::new();
    let of = |dims: &[usize]| tape.leaf(ndarray::ArrayD::from_elem(dims, T::ONE));
    let (a, v, cube) = (of(&[2, 3]), of(&[3]), of(&[1, 1, 1]));
    refuses!(tape, a.reshape([4, 2]), "reshape of [2, 3]: 6 elements of shape [2, 3] do not fill shape [4, 2], which has 8",
        hint: "one size may be -1 in `reshape`: it is then worked out");
    refuses!(tape, a.reshape([4, -1]), "reshape of [2, 3]: 6 elements of shape [2, 3] cannot have shape [4, -1]",
        hint: "at most one size may be -1, and the others must divide the number of elements");
    refuses!(tape, v.broadcast_to([3, 2]), "broadcast_to of [3]: shape [3] does not broadcast to [3, 2]",
        hint: "sizes are compared from the last axis; each must be equal or 1 in the array");
    refuses!(tape, concat(&[a, v], 0), "concat of [2, 3] and [3]: input 1 has shape [3], which differs from [2, 3] in the number of axes",
        hint: "all sizes but that of the joined axis must be equal");
    refuses!(tape, concat::<T>(&[], 0), "concat: nothing to join", hint: "give at least one array");
    refuses!(tape, stack(&[v, a], 0), "stack of [3] and [2, 3]: input 1 has shape [2, 3], the first has [3]",
        hint: "all must have one shape; to join along an axis they have, use `concat`");
    refuses!(tape, a.slice(&at![2]), "slice of [2, 3]: index 2 is out of range for axis 0 of size 2", hint: "indices run from -2 to 1");
    refuses!(tape, a.slice(&at![.., -4]), "slice of [2, 3]: index -4 is out of range for axis 1 of size 3",
        hint: "indices run from -3 to 2");
    refuses!(tape, a.permute(&[0]), "permute of [2, 3]: [0] names 1 of the 2 axes", hint: "every axis must be named once");
    refuses!(tape, cube.t(), "t of [1, 1, 1]: a matrix is needed, not shape [1, 1, 1]",
        hint: "name the axes: `transpose(-2, -1)`");
}

#[test]
fn rearrangements_that_do_not_fit_are_named() {
    rearrangements::<f32>();
    rearrangements::<f64>();
}

#[test]
fn more_than_64_axes_are_refused() {
    let tape = Tape::<f64>::new();
    let ones = |axes: usize| ndarray::ArrayD::<f64>::ones(vec![1; axes]);
    assert_eq!(tape.leaf(ones(64)).amax(-1, false).ndim(), 63);
    let shape = Shape::from(&[1; 65][..]);
    refuses!(tape, tape.leaf(ones(65)), format!("leaf of {shape}: an array of 65 axes"), hint: "at most 64 are possible");
    let param = Param::new("w", ones(65));
    refuses!(tape, tape.param(&param), format!("param of {shape}: an array of 65 axes"), hint: "at most 64 are possible");
    let most = tape.constant(ones(64));
    refuses!(tape, most.unsqueeze(0), format!("reshape of {}: an array of 65 axes", Shape::from(&[1; 64][..])),
        hint: "at most 64 are possible");
}

#[test]
fn an_axis_that_is_not_there_is_named() {
    let tape = Tape::<f64>::new();
    let a = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let number = tape.leaf(1.0);
    let hint = "axes of a 2-dimensional array run from -2 to 1";
    refuses!(tape, a.sum_axes(2, false), "sum of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.mean_axes(-3, true), "mean of [2, 3]: axis -3 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.amax(2, false), "amax of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.logsumexp(7, false), "logsumexp of [2, 3]: axis 7 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.softmax(2), "softmax of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.log_softmax(-3), "log_softmax of [2, 3]: axis -3 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.transpose(0, 2), "transpose of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.squeeze(2), "squeeze of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.size(2), "size of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, concat(&[a, a], 2), "concat of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.index_select(2, [0usize]), "index_select of [2, 3]: axis 2 is out of range for shape [2, 3]", hint: hint);
    refuses!(tape, a.sum_axes([0, -2], false), "sum of [2, 3]: axis -2 is named twice in [0, -2] for shape [2, 3]",
        hint: "name each axis once; -1 is the last");
    refuses!(tape, number.sum_axes(1, false), "sum of []: axis 1 is out of range for shape []", hint: "a number has no axes");
}

#[test]
fn empty_reductions_are_refused_where_they_have_no_value() {
    let tape = Tape::<f32>::new();
    let empty = tape.leaf(ndarray::Array2::<f32>::zeros((0, 3)));
    let hint = "an axis that is reduced must not have size 0";
    refuses!(tape, empty.max(), "amax of [0, 3]: there is no largest or smallest of no elements (shape [0, 3])", hint: hint);
    refuses!(tape, empty.amax(0, true), "amax of [0, 3]: there is no largest or smallest of no elements (shape [0, 3])", hint: hint);
    refuses!(tape, empty.min(), "amin of [0, 3]: there is no largest or smallest of no elements (shape [0, 3])", hint: hint);
    assert_eq!(empty.amax(1, false).shape(), [0], "no elements are asked for");
    assert_eq!(empty.sum().item(), 0.0);
    assert!(empty.mean().item().is_nan());
}

// ------------------------------------------------------------------------------------------------------------ indices

#[test]
fn indices_are_whole_and_in_range() {
    let tape = Tape::<f32>::new();
    let a = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let row = a.slice(&at![0..1]);
    let (half, big) = (tape.constant([0.0, 1.5]), tape.constant([1e20, 0.0]));
    let hint = "give integers, or round the values first";
    refuses!(tape, a.cross_entropy(half), "cross_entropy of [2, 3]: indices must be whole numbers, but a Var of type f32 holds 1.5 (at position 1)", hint: hint);
    refuses!(tape, a.cross_entropy(big), "cross_entropy of [2, 3]: indices must be whole numbers, but a Var of type f32 holds 100000002004087730000 (at position 0)", hint: hint);
    refuses!(tape, a.cross_entropy([0usize, 3]), "cross_entropy of [2, 3]: class 3 (at position 1) is out of range",
        hint: "there are 3, numbered from 0");
    refuses!(tape, a.cross_entropy([-1i64, 0]), "cross_entropy of [2, 3]: class -1 (at position 0) is out of range",
        hint: "there are 3, numbered from 0");
    refuses!(tape, a.cross_entropy([0usize, 1, 2]), "cross_entropy of [2, 3]: 2 rows of logits need as many targets, not shape [3]",
        hint: "targets are class numbers; for one-hot rows or probabilities use `cross_entropy_probs`");
    refuses!(tape, a.cross_entropy_probs(row), "cross_entropy_probs of [2, 3] and [1, 3]: logits and probabilities must have one shape: [rows, classes], [classes] or [rows, classes, ..]",
        hint: "for class numbers use `cross_entropy`");
    refuses!(tape, a.index_select(0, [0usize, 2]), "index_select of [2, 3]: index 2 (at position 1) is out of range",
        hint: "there are 2, numbered from 0");
    assert_eq!(Indices::from(tape.constant([2.0, 0.0])).values(), [2, 0], "whole numbers are indices, whatever their type");
}

// --------------------------------------------------------------------------------------------------- tapes and sweeps

#[test]
fn vars_of_two_tapes_do_not_mix() {
    let (tape, other) = (Tape::<f64>::new(), Tape::<f64>::new());
    let (x, y) = (tape.leaf([1.0, 2.0]), other.leaf([1.0, 2.0]));
    let hint = "bring its value over with `tape.constant(&x.to_array())`";
    refuses!(tape, x + y, "add of [2] and [2]: a Var of another tape", hint: hint);
    refuses!(other, y * x, "mul of [2] and [2]: a Var of another tape", hint: hint);
    refuses!(tape, concat(&[x, x, x, y], 0), "concat of [2] and [2] and [2] and [2]: a Var of another tape", hint: hint);
    let own = "call the method of the tape on which it was computed";
    refuses!(tape, tape.backward(y.sum()), "backward: a Var of another tape", hint: own);
    refuses!(tape, tape.grad(x, &[y]), "grad: a Var of another tape", hint: own);
}

#[test]
fn a_sweep_needs_a_scalar_that_depends_on_something() {
    let tape = Tape::<f64>::new();
    let (x, c) = (tape.leaf([1.0, 2.0]), tape.constant(3.0));
    let (y, unit) = (x * x, tape.constant(1.0));
    refuses!(tape, tape.backward(y), "backward: the loss must be a number, but its shape is [2]",
        hint: "reduce it with `.sum()` or `.mean()`, or give its cotangent to `backward_with`");
    refuses!(tape, tape.backward_with(y, unit), "backward_with: the cotangent has shape [], but the output has [2]",
        hint: "a cotangent has the shape of the output");
    refuses!(tape, tape.grad_with(y, unit, &[x]), "grad_with: the cotangent has shape [], but the output has [2]",
        hint: "a cotangent has the shape of the output");
    let nothing = "backward: the output depends on no parameter and no tracked leaf, so there is no gradient";
    let hint = "make inputs with `tape.leaf(..)` or `tape.param(..)`, outside `no_grad`";
    refuses!(tape, tape.backward(c), nothing, hint: hint);
    let cut = (tape.no_grad(|| x * x).sum(), x.detach().sum());
    refuses!(tape, tape.backward(cut.0), nothing, hint: hint);
    refuses!(tape, tape.backward(cut.1), nothing, hint: hint);
}

#[test]
fn a_borrowed_value_keeps_the_tape_from_recording() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([1.0, 2.0]);
    let value = x.value();
    fn ignored<V>(_: V) {}
    let ways: [(u32, &dyn Fn()); 9] = [
        (line!(), &|| ignored(x + 1.0)),
        (line!(), &|| ignored(tape.leaf(1.0))),
        (line!(), &|| ignored(tape.constant([1.0, 2.0]))),
        (line!(), &|| ignored(tape.param(&Param::new("p", 1.0)))),
        (line!(), &|| ignored(tape.backward_with(x, x))),
        (line!(), &|| ignored(tape.grad_with(x, x, &[x]))),
        (line!(), &|| ignored(tape.grad(x, &[x]))),
        (line!(), &|| tape.recycle(Default::default())),
        (line!(), &|| ignored(x.detach())),
    ];
    for (line, way) in ways {
        let text = refused(way);
        let start = "the tape cannot record while a borrowed value (`Var::value`) is alive\n  at tests/errors.rs:";
        let hint = "\n  hint: drop it first, or use `to_array()`";
        assert!(text.starts_with(&format!("{start}{line}:")) && text.ends_with(hint), "{text}");
    }
    assert_eq!(value.as_slice(), [1.0, 2.0], "reading goes on");
    assert_eq!((x.to_vec(), x.shape()), (vec![1.0, 2.0], Shape::from([2])));
    drop(value);
    assert_eq!((x + 1.0).to_vec(), [2.0, 3.0]);
    assert!((x * x).is_tracked(), "what was refused has left no switch on");
}

#[test]
fn what_is_not_one_number_is_no_item() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([1.0, 2.0]);
    refuses!(tape, x.item(), "item: an array of shape [2] is not one number", hint: "reduce it first, or use `to_array()`");
}

#[test]
fn a_parameter_keeps_its_shape() {
    let w = Param::<f32>::new("w", [1.0, 2.0]);
    let text = refused(|| w.set([1.0, 2.0, 3.0]));
    assert!(text.starts_with("set: parameter w has shape [2], but the new value has [3]\n  at tests/errors.rs:"), "{text}");
    assert!(text.contains("hint: a parameter keeps its shape"), "{text}");
    assert_eq!(w.to_array().as_slice(), Some(&[1.0, 2.0][..]));
}

// ----------------------------------------------------------------------------------------------------- an op of one's own

/// The sum of a pair.
#[derive(Debug, PartialEq)]
struct PairSum;

impl<T: Scalar> Op<T> for PairSum {
    fn name(&self) -> &'static str {
        "pair_sum"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        match *x {
            [x] if **x == [2] => Ok(Shape::scalar()),
            _ => Err(ShapeError::new("one pair is needed").hint("a pair has shape [2]")),
        }
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y[0] = x[0].iter().fold(T::ZERO, |a, b| a + b);
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        cx.each(|_| cx.g.broadcast_to([2]))
    }
}

#[test]
fn try_apply_returns_what_apply_panics_with() {
    let (tape, other) = (Tape::<f64>::new(), Tape::<f64>::new());
    let (pair, triple) = (tape.leaf([1.0, 2.0]), tape.leaf([1.0, 2.0, 3.0]));
    let before = tape.stats();
    refuses!(tape, tape.apply(PairSum, &[triple]), "pair_sum of [3]: one pair is needed", hint: "a pair has shape [2]");
    let (line, e) = (line!(), tape.try_apply(PairSum, &[triple]).expect_err("a triple is no pair"));
    let location = e.location().expect("the engine adds it");
    assert_eq!(e.to_string(), format!("pair_sum of [3]: one pair is needed\n  at {location}\n  hint: a pair has shape [2]"));
    assert_eq!((location.file(), location.line()), (file!(), line));
    assert_eq!((e.op(), e.shapes()), ("pair_sum", &[Shape::from([3])][..]));
    let e = tape.try_apply(PairSum, &[]).expect_err("nothing is no pair");
    assert!(e.to_string().starts_with("pair_sum: one pair is needed\n"), "{e}");
    let e = tape.try_apply(PairSum, &[other.leaf([1.0, 2.0])]).expect_err("another tape");
    assert!(e.to_string().starts_with("pair_sum of [2]: a Var of another tape\n"), "{e}");
    assert!(std::error::Error::source(&e).is_none());
    assert_eq!(tape.stats().nodes, before.nodes + 3, "three nodes of the check that the tape works on, none of what was refused");
    let y = tape.try_apply(PairSum, &[pair]).expect("a pair");
    assert_eq!((y.item(), tape.backward(y).wrt(pair).expect("used").as_slice()), (3.0, Some(&[1.0, 1.0][..])));
}

// ---------------------------------------------------------------------------------------------- operators, and whose line

macro_rules! operators {
    ($test:ident, $T:ty) => {
        /// All four operators, with a Var or a number on either side, by value and by reference; each node has the caller's line.
        #[test]
        fn $test() {
            let tape = Tape::<$T>::new();
            let (x, y) = (tape.leaf([3.0 as $T, 8.0]), tape.leaf([2.0 as $T, 4.0]));
            let two: $T = 2.0;
            let check = |line: u32, v: Var<'_, $T>, expected: [$T; 2]| {
                assert_eq!(v.to_vec(), expected);
                let node = format!("{v:?}");
                assert!(node.ends_with(&format!(" {}:{line}", file!())), "{node} is of line {line}");
            };
            check(line!(), x + y, [5.0, 12.0]);
            check(line!(), &x + y, [5.0, 12.0]);
            check(line!(), x + &y, [5.0, 12.0]);
            check(line!(), &x + &y, [5.0, 12.0]);
            check(line!(), x + two, [5.0, 10.0]);
            check(line!(), &x + two, [5.0, 10.0]);
            check(line!(), two + x, [5.0, 10.0]);
            check(line!(), two + &x, [5.0, 10.0]);

            check(line!(), x - y, [1.0, 4.0]);
            check(line!(), &x - y, [1.0, 4.0]);
            check(line!(), x - &y, [1.0, 4.0]);
            check(line!(), &x - &y, [1.0, 4.0]);
            check(line!(), x - two, [1.0, 6.0]);
            check(line!(), &x - two, [1.0, 6.0]);
            check(line!(), two - x, [-1.0, -6.0]);
            check(line!(), two - &x, [-1.0, -6.0]);

            check(line!(), x * y, [6.0, 32.0]);
            check(line!(), &x * y, [6.0, 32.0]);
            check(line!(), x * &y, [6.0, 32.0]);
            check(line!(), &x * &y, [6.0, 32.0]);
            check(line!(), x * two, [6.0, 16.0]);
            check(line!(), &x * two, [6.0, 16.0]);
            check(line!(), two * x, [6.0, 16.0]);
            check(line!(), two * &x, [6.0, 16.0]);

            check(line!(), x / y, [1.5, 2.0]);
            check(line!(), &x / y, [1.5, 2.0]);
            check(line!(), x / &y, [1.5, 2.0]);
            check(line!(), &x / &y, [1.5, 2.0]);
            check(line!(), x / two, [1.5, 4.0]);
            check(line!(), &x / two, [1.5, 4.0]);
            check(line!(), 24.0 / x, [8.0, 3.0]);
            check(line!(), 24.0 / &x, [8.0, 3.0]);

            check(line!(), -x, [-3.0, -8.0]);
            check(line!(), -&x, [-3.0, -8.0]);
            // No node of the whole tape is of another file than this one.
            let listing = tape.to_string();
            let foreign = listing.lines().find(|l| !l.contains(concat!(" ", file!(), ":")));
            assert_eq!(foreign, None);
        }
    };
}
operators!(operators_in_f32, f32);
operators!(operators_in_f64, f64);

#[test]
fn every_method_records_the_line_of_its_caller() {
    let tape = Tape::<f64>::new();
    let (a, b) = (tape.leaf([[0.5, 0.25], [0.75, 0.1]]), tape.leaf([[0.3, 0.6], [0.2, 0.9]]));
    let v = tape.leaf([0.4, 0.7]);
    let line = line!();
    #[rustfmt::skip]
    let _ = (
        a.abs() + a.exp() + a.ln() + a.log1p() + a.expm1() + a.sqrt() + a.rsqrt() + a.recip() + a.square() + a.sin() + a.cos(),
        a.tanh() + a.sigmoid() + a.softplus() + a.relu() + a.leaky_relu(0.1) + a.gelu() + a.powf(1.5) + a.powi(2) + a.erf(),
        a.pow(b) + a.maximum(b) + a.minimum(0.5) + a.clamp(0.2, 0.4) + a.gt(b).where_cond(a, 0.0) + a.le(0.5) + a.pow(2.0),
        a.sum_axes(0, true) + a.mean_axes([1], true) + a.amax(-1, true) + a.amin(.., true) + a.logsumexp(0, true),
        a.sum() + a.mean() + a.max() + a.min(),
        (a.softmax(0), a.log_softmax(-1), a.cross_entropy([0usize, 1]), a.cross_entropy_probs(b), a.mse_loss(b), a.bce_with_logits(b)),
        (a.matmul(b), a.matmul(v), v.matmul(a), v.matmul(v), a.linear(b, v), a.t().reshape([-1]), a.permute(&[1, 0]).unsqueeze(0)),
        (a.unsqueeze(0).matmul(b.unsqueeze(0)), a.unsqueeze(0).linear(b, v), a.broadcast_to([3, 2, 2]).sum_to([2, 2])),
        (a.slice(&at![0, ..; -1]), a.narrow(0, 0, 1), a.pad(&[(1, 1)], 0.0), concat(&[a, b], 0), stack(&[a, b], 1), a.flatten(0, -1)),
        (a.gather(0, [[0usize, 1]]), a.index_select(1, [1usize]), a.detach(), a.ones_like(), a.number(2.0), a.squeeze(..)),
        (a.prod(), a.prod_axes(.., true), a.cumsum(0), a.cumprod(1), a.logcumsumexp(-1), a.trace(), a.median(), a.diagonal(0, 0, 1)),
        (a.max_with_indices(0, false), a.min_with_indices(1, true), a.median_with_indices(0, true), a.kthvalue(1, 0, false)),
        (a.sort(0, true), a.topk(1, 1, false), a.argmax(0, true), a.argmin(0, false), a.argsort(0, false), a.sum().sort(0, false)),
        (a.flip(0), a.roll(&[1], &[0]), a.roll(&[1], &[]), a.repeat([2, 1, 2]), a.tile([2]), a.chunk(2, 0), a.split(1, 1)),
        (a.split_with_sizes([2], 0), a.tril(0), a.triu(1), v.diag_embed(1, 0, 1), a.unfold(0, 1, 1), a.sum().unfold(0, 1, 1)),
        (a.expand([3, -1, 2]), a.unflatten(0, [-1, 2]), a.movedim(&[0], &[1]), a.take_along_dim(0, [[1, 0]]), a.masked_select(b.gt(0.5))),
        (a.scatter(0, [[1, 0]], b), a.scatter_add(0, [[1]], b), a.scatter(1, [[0]], 2.0), a.index_add(0, [1, 0], b, 2.0)),
        (a.index_copy(0, [1, 0], b), a.index_fill(1, [0], 2.0), a.index(&pick![[1, 0], 0]), a.index(&pick![[0], Pick::NewAxis, [1]])),
    );
    let lines = line + 2..line!();
    for node in tape.to_string().lines().skip(3) {
        let at = node.rsplit_once(concat!(" ", file!(), ":")).and_then(|(_, l)| l.parse::<u32>().ok());
        assert!(at.is_some_and(|l| lines.contains(&l)), "not of lines {lines:?}: {node}");
    }
}

#[test]
fn a_gradient_is_asked_for_by_a_var_of_its_own_step() {
    let mut tape = Tape::<f64>::new();
    let grads = {
        let x = tape.leaf(2.0);
        let grads = tape.backward(x * x);
        assert_eq!(grads.wrt(x).and_then(|g| g.first().copied()), Some(4.0));
        let other = Tape::<f64>::new();
        let text = refused(|| grads.wrt(other.leaf(1.0)).is_some());
        assert!(text.contains("wrt: the Var is of another tape") && text.contains("tests/errors.rs") && text.contains("hint: "), "{text}");
        // Not silently None: the gradient by a computed Var is not kept.
        let text = refused(|| grads.wrt(x.reshape([1])).is_some());
        assert!(text.contains("by `reshape`") && text.contains("tests/errors.rs") && text.contains("`tape.grad("), "{text}");
        grads
    };
    tape.reset();
    let y = tape.leaf(3.0);
    let text = refused(|| grads.wrt(y).is_some());
    assert!(text.contains("made after a reset"), "{text}");
}

#[test]
fn an_array_of_more_elements_than_addresses_is_refused() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([1.0, 2.0]).unsqueeze(-1);
    let text = refused(|| x.broadcast_to([1 << 20, 1 << 20, 1 << 20, 2, 1 << 20]));
    assert!(text.contains("broadcast_to") && text.contains("more elements than memory has addresses"), "{text}");
    let text = refused(|| x.broadcast_to([0, 1_usize << 40, 1 << 40, 2, 1]));
    assert!(text.contains("more elements than memory has addresses"), "{text}");
    assert_eq!(x.sum().item(), 3.0);
}

/// An op whose rule answers with a `Var` of a tape of its own.
#[derive(Debug, PartialEq)]
struct Stranger;

impl Op<f64> for Stranger {
    fn name(&self) -> &'static str {
        "stranger"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(x[0].clone())
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        y.copy_from_slice(&x[0].to_slice());
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        let other: &'static Tape<f64> = Box::leak(Box::default());
        cx.each(|_| other.leaf(1.0))
    }
}

#[test]
fn a_cotangent_of_another_tape_is_refused() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(1.0);
    let y = tape.apply(Stranger, &[x]);
    let text = refused(|| tape.backward(y).len());
    assert!(text.contains("a cotangent of another tape"), "{text}");
    assert_eq!(tape.backward(x * x).wrt(x).and_then(|g| g.first().copied()), Some(2.0));
}

/// An op that says it is elementwise, and gives an output of another size.
#[derive(Debug, PartialEq)]
struct OtherSize(usize);
impl<T: Scalar> Op<T> for OtherSize {
    fn name(&self) -> &'static str {
        "other_size"
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok([self.0].into())
    }
    fn fused(&self) -> Option<&dyn wengert::Fused<T>> {
        Some(self)
    }
    fn forward(&self, x: &[View<'_, T>], y: &mut [T]) {
        y.iter_mut().zip(x[0].iter()).for_each(|(y, x)| *y = x);
    }
    fn vjp<'t>(&self, _: &Vjp<'t, '_, T>) -> Cotangents<'t, T> {
        Cotangents::none()
    }
}
impl<T: Scalar> wengert::Fused<T> for OtherSize {
    fn elementwise(&self) -> Option<wengert::Cost> {
        Some(wengert::Cost::Cheap)
    }
}

#[test]
fn inputs_of_elementwise_ops_have_the_outputs_shape() {
    let tape = Tape::<f32>::new();
    for (n, m) in [(10, 20), (20, 10), (10, 0), (100_000, 200_000), (200_000, 100_000)] {
        let x = tape.leaf(vec![1.0; n]);
        let says = format!("other_size of [{n}]: an elementwise op whose input 0 has shape [{n}] gives shape [{m}]");
        let hint = "`elementwise` is for ops whose inputs, beside tables, have the output's shape: broadcast them first";
        refuses!(tape, tape.apply(OtherSize(m), &[x]), says, hint: hint);
        assert_eq!(tape.apply(OtherSize(n), &[x]).numel(), n);
    }
}

#[test]
fn options_that_are_no_numbers_are_refused() {
    let tape = Tape::<f32>::new();
    let x = tape.leaf([[1.0, 2.0], [3.0, 5.0]]);
    let norm = |eps: f64| wengert::NormOptions { eps, ..Default::default() };
    let small = "a small number that is above 0, such as the default";
    let eps = f64::NAN;
    let says = |op: &str| format!("{op} of [2, 2]: eps is not a number");
    refuses!(tape, x.standardize(0, eps), says("standardize"), hint: small);
    refuses!(tape, x.layer_norm([2], norm(eps)), says("layer_norm"), hint: small);
    refuses!(tape, x.group_norm(1, norm(eps)), says("group_norm"), hint: small);
    refuses!(tape, x.batch_norm_train(None, norm(eps)), says("batch_norm"), hint: small);
    let rms = wengert::RmsNormOptions { eps: Some(eps), ..Default::default() };
    refuses!(tape, x.rms_norm([2], rms), says("rms_norm"), hint: small);
    let normalize = wengert::NormalizeOptions { eps, ..Default::default() };
    refuses!(tape, x.normalize_with(0, normalize), says("normalize"), hint: small);
    refuses!(tape, x.cosine_similarity_with(x, 0, eps), says("cosine_similarity"), hint: small);
    refuses!(tape, x.pairwise_distance(x, 2.0, eps), says("pairwise_distance"), hint: small);
    let poisson = wengert::PoissonNllOptions { eps, ..Default::default() };
    refuses!(tape, x.poisson_nll_loss_with(x, poisson), says("poisson_nll_loss"), hint: small);
    let correction = "1 is the unbiased estimate, 0 the variance of these numbers";
    refuses!(tape, x.var(0, f64::NAN, false), "var of [2, 2]: the correction is not a number", hint: correction);
    refuses!(tape, x.std(0, f64::NAN, false), "std of [2, 2]: the correction is not a number", hint: correction);
}

/// `x += y` and its kin give the name a new value, with the line of the caller where they are refused.
#[test]
fn operators_that_assign() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([6.0, 8.0]);
    let mut y = x;
    y += 2.0;
    y *= x;
    y -= &x;
    y /= 2.0;
    assert_eq!(y.to_vec(), [21.0, 36.0]); // (x (x + 2) - x) / 2
    assert_eq!(tape.grad(y, &[x])[0].unwrap().to_vec(), [6.5, 8.5]); // x + 1/2
    assert_eq!(x.to_vec(), [6.0, 8.0]);
    let three = tape.leaf([1.0; 3]);
    refuses!(tape, y += three, "add of [2] and [3]: the shapes do not broadcast: axis -1 has 2 and 3",
        hint: "sizes are compared from the last axis; they must be equal, or one of them 1 (see `unsqueeze`)");
}
