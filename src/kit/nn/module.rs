//! The traits of all layers and networks, and how their parts are found by name.

use super::{Generator, Summary};
use crate::io::{State, StateError, Values};
use crate::{Param, Scalar, Source, Tape, Var, emit_warning, named_scope, scope_line};
use ndarray::{ArrayD, IxDyn};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

/// A layer or a network: named parts. What it computes is a method of its own, of any signature; if that is one `Var` from one `Var`, implement
/// [`Forward`] too, as all layers do: then [`Sequential`](super::Sequential) and [`Fit`](crate::train::Fit) take it.
///
/// To make a module of your own struct, name its parts ([`parts!`](crate::parts)); everything else is provided.
///
/// ```
/// use wengert::nn::{Forward, Linear, Module};
/// use wengert::{Tape, Var, parts};
///
/// /// A network of two inputs and two outputs.
/// struct Twin {
///     left: Linear,
///     right: Linear,
/// }
/// impl Module for Twin {
///     parts!(left, right);
/// }
/// impl Twin {
///     fn forward<'t>(&self, a: Var<'t>, b: Var<'t>) -> (Var<'t>, Var<'t>) {
///         let (a, b) = (self.left.forward(a), self.right.forward(b));
///         (a + b, a - b)
///     }
/// }
///
/// let rng = &mut wengert::init::seeded(1);
/// let net = Twin { left: Linear::new(3, 2, rng), right: Linear::new(4, 2, rng) };
/// let tape = Tape::new();
/// let (sum, _) = net.forward(tape.constant([1.0; 3]), tape.constant([1.0; 4]));
/// assert_eq!(sum.shape(), [2]);
/// assert_eq!(net.parameter_count(), 3 * 2 + 2 + 4 * 2 + 2);
/// assert_eq!(net.named_parameters()[2].0, "right.weight");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no module with numbers of type `{T}`",
    note = "modules are structs with `impl Module for .. {{ parts!(..); }}`, parameters (`Param`), and `Option`, `Vec` or `Box` of them; other fields are left out of `parts!`",
    note = "in an impl for all number types name the type first: `parts!(T: weight, bias)`"
)]
pub trait Module<T: Scalar = f32>: Send + Sync {
    /// Shows the parts to a visitor: parameters, buffers, and modules inside this one. [`parts!`](crate::parts) writes it.
    fn visit(&self, v: &mut Visitor<'_, T>);

    /// What it is, for errors: `linear 8 to 2`. By default the name of the type.
    fn describe(&self) -> String {
        let name = std::any::type_name::<Self>();
        let name = name.split('<').next().unwrap_or(name);
        name.rsplit("::").next().unwrap_or(name).into()
    }
    /// All parameters with their names, such as `features.3.conv.0.weight`. A parameter that is used in several places occurs once.
    fn named_parameters(&self) -> Vec<(String, Param<T>)> {
        first_names(arrays(self, parameter))
    }
    /// All parameters, for an optimizer.
    fn parameters(&self) -> Vec<Param<T>> {
        self.named_parameters().into_iter().map(|(_, p)| p).collect()
    }
    /// All buffers with their names. Buffers are arrays that are saved but not differentiated, such as running means. Each occurs once.
    fn named_buffers(&self) -> Vec<(String, Param<T>)> {
        first_names(arrays(self, buffer))
    }
    /// The number of elements in all parameters.
    fn parameter_count(&self) -> usize {
        self.named_parameters().iter().map(|(_, p)| p.shape().numel()).sum()
    }
    /// Sets training or evaluation mode for all parts.
    fn set_training(&self, training: bool) {
        self.visit(&mut Visitor::new(&mut |_, part| {
            if let Part::Mode(mode) = part {
                mode.set(training);
            }
        }));
    }
    /// Sets training mode: dropout drops numbers, batch norm uses the statistics of the batch. New modules are in this mode.
    fn train(&self) {
        self.set_training(true);
    }
    /// Sets evaluation mode: dropout does nothing, batch norm uses the statistics it has collected.
    fn eval(&self) {
        self.set_training(false);
    }
    /// Freezes the parameters: they get no gradients, and optimizers do not change them. Buffers are not parameters: batch norm in training
    /// mode still updates its statistics (see [`Module::eval`]).
    fn freeze(&self) {
        self.named_parameters().iter().for_each(|(_, p)| p.freeze());
    }
    /// Unfreezes the parameters: they are trained again.
    fn unfreeze(&self) {
        self.named_parameters().iter().for_each(|(_, p)| p.unfreeze());
    }
    /// A copy of parameters and buffers, by name: PyTorch's `state_dict`. As there, an array that is used in several places (tied weights)
    /// occurs under each of its names.
    ///
    /// # Panics
    /// If two different arrays have the same name, or a closure of [`Param::with_mut`] holds one on this thread.
    #[track_caller]
    fn state(&self) -> State {
        let mut state = State::new();
        for (names, p) in arrays(self, parameter).into_iter().chain(arrays(self, buffer)) {
            for name in names {
                add(&mut state, "state", name, Values::of(p.to_array()));
            }
        }
        state
    }
    /// Sets parameters and buffers from such a state. If anything does not fit, nothing is changed. PyTorch's counters
    /// `num_batches_tracked`, which are not used here, are skipped. An array with several names needs only one of them; if there are more,
    /// their numbers must agree.
    ///
    /// # Errors
    /// If names are missing or unknown, shapes differ, or the numbers of an array with several names differ. The error lists all of these.
    ///
    /// # Panics
    /// If a closure of [`Param::with`] or [`Param::with_mut`] holds an array on this thread.
    fn load_state(&self, state: &State) -> Result<(), StateError> {
        let mut errors = Vec::new();
        let mut fitting = Vec::new();
        let mut known = BTreeSet::new();
        for (names, p) in arrays(self, parameter).into_iter().chain(arrays(self, buffer)) {
            let mut found: Option<(&String, ArrayD<T>)> = None;
            let here: Vec<_> = names.iter().filter(|name| state.get(name).is_some()).collect();
            for name in if here.is_empty() { vec![&names[0]] } else { here } {
                match (state.array::<T>(name, p.shape()), &found) {
                    (Err(e), _) => errors.push(e),
                    (Ok(values), None) => found = Some((name, values)),
                    (Ok(values), Some((other, first))) if !same(&values, first) => {
                        errors.push(StateError::Tied { name: name.clone(), other: (*other).clone() });
                    }
                    _ => {}
                }
            }
            fitting.extend(found.map(|(_, values)| (p, values)));
            known.extend(names);
        }
        let passed = |name: &str| known.contains(name) || name.ends_with("num_batches_tracked");
        let unexpected = state.iter().filter(|(name, _)| !passed(name));
        errors.extend(unexpected.map(|(name, _)| StateError::Unexpected { name: name.into() }));
        StateError::all(errors)?;
        for (p, values) in fitting {
            p.set(values);
        }
        Ok(())
    }
    /// The states of the random generators, by name. Together with [`Module::state`] this is all that a run needs to resume.
    ///
    /// # Panics
    /// If two different generators have the same name.
    #[track_caller]
    fn generators(&self) -> State {
        let mut state = State::new();
        for (names, _, numbers) in generators(self) {
            for name in names {
                add(&mut state, "generators", name, ArrayD::from_shape_vec(IxDyn(&[2]), numbers.to_vec()).expect("two numbers"));
            }
        }
        state
    }
    /// Sets the generators from such states. A generator with several names needs only one of them; if there are more, their states must
    /// agree.
    ///
    /// # Errors
    /// If one is missing, unknown, or not two integers. The error lists all of these, and nothing is changed.
    fn load_generators(&self, state: &State) -> Result<(), StateError> {
        let mut errors = Vec::new();
        let mut fitting: Vec<(*const Generator, [u64; 2])> = Vec::new();
        let mut known = BTreeSet::new();
        for (names, generator, _) in generators(self) {
            let mut found: Option<(&String, [u64; 2])> = None;
            let here: Vec<_> = names.iter().filter(|name| state.get(name).is_some()).collect();
            for name in if here.is_empty() { vec![&names[0]] } else { here } {
                match (state.get(name), found) {
                    (Some(Values::U64(a)), None) if a.shape() == [2] => found = Some((name, [a[0], a[1]])),
                    (Some(Values::U64(a)), Some((other, first))) if a.shape() == [2] => {
                        if first != [a[0], a[1]] {
                            errors.push(StateError::Tied { name: name.clone(), other: other.clone() });
                        }
                    }
                    (Some(other), _) => errors.push(StateError::Type {
                        name: name.clone(),
                        found: format!("{} of shape {:?}", other.type_name(), other.shape()),
                        expected: "two whole numbers (uint64)",
                    }),
                    (None, _) => errors.push(StateError::Missing { name: name.clone() }),
                }
            }
            fitting.extend(found.map(|(_, numbers)| (generator, numbers)));
            known.extend(names);
        }
        let unexpected = state.iter().filter(|(name, _)| !known.contains(*name));
        errors.extend(unexpected.map(|(name, _)| StateError::Unexpected { name: name.into() }));
        StateError::all(errors)?;
        self.visit(&mut Visitor::new(&mut |_, part| {
            if let Part::Generator(g) = part
                && let Some((_, numbers)) = fitting.iter().find(|(other, _)| std::ptr::eq(*other, g))
            {
                g.set_state(*numbers);
            }
        }));
        Ok(())
    }
}

/// A module that computes one `Var` from one `Var`.
///
/// ```
/// use wengert::nn::{Forward, Module};
/// use wengert::{Param, Tape, Var, parts};
///
/// struct Affine {
///     scale: Param,
///     shift: Param,
/// }
/// impl Module for Affine {
///     parts!(scale, shift);
/// }
/// impl Forward for Affine {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         x * x.tape().param(&self.scale) + x.tape().param(&self.shift)
///     }
/// }
///
/// let affine = Affine { scale: Param::new("scale", [2.0, 3.0]), shift: Param::new("shift", [0.5]) };
/// let tape = Tape::new();
/// assert_eq!(affine.forward(tape.constant([1.0, 1.0])).to_vec(), [2.5, 3.5]);
/// assert_eq!(affine.parameter_count(), 3);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not compute one `Var` of `{T}` from one `Var`",
    note = "implement `Forward` beside `Module`; a network with other inputs or outputs is trained by `Fit::with_objective`"
)]
pub trait Forward<T: Scalar = f32>: Module<T> {
    /// Computes the output.
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T>;

    /// The output for an array, in evaluation mode and without a gradient. The mode of the parts is not changed, so that other threads may train the
    /// model or predict by it meanwhile. (Of a trait object call it by reference: `(&part).predict(x)` for `part: &dyn Forward`.)
    ///
    /// ```
    /// use wengert::nn::{Dropout, Forward};
    /// let dropout = Dropout::<f32>::new(0.5, &mut wengert::init::seeded(1));
    /// assert_eq!(dropout.predict([1.0, 2.0]).as_slice(), Some(&[1.0, 2.0][..]));
    /// ```
    #[track_caller]
    fn predict(&self, x: impl Source<T>) -> ArrayD<T>
    where
        Self: Sized,
    {
        let (_as_before, tape) = (Evaluation::begin(), Tape::new());
        named_scope("", || tape.no_grad(|| self.forward(tape.constant(x)).to_array()))
    }
    /// A table of the layers: name, output shape, parameters, multiply-adds. The network is evaluated once, on zeros of the given shape
    /// (which includes the batch size).
    ///
    /// ```
    /// use wengert::nn::{Forward, Mlp};
    /// let model = Mlp::new(&[784, 100, 10]).build::<f32>(&mut wengert::init::seeded(1));
    /// assert_eq!(
    ///     model.summary(&[1, 784]).to_string(),
    ///     "\
    /// layer  op      output shape  parameters  multiply-adds
    /// ------------------------------------------------------
    ///        input   [1, 784]
    /// 0      linear  [1, 100]          78,500         78,400
    ///        relu    [1, 100]
    /// 2      linear  [1, 10]            1,010          1,000
    /// ------------------------------------------------------
    /// total                            79,510         79,400
    /// trainable: 79,510 of 79,510 parameters"
    /// );
    /// ```
    ///
    /// # Panics
    /// If an input of that shape is too large for memory, or does not fit the network.
    ///
    /// Frozen parameters count as unfrozen meanwhile, also for other threads.
    #[track_caller]
    fn summary(&self, input: &[usize]) -> Summary {
        let named = self.named_parameters();
        let trainable = named.iter().filter(|(_, p)| !p.is_frozen()).map(|(_, p)| p.shape().numel()).sum();
        let _as_before = (Evaluation::begin(), Thawed::of(self)); // what is frozen is not on the tape as a parameter
        named_scope("", || Summary::of(&named, trainable, input, |x| self.forward(x)))
    }
}

/// The random generators, each once, with all of its names and its state.
fn generators<T: Scalar>(module: &(impl Module<T> + ?Sized)) -> Vec<(Vec<String>, *const Generator, [u64; 2])> {
    let mut all: Vec<(Vec<String>, *const Generator, [u64; 2])> = Vec::new();
    module.visit(&mut Visitor::new(&mut |name, part| {
        let Part::Generator(generator) = part else { return };
        match all.iter_mut().find(|(_, other, _)| std::ptr::eq(*other, generator)) {
            Some((names, ..)) if names.iter().any(|other| other == name) => {}
            Some((names, ..)) => names.push(name.to_string()),
            None => all.push((vec![name.to_string()], generator, generator.state())),
        }
    }));
    all
}

/// What a part is, if it is a parameter.
fn parameter<T: Scalar>(part: Part<'_, T>) -> Option<&Param<T>> {
    if let Part::Param(p) = part { Some(p) } else { None }
}
/// What a part is, if it is a buffer.
fn buffer<T: Scalar>(part: Part<'_, T>) -> Option<&Param<T>> {
    if let Part::Buffer(p) = part { Some(p) } else { None }
}

/// The arrays of one kind, each once, with all of its names; the first becomes its path.
fn arrays<T: Scalar>(
    module: &(impl Module<T> + ?Sized),
    of_kind: for<'a> fn(Part<'a, T>) -> Option<&'a Param<T>>,
) -> Vec<(Vec<String>, Param<T>)> {
    let mut all: Vec<(Vec<String>, Param<T>)> = Vec::new();
    module.visit(&mut Visitor::new(&mut |name, part| {
        let Some(array) = of_kind(part) else { return };
        match all.iter_mut().find(|(_, p)| p.is(array)) {
            // A module that is shown twice under the same name is still one part.
            Some((names, _)) if names.iter().any(|other| other == name) => {}
            Some((names, _)) => names.push(name.to_string()),
            None => {
                array.set_path(name);
                all.push((vec![name.to_string()], array.clone()));
            }
        }
    }));
    all
}

/// The same with one name each.
fn first_names<T: Scalar>(arrays: Vec<(Vec<String>, Param<T>)>) -> Vec<(String, Param<T>)> {
    arrays.into_iter().map(|(mut names, p)| (names.swap_remove(0), p)).collect()
}

/// True if two arrays hold the same numbers; a NaN equals a NaN.
fn same<T: Scalar>(a: &ArrayD<T>, b: &ArrayD<T>) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

/// Adds an entry to a state. Panics if the name is already used.
#[track_caller]
fn add(state: &mut State, of: &str, name: String, values: impl Into<Values>) {
    assert!(
        state.get(&name).is_none(),
        "{of}: two parts of the module are called {name:?}\n  at {}\n  hint: in `visit`, show the modules inside it under names of their own: \
         `v.module(\"encoder\", &self.encoder)`",
        Location::caller()
    );
    state.insert(name, values);
}

/// Unfreezes all parameters, and freezes those that were frozen again when it is dropped.
struct Thawed<T: Scalar>(Vec<Param<T>>);

impl<T: Scalar> Thawed<T> {
    fn of(module: &(impl Module<T> + ?Sized)) -> Self {
        let frozen = module.parameters().into_iter().filter(|p| p.is_frozen()).collect();
        module.unfreeze();
        Thawed(frozen)
    }
}

impl<T: Scalar> Drop for Thawed<T> {
    fn drop(&mut self) {
        self.0.iter().for_each(Param::freeze);
    }
}

thread_local! {
    /// This thread evaluates, whatever the mode of the modules is, which other threads see too.
    static EVALUATING: Cell<bool> = const { Cell::new(false) };
    /// The tape on which it was last said that evaluation mode was forgotten.
    static SPOKEN_OF: Cell<usize> = const { Cell::new(0) };
}

/// Whether the warning was not given for this tape, as it is by the first layer of a model.
fn is_new<T: Scalar>(tape: &Tape<T>) -> bool {
    let address = std::ptr::from_ref(tape) as usize;
    SPOKEN_OF.replace(address) != address
}

/// Evaluation mode for all modules on this thread, until it is dropped.
pub(crate) struct Evaluation {
    before: bool,
}

impl Evaluation {
    pub(crate) fn begin() -> Self {
        Evaluation { before: EVALUATING.replace(true) }
    }
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        EVALUATING.set(self.before);
    }
}

/// A part that a [`Module`] shows to a visitor.
#[non_exhaustive]
pub enum Part<'a, T: Scalar = f32> {
    /// A parameter.
    Param(&'a Param<T>),
    /// An array that is saved but not trained.
    Buffer(&'a Param<T>),
    /// The mode: training or evaluation.
    Mode(&'a Mode),
    /// A random generator.
    Generator(&'a Generator),
}

/// Walks over the parts of a module and their names.
pub struct Visitor<'v, T: Scalar = f32> {
    path: String,
    see: &'v mut dyn FnMut(&str, Part<'_, T>),
}

impl<'v, T: Scalar> Visitor<'v, T> {
    /// A visitor that shows each part, with its full name, to this function.
    pub fn new(see: &'v mut dyn FnMut(&str, Part<'_, T>)) -> Self {
        Visitor { path: String::new(), see }
    }
    fn inside(&mut self, name: &str, f: impl FnOnce(&mut Self)) -> &mut Self {
        let end = self.path.len();
        if end > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        f(self);
        self.path.truncate(end);
        self
    }
    fn part(&mut self, name: &str, part: Part<'_, T>) -> &mut Self {
        self.inside(name, |v| (v.see)(&v.path, part))
    }
    /// Shows a parameter (or an `Option` of one).
    pub fn param<'p>(&mut self, name: &str, param: impl Into<Option<&'p Param<T>>>) -> &mut Self {
        match param.into() {
            Some(param) => self.part(name, Part::Param(param)),
            None => self,
        }
    }
    /// Shows an array that is saved but not trained.
    pub fn buffer(&mut self, name: &str, buffer: &Param<T>) -> &mut Self {
        self.part(name, Part::Buffer(buffer))
    }
    /// Shows the mode, training or evaluation.
    pub fn mode(&mut self, mode: &Mode) -> &mut Self {
        self.part("training", Part::Mode(mode))
    }
    /// Shows a random generator.
    pub fn generator(&mut self, name: &str, generator: &Generator) -> &mut Self {
        self.part(name, Part::Generator(generator))
    }
    /// Shows a module inside this one (or a parameter, which is a module of one part).
    pub fn module(&mut self, name: &str, module: &(impl Module<T> + ?Sized)) -> &mut Self {
        self.inside(name, |v| module.visit(v))
    }
}

/// A parameter is a module of one part, so that [`parts!`](crate::parts) takes both.
impl<T: Scalar> Module<T> for Param<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        (v.see)(&v.path, Part::Param(self));
    }
}

impl<T: Scalar> Module<T> for Mode {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        (v.see)(&v.path, Part::Mode(self));
    }
}

impl<T: Scalar> Module<T> for Generator {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        (v.see)(&v.path, Part::Generator(self));
    }
}

/// Writes [`Module::visit`] for a struct: the fields that are its parts, under their own names. Parts are modules, parameters ([`Param`]),
/// modes ([`Mode`]), random generators ([`Generator`](crate::nn::Generator)), and `Option` or `Vec` of them. Of a module for all number types, name the type first:
/// `parts!(T: scale, shift)`. Fields of a tuple are numbers: `parts!(0, 1)`. A module without parts says `parts!()`.
///
/// ```
/// use wengert::nn::{Linear, Module};
/// use wengert::{Param, Scalar, parts};
/// struct Head<T: Scalar> {
///     linear: Linear<T>,
///     scale: Option<Param<T>>,
/// }
/// impl<T: Scalar> Module<T> for Head<T> {
///     parts!(T: linear, scale);
/// }
/// let head = Head::<f64> { linear: Linear::new(2, 1, &mut wengert::init::seeded(1)), scale: Some(Param::new("scale", 1.0)) };
/// let names: Vec<String> = head.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["linear.weight", "linear.bias", "scale"]);
/// ```
#[macro_export]
macro_rules! parts {
    ($number:ident: $($part:tt),* $(,)?) => {
        fn visit(&self, v: &mut $crate::nn::Visitor<'_, $number>) {
            let _ = v; // there may be no parts
            $(v.module(stringify!($part), &self.$part);)*
        }
    };
    ($($part:tt),* $(,)?) => {
        $crate::parts!(f32: $($part),*);
    };
}

/// The mode of a module: training (the default) or evaluation.
#[derive(Debug)]
pub struct Mode {
    training: AtomicBool,
    /// That it was forgotten to set evaluation mode has been said.
    warned: AtomicBool,
}

impl Default for Mode {
    fn default() -> Self {
        Mode { training: true.into(), warned: false.into() }
    }
}

impl Mode {
    /// True in training mode, unless this thread is in [`Forward::predict`] or [`Forward::summary`].
    pub fn is_training(&self) -> bool {
        self.training.load(Ordering::Relaxed) && !EVALUATING.get()
    }
    /// The same, for a layer that is evaluated on this tape: in training mode under [`Tape::no_grad`] it warns, once for all layers of a model, that
    /// evaluation mode was probably forgotten.
    #[track_caller]
    pub fn trains_on<T: Scalar>(&self, tape: &Tape<T>, layer: &str) -> bool {
        let training = self.is_training();
        if training && !tape.is_grad_enabled() && !self.warned.swap(true, Ordering::Relaxed) && is_new(tape) {
            emit_warning(&format!(
                "{layer} is in training mode, but no gradient is recorded\n  at {}\n  hint: call `model.eval()` before predictions, or use \
                 `model.predict(x)`; `model.train()` before the next training step",
                scope_line(Location::caller())
            ));
        }
        training
    }
    /// Sets training or evaluation mode.
    pub fn set(&self, training: bool) {
        self.training.store(training, Ordering::Relaxed);
    }
}
