//! Pixels from channels.

use wengert::{Tape, Var};

#[test]
fn pixels_from_channels_and_back() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf((0..24).map(f64::from).collect::<Vec<_>>()).reshape([2, 4, 1, 3]);
    let y = x.pixel_shuffle(2);
    assert_eq!(y.shape(), [2, 1, 2, 6]);
    assert_eq!(y.to_vec()[..12], [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
    assert_eq!(y.pixel_unshuffle(2).to_array(), x.to_array());
    let g = tape.grad((y * y).sum(), &[x])[0].unwrap();
    assert_eq!(g.to_array(), x.to_array() * 2.0);
    assert_eq!(tape.leaf([0.0; 0]).reshape([1, 0, 1, 1]).pixel_shuffle(1).shape(), [1, 0, 1, 1]);
    for (wrong, text) in [
        ((|x| x.pixel_shuffle(3)) as fn(Var<'_, f64>) -> Var<'_, f64>, "pixel_shuffle of [2, 4, 1, 3]: the square of upscale_factor 3"),
        (|x| x.pixel_shuffle(0), "upscale_factor 0"),
        (|x| x.pixel_unshuffle(2), "pixel_unshuffle of [2, 4, 1, 3]: downscale_factor 2"),
        (|x| x.reshape([-1]).pixel_shuffle(1), "pixel_shuffle of [24]: an array of at least 3 axes"),
    ] {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wrong(x))).expect_err("refused");
        let said = panic.downcast_ref::<String>().expect("a text");
        assert!(said.contains(text) && said.contains("hint: "), "{said}");
    }
}
