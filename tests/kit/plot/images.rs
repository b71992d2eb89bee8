//! Pictures of filters and of feature maps.

use super::{texts, well_formed};
use ndarray::{Array3, Array4};
use wengert::plot::{feature_maps, filters};

#[test]
fn filters_are_numbered_and_scaled() {
    let drawn = filters("w", Array4::from_shape_fn((3, 2, 5, 5), |(o, i, y, x)| (o + i + y + x) as f32 * 0.1 - 0.4));
    well_formed(&drawn);
    assert_eq!(texts(&drawn), ["w", "black -0.700, grey 0, white 0.700", "0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]);
}
#[test]
fn maps_may_hold_anything() {
    let mut maps = Array3::<f64>::zeros((3, 4, 4));
    (maps[[0, 0, 0]], maps[[0, 0, 1]], maps[[1, 2, 2]]) = (f64::NAN, f64::INFINITY, 5.0);
    let drawn = feature_maps("m", &maps);
    well_formed(&drawn);
    assert_eq!(texts(&drawn)[2..], ["0", "1", "2"]);
    assert_eq!(feature_maps("m", maps.insert_axis(ndarray::Axis(0))), drawn);
}
#[test]
fn not_more_than_can_be_seen() {
    let drawn = filters("w", Array4::<f32>::zeros((64, 32, 3, 3)));
    well_formed(&drawn);
    assert_eq!(texts(&drawn)[1], "black -0.000, grey 0, white 0.000; the first 256 of 2048");
    assert_eq!(texts(&drawn).len(), 2 + 256);
}
#[test]
#[should_panic(expected = "filters: weights have a shape [filters, channels, height, width], not [2, 3]")]
fn weights_of_a_linear_layer_are_refused() {
    filters("w", [[0.0f32; 3]; 2]);
}
#[test]
#[should_panic(expected = "feature_maps: there is nothing to draw in [0, 3, 3]")]
fn nothing_is_refused() {
    feature_maps("m", Array3::<f32>::zeros((0, 3, 3)));
}
