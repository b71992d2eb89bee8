//! Extreme arguments whose right answer is known.

use super::draw::{INTS, V};
use super::failures::Failures;
use crate::harness::alone;
use wengert::*;

/// The values of a result, and of its gradient by the array, are these.
#[track_caller]
fn gives(what: &str, x: V<'_>, y: V<'_>, values: &[f64], gradient: &[f64]) {
    assert_eq!(y.to_vec(), values, "{what}");
    let g = x.tape().grad(y, &[x])[0].map_or(vec![0.0; x.numel()], |g| g.to_vec());
    assert_eq!(g, gradient, "gradient of {what}");
}

#[test]
fn triangles_and_diagonals_of_any_offset() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf((1..=12).map(f64::from).collect::<Vec<_>>()).reshape([3, 4]);
    for k in INTS {
        let keep = |lower: bool| -> Vec<f64> {
            let inside = |i: i128, j: i128| if lower { j - i <= k as i128 } else { j - i >= k as i128 };
            (0..12).map(|at| if inside(at / 4, at % 4) { 1.0 } else { 0.0 }).collect()
        };
        for (lower, y) in [(true, x.tril(k)), (false, x.triu(k))] {
            let kept = keep(lower);
            let values: Vec<f64> = kept.iter().zip(x.to_vec()).map(|(k, x)| k * x).collect();
            gives(&format!("triangle {lower} {k}"), x, y, &values, &kept);
        }
        let places: Vec<usize> = (0..12usize).filter(|at| (at % 4) as i128 - (at / 4) as i128 == k as i128).collect();
        let values: Vec<f64> = places.iter().map(|&at| 1.0 + at as f64).collect();
        let marks: Vec<f64> = (0..12).map(|at| f64::from(u8::from(places.contains(&at)))).collect();
        gives(&format!("diagonal {k}"), x, x.diagonal(k, 0, 1), &values, &marks);
        // A roll by any number is one by its remainder.
        let rolled: Vec<f64> = (0..12).map(|at| 1.0 + (at as i128 - k as i128).rem_euclid(12) as f64).collect();
        gives(&format!("roll {k}"), x, x.roll(&[k], &[]), &rolled, &[1.0; 12]);
    }
}

/// Of an empty batch nothing is computed, however large the sizes beside it: no table as long as they are is made.
#[test]
fn empty_batches_of_large_sizes() {
    let _alone = alone();
    const LARGE: usize = 1 << 50;
    let tape = Tape::<f64>::new();
    let empty = |shape: &[usize]| tape.leaf([0.0; 0]).reshape(shape.iter().map(|&n| n as isize).collect::<Vec<_>>());
    // The value, the gradient and the gradient's gradient are empty, and of the right shapes.
    let gives = |what: &str, x: V<'_>, y: V<'_>, shape: &[usize]| {
        assert_eq!(y.shape()[..], *shape, "{what}");
        let g = tape.grad(y, &[x])[0];
        assert!(g.is_none_or(|g| g.shape() == x.shape()), "gradient of {what}");
        if let Some(Some(second)) = g.map(|g| tape.grad(g, &[x])[0]) {
            assert_eq!(second.shape(), x.shape(), "second derivative of {what}");
        }
    };
    let line = empty(&[0, 1, 4]);
    for mode in [InterpolateMode::Nearest, InterpolateMode::NearestExact, InterpolateMode::Linear, InterpolateMode::Area] {
        let y = line.interpolate(InterpolateOptions { size: Some(&[LARGE]), mode, ..Default::default() });
        gives(&format!("interpolate {mode:?}"), line, y, &[0, 1, LARGE]);
    }
    let plane = empty(&[0, 1, 4, 4]);
    let cubic = InterpolateOptions { size: Some(&[LARGE, 3]), mode: InterpolateMode::Bicubic, ..Default::default() };
    gives("interpolate Bicubic", plane, plane.interpolate(cubic), &[0, 1, LARGE, 3]);
    for mode in [PadMode::Replicate, PadMode::Constant(1.0)] {
        gives(&format!("{mode:?}"), line, line.pad_with(&[(0, LARGE as isize)], mode), &[0, 1, LARGE + 4]);
    }
    let full = tape.leaf([[1.0, 2.0], [3.0, 4.0]]);
    let cut = full.pad_with(&[(-2, 0), (0, LARGE as isize)], PadMode::Replicate);
    gives("nothing left", full, cut, &[0, LARGE + 2]);
    let one = empty(&[0, 1, 1]);
    let nothing = wengert::Indices::new(&[0, 1, 1], [0; 0]);
    gives("max_unpool1d", one, one.max_unpool1d(nothing, [LARGE], Default::default()), &[0, 1, LARGE]);
    const SIDE: usize = 1 << 26;
    let squares = empty(&[0, SIDE, SIDE]);
    gives("matrix_power", squares, squares.matrix_power(0), &[0, SIDE, SIDE]);
    gives("nuclear_norm", squares, squares.nuclear_norm(), &[0]);
    let long = empty(&[0, 1, LARGE]);
    let by_one = MaxPoolOptions { stride: Some([1]), ..Default::default() };
    gives("max_pool1d", long, long.max_pool1d([1 << 20], by_one), &[0, 1, LARGE - (1 << 20) + 1]);
    let by_one = AvgPoolOptions { stride: Some([1]), ..Default::default() };
    gives("avg_pool1d", long, long.avg_pool1d([1 << 20], by_one), &[0, 1, LARGE - (1 << 20) + 1]);
    gives("adaptive_max_pool1d", long, long.adaptive_max_pool1d([LARGE - 1]), &[0, 1, LARGE - 1]);
    gives("adaptive_avg_pool1d", long, long.adaptive_avg_pool1d([LARGE - 1]), &[0, 1, LARGE - 1]);
    gives("sort", long, long.sort(-1, false).0, &[0, 1, LARGE]);
    gives("topk", long, long.topk(LARGE - 1, -1, true).0, &[0, 1, LARGE - 1]);
    gives("cumsum", long, long.cumsum(-1), &[0, 1, LARGE]);
    gives("softmax", long, long.softmax(-1), &[0, 1, LARGE]);
    let sequence = empty(&[0, SIDE, 4]);
    let causal = AttentionOptions { is_causal: true, ..Default::default() };
    gives("attention", sequence, sequence.scaled_dot_product_attention(sequence, sequence, causal), &[0, SIDE, 4]);
}

/// A pool's window is as long as the array lets it be, and what lies beyond the array changes nothing.
#[test]
fn pools_of_long_signals_and_windows() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf([[1.0, 3.0, 2.0, 4.0]]);
    for huge in [5, 1 << 24, (1 << 24) + 1, 1 << 40, usize::MAX] {
        // With `ceil_mode` a window may run over the end, by less than its stride.
        let (stride, ceil_mode) = (Some([huge]), true);
        let average = AvgPoolOptions { stride, ceil_mode, ..Default::default() };
        gives(&format!("average over {huge}"), x, x.avg_pool1d([huge], average), &[2.5], &[0.25; 4]);
        let largest = MaxPoolOptions { stride, ceil_mode, ..Default::default() };
        gives(&format!("largest of {huge}"), x, x.max_pool1d([huge], largest), &[4.0], &[0.0, 0.0, 0.0, 1.0]);
        assert_eq!(x.max_pool1d_with_indices([huge], largest).1.values(), [3]);
        // Of windows that are two elements so far apart, or so far from one another, the first element and the first window are left.
        let apart = MaxPoolOptions { dilation: [huge.min(usize::MAX - 1)], ..largest };
        gives(&format!("{huge} apart"), x, x.max_pool1d([2], apart), &[1.0], &[1.0, 0.0, 0.0, 0.0]);
        let far = MaxPoolOptions { stride, ..Default::default() };
        gives(&format!("stride {huge}"), x, x.max_pool1d([2], far), &[3.0], &[0.0, 1.0, 0.0, 0.0]);
        let far = AvgPoolOptions { stride, ..Default::default() };
        gives(&format!("stride {huge}"), x, x.avg_pool1d([2], far), &[2.0], &[0.5, 0.5, 0.0, 0.0]);
    }
    // A global pool of a signal that is longer than 2^24.
    const LONG: usize = (1 << 24) + 2;
    let tape = Tape::<f32>::new();
    let mut signal = vec![0.25_f32; LONG];
    signal[LONG - 1] = 0.5;
    let x = tape.constant(signal).reshape([1, 1, LONG as isize]);
    assert_eq!(x.max_pool1d([LONG], Default::default()).to_vec(), [0.5]);
    let average = x.avg_pool1d([LONG], Default::default()).item();
    assert!((average - 0.25).abs() < 1e-5, "{average}");
}

#[test]
fn steps_and_windows_beyond_the_end() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf([1.0, 2.0, 3.0, 4.0]);
    for step in [4, 1 << 32, isize::MAX] {
        gives("a step", x, x.slice(&at![..; step]), &[1.0], &[1.0, 0.0, 0.0, 0.0]);
        gives("a step back", x, x.slice(&at![..; -step]), &[4.0], &[0.0, 0.0, 0.0, 1.0]);
        gives("windows", x, x.unfold(0, 2, step as usize), &[1.0, 2.0], &[1.0, 1.0, 0.0, 0.0]);
    }
    gives("the last step back", x, x.slice(&at![..; isize::MIN]), &[4.0], &[0.0, 0.0, 0.0, 1.0]);
    gives("one window", x, x.unfold(0, 2, usize::MAX), &[1.0, 2.0], &[1.0, 1.0, 0.0, 0.0]);
    gives("a part", x, x.slice(&at![isize::MIN..isize::MAX]), &[1.0, 2.0, 3.0, 4.0], &[1.0; 4]);
    assert_eq!(x.unsqueeze(1).chunk(usize::MAX, 0).len(), 4);
    assert_eq!(x.split(usize::MAX, 0)[0].to_vec(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(tape.leaf([0.0; 0]).chunk(70_000, 0).len(), 70_000);
    // The first element alone, by what the mode repeats.
    gives("padding", x, x.pad_with(&[(-3, 2)], PadMode::Replicate), &[4.0, 4.0, 4.0], &[0.0, 0.0, 0.0, 3.0]);
}

#[test]
fn decimals_beyond_the_type() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let numbers = [0.0, -0.0, 1.25, -1e300, f64::INFINITY, f64::NEG_INFINITY];
    let x = tape.leaf(numbers);
    let bits = |y: V<'_>| y.to_vec().into_iter().map(f64::to_bits).collect::<Vec<_>>();
    for decimals in [300, 309, 400, i32::MAX] {
        assert_eq!(bits(x.round_decimals(decimals)), numbers.map(f64::to_bits), "{decimals} places");
    }
    for decimals in [-309, -400, i32::MIN] {
        let whole = [0.0, -0.0, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(bits(x.round_decimals(decimals)), whole.map(f64::to_bits), "{decimals} places");
    }
    assert!(tape.leaf(f64::NAN).round_decimals(i32::MIN).item().is_nan());
}

#[test]
fn what_no_array_can_be_is_refused_where_it_is_made() {
    let _alone = alone();
    let wraps = [3, 0x5555_5555_5555_5556]; // to 2
    let calls: [(&str, &dyn Fn()); 7] = [
        ("Indices::new of [3]: 2 values do not fill it", &|| drop(Indices::new(&[3], [0, 1]))),
        ("Indices::new of [3, 6148914691236517206]: an array of shape", &|| drop(Indices::new(&wraps, [0, 1]))),
        ("Mask::new of [3, 6148914691236517206]: an array of shape", &|| drop(Mask::new(&wraps, [true, true]))),
        ("Indices::new of [1099511627776, 1099511627776, 0]: an array of shape", &|| drop(Indices::new(&[1 << 40, 1 << 40, 0], [0; 0]))),
        ("RunningStats of [18446744073709551615]: an array of shape", &|| drop(RunningStats::<f64>::new(usize::MAX))),
        ("leaf of [2]: 3 values do not fill shape [2]", &|| {
            Tape::<f64>::new().leaf(super::own_ops::Lies { shape: vec![2], values: vec![1.0; 3] });
        }),
        ("gather of [3]: indices of a Var: an array of shape [1099511627776]", &|| {
            let tape = Tape::<f64>::new();
            tape.leaf([1.0; 3]).gather(0, tape.leaf(1.0).broadcast_to([1_usize << 40]));
        }),
    ];
    for (wanted, call) in calls {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).expect_err(wanted);
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.starts_with(wanted) && text.contains("\n  at tests/extremes/known.rs:") && text.contains("\n  hint: "), "{text}");
    }
}

#[test]
fn a_kernel_of_no_channels_may_have_any_size() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf(0.5).broadcast_to([2_usize, 0, 1 << 40]);
    let w = tape.leaf(0.5).broadcast_to([3_usize, 0, 1 << 40]);
    let bias = tape.leaf([1.0, 2.0, 3.0]);
    assert_eq!(x.conv1d(w, bias, Conv1dOptions::default()).to_vec(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    let y = tape.leaf(0.5).broadcast_to([0, 3, 1]).conv_transpose1d(w, None, Default::default());
    assert_eq!(y.shape(), [0, 0, 1 << 40]);
}

#[test]
fn neighbours_that_are_not_there() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf([1.0, 2.0, 3.0]).reshape([1, 3, 1]);
    let options = LocalResponseNormOptions { alpha: 1.0, beta: 1.0, k: 0.0 };
    for size in [7, 1 << 20, 1 << 40, usize::MAX] {
        // Every channel sees all: x n / (1 + 4 + 9).
        let y = x.local_response_norm(size, options).to_vec();
        for (y, x) in y.iter().zip([1.0, 2.0, 3.0]) {
            let right = x * size as f64 / 14.0;
            assert!((y - right).abs() <= 1e-15 * right, "{y} and {right} of {size}");
        }
    }
}

#[test]
fn pools_of_windows_that_are_larger_than_any_array() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf([3.0, 6.0]).reshape([1, 1, 2]);
    // A window of 2^48 places, all but two in the padding; the size is counted to the end of the padding.
    let (large, half) = (1usize << 24, 1usize << 23);
    let options = AvgPoolOptions { padding: [half, half], stride: Some([large, large]), ..Default::default() };
    let y = x.avg_pool2d([large, large], options);
    let right = 9.0 / (1u64 << 48) as f64;
    assert_eq!(y.shape(), [1, 1, 1]);
    assert!((y.item() - right).abs() <= 1e-15 * right, "{} and {right}", y.item());
    // Of a volume, 2^72.
    let v = x.reshape([1, 1, 1, 2]);
    let options = AvgPoolOptions { padding: [half; 3], stride: Some([large; 3]), ..Default::default() };
    let (y, right) = (v.avg_pool3d([large; 3], options), 9.0 / 2f64.powi(72));
    assert!((y.item() - right).abs() <= 1e-15 * right, "{} and {right}", y.item());
    let g = tape.grad(y, &[x])[0].expect("depends on x").to_vec();
    assert!(g.iter().all(|g| (g * 2f64.powi(72) - 1.0).abs() < 1e-15), "{g:?}");
    // The middle of each window is what counts.
    let far = MaxPoolOptions { dilation: [1, large], padding: [0, large], stride: Some([1, 1]), ..Default::default() };
    gives("far", x, x.max_pool2d([1, 3], far), &[3.0, 6.0], &[1.0, 1.0]);
    let y = x.lp_pool2d(1.0, [1, 2], LpPoolOptions { stride: Some([large, large]), ceil_mode: false });
    gives("a sum", x, y, &[9.0], &[1.0, 1.0]);
    // One window over a long row.
    let long = tape.leaf(vec![1.0; 1 << 20]).reshape([1, 1 << 20]);
    assert_eq!(long.max_pool1d([1 << 20], MaxPoolOptions::default()).to_vec(), [1.0]);
}

#[test]
fn a_convolution_of_which_all_but_nothing_is_padding() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf([1.0, 2.0, 3.0]).reshape([1, 3, 1, 1, 1]);
    let w = tape.leaf(vec![0.5; 48]).reshape([8, 3, 2, 1, 1]);
    let sides = [(1 << 18) - 1, (1 << 22) - 1, (1 << 22) - 1];
    let options = Conv3dOptions { stride: [1 << 24; 3], padding: Padding::Zeros(sides), ..Default::default() };
    let y = x.conv3d(w, None, options);
    assert_eq!(y.shape(), [1, 8, 1, 1, 1]);
    gives("the corner", x, y, &[0.0; 8], &[0.0; 3]);
    // The middle one of three outputs sees the image.
    let options = Conv3dOptions { stride: [1, 1 << 24, 1 << 24], padding: Padding::Zeros([1, 1 << 24, 1 << 24]), ..Default::default() };
    let y = x.conv3d(w, None, options);
    assert_eq!(y.shape(), [1, 8, 2, 3, 3]);
    let middle = y.slice(&at![0, 0, .., 1, 1]);
    assert_eq!((middle.to_vec(), y.sum().item()), (vec![3.0, 3.0], 48.0));
    let g = tape.grad(y, &[x])[0].expect("depends on x");
    assert_eq!(g.to_vec(), [8.0; 3]);
}

#[test]
fn large_strides_cost_what_they_write() {
    let _alone = alone();
    let mut failures = Failures::default();
    for stride in [1usize << 14, 1 << 17, 1 << 19] {
        failures.case(&format!("conv_transpose2d of stride {stride}"), || {
            let tape = Tape::<f64>::new();
            let (x, w) = (tape.leaf([[[1.0], [2.0]]; 4]).unsqueeze(0), tape.leaf(vec![1.0; 32]).reshape([4, 4, 2, 1]));
            let options = ConvTranspose2dOptions { stride: [stride, stride], ..Default::default() };
            let y = x.conv_transpose2d(w, None, options);
            let right = y.shape() == [1, 4, stride + 2, 1] && y.sum().item() == 96.0 && y.slice(&at![0, 3, -1, 0]).item() == 8.0;
            let g = tape.grad(y, &[x])[0].expect("depends on x");
            if right && g.to_vec() == [8.0; 8] { Ok(()) } else { Err(format!("{} {:?}", y.shape(), g.to_vec())) }
        });
        failures.case(&format!("the gradient of conv2d by its input, stride {stride}"), || {
            let tape = Tape::<f64>::new();
            let x = tape.leaf(vec![1.0; 4 * (stride + 2)]).reshape([1, 4, -1, 1]);
            let w = tape.leaf(vec![1.0; 32]).reshape([4, 4, 2, 1]);
            let y = x.conv2d(w, None, Conv2dOptions { stride: [stride, 1], ..Default::default() });
            let g = tape.grad(y, &[x])[0].expect("depends on x");
            let right = y.to_vec() == [8.0; 8] && g.sum().item() == 64.0;
            if right { Ok(()) } else { Err(format!("{:?} {}", y.to_vec(), g.sum().item())) }
        });
    }
    failures.panic_if_any();
}

#[test]
fn thousands_of_operands() {
    let _alone = alone();
    let mut failures = Failures::default();
    failures.case("einsum of 5000 vectors", || {
        let tape = Tape::<f64>::new();
        let xs: Vec<_> = (0..5000).map(|_| tape.leaf([1.0, 1.0, 0.5])).collect();
        let equation = vec!["i"; 5000].join(",") + "->i";
        let y = einsum(&equation, &xs);
        let g = tape.grad(y, &xs[17..18])[0].expect("depends on it").to_vec();
        let right = y.to_vec() == [1.0, 1.0, 0.0] && g == [1.0, 1.0, 0.0];
        if right { Ok(()) } else { Err(format!("{:?} {g:?}", y.to_vec())) }
    });
    failures.case("einsum of a chain of 2000 matrices, letters again and again", || {
        let tape = Tape::<f64>::new();
        // [[0, 1], [1, 0]] an even number of times is the identity; each pair of letters closes, so that no letter is shared by three.
        let swap = tape.leaf([[0.0, 1.0], [1.0, 0.0]]);
        let equation = (0..2000).map(|i| ["ab", "bc", "cd", "da"][i % 4]).collect::<Vec<_>>().join(",") + "->a";
        let y = einsum(&equation, &vec![swap; 2000]);
        // The sum over b, c and d of products that are 1 only where each pair differs: one way for each a.
        if y.to_vec() == [1.0, 1.0] { Ok(()) } else { Err(format!("{:?}", y.to_vec())) }
    });
    failures.case("einsum of 32 vectors, in pairs that stand far apart", || {
        let tape = Tape::<f64>::new();
        const N: usize = 70_000;
        // An outer product of two of them would be 39 GB.
        let (x, y) = (tape.leaf(vec![1.0; N]), tape.leaf(vec![1.0 / N as f64; N]));
        let letters = ('a'..='p').map(String::from).collect::<Vec<_>>().join(",");
        let xs: Vec<_> = [x; 16].into_iter().chain([y; 16]).collect();
        let product = einsum(&format!("{letters},{letters}->"), &xs).item();
        // The same with an axis that all share.
        let batch: Vec<_> = xs.iter().map(|x| x.reshape([2, (N / 2) as isize])).collect();
        let named: Vec<String> = ('a'..='p').map(|l| format!("z{l}")).collect();
        let halves = einsum(&format!("{0},{0}->z", named.join(",")), &batch).to_vec();
        let right = (product - 1.0).abs() < 1e-9 && halves.iter().all(|h| (h * 65536.0 - 1.0).abs() < 1e-9);
        if right { Ok(()) } else { Err(format!("{product} {halves:?}")) }
    });
    failures.case("multi_dot of 3000 matrices", || {
        let tape = Tape::<f64>::new();
        let swap = tape.leaf([[0.0, 1.0], [1.0, 0.0]]);
        let y = multi_dot(&vec![swap; 3000]);
        if y.to_vec() == [1.0, 0.0, 0.0, 1.0] { Ok(()) } else { Err(format!("{:?}", y.to_vec())) }
    });
    failures.panic_if_any();
}

/// More operands than are looked at together.
#[test]
fn dozens_of_operands_are_multiplied_as_by_hand() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let close = |what: &str, a: V<'_>, b: V<'_>| {
        assert_eq!(a.shape(), b.shape(), "{what}");
        for (a, b) in a.to_vec().iter().zip(b.to_vec()) {
            assert!((a - b).abs() <= 1e-12 * b.abs(), "{what}: {a} and {b}");
        }
    };
    // A chain of matrices of two kinds, 2 x 3 and 3 x 2.
    let matrix = |k: usize| {
        let (rows, columns) = if k.is_multiple_of(2) { (2, 3) } else { (3, 2) };
        let numbers: Vec<f64> = (0..6).map(|i| 0.2 + 0.05 * ((i * 3 + k) % 7) as f64).collect();
        tape.leaf(&numbers).reshape([rows, columns])
    };
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    for count in [2, 15, 16, 17, 33, 50] {
        let chain: Vec<_> = (0..count).map(matrix).collect();
        let by_hand = chain[1..].iter().fold(chain[0], |y, x| y.matmul(*x));
        let names: Vec<String> = letters.windows(2).take(count).map(|pair| pair.iter().collect()).collect();
        let y = einsum(&format!("{}->{}{}", names.join(","), letters[0], letters[count]), &chain);
        close(&format!("a chain of {count}"), y, by_hand);
        let gradients = [y, by_hand].map(|y| tape.grad(y, &chain[count - 1..])[0].expect("depends on it"));
        close(&format!("the gradient of a chain of {count}"), gradients[0], gradients[1]);
        close(&format!("multi_dot of {count}"), multi_dot(&chain), by_hand);
    }
    let long: Vec<_> = (0..300).map(matrix).collect();
    let by_hand = long[1..].iter().fold(long[0], |y, x| y.matmul(*x));
    close("multi_dot of 300", multi_dot(&long), by_hand);
    // An axis that is 1 in operands that come late, and is summed over in the end.
    let vectors: Vec<_> = (0..40).map(|k| if k < 20 { tape.leaf([1.0, 1.01, 0.99]) } else { tape.leaf([1.1]) }).collect();
    let names = vec!["i"; 40].join(",");
    let by_hand = vectors[1..].iter().fold(vectors[0], |y, x| y * *x);
    close("vectors", einsum(&format!("{names}->i"), &vectors), by_hand);
    close("a sum over vectors", einsum(&format!("{names}->"), &vectors), by_hand.sum());
    // The diagonal of the last one alone, and an ellipsis.
    let mut all = vec![tape.leaf([1.0, 2.0]); 20];
    all.push(tape.leaf([[3.0, 4.0], [5.0, 6.0]]));
    close("a diagonal", einsum(&format!("{},ii->i", vec!["i"; 20].join(",")), &all), tape.leaf([3.0, 6.0 * 2f64.powi(20)]));
    close(
        "an ellipsis",
        einsum(&format!("{},i...->...", vec!["i"; 20].join(",")), &all),
        tape.leaf([3.0 + 5.0 * 2f64.powi(20), 4.0 + 6.0 * 2f64.powi(20)]),
    );
}

#[test]
fn as_many_arrays_as_one_likes_are_joined() {
    let _alone = alone();
    let mut tape = Tape::<f64>::new();
    for _ in 0..2 {
        let xs: Vec<_> = (0..70_000).map(|i| tape.leaf(f64::from(i))).collect();
        let y = stack(&xs, 0);
        assert_eq!((y.shape()[0], y.sum().item()), (70_000, 69_999.0 * 35_000.0));
        let grads = tape.backward((y * y).sum());
        assert_eq!(grads.wrt(xs[65_536]).and_then(|g| g.first().copied()), Some(131_072.0));
        assert_eq!(tape.grad(y, &xs[69_999..])[0].map(Var::item), Some(1.0));
        let rows: Vec<_> = xs.iter().map(|x| x.reshape([1, 1])).collect();
        assert_eq!(concat(&rows, 1).narrow(1, 65_535, 2).to_vec(), [65_535.0, 65_536.0]);
        tape.reset();
    }
    // What is wrong with one of them is said without a list of all.
    let mut xs: Vec<_> = (0..70_000).map(|_| tape.leaf([1.0])).collect();
    xs.push(tape.leaf([[1.0]]));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| concat(&xs, 0))).expect_err("refused");
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("and 69993 more: input 70000 has shape [1, 1]") && text.len() < 600, "{text}");
}

#[test]
fn what_memory_cannot_hold_is_refused_and_the_tape_works_on() {
    let _alone = alone();
    let tape = Tape::<f64>::new();
    let x = tape.leaf([1.0, 2.0]);
    let row = tape.constant(0.5).broadcast_to([1 << 29]); // of 4 GiB
    let (image, grid) = (tape.constant([[[[1.0, 2.0]]]]), tape.constant(0.5).broadcast_to([1, 1 << 12, 1 << 12, 2]));
    let calls: [(&str, &dyn Fn() -> usize); 10] = [
        ("to_vec", &|| row.to_vec().len()),
        ("to_array", &|| row.to_array().len()),
        ("contiguous", &|| row.value().as_slice().len()),
        ("pad", &|| x.pad(&[(0, 1 << 29)], 0.0).numel()),
        ("pad_with", &|| x.pad_with(&[(0, 1 << 27)], PadMode::Replicate).numel()),
        ("interpolate", &|| {
            let options = InterpolateOptions { size: Some(&[1 << 27]), ..Default::default() };
            x.reshape([1, 1, 2]).interpolate(options).numel()
        }),
        ("exp", &|| row.exp().to_vec().len()),
        ("sort", &|| row.sort(0, false).0.numel()),
        ("scatter", &|| row.scatter(0, [1], 2.0).numel()),
        ("grid_sample", &|| image.grid_sample(grid, GridSampleOptions { mode: GridSampleMode::Bicubic, ..Default::default() }).numel()),
    ];
    for (op, call) in calls {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).expect_err(op);
        let text = panic.downcast_ref::<String>().expect("a text");
        for part in [op, " of [", ": not enough memory: ", "iB", "\n  at tests/extremes/known.rs:", "\n  hint: "] {
            assert!(text.contains(part), "{op}: {part:?} is not in\n{text}");
        }
        // Of a result, its shape; of a table that is made before, its length.
        assert!(text.contains("an array of shape [") || text.contains(" elements cannot be had"), "{op}: {text}");
        assert!(
            text.contains("an array of shape [") || ["pad_with", "interpolate", "sort", "scatter", "grid_sample"].contains(&op),
            "{op}: {text}"
        );
        assert_eq!(tape.backward((x * x).sum()).wrt(x).map(|g| g.sum()), Some(6.0), "{op}");
    }
}
