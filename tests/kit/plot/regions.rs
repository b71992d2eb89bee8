//! Pictures of decision regions.

use super::{texts, well_formed};
use ndarray::{Array2, ArrayD, Axis, array};
use wengert::Var;
use wengert::nn::{Forward, Mode, Module, Visitor};
use wengert::plot::Regions;

/// A side of the picture has so many cells, each with one decision.
const CELLS: usize = 100;

#[test]
fn regions_of_one_logit_and_of_several() {
    let (points, labels) = (array![[0.0f32, 0.0], [1.0, 1.0]], [0, 1]);
    let regions = Regions::new("t", points.view(), &labels).names(["left", "right"]).ranges(0.0..1.0, 0.0..1.0);
    // Left and right of 0.5, with certainty: two runs in each row, in either form.
    let one = regions.draw(|x| x.column(0).mapv(|x| (x - 0.5) * 1e6).insert_axis(Axis(1)).into_dyn());
    let two = regions.draw(|x| Array2::from_shape_fn((x.nrows(), 2), |(i, c)| (x[[i, 0]] - 0.5) * [-1e6, 1e6][c]).into_dyn());
    assert_eq!(one, two);
    well_formed(&one);
    assert!(texts(&one).contains(&"left".into()) && texts(&one).contains(&"right".into()));
    // The colours of the two classes, mixed with white.
    for colour in ["#79A4D1", "#EBAE72"] {
        assert_eq!(one.svg().matches(colour).count(), CELLS, "{colour}");
    }
}
#[test]
fn what_is_not_a_number_is_grey() {
    let points = array![[0.0, 0.0], [f64::NAN, 1.0], [1.0, 1.0]];
    let drawn = Regions::new("t", points.view(), &[0, 1, 2]).draw(|x| ArrayD::from_elem(vec![x.nrows(), 3], f64::NAN));
    well_formed(&drawn);
    assert_eq!(drawn.svg().matches("#C8C8C8").count(), CELLS);
    let nothing = Array2::<f64>::zeros((0, 2));
    well_formed(&Regions::new("t", nothing.view(), &[]).draw(|x| ArrayD::zeros(vec![x.nrows(), 3])));
}
#[test]
fn points_at_the_ends_of_the_type() {
    for (a, b) in [(f64::MIN, f64::MAX), (0.0, 5e-324), (1e300, 1.1e300), (f64::INFINITY, f64::NAN), (3.0, 3.0)] {
        let points = array![[a, b], [b, a]];
        let drawn = Regions::new("t", points.view(), &[0, 1]).draw(|x| {
            assert!(x.iter().all(|x| x.is_finite()));
            x.map_axis(Axis(1), |p| p[0]).insert_axis(Axis(1)).into_dyn()
        });
        well_formed(&drawn);
    }
    let points = array![[f32::MIN, f32::MAX], [0.0, 1e-45]];
    well_formed(&Regions::new("t", points.view(), &[0, 1]).draw(|x| ArrayD::from_elem(vec![x.nrows(), 2], f32::INFINITY)));
}
#[test]
fn a_module_keeps_its_mode() {
    struct Model(Mode, Mode, usize);
    impl Forward for Model {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            assert!(!self.0.is_training() && !self.1.is_training() && !x.tape().constant([0.0]).is_tracked());
            x.narrow(1, 0, self.2)
        }
    }
    impl Module for Model {
        fn visit(&self, v: &mut Visitor<'_>) {
            v.mode(&self.0).mode(&self.1).mode(&self.0); // the first one twice
        }
    }
    let points = array![[0.0f32, 1.0]];
    let regions = Regions::new("t", points.view(), &[1]);
    // Two columns can be drawn; the third does not exist, which panics.
    for columns in [2, 3] {
        let model = Model(Mode::default(), Mode::default(), columns);
        model.1.set(false);
        let drawn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| regions.draw_module(&model)));
        assert_eq!(drawn.is_ok(), columns == 2);
        drawn.iter().for_each(well_formed);
        assert!(model.0.is_training() && !model.1.is_training());
    }
}
#[test]
#[should_panic(expected = "Regions::draw: label 2 is not one of 2 classes")]
fn labels_are_classes() {
    Regions::new("t", array![[0.0, 0.0]].view(), &[2]).draw(|x| ArrayD::zeros(vec![x.nrows(), 1]));
}
#[test]
#[should_panic(expected = "Regions: points have a shape [n, 2] and n labels, not [1, 3] and 1 labels")]
fn points_lie_in_the_plane() {
    Regions::new("t", array![[0.0, 0.0, 1.0]].view(), &[0]);
}
#[test]
#[should_panic(expected = "Regions::draw: 10000 points need logits [10000, classes], not [10000]")]
fn logits_are_a_matrix() {
    Regions::new("t", array![[0.0, 0.0]].view(), &[0]).draw(|x| ArrayD::zeros(vec![x.nrows()]));
}
