//! A call of a torch function: its arguments by PyTorch's names, whether they were given by position, by keyword or not at all.

use super::format::{Tensor, Value, Values};
use ndarray::{ArrayD, IxDyn};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use wengert::{Indices, Scalar, Tape, Var};

/// A tensor that was given.
#[derive(Clone, Debug)]
pub enum Input<'t, T: Scalar> {
    Var(Var<'t, T>),
    Ints(Indices),
    /// Booleans, as 0 and 1.
    Mask(Var<'t, T>),
}

impl<'t, T: Scalar> Input<'t, T> {
    /// A tensor on a tape, rounded to its type.
    pub fn new(tape: &'t Tape<T>, tensor: &Tensor, differentiable: bool) -> Self {
        let array = |values: Vec<T>| ArrayD::from_shape_vec(IxDyn(&tensor.shape), values).expect("as many as the shape says");
        match &tensor.values {
            Values::Int(values) => Input::Ints(Indices::new(&tensor.shape, values.iter().copied())),
            Values::Bool(values) => Input::Mask(tape.constant(array(values.iter().map(|&b| if b { T::ONE } else { T::ZERO }).collect()))),
            Values::Float(values) => {
                let array = array(values.iter().map(|&x| T::from_f64(x)).collect());
                Input::Var(if differentiable { tape.leaf(array) } else { tape.constant(array) })
            }
        }
    }
}

pub type Arg<'t, T> = Value<Input<'t, T>>;

/// Why a call cannot be expressed.
#[derive(Debug)]
pub enum Unsupported {
    /// The family has no such op.
    Op,
    /// The reason.
    Because(String),
}

impl From<String> for Unsupported {
    fn from(reason: String) -> Self {
        Unsupported::Because(reason)
    }
}

/// A call that cannot be expressed, and why.
pub fn unsupported<X>(reason: impl Into<String>) -> Result<X, Unsupported> {
    Err(Unsupported::Because(reason.into()))
}

/// What an op gave.
#[derive(Clone, Debug)]
pub enum Out<'t, T: Scalar> {
    Var(Var<'t, T>),
    Ints(Indices),
}

/// All that an op gave, in torch's order. Made from a `Var`, several, or a tuple.
pub struct Outs<'t, T: Scalar>(pub Vec<Out<'t, T>>);

impl<'t, T: Scalar> From<Var<'t, T>> for Outs<'t, T> {
    fn from(y: Var<'t, T>) -> Self {
        Outs(vec![Out::Var(y)])
    }
}
impl<T: Scalar> From<Indices> for Outs<'_, T> {
    fn from(y: Indices) -> Self {
        Outs(vec![Out::Ints(y)])
    }
}
impl<'t, T: Scalar> From<Vec<Var<'t, T>>> for Outs<'t, T> {
    fn from(ys: Vec<Var<'t, T>>) -> Self {
        Outs(ys.into_iter().map(Out::Var).collect())
    }
}
impl<'t, T: Scalar> From<(Var<'t, T>, Indices)> for Outs<'t, T> {
    fn from((y, i): (Var<'t, T>, Indices)) -> Self {
        Outs(vec![Out::Var(y), Out::Ints(i)])
    }
}
impl<'t, T: Scalar> From<(Var<'t, T>, Var<'t, T>)> for Outs<'t, T> {
    fn from((y, z): (Var<'t, T>, Var<'t, T>)) -> Self {
        Outs(vec![Out::Var(y), Out::Var(z)])
    }
}

pub type Answer<'t, T> = Result<Outs<'t, T>, Unsupported>;

/// A parameter of the torch function.
struct Slot<'t, T: Scalar> {
    name: &'static str,
    default: Option<Arg<'t, T>>,
    given: Option<Arg<'t, T>>,
    read: Cell<bool>,
}

/// A call. A mapping first says what parameters the torch function takes ([`Call::takes`]), then asks for them by name.
pub struct Call<'t, T: Scalar> {
    pub tape: &'t Tape<T>,
    args: Vec<Arg<'t, T>>,
    kwargs: BTreeMap<String, Arg<'t, T>>,
    slots: RefCell<Vec<Slot<'t, T>>>,
}

impl<'t, T: Scalar> Call<'t, T> {
    pub fn new(tape: &'t Tape<T>, args: Vec<Arg<'t, T>>, kwargs: BTreeMap<String, Arg<'t, T>>) -> Self {
        Call { tape, args, kwargs, slots: RefCell::default() }
    }

    /// The parameters, as Python writes them: `"input, dim=None, keepdim=False, *, dtype=None"`.
    pub fn takes(&self, signature: &'static str) -> Result<(), Unsupported> {
        let (mut slots, mut args, mut by_keyword, mut kwargs) = (Vec::new(), self.args.iter(), false, self.kwargs.clone());
        for parameter in signature.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            if parameter == "*" {
                by_keyword = true;
                continue;
            }
            let (name, default) = match parameter.split_once('=') {
                Some((name, default)) => (name.trim(), Some(literal(default.trim()))),
                None => (parameter, None),
            };
            let given = if by_keyword { None } else { args.next().cloned() };
            let given = match (given, kwargs.remove(name)) {
                (Some(_), Some(_)) => return unsupported(format!("`{name}` is given twice")),
                (a, b) => a.or(b),
            };
            if given.is_none() && default.is_none() {
                return unsupported(format!("`{name}` is missing"));
            }
            slots.push(Slot { name, default, given, read: Cell::new(false) });
        }
        if args.next().is_some() {
            return unsupported("more arguments than the mapping knows");
        }
        if let Some(name) = kwargs.keys().next() {
            return unsupported(format!("the keyword `{name}`"));
        }
        self.slots.replace(slots);
        Ok(())
    }

    /// Refuses a call of which an argument was not used, so that none can be ignored silently.
    pub fn all_read(&self) -> Result<(), Unsupported> {
        for slot in self.slots.borrow().iter().filter(|slot| !slot.read.get()) {
            if let Some(given) = &slot.given
                && slot.default.as_ref().is_none_or(|default| !same(given, default))
            {
                return unsupported(format!("`{}` = {}", slot.name, describe(given)));
            }
        }
        Ok(())
    }

    /// An argument as it is. Asking for one that the signature lacks is a bug of the mapping.
    pub fn arg(&self, name: &str) -> Arg<'t, T> {
        let slots = self.slots.borrow();
        let slot = slots.iter().find(|slot| slot.name == name).unwrap_or_else(|| unreachable!("no `{name}` in the signature"));
        slot.read.set(true);
        slot.given.clone().or_else(|| slot.default.clone()).expect("given, or has a default")
    }
    /// The arguments given by position, for functions that have several signatures.
    pub fn positional(&self) -> &[Arg<'t, T>] {
        &self.args
    }
    /// Whether a keyword was given, for functions that have several signatures.
    pub fn keyword(&self, name: &str) -> bool {
        self.kwargs.contains_key(name)
    }
    fn wrong<X>(&self, name: &str, wanted: &str) -> Result<X, Unsupported> {
        unsupported(format!("`{name}` = {} where ours takes {wanted}", describe(&self.arg(name))))
    }
    /// `None` for `None`, else what `read` makes of it.
    fn opt<X>(&self, name: &str, read: impl FnOnce(&Self, &str) -> Result<X, Unsupported>) -> Result<Option<X>, Unsupported> {
        if matches!(self.arg(name), Value::None) { Ok(None) } else { read(self, name).map(Some) }
    }

    // -------------------------------------------------------------------------------------------------------- tensors

    /// A floating-point tensor.
    pub fn var(&self, name: &str) -> Result<Var<'t, T>, Unsupported> {
        match self.arg(name) {
            Value::Tensor(Input::Var(x)) => Ok(x),
            _ => self.wrong(name, "a floating-point array"),
        }
    }
    pub fn opt_var(&self, name: &str) -> Result<Option<Var<'t, T>>, Unsupported> {
        self.opt(name, Self::var)
    }
    /// A second operand: a floating-point tensor or a number.
    pub fn operand(&self, name: &str) -> Result<Var<'t, T>, Unsupported> {
        match self.arg(name) {
            Value::Tensor(Input::Var(x)) => Ok(x),
            Value::Int(i) => Ok(self.number(i as f64)),
            Value::Float(x) => Ok(self.number(x)),
            _ => self.wrong(name, "an array or a number"),
        }
    }
    pub fn opt_operand(&self, name: &str) -> Result<Option<Var<'t, T>>, Unsupported> {
        self.opt(name, Self::operand)
    }
    /// A list of floating-point tensors.
    pub fn vars(&self, name: &str) -> Result<Vec<Var<'t, T>>, Unsupported> {
        let Value::List(list) = self.arg(name) else { return self.wrong(name, "a list of arrays") };
        let var = |v: Arg<'t, T>| if let Value::Tensor(Input::Var(x)) = v { Some(x) } else { None };
        match list.into_iter().map(var).collect() {
            Some(vars) => Ok(vars),
            None => self.wrong(name, "a list of floating-point arrays"),
        }
    }
    /// A tensor of whole numbers. (PyTorch takes an empty tensor of any type.)
    pub fn indices(&self, name: &str) -> Result<Indices, Unsupported> {
        match self.arg(name) {
            Value::Tensor(Input::Ints(i)) => Ok(i),
            Value::Tensor(Input::Mask(m)) if m.numel() == 0 => Ok(Indices::new(&m.shape(), [0; 0])),
            _ => self.wrong(name, "indices"),
        }
    }
    /// A tensor of booleans, as 0 and 1.
    pub fn mask(&self, name: &str) -> Result<Var<'t, T>, Unsupported> {
        match self.arg(name) {
            Value::Tensor(Input::Mask(m)) => Ok(m),
            _ => self.wrong(name, "a mask"),
        }
    }
    /// A number as a constant on the tape.
    pub fn number(&self, x: f64) -> Var<'t, T> {
        self.tape.constant(ndarray::arr0(T::from_f64(x)))
    }

    // -------------------------------------------------------------------------------------------------------- numbers

    pub fn float(&self, name: &str) -> Result<f64, Unsupported> {
        match self.arg(name) {
            Value::Int(i) => Ok(i as f64),
            Value::Float(x) => Ok(x),
            _ => self.wrong(name, "a number"),
        }
    }
    pub fn opt_float(&self, name: &str) -> Result<Option<f64>, Unsupported> {
        self.opt(name, Self::float)
    }
    pub fn int(&self, name: &str) -> Result<i64, Unsupported> {
        match self.arg(name) {
            Value::Int(i) => Ok(i),
            _ => self.wrong(name, "a whole number"),
        }
    }
    pub fn opt_int(&self, name: &str) -> Result<Option<i64>, Unsupported> {
        self.opt(name, Self::int)
    }
    /// A whole number, or a list of them.
    pub fn ints(&self, name: &str) -> Result<Vec<i64>, Unsupported> {
        let one = |v: &Arg<'t, T>| if let Value::Int(i) = v { Some(*i) } else { None };
        let list = match self.arg(name) {
            Value::List(list) => list.iter().map(one).collect(),
            v => one(&v).map(|i| vec![i]),
        };
        list.map_or_else(|| self.wrong(name, "whole numbers"), Ok)
    }
    /// A size: negative ones cannot be expressed, because ours are unsigned.
    pub fn size(&self, name: &str) -> Result<usize, Unsupported> {
        usize::try_from(self.int(name)?).or_else(|_| self.wrong(name, "an unsigned number"))
    }
    /// A size, or a list of them.
    pub fn sizes(&self, name: &str) -> Result<Vec<usize>, Unsupported> {
        let sizes = self.ints(name)?.into_iter().map(usize::try_from).collect::<Result<_, _>>();
        sizes.or_else(|_| self.wrong(name, "unsigned numbers"))
    }
    pub fn opt_sizes(&self, name: &str) -> Result<Option<Vec<usize>>, Unsupported> {
        self.opt(name, Self::sizes)
    }
    pub fn axis(&self, name: &str) -> Result<isize, Unsupported> {
        self.int(name).map(|i| i as isize)
    }
    pub fn opt_axis(&self, name: &str) -> Result<Option<isize>, Unsupported> {
        self.opt(name, Self::axis)
    }
    /// An axis, or a list of them.
    pub fn axes(&self, name: &str) -> Result<Vec<isize>, Unsupported> {
        Ok(self.ints(name)?.into_iter().map(|i| i as isize).collect())
    }
    pub fn opt_axes(&self, name: &str) -> Result<Option<Vec<isize>>, Unsupported> {
        self.opt(name, Self::axes)
    }

    // --------------------------------------------------------------------------------------------------------- others

    pub fn flag(&self, name: &str) -> Result<bool, Unsupported> {
        match self.arg(name) {
            Value::Bool(b) => Ok(b),
            _ => self.wrong(name, "true or false"),
        }
    }
    pub fn opt_flag(&self, name: &str) -> Result<Option<bool>, Unsupported> {
        self.opt(name, Self::flag)
    }
    pub fn string(&self, name: &str) -> Result<String, Unsupported> {
        match self.arg(name) {
            Value::Str(s) => Ok(s),
            _ => self.wrong(name, "a string"),
        }
    }
    pub fn opt_string(&self, name: &str) -> Result<Option<String>, Unsupported> {
        self.opt(name, Self::string)
    }
}

/// A default, as Python writes it.
fn literal<X>(text: &str) -> Value<X> {
    match text {
        "None" => Value::None,
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        "()" | "[]" => Value::List(Vec::new()),
        _ => {
            let quoted = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
            let number = || text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float));
            quoted.map_or_else(|| number().expect("a literal"), |s| Value::Str(s.to_string()))
        }
    }
}

fn same<X, Y>(a: &Value<X>, b: &Value<Y>) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Int(i), Value::Float(x)) | (Value::Float(x), Value::Int(i)) => *i as f64 == *x,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => false,
    }
}

/// An argument, for a reason.
pub fn describe<T: Scalar>(arg: &Arg<'_, T>) -> String {
    match arg {
        Value::None => "None".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Str(s) => format!("'{s}'"),
        Value::Tensor(Input::Var(x)) => format!("a float tensor of shape {}", x.shape()),
        Value::Tensor(Input::Ints(i)) => format!("an integer tensor of shape {}", i.shape()),
        Value::Tensor(Input::Mask(m)) => format!("a boolean tensor of shape {}", m.shape()),
        Value::Slice(s) => format!("slice {s:?}"),
        Value::Ellipsis => "...".into(),
        Value::List(list) => format!("[{}]", list.iter().map(describe).collect::<Vec<_>>().join(", ")),
        Value::Other(s) => s.clone(),
    }
}
