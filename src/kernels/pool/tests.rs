//! Do windows of a kind with a kernel of its own give what the general kernels give?

use super::pairs::{Max, Pairs, Place, Spread, Sum};
use super::windows::{Shares, Span};
use super::*;
use crate::array::simd::{Level, dispatch_at};

const INF: f64 = f64::INFINITY;

/// Numbers among which are many equals, infinities and, in some windows, several NaN.
fn any<T: Scalar>(len: usize) -> Vec<T> {
    const NUMBERS: [f64; 11] = [0.0, 1.0, -1.0, 2.0, f64::NAN, 0.5, -INF, 1.0, 0.25, INF, -INF];
    let mut state = 1u64;
    let next = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // Stretches without NaN and infinities as well.
        let few = if state >> 60 < 8 { 4 } else { NUMBERS.len() };
        T::from_f64(NUMBERS[(state >> 33) as usize % few])
    };
    (0..len).map(next).collect()
}

fn same<T: Scalar>(a: &[T], b: &[T]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

fn sliding(kernel: usize, stride: usize, padding: usize, ceil: bool) -> Window {
    Window::Sliding { kernel, stride, padding, dilation: 1, ceil }
}

/// Windows of the given sizes side by side, over planes that may have some rows and columns more.
fn side_by_side(kernel: [usize; 3], input: [usize; 3]) -> Planes {
    Planes { windows: kernel.map(|k| sliding(k, k, 0, false)), input, output: [0, 1, 2].map(|a| input[a] / kernel[a]) }
}

/// Forward and backward against where the largest elements are, and against plain sums.
fn check<T: Scalar>(planes: &Planes, count: usize) {
    let (n, m) = (count * planes.input_len(), count * planes.output_len());
    let (x, g) = (any::<T>(n), any::<T>(m + 3)[3..].to_vec());
    let mut at = vec![0i64; m];
    indices(planes, &x, &mut at);
    let of = |i: usize| usize::try_from(at[i]).ok().map(|at| i / planes.output_len() * planes.input_len() + at);
    let largest: Vec<T> = (0..m).map(|i| of(i).map_or(-T::INFINITY, |at| x[at])).collect();
    let mut placed = vec![T::ZERO; n];
    (0..m).for_each(|i| of(i).into_iter().for_each(|at| placed[at] += g[i]));
    let (mut y, mut z) = (vec![T::NAN; m], vec![T::NAN; n]);
    max(planes, &x, &mut y);
    place(planes, &g, &x, &mut z);
    assert!(same(&y, &largest), "max of {:?} by {:?}", planes.input, planes.windows);
    assert!(same(&z, &placed), "place in {:?} by {:?}", planes.input, planes.windows);
}

#[test]
fn pairs_are_as_all_windows() {
    for rows in [[1, 1], [1, 2], [2, 1], [2, 2]] {
        for width in [2, 3, 8, 15, 24, 28, 31, 32, 33, 64, 65, 131] {
            let [a, b] = rows;
            for more in [0, 1] {
                let planes = side_by_side([a, b, 2], [2 * a + more, 3 * b + more, width]);
                assert!(Pairs::of(&planes).is_some());
                check::<f32>(&planes, 3);
                check::<f64>(&planes, 3);
            }
        }
    }
}

#[test]
fn pairs_are_the_same_by_every_instruction_set() {
    let planes = side_by_side([1, 2, 2], [1, 6, 77]);
    let pairs = Pairs::of(&planes).expect("side by side");
    let (x, g) = (any::<f32>(2 * planes.input_len()), any::<f32>(2 * planes.output_len()));
    let run = |level| {
        let [mut largest, mut sums] = [(); 2].map(|_| vec![0.0; g.len()]);
        let [mut placed, mut spread] = [(); 2].map(|_| vec![0.0; x.len()]);
        dispatch_at(level, Max { pairs: &pairs, x: &x, y: &mut largest });
        dispatch_at(level, Place { pairs: &pairs, g: &g, x: &x, y: &mut placed });
        dispatch_at(level, Sum { pairs: &pairs, factor: 0.25, x: &x, y: &mut sums });
        dispatch_at(level, Spread { pairs: &pairs, factor: 0.25, g: &g, y: &mut spread });
        [largest, placed, sums, spread].concat()
    };
    let plain = run(Level::Plain);
    assert!(same(&plain, &run(Level::Avx2)) && same(&plain, &run(Level::Avx512)));
}

/// Against the search of all windows, which knows nothing of how planes are laid out; where all of a window lies in the padding as well.
#[test]
fn windows_that_slide_are_as_all_windows() {
    for stride in [1, 2, 3, 5] {
        for (kernel, padding, dilation) in [(1, 0, 1), (2, 1, 1), (3, 1, 1), (3, 0, 2), (2, 3, 5), (5, 2, 1)] {
            for width in [7, 16, 28, 33, 64, 75] {
                for ceil in [false, true] {
                    let window = Window::Sliding { kernel, stride, padding, dilation, ceil };
                    let covered = (kernel - 1) * dilation + 1;
                    let count = |n: usize| {
                        let room = n + 2 * padding - covered;
                        if ceil && room.div_ceil(stride) * stride < n + padding { room.div_ceil(stride) + 1 } else { room / stride + 1 }
                    };
                    let planes =
                        Planes { windows: [Window::NONE, window, window], input: [1, 9, width], output: [1, count(9), count(width)] };
                    check::<f32>(&planes, 2);
                    check::<f64>(&planes, 2);
                }
            }
        }
    }
    // Windows that divide the rows, over all of the planes.
    let slides = Planes {
        windows: [Window::Adaptive(Some(2)), Window::Adaptive(Some(3)), sliding(3, 2, 1, false)],
        input: [3, 4, 9],
        output: [2, 3, 5],
    };
    check::<f64>(&slides, 2);
}

#[test]
fn shares_of_an_axis_are_as_each_alone() {
    for (n, m) in [(8, 7), (7, 8), (10, 5), (64, 1), (5, 13), (1, 1)] {
        for first in 0..m {
            for (i, share) in (first..m).zip(Shares::new(n, m, first)) {
                let Span { start, end, .. } = Window::Adaptive(Some(m)).span(i, n, m);
                assert_eq!(share, start..end, "{i} of {m} over {n}");
            }
        }
    }
}

#[test]
fn windows_that_overlap_or_reach_out_are_no_pairs() {
    let of =
        |window, n, m| Pairs::of(&Planes { windows: [Window::NONE, Window::NONE, window], input: [1, 1, n], output: [1, 1, m] }).is_some();
    assert!(of(sliding(2, 2, 0, false), 8, 4) && of(sliding(2, 2, 0, true), 8, 4) && of(Window::Adaptive(Some(4)), 8, 4));
    assert!(!of(sliding(2, 1, 0, false), 8, 7) && !of(sliding(2, 2, 1, false), 8, 5) && !of(sliding(2, 2, 0, true), 7, 4));
    assert!(!of(sliding(3, 2, 0, false), 9, 4) && !of(Window::Adaptive(Some(3)), 8, 3) && !of(Window::Adaptive(Some(0)), 2, 0));
    let dilated = Window::Sliding { kernel: 2, stride: 2, padding: 0, dilation: 2, ceil: false };
    assert!(!of(dilated, 8, 3));
}

/// Averages of pairs, and their gradients.
#[test]
fn averages_of_pairs_are_plain_sums() {
    for width in [2, 5, 24, 70] {
        let planes = side_by_side([1, 2, 2], [1, 7, width]);
        let (m, columns) = (planes.output_len(), planes.output[2]);
        let x: Vec<f64> = (0..planes.input_len()).map(|i| (i * i % 17) as f64).collect();
        let (mut y, mut z) = (vec![0.0; m], vec![f64::NAN; x.len()]);
        average(&planes, Divisor::Fixed(-2.0), &x, &mut y);
        spread(&planes, Divisor::Inside, &y, &mut z);
        let mut spread = vec![0.0; x.len()];
        for (i, &y) in y.iter().enumerate() {
            let first = i / columns * 2 * width + i % columns * 2;
            let all = [first, first + 1, first + width, first + width + 1];
            assert_eq!(y, all.iter().map(|&at| x[at]).sum::<f64>() / -2.0);
            all.iter().for_each(|&at| spread[at] = y / 4.0);
        }
        assert_eq!(z, spread);
    }
}
