//! Where are the sources of the crate?

use std::path::{Path, PathBuf};

/// The folder `src`, above the package of the tests.
pub fn src() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("src"));
    above.into_iter().find(|src| src.join("lib.rs").is_file()).expect("the crate lies above its tests")
}

/// The files of Rust in a folder and in those inside.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files
}
