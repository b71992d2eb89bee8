//! Modules in sequence, and modules around other modules.

use super::{Forward, Module, Visitor};
use crate::refusal::require;
use crate::{Scalar, Var, named_scope};
use std::sync::Arc;

/// Modules in sequence. Their names are 0, 1, 2, .. as in PyTorch, unless you give others.
///
/// ```
/// use wengert::nn::{Conv2d, Flatten, Forward, Linear, MaxPool2d, Module, Relu, Sequential};
/// let rng = &mut wengert::init::seeded(1);
/// let model: Sequential = Sequential::new()
///     .push(Conv2d::new(1, 8, 3, rng))
///     .push(Relu)
///     .push(MaxPool2d::new(2))
///     .push(Flatten)
///     .named("head", Linear::new(8 * 13 * 13, 10, rng));
/// let tape = wengert::Tape::new();
/// assert_eq!(model.forward(tape.constant(&vec![0.0; 2 * 784]).reshape(&[2, 1, 28, 28])).shape(), [2, 10]);
/// let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "head.weight", "head.bias"]);
/// ```
#[derive(Default)]
pub struct Sequential<T: Scalar = f32> {
    modules: Vec<(String, Box<dyn Forward<T>>)>,
    /// The names with what each module is, for errors: `2 (linear 8 to 2)`.
    scopes: Vec<String>,
}

impl<T: Scalar> Sequential<T> {
    /// An empty sequence, which returns its input.
    pub fn new() -> Self {
        Sequential { modules: Vec::new(), scopes: Vec::new() }
    }
    /// Adds a module whose name is its index.
    ///
    /// # Panics
    /// If another module already has that name.
    #[track_caller]
    pub fn push(self, module: impl Forward<T> + 'static) -> Self {
        let name = self.modules.len().to_string();
        self.named(name, module)
    }
    /// Adds a module with this name.
    ///
    /// # Panics
    /// If a module already has this name, or the name is empty or contains a dot, which separates the names of nested modules.
    #[track_caller]
    pub fn named(mut self, name: impl Into<String>, module: impl Forward<T> + 'static) -> Self {
        let name = name.into();
        let fits = !name.is_empty() && !name.contains('.');
        let message = || format!("Sequential::named: no module can be called {name:?}");
        require(fits, message, "a name without dots, such as \"head\": dots separate the names of nested modules (`head.weight`)");
        let free = self.modules.iter().all(|(n, _)| *n != name);
        require(free, || format!("Sequential: there is a module {name:?} already"), "give it another name");
        self.scopes.push(format!("{name} ({})", module.describe()));
        self.modules.push((name, Box::new(module)));
        self
    }
    /// The number of modules.
    pub fn len(&self) -> usize {
        self.modules.len()
    }
    /// True if there are no modules.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }
    /// The module at an index: to freeze it, or to use the modules before a head.
    pub fn get(&self, place: usize) -> Option<&dyn Forward<T>> {
        self.modules.get(place).map(|(_, module)| &**module)
    }
    /// The modules in order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Forward<T>> {
        self.modules.iter().map(|(_, module)| &**module)
    }
}

impl<T: Scalar> Forward<T> for Sequential<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let mut x = x;
        for ((_, module), scope) in self.modules.iter().zip(&self.scopes) {
            x = named_scope(scope, || (**module).forward(x));
        }
        x
    }
}

impl<T: Scalar> Module<T> for Sequential<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        for (name, module) in &self.modules {
            v.module(name, &**module);
        }
    }
}

/// Modules of one type in sequence, with the names 0, 1, 2, ..
impl<T: Scalar, M: Forward<T>> Forward<T> for Vec<M> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let mut x = x;
        for module in self {
            x = module.forward(x);
        }
        x
    }
}

impl<T: Scalar, M: Module<T>> Module<T> for Vec<M> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        for (i, module) in self.iter().enumerate() {
            v.module(&i.to_string(), module);
        }
    }
}

/// The module, or for `None` the identity.
impl<T: Scalar, M: Forward<T>> Forward<T> for Option<M> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        match self {
            Some(module) => module.forward(x),
            None => x,
        }
    }
}

impl<T: Scalar, M: Module<T>> Module<T> for Option<M> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        if let Some(module) = self {
            module.visit(v);
        }
    }
}

// A macro, because a blanket implementation for all that dereferences to a module would forbid those above.
macro_rules! of_pointers {
    ($($pointer:ty),*) => {
        $(
            impl<T: Scalar, M: Forward<T> + ?Sized> Forward<T> for $pointer {
                #[track_caller]
                fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                    named_scope("", || (**self).forward(x)) // of a trait object the caller's line would be lost
                }
            }

            impl<T: Scalar, M: Module<T> + ?Sized> Module<T> for $pointer {
                fn visit(&self, v: &mut Visitor<'_, T>) {
                    (**self).visit(v);
                }
                fn describe(&self) -> String {
                    (**self).describe()
                }
            }
        )*
    };
}
of_pointers!(Box<M>, &M, Arc<M>);

/// `x + inner(x)`: a residual connection around a module that keeps the shape.
///
/// Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition" (2015).
#[derive(Debug)]
pub struct Residual<M>(
    /// The module whose output is added to its input.
    pub M,
);

impl<T: Scalar, M: Forward<T>> Forward<T> for Residual<M> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x + self.0.forward(x)
    }
}

impl<T: Scalar, M: Module<T>> Module<T> for Residual<M> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        self.0.visit(v);
    }
    fn describe(&self) -> String {
        format!("residual {}", self.0.describe())
    }
}

/// A function without parameters as a module.
///
/// ```
/// use wengert::nn::{Forward, Function};
/// use wengert::{Tape, Var};
/// let double = Function::new(|x: Var| x * 2.0);
/// assert_eq!(double.forward(Tape::new().constant([1.0, 2.0])).to_vec(), [2.0, 4.0]);
/// ```
pub struct Function<F>(F);

impl<F> Function<F> {
    /// The module that computes the function `f`.
    pub fn new<T: Scalar>(f: F) -> Self
    where
        F: for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync,
    {
        Function(f)
    }
}

impl<T: Scalar, F> Forward<T> for Function<F>
where
    F: for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync,
{
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        (self.0)(x)
    }
}

impl<T: Scalar, F> Module<T> for Function<F>
where
    F: for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync,
{
    fn visit(&self, _: &mut Visitor<'_, T>) {}
}
