//! Augmentation: shifts, crops and flips of images, and what their chance depends on.

use ndarray::{Array, ArrayD, Axis};
use std::collections::BTreeSet;
use wengert::data::Augment;

/// Images of 2 channels whose pixels show where they come from: 1 + 100 image + 50 channel + 10 row + column.
fn images(n: usize) -> ArrayD<f64> {
    Array::from_shape_fn((n, 2, 3, 4), |(i, c, y, x)| (1 + 100 * i + 50 * c + 10 * y + x) as f64).into_dyn()
}
fn flipped(images: &ArrayD<f64>) -> ArrayD<f64> {
    images.slice_each_axis(|axis| ndarray::Slice::new(0, None, if axis.axis == Axis(3) { -1 } else { 1 })).to_owned()
}
/// How far an image was shifted, found from its pixels, which must all agree.
fn moved(image: ndarray::ArrayViewD<'_, f64>, i: usize, flip: bool) -> Option<(isize, isize)> {
    let [_, height, width] = image.shape() else { panic!() };
    let mut shift = None;
    for ((c, y, x), v) in image.indexed_iter().map(|(at, v)| ((at[0], at[1], at[2]), *v)).filter(|(_, v)| *v != 0.0) {
        let source = v as usize - 1 - 100 * i - 50 * c;
        let x = if flip { width - 1 - x } else { x };
        let found = (y as isize - (source / 10) as isize, x as isize - (source % 10) as isize);
        if *shift.get_or_insert(found) != found {
            return None;
        }
    }
    assert_eq!(*height, 3);
    shift
}

#[test]
fn shifts_reach_every_distance() {
    let n = 500;
    let changed = Augment::new(1).shift(1).apply(&images(n), 0, 0);
    let all: BTreeSet<_> = changed.outer_iter().enumerate().map(|(i, x)| moved(x, i, false).unwrap()).collect();
    assert_eq!(all, (-1..=1).flat_map(|y| (-1..=1).map(move |x| (y, x))).collect());
    // As many pixels were filled in as were shifted out.
    for (i, x) in changed.outer_iter().enumerate() {
        let (dy, dx) = moved(x.view(), i, false).unwrap();
        assert_eq!(x.iter().filter(|v| **v != 0.0).count() as isize, 2 * (3 - dy.abs()) * (4 - dx.abs()));
    }
}
#[test]
fn about_half_are_flipped() {
    let (n, all) = (1000, images(1000));
    let changed = Augment::new(2).flip().apply(&all, 0, 0);
    let mirrored = flipped(&all);
    let flips = (0..n).filter(|i| changed.index_axis(Axis(0), *i) == mirrored.index_axis(Axis(0), *i)).count();
    let kept = (0..n).filter(|i| changed.index_axis(Axis(0), *i) == all.index_axis(Axis(0), *i)).count();
    assert_eq!(flips + kept, n);
    assert!((420..=580).contains(&flips), "{flips}"); // 5 standard deviations
}
#[test]
fn shifts_and_flips_together() {
    let changed = Augment::new(3).shift(2).flip().apply(&images(50), 4, 0);
    for (i, x) in changed.outer_iter().enumerate() {
        assert!(moved(x.view(), i, false).is_some() || moved(x, i, true).is_some());
    }
}
#[test]
fn crops_with_padding() {
    let one = Array::from_elem((200, 2, 2), 1f32).into_dyn();
    let cropped = Augment::new(4).crop(3, 1, 1).fill(-1.0).apply(&one, 0, 0);
    assert_eq!(cropped.shape(), [200, 3, 1]);
    // 3 of 4 padded rows remain, so one of them is padding, above or below. A column is padding in every other image.
    for x in cropped.outer_iter() {
        let inside = x.iter().filter(|v| **v == 1.0).count();
        assert!(inside == 2 || inside == 0, "{x:?}");
        assert!(x.iter().all(|v| v.abs() == 1.0));
    }
    let exact = Augment::new(4).crop(2, 2, 0).apply(&one, 0, 0);
    assert_eq!(exact, one);
    let padded = Augment::new(4).crop(6, 6, 2).apply(&one, 0, 0);
    assert_eq!(padded.sum(), 800.0);
}
#[test]
fn shifts_beyond_the_image() {
    let changed = Augment::new(5).shift(9).apply(&images(100), 0, 0);
    assert!(changed.outer_iter().any(|x| x.iter().all(|v| *v == 0.0)));
}
#[test]
fn sizes_whose_sums_are_no_numbers() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let refused = |augment: &Augment, says: &str| {
        let panic = catch_unwind(AssertUnwindSafe(|| augment.apply(&images(2), 0, 0))).expect_err(says);
        let text = panic.downcast::<String>().unwrap();
        assert!(text.starts_with(says) && text.contains("\n  at tests/kit/data/augment.rs:") && text.contains("\n  hint: "), "{text}");
    };
    for padding in [usize::MAX, usize::MAX / 2 + 2, usize::MAX / 2, usize::MAX / 2 - 1] {
        refused(&Augment::new(1).shift(padding), "augment: a part of 3 x 4 pixels of images of 3 x 4, padded by ");
        refused(&Augment::new(1).crop(2, 2, padding), "augment: a part of 2 x 2 pixels");
    }
    // The largest possible shift: the whole image is shifted out.
    let changed = Augment::new(1).shift(usize::MAX / 2 - 2).apply(&images(2), 0, 0);
    assert!(changed.shape() == [2, 2, 3, 4] && changed.iter().all(|x| *x == 0.0));
    refused(&Augment::new(1).crop(1 << 40, 1 << 20, 1 << 60), "augment: changed images: an array of shape [2, 2, 1099511627776, 1048576]");
    refused(&Augment::new(1).crop(usize::MAX, 1, 3), "augment: a part of 18446744073709551615 x 1 pixels");
    for fill in [f64::NAN, f64::INFINITY] {
        assert!(catch_unwind(|| Augment::new(1).fill(fill)).is_err());
    }
    assert!(catch_unwind(|| Augment::new(1).fill(1e300).apply(&images(2).mapv(|x| x as f32), 0, 0)).is_err());
}
#[test]
fn chance_depends_on_seed_epoch_and_place() {
    let all = images(20);
    let augment = Augment::new(6).shift(1).flip();
    let changed = augment.apply(&all, 3, 0);
    assert_eq!(augment.apply(&all, 3, 0), changed);
    assert_ne!(augment.apply(&all, 4, 0), changed);
    assert_ne!(Augment::new(7).shift(1).flip().apply(&all, 3, 0), changed);
    let rest = all.select(Axis(0), &(12..20).collect::<Vec<_>>());
    assert_eq!(augment.apply(&rest, 3, 12), changed.select(Axis(0), &(12..20).collect::<Vec<_>>()));
}
#[test]
fn nothing_to_change() {
    assert_eq!(Augment::new(0).apply(&images(2), 0, 0), images(2));
    assert_eq!(Augment::new(0).shift(1).apply(&images(0), 0, 0).shape(), [0, 2, 3, 4]);
}
#[test]
#[should_panic(expected = "augment: images have axes [batch, .., height, width], not [2, 3]")]
fn rows_are_no_images() {
    Augment::new(0).flip().apply(&ArrayD::<f32>::zeros(vec![2, 3]), 0, 0);
}
#[test]
#[should_panic(expected = "augment: a part of 9 x 4 pixels of images of 3 x 4, padded by 1")]
fn parts_larger_than_the_image() {
    Augment::new(0).crop(9, 4, 1).apply(&images(1), 0, 0);
}
