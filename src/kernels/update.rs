//! How does an optimizer change a parameter? In one pass over it, its gradient and its state, on all threads where that pays.

use crate::array::scalar::Scalar;
use crate::array::simd::{LoopKernel, dispatch};
use crate::kernels::parallel;

/// Elements from which a thread of its own pays.
pub(crate) const GRAIN: usize = 16 * 1024;

/// How an optimizer changes one element of a parameter, of which `N` numbers are remembered: what [`Param::update_by`](crate::Param::update_by)
/// runs over all elements.
pub trait UpdateRule<T, const N: usize>: Copy + Sync {
    /// The new element and the new memory, of the old ones and the gradient. Mark it `#[inline(always)]`, so that the loop around it is
    /// vectorised.
    fn at(self, w: T, g: T, state: [T; N]) -> (T, [T; N]);
}

/// `(w, state) = rule(w, g, state)`. All slices have one length.
pub(crate) fn update<T: Scalar, R: UpdateRule<T, N>, const N: usize>(rule: R, w: &mut [T], g: &[T], mut state: [&mut [T]; N]) {
    if w.len() < 2 * GRAIN {
        return dispatch(Loop { rule, w, g, state });
    }
    let half = (w.len() / 2).next_multiple_of(64);
    let ((w, more_w), (g, more_g)) = (w.split_at_mut(half), g.split_at(half));
    let mut more_state = std::array::from_fn(|_| Default::default());
    for (state, more) in state.iter_mut().zip(&mut more_state) {
        (*state, *more) = std::mem::take(state).split_at_mut(half);
    }
    parallel::join(|| update(rule, w, g, state), || update(rule, more_w, more_g, more_state));
}

struct Loop<'a, T, R, const N: usize> {
    rule: R,
    w: &'a mut [T],
    g: &'a [T],
    state: [&'a mut [T]; N],
}

impl<T: Scalar, R: UpdateRule<T, N>, const N: usize> LoopKernel for Loop<'_, T, R, N> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Loop { rule, w, g, state } = self;
        assert!(g.len() == w.len() && state.iter().all(|s| s.len() == w.len()), "slices of one length");
        for (i, (w, &g)) in w.iter_mut().zip(g).enumerate() {
            let mut old = [T::ZERO; N];
            for k in 0..N {
                // SAFETY: i is below the length of all slices.
                old[k] = unsafe { *state[k].get_unchecked(i) };
            }
            let (new, new_state) = rule.at(*w, g, old);
            *w = new;
            for k in 0..N {
                // SAFETY: as above.
                unsafe { *state[k].get_unchecked_mut(i) = new_state[k] };
            }
        }
    }
}
