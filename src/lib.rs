//! Reverse-mode automatic differentiation on a tape, for `f32` and `f64` arrays on the CPU. Gradients are on the tape too, and can be differentiated
//! again, to any order; layers, optimizers, data and files for training come with it.
//!
//! Operations on [`Var`] handles are recorded on a [`Tape`] (a Wengert list: R. E. Wengert, "A simple automatic derivative evaluation
//! program", 1964). [`Tape::backward`] walks back over it. No layer has a backward function of its own: all are graphs of primitive operations.
//!
//! | to .. | begin with |
//! |---|---|
//! | [differentiate a function](#differentiate-a-function) | [`Tape::backward`], [`Tape::grad`], [`grad()`], [`hessian`], [`jacobian`], [`hvp`] |
//! | [train a network](#train-a-network) | [`prelude`], [`nn`], [`optim`], [`data`], [`train::Fit`] |
//! | [write an operation](#write-an-operation) | [`Unary`], [`Binary`], [`Op`], [`check_grads`] |
//! | [load and save weights](#load-and-save-weights) | [`io`] |
//! | work with images and their features | `vision::image`, `vision::hog` |
//! | [see a graph, a model, a run](#see-what-happens) | [`Tape::nodes`], [`Forward::summary`](nn::Forward::summary), [`Tape::first_not_finite`], `plot`, [`tensorboard`] |
//! | find an operation | the index by family, with PyTorch's names, on the page of [`Var`] |
//! | come from PyTorch | `docs/from-pytorch.md`; the tutorial is in `docs/tutorial` |
//!
//! # Differentiate a function
//!
//! ```
//! let tape = wengert::Tape::<f64>::new();
//! let x = tape.leaf([1.0, 2.0]);
//! let y = (x * x * x).sum();
//! assert_eq!(tape.backward(y).wrt(x).unwrap().as_slice(), Some(&[3.0, 12.0][..])); // 3 x^2
//! let dy = tape.grad(y, &[x])[0].unwrap(); // the same, on the tape
//! let d2y = tape.grad(dy, &[x])[0].unwrap();
//! assert_eq!(d2y.to_vec(), [6.0, 12.0]); // 6 x
//!
//! let hessian = wengert::hessian(|x| (x * x * x).sum(), x);
//! assert_eq!(hessian.to_vec(), [6.0, 0.0, 0.0, 12.0]);
//! ```
//!
//! Two words of the field: the *cotangent* of a value is the derivative of the result with respect to that value, and has its shape. The *rule* of
//! an op (its vector-Jacobian product, [`Op::vjp`]) turns the cotangent of its output into those of its inputs.
//!
//! # Train a network
//!
//! ```
//! use wengert::nn::{Linear, Sequential, Tanh};
//! use wengert::optim::Adam;
//! use wengert::prelude::*;
//!
//! let rng = &mut wengert::init::seeded(1);
//! let model: Sequential =
//!     Sequential::new().push(Linear::new(2, 8, rng)).push(Tanh).push(Linear::new(8, 1, rng));
//! let (mut optimizer, mut tape, params) = (Adam::new(0.05), Tape::new(), model.parameters());
//! for _ in 0..200 {
//!     let x = tape.constant([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//!     let loss = model.forward(x).mse_loss(tape.constant([[0.0], [1.0], [1.0], [0.0]]));
//!     let grads = tape.backward(loss);
//!     tape.reset(); // the compiler ensures that no Var outlives this
//!     optimizer.step(&params, &grads);
//!     tape.recycle(grads); // from the second step on, nothing is allocated
//! }
//! assert!((model.predict([[0.0, 1.0]])[[0, 0]] - 1.0).abs() < 0.1);
//! ```
//!
//! [`train::Fit`] is the same loop with validation, schedules, early stopping, checkpoints and progress bars.
//!
//! # Write an operation
//!
//! An elementwise function is its value and its slope ([`Unary`], [`Binary`]); any other op has a shape, a value and a rule ([`Op`]). Both work to any
//! order. [`check_grads`] compares them with differences.
//!
//! ```
//! use wengert::{Options, Real, Unary, check_grads};
//! /// y = x e^x.
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! struct XExp;
//! impl Unary for XExp {
//!     const NAME: &'static str = "xexp";
//!     const GRAD_NAME: &'static str = "xexp_grad";
//!     fn f<R: Real>(self, x: R) -> R {
//!         x * x.exp()
//!     }
//!     fn df<R: Real>(self, x: R, y: R) -> R {
//!         y + x.exp()
//!     }
//! }
//! let x = wengert::ndarray::arr1(&[0.5, -1.0]).into_dyn();
//! check_grads(|x| x[0].map(XExp), &[x], Options::default()).unwrap(); // to second order
//! ```
//!
//! # Load and save weights
//!
//! [`io::save`] and [`io::load_into`] write and read safetensors files, with the names that PyTorch gives; [`io::Checkpoint`] holds all that a run needs to
//! go on with the same bits.
//!
//! ```
//! use wengert::nn::Mlp;
//! use wengert::prelude::*;
//! # let path = std::env::temp_dir().join(format!("wengert-front-{}.safetensors", std::process::id()));
//! let mlp = |seed| Mlp::new(&[2, 3, 1]).build::<f32>(&mut wengert::init::seeded(seed));
//! let (a, b) = (mlp(1), mlp(2));
//! wengert::io::save(&path, &a.state())?;
//! wengert::io::load_into(&path, &b)?;
//! assert_eq!(a.predict([[1.0, 2.0]]), b.predict([[1.0, 2.0]]));
//! # std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # See what happens
//!
//! ```
//! let tape = wengert::Tape::<f32>::new();
//! let x = tape.leaf([[1.0, 2.0]]);
//! let loss = x.matmul(tape.leaf([[0.5], [-1.0]])).log().sum();
//! println!("{tape}"); // one line a node: op, inputs, shape, and the line of your program
//! assert!(loss.item().is_nan());
//! assert_eq!(tape.first_not_finite().unwrap().op, "ln"); // where a NaN began
//! ```
//!
//! Errors name the op, its shapes, the layer of the model, the line of your program, and often the remedy.
//!
//! # Derivatives at kinks and edges
//!
//! At a kink, the derivative is the one of least norm (0 for `abs` and `relu` at 0, and for `clamp` at a bound); at an edge it is the limit, such
//! as +inf for `sqrt` at 0. A cotangent of exactly 0 stays 0 even there, so `where_cond(x > 0, sqrt(x), 0)` has derivative 0 at 0. The page
//! `docs/kinks.md` lists all such points beside those of PyTorch 2.15, JAX 0.10 and twelve further engines, with the reasons.
//!
//! # Features
//!
//! None of them changes a result. On by default are `plot` (`wengert::plot`, which uses `plotters`), `progress` (`wengert::progress`, which uses
//! `indicatif`), `vision` (`wengert::vision`) and `rl` (`wengert::rl`). `image` adds image files to `wengert::vision::image` (it uses `png`,
//! `zune-jpeg` and `jpeg-encoder`).

mod array;
mod kernels;
mod kit;
mod ops;
mod tape;

/// The crate of the array types that are passed in and returned, in the version that this crate uses.
pub use ndarray;
/// The crate of random generators, in the version that layers and initial values use.
pub use rand;

pub use array::error::ShapeError;
pub use array::layout::Layout;
pub use array::scalar::{Real, Scalar};
pub use array::scope::{named_scope, scope_line};
pub use array::shape::{INFER, PerAxis, Shape, Size, Sizes, Strides};
pub use array::source::Source;
pub use array::view::View;
pub use array::warning::{emit_warning, set_warning_hook};
pub use kernels::elementwise::Cost;
pub use kernels::update::UpdateRule;
pub use kit::check::{BOOK_STEP, Mismatch, Mode, Options, Report, check_grads, numerical_gradient};
#[cfg(feature = "plot")]
pub use kit::plot;
#[cfg(feature = "progress")]
pub use kit::progress;
#[cfg(feature = "rl")]
pub use kit::rl;
#[cfg(feature = "vision")]
pub use kit::vision;
pub use kit::{data, init, io, metrics, nn, optim, prelude, tensorboard, train};
use kit::{refusal, show};
pub use ops::advanced::Pick;
pub use ops::attention::AttentionOptions;
pub use ops::avg_pool::{AvgPoolOptions, LpPoolOptions};
pub use ops::batch_norm::RunningStats;
pub use ops::conv::{
    Conv1dOptions, Conv2dOptions, Conv3dOptions, ConvOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, ConvTranspose3dOptions,
    ConvTransposeOptions, Padding,
};
pub use ops::create::StandardNormal;
pub use ops::cross_entropy::CrossEntropyOptions;
pub use ops::distance::NormalizeOptions;
pub use ops::einsum::einsum;
pub use ops::entropy::{BceOptions, BceWithLogitsOptions, KlDivOptions};
pub use ops::functional::{grad, hessian, hvp, jacobian, jvp, value_and_grad, value_and_grad_of, vjp};
pub use ops::grid_sample::{GridSampleMode, GridSampleOptions, GridSamplePadding};
pub use ops::indices::{Index, Indices, Mask};
pub use ops::join::{concat, stack};
pub use ops::linalg::multi_dot;
pub use ops::loss::{GaussianNllOptions, HuberOptions, PoissonNllOptions, Reduction, SmoothL1Options};
pub use ops::map::{Binary, Unary};
pub use ops::margin::{HingeEmbeddingOptions, MarginRankingOptions, TripletMarginOptions};
pub use ops::norm::{LocalResponseNormOptions, NormOptions, RmsNormOptions};
pub use ops::pad_mode::PadMode;
pub use ops::pool::MaxPoolOptions;
pub use ops::product::AddmmOptions;
pub use ops::reduction::AxisList;
pub use ops::resample::{InterpolateMode, InterpolateOptions};
pub use ops::slice::SliceInfo;
pub use ops::triangular::TriangularOptions;
pub use ops::unpool::MaxUnpoolOptions;
pub use tape::Tape;
pub use tape::grads::Grads;
pub use tape::listing::{NodeInfo, Stats};
pub use tape::op::{Cotangents, Fused, Op, Vjp};
pub use tape::param::Param;
pub use tape::var::{Operand, Value, Var};

/// The code blocks of the README, which are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Those of the page for whoever comes from PyTorch.
#[cfg(doctest)]
#[doc = include_str!("../docs/from-pytorch.md")]
struct FromPytorch;

/// The code blocks of the tutorial, which are compiled and run too.
#[cfg(doctest)]
mod tutorial {
    #[doc = include_str!("../docs/tutorial/01-gates.md")]
    struct Gates;
    #[doc = include_str!("../docs/tutorial/02-network.md")]
    struct Network;
    #[doc = include_str!("../docs/tutorial/03-learning.md")]
    struct Learning;
    #[doc = include_str!("../docs/tutorial/04-backpropagation.md")]
    struct Backpropagation;
    #[doc = include_str!("../docs/tutorial/05-training.md")]
    struct Training;
    #[doc = include_str!("../docs/tutorial/06-techniques.md")]
    struct Techniques;
    #[doc = include_str!("../docs/tutorial/07-convolution.md")]
    struct Convolution;
    #[doc = include_str!("../docs/tutorial/08-residual.md")]
    struct Residual;
    #[doc = include_str!("../docs/tutorial/09-transfer.md")]
    struct Transfer;
    #[doc = include_str!("../docs/tutorial/10-keeping.md")]
    struct Keeping;
    #[cfg(all(feature = "plot", feature = "progress"))]
    #[doc = include_str!("../docs/tutorial/11-seeing.md")]
    struct Seeing;
}
