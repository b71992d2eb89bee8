//! Reading at positions far outside.

use wengert::GridSampleMode::{Bicubic, Bilinear, Nearest};
use wengert::GridSamplePadding::{Border, Reflection, Zeros};
use wengert::{GridSampleOptions, Scalar, Tape};

/// Large finite positions are outside like all others. With `Zeros`, what is read there is +0, not -0.
fn far_positions_are_outside<T: Scalar>(sizes: &[f64]) {
    let tape = Tape::<T>::new();
    let image = tape.leaf([1.0, 2.0, 3.0, 4.0, 5.0].map(T::from_f64)).reshape([1, 1, 1, 5]);
    for &size in sizes {
        for (x, edge) in [(size, 5.0), (-size, 1.0)] {
            for mode in [Bilinear, Nearest, Bicubic] {
                for padding_mode in [Zeros, Border, Reflection] {
                    for align_corners in [false, true] {
                        let options = GridSampleOptions { mode, padding_mode, align_corners };
                        let grid = tape.leaf([x, x].map(T::from_f64)).reshape([1, 1, 1, 2]);
                        let y = image.grid_sample(grid, options);
                        let found = y.item().to_f64();
                        let right = match padding_mode {
                            Zeros => found.to_bits() == 0,
                            Border => found == edge,
                            Reflection => (1.0..=5.0).contains(&found) || mode == Bicubic && (0.0..=6.0).contains(&found),
                        };
                        assert!(right, "{x:e}, {options:?}: {found}");
                        let gradients = tape.grad(y, &[image, grid]);
                        let of_grid = gradients[1].map_or(vec![T::ZERO; 2], |g| g.to_vec());
                        assert!(of_grid.iter().all(|g| g.to_f64().is_finite()), "{x:e}, {options:?}: {of_grid:?}");
                        let of_image: f64 = gradients[0].unwrap().to_vec().into_iter().map(T::to_f64).sum();
                        let weights = if padding_mode == Zeros { 0.0 } else { 1.0 };
                        assert!((of_image - weights).abs() < 1e-6, "{x:e}, {options:?}: {of_image}");
                    }
                }
            }
        }
    }
}

#[test]
fn far_positions_are_outside_in_f32() {
    far_positions_are_outside::<f32>(&[3.0, 1e6, 1e15, 1e30, 2.98e38, f64::from(f32::MAX)]);
}
#[test]
fn far_positions_are_outside_in_f64() {
    far_positions_are_outside::<f64>(&[3.0, 1e6, 1e15, 1e30, 1e300, f64::MAX]);
}
