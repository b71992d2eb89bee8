//! Reads entries of a state and collects all that is wrong, so that it is reported at once.

use super::bounds::MOST;
use crate::Scalar;
use crate::io::{State, StateError};
use ndarray::ArrayD;
use std::collections::BTreeSet;

/// The values that were read are valid only if [`Reader::finish`] finds no error.
pub(super) struct Reader<'a> {
    state: &'a State,
    asked: BTreeSet<String>,
    errors: Vec<StateError>,
}

impl<'a> Reader<'a> {
    pub fn new(state: &'a State) -> Self {
        Reader { state, asked: BTreeSet::new(), errors: Vec::new() }
    }
    fn read<R: Default>(&mut self, name: String, read: impl FnOnce(&State, &str) -> Result<R, StateError>) -> R {
        let found = read(self.state, &name);
        self.asked.insert(name);
        found.unwrap_or_else(|e| {
            self.errors.push(e);
            R::default()
        })
    }
    /// An integer.
    pub fn whole(&mut self, name: String) -> u64 {
        self.read(name, State::whole)
    }
    /// A number that satisfies `ok`.
    pub fn number(&mut self, name: String, expected: &'static str, ok: impl FnOnce(f64) -> bool) -> f64 {
        self.read(name, |state, name| match state.number(name)? {
            x if ok(x) => Ok(x),
            x => Err(StateError::Type { name: name.into(), found: x.to_string(), expected }),
        })
    }
    /// A learning rate.
    pub fn rate(&mut self, name: String) -> f64 {
        self.number(name, "a finite number that is at least 0", |lr| (0.0..=MOST).contains(&lr))
    }
    /// An array, in row-major order.
    pub fn array<T: Scalar>(&mut self, name: String, shape: &[usize]) -> Vec<T> {
        self.read(name, |state, name| Ok(state.array::<T>(name, shape)?.iter().copied().collect()))
    }
    /// An array whose elements satisfy `ok`.
    pub fn array_of<T: Scalar>(&mut self, name: String, shape: &[usize], expected: &'static str, ok: impl Fn(T) -> bool) -> Vec<T> {
        self.read(name, |state, name| {
            let values = state.array::<T>(name, shape)?;
            match values.iter().find(|x| !ok(**x)) {
                Some(x) => Err(StateError::Type { name: name.into(), found: format!("{x} in places"), expected }),
                None => Ok(values.iter().copied().collect()),
            }
        })
    }
    /// `Ok` if everything that was asked for was there, and nothing else is.
    pub fn finish(mut self) -> Result<(), StateError> {
        let others = self.state.iter().filter(|(name, _)| !self.asked.contains(*name));
        self.errors.extend(others.map(|(name, _)| StateError::Unexpected { name: name.into() }));
        StateError::all(self.errors)
    }
}

/// An array with the shape of a parameter.
pub(super) fn shaped<T: Scalar>(shape: &[usize], values: &[T]) -> ArrayD<T> {
    ArrayD::from_shape_vec(shape, values.to_vec()).expect("as many values as the shape says")
}
