//! What all first-order rules share: parameter groups with their own options, memory for each parameter, and states.

use super::bounds::{MOST, RATE};
use super::handover::Numbers;
use super::reader::{Reader, shaped};
use super::{Handover, Optimizer, Rates, check, not_negative};
use crate::io::{State, StateError, Values};
use crate::refusal::require;
use crate::{Grads, Param, Scalar, emit_warning};
use std::fmt::Debug;
use std::panic::Location;

/// The options of an update rule, and what one step does to one parameter. This is all in which [`Sgd`](super::Sgd) and
/// [`Adam`](super::Adam) differ. A type of your own that implements it gives an optimizer, `FirstOrder<YourOptions>`, with groups,
/// schedules and states.
///
/// ```
/// use wengert::optim::{FirstOrder, Memory, Rule};
/// use wengert::{Grads, Param, Scalar, Tape, UpdateRule};
///
/// /// Each element goes by the sign of its gradient.
/// #[derive(Clone, Debug)]
/// struct SignDescent {
///     lr: f64,
/// }
/// impl Default for SignDescent {
///     fn default() -> Self {
///         SignDescent { lr: 0.5 }
///     }
/// }
/// impl Rule for SignDescent {
///     fn check(&self) {
///         assert!(self.lr >= 0.0);
///     }
///     fn lr(&self) -> f64 {
///         self.lr
///     }
///     fn set_lr(&mut self, lr: f64) {
///         self.lr = lr;
///     }
///     fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, _: &mut Memory<T>) {
///         let lr = T::from_f64(self.lr);
///         param.update(grads, |w, g| w.iter_mut().zip(g).for_each(|(w, g)| *w += if *g > T::ZERO { -lr } else { lr }));
///     }
/// }
///
/// let (w, tape) = (Param::<f64>::new("w", [3.0, -2.0]), Tape::new());
/// let grads = tape.backward(tape.param(&w).square().sum());
/// FirstOrder::<SignDescent, f64>::new(0.25).step([&w], &grads);
/// assert_eq!(w.to_array().as_slice().unwrap(), [2.75, -1.75]);
/// ```
pub trait Rule: Clone + Debug + Default + Send + 'static {
    /// Panics if an option makes no sense.
    #[track_caller]
    fn check(&self);
    /// The learning rate.
    fn lr(&self) -> f64;
    /// Sets the learning rate. A value that makes no sense is found by [`Rule::check`].
    fn set_lr(&mut self, lr: f64);
    /// The number that a one-cycle schedule changes in the opposite direction to the learning rate; `None` if the rule has no momentum.
    fn momentum(&self) -> Option<f64> {
        None
    }
    /// True if the momentum may be set to this number.
    fn takes_momentum(&self, momentum: f64) -> bool {
        momentum > 0.0 && momentum <= MOST
    }
    /// Sets the momentum, if there is one. A value that makes no sense is found by [`Rule::check`].
    fn set_momentum(&mut self, _momentum: f64) {}
    /// The arrays that the rule remembers for each parameter: their names in states, and their initial values.
    fn arrays(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
    /// True if an element of the array with this name may have this value. A mean of squares, for instance, is not negative.
    fn takes_element(&self, _array: &str, _x: f64) -> bool {
        true
    }
    /// Changes one parameter that has a gradient. If it panics, the message names the line of the optimizer's step.
    #[track_caller]
    fn step<T: Scalar>(&self, param: &Param<T>, grads: &Grads<T>, memory: &mut Memory<T>);
}

/// What a [`Rule`] remembers about one parameter.
#[derive(Clone, Debug)]
pub struct Memory<T> {
    /// The number of steps in which the parameter had a gradient, including the current one: 1 in the first.
    pub steps: u64,
    /// The arrays of [`Rule::arrays`], in that order; each has as many elements as the parameter.
    pub arrays: Vec<Vec<T>>,
}

/// An optimizer that makes one step from one gradient: [`Sgd`](super::Sgd), [`Adam`](super::Adam), [`Adagrad`](super::Adagrad) and
/// [`RmsProp`](super::RmsProp) are instances, each with its [`Rule`].
#[derive(Debug)]
pub struct FirstOrder<R: Rule, T: Scalar = f32> {
    /// The options of each group; the first ones are for parameters in no group.
    groups: Vec<R>,
    members: Vec<(Param<T>, usize)>,
    slots: Vec<Slot<T>>,
    handover: Handover,
    /// That a parameter was updated twice by the same gradients has been said.
    warned: bool,
    /// Calls of [`FirstOrder::step`].
    steps: u64,
}

/// A parameter, its group, and what is remembered about it.
#[derive(Debug)]
struct Slot<T: Scalar> {
    param: Param<T>,
    group: usize,
    memory: Memory<T>,
    /// The backward pass whose gradients updated it last ([`Grads::pass`]).
    pass: u64,
    /// The call of [`FirstOrder::step`] that listed it last.
    step: u64,
}

/// The parameters of a step: all of them, those that are frozen, and those that have a gradient.
#[derive(Default)]
pub(super) struct Counts {
    all: usize,
    frozen: usize,
    found: usize,
}

impl Counts {
    pub(super) fn add(&mut self, frozen: bool, found: bool) {
        self.all += 1;
        self.frozen += usize::from(frozen);
        self.found += usize::from(found);
    }
    /// Refuses a step that changes nothing, unless all parameters are frozen, or there are neither parameters nor gradients.
    #[track_caller]
    pub(super) fn check<T: Scalar>(&self, grads: &Grads<T>) {
        require(
            self.found > 0 || self.frozen == self.all && (self.all > 0 || grads.is_empty()),
            || match self.all {
                0 => "step: there are no parameters".into(),
                n => format!("step: none of the {n} parameters has a gradient"),
            },
            "are they those of the model that made the loss? `parts!` names a module's parts; `detach` and `no_grad` cut gradients off",
        );
    }
}

#[cold]
fn warn_of_old_gradients<T: Scalar>(param: &Param<T>, at: &Location<'_>) {
    emit_warning(&format!(
        "step: parameter {} was updated by these gradients before\n  at {at}\n  hint: each step takes its own: `let grads = tape.backward(loss)` inside the \
         loop",
        param.path()
    ));
}

impl<R: Rule, T: Scalar> FirstOrder<R, T> {
    /// An optimizer with this learning rate and otherwise the defaults.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn new(lr: f64) -> Self {
        let mut options = R::default();
        options.set_lr(lr);
        Self::with(options)
    }
    /// An optimizer with these options.
    ///
    /// # Panics
    /// If an option makes no sense.
    #[track_caller]
    pub fn with(options: R) -> Self {
        options.check();
        FirstOrder { groups: vec![options], members: Vec::new(), slots: Vec::new(), handover: Handover::default(), warned: false, steps: 0 }
    }
    /// Adds a parameter group: these parameters get other options. Schedules change the learning rates of all groups by the same rule, each
    /// from its own initial rate. If a parameter joins a group after some steps, what is remembered about it is kept, unless the rule with
    /// the new options remembers other arrays.
    ///
    /// ```
    /// use wengert::Param;
    /// use wengert::optim::{Rates, Sgd, SgdOptions};
    /// let (base, head) = (Param::new("base", [0.5]), Param::new("head", [0.5]));
    /// let mut optimizer: Sgd = Sgd::new(0.001).group([&head], SgdOptions { lr: 0.1, ..Default::default() });
    /// assert_eq!(optimizer.lrs(), [0.001, 0.1]);
    /// ```
    ///
    /// # Panics
    /// If an option makes no sense, or a parameter is already in a group.
    #[track_caller]
    pub fn group<'p>(mut self, params: impl IntoIterator<Item = &'p Param<T>>, options: R) -> Self {
        options.check();
        if self.handover.left().is_some() {
            self.take_over(); // a schedule left one rate for each of the groups so far
        }
        for param in params {
            let twice = self.members.iter().any(|(p, _)| p.is(param));
            require(!twice, || format!("optimizer: parameter {} is already in a group", param.path()), "each parameter belongs to one");
            self.members.push((param.clone(), self.groups.len()));
        }
        self.groups.push(options);
        self.handover.add_group();
        for slot in &mut self.slots {
            let old = std::mem::replace(&mut slot.group, group_of(&self.members, &slot.param));
            let names = |group: usize| self.groups[group].arrays().into_iter().map(|(name, _)| name);
            if !names(old).eq(names(slot.group)) {
                slot.memory = Memory { steps: 0, arrays: Vec::new() };
            }
        }
        self
    }
    /// The options of the parameters that are in no group.
    pub fn options(&self) -> &R {
        &self.groups[0]
    }
    /// Updates each parameter that has a gradient and is not frozen: `step([&w, &b], &grads)`, `step(&params, &grads)`.
    ///
    /// A parameter that is listed twice is updated once. If one was updated by the same gradients before, it warns once: a step takes gradients of its own.
    ///
    /// # Panics
    /// If none of the parameters has a gradient, though not all are frozen: nothing would be learned. If a schedule has left rates for this step
    /// that are negative or not finite. If a closure of [`Param::with`] or [`Param::with_mut`] holds a parameter on this thread.
    #[track_caller]
    pub fn step<'p>(&mut self, params: impl IntoIterator<Item = &'p Param<T>>, grads: &Grads<T>) {
        self.take_over();
        let mut counts = Counts::default();
        self.steps += 1;
        for (i, param) in params.into_iter().enumerate() {
            let at = self.slot(i, param);
            let Slot { group, memory, pass, step, .. } = &mut self.slots[at];
            if std::mem::replace(step, self.steps) == self.steps {
                continue; // it is listed twice, and was updated
            }
            let (frozen, found) = (param.is_frozen(), grads.slice(param).is_some());
            counts.add(frozen, found);
            if frozen || !found {
                continue;
            }
            if std::mem::replace(pass, grads.pass()) == grads.pass() && !std::mem::replace(&mut self.warned, true) {
                warn_of_old_gradients(param, Location::caller());
            }
            let rule = &self.groups[*group];
            if memory.steps == 0 {
                let n = param.shape().numel();
                memory.arrays = rule.arrays().iter().map(|&(_, x)| vec![T::from_f64(x); n]).collect();
            }
            memory.steps = memory.steps.saturating_add(1);
            rule.step(param, grads, memory);
        }
        counts.check(grads);
    }
    /// The learning rate of the parameters in no group. For the others see [`Rates::lrs`].
    pub fn lr(&self) -> f64 {
        Rates::lr(self)
    }
    /// What it remembers, by the names of the parameters: [`Optimizer::state`].
    ///
    /// # Panics
    /// As [`Optimizer::state`].
    #[track_caller]
    pub fn state(&self, params: &[(String, Param<T>)]) -> State {
        Optimizer::state(self, params)
    }
    /// Continues from such a state: [`Optimizer::load_state`].
    ///
    /// # Errors
    /// As [`Optimizer::load_state`].
    pub fn load_state(&mut self, params: &[(String, Param<T>)], state: &State) -> Result<(), StateError> {
        Optimizer::load_state(self, params, state)
    }
    /// Takes over the rates that a schedule has left for this step.
    #[track_caller]
    fn take_over(&mut self) {
        if let Some(Numbers { lrs, momentum }) = self.handover.take() {
            self.set_lrs(&lrs);
            if let Some(momentum) = momentum {
                self.set_momentums(&vec![momentum; lrs.len()]);
            }
        }
    }
    /// Sets the learning rate of all groups, from the next step on.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn set_lr(&mut self, lr: f64) {
        Rates::set_lr(self, lr);
    }
    /// The index of a parameter's slot; `guess` is its position in the list. Memory belongs to the parameter, not to its position.
    fn slot(&mut self, guess: usize, param: &Param<T>) -> usize {
        if self.slots.get(guess).is_some_and(|slot| slot.param.is(param)) {
            return guess;
        }
        let known = self.slots.iter().position(|slot| slot.param.is(param));
        known.unwrap_or_else(|| {
            let memory = Memory { steps: 0, arrays: Vec::new() };
            self.slots.push(Slot { param: param.clone(), group: group_of(&self.members, param), memory, pass: 0, step: 0 });
            self.slots.len() - 1
        })
    }
}

fn group_of<T: Scalar>(members: &[(Param<T>, usize)], param: &Param<T>) -> usize {
    members.iter().find(|(p, _)| p.is(param)).map_or(0, |&(_, group)| group)
}

/// Checks that there is one number for each group.
#[track_caller]
pub(super) fn check_count(what: &str, found: usize, groups: usize) {
    require(
        found == groups,
        || format!("{what}: {found} numbers for {groups} parameter groups"),
        "the first is that of the parameters in no group",
    );
}

impl<R: Rule, T: Scalar> Rates for FirstOrder<R, T> {
    fn lrs(&self) -> Vec<f64> {
        self.handover.left().map_or_else(|| self.groups.iter().map(R::lr).collect(), |left| left.lrs)
    }
    fn set_lrs(&mut self, lrs: &[f64]) {
        check_count("set_lrs", lrs.len(), self.groups.len());
        for &lr in lrs {
            not_negative("optimizer", "lr", lr, RATE); // all are checked before the first is set
        }
        self.handover.set();
        self.groups.iter_mut().zip(lrs).for_each(|(group, &lr)| group.set_lr(lr));
    }
    fn momentums(&self) -> Vec<Option<f64>> {
        let left = self.handover.left().and_then(|left| left.momentum);
        self.groups.iter().map(|group| left.or_else(|| group.momentum())).collect()
    }
    fn set_momentums(&mut self, momentums: &[f64]) {
        check_count("set_momentums", momentums.len(), self.groups.len());
        for (i, (group, &momentum)) in self.groups.iter().zip(momentums).enumerate() {
            require(
                group.momentum().is_some(),
                || format!("set_momentums: parameter group {i} works without momentum"),
                "make the optimizer with momentum above 0, or the schedule with `cycle_momentum: false`",
            );
            let mut changed = group.clone();
            changed.set_momentum(momentum);
            changed.check();
            check(
                "optimizer",
                changed.momentum().is_some(),
                "momentum must stay above 0",
                momentum,
                "make the schedule with momentums above 0, or with `cycle_momentum: false`",
            );
        }
        // Rates that a schedule has left stay in effect.
        if let Some(Numbers { lrs, .. }) = self.handover.take() {
            self.set_lrs(&lrs);
        }
        self.groups.iter_mut().zip(momentums).for_each(|(group, &momentum)| group.set_momentum(momentum));
    }
    fn handover(&self) -> Option<&Handover> {
        Some(&self.handover)
    }
}

impl<R: Rule, T: Scalar> Optimizer<T> for FirstOrder<R, T> {
    #[track_caller]
    fn step(&mut self, params: &[Param<T>], grads: &Grads<T>) {
        self.step(params, grads);
    }
    fn state(&self, params: &[(String, Param<T>)]) -> State {
        let mut state = State::new();
        for (i, (lr, momentum)) in self.lrs().into_iter().zip(self.momentums()).enumerate() {
            state.insert(format!("param_groups.{i}.lr"), lr);
            if let Some(momentum) = momentum {
                state.insert(format!("param_groups.{i}.momentum"), momentum);
            }
        }
        check_names(params, self.slots.iter().filter(|s| s.memory.steps > 0).map(|s| &s.param));
        for (name, param) in params {
            let slot = self.slots.iter().find(|slot| slot.param.is(param));
            state.insert(format!("{name}.step"), slot.map_or(0, |slot| slot.memory.steps));
            let Some(Slot { group, memory, .. }) = slot else { continue };
            for ((what, _), values) in self.groups[*group].arrays().into_iter().zip(&memory.arrays) {
                state.insert(format!("{name}.{what}"), Values::of(shaped(param.shape(), values)));
            }
        }
        state
    }
    fn load_state(&mut self, params: &[(String, Param<T>)], state: &State) -> Result<(), StateError> {
        let mut reader = Reader::new(state);
        let mut groups = self.groups.clone();
        for (i, group) in groups.iter_mut().enumerate() {
            group.set_lr(reader.rate(format!("param_groups.{i}.lr")));
            if group.momentum().is_some() {
                let name = format!("param_groups.{i}.momentum");
                let momentum = reader.number(name, "a momentum that the optimizer takes", |momentum| group.takes_momentum(momentum));
                group.set_momentum(momentum);
            }
        }
        let mut slots = Vec::new();
        for (name, param) in params {
            let (steps, group) = (reader.whole(format!("{name}.step")), group_of(&self.members, param));
            let used = if steps > 0 { self.groups[group].arrays() } else { Vec::new() };
            let rule = &groups[group];
            let array = |(what, _): &(&'static str, f64)| {
                reader.array_of(format!("{name}.{what}"), param.shape(), "what the optimizer remembers", |x: T| {
                    rule.takes_element(what, x.to_f64())
                })
            };
            let arrays = used.iter().map(array).collect();
            slots.push(Slot { param: param.clone(), group, memory: Memory { steps, arrays }, pass: 0, step: 0 });
        }
        reader.finish()?;
        (self.groups, self.slots) = (groups, slots);
        self.handover.loaded();
        Ok(())
    }
}

/// Checks that all parameters that were changed have a name, and that no two have the same.
#[track_caller]
pub(super) fn check_names<'p, T: Scalar>(params: &[(String, Param<T>)], changed: impl Iterator<Item = &'p Param<T>>) {
    let mut names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = || format!("state: two parameters are called {}", twice[0]);
        require(false, message, "`Module::named_parameters` gives each a name of its own");
    }
    let left_out: Vec<_> = changed.filter(|p| !params.iter().any(|(_, q)| q.is(p))).map(|p| p.name()).collect();
    let message = || format!("state: the optimizer has changed {left_out:?}, which are not among the {} named parameters", params.len());
    require(left_out.is_empty(), message, "name all parameters that are trained, or the run cannot be resumed");
}
