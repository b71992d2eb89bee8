//! Sums of products, compared with their definition.

use ndarray::{ArrayD, IxDyn};
use wengert::{Options, Tape, Var, check_grads, einsum};

fn filled(shape: &[usize], seed: usize) -> ArrayD<f64> {
    let mut k = seed * 7;
    ArrayD::from_shape_simple_fn(shape, || {
        k += 1;
        ((k * 37) % 23) as f64 - 11.0
    })
}

/// The sum over all values of all letters, by definition. The equation has no ellipsis and no spaces.
fn by_hand(equation: &str, xs: &[ArrayD<f64>]) -> ArrayD<f64> {
    let (left, right) = equation.split_once("->").unwrap();
    let inputs: Vec<&[u8]> = left.split(',').map(str::as_bytes).collect();
    let mut letters: Vec<u8> = inputs.concat();
    letters.sort_unstable();
    letters.dedup();
    let size = |l: u8| {
        let sizes = inputs.iter().zip(xs).flat_map(|(labels, x)| labels.iter().zip(x.shape()));
        sizes.filter(|(m, _)| **m == l).map(|(_, &n)| n).reduce(|a, b| if a == 1 { b } else { a }).unwrap()
    };
    let all: Vec<usize> = letters.iter().map(|&l| size(l)).collect();
    let mut y = ArrayD::zeros(right.bytes().map(size).collect::<Vec<_>>());
    for index in ndarray::indices(IxDyn(&all)) {
        let value = |l: &u8, n: usize| if n == 1 { 0 } else { index[letters.iter().position(|m| m == l).unwrap()] };
        let at = |labels: &[u8], shape: &[usize]| labels.iter().zip(shape).map(|(l, &n)| value(l, n)).collect::<Vec<_>>();
        let product: f64 = inputs.iter().zip(xs).map(|(labels, x)| x[&at(labels, x.shape())[..]]).product();
        let place = at(right.as_bytes(), y.shape());
        y[&place[..]] += product;
    }
    y
}

#[test]
fn sums_of_products_are_as_by_hand() {
    let cases: &[(&str, &[&[usize]])] = &[
        ("i->", &[&[3]]),
        ("->", &[&[]]),
        ("ij->ji", &[&[2, 3]]),
        ("ij->j", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("ii->", &[&[3, 3]]),
        ("iji->ij", &[&[2, 3, 2]]),
        ("iij->j", &[&[3, 3, 2]]),
        ("iiii->i", &[&[2, 2, 2, 2]]),
        ("ijij->ji", &[&[2, 3, 2, 3]]),
        ("ii->i", &[&[1, 1]]),
        ("ii->i", &[&[0, 0]]),
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("ij,jk->ki", &[&[2, 3], &[3, 4]]),
        ("ij,kj->ik", &[&[2, 3], &[4, 3]]),
        ("ij,ij->ij", &[&[2, 3], &[2, 3]]),
        ("ij,ij->i", &[&[2, 3], &[2, 3]]),
        ("ij,ij->", &[&[2, 3], &[2, 3]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("i,j->ji", &[&[2], &[3]]),
        ("i,j->", &[&[2], &[3]]),
        (",ij->ji", &[&[], &[2, 3]]),
        ("bij,bjk->bik", &[&[2, 3, 4], &[2, 4, 5]]),
        ("ibj,jkb->bik", &[&[3, 2, 4], &[4, 5, 2]]),
        ("abcd,cdef->abef", &[&[2, 3, 2, 3], &[2, 3, 2, 2]]),
        ("abcd,dcef->eabf", &[&[2, 3, 2, 3], &[3, 2, 2, 2]]),
        ("acbd,befc->adef", &[&[2, 3, 2, 3], &[2, 4, 2, 3]]),
        ("bqhd,bkhd->bhqk", &[&[2, 3, 2, 4], &[2, 5, 2, 4]]),
        ("ij,jk->ik", &[&[2, 1], &[3, 4]]),
        ("ij,jk->ik", &[&[1, 3], &[1, 1]]),
        ("bij,bjk->bik", &[&[1, 3, 4], &[2, 4, 1]]),
        ("ij,jk->ik", &[&[2, 0], &[0, 4]]),
        ("ij,jk->ik", &[&[0, 3], &[3, 4]]),
        ("ij,jk->ik", &[&[2, 1], &[0, 4]]),
        ("i,ij,j->", &[&[2], &[2, 3], &[3]]),
        ("ij,jk,kl,lm->im", &[&[2, 3], &[3, 4], &[4, 2], &[2, 3]]),
        ("bn,anm,bm->ba", &[&[2, 3], &[5, 3, 4], &[2, 4]]),
        ("ij,ij,ij->ij", &[&[2, 3], &[2, 3], &[1, 3]]),
        ("iij,jkk,k->i", &[&[2, 2, 3], &[3, 4, 4], &[4]]),
        ("a,b,c,d->dbca", &[&[2], &[3], &[1], &[2]]),
        ("ia,ib,ic->abc", &[&[4, 2], &[4, 3], &[4, 2]]),
    ];
    let tape = Tape::<f64>::new();
    for (equation, shapes) in cases {
        let xs: Vec<_> = shapes.iter().enumerate().map(|(i, s)| filled(s, i)).collect();
        let vars: Vec<_> = xs.iter().map(|x| tape.leaf(x)).collect();
        assert_eq!(einsum(equation, &vars).to_array(), by_hand(equation, &xs), "{equation} of {shapes:?}");
        // The same with operands in another memory order.
        let reversed = |v: Var<f64>| (0..v.ndim() as isize).rev().collect::<Vec<_>>();
        let flipped: Vec<_> = vars.iter().map(|&v| tape.leaf(v.permute(&reversed(v)).to_array())).collect();
        let flipped: Vec<_> = flipped.iter().map(|&v| v.permute(&reversed(v))).collect();
        assert_eq!(einsum(equation, &flipped).to_array(), by_hand(equation, &xs), "{equation} of {shapes:?}, transposed");
        let options = Options { directions: 1, rtol: 1e-5, ..Options::default() };
        let small: Vec<_> = xs.iter().map(|x| x / 8.0).collect();
        if let Err(e) = check_grads(|v| einsum(equation, v), &small, options) {
            panic!("{equation} of {shapes:?}: {e}");
        }
    }
}

#[test]
fn what_is_left_unsaid() {
    let tape = Tape::<f64>::new();
    let same = |short: &str, long: &str, shapes: &[&[usize]]| {
        let vars: Vec<_> = shapes.iter().enumerate().map(|(i, s)| tape.leaf(filled(s, i))).collect();
        assert_eq!(einsum(short, &vars).to_array(), einsum(long, &vars).to_array(), "{short} and {long}");
    };
    same("ba", "ba->ab", &[&[2, 3]]);
    same("aB", "aB->Ba", &[&[2, 3]]);
    same("ij,jk", "ij,jk->ik", &[&[2, 3], &[3, 4]]);
    same("ii", "ii->", &[&[3, 3]]);
    same(" i j , jk -> i k ", "ij,jk->ik", &[&[2, 3], &[3, 4]]);
    same("...ij,...jk->...ik", "abij,bjk->abik", &[&[2, 3, 2, 3], &[3, 3, 2]]);
    same("...ij,...jk", "abij,abjk->abik", &[&[2, 1, 2, 3], &[2, 3, 3, 2]]);
    same("i...,...", "iab,ab->abi", &[&[2, 3, 4], &[3, 4]]);
    same("i...j->ji", "iabj->ji", &[&[2, 3, 4, 5]]);
    same("...->", "ab->", &[&[2, 3]]);
    same("...i,...i->i...", "ai,ai->ia", &[&[2, 3], &[2, 3]]);
    same("...,i->i...", "ab,i->iab", &[&[2, 3], &[4]]);
    same("...i->...", "i->", &[&[3]]);
}

#[test]
fn products_of_views_copy_nothing() {
    let tape = Tape::<f64>::new();
    let q = tape.constant(filled(&[2, 3, 2, 4], 0));
    let k = tape.constant(filled(&[2, 5, 2, 4], 1));
    let before = tape.stats();
    let y = einsum("bqhd,bkhd->bhqk", &[q, k]);
    assert_eq!(y.shape(), [2, 2, 3, 5]);
    let nodes = tape.nodes().split_off(before.nodes);
    assert!(nodes.iter().all(|n| ["permute", "matmul", "reshape"].contains(&n.op)), "{tape}");
    // Everything except the product itself is a view.
    assert_eq!(tape.stats().live_bytes - before.live_bytes, y.numel() * size_of::<f64>());
}

#[test]
fn a_chain_is_multiplied_in_a_good_order() {
    // From the left it would take 3 products of [100, 100] matrices; from the right, products with vectors suffice.
    let tape = Tape::<f64>::new();
    let a = tape.constant(ArrayD::ones(IxDyn(&[100, 100])));
    let x = tape.constant(ArrayD::ones(IxDyn(&[100])));
    let before = tape.stats().nodes;
    let y = einsum("ab,bc,cd,d->a", &[a, a, a, x]);
    assert_eq!(y.to_vec()[7], 1e6);
    let products = tape.nodes().split_off(before).into_iter().filter(|n| n.op == "matmul");
    assert_eq!(products.map(|n| n.shape.numel()).max(), Some(100));
}

#[test]
fn refusals_help() {
    let refused = |equation: &'static str, shapes: &[&[usize]], texts: &[&str]| {
        let xs: Vec<_> = shapes.iter().map(|s| filled(s, 0)).collect();
        let run = || {
            let tape = Tape::<f64>::new();
            let vars: Vec<_> = xs.iter().map(|x| tape.leaf(x)).collect();
            einsum(equation, &vars).to_vec()
        };
        let payload = std::panic::catch_unwind(run).expect_err(equation);
        let text = payload.downcast_ref::<String>().expect("a text");
        for part in ["einsum", file!(), "hint: "].iter().chain(texts) {
            assert!(text.contains(part), "{equation}: {part:?} is not in\n{text}");
        }
    };
    refused("ij,jk->ik", &[&[2, 3]], &["einsum of [2, 3]", "names 2 operands, 1 are given"]);
    refused("ij", &[], &["names 1 operands, 0 are given"]);
    refused("ij,jk->ik", &[&[2, 3], &[4, 5]], &["einsum of [2, 3] and [4, 5]", "axis 'j' has size 4 in operand 1, but 3 before"]);
    refused("ijk", &[&[2, 3]], &["\"ijk\" names 3 axes, but operand 0 has shape [2, 3]"]);
    refused("i", &[&[2, 3]], &["\"i\" names 1 axes", "[2, 3]"]);
    refused("...ijk", &[&[2, 3]], &["names 3 axes"]);
    refused("ii->i", &[&[2, 3]], &["axis 'i' is repeated in operand 0, with sizes 2 and 3"]);
    refused("ii->i", &[&[1, 3]], &["axis 'i' is repeated in operand 0, with sizes 1 and 3"]);
    refused("ij->ik", &[&[2, 3]], &["axis 'k' is in the output", "in no operand"]);
    refused("ij->ii", &[&[2, 3]], &["axis 'i' is repeated in the output"]);
    refused("i1->i", &[&[2, 3]], &["\"i1\""]);
    refused("i->j->k", &[&[2]], &["\"j->k\" is not a list of axes"]);
    refused("..i->i", &[&[2]], &["\"..i\" is not a list of axes"]);
    refused("...i...->i", &[&[2]], &["is not a list of axes"]);
    refused("i....->i", &[&[2]], &["is not a list of axes"]);
    refused("...,...", &[&[2], &[3]], &["axis -1 of \"...\" has size 3 in operand 1, but 2 before"]);
}
