//! What outlives a step? Parameters.

use crate::array::buffers::Buffer;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;
use crate::array::source::Source;
use ndarray::{ArrayD, IxDyn};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Range;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

/// A named array that training changes: weights, biases. Cheap to clone (all clones are one parameter), `Send` and `Sync`.
///
/// [`Tape::param`](crate::Tape::param) puts its current value on a tape. Values on a tape never change under it: updating a large
/// parameter while a tape still holds it copies the array first, so call [`Tape::reset`](crate::Tape::reset) before the update.
///
/// ```
/// use wengert::{Param, Tape};
/// let w = Param::<f64>::new("w", [1.0, 2.0]);
/// let mut tape = Tape::new();
/// let loss = tape.param(&w).square().sum();
/// let grads = tape.backward(loss);
/// tape.reset();
/// w.update(&grads, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g));
/// assert_eq!(w.to_array().as_slice().unwrap(), [0.8, 1.6]);
/// ```
pub struct Param<T: Scalar = f32>(Arc<Shared<T>>);

struct Shared<T: Scalar> {
    name: String,
    /// Its name in the model that it is part of; see [`Param::set_path`].
    path: RwLock<Option<Arc<str>>>,
    shape: Shape,
    values: RwLock<Arc<Buffer<T>>>,
    /// How often the values were changed.
    version: AtomicU64,
    frozen: AtomicBool,
    /// Begin and end of the elements that updates do not change.
    kept: [AtomicUsize; 2],
    /// Those of them that a layer has asked for.
    asked: [AtomicUsize; 2],
    /// Room for these elements during an update by a closure, so that it allocates once.
    aside: Mutex<Vec<T>>,
}

/// A parameter that a closure holds, by its address (0: none), and whether the closure may change it.
type Holding = (usize, bool);

thread_local! {
    /// What the innermost closure of this thread holds just now. (A cell of its own: each step asks for each parameter whether there is any.)
    static HELD: Cell<Holding> = const { Cell::new((0, false)) };
    /// What the closures around it hold.
    static HELD_AROUND: RefCell<Vec<Holding>> = const { RefCell::new(Vec::new()) };
}

/// Notes for as long as it lives that a closure of this thread holds a parameter.
struct InUse {
    /// There is a closure around this one.
    inside: bool,
}

impl Drop for InUse {
    fn drop(&mut self) {
        let around = if self.inside { HELD_AROUND.with_borrow_mut(|around| around.pop()) } else { None };
        HELD.set(around.unwrap_or_default());
    }
}

impl<T: Scalar> Clone for Param<T> {
    fn clone(&self) -> Self {
        Param(self.0.clone())
    }
}

impl<T: Scalar> Param<T> {
    /// A parameter with its first value.
    pub fn new(name: impl Into<String>, values: impl Source<T>) -> Param<T> {
        values.visit(|shape, values| {
            let values = RwLock::new(Arc::new(Buffer::copied(values)));
            let (frozen, kept, asked, aside) = (AtomicBool::new(false), Default::default(), Default::default(), Mutex::default());
            let (name, path, shape, version) = (name.into(), RwLock::default(), shape.into(), AtomicU64::new(0));
            Param(Arc::new(Shared { name, path, shape, values, version, frozen, kept, asked, aside }))
        })
    }
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }
    /// Its name in the model that it is part of, such as `features.2.weight`, once that is known; else its own name. Errors say it.
    pub fn path(&self) -> Arc<str> {
        let path = self.0.path.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        path.clone().unwrap_or_else(|| self.name().into())
    }
    /// Says what its name in a model is. [`Module`](crate::nn::Module) does so when its parameters are listed, saved or loaded. Of a model inside
    /// another the longer name stays: `weight` does not replace `fc.weight`.
    pub fn set_path(&self, path: &str) {
        let mut known = self.0.path.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let longer = known.as_ref().is_some_and(|known| **known == *path || known.ends_with(&format!(".{path}")));
        if !longer {
            *known = Some(path.into());
        }
    }
    /// How often its values were changed.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Relaxed)
    }
    /// Its shape, which never changes.
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }
    /// A copy of its value.
    #[track_caller]
    pub fn to_array(&self) -> ArrayD<T> {
        self.check_readable();
        ArrayD::from_shape_vec(IxDyn(self.shape()), self.shared().to_vec()).expect("as many values as the shape says")
    }
    /// Sets its value.
    ///
    /// # Panics
    /// If the shape differs, or a closure of [`Param::with`] or [`Param::with_mut`] holds the parameter on this thread.
    #[track_caller]
    pub fn set(&self, values: impl Source<T>) {
        let at = Location::caller(); // a closure would name its own
        self.check_free(true, at);
        values.visit(|shape, values| {
            assert!(
                shape == &**self.shape(),
                "set: parameter {} has shape {}, but the new value has {shape:?}\n  at {at}\n  hint: a parameter keeps its shape; make another \
                 with `Param::new`",
                self.name(),
                self.shape()
            );
            self.with_mut(|v| v.copy_from_slice(values));
        })
    }
    /// Reads its elements, in row-major order. `f` must not change the parameter. If another thread does so meanwhile, `f` goes on with the
    /// elements as they were, and the other thread changes a copy.
    ///
    /// # Panics
    /// If a closure of [`Param::with_mut`] holds the parameter on this thread.
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(&[T]) -> R) -> R {
        self.check_readable();
        // Not the lock: a reader inside a reader would wait for a thread that waits to write, which waits for the outer one.
        let values = self.shared();
        let _held = self.hold(false);
        f(&values)
    }
    /// Changes its elements. They are locked meanwhile: `f` must not use the parameter in another way, nor wait for a thread that does, nor
    /// start parallel work (rayon's `join`) in a pool whose other tasks do, which this thread may then take up itself.
    ///
    /// # Panics
    /// If a closure holds the parameter on this thread already: `p.with(|_| p.with_mut(..))`.
    #[track_caller]
    pub fn with_mut<R>(&self, f: impl FnOnce(&mut [T]) -> R) -> R {
        self.check_free(true, Location::caller());
        let mut values = self.0.values.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _held = self.hold(true);
        self.0.version.fetch_add(1, Ordering::Relaxed);
        if Arc::get_mut(&mut values).is_none() {
            *values = Arc::new(Buffer::copied(&values));
        }
        f(Arc::get_mut(&mut values).expect("just made unique"))
    }
    /// From now on updates ([`Param::update`], [`Param::update_by`], all optimizers) leave these elements as they are, in row-major order, in
    /// place of those of an earlier call: one range without gaps, `0..0` for none. It is part of no state, of a model or an optimizer, and has to
    /// be given again to a parameter that is made anew. The elements can still be set ([`Param::set`], [`Param::with_mut`]).
    ///
    /// A gradient of 0 is not enough for that: weight decay and momentum change what has none.
    ///
    /// ```
    /// use wengert::optim::{Sgd, SgdOptions};
    /// let (tape, w) = (wengert::Tape::new(), wengert::Param::<f64>::new("w", [1.0, 2.0]));
    /// w.freeze_elements(0..1);
    /// let grads = tape.backward(tape.param(&w).sum());
    /// Sgd::with(SgdOptions { lr: 0.5, weight_decay: 1.0, ..Default::default() }).step([&w], &grads);
    /// assert_eq!(w.to_array().as_slice().unwrap(), [1.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there are no such elements.
    #[track_caller]
    pub fn freeze_elements(&self, elements: Range<usize>) {
        let n = self.shape().numel();
        assert!(
            elements.start <= elements.end && elements.end <= n,
            "freeze_elements: parameter {} has {n} elements, not {elements:?}\n  at {}\n  hint: of a table, row r is `r * columns..(r + 1) * columns`",
            self.path(),
            Location::caller()
        );
        store(&self.0.kept, elements);
    }
    /// [`Param::freeze_elements`] for a layer, which may ask at each use (an `Embedding` does, for its padding row): only the first call with
    /// these elements does something, so that what a user freezes after that holds. With what is frozen next to them, they become one range.
    ///
    /// # Panics
    /// If there are no such elements.
    #[track_caller]
    pub fn freeze_elements_once(&self, elements: Range<usize>) {
        let (asked, frozen) = (load(&self.0.asked), self.frozen_elements());
        if asked == elements {
            return;
        }
        let touch = frozen.start <= elements.end && elements.start <= frozen.end;
        let joined = if touch && frozen != asked && !frozen.is_empty() {
            frozen.start.min(elements.start)..frozen.end.max(elements.end)
        } else {
            elements.clone()
        };
        self.freeze_elements(joined); // refuses what is not there
        store(&self.0.asked, elements);
    }
    /// The elements that updates leave as they are.
    pub fn frozen_elements(&self) -> Range<usize> {
        load(&self.0.kept)
    }
    /// From now on a tape takes it as a constant: no gradient is found for it, and optimizers leave it as it is. (PyTorch's
    /// `requires_grad_(False)`.)
    ///
    /// ```
    /// let (tape, w) = (wengert::Tape::<f64>::new(), wengert::Param::<f64>::new("w", [1.0]));
    /// w.freeze();
    /// assert!(!tape.param(&w).is_tracked());
    /// w.unfreeze();
    /// assert!(tape.param(&w).is_tracked());
    /// ```
    pub fn freeze(&self) {
        self.0.frozen.store(true, Ordering::Relaxed);
    }
    /// From now on it is differentiated again.
    pub fn unfreeze(&self) {
        self.0.frozen.store(false, Ordering::Relaxed);
    }
    /// Whether it is frozen.
    pub fn is_frozen(&self) -> bool {
        self.0.frozen.load(Ordering::Relaxed)
    }
    /// Refuses to wait for a closure of this thread, which would be for ever. Closures that read can be inside one another.
    #[inline(always)]
    pub(super) fn check_free(&self, to_change: bool, at: &Location<'_>) {
        if HELD.get().0 != 0 {
            self.check_held(to_change, at);
        }
    }
    #[cold]
    #[inline(never)]
    fn check_held(&self, to_change: bool, at: &Location<'_>) {
        let me = Arc::as_ptr(&self.0) as usize;
        let clashes = |&(param, changes): &Holding| param == me && (changes || to_change);
        if clashes(&HELD.get()) || HELD_AROUND.with_borrow(|around| around.iter().any(clashes)) {
            panic!(
                "parameter {} is used inside a closure that holds it\n  at {at}\n  hint: `with`, `with_mut` and `update` lock the parameter while \
                 their closure runs; use it before or after that, or a copy of its value (`to_array`)",
                self.name()
            );
        }
    }
    /// The same, of a closure that changes it. A tape asks before it begins to record.
    #[track_caller]
    pub(crate) fn check_readable(&self) {
        self.check_free(false, Location::caller());
    }
    fn hold(&self, to_change: bool) -> InUse {
        let around = HELD.replace((Arc::as_ptr(&self.0) as usize, to_change));
        let inside = around.0 != 0;
        if inside {
            HELD_AROUND.with_borrow_mut(|all| all.push(around));
        }
        InUse { inside }
    }
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Arc<Buffer<T>>> {
        self.0.values.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    /// Copies the elements, and tells their version; after [`Param::check_readable`].
    pub(crate) fn copy_to(&self, to: &mut [T]) -> u64 {
        let values = self.read();
        to.copy_from_slice(&values);
        self.version()
    }
    /// The array itself and its version; likewise.
    pub(crate) fn shared_version(&self) -> (Arc<Buffer<T>>, u64) {
        let values = self.read();
        (values.clone(), self.version())
    }
    /// The array itself; likewise.
    pub(crate) fn shared(&self) -> Arc<Buffer<T>> {
        self.read().clone()
    }
    /// Room for the elements that an update leaves as they are.
    pub(super) fn aside(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.aside.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    /// Whether two handles are one parameter.
    pub fn is(&self, other: &Param<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Scalar> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Param({}: {} {})", self.name(), T::NAME, self.shape())
    }
}

fn load([start, end]: &[AtomicUsize; 2]) -> Range<usize> {
    start.load(Ordering::Relaxed)..end.load(Ordering::Relaxed)
}
fn store([start, end]: &[AtomicUsize; 2], range: Range<usize>) {
    start.store(range.start, Ordering::Relaxed);
    end.store(range.end, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;
    use crate::kernels::update::UpdateRule;
    use crate::tape::grads::Grads;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// What would wait for itself for ever is refused, and afterwards all is as before.
    #[test]
    fn a_parameter_inside_its_own_closure() {
        for n in [2, 5000] {
            let (p, q) = (Param::<f64>::new("p", vec![1.0; n]), Param::<f64>::new("q", vec![1.0; n]));
            let (tape, grads) = (Tape::new(), {
                let tape = Tape::new();
                tape.backward(tape.param(&p).sum())
            });
            let refused = |f: &dyn Fn()| {
                let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("must be refused");
                let text = panic.downcast::<String>().unwrap();
                assert!(text.starts_with("parameter p is used inside a closure that holds it\n  at src/tape/param.rs:"), "{text}");
                assert!(text.contains("\n  hint: "), "{text}");
            };
            let other = vec![2.0; n];
            refused(&|| p.with(|_| p.set(&other)));
            refused(&|| p.with(|_| p.with_mut(|_| ())));
            refused(&|| p.with(|_| p.update(&grads, |_, _| ())));
            refused(&|| p.with_mut(|_| p.set(&other)));
            refused(&|| p.with_mut(|_| p.with(|_| ())));
            refused(&|| p.with_mut(|_| assert!(tape.param(&p).is_tracked())));
            refused(&|| p.with_mut(|_| drop(p.clone().to_array())));
            refused(&|| p.update(&grads, |_, _| assert!(tape.param(&p).is_tracked())));
            p.freeze_elements(0..1);
            refused(&|| p.update(&grads, |_, _| p.update(&grads, |_, _| ())));
            refused(&|| p.with(|_| p.update(&grads, |_, _| ())));
            p.freeze_elements(0..0);
            refused(&|| p.update(&grads, |_, _| p.update(&grads, |_, _| ())));
            // Readers may be inside readers, other parameters anywhere; another thread waits.
            assert_eq!(p.with(|a| p.with(|b| a[0] + b[0] + p.to_array()[0] + tape.param(&p).to_vec()[0])), 4.0);
            p.with_mut(|p| q.with(|q| p.copy_from_slice(q)));
            let waited = std::thread::scope(|s| {
                let (started, go) = std::sync::mpsc::channel();
                let other = p.clone();
                let thread = s.spawn(move || {
                    go.recv().unwrap();
                    other.with(|p| p[0])
                });
                p.with_mut(|p| {
                    started.send(()).unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    p[0] = 7.0;
                });
                thread.join().unwrap()
            });
            assert_eq!((waited, p.with(|p| p[0])), (7.0, 7.0));
        }
    }

    /// A reader in a reader goes on while another thread wants to write, and sees what it began with.
    #[test]
    fn readers_do_not_wait_for_a_writer_that_waits() {
        let (done, finished) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for n in [2, 5000] {
                let p = Param::<f64>::new("p", vec![1.0; n]);
                let tape = Tape::new();
                let other = p.clone();
                let (seen, writer) = p.with(|a| {
                    let writer = std::thread::spawn(move || other.with_mut(|w| w.fill(2.0)));
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    let inner = p.with(|b| b.len()) + p.to_array().len() + tape.param(&p).shape()[0];
                    (a.iter().all(|a| *a == 1.0) && inner == 3 * n, writer)
                });
                writer.join().unwrap();
                assert!(seen && p.with(|p| p.iter().all(|p| *p == 2.0)));
            }
            done.send(()).unwrap();
        });
        finished.recv_timeout(std::time::Duration::from_secs(20)).expect("no thread waits for ever");
    }

    #[test]
    fn frozen_elements_stay_in_small_and_large_parameters() {
        for (n, kept) in [(5, 1..3), (100_000, 40_000..40_500), (5, 0..5), (5, 0..0), (5, 4..5)] {
            let p = Param::<f64>::new("p", (0..n).map(f64::from).collect::<Vec<_>>());
            p.freeze_elements(kept.clone());
            let tape = Tape::new();
            let grads = tape.backward(tape.param(&p).sum());
            p.update(&grads, |w, _| w.iter_mut().for_each(|w| *w += 0.5));
            let mut memory = vec![0.0; n as usize];
            #[derive(Clone, Copy)]
            struct Count;
            impl UpdateRule<f64, 1> for Count {
                fn at(self, w: f64, _: f64, [m]: [f64; 1]) -> (f64, [f64; 1]) {
                    (w + 0.25, [m + 1.0])
                }
            }
            p.update_by(&grads, Count, [&mut memory]);
            p.with(|p| {
                for (i, p) in p.iter().enumerate() {
                    let stays = kept.contains(&i);
                    assert_eq!((*p, memory[i]), if stays { (i as f64, 0.0) } else { (i as f64 + 0.75, 1.0) }, "{i}");
                }
            });
        }
    }
    #[test]
    #[should_panic(expected = "freeze_elements: parameter p has 2 elements, not 1..3")]
    fn there_are_no_such_elements() {
        Param::<f64>::new("p", [1.0, 2.0]).freeze_elements(1..3);
    }

    /// Parts of a batch, summed, are the batch; a parameter that only some parts reach is there too, in small and large arrays.
    #[test]
    fn gradients_of_several_passes_add_up() {
        for n in [3, 5000] {
            let (a, b) = (Param::<f64>::new("a", vec![0.5; n]), Param::<f64>::new("b", vec![2.0; n]));
            let mut tape = Tape::new();
            let mut sum = Grads::default();
            for (part, both) in [(1.0, false), (2.0, true), (4.0, true)] {
                let mut loss = (tape.param(&a).square() * part).sum();
                if both {
                    loss += (tape.param(&b) * part).sum();
                }
                let grads = tape.backward(loss);
                tape.reset();
                sum.accumulate(&grads);
                tape.recycle(grads);
            }
            assert_eq!(sum.len(), 2);
            assert!(sum.slice(&a).unwrap().iter().all(|g| *g == 7.0));
            assert!(sum.slice(&b).unwrap().iter().all(|g| *g == 6.0));
            assert_eq!(sum.get(&b).unwrap().shape(), [n]);
            // Each once, and in the order in which small ones lie.
            let changed: Vec<usize> = sum.slices_mut().map(|(_, g)| g.len()).collect();
            assert_eq!(changed, [n, n]);
        }
    }
}
