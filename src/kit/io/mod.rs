//! Saving and loading: named arrays in memory ([`State`]) and in files.
//!
//! [`save`] and [`load`] write and read safetensors files, and [`load_into`] sets the parameters of a module from one. A [`Checkpoint`]
//! holds a whole training run. [`npy`] is numpy's format for a single array. All files are written atomically ([`write_atomic`]). All that
//! is read is checked; damage is reported as a typed error.

mod atomic;
mod checkpoint;
mod error;
pub mod npy;
mod numbers;
pub(crate) mod png;
pub mod safetensors;
mod state;

pub use self::safetensors::{load, save};
pub use atomic::write_atomic;
pub use checkpoint::Checkpoint;
pub use error::{FormatError, IoError};
pub use state::{State, StateError, Values};

use crate::Scalar;
use crate::nn::Module;
use std::path::Path;

/// Sets the parameters and buffers of a module from a safetensors file. If anything does not fit, nothing is changed.
///
/// # Errors
/// If the file is missing or damaged, or its names and shapes are not those of the module. The error lists all that differ.
pub fn load_into<T: Scalar>(path: impl AsRef<Path>, module: &(impl Module<T> + ?Sized)) -> Result<(), IoError> {
    let path = path.as_ref();
    module.load_state(&load(path)?).map_err(|source| IoError::State { path: path.into(), source })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests {
    use super::testing::Directory;
    use super::*;
    use crate::nn::Visitor;
    use crate::{Param, Var};
    use ndarray::array;

    struct Affine(Param<f64>, Param<f64>);
    impl Module<f64> for Affine {
        fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
            x * x.tape().param(&self.0) + x.tape().param(&self.1)
        }
        fn visit(&self, v: &mut Visitor<'_, f64>) {
            v.param("scale", &self.0).buffer("shift", &self.1);
        }
    }

    #[test]
    fn a_module_is_saved_and_loaded() {
        let dir = Directory::new("module");
        let path = dir.file("m.safetensors");
        let [a, b] = [1.0, 3.0].map(|x| Affine(Param::new("scale", [x, x + 1.0]), Param::new("shift", [[x]])));
        save(&path, &a.state()).unwrap();
        load_into(&path, &b).unwrap();
        assert_eq!(b.state(), a.state());
    }
    #[test]
    fn batch_counters_of_pytorch_are_left_out() {
        let dir = Directory::new("counters");
        let path = dir.file("m.safetensors");
        let m = Affine(Param::new("scale", [1.0, 2.0]), Param::new("shift", [0.5]));
        let mut state = m.state();
        state.insert("bn.num_batches_tracked", 7u64);
        save(&path, &state).unwrap();
        m.0.set([0.0, 0.0]);
        load_into(&path, &m).unwrap();
        assert_eq!(m.0.to_array(), array![1.0, 2.0].into_dyn());
    }
    #[test]
    fn all_mismatches_are_listed_and_nothing_is_changed() {
        let dir = Directory::new("mismatches");
        let path = dir.file("m.safetensors");
        let state = [("scale", array![1.0, 2.0, 3.0].into_dyn()), ("bias", array![0.0].into_dyn())];
        save(&path, &State::from_iter(state)).unwrap();
        let m = Affine(Param::new("scale", [1.0, 2.0]), Param::new("shift", [0.5]));
        let before = m.state();
        let error = load_into(&path, &m).unwrap_err().to_string();
        assert!(error.contains("m.safetensors does not fit: 3 mismatches:"), "{error}");
        for part in ["`scale` has shape [3] where [2] is needed", "`shift` is missing", "`bias` is not part of what is loaded into"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(m.state(), before);
    }
}
