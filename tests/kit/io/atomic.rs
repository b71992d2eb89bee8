//! Files are written whole or not at all.

use crate::kit::helpers::Directory;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};
use wengert::io::{IoError, write_atomic};

#[test]
fn replaces_a_file_and_leaves_nothing_else() {
    let dir = Directory::new("atomic");
    let path = dir.file("a");
    for text in ["one", "two, longer", ""] {
        write_atomic(&path, text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(dir.names(), ["a"]);
}
#[test]
fn an_error_leaves_the_old_one_and_no_temporary_file() {
    let dir = Directory::new("atomic-error");
    // The new file is written, but cannot replace a directory that is not empty.
    let path = dir.file("taken");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), "kept").unwrap();
    let error = write_atomic(&path, b"new").unwrap_err();
    assert!(matches!(&error, IoError::Write { path: p, .. } if *p == path), "{error}");
    assert_eq!((fs::read_to_string(path.join("inside")).unwrap().as_str(), dir.names()), ("kept", vec!["taken".into()]));
}
#[test]
fn paths_that_cannot_be() {
    let dir = Directory::new("atomic-paths");
    let error = write_atomic(dir.file("missing").join("a"), b"").unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert!(matches!(write_atomic("..", b""), Err(IoError::Write { .. })));
    assert!(matches!(write_atomic("", b""), Err(IoError::Write { .. })));
}
#[test]
fn many_threads_write_one_file() {
    let dir = Directory::new("atomic-threads");
    let path = dir.file("a");
    std::thread::scope(|s| {
        for i in 0..4u8 {
            let path = &path;
            s.spawn(move || (0..5).for_each(|_| write_atomic(path, &[i; 5000]).unwrap()));
        }
    });
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() == 5000 && bytes.iter().all(|b| *b == bytes[0]));
    assert_eq!(dir.names(), ["a"]);
}
/// The number of the running kernel that names of temporary files begin with: the first digits of its boot's UUID.
fn kernel() -> Option<u32> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    u32::from_str_radix(id.get(..8)?, 16).ok().filter(|n| *n != 0)
}
#[test]
fn what_killed_writers_left_is_removed() {
    let dir = Directory::new("atomic-left");
    let others = [
        ".a.0123456789abcdeg.tmp", // does not match the pattern: not ours
        ".a.0123456789ABCDEF.tmp",
        ".a.0123456789abcde.tmp",
        ".a.0123456789abcdef.tmp2",
        ".b.0123456789abcdef.tmp", // of other names
        ".a.b.0123456789abcdef.tmp",
        "a.0123456789abcdef.tmp",
        ".0123456789abcdef.tmp",
    ];
    // Files from this kernel are removed at once, if its number is known; files from others once they are old.
    let here = kernel().unwrap_or(0);
    let name = |kernel: u32, random: &str| format!(".a.{kernel:08x}{random}.tmp");
    let (left, live) = ([name(here, "89abcdef"), name(here, "ffffffff")], name(here, "000000ff"));
    let (foreign, old, old_live) = (name(!here, "00000001"), name(!here, "00000002"), name(!here, "00000003"));
    let all = others.iter().map(|n| n.to_string()).chain(left.clone()).chain([&live, &foreign, &old, &old_live].map(String::clone));
    all.for_each(|name| fs::write(dir.file(&name), "part").unwrap());
    let (day, minute) = (Duration::from_secs(24 * 60 * 60), Duration::from_secs(60));
    let age = |name: &str, age| {
        let file = File::options().write(true).open(dir.file(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    age(&foreign, day - minute);
    others.iter().for_each(|name| age(name, day + minute));
    [&old, &old_live].iter().for_each(|name| age(name, day + minute));
    if kernel().is_none() {
        left.iter().for_each(|name| age(name, day + minute));
    }
    let lock = |name: &str| {
        let writer = File::open(dir.file(name)).unwrap();
        writer.lock().unwrap(); // another process is writing
        writer
    };
    let (writer, slow) = (lock(&live), lock(&old_live));
    let names = |with: &[&str]| {
        let mut names: Vec<String> = others.iter().chain(with).map(|n| n.to_string()).collect();
        names.sort();
        names
    };
    let found = || {
        let mut names = dir.names();
        names.sort();
        names
    };
    write_atomic(dir.file("a"), b"whole").unwrap();
    assert_eq!(found(), names(&["a", &live, &foreign, &old_live]));
    if kernel().is_none() {
        age(&live, day + minute);
    }
    drop((writer, slow)); // killed
    write_atomic(dir.file("a"), b"whole").unwrap();
    assert_eq!(found(), names(&["a", &foreign]));
    write_atomic(dir.file("b"), b"whole").unwrap();
    assert_eq!(found().len(), others.len() + 2); // without that of b; with a, b and the young one
}
