//! Interpolation between sizes and by factors.

use wengert::{InterpolateMode, InterpolateOptions, Tape};

/// All sizes from 1..40 to 1..90, in one, two and three dimensions, and widths 2 to 82, for which a rounded step would be one element
/// off.
#[test]
fn nearest_elements_are_found_by_whole_numbers() {
    let tape = Tape::<f32>::new();
    let sizes = (1..40).flat_map(|n| (1..90).map(move |m| (n, m))).chain([(2, 82), (57, 281), (93, 282), (127, 3000)]);
    for (n, m) in sizes {
        let x = tape.constant((0..n).map(|i| i as f32).collect::<Vec<_>>());
        let floor: Vec<f32> = (0..m).map(|i| (i * n / m) as f32).collect();
        let centre: Vec<f32> = (0..m).map(|i| ((2 * i + 1) * n / (2 * m)) as f32).collect();
        for (mode, expected) in [(InterpolateMode::Nearest, floor), (InterpolateMode::NearestExact, centre)] {
            for rank in 1..=3 {
                let mut shape = vec![1; 1 + rank];
                shape.push(-1);
                let size: Vec<usize> = (1..rank).map(|_| 1).chain([m]).collect();
                let options = InterpolateOptions { size: Some(&size), mode, ..Default::default() };
                let y = x.reshape(&shape).interpolate(options).to_vec();
                assert!(y == expected, "{mode:?} from {n} to {m} in {rank} dimensions: {y:?}");
            }
        }
    }
}

/// An integer factor repeats each element that many times.
#[test]
fn whole_factors_repeat_elements() {
    let tape = Tape::<f64>::new();
    for factor in 1..100 {
        let x = tape.constant([[[[0.0, 1.0, 2.0]]]]);
        let scale = [1.0, factor as f64];
        let options = InterpolateOptions { scale_factor: Some(&scale), mode: InterpolateMode::Nearest, ..Default::default() };
        let y = x.interpolate(options).to_vec();
        assert!((0..3 * factor).all(|i| y[i] == (i / factor) as f64), "{factor}: {y:?}");
    }
}
