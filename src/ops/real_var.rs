//! How does a formula over [`Real`] become a graph? Every operation records the primitive of its name.

use crate::array::functions::real_functions;
use crate::array::scalar::{Real, Scalar};
use crate::tape::var::Var;

// The functions of the list.
macro_rules! recorded {
    ($($of:ident { $($(#[$doc:meta])* $name:ident $(($other:ident))? $(= $std:ident)?;)* })*) => {
        $($(
            fn $name(self $(, $other: Self)?) -> Self {
                primitive!($name self $($other)?)
            }
        )*)*
    };
}

macro_rules! primitive {
    // The method of this name is x itself above a threshold.
    (softplus $x:ident) => {
        $x.softplus_with(1.0, f64::INFINITY)
    };
    ($name:ident $x:ident $($other:ident)?) => {
        Var::$name($x $(, $other)?)
    };
}

impl<T: Scalar> Real for Var<'_, T> {
    fn lit(self, c: f64) -> Self {
        self.number(c)
    }
    real_functions!(recorded);
    fn sign(self) -> Self {
        Var::sign(self)
    }
    fn gt(self, other: Self) -> Self {
        Var::gt(self, other)
    }
    fn ge(self, other: Self) -> Self {
        Var::ge(self, other)
    }
    fn equal(self, other: Self) -> Self {
        Var::equal(self, other)
    }
    fn select(self, a: Self, b: Self) -> Self {
        self.where_cond(a, b)
    }
    fn detach(self) -> Self {
        Var::detach(self)
    }
}
