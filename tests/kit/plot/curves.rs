//! Pictures of curves: axes, legends, gaps.

use super::{texts, well_formed};
use wengert::plot::{Curves, Picture};

#[test]
fn curves_with_axes_and_legend() {
    let drawn = Curves::new("loss & <more>", "epoch", "nats").series("training", &[1.0f32, 0.5]).series("test", &[2.0f64, 0.7]).draw();
    well_formed(&drawn);
    let texts = texts(&drawn);
    for needed in ["loss &amp; &lt;more&gt;", "epoch", "nats", "training", "test", "1", "2"] {
        assert!(texts.iter().any(|t| t == needed), "{needed} is not in {texts:?}");
    }
    assert_eq!(drawn.svg().matches("#1F68B2").count(), 2); // the line and its legend
}
#[test]
fn numbers_at_the_ends_of_the_type() {
    let series: [&[f64]; 14] = [
        &[1e300],
        &[1e300, 1e300],
        &[f64::MAX],
        &[f64::MAX, f64::MIN],
        &[f64::MIN_POSITIVE, f64::MAX],
        &[5e-324],
        &[5e-324, 1e-320],
        &[1e-300, 1e300],
        &[-1e308, 1e308, 0.0],
        &[f64::NAN],
        &[f64::INFINITY, f64::NEG_INFINITY],
        &[1.0, f64::INFINITY, f64::MAX, f64::NAN, 1e-310],
        &[7.0; 3],
        &[0.0; 3],
    ];
    for values in series {
        for log in [false, true] {
            let curves = Curves::new("t", "x", "y").series("a", values);
            let drawn = if log { curves.log_scale() } else { curves }.draw();
            well_formed(&drawn);
            assert!(texts(&drawn).iter().all(|t| t.parse::<f64>().is_ok_and(f64::is_finite) || !t.contains("inf")), "{values:?}");
            // All points that can be shown lie in the picture.
            let places = drawn.svg().split("points=\"").skip(1).flat_map(|p| p[..p.find('"').unwrap()].split_whitespace());
            for place in places {
                let (x, y) = place.split_once(',').unwrap();
                assert!((0..=640).contains(&x.parse::<i32>().unwrap()) && (0..=400).contains(&y.parse::<i32>().unwrap()), "{values:?}");
            }
            well_formed(&Curves::new("t", "x", "y").points("a", &values.iter().map(|v| (*v, *v)).collect::<Vec<_>>()).draw());
        }
    }
    let labels = texts(&Curves::new("t", "x", "y").series("a", &[1e300]).log_scale().draw());
    assert!(labels.contains(&"1e300".into()), "{labels:?}");
}
#[test]
fn what_is_left_out_is_said() {
    let curves = Curves::new("t", "x", "y").series("a", &[1.0, f64::INFINITY, f64::NAN, 0.0]).series("b", &[1.0, 2.0]);
    let has = |drawn: &Picture, text: &str| texts(drawn).contains(&text.to_string());
    let linear = curves.draw();
    assert!(has(&linear, "a (2 of 4 not shown)") && has(&linear, "b"));
    assert!(has(&curves.log_scale().draw(), "a (3 of 4 not shown)"));
}
#[test]
fn points_that_are_not_joined() {
    let drawn = Curves::new("t", "x", "y").scatter("s", &[(0.0, 1.0), (0.5, f64::NAN), (1.0, 2.0)]).draw();
    well_formed(&drawn);
    assert_eq!(drawn.svg().matches("<circle").count(), 3); // with the legend's
}
#[test]
fn a_long_legend_leaves_the_curves_their_room() {
    let many = |n: usize| (0..n).fold(Curves::new("t", "x", "y").size(240, 180), |c, i| c.series(format!("series {i}"), &[1.0, 2.0]));
    let height = |picture: &Picture| {
        let text = picture.svg().split("height=\"").nth(1).unwrap();
        text[..text.find('"').unwrap()].parse::<i32>().unwrap()
    };
    let [one, more] = [1, 20].map(|n| many(n).draw());
    [&one, &more].into_iter().for_each(well_formed);
    assert_eq!(height(&one), 180);
    assert!(height(&more) >= 180 + 9 * 22, "{}", height(&more));
    // All lines lie in the picture, also those of the curves.
    let points = more.svg().split("points=\"").skip(1).flat_map(|p| p[..p.find('"').unwrap()].split_whitespace());
    let heights: Vec<i32> = points.map(|p| p.split_once(',').unwrap().1.parse().unwrap()).collect();
    assert!(heights.len() >= 40 && heights.iter().all(|y| (0..height(&more)).contains(y)), "{heights:?}");
}
#[test]
fn gaps_where_there_is_nothing_to_draw() {
    let lines = |values: &[f64], log: bool| {
        let curves = Curves::new("t", "x", "y").series("s", values);
        let drawn = if log { curves.log_scale() } else { curves }.draw();
        well_formed(&drawn);
        let of_the_series = |l: &&str| l.contains("#1F68B2");
        let tags: Vec<&str> = drawn.svg().split('<').filter(of_the_series).map(|l| l.split(' ').next().unwrap()).collect();
        tags[1..].join(" ") // the first is the legend's
    };
    assert_eq!(lines(&[1.0, 2.0, 3.0], false), "polyline");
    assert_eq!(lines(&[1.0, 2.0, f64::NAN, 3.0], false), "polyline circle");
    assert_eq!(lines(&[1.0, f64::INFINITY, 2.0, 3.0], true), "circle polyline");
    assert_eq!(lines(&[-1.0, 0.0, 2.0, 3.0], true), "polyline");
    assert_eq!(lines(&[-1.0, 0.0, 2.0, 3.0], false), "polyline");
    assert_eq!(lines(&[], true), "");
    assert_eq!(lines(&[0.0], true), "");
    assert_eq!(lines(&[0.0], false), "circle");
    assert_eq!(lines(&[7.0; 9], true), "polyline");
    assert_eq!(lines(&[f64::MAX, f64::MIN_POSITIVE], true), "polyline");
    assert_eq!(lines(&[f64::MIN, f64::MAX, 1.0], false), "polyline");
}
#[test]
#[should_panic(expected = "Curves::size: 10 x 400 is not from 240 x 180")]
fn sizes_have_limits() {
    let _ = Curves::new("t", "x", "y").size(10, 400);
}
