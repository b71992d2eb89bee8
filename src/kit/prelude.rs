//! What nearly every program needs, for one line: `use wengert::prelude::*;`.
//!
//! Tape, variables and parameters, and the traits whose methods models and optimizers have: [`Module`] (`parameters`, `state`, `eval` ..), [`Forward`]
//! (`forward`, `predict`, `summary`), [`Optimizer`] and [`Rates`] (`step`, `lr`, `state`, `load_state` ..), and [`Callback`] of training runs; and for shapes
//! [`INFER`], [`at!`](crate::at), [`concat()`] and [`stack`].
//!
//! ```
//! use wengert::nn::{Linear, Relu, Sequential};
//! use wengert::optim::Adam;
//! use wengert::prelude::*;
//!
//! let rng = &mut wengert::init::seeded(1);
//! let model: Sequential = Sequential::new().push(Linear::new(2, 8, rng)).push(Relu).push(Linear::new(8, 1, rng));
//! let (mut optimizer, mut tape) = (Adam::new(0.01), Tape::new());
//! let loss = model.forward(tape.constant([[1.0, 2.0]])).square().sum();
//! let grads = tape.backward(loss);
//! tape.reset();
//! optimizer.step(&model.parameters(), &grads);
//! assert_eq!(optimizer.lr(), 0.01);
//! assert_eq!(model.predict([[1.0, 2.0]]).shape(), [1, 1]);
//! ```

pub use crate::nn::{Forward, Module};
pub use crate::optim::{Optimizer, Rates};
pub use crate::train::Callback;
pub use crate::{Grads, INFER, Param, Scalar, Tape, Var, at, concat, parts, stack};
