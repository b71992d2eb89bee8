//! The four files of MNIST, and files that do not fit.

use crate::kit::helpers::Directory;
use std::fs;
use wengert::data::{mnist, mnist_at_most};

fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes.iter().flat_map(|n| n.to_be_bytes())).chain(bytes.iter().copied()).collect()
}
/// A directory with two training images and one test image of 1x2 pixels.
fn directory(name: &str) -> Directory {
    let dir = Directory::new(&format!("mnist-{name}"));
    fs::write(dir.file("train-images-idx3-ubyte"), idx(&[2, 1, 2], &[0, 255, 51, 102])).unwrap();
    fs::write(dir.file("train-labels-idx1-ubyte.gz"), idx(&[2], &[3, 9])).unwrap(); // not gzipped: the content counts
    fs::write(dir.file("t10k-images-idx3-ubyte"), idx(&[1, 1, 2], &[255, 0])).unwrap();
    fs::write(dir.file("t10k-labels-idx1-ubyte"), idx(&[1], &[0])).unwrap();
    dir
}

#[test]
fn four_files() {
    let dir = directory("whole");
    let (train, test) = mnist(dir.path()).unwrap();
    assert_eq!((train.x.shape(), train.x.as_slice().unwrap(), train.y), (&[2, 1, 1, 2][..], &[0.0, 1.0, 0.2, 0.4][..], vec![3, 9]));
    assert_eq!((test.x.shape(), test.y), (&[1, 1, 1, 2][..], vec![0]));
}
#[test]
fn no_more_than_is_allowed() {
    let dir = directory("limits");
    assert_eq!(mnist_at_most(dir.path(), 4).unwrap().0.x.shape(), [2, 1, 1, 2]);
    let error = mnist_at_most(dir.path(), 3).unwrap_err().to_string();
    assert!(error.contains("train-images-idx3-ubyte: ") && error.ends_with("more than 3 bytes"), "{error}");
}
#[test]
fn a_missing_file_and_where_to_get_it() {
    let dir = directory("missing");
    fs::remove_file(dir.file("t10k-images-idx3-ubyte")).unwrap();
    let error = mnist(dir.path()).unwrap_err().to_string();
    for part in ["t10k-images-idx3-ubyte is missing", "hint: MNIST: ", "`dpkg -L dataset-fashion-mnist`"] {
        assert!(error.contains(part), "{error}");
    }
}
#[test]
fn files_that_do_not_fit() {
    let dir = directory("unfit");
    let refused = |name: &str, bytes: Vec<u8>, says: &str| {
        let old = fs::read(dir.file(name)).unwrap();
        fs::write(dir.file(name), bytes).unwrap();
        let error = mnist(dir.path()).unwrap_err().to_string();
        assert!(error.contains(name) && error.ends_with(says), "{error}");
        fs::write(dir.file(name), old).unwrap();
    };
    let (images, labels) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz");
    refused(images, idx(&[2, 2], &[0; 4]), "it holds uint8 of shape [2, 2], where images (uint8, 3 axes) are needed");
    refused(images, idx(&[2, 1, 2], &[0; 3]), "it is cut short: 19 bytes where 20 are needed");
    refused(labels, idx(&[3], &[0; 3]), "it holds uint8 of shape [3] for 2 images, where as many labels (uint8, 1 axis) are needed");
    refused(labels, idx(&[2], &[0, 10]), "it holds the label 10, where labels from 0 to 9 are needed");
    refused(labels, vec![0, 0, 13, 1, 0, 0, 0, 0], "it holds float32 of shape [0], where labels (uint8, 1 axis) are needed");
}
