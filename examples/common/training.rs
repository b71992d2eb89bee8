//! What the examples on images share: an epoch of training, and evaluation in batches.

use wengert::Tape;
use wengert::data::{Examples, Loader};
use wengert::metrics::{ConfusionMatrix, Mean, predictions};
use wengert::nn::Module;
use wengert::optim::{Optimizer, Scheduler};
use wengert::progress::Progress;

/// Trains on every batch of an epoch once, with a step of the schedule after each; gives the mean loss.
pub fn epoch(
    model: &dyn Module,
    optimizer: &mut dyn Optimizer,
    schedule: &mut Scheduler,
    loader: &Loader<Examples>,
    number: u64,
    tape: &mut Tape,
) -> f64 {
    let params = model.parameters();
    let (mut mean, mut bar) = (Mean::new(), Progress::new(format!("epoch {}", number + 1), loader.len()));
    model.train();
    for batch in loader.epoch(number) {
        let loss = model.forward(tape.constant(&batch.x)).cross_entropy(&batch.y);
        let grads = tape.backward(loss);
        mean.add(loss.item().into(), batch.len());
        tape.reset();
        optimizer.step(&params, &grads);
        tape.recycle(grads);
        schedule.step(optimizer);
        bar.step(batch.len(), &[("loss", mean.value())]);
    }
    mean.value()
}

/// Which class is taken for which, in evaluation mode.
pub fn evaluate(model: &dyn Module, examples: &Examples, classes: usize, tape: &mut Tape) -> ConfusionMatrix {
    model.eval();
    let mut matrix = ConfusionMatrix::new(classes);
    for batch in Loader::new(examples.clone(), 250).epoch(0) {
        let predicted = tape.no_grad(|| predictions(model.forward(tape.constant(&batch.x))));
        matrix.update(&predicted, &batch.y);
        tape.reset();
    }
    matrix
}
