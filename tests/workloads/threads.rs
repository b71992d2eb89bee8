//! The same bits at 1, 2 and 3 threads.

use super::models::Workload;
use wengert::Scalar;

/// The bits of three losses, and of all gradients of the third step.
fn bits<T: Scalar>(mut workload: Workload<T>) -> Vec<u64> {
    let mut bits = Vec::new();
    let params = workload.params.clone();
    for step in 0..3 {
        workload.step(|loss, grads| {
            bits.push(loss.to_f64().to_bits());
            if step == 2 {
                let gradients = params.iter().filter_map(|p| grads.slice(p));
                bits.extend(gradients.flatten().map(|g| g.to_f64().to_bits()));
            }
        });
    }
    bits
}

fn same_bits<T: Scalar>(workload: impl Fn() -> Workload<T> + Sync) {
    let [one, two, three] = [1, 2, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        pool.install(|| bits(workload()))
    });
    assert!(one == two, "two threads give other bits than one");
    assert!(one == three, "three threads give other bits than one");
}

#[test]
fn elementwise() {
    same_bits(|| Workload::<f32>::new("elementwise_f32", 300_001));
    same_bits(|| Workload::<f64>::new("elementwise_f64", 300_001));
}

#[test]
fn products() {
    same_bits(|| Workload::<f32>::new("mlp_adam", 128));
    same_bits(|| Workload::<f64>::new("mlp", 128));
}

#[test]
fn simple_conv() {
    same_bits(|| Workload::<f32>::new("simple_conv", 33));
    same_bits(|| Workload::<f64>::new("simple_conv", 33));
}

#[test]
fn deep_conv() {
    same_bits(|| Workload::<f32>::new("deep_conv", 17));
    same_bits(|| Workload::<f64>::new("deep_conv", 9));
}

#[test]
fn residual() {
    same_bits(|| Workload::<f32>::new("resnet20", 9));
    same_bits(|| Workload::<f64>::new("resnet20", 3));
    same_bits(|| Workload::<f32>::new("resnet18", 3));
}
