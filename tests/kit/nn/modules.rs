//! What all modules have in common: names, modes, freezing, states, summaries; and tests of whole networks.

use crate::kit::helpers::x;
use ndarray::{ArrayD, IxDyn};
use wengert::io::{State, StateError};
use wengert::nn::*;
use wengert::optim::Sgd;
use wengert::{Param, Scalar, Tape, Var, init};

/// A user's network with a part that is used twice.
struct Twins<T: Scalar> {
    shared: Linear<T>,
    scale: Param<T>,
    rest: Vec<Residual<Linear<T>>>,
}
impl<T: Scalar> Forward<T> for Twins<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.rest.forward(self.shared.forward(self.shared.forward(x)) * x.tape().param(&self.scale))
    }
}
impl<T: Scalar> Module<T> for Twins<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        v.module("shared", &self.shared).param("scale", &self.scale).module("again", &self.shared).module("rest", &self.rest);
    }
}
fn twins() -> Twins<f64> {
    let rng = &mut init::seeded(3);
    Twins { shared: Linear::new(2, 2, rng), scale: Param::new("scale", [1.5]), rest: vec![Residual(Linear::new(2, 2, rng))] }
}
fn names(named: Vec<(String, Param<f64>)>) -> Vec<String> {
    named.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn names_are_paths_and_shared_parameters_come_once() {
    let model = twins();
    assert_eq!(names(model.named_parameters()), ["shared.weight", "shared.bias", "scale", "rest.0.weight", "rest.0.bias"]);
    assert_eq!(model.parameter_count(), 4 + 2 + 1 + 4 + 2);
}
#[test]
fn frozen_parameters_are_left_alone() {
    let model = twins();
    model.shared.freeze();
    let before = model.state();
    let mut tape = Tape::new();
    let grads = tape.backward(model.forward(tape.constant([[1.0, 2.0]])).sum());
    tape.reset();
    assert_eq!(grads.len(), 3);
    Sgd::new(0.1).step(&model.parameters(), &grads);
    let changed: Vec<String> = model.state().iter().filter(|(name, v)| before.get(name) != Some(v)).map(|(name, _)| name.into()).collect();
    assert_eq!(changed, ["rest.0.bias", "rest.0.weight", "scale"]);
    model.unfreeze();
    assert_eq!(tape.backward(model.forward(tape.constant([[1.0, 2.0]])).sum()).len(), 5);
}
#[test]
fn states_are_loaded_whole_or_not_at_all() {
    let (from, to) = (twins(), twins());
    from.scale.set([7.0]);
    to.load_state(&from.state()).unwrap();
    assert_eq!(to.state(), from.state());

    from.scale.set([9.0]);
    let mut wrong = State::new();
    for (name, values) in from.state().iter().filter(|(name, _)| !["shared.bias", "again.bias"].contains(name)) {
        wrong.insert(name, values.clone());
    }
    wrong.insert("rest.0.bias", ArrayD::<f64>::zeros(IxDyn(&[3])));
    wrong.insert("head.weight", 1.0);
    wrong.insert("norm.num_batches_tracked", 5u64); // PyTorch's counters are skipped
    let error = to.load_state(&wrong).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 mismatches:\n  `shared.bias` is missing\n  `rest.0.bias` has shape [3] where [2] is needed\n  \
         `head.weight` is not part of what is loaded into"
    );
    assert!(matches!(error, StateError::Several(ref all) if all.len() == 3));
    assert_eq!(to.scale.to_array().first(), Some(&7.0), "nothing was changed");
}
#[test]
fn generators_are_loaded_whole_or_not_at_all() {
    let dropout = Dropout::<f32>::new(0.5, &mut init::seeded(1));
    let before = dropout.generators();
    assert_eq!(dropout.load_generators(&State::new()).unwrap_err().to_string(), "`generator` is missing");
    let mut wrong = State::new();
    wrong.insert("generator", 1u64);
    assert!(dropout.load_generators(&wrong).unwrap_err().to_string().contains("two whole numbers"));
    assert_eq!(dropout.generators(), before);
}

#[test]
fn networks_have_the_sizes_of_their_papers() {
    let rng = &mut init::seeded(1);
    let count = |net: &dyn Forward<f32>| (net.parameter_count(), net.named_parameters().len() + net.named_buffers().len());
    assert_eq!(count(&ResNet::resnet18(1000, rng)), (11_689_512, 102)); // torchvision, without its 20 counters
    assert_eq!(count(&MobileNetV2::new(1000, rng)), (3_504_872, 262)); // torchvision, without its 52 counters
    assert_eq!(count(&ResNet::resnet20(3, 10, rng)).0, 272_474); // the paper's 0.27 million
    assert_eq!(count(&SimpleConvNet::new(rng)).0, 30 * 25 + 30 + 4320 * 100 + 100 + 1010);
    assert_eq!(count(&DeepConvNet::new(rng)).0, 160 + 2320 + 4640 + 9248 + 18_496 + 36_928 + 51_250 + 510);
}
#[test]
fn networks_give_logits_and_gradients_for_all_parameters() {
    let rng = &mut init::seeded(1);
    let nets: [(Box<dyn Forward>, [usize; 4], usize); 5] = [
        (Box::new(SimpleConvNet::new(rng)), [2, 1, 28, 28], 10),
        (Box::new(DeepConvNet::new(rng)), [2, 1, 28, 28], 10),
        (Box::new(ResNet::resnet20(3, 7, rng)), [2, 3, 16, 16], 7),
        (Box::new(ResNet::small(1, 5, 1, rng).without_skips()), [2, 1, 8, 8], 5),
        (Box::new(MobileNetV2::new(4, rng)), [2, 3, 32, 32], 4),
    ];
    for (net, shape, classes) in nets {
        let tape = Tape::new();
        let x = tape.constant(x(&shape).mapv(|x| x as f32));
        let y = net.forward(x);
        assert_eq!(y.shape(), [2, classes]);
        assert_eq!(tape.backward(y.square().sum()).len(), net.named_parameters().len());
        assert!(y.to_vec().iter().all(|y| y.is_finite()));
    }
}

#[test]
fn summaries_count_each_layer_and_change_nothing() {
    let net = ResNet::<f32>::resnet18(1000, &mut init::seeded(1));
    net.freeze();
    net.named_parameters().iter().filter(|(name, _)| name.starts_with("fc.")).for_each(|(_, p)| p.unfreeze());
    net.train();
    // One part is in evaluation mode, the others in training mode.
    let mut parts = 0;
    net.visit(&mut Visitor::new(&mut |_, part| {
        if let Part::Mode(mode) = part {
            mode.set(parts != 3);
            parts += 1;
        }
    }));
    let modes = |net: &ResNet| {
        let mut modes = Vec::new();
        net.visit(&mut Visitor::new(&mut |_, part| {
            if let Part::Mode(mode) = part {
                modes.push(mode.is_training());
            }
        }));
        modes
    };
    let (before, modes_before) = (net.state(), modes(&net));
    let summary = net.summary(&[1, 3, 224, 224]);
    // torchvision's own figures.
    assert_eq!((summary.parameters, summary.trainable), (11_689_512, 513_000));
    assert_eq!(summary.multiply_adds(), 1_814_073_344);
    let layer = |name: &str| summary.layers.iter().find(|l| l.name == name).unwrap();
    assert_eq!((&layer("conv1").output[..], layer("conv1").parameters), (&[1, 64, 112, 112][..], 9408));
    assert_eq!((&layer("layer4.1.bn2").output[..], layer("layer4.1.bn2").parameters), (&[1, 512, 7, 7][..], 1024));
    assert_eq!(summary.layers.iter().map(|l| l.parameters).sum::<usize>(), 11_689_512);
    assert!(net.state() == before);
    assert_eq!(modes(&net), modes_before);
    assert_eq!((modes_before.len(), modes_before.iter().filter(|training| !**training).count()), (20, 1));
    assert_eq!(net.named_parameters().iter().filter(|(_, p)| !p.is_frozen()).count(), 2);
    let words = Embedding::<f32>::new(10, 4, &mut init::seeded(1));
    assert_eq!(words.summary(&[2, 3]).layers[0].output, [2, 3, 4]);
}

#[test]
fn functions_options_and_boxes_are_modules() {
    let tape = Tape::<f64>::new();
    let x = tape.constant([1.0, -2.0]);
    let none: Option<Activation> = None;
    let boxed: Box<dyn Forward<f64>> = Box::new(Function::new(|x: Var<'_, f64>| x * 3.0));
    assert_eq!(none.forward(x).to_vec(), [1.0, -2.0]);
    assert_eq!(Some(Relu).forward(x).to_vec(), [1.0, 0.0]);
    assert_eq!(boxed.forward(x).to_vec(), [3.0, -6.0]);
    assert_eq!(Residual(boxed).forward(x).to_vec(), [4.0, -8.0]);
}
#[test]
fn the_same_seed_gives_the_same_network_in_both_types() {
    let net = |seed| ResNet::<f64>::small(1, 3, 1, &mut init::seeded(seed)).state();
    assert!(net(4) == net(4));
    assert!(net(4) != net(5));
    let narrow = ResNet::<f32>::small(1, 3, 1, &mut init::seeded(4)).state();
    for (name, values) in net(4).iter() {
        assert_eq!(narrow.get(name).unwrap().to_array::<f32>(), values.to_array::<f32>());
    }
}

/// Two layers and two random generators under one name each.
struct Wrong(Linear<f64>, Linear<f64>, [Dropout<f64>; 2]);
impl Forward<f64> for Wrong {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        self.1.forward(self.0.forward(x))
    }
}
impl Module<f64> for Wrong {
    fn visit(&self, v: &mut Visitor<'_, f64>) {
        self.0.visit(v);
        self.1.visit(v);
        self.2.iter().for_each(|d| d.visit(v));
    }
}
fn wrong() -> Wrong {
    let rng = &mut init::seeded(1);
    Wrong(Linear::new(2, 2, rng), Linear::new(2, 2, rng), [Dropout::new(0.5, rng), Dropout::new(0.5, rng)])
}
#[test]
#[should_panic(expected = "state: two parts of the module are called \"weight\"")]
fn parameters_of_one_name() {
    wrong().state();
}
#[test]
#[should_panic(expected = "generators: two parts of the module are called \"generator\"")]
fn generators_of_one_name() {
    wrong().generators();
}
#[test]
fn generators_that_are_not_there() {
    let dropout = Dropout::<f64>::new(0.5, &mut init::seeded(1));
    let mut state = dropout.generators();
    state.insert_part("other", dropout.generators());
    assert_eq!(dropout.load_generators(&state), Err(StateError::Unexpected { name: "other.generator".into() }));
}
/// A table of words that is also the last layer, a buffer and a random generator, each in two places.
struct Tied {
    embed: Embedding<f64>,
    head: Param<f64>,
    norm: BatchNorm1d<f64>,
    dropout: Dropout<f64>,
}
impl Forward<f64> for Tied {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        self.embed.forward(x).matmul(x.tape().param(&self.head).t())
    }
}
impl Module<f64> for Tied {
    fn visit(&self, v: &mut Visitor<'_, f64>) {
        v.module("embed", &self.embed).param("head.weight", &self.head);
        v.module("first", &self.norm).module("second", &self.norm).module("a", &self.dropout).module("b", &self.dropout);
    }
}
fn tied() -> Tied {
    let rng = &mut init::seeded(5);
    let embed = Embedding::new(3, 2, rng);
    Tied { head: embed.weight.clone(), embed, norm: BatchNorm1d::new(2), dropout: Dropout::new(0.5, rng) }
}
#[test]
fn what_is_at_two_places_has_both_names_in_states_and_is_trained_once() {
    let model = tied();
    assert_eq!(names(model.named_parameters()), ["embed.weight", "first.weight", "first.bias"]);
    assert_eq!(names(model.named_buffers()), ["first.running_mean", "first.running_var"]);
    let state = model.state();
    let in_state: Vec<&str> = state.iter().map(|(name, _)| name).collect();
    let norm = |place: &str| ["bias", "running_mean", "running_var", "weight"].map(|what| format!("{place}.{what}"));
    let expected = [vec!["embed.weight".to_string()], norm("first").into(), vec!["head.weight".into()], norm("second").into()].concat();
    assert_eq!(in_state, expected);
    assert_eq!(state.get("embed.weight"), state.get("head.weight"));
}
#[test]
fn tied_arrays_are_loaded_under_any_of_their_names() {
    let (from, to) = (tied(), tied());
    from.head.set([[1.0, 2.0], [3.0, f64::NAN], [5.0, 6.0]]);
    let both = from.state();
    let without = |name: &str| both.iter().filter(|(n, _)| *n != name).map(|(n, v)| (n, v.clone())).collect::<State>();
    for state in [both.clone(), without("head.weight"), without("embed.weight")] {
        to.head.set([[0.0; 2]; 3]);
        to.load_state(&state).unwrap();
        assert_eq!(to.embed.weight.with(|w| (w[0], w[3].is_nan(), w[5])), (1.0, true, 6.0));
    }
    let mut wrong = both.clone();
    wrong.insert("head.weight", ArrayD::<f64>::ones(IxDyn(&[3, 2])));
    let error = to.load_state(&wrong).unwrap_err();
    assert_eq!(error.to_string(), "`head.weight` and `embed.weight` are one array (tied weights), but hold different numbers");
    wrong.insert("head.weight", ArrayD::<f64>::ones(IxDyn(&[2, 2])));
    assert!(matches!(to.load_state(&wrong), Err(StateError::Shape { name, .. }) if name == "head.weight"));
    let neither = without("head.weight").iter().filter(|(n, _)| *n != "embed.weight").map(|(n, v)| (n, v.clone())).collect::<State>();
    assert_eq!(to.load_state(&neither), Err(StateError::Missing { name: "embed.weight".into() }));
    assert_eq!(to.embed.weight.with(|w| w[0]), 1.0, "nothing was changed");
}
#[test]
fn a_source_of_chance_at_two_places() {
    let model = tied();
    let mut state = model.generators();
    assert_eq!(state.get("a.generator"), state.get("b.generator"));
    model.load_generators(&state).unwrap();
    state.insert("b.generator", ndarray::array![1u64, 2].into_dyn());
    let error = model.load_generators(&state).unwrap_err();
    assert_eq!(error, StateError::Tied { name: "b.generator".into(), other: "a.generator".into() });
}
#[test]
fn a_function_before_a_parameter_of_the_network_is_a_row_of_its_own() {
    struct Scale(Param<f64>);
    impl Forward<f64> for Scale {
        fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
            x.relu() * x.tape().param(&self.0)
        }
    }
    impl Module<f64> for Scale {
        fn visit(&self, v: &mut Visitor<'_, f64>) {
            v.param("scale", &self.0);
        }
    }
    let rows = Scale(Param::new("scale", [2.0])).summary(&[3, 1]).layers;
    assert_eq!(rows.iter().map(|r| (r.op.as_str(), r.parameters)).collect::<Vec<_>>(), [("relu", 0), ("mul", 1)]);
}
#[test]
fn names_are_not_empty_and_have_no_dots() {
    for name in ["", ".", "a.b", "head."] {
        let panic = std::panic::catch_unwind(|| drop(Sequential::<f32>::new().named(name, Relu))).expect_err(name);
        let text = *panic.downcast::<String>().unwrap();
        let expected = format!("Sequential::named: no module can be called {name:?}\n  at tests/kit/nn/modules.rs:");
        assert!(text.starts_with(&expected) && text.contains("\n  hint: a name without dots"), "{text}");
    }
}
#[test]
#[should_panic(expected = "Sequential: there is a module \"1\" already")]
fn names_are_not_repeated() {
    let _ = Sequential::<f32>::new().named("1", Relu).push(Relu);
}
/// A part that is shown twice, under the same name or under two, is one part.
#[test]
fn parts_that_are_shown_twice() {
    struct Twice(Linear<f64>, Generator, [&'static str; 2]);
    impl Forward<f64> for Twice {
        fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
            self.0.forward(self.0.forward(x))
        }
    }
    impl Module<f64> for Twice {
        fn visit(&self, v: &mut Visitor<'_, f64>) {
            for name in self.2 {
                v.module(name, &self.0).generator(&format!("{name}_chance"), &self.1);
            }
        }
    }
    let make = |names| Twice(Linear::new(2, 2, &mut init::seeded(1)), Generator::new(5), names);
    let names = |state: &State| state.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    let one = make(["a", "a"]);
    let _ = one.1.draw();
    assert_eq!(names(&one.state()), ["a.bias", "a.weight"]);
    assert_eq!(names(&one.generators()), ["a_chance"]);
    one.load_state(&one.state()).unwrap();
    // One of two names is enough; if both are there, they must agree.
    let two = make(["a", "b"]);
    two.load_state(&one.state()).unwrap();
    two.load_generators(&one.generators()).unwrap();
    assert_eq!((two.1.state(), names(&two.generators())), ([5, 1], vec!["a_chance".to_string(), "b_chance".into()]));
    let mut state = two.generators();
    state.insert("b_chance", ndarray::array![5u64, 9].into_dyn());
    let error = two.load_generators(&state).unwrap_err().to_string();
    assert_eq!(error, "`b_chance` and `a_chance` are one array (tied weights), but hold different numbers");
    let error = two.load_generators(&State::new()).unwrap_err().to_string();
    assert_eq!((error.as_str(), two.1.state()), ("`a_chance` is missing", [5, 1]));
}
