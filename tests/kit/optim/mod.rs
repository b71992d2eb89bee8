//! Optimizers, schedules and clipping.

mod adagrad;
mod adam;
mod bounds;
mod clip;
mod first_order;
mod lbfgs;
mod plateau;
mod rmsprop;
mod schedules;
mod sgd;
