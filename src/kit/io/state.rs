//! Named arrays: the state of modules, optimizers and schedulers, and the content of files.

use crate::Scalar;
use ndarray::{ArrayD, IxDyn};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An array of one of the types that a [`State`] can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floating point.
    F32(ArrayD<f32>),
    /// 64-bit floating point.
    F64(ArrayD<f64>),
    /// Signed 64-bit integers.
    I64(ArrayD<i64>),
    /// Unsigned 64-bit integers, such as counters and seeds.
    U64(ArrayD<u64>),
}

impl Values {
    /// An array of `f32` or `f64`, for code that is generic over both.
    pub fn of<T: Scalar>(a: ArrayD<T>) -> Values {
        match size_of::<T>() {
            4 => Values::F32(a.mapv(|x| x.to_f64() as f32)), // exact, since it was f32 before
            _ => Values::F64(a.mapv(|x| x.to_f64())),
        }
    }
    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Values::F32(a) => a.shape(),
            Values::F64(a) => a.shape(),
            Values::I64(a) => a.shape(),
            Values::U64(a) => a.shape(),
        }
    }
    /// The type of the numbers, by PyTorch's name.
    pub fn type_name(&self) -> &'static str {
        match self {
            Values::F32(_) => "float32",
            Values::F64(_) => "float64",
            Values::I64(_) => "int64",
            Values::U64(_) => "uint64",
        }
    }
    /// The numbers, rounded to this type.
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
    /// A name is missing.
    #[error("`{name}` is missing")]
    Missing {
        /// The name.
        name: String,
    },
    /// A name is not used by anything.
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
        /// The shape in the state.
        found: Vec<usize>,
        /// The shape that is needed.
        expected: Vec<usize>,
    },
    /// Numbers have another type, or a range that makes no sense.
    #[error("`{name}` is {found}, where {expected} is needed")]
    Type {
        /// The name.
        name: String,
        /// What the state holds.
        found: String,
        /// What is needed.
        expected: &'static str,
    },
    /// The same array has two names with different numbers.
    #[error("`{name}` and `{other}` are one array (tied weights), but hold different numbers")]
    Tied {
        /// The name.
        name: String,
        /// Another name of the same array.
        other: String,
    },
    /// Several errors.
    #[error("{} mismatches:{}{}", .0.len(), .0.iter().map(|e| format!("\n  {e}")).collect::<String>(), advice(.0))]
    Several(Vec<StateError>),
}

/// The same text as `Display`, since `unwrap` and a `main` that returns an error show `Debug`.
impl fmt::Debug for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StateError {
    /// `Ok` if there is no error, the error itself if there is one, and [`StateError::Several`] if there are more.
    pub fn all(mut errors: Vec<StateError>) -> Result<(), StateError> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(StateError::Several(errors)),
        }
    }
}

/// What is probably meant where many names do not fit, as the last line of an error; empty if nothing is known.
fn advice(errors: &[StateError]) -> String {
    let missing = || errors.iter().filter_map(|e| if let StateError::Missing { name } = e { Some(name.as_str()) } else { None });
    let unexpected: BTreeSet<&str> =
        errors.iter().filter_map(|e| if let StateError::Unexpected { name } = e { Some(name.as_str()) } else { None }).collect();
    // All that is missing is there, under names with something before them.
    let prefix = missing().next().and_then(|first| unexpected.iter().find_map(|name| name.strip_suffix(first)?.strip_suffix('.')));
    if let Some(prefix) = prefix.filter(|prefix| missing().all(|name| unexpected.contains(&*format!("{prefix}.{name}")))) {
        return format!("\n  hint: the names in it begin with `{prefix}.`: load `state.part({prefix:?})`");
    }
    let remembered = |name: &&str| MEMORY.contains(&name.rsplit('.').next().unwrap_or(name));
    match unexpected.iter().any(remembered) || missing().any(|name| remembered(&name)) {
        true => "\n  hint: was it saved by another kind of optimizer, or by one with other options?".into(),
        false => String::new(),
    }
}

/// What optimizers call what they remember about a parameter.
const MEMORY: [&str; 7] = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg", "sum"];

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
    /// An empty state.
    pub fn new() -> State {
        State::default()
    }
    /// Puts an array or a number under a name. Replaces an earlier one.
    pub fn insert(&mut self, name: impl Into<String>, values: impl Into<Values>) {
        self.entries.insert(name.into(), values.into());
    }
    /// The array under a name.
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.entries.get(name)
    }
    /// All names and their arrays.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.entries.iter().map(|(name, values)| (name.as_str(), values))
    }
    /// The number of names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// True if there are no names.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// Adds all entries of another state under `prefix.name`.
    pub fn insert_part(&mut self, prefix: &str, part: State) {
        self.entries.extend(part.entries.into_iter().map(|(name, values)| (format!("{prefix}.{name}"), values)));
    }
    /// The entries under `prefix.name`, with the names `name`.
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
    /// The integer under a name.
    ///
    /// # Errors
    /// If it is missing or not a single unsigned integer.
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
