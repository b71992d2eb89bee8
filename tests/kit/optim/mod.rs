//! Optimizers, schedules and clipping.

mod adagrad;
mod adam;
mod clip;
mod first_order;
mod plateau;
mod rmsprop;
mod schedules;
mod sgd;
