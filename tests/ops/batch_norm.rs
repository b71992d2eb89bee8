//! Batch normalization: its running statistics, and large arrays.

use wengert::{NormOptions, RunningStats, Tape, Var};

#[test]
fn running_statistics_move_towards_those_of_the_batch() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[1.0, 10.0], [3.0, 50.0]]);
    let stats = RunningStats::new(2);
    let _ = x.batch_norm_train(&stats, NormOptions::default());
    for (found, expected) in stats.mean.to_array().iter().chain(&stats.var.to_array()).zip([0.2, 3.0, 0.9 + 0.2, 0.9 + 80.0]) {
        assert!((found - expected).abs() < 1e-14, "{found} and {expected}");
    }
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    fn bits() -> Vec<u32> {
        let tape = Tape::<f32>::new();
        let array = |shape: &[usize], k: usize| {
            let n: usize = shape.iter().product();
            tape.leaf((0..n).map(|i| ((i * k) % 1013) as f32 * 0.01 - 3.0).collect::<Vec<_>>())
                .reshape(shape.iter().map(|&n| n as isize).collect::<Vec<_>>())
        };
        let mut bits = Vec::new();
        for shape in [&[37, 5, 32, 32][..], &[3, 600, 7, 7], &[3000, 33]] {
            let (x, w) = (array(shape, 7919), array(&[shape[1]], 311));
            let y = x.batch_norm_train(None, NormOptions { weight: Some(w), bias: Some(w), eps: 0.1 }).relu();
            for found in [y, (y * array(shape, 6007)).sum()].into_iter().chain(tape.grad(y.square().sum(), &[x, w]).into_iter().flatten()) {
                bits.extend(found.to_vec().into_iter().map(f32::to_bits));
            }
        }
        bits
    }
    let at = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(bits);
    let one = at(1);
    assert!(one == at(2) && one == at(3));
}

#[test]
fn large_arrays_give_what_the_formula_does() {
    // Large enough for several threads, tiles and blocks. The inner axes of a channel are longer and shorter than a block, and divide
    // it or not. Where channels are divided among threads, the last part has fewer of them.
    let tape = Tape::<f64>::new();
    for shape in [
        &[8, 4, 32, 32][..],
        &[32, 16, 10, 10],
        &[40, 70, 4, 4],
        &[1000, 70],
        &[2, 3, 20_000],
        &[1, 500, 7, 7],
        &[200, 150, 3],
        &[4, 96, 28, 28],
        &[1, 64, 56, 56],
        &[2, 24, 56, 56],
    ] {
        let n: usize = shape.iter().product();
        let array = |k: usize| {
            let values = (0..n).map(|i| ((i * k) % 1013) as f64 * 0.01 - 3.0).collect();
            tape.leaf(ndarray::ArrayD::from_shape_vec(shape, values).expect("as many as the shape says"))
        };
        let (x, skip, g) = (array(7919), array(6007), array(4003));
        let row = |k: usize| tape.leaf((0..shape[1]).map(|c| 0.5 + ((c * k) % 11) as f64 * 0.1).collect::<Vec<_>>());
        let (w, b) = (row(3), row(5));
        let fused = (x.batch_norm_train(None, NormOptions { weight: Some(w), bias: Some(b), eps: 0.1 }) + skip).relu();
        let others: Vec<isize> = (0..shape.len() as isize).filter(|&a| a != 1).collect();
        let beside: Vec<isize> = (0..shape.len()).map(|a| if a == 1 { -1 } else { 1 }).collect();
        let centred = x - x.mean_axes(&others[..], true);
        let normal = centred / (centred.square().mean_axes(&others[..], true) + 0.1).sqrt();
        let plain = (normal * w.reshape(&beside) + b.reshape(&beside) + skip).relu();
        // A sweep that throws its nodes away, and one that keeps them.
        let gradients = |y: Var<'_, f64>| {
            let (grads, kept) = (tape.backward_with(y, g), tape.grad_with(y, g, &[x, skip, w, b]));
            let thrown = [x, skip, w, b].map(|v| grads.wrt(v).expect("reached").iter().copied().collect());
            thrown.into_iter().chain(kept.into_iter().map(|g| g.expect("reached").to_vec())).collect::<Vec<Vec<f64>>>()
        };
        for (which, (a, b)) in gradients(fused).iter().zip(gradients(plain)).chain([(&fused.to_vec(), plain.to_vec())]).enumerate() {
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "{a} and {b} of {shape:?}, array {which}, element {i}");
            }
        }
    }
}

#[test]
fn running_statistics_forget_and_keep_all_of_what_they_should() {
    let tape = Tape::<f64>::new();
    let (broken, fine) = (tape.leaf([[f64::NAN], [1.0]]), tape.leaf([[1.0], [3.0]]));
    let read = |stats: &RunningStats<f64>| [&stats.mean, &stats.var].map(|p| p.to_array().sum());
    // With momentum 1 the last batch alone counts.
    let last = RunningStats::with_momentum(1, 1.0);
    let _ = broken.batch_norm_train(&last, NormOptions::default());
    assert!(read(&last).iter().all(|x| x.is_nan()));
    let _ = fine.batch_norm_train(&last, NormOptions::default());
    assert_eq!(read(&last), [2.0, 2.0]);
    // With momentum 0 nothing is learned.
    let frozen = RunningStats::with_momentum(1, 0.0);
    let _ = broken.batch_norm_train(&frozen, NormOptions::default());
    assert_eq!(read(&frozen), [0.0, 1.0]);
}
