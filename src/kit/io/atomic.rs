//! Writes files atomically: next to the old file first, then in its place.

use super::IoError;
use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes a file atomically. Whoever reads `path`, at any time and after any interruption (an error, a killed process, a power failure),
/// finds the old file or the new one, never a part.
///
/// The bytes are written to a temporary file in the same directory, named `.NAME.RANDOM.tmp`. It is flushed to the disk and then renamed.
///
/// If an error ends the write, the temporary file is removed. Only a killed process leaves it behind; the next write to the same name then
/// removes it. A file that another process is writing is locked, and is left alone. Locks of network file systems may be invisible to other
/// hosts. Therefore temporary files are removed only when they are older than a day if they come from another host, from before this host
/// was restarted, or from a system other than Linux.
///
/// The file is a new one: it has the permissions of new files. If `path` was a symbolic link, the link is replaced, not the file that it
/// points to.
///
/// # Errors
/// If the system refuses; the old file is then unchanged.
///
/// ```
/// let path = std::env::temp_dir().join(format!("wengert-atomic-{}.txt", std::process::id()));
/// wengert::io::write_atomic(&path, b"whole")?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"whole");
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), wengert::io::IoError>(())
/// ```
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), IoError> {
    let path = path.as_ref();
    write(path, bytes).map_err(|source| IoError::Write { path: path.into(), source })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    remove_left_behind(path);
    let (mut temporary, mut file) = Temporary::beside(path)?;
    file.write_all(bytes)?;
    file.sync_all()?; // before the rename: otherwise a power failure may leave an empty file
    // The file stays open and locked during the rename, so that no other process removes it. On Windows a locked file could not be read
    // under its new name; there, files as young as this one are not removed anyway.
    let held = (!cfg!(windows)).then_some(file);
    fs::rename(&temporary.path, path)?;
    temporary.renamed = true;
    drop(held);
    // The new file is in place. If its directory cannot be flushed, a power failure may bring the old one back, complete: that is no error.
    let _ = sync_directory(path);
    Ok(())
}

/// A temporary file, which is removed on drop unless it was renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Creates a new file with a random name, since other processes, also on other hosts, may write here too.
    fn beside(path: &Path) -> io::Result<(Temporary, File)> {
        let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
        loop {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{:08x}{:08x}.tmp", kernel().unwrap_or(0), random()));
            let path = path.with_file_name(hidden);
            match File::create_new(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                file => {
                    let (file, temporary) = (file?, Temporary { path, renamed: false });
                    // The system releases the lock when the process ends, however it ends. If files cannot be locked, no file is ever
                    // removed as left behind. If another writer removed or locked this one in the moment before it was locked here, a new
                    // name is tried. It never waits.
                    let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
                    if !taken && temporary.path.try_exists().unwrap_or(true) {
                        return Ok((temporary, file));
                    }
                }
            }
        }
    }
}

/// Removes the temporary files for this name whose writers were killed.
fn remove_left_behind(path: &Path) {
    let Some(name) = path.file_name() else { return };
    // The number of the kernel that wrote the file; `None` for other files.
    let writer = |file: &OsStr| {
        let file = file.as_encoded_bytes();
        let random = file.strip_prefix(b".").and_then(|file| file.strip_prefix(name.as_encoded_bytes()));
        let random = random.and_then(|file| file.strip_prefix(b".")).and_then(|file| file.strip_suffix(b".tmp"));
        let random = random.filter(|r| r.len() == 16 && r.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)))?;
        u32::from_str_radix(std::str::from_utf8(&random[..8]).ok()?, 16).ok()
    };
    let Ok(entries) = fs::read_dir(directory(path)) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_file())) {
        let Some(writer) = writer(&entry.file_name()) else { continue };
        let Ok(file) = File::open(entry.path()) else { continue };
        // For files written under this kernel the lock is decisive; for others it may not be visible here.
        if (Some(writer) == kernel() || is_old(&file)) && file.try_lock().is_ok() {
            let _ = fs::remove_file(entry.path()); // while it is locked; a failure does not stop the write
        }
    }
}

/// After this time a writer on another host has finished, even if the two clocks differ.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

fn is_old(file: &File) -> bool {
    let written = file.metadata().and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age > OLD))
}

/// A number of the running kernel, which changes with each boot. All processes under one kernel, in whatever container, see the same locks.
/// Never 0; `None` where the system does not provide it.
fn kernel() -> Option<u32> {
    static KERNEL: OnceLock<Option<u32>> = OnceLock::new();
    *KERNEL.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(8).collect(); // a random UUID
        u32::from_str_radix(&digits, 16).ok().filter(|n| *n != 0 && digits.len() == 8)
    })
}

/// The directory of the file.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A random number, different on each call and in each process: the time, hashed with the random keys that the standard library draws for
/// its hash tables.
fn random() -> u32 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RandomState::new().hash_one((time, std::process::id())) as u32 // its lower half
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path); // the first error is the one to report
        }
    }
}

/// Flushes the new name to the disk. Only Unix systems open directories as files.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory(path))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Directory;
    use super::*;

    #[test]
    fn temporary_files_are_new_ones() {
        let dir = Directory::new("atomic-names");
        let made: Vec<_> = (0..50).map(|_| Temporary::beside(&dir.file("a")).unwrap().0).collect();
        let names = dir.names();
        assert_eq!(names.len(), 50); // no two are one
        assert!(names.iter().all(|n| n.starts_with(".a.") && n.ends_with(".tmp")), "{names:?}");
        drop(made);
        assert!(dir.names().is_empty());
    }
}
