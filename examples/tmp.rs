//! tmp
use wengert::*;
fn main() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf([0.3, -0.7]);
    let y = (x.tanh() * 2.0 + 1.0 / x).sum();
    let g = tape.grad(y, &[x])[0].unwrap();
    let h = tape.grad(g.sum(), &[x])[0].unwrap();
    println!("{y} {g} {h}\n{tape}");
    println!("{}", x.slice(&at![0]));
    let f = |v: f64| { let t = v.tanh(); (1.0-t*t)*2.0 - 1.0/v/v };
    println!("{} {}", f(0.3), f(-0.7));
    let f = |v: f64| { let t = v.tanh(); -2.0*t*(1.0-t*t)*2.0 + 2.0/v/v/v };
    println!("{} {}", f(0.3), f(-0.7));
    // chain
    let mut tape = Tape::<f64>::new();
    let mut best = f64::MAX;
    for _ in 0..2000 {
        let t = std::time::Instant::now();
        let x = tape.leaf(0.5);
        let mut y = x;
        for _ in 0..1000 { y = (y * x + x).tanh(); }
        let g = tape.backward(y);
        std::hint::black_box(g.wrt(x).unwrap()[[]]);
        tape.recycle(g);
        tape.reset();
        best = best.min(t.elapsed().as_secs_f64());
    }
    println!("chain {:.1} us", best * 1e6);
}
