//! What may happen when extreme arguments are thrown at a method? A right value, or a refusal that helps; never a bare index error, an
//! overflow, an abort, a hang or a gigabyte. A global allocator counts, and has no more than a gigabyte to give.

use crate::draw::V;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What all tests together may hold.
const GIBI: usize = 1 << 30;
const LITTLE: usize = 1 << 16;
/// What a case may take, by the least of three runs, and after what time it counts as hung.
const LONGEST: Duration = Duration::from_secs(1);
const HUNG: u64 = 60;

struct Limited;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Counts `size` more bytes, if they are to be had. (A little is: what takes a gigabyte in small pieces is found by its peak.)
fn take(size: usize) -> bool {
    let held = HELD.fetch_add(size, Ordering::Relaxed).saturating_add(size);
    if held > GIBI && size > LITTLE {
        HELD.fetch_sub(size, Ordering::Relaxed);
        return false;
    }
    MOST.fetch_max(held, Ordering::Relaxed);
    true
}

// SAFETY: every call is passed on to the system's allocator, or answered as if memory did not suffice.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if take(layout.size()) { unsafe { System.alloc(layout) } } else { std::ptr::null_mut() }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if take(layout.size()) { unsafe { System.alloc_zeroed(layout) } } else { std::ptr::null_mut() }
    }
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !take(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promises.
        let new = unsafe { System.realloc(old, layout, size) };
        HELD.fetch_sub(if new.is_null() { size } else { layout.size() }, Ordering::Relaxed);
        new
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;

// ------------------------------------------------------------------------------------------------------------- one at a time

static ALONE: Mutex<()> = Mutex::new(());
static RUNNING: Mutex<String> = Mutex::new(String::new());
static QUIET: AtomicBool = AtomicBool::new(false);
static SINCE: AtomicU64 = AtomicU64::new(u64::MAX);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Tests of this program run one after the other: they share what memory there is. The first starts a watch for what hangs.
pub fn alone() -> MutexGuard<'static, ()> {
    static WATCH: LazyLock<()> = LazyLock::new(|| {
        // Refusals are what is wanted: only what fails outside of cases is told.
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.load(Ordering::Relaxed) {
                told(panic);
            }
        }));
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let since = SINCE.load(Ordering::Relaxed);
                if START.elapsed().as_secs() > since.saturating_add(HUNG) {
                    // (Not by a panic, which nobody would wait for.)
                    let name = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    writeln!(std::io::stderr(), "hangs: {name}").expect("standard error is open");
                    std::process::exit(1);
                }
            }
        });
    });
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    LazyLock::force(&WATCH);
    guard
}

// --------------------------------------------------------------------------------------------------------------------- cases

/// Tests print what failed, and fail at their end.
#[derive(Default)]
pub struct Failures(Vec<String>);

impl Failures {
    pub fn note(&mut self, what: String) {
        self.0.push(what);
    }
    pub fn panic_if_any(self) {
        let shown: Vec<&str> = self.0.iter().take(40).map(String::as_str).collect();
        assert!(shown.is_empty(), "{} failures, of which the first:\n- {}", self.0.len(), shown.join("\n- "));
    }

    /// Runs a case. What it gives is a message where its value is not right, and a refusal is judged by its text.
    pub fn case(&mut self, name: &str, mut run: impl FnMut() -> Result<(), String>) {
        // What aborts the process leaves its name here, for whoever looks (EXTREMES_TRACE=1).
        static TRACE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("EXTREMES_TRACE").is_some());
        if *TRACE {
            writeln!(std::io::stderr(), "{name}").expect("standard error is open");
        }
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = name.to_string();
        let mut least = Duration::MAX;
        for _ in 0..3 {
            SINCE.store(START.elapsed().as_secs(), Ordering::Relaxed);
            MOST.store(HELD.load(Ordering::Relaxed), Ordering::Relaxed);
            let (start, worked) = (Instant::now(), processor_time());
            QUIET.store(true, Ordering::Relaxed);
            let result = catch_unwind(AssertUnwindSafe(&mut run));
            QUIET.store(false, Ordering::Relaxed);
            let worked = processor_time().zip(worked).map(|(after, before)| after.saturating_sub(before));
            least = least.min(worked.unwrap_or(Duration::MAX)).min(start.elapsed());
            SINCE.store(u64::MAX, Ordering::Relaxed);
            let wrong = match result {
                Ok(right) => right.err(),
                Err(panic) => match panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()) {
                    Some(text) => is_no_help(text).map(|why| format!("{why}: {text}")),
                    None => Some("a panic without a text".into()),
                },
            };
            let most = MOST.load(Ordering::Relaxed);
            let wrong = wrong.or_else(|| (most > GIBI).then(|| format!("takes {most} bytes in small pieces")));
            if let Some(wrong) = wrong {
                return self.note(format!("{name}: {wrong}"));
            }
            if least <= LONGEST {
                return;
            }
        }
        self.note(format!("{name}: takes {least:?}"));
    }
}

/// What this process has used of processors, where the system tells: on a busy machine the clock says little.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name: state, nine numbers, and then the ticks, hundredths of a second, of user and system.
    let ticks = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(Duration::from_millis(10 * ticks))
}

/// What is missing in the text of a refusal: op (and shapes), why, the caller's line, a hint.
fn is_no_help(text: &str) -> Option<&'static str> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let bare =
        ["attempt to", "out of bounds", "out of range for slice", "unwrap()", "panicked", "assertion", "capacity overflow", "ndarray"];
    let op = first.split([' ', ':']).next().unwrap_or("");
    match () {
        _ if bare.iter().any(|bare| text.contains(bare)) => Some("a bare error"),
        _ if op.is_empty() || !first.contains(": ") => Some("no op is named"),
        _ if !first.starts_with(&format!("{op}:")) && !first.starts_with(&format!("{op} of [")) && !op.contains("::") => {
            Some("no shapes are named")
        }
        _ if !rest.contains("  at tests/extremes/") => Some("no line of the caller is named"),
        _ if !text.contains("\n  hint: ") => Some("no hint"),
        _ => None,
    }
}

/// That an array is one: as many elements as its shape says, and finite ones if that can be expected.
pub fn consistent(y: V<'_>, finite: bool) -> Result<(), String> {
    let shape = y.shape();
    let count = shape.iter().fold(1u128, |product, &n| product.saturating_mul(n as u128));
    if y.numel() as u128 != count {
        return Err(format!("{} elements of shape {shape}", y.numel()));
    }
    if count > 1 << 20 {
        return Ok(()); // large views, or what is too large to look through each time
    }
    let values = y.to_vec();
    match values.iter().find(|x| finite && !x.is_finite()) {
        _ if values.len() as u128 != count => Err(format!("{} values of shape {shape}", values.len())),
        Some(x) => Err(format!("{x} in a result of shape {shape} from ordinary numbers")),
        None => Ok(()),
    }
}
