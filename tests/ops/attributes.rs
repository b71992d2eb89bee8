//! An op of the last step is kept only if its attributes have the same bits: 0 and -0 are equal, but give different results.

use wengert::{PadMode, PoissonNllOptions, Reduction, Tape, Var};

/// Records an op with an attribute, on a vector.
type Record = for<'t> fn(Var<'t, f64>, f64) -> Var<'t, f64>;

/// The bits of the value and of the gradient, of an op that is recorded at the beginning of a tape.
fn bits(tape: &Tape<f64>, op: Record, attribute: f64) -> Vec<u64> {
    let x = tape.leaf([-1.0, -0.0, 0.0, 2.0]);
    let y = op(x, attribute);
    let dx = tape.grad(y.sum(), &[x])[0].expect("y depends on x");
    y.to_vec().iter().chain(&dx.to_vec()).map(|x| x.to_bits()).collect()
}

#[test]
fn an_attribute_of_0_does_not_stand_for_one_of_minus_0_in_the_next_step() {
    let ops: [(&str, Record); 11] = [
        ("threshold", |x, a| x.threshold(0.0, a)),
        ("leaky_relu", |x, a| x.leaky_relu(a)),
        ("elu", |x, a| x.elu(a)),
        ("hardtanh, low", |x, a| x.hardtanh(a, 1.0)),
        ("hardtanh, high", |x, a| x.hardtanh(-1.0, a)),
        ("clamp, low", |x, a| x.clamp(a, 1.0)),
        ("clamp, high", |x, a| x.clamp(-1.0, a)),
        ("softplus", |x, a| x.softplus_with(a, 20.0)),
        ("pad", |x, a| x.pad(&[(1, 2)], a)),
        ("pad_with", |x, a| x.pad_with(&[(-1, 1)], PadMode::Constant(a))),
        ("poisson_nll_loss", |x, eps| {
            let options = PoissonNllOptions { log_input: false, full: false, eps, reduction: Reduction::None };
            x.poisson_nll_loss_with(x.number(1.0).broadcast_to([4]), options)
        }),
    ];
    for (name, op) in ops {
        let fresh = |attribute| bits(&Tape::new(), op, attribute);
        assert_ne!(fresh(0.0), fresh(-0.0), "{name}: the sign of the attribute cannot be seen");
        let mut tape = Tape::new();
        for attribute in [0.0, -0.0, 0.0] {
            assert_eq!(bits(&tape, op, attribute), fresh(attribute), "{name} with {attribute:?}");
            tape.reset();
        }
    }
}
