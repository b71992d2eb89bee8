//! Determinants, and chains of matrices.

use ndarray::array;
use wengert::{Options, Tape, at, check_grads, multi_dot};

#[test]
fn determinants_of_singular_matrices_have_all_derivatives() {
    // The third derivative of the determinant of a 3 x 3 matrix does not depend on the matrix.
    for a in [array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], ndarray::Array2::zeros((3, 3))] {
        let options = Options { order: 3, ..Options::default() };
        let _ = check_grads(|v| v[0].det(), &[a.into_dyn()], options).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn nearly_singular_matrices_lose_no_digits() {
    // [[1, 1], [1, 1 + h]] has determinant h; its second derivative does not depend on h at all.
    for h in [0.0, 1e-14, 1e-9, 1e-6, 1e-3] {
        let tape = Tape::<f64>::new();
        let a = tape.leaf(array![[1.0, 1.0], [1.0, 1.0 + h]]);
        let det = a.det();
        let first = tape.grad(det, &[a])[0].unwrap();
        let second = tape.grad(first.slice(&at![0, 0]), &[a])[0].unwrap();
        assert!((det.item() - h).abs() < 1e-15, "{h}: {}", det.item());
        for (x, y) in second.to_vec().into_iter().zip([0.0, 0.0, 0.0, 1.0]) {
            assert!((x - y).abs() < 1e-7, "{h}: {second}");
        }
    }
}
#[test]
fn a_chain_of_matrices_is_its_product() {
    let shapes: [Vec<Vec<usize>>; 7] = [
        vec![vec![2, 3], vec![3, 4]],
        vec![vec![2, 3], vec![3, 4], vec![4, 5]],
        vec![vec![3], vec![3, 4], vec![4, 2], vec![2]],
        vec![vec![3], vec![3]],
        vec![vec![1, 3], vec![3, 4], vec![4]],
        vec![vec![5, 4], vec![4, 0], vec![0, 2]],
        vec![vec![0, 2], vec![2, 2]],
    ];
    for shapes in shapes {
        let fill = |(i, s): (usize, &Vec<usize>)| {
            ndarray::ArrayD::from_shape_fn(&s[..], |at| 0.3 * ((0..s.len()).map(|k| at[k]).sum::<usize>() + i) as f64 - 0.5)
        };
        let xs: Vec<_> = shapes.iter().enumerate().map(fill).collect();
        let tape = Tape::<f64>::new();
        let vars: Vec<_> = xs.iter().map(|x| tape.leaf(x)).collect();
        let (y, z) = (multi_dot(&vars), vars[1..].iter().fold(vars[0], |a, &b| a.matmul(b)));
        assert_eq!(y.shape(), z.shape());
        assert!(y.to_vec().iter().zip(z.to_vec()).all(|(a, b)| (a - b).abs() < 1e-14));
        let _ = check_grads(|v| multi_dot(v), &xs, Options::default()).unwrap_or_else(|e| panic!("{shapes:?}: {e}"));
    }
}

#[test]
fn refusals_of_multi_dot_help() {
    let refused = |shapes: &[&[usize]], texts: &[&str]| {
        let run = || {
            let tape = Tape::<f64>::new();
            let vars: Vec<_> = shapes.iter().map(|s| tape.leaf(ndarray::ArrayD::ones(*s))).collect();
            multi_dot(&vars).to_vec()
        };
        let payload = std::panic::catch_unwind(run).expect_err("refused");
        let text = payload.downcast_ref::<String>().expect("a text");
        for part in ["multi_dot", file!(), "hint: "].iter().chain(texts) {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    };
    refused(&[], &["at least two"]);
    refused(&[&[2, 2]], &["multi_dot of [2, 2]", "at least two"]);
    refused(&[&[2, 3], &[4, 2]], &["multi_dot of [2, 3] and [4, 2]", "factor 0 has 3 columns, factor 1 has 4 rows"]);
    refused(&[&[2], &[2], &[2, 3]], &["factor 1 has shape [2]"]);
    refused(&[&[1, 2, 3], &[3]], &["factor 0 has shape [1, 2, 3]"]);
    refused(&[&[], &[3]], &["factor 0 has shape []"]);
}
