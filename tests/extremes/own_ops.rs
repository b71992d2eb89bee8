//! Ops of one's own, honest ones and such that lie: about shapes, views and cotangents.

use super::draw::Draw;
use super::failures::Failures;
use crate::harness::alone;
use wengert::{Binary, Cost, Cotangents, Fused, Layout, Op, Real, Shape, ShapeError, Source, Strides, Tape, Unary, View, Vjp};

/// A third of what is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean3;
impl Unary for Mean3 {
    const NAME: &'static str = "mean3";
    const GRAD_NAME: &'static str = "mean3_grad";
    fn f<R: Real>(self, x: R) -> R {
        x * x.lit(1.0 / 3.0)
    }
    fn df<R: Real>(self, x: R, _: R) -> R {
        x.lit(1.0 / 3.0)
    }
}
impl Binary for Mean3 {
    const NAME: &'static str = "mean3_of_two";
    const GRAD_NAME: &'static str = "mean3_of_two_grad";
    fn f<R: Real>(self, a: R, b: R) -> R {
        (a + b) * a.lit(1.0 / 3.0)
    }
    fn da<R: Real>(self, a: R, _: R) -> R {
        a.lit(1.0 / 3.0)
    }
    fn db<R: Real>(self, a: R, _: R) -> R {
        a.lit(1.0 / 3.0)
    }
}

/// A value whose shape is not that of its elements.
pub struct Lies {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}
impl Source<f64> for Lies {
    fn visit<R>(&self, f: impl FnOnce(&[usize], &[f64]) -> R) -> R {
        f(&self.shape, &self.values)
    }
}

/// A view of any shape, strides and distance.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyView {
    shape: Shape,
    strides: Vec<isize>,
    by: isize,
}
impl Op<f64> for AnyView {
    fn name(&self) -> &'static str {
        "any_view"
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.shape.clone())
    }
    fn alias(&self, _: &Layout, _: &Shape) -> Option<(Strides, isize)> {
        Some((self.strides.iter().copied().collect(), self.by))
    }
    fn forward(&self, _: &[View<'_, f64>], _: &mut [f64]) {}
    fn vjp<'t>(&self, _: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        Cotangents::none()
    }
}
pub fn any_view(d: &mut Draw<'_>) -> AnyView {
    AnyView { shape: d.sizes([2, 1]).into(), strides: vec![d.int(3), d.int(1)], by: d.int(0) }
}

/// How an op of one's own fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Shape,
    Alias,
    TooFewStrides,
    Forward,
    Waiting,
    Rule,
    Cotangent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bad(Fault);

impl Op<f64> for Bad {
    fn name(&self) -> &'static str {
        "bad"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(if self.0 == Fault::Shape { x[7].clone() } else { x[0].clone() })
    }
    fn alias(&self, x: &Layout, _: &Shape) -> Option<(Strides, isize)> {
        match self.0 {
            Fault::Alias => panic!("no idea"),
            Fault::TooFewStrides => Some((x.strides()[1..].iter().copied().collect(), 0)),
            _ => None,
        }
    }
    fn fused(&self) -> Option<&dyn Fused<f64>> {
        (self.0 == Fault::Waiting).then_some(self)
    }
    fn forward(&self, x: &[View<'_, f64>], y: &mut [f64]) {
        let x = x[0].to_slice();
        y.copy_from_slice(&x);
        if matches!(self.0, Fault::Forward | Fault::Waiting) {
            y[0] = x[x.len()];
        }
    }
    fn vjp<'t>(&self, cx: &Vjp<'t, '_, f64>) -> Cotangents<'t, f64> {
        match self.0 {
            Fault::Rule => panic!("no rule"),
            Fault::Cotangent => cx.each(|_| cx.g.sum()),
            _ => cx.each(|_| cx.g),
        }
    }
}

impl Fused<f64> for Bad {
    fn elementwise(&self) -> Option<Cost> {
        Some(Cost::Cheap)
    }
}

#[test]
fn what_fails_in_an_op_of_ones_own_names_op_shapes_and_line() {
    let _alone = alone();
    let large = vec![1.0; 40_000];
    let cases: [(Fault, &str); 7] = [
        (Fault::Shape, "bad of [40000]: its `shape` panicked: index out of bounds"),
        (Fault::Alias, "bad of [40000]: its `alias` panicked: no idea"),
        (Fault::TooFewStrides, "bad of [40000]: its `alias` gave strides [] for a view of shape [40000]"),
        (Fault::Forward, "bad of [40000]: its `forward` panicked: index out of bounds"),
        (Fault::Waiting, "bad of [40000]: its `forward` panicked: index out of bounds"),
        (Fault::Rule, "bad of [40000]: its `vjp` panicked: no rule"),
        (Fault::Cotangent, "bad of [40000]: the rule of bad returned a cotangent of shape [] for an input of shape [40000]"),
    ];
    for (fault, wanted) in cases {
        let tape = Tape::new();
        let x = tape.leaf(&large);
        let line = line!() + 2;
        let run = || {
            let y = tape.apply(Bad(fault), &[x]);
            tape.backward((y * 2.0).sum());
        };
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).expect_err("refused");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.starts_with(wanted) && text.contains(&format!("\n  at {}:{line}:", file!())), "{fault:?}: {text}");
        // And the tape is whole.
        assert_eq!(tape.backward((x * x).sum()).wrt(x).expect("a leaf")[[7]], 2.0, "{fault:?}");
    }
}

#[test]
fn a_view_outside_of_its_input_is_refused() {
    let _alone = alone();
    let mut failures = Failures::default();
    // Of six elements, from the second row's second on, backwards: elements 4, 3 | 1, 0.
    let inside = AnyView { shape: [2, 2].into(), strides: vec![-3, -1], by: 4 };
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(tape.apply(inside.clone(), &[x]).to_vec(), [5.0, 4.0, 2.0, 1.0]);
    let outside = [
        AnyView { by: 6, shape: [1].into(), strides: vec![0] },
        AnyView { by: -1, shape: [1].into(), strides: vec![0] },
        AnyView { by: 3, ..inside.clone() },
        AnyView { by: 1 << 32, shape: [2, 3].into(), strides: vec![3, 1] },
        AnyView { by: 1 << 33, shape: [1].into(), strides: vec![1] },
        AnyView { by: isize::MIN, ..inside.clone() },
        AnyView { by: 0, shape: [3, 3].into(), strides: vec![3, 1] },
        AnyView { by: 0, shape: [2, 3].into(), strides: vec![isize::MAX, 1] },
        AnyView { by: 9, shape: [0].into(), strides: vec![1] },
    ];
    for view in outside {
        failures.case(&format!("{view:?}"), || {
            let text = match tape.try_apply(view.clone(), &[x]) {
                Ok(y) => return Err(format!("gives {:?}", y.to_vec())),
                Err(e) => e.to_string(),
            };
            // An empty view sees no element, but begins at one.
            let says = match view.shape.numel() {
                0 => String::from("begins at element 9, the input has 0 to 5"),
                _ => String::from("sees elements "),
            };
            if text.starts_with(&format!("any_view of [2, 3]: its `alias` {says}")) { panic!("{text}") } else { Err(text) }
        });
        // Of a view, what it does not see is outside as well.
        failures.case(&format!("{view:?} of a view"), || match tape.try_apply(view.clone(), &[x.narrow(0, 0, 1)]) {
            Ok(y) => Err(format!("gives {:?}", y.to_vec())),
            Err(e) => panic!("{e}"),
        });
    }
    failures.panic_if_any();
}
