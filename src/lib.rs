//! stub
pub mod error; 
mod buffers;
mod check;
mod grad;
#[allow(missing_docs, dead_code)]
mod kernels;
mod layout;
mod op;
mod ops;
mod param;
mod real_var;
mod scalar;
mod tape;
mod var;

pub use buffers::Stats;
pub use check::{BOOK_STEP, Mismatch, Mode, Options, Report, check_grads, numerical_gradient};
pub use error::ShapeError;
pub use layout::{Layout, Shape, Strides};
pub use op::{Cotangents, Op, View, Vjp};
pub use ops::index::{Index, Indices};
pub use ops::map::{Binary, Unary};
pub use ops::reduction::AxisList;
pub use ops::shape::{SliceInfo, concat, stack};
pub use param::{Grads, Param};
pub use scalar::{Real, Scalar};
pub use tape::Tape;
pub use var::{Operand, Source, Value, Var};
