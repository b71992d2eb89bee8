//! Pictures of confusion matrices.

use super::{texts, well_formed};
use wengert::metrics::ConfusionMatrix;
use wengert::plot::confusion;

#[test]
fn counts_and_names() {
    let mut matrix = ConfusionMatrix::with_names(["cat", "a dog <b>"]);
    matrix.update(&[0, 0, 1, 1, 1], &[0, 1, 1, 1, 1]);
    let drawn = confusion("pets", &matrix);
    well_formed(&drawn);
    let texts = texts(&drawn);
    assert_eq!(texts[..5], ["pets", "accuracy 80.00 % of 5", "1", "1", "3"]);
    assert_eq!(texts.iter().filter(|t| *t == "a dog &lt;b&gt;").count(), 2);
}
#[test]
fn none_and_many() {
    let empty = confusion("nothing", &ConfusionMatrix::new(1));
    well_formed(&empty);
    assert_eq!(texts(&empty)[1], "no samples");
    let mut many = ConfusionMatrix::new(200);
    many.update(&[199; 7], &[0; 7]);
    let drawn = confusion("many", &many);
    well_formed(&drawn);
    assert!(!texts(&drawn)[2..].contains(&"7 ".into()));
}
