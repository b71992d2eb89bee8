//! How is a case run of which nobody knows what it does? One at a time, watched, and with its time and memory measured.

use crate::allocator::{forget_most, limit, most};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// What a case may hold.
const GIBI: usize = 1 << 30;
/// What a case may take, by the least of three runs, and after what time it counts as hung.
const LONGEST: Duration = Duration::from_secs(1);
const HUNG: u64 = 60;

static TURN: RwLock<()> = RwLock::new(());
static RUNNING: Mutex<String> = Mutex::new(String::new());
static QUIET: AtomicBool = AtomicBool::new(false);
static SINCE: AtomicU64 = AtomicU64::new(u64::MAX);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// While it is held no other test of this program runs, and there is no more than a gigabyte.
pub struct Alone {
    _turn: RwLockWriteGuard<'static, ()>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        limit(usize::MAX);
    }
}

/// For tests that need no other memory than there is, and run beside each other.
pub fn among_others() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until a test may run alone. The first starts a watch for what hangs.
pub fn alone() -> Alone {
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
    let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
    LazyLock::force(&WATCH);
    limit(GIBI);
    Alone { _turn }
}

/// Runs a case, and says what is wrong if its value is not right (then it gives a message), if `lack` finds something lacking in the text
/// by which it is refused, or if it takes too long or too much.
pub fn wrong(name: &str, lack: impl Fn(&str) -> Option<&'static str>, mut run: impl FnMut() -> Result<(), String>) -> Option<String> {
    // What aborts the process leaves its name here, for whoever looks (EXTREMES_TRACE=1).
    static TRACE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("EXTREMES_TRACE").is_some());
    if *TRACE {
        writeln!(std::io::stderr(), "{name}").expect("standard error is open");
    }
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = name.to_string();
    let mut least = Duration::MAX;
    for _ in 0..3 {
        SINCE.store(START.elapsed().as_secs(), Ordering::Relaxed);
        forget_most();
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
                Some(text) => lack(text).map(|why| format!("{why}: {text}")),
                None => Some("a panic without a text".into()),
            },
        };
        let most = most();
        let wrong = wrong.or_else(|| (most > GIBI).then(|| format!("takes {most} bytes in small pieces")));
        if let Some(wrong) = wrong {
            return Some(format!("{name}: {wrong}"));
        }
        if least <= LONGEST {
            return None;
        }
    }
    Some(format!("{name}: takes {least:?}"))
}

/// What this process has used of processors, where the system tells: on a busy machine the clock says little.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name: state, nine numbers, and then the ticks, hundredths of a second, of user and system.
    let ticks = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(Duration::from_millis(10 * ticks))
}
