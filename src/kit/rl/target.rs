//! Targets of Q-learning, and target networks.

use crate::nn::Module;
use crate::refusal::require;
use crate::{Param, Scalar, Var};

/// The targets of Q-learning: `reward + gamma (1 - terminated) max over actions of next_q`. Nothing is differentiated through them.
///
/// Shapes: `reward` and `terminated` (1 or 0) `[n]`, `next_q` `[n, actions]`: what the target network says of the observations after the step.
/// An episode that was cut off is not terminated: its last target has the second part too.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let (reward, terminated) = (tape.constant([1.0, 1.0]), tape.constant([0.0, 1.0]));
/// let next_q = tape.constant([[2.0, 4.0], [3.0, 5.0]]);
/// assert_eq!(wengert::rl::td_target(reward, terminated, next_q, 0.5).to_vec(), [3.0, 1.0]);
/// ```
///
/// # Panics
/// If the shapes do not fit.
///
/// Source: V. Mnih and others, "Human-level control through deep reinforcement learning" (2015).
#[track_caller]
pub fn td_target<'t, T: Scalar>(reward: Var<'t, T>, terminated: Var<'t, T>, next_q: Var<'t, T>, gamma: f64) -> Var<'t, T> {
    target("td_target", reward, terminated, next_q, next_q, gamma)
}

/// The targets of double Q-learning: the online network chooses the action, the target network values it. The maximum of noisy values is too
/// large on average; two networks do not make the same errors.
///
/// ```text
/// reward + gamma (1 - terminated) next_q[argmax over actions of next_q_online]
/// ```
///
/// Shapes: as [`td_target`]; `next_q` is what the target network says of the observations after the step, `next_q_online` what the online
/// network says.
///
/// ```
/// let tape = wengert::Tape::<f64>::new();
/// let (reward, terminated) = (tape.constant([1.0]), tape.constant([0.0]));
/// let (next_q, online) = (tape.constant([[2.0, 4.0]]), tape.constant([[0.3, 0.1]]));
/// assert_eq!(wengert::rl::double_td_target(reward, terminated, next_q, online, 0.5).to_vec(), [2.0]);
/// ```
///
/// # Panics
/// If the shapes do not fit.
///
/// Source: H. van Hasselt, A. Guez, D. Silver, "Deep reinforcement learning with double Q-learning" (2016).
#[track_caller]
pub fn double_td_target<'t, T: Scalar>(
    reward: Var<'t, T>,
    terminated: Var<'t, T>,
    next_q: Var<'t, T>,
    next_q_online: Var<'t, T>,
    gamma: f64,
) -> Var<'t, T> {
    target("double_td_target", reward, terminated, next_q, next_q_online, gamma)
}

/// Both, for the function of this name.
#[track_caller]
fn target<'t, T: Scalar>(
    name: &str,
    reward: Var<'t, T>,
    terminated: Var<'t, T>,
    next_q: Var<'t, T>,
    next_q_online: Var<'t, T>,
    gamma: f64,
) -> Var<'t, T> {
    let (rows, shape) = (next_q.shape(), next_q_online.shape());
    let fit = rows.len() == 2 && rows[1] > 0 && shape == rows && *reward.shape() == [rows[0]] && reward.shape() == terminated.shape();
    let message = || format!("{name}: reward {:?}, terminated {:?}, values {rows:?} and {shape:?}", reward.shape(), terminated.shape());
    require(fit, message, "rewards and ends have shape [n], the values after the step [n, actions]");
    let next = next_q.gather(1, next_q_online.argmax(1, true)).squeeze(1);
    reward.add_scaled((reward.number(1.0) - terminated) * next, gamma).detach()
}

/// Moves the parameters of a target network toward those of the online network: `target = target + tau (online - target)`; with a tau of 1 it
/// is a copy. Buffers, such as running means, are copied.
///
/// ```
/// use wengert::nn::{Linear, Module};
/// let rng = &mut wengert::init::seeded(1);
/// let (online, target) = (Linear::<f64>::new(2, 1, rng), Linear::new(2, 1, rng));
/// wengert::rl::soft_update(&target, &online, 1.0);
/// assert_eq!(target.state(), online.state());
/// ```
///
/// # Panics
/// If tau is not from 0 to 1, the networks have other parameters, or share one.
///
/// Source: T. P. Lillicrap and others, "Continuous control with deep reinforcement learning" (2016).
#[track_caller]
pub fn soft_update<T: Scalar>(target: &(impl Module<T> + ?Sized), online: &(impl Module<T> + ?Sized), tau: f64) {
    let message = || format!("soft_update: a tau of {tau}");
    require((0.0..=1.0).contains(&tau), message, "from 0 to 1: 0.005 is usual, 1 copies");
    Follower::new(target, online).follow(tau);
}

/// The arrays of a target network, each with that of the online network which it follows. Finding them once saves looking for them by name in
/// each step.
pub(super) struct Follower<T: Scalar = f32> {
    parameters: Vec<(Param<T>, Param<T>)>,
    buffers: Vec<(Param<T>, Param<T>)>,
}

impl<T: Scalar> Follower<T> {
    #[track_caller]
    pub(super) fn new(target: &(impl Module<T> + ?Sized), online: &(impl Module<T> + ?Sized)) -> Follower<T> {
        Follower {
            parameters: pairs(target.named_parameters(), online.named_parameters()),
            buffers: pairs(target.named_buffers(), online.named_buffers()),
        }
    }
    /// Moves parameters by a share `tau` of the way, and copies buffers.
    pub(super) fn follow(&self, tau: f64) {
        for (arrays, share) in [(&self.parameters, T::from_f64(tau)), (&self.buffers, T::ONE)] {
            for (target, online) in arrays {
                target.with_mut(|t| {
                    online.with(|o| match share == T::ONE {
                        true => t.copy_from_slice(o),
                        false => t.iter_mut().zip(o).for_each(|(t, o)| *t += share * (*o - *t)),
                    })
                });
            }
        }
    }
}

type Named<T> = Vec<(String, Param<T>)>;

#[track_caller]
fn pairs<T: Scalar>(targets: Named<T>, onlines: Named<T>) -> Vec<(Param<T>, Param<T>)> {
    let same =
        targets.len() == onlines.len() && targets.iter().zip(&onlines).all(|((a, t), (b, o))| a == b && t.shape() == o.shape() && !t.is(o));
    require(same, || "soft_update: the networks differ, or share parameters", "build both by one function, one after the other");
    targets.into_iter().zip(onlines).map(|((_, t), (_, o))| (t, o)).collect()
}
