//! Named arrays: what modules, optimizers and schedules remember, and what files hold.

use crate::Scalar;
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;
use std::fmt;

/// An array of one of the types that a [`State`] can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floating point.
    F32(ArrayD<f32>),
    /// 64-bit floating point.
    F64(ArrayD<f64>),
    /// Signed whole numbers.
    I64(ArrayD<i64>),
    /// Unsigned whole numbers: counters, seeds.
    U64(ArrayD<u64>),
}

impl Values {
    /// An array of `f32` or `f64`, where the code is written for both.
    pub fn of<T: Scalar>(a: ArrayD<T>) -> Values {
        match size_of::<T>() {
            4 => Values::F32(a.mapv(|x| x.to_f64() as f32)), // exact, since it was f32 before
            _ => Values::F64(a.mapv(|x| x.to_f64())),
        }
    }
    /// The sizes of its axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Values::F32(a) => a.shape(),
            Values::F64(a) => a.shape(),
            Values::I64(a) => a.shape(),
            Values::U64(a) => a.shape(),
        }
    }
    /// What its numbers are, as PyTorch calls it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Values::F32(_) => "float32",
            Values::F64(_) => "float64",
            Values::I64(_) => "int64",
            Values::U64(_) => "uint64",
        }
    }
    /// Its numbers, rounded to this type.
    pub fn to_array<T: Scalar>(&self) -> ArrayD<T> {
        match self {
            Values::F32(a) => a.mapv(|x| T::from_f64(x.into())),
            Values::F64(a) => a.mapv(T::from_f64),
            Values::I64(a) => a.mapv(|x| T::from_f64(x as f64)),
            Values::U64(a) => a.mapv(|x| T::from_f64(x as f64)),
        }
    }
}

impl From<ArrayD<f32>> for Values {
    fn from(a: ArrayD<f32>) -> Self {
        Values::F32(a)
    }
}
impl From<ArrayD<f64>> for Values {
    fn from(a: ArrayD<f64>) -> Self {
        Values::F64(a)
    }
}
impl From<ArrayD<u64>> for Values {
    fn from(a: ArrayD<u64>) -> Self {
        Values::U64(a)
    }
}
impl From<ArrayD<i64>> for Values {
    fn from(a: ArrayD<i64>) -> Self {
        Values::I64(a)
    }
}
impl From<f64> for Values {
    fn from(x: f64) -> Self {
        Values::F64(ArrayD::from_elem(IxDyn(&[]), x))
    }
}
impl From<u64> for Values {
    fn from(x: u64) -> Self {
        Values::U64(ArrayD::from_elem(IxDyn(&[]), x))
    }
}

/// Why a state does not fit what it is loaded into.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A name is not there.
    #[error("`{name}` is missing")]
    Missing {
        /// The name.
        name: String,
    },
    /// A name is there that nothing asks for.
    #[error("`{name}` is not part of what is loaded into")]
    Unexpected {
        /// The name.
        name: String,
    },
    /// An array has another shape.
    #[error("`{name}` has shape {found:?} where {expected:?} is needed")]
    Shape {
        /// The name.
        name: String,
        /// The shape that is there.
        found: Vec<usize>,
        /// The shape that is needed.
        expected: Vec<usize>,
    },
    /// Numbers are of another type, or of a range that makes no sense.
    #[error("`{name}` is {found}, where {expected} is needed")]
    Type {
        /// The name.
        name: String,
        /// What is there.
        found: String,
        /// What is needed.
        expected: &'static str,
    },
    /// One array stands under two names, with different numbers.
    #[error("`{name}` and `{other}` are one array (tied weights), but hold different numbers")]
    Tied {
        /// The name.
        name: String,
        /// Another name of the same array.
        other: String,
    },
    /// All of several.
    #[error("{} mismatches:{}", .0.len(), .0.iter().map(|e| format!("\n  {e}")).collect::<String>())]
    Several(Vec<StateError>),
}

/// The same sentence, since that is what `unwrap`, and `main` if it ends with an error, show.
impl fmt::Debug for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StateError {
    /// `Ok` if there is no error, the error if there is one, and all of them if there are several.
    pub fn all(mut errors: Vec<StateError>) -> Result<(), StateError> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(StateError::Several(errors)),
        }
    }
}

/// Arrays by name, in the order of their names.
///
/// ```
/// use wengert::io::State;
/// let mut state = State::new();
/// state.insert("epoch", 3u64);
/// let mut file = State::new();
/// file.insert_part("training", state);
/// assert_eq!(file.part("training").whole("epoch"), Ok(3));
/// assert_eq!(file.whole("step").unwrap_err().to_string(), "`step` is missing");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    entries: BTreeMap<String, Values>,
}

impl State {
    /// Nothing.
    pub fn new() -> State {
        State::default()
    }
    /// Puts an array or a number under a name, in place of what was there.
    pub fn insert(&mut self, name: impl Into<String>, values: impl Into<Values>) {
        self.entries.insert(name.into(), values.into());
    }
    /// What is under a name.
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.entries.get(name)
    }
    /// All names and what is under them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.entries.iter().map(|(name, values)| (name.as_str(), values))
    }
    /// How many names there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// Puts all of another one under `prefix.name`.
    pub fn insert_part(&mut self, prefix: &str, part: State) {
        self.entries.extend(part.entries.into_iter().map(|(name, values)| (format!("{prefix}.{name}"), values)));
    }
    /// What is under `prefix.name`, by `name`.
    pub fn part(&self, prefix: &str) -> State {
        let inside = |name: &String| Some(name.strip_prefix(prefix)?.strip_prefix('.')?.to_string());
        State { entries: self.entries.iter().filter_map(|(name, values)| Some((inside(name)?, values.clone()))).collect() }
    }
    /// The array under a name, rounded to this type.
    ///
    /// # Errors
    /// If it is missing or has another shape.
    pub fn array<T: Scalar>(&self, name: &str, shape: &[usize]) -> Result<ArrayD<T>, StateError> {
        let values = self.needed(name)?;
        if values.shape() != shape {
            return Err(StateError::Shape { name: name.into(), found: values.shape().into(), expected: shape.into() });
        }
        Ok(values.to_array())
    }
    /// The number under a name.
    ///
    /// # Errors
    /// If it is missing or not a single number.
    pub fn number(&self, name: &str) -> Result<f64, StateError> {
        Ok(self.array(name, &[])?.first().copied().expect("one number"))
    }
    /// The whole number under a name.
    ///
    /// # Errors
    /// If it is missing or not a single unsigned whole number.
    pub fn whole(&self, name: &str) -> Result<u64, StateError> {
        match self.needed(name)? {
            Values::U64(a) if a.ndim() == 0 => Ok(*a.first().expect("one number")),
            other => Err(StateError::Type {
                name: name.into(),
                found: format!("{} of shape {:?}", other.type_name(), other.shape()),
                expected: "one whole number (uint64)",
            }),
        }
    }
    fn needed(&self, name: &str) -> Result<&Values, StateError> {
        self.get(name).ok_or_else(|| StateError::Missing { name: name.into() })
    }
}

impl<N: Into<String>, V: Into<Values>> FromIterator<(N, V)> for State {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> State {
        State { entries: entries.into_iter().map(|(name, values)| (name.into(), values.into())).collect() }
    }
}
