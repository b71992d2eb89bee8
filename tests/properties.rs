//! Shapes and values of views, broadcasts, sums and products, on random shapes, against ndarray and against plain loops.
//!
//! The cases are the same on every run: the seed is fixed.

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wengert::{SliceInfo, Tape, Var};

/// Enough cases to meet the corners of small shapes (sizes 0 and 1, equal and unequal axes) many times over.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, rng_seed: RngSeed::Fixed(20_240_607), failure_persistence: None, ..ProptestConfig::default() }
}

/// Whole numbers, so that sums are exact in any order.
fn filled(shape: &[usize]) -> ArrayD<f64> {
    let mut k = 0;
    ArrayD::from_shape_simple_fn(shape, || {
        k += 1;
        f64::from((k * 37) % 23 - 11)
    })
}

/// Up to four axes of size 0 to 4, where 0 is rare.
fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1 => Just(0_usize), 12 => 1_usize..5], 0..5)
}

/// A shape, and another that broadcasts to it or with it: axes dropped from the front, and any of the rest set to 1 on either side.
fn broadcasting() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (shape(), any::<[u8; 4]>(), 0_usize..5, any::<bool>()).prop_map(|(full, ones, drop, swap)| {
        let pick = |bit: u8| -> Vec<usize> { full.iter().enumerate().map(|(i, &n)| if ones[i] & bit != 0 { 1 } else { n }).collect() };
        let (a, b) = (pick(1), pick(2));
        let b = b[drop.min(b.len())..].to_vec();
        if swap { (b, a) } else { (a, b) }
    })
}

/// NumPy's rule, by hand.
fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let n = a.len().max(b.len());
    let size = |s: &[usize], i: usize| if i + s.len() < n { 1 } else { s[i + s.len() - n] };
    (0..n)
        .map(|i| match (size(a, i), size(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

fn spread<'a>(x: &'a ArrayD<f64>, shape: &[usize]) -> ArrayViewD<'a, f64> {
    x.broadcast(IxDyn(shape)).expect("broadcasts")
}

/// A `Var` holds this array; read out in both ways.
fn holds(y: Var<'_, f64>, expected: &ArrayD<f64>) -> Result<(), TestCaseError> {
    prop_assert_eq!(&y.shape()[..], expected.shape());
    prop_assert_eq!(&y.to_array(), expected);
    let value = y.value();
    prop_assert_eq!(value.view(), expected.view());
    Ok(())
}

/// The gradient of `<y, w>` by x, for whole numbers w.
fn pulled(y: Var<'_, f64>, x: Var<'_, f64>) -> ArrayD<f64> {
    let w = y.tape().constant(filled(&y.shape()));
    y.tape().backward_with(y, w).wrt(x).expect("y depends on x").to_owned()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn operators_broadcast_as_numpy_does((a, b) in broadcasting()) {
        let (a, b) = (filled(&a), filled(&b) + 0.5);
        let full = broadcast_shape(a.shape(), b.shape()).expect("made to broadcast");
        let tape = Tape::<f64>::new();
        let (x, y) = (tape.leaf(&a), tape.leaf(&b));
        let (sa, sb) = (spread(&a, &full), spread(&b, &full));
        holds(x + y, &(&sa + &sb))?;
        holds(x - y, &(&sa - &sb))?;
        holds(x * y, &(&sa * &sb))?;
        holds(x / y, &(&sa / &sb))?;
        // The gradient is the sum over what was repeated: of w itself for `+`.
        let w = filled(&full);
        let mut sum = w.clone();
        while sum.ndim() > a.ndim() {
            sum = sum.sum_axis(Axis(0));
        }
        for axis in 0..a.ndim() {
            if a.shape()[axis] == 1 {
                sum = sum.sum_axis(Axis(axis)).insert_axis(Axis(axis));
            }
        }
        prop_assert_eq!(pulled(x + y, x), sum);
    }

    #[test]
    fn shapes_that_do_not_broadcast_are_refused(a in shape(), b in shape()) {
        let tape = Tape::<f64>::new();
        let (x, y) = (tape.leaf(filled(&a)), tape.leaf(filled(&b)));
        let target = broadcast_shape(&a, &b);
        let sum = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| x + y));
        prop_assert_eq!(sum.ok().map(|s| s.shape().to_vec()), target);
        // And the tape goes on working.
        prop_assert_eq!((x - x).sum().item(), 0.0);
    }

    #[test]
    fn permuted_axes(a in shape(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..a.len()).collect();
        let mut s = seed;
        for i in (1..order.len()).rev() {
            order.swap(i, (s % (i as u64 + 1)) as usize);
            s /= 5;
        }
        let a = filled(&a);
        let tape = Tape::<f64>::new();
        let x = tape.leaf(&a);
        // Negative axes count from the end.
        let axes: Vec<isize> = order.iter().enumerate().map(|(i, &o)| if i % 2 == 0 { o as isize } else { o as isize - order.len() as isize }).collect();
        let y = x.permute(&axes);
        holds(y, &a.view().permuted_axes(IxDyn(&order)).to_owned())?;
        let mut back = order.clone();
        order.iter().enumerate().for_each(|(i, &o)| back[o] = i);
        prop_assert_eq!(pulled(y, x), filled(&y.shape()).permuted_axes(IxDyn(&back)));
    }

    #[test]
    fn slices_with_steps(a in shape(), parts in prop::collection::vec((-6_isize..6, -6_isize..6, prop_oneof![-3_isize..0, 1_isize..4]), 4)) {
        let a = filled(&a);
        let tape = Tape::<f64>::new();
        let x = tape.leaf(&a);
        let clamp = |p: isize, n: usize| (if p < 0 { p + n as isize } else { p }).clamp(0, n as isize);
        let mut expected = a.view();
        let mut marked = ArrayD::zeros(a.raw_dim());
        let mut infos = Vec::new();
        for (axis, &(start, end, step)) in parts.iter().take(a.ndim()).enumerate() {
            let n = a.shape()[axis];
            let (from, to) = (clamp(start, n), clamp(end, n));
            infos.push(SliceInfo::from(start..end).step(step));
            // ndarray wants start <= end.
            expected.slice_axis_inplace(Axis(axis), Slice::new(from, Some(to.max(from)), step));
        }
        let y = x.slice(&infos);
        holds(y, &expected.to_owned())?;
        let mut part = marked.view_mut();
        for (axis, &(start, end, step)) in parts.iter().take(a.ndim()).enumerate() {
            let n = a.shape()[axis];
            let (from, to) = (clamp(start, n), clamp(end, n));
            part.slice_axis_inplace(Axis(axis), Slice::new(from, Some(to.max(from)), step));
        }
        part.assign(&filled(&y.shape()));
        prop_assert_eq!(pulled(y, x), marked);
    }

    #[test]
    fn reshaped_views_of_permuted_slices(a in shape(), swap in any::<bool>(), step in prop_oneof![Just(-2_isize), Just(-1), Just(1), Just(2)], cut in 0_usize..5) {
        let a = filled(&a);
        let tape = Tape::<f64>::new();
        let x = tape.leaf(&a);
        let (mut expected, mut y) = (a.view(), x);
        if a.ndim() > 0 {
            expected.slice_axis_inplace(Axis(0), Slice::new(0, None, step));
            y = y.slice(&[SliceInfo::from(..).step(step)]);
        }
        if swap && a.ndim() > 1 {
            expected.swap_axes(0, a.ndim() - 1);
            y = y.transpose(0, -1);
        }
        let dims = expected.shape().to_vec();
        let cut = cut.min(dims.len());
        let (left, right): (usize, usize) = (dims[..cut].iter().product(), dims[cut..].iter().product());
        let values: Vec<f64> = expected.iter().copied().collect();
        let expected = ArrayD::from_shape_vec(IxDyn(&[left, right]), values).expect("as many elements");
        let z = y.reshape([left as isize, right as isize]);
        holds(z, &expected)?;
        holds(z.reshape(dims.iter().map(|&n| n as isize).collect::<Vec<_>>()), &y.to_array())?;
        // Every element that was kept gets its weight once.
        prop_assert_eq!(pulled(z, x).sum(), filled(&[left, right]).sum());
    }

    #[test]
    fn broadcast_views((a, b) in broadcasting()) {
        let full = broadcast_shape(&a, &b).expect("made to broadcast");
        let a = filled(&a);
        let tape = Tape::<f64>::new();
        let x = tape.leaf(&a);
        let y = x.broadcast_to(&full);
        holds(y, &spread(&a, &full).to_owned())?;
        // A sum to the shape that was broadcast undoes it, up to how often each element was repeated.
        let times = if a.is_empty() { 0.0 } else { y.numel() as f64 / a.len() as f64 };
        holds(y.sum_to(x.shape()), &(&a * times))?;
    }

    #[test]
    fn sums_over_any_axes(a in shape(), chosen in any::<u8>(), keepdim in any::<bool>(), swap in any::<bool>()) {
        let a = filled(&a);
        let tape = Tape::<f64>::new();
        let x = tape.leaf(&a);
        let (mut expected, mut y) = (a.clone(), x);
        if swap && a.ndim() > 1 {
            expected.swap_axes(0, 1);
            y = y.transpose(0, 1);
        }
        let axes: Vec<isize> = (0..a.ndim()).filter(|i| chosen >> i & 1 == 1).map(|i| i as isize).collect();
        let count: usize = axes.iter().map(|&i| expected.shape()[i as usize]).product();
        for &axis in axes.iter().rev() {
            expected = expected.sum_axis(Axis(axis as usize));
            if keepdim {
                expected.insert_axis_inplace(Axis(axis as usize));
            }
        }
        let sum = y.sum_axes(&axes[..], keepdim);
        holds(sum, &expected)?;
        if count > 0 {
            let mean = y.mean_axes(&axes[..], keepdim);
            holds(mean, &(expected / count as f64))?;
        }
        prop_assert_eq!(pulled(sum, x).sum(), filled(&sum.shape()).sum() * count as f64);
    }

    #[test]
    fn products_of_batches(
        (batch_a, batch_b) in broadcasting(),
        m in 0_usize..6,
        k in 0_usize..6,
        n in 0_usize..6,
        transposed in any::<[bool; 2]>(),
    ) {
        let tape = Tape::<f64>::new();
        let (batch_a, batch_b) = (&batch_a[batch_a.len().saturating_sub(2)..], &batch_b[batch_b.len().saturating_sub(2)..]);
        let matrix = |batch: &[usize], rows: usize, cols: usize, transposed: bool| {
            let dims = if transposed { [cols, rows] } else { [rows, cols] };
            let mut values = filled(&[batch, &dims].concat());
            let x = tape.leaf(&values);
            if transposed {
                let r = values.ndim();
                values.swap_axes(r - 2, r - 1);
                (values, x.transpose(-1, -2))
            } else {
                (values, x)
            }
        };
        let (a, x) = matrix(batch_a, m, k, transposed[0]);
        let (b, y) = matrix(batch_b, k, n, transposed[1]);
        let batch = broadcast_shape(batch_a, batch_b).expect("made to broadcast");
        let (a, b) = (spread(&a, &[&batch[..], &[m, k]].concat()).to_owned(), spread(&b, &[&batch[..], &[k, n]].concat()).to_owned());
        let expected = ArrayD::from_shape_fn(IxDyn(&[&batch[..], &[m, n]].concat()), |at| {
            let at: Vec<usize> = ndarray::Dimension::slice(&at).to_vec();
            let (p, (i, j)) = (&at[..batch.len()], (at[batch.len()], at[batch.len() + 1]));
            (0..k).map(|l| a[IxDyn(&[p, &[i, l]].concat())] * b[IxDyn(&[p, &[l, j]].concat())]).sum()
        });
        holds(x.matmul(y), &expected)?;
    }
}
