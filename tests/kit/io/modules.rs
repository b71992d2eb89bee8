//! Modules are saved and loaded.

use crate::kit::helpers::Directory;
use ndarray::array;
use wengert::io::{State, load_into, save};
use wengert::nn::{Forward, Module, Visitor};
use wengert::{Param, Var};

struct Affine(Param<f64>, Param<f64>);
impl Forward<f64> for Affine {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        x * x.tape().param(&self.0) + x.tape().param(&self.1)
    }
}
impl Module<f64> for Affine {
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
