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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::Directory;
    use std::fs;

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
}
