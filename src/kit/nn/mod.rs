//! Modules: layers and networks with their parameters, with PyTorch's names and defaults.
//!
//! A [`Module`] shows its parts by name; a [`Forward`] is one that computes one `Var` from another. The layers and networks here ([`Linear`], [`Conv2d`],
//! [`BatchNorm2d`], .., [`Sequential`], [`ResNet`]) are made of primitives, and none has a backward function of its own. They use only the
//! public API of this crate, as your own modules do.
//!
//! ```
//! use wengert::nn::{Forward, Linear, Module, Relu, Sequential};
//! use wengert::optim::Adam;
//! use wengert::{Tape, init};
//!
//! let rng = &mut init::seeded(1);
//! let model: Sequential = Sequential::new().push(Linear::new(2, 8, rng)).push(Relu).push(Linear::new(8, 2, rng));
//! let (mut optimizer, mut tape) = (Adam::new(0.05), Tape::new());
//! for _ in 0..200 {
//!     let x = tape.constant([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//!     let grads = tape.backward(model.forward(x).cross_entropy([0, 1, 1, 0]));
//!     tape.reset();
//!     optimizer.step(&model.parameters(), &grads);
//!     tape.recycle(grads);
//! }
//! model.eval();
//! let y = model.forward(tape.constant([[0.0, 1.0], [1.0, 1.0]]));
//! assert_eq!(y.argmax(-1, false).values(), [1, 0]);
//! println!("{}", model.summary(&[1, 2]));
//! ```

mod activation;
mod conv;
mod dropout;
mod embedding;
mod generator;
mod linear;
mod models;
mod module;
mod norm;
mod pool;
mod sequential;
mod summary;

pub use activation::Activation::{
    self, Elu, Gelu, Hardswish, Identity, LeakyRelu, LogSoftmax, Relu, Relu6, Sigmoid, Silu, Softmax, Softplus, Tanh,
};
pub use conv::{Conv, Conv1d, Conv2d, ConvTranspose2d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use generator::Generator;
pub use linear::Linear;
pub use models::{BasicBlock, DeepConvNet, InvertedResidual, Mlp, MobileNetV2, ResNet, SegNet, SimpleConvNet};
#[cfg(any(feature = "plot", feature = "vision"))]
pub(crate) use module::Evaluation;
pub use module::{Forward, Mode, Module, Part, Visitor};
pub use norm::{BatchNorm, BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm};
pub use pool::{AdaptiveAvgPool2d, AvgPool2d, Flatten, MaxPool1d, MaxPool2d};
pub use sequential::{Function, Residual, Sequential};
pub use summary::{Summary, SummaryRow};
