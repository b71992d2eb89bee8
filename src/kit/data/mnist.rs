//! Reads MNIST and Fashion-MNIST: four IDX files in a directory.

use super::{DataError, Examples, Idx};
use crate::refusal::has_room;
use ndarray::{ArrayD, IxDyn};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The classes of Fashion-MNIST, in the order of their labels.
pub const FASHION_MNIST_CLASSES: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// Where to download the files.
const HINT: &str = "MNIST: the four files `train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte.gz`, `t10k-images-idx3-ubyte.gz` and \
                    `t10k-labels-idx1-ubyte.gz` (or unpacked, without `.gz`) from a mirror such as \
                    https://ossci-datasets.s3.amazonaws.com/mnist/ or https://storage.googleapis.com/cvdf-datasets/mnist/; Fashion-MNIST: Debian's \
                    package `dataset-fashion-mnist` (`dpkg -L dataset-fashion-mnist` says where they are), or \
                    https://github.com/zalandoresearch/fashion-mnist";

/// The training and the test images in a directory that holds MNIST or Fashion-MNIST in four files with the usual names, gzipped or not.
/// Images have shape `[n, 1, height, width]` and values from 0 to 1; labels are 0..=9.
///
/// Sources: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits" (1998); H. Xiao, K. Rasul, R. Vollgraf,
/// "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms" (2017).
///
/// # Errors
/// If a file is missing (the error says where to get it) or damaged, or if the numbers of labels and images differ.
///
/// ```no_run
/// let (train, test) = wengert::data::mnist("mnist")?;
/// assert_eq!((train.x.shape(), test.x.shape()), (&[60_000, 1, 28, 28][..], &[10_000, 1, 28, 28][..]));
/// # Ok::<(), wengert::data::DataError>(())
/// ```
pub fn mnist(dir: impl AsRef<Path>) -> Result<(Examples, Examples), DataError> {
    both(dir.as_ref(), Idx::read)
}

/// [`mnist()`] for files with at most `bytes` pixels or labels each, instead of 2^31. A gzipped file of someone else may grow to a thousand
/// times its size, and a pixel takes four bytes of memory. The usual files have at most 47,040,000 pixels.
///
/// # Errors
/// As [`mnist()`], and if a file holds more.
pub fn mnist_at_most(dir: impl AsRef<Path>, bytes: u64) -> Result<(Examples, Examples), DataError> {
    both(dir.as_ref(), |file| Idx::read_at_most(file, bytes))
}

/// The function that reads a file.
type Read<'a> = &'a dyn Fn(File) -> Result<Idx, DataError>;

fn both(dir: &Path, idx: impl Fn(File) -> Result<Idx, DataError>) -> Result<(Examples, Examples), DataError> {
    Ok((part(dir, "train", &idx)?, part(dir, "t10k", &idx)?))
}

fn part(dir: &Path, name: &str, idx: Read<'_>) -> Result<Examples, DataError> {
    let (images_path, images) = read(dir, &format!("{name}-images-idx3-ubyte"), idx)?;
    let x = images_of(&images).map_err(|e| DataError::File { path: images_path, source: e.into() })?;
    let (labels_path, labels) = read(dir, &format!("{name}-labels-idx1-ubyte"), idx)?;
    let y = labels_of(&labels, x.shape()[0]).map_err(|e| DataError::File { path: labels_path, source: e.into() })?;
    Ok(Examples { x, y })
}

fn read(dir: &Path, name: &str, idx: Read<'_>) -> Result<(PathBuf, Idx), DataError> {
    for path in [dir.join(name), dir.join(format!("{name}.gz"))] {
        match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            file => {
                let idx = file.map_err(DataError::from).and_then(idx);
                return match idx {
                    Ok(idx) => Ok((path, idx)),
                    Err(e) => Err(DataError::File { path, source: e.into() }),
                };
            }
        }
    }
    Err(DataError::Missing { path: dir.join(name), hint: HINT.into() })
}

fn found(idx: &Idx) -> String {
    format!("{} of shape {:?}", idx.type_name(), idx.shape())
}

fn images_of(idx: &Idx) -> Result<ArrayD<f32>, DataError> {
    let Idx::U8(bytes) = idx else { return Err(DataError::Content { found: found(idx), expected: "images (uint8, 3 axes)" }) };
    let &[n, height, width] = bytes.shape() else {
        return Err(DataError::Content { found: found(idx), expected: "images (uint8, 3 axes)" });
    };
    if !has_room::<f32>(bytes.len()) {
        return Err(DataError::NoRoom { count: bytes.len() });
    }
    let scaled = bytes.iter().map(|b| f32::from(*b) / 255.0).collect();
    Ok(ArrayD::from_shape_vec(IxDyn(&[n, 1, height, width]), scaled).expect("as many as before"))
}

fn labels_of(idx: &Idx, images: usize) -> Result<Vec<usize>, DataError> {
    let Idx::U8(bytes) = idx else { return Err(DataError::Content { found: found(idx), expected: "labels (uint8, 1 axis)" }) };
    if bytes.shape() != [images] {
        let found = format!("{} for {images} images", found(idx));
        return Err(DataError::Content { found, expected: "as many labels (uint8, 1 axis)" });
    }
    match bytes.iter().find(|b| **b > 9) {
        Some(b) => Err(DataError::Content { found: format!("the label {b}"), expected: "labels from 0 to 9" }),
        None => Ok(bytes.iter().map(|b| usize::from(*b)).collect()),
    }
}
