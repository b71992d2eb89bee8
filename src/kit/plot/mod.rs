//! Pictures of training and of its results, as SVG. (Feature `plot`, on by default.)
//!
//! | picture | shows |
//! |---|---|
//! | [`Curves`] | losses and metrics, epoch by epoch |
//! | [`confusion`] | which class was predicted for which |
//! | [`Regions`] | the decision regions of a classifier of points in the plane |
//! | [`filters`] | the weights of a convolution |
//! | [`feature_maps`] | the output of a layer for one image |
//!
//! ```
//! use wengert::plot::Curves;
//! let picture = Curves::new("loss", "epoch", "cross entropy")
//!     .series("training", &[2.3, 0.9, 0.4, 0.2])
//!     .series("held back", &[2.1, 1.0, 0.6, 0.55])
//!     .log_scale()
//!     .draw();
//! assert!(picture.svg().starts_with("<svg"));
//! # let folder = std::env::temp_dir().join(format!("wengert-plot-{}", std::process::id()));
//! # let path = folder.join("loss.svg");
//! picture.save(&path)?; // any browser shows it
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod confusion;
mod curves;
mod images;
mod regions;

pub use confusion::confusion;
pub use curves::Curves;
pub use images::{feature_maps, filters};
pub use regions::Regions;

use crate::io::{IoError, write_atomic};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::io;
use std::ops::Range;
use std::path::Path;

/// A finished picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    svg: String,
}

impl Picture {
    /// The text of the SVG file.
    pub fn svg(&self) -> &str {
        &self.svg
    }
    /// Writes the file, atomically. A missing folder is created.
    ///
    /// # Errors
    /// If it cannot be written; a file that existed before is then unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), IoError> {
        let path = path.as_ref();
        let folder = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder).map_err(|source| IoError::Write { path: path.into(), source })?;
        write_atomic(path, self.svg.as_bytes())
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// The room for the title at the top of each picture.
const TITLE: i32 = 40;
const INK: RGBColor = RGBColor(38, 42, 48);
const GREY: RGBColor = RGBColor(110, 118, 128);
const GRID: RGBColor = RGBColor(226, 229, 233);

/// Colours that can be distinguished, also by people with red-green colour blindness (after M. Okabe, K. Ito, "Color universal design",
/// 2008). After the eighth they repeat.
fn colour(i: usize) -> RGBColor {
    const COLOURS: [RGBColor; 8] = [
        RGBColor(31, 104, 178),
        RGBColor(222, 120, 20),
        RGBColor(0, 148, 110),
        RGBColor(190, 80, 140),
        RGBColor(76, 170, 222),
        RGBColor(190, 60, 36),
        RGBColor(206, 180, 30),
        RGBColor(96, 96, 104),
    ];
    COLOURS[i % COLOURS.len()]
}

/// A mixture of two colours: `from` for t = 0, `to` for t = 1.
fn mix(from: RGBColor, to: RGBColor, t: f64) -> RGBColor {
    let channel = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
    RGBColor(channel(from.0, to.0), channel(from.1, to.1), channel(from.2, to.2))
}

fn text(size: i32, colour: RGBColor, h: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(h, VPos::Center))
}

/// The approximate width of a text: fonts differ between viewers.
fn width_of(text: &str, size: i32) -> i32 {
    (text.chars().count() as f64 * f64::from(size) * 0.48) as i32
}

/// A picture with a title, on white.
fn picture(title: &str, [width, height]: [i32; 2], draw: impl FnOnce(&Area<'_>) -> Drawn) -> Picture {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
        let all = || {
            area.fill(&WHITE)?;
            area.draw(&Text::new(title.to_string(), (width / 2, TITLE / 2 + 2), text(20, INK, HPos::Center)))?;
            draw(&area)?;
            area.present()
        };
        all().expect("a string takes all that is drawn");
    }
    svg.retain(is_xml); // titles and names may contain anything
    Picture { svg }
}

/// False for control characters, which are not allowed in XML, not even escaped.
fn is_xml(c: char) -> bool {
    !(c.is_control() && !"\t\n\r".contains(c) || matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

/// The height of one row of a legend.
const LEGEND_ROW: i32 = 22;

/// A row of names with their colours, as dots or lines, centred. Returns its height (there are several rows if the names need them).
fn legend(
    area: Option<&Area<'_>>,
    names: &[&str],
    [left, right, top]: [i32; 3],
    dot: impl Fn(usize) -> bool,
) -> Result<i32, DrawingAreaErrorKind<io::Error>> {
    const SIZE: i32 = 15;
    let needed = |name: &str| 30 + width_of(name, SIZE) + 14;
    let (mut rows, mut used) = (vec![Vec::new()], 0);
    for (i, name) in names.iter().enumerate() {
        if used > 0 && used + needed(name) > right - left {
            rows.push(Vec::new());
            used = 0;
        }
        rows.last_mut().expect("at least one").push((i, used));
        used += needed(name);
    }
    if let Some(area) = area {
        for (row, names_of_row) in rows.iter().enumerate() {
            let Some(&(last, at)) = names_of_row.last() else { continue };
            let start = left + (right - left - at - needed(names[last]) + 14) / 2;
            let y = top + row as i32 * LEGEND_ROW + LEGEND_ROW / 2;
            for &(i, at) in names_of_row {
                let x = start + at;
                if dot(i) {
                    area.draw(&Circle::new((x + 16, y), 5, colour(i).filled()))?;
                } else {
                    area.draw(&PathElement::new([(x, y), (x + 24, y)], colour(i).stroke_width(3)))?;
                }
                area.draw(&Text::new(names[i].to_string(), (x + 30, y), text(SIZE, INK, HPos::Left)))?;
            }
        }
    }
    Ok(rows.len() as i32 * LEGEND_ROW)
}

/// A number at an axis, without trailing zeros.
fn tick(x: f64) -> String {
    let short = |digits: &str| digits.trim_end_matches('0').trim_end_matches('.').to_string();
    match x.abs() {
        0.0 => "0".into(),
        1e-4..1e6 => short(&format!("{x:.9}")),
        _ if !x.is_finite() => x.to_string(),
        _ => {
            let text = format!("{x:.6e}");
            let (digits, power) = text.split_once('e').expect("written with e");
            format!("{}e{power}", short(digits))
        }
    }
}

/// The number at a position of a logarithmic axis, also if the type cannot hold it.
fn log_tick(place: f64) -> String {
    let power = (place + 1e-9).floor();
    match power {
        -4.0..6.0 => tick(10f64.powf(place)),
        _ => format!("{}e{power}", 10f64.powf(place - power).round()),
    }
}

/// The position of x between `low` and `high`, as a share; also if the difference overflows.
fn share(x: f64, low: f64, high: f64) -> f64 {
    match high - low {
        span if span.is_finite() => (x - low) / span,
        _ => (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0),
    }
}

/// A linear axis, and the positions of its numbers.
struct Axis {
    range: Range<f64>,
    at: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;
    fn map(&self, x: &f64, (start, end): (i32, i32)) -> i32 {
        let Range { start: low, end: high } = self.range;
        let share = share(*x, low, high).clamp(-100.0, 100.0); // far outside, and pixels stay whole numbers
        (f64::from(start) + f64::from(end - start) * share).round() as i32
    }
    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.at.clone()
    }
    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// An axis with numbers at multiples of 1, 2 or 5 times a power of ten, with at most `most` steps between them. (For some ranges, plotters'
/// own choice never ends.)
fn axis(range: Range<f64>, most: usize, least_step: f64) -> Axis {
    let rough = (range.end / most as f64 - range.start / most as f64).max(least_step); // a difference that cannot overflow
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0].map(|m| m * power).into_iter().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(10.0 * power);
    let first = (range.start / step).ceil();
    let last = range.end + 1e-9 * step; // 3 * 0.1 is above 0.3
    let at = (0..=most).map(|i| (first + i as f64) * step).filter(|x| *x <= last && x.is_finite());
    Axis { at: at.collect(), range }
}

/// An axis of decimal logarithms, with numbers at powers of ten and, if there are few, at 2 and 5 times these.
fn log_axis(range: Range<f64>, most: i32) -> Axis {
    let (first, last) = (range.start.floor() as i32, range.end.ceil() as i32);
    let every = ((last - first + most - 1) / most).max(1);
    let between: &[f64] = if last - first <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let powers = (first..=last).filter(|p| p % every == 0);
    let at = powers.flat_map(|p| between.iter().map(move |m| f64::from(p) + m.log10())).filter(|x| range.contains(x)).collect();
    Axis { at, range }
}

/// The range of the finite numbers, with room at both ends; 0 to 1 if there are none.
fn range(values: impl Iterator<Item = f64>, room: f64) -> Range<f64> {
    const LEAST: f64 = 1e-290; // numbers closer together count as equal, so that parts of the span do not vanish
    let (low, high) = values.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let half = high / 2.0 - low / 2.0; // the span itself may overflow
    // Equal numbers get a range too, one that floating point can divide.
    let size = low.abs().max(high.abs());
    let room = if half > (5e-10 * size).max(LEAST) { half * (2.0 * room) } else { size.max(1.0) * 0.1 };
    (low - room).max(f64::MIN)..(high + room).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_axes() {
        let ticks = [0.0, 1.0, 0.25, -0.1, 100_000.0, 0.30000000000000004, 1e-5, 2.5e7, 1e300].map(tick);
        assert_eq!(ticks, ["0", "1", "0.25", "-0.1", "100000", "0.3", "1e-5", "2.5e7", "1e300"]);
        let at = |axis: Axis, value: fn(f64) -> f64| axis.at.iter().map(|x| tick(value(*x))).collect::<Vec<_>>().join(" ");
        assert_eq!(at(axis(0.98..4.02, 8, 1.0), |x| x), "1 2 3 4");
        assert_eq!(at(axis(0.98..4.02, 8, 0.0), |x| x), "1 1.5 2 2.5 3 3.5 4");
        assert_eq!(at(axis(0.0..1.0, 5, 0.0), |x| x), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(at(axis(0.0..0.3, 3, 0.0), |x| x), "0 0.1 0.2 0.3");
        assert_eq!(at(axis(-0.1..1.1, 6, 0.0), |x| x), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(at(axis(1e3 - 1.1e-3..1e3 + 1.1e-3, 5, 0.0), |x| x), "999.999 999.9995 1000 1000.0005 1000.001");
        assert_eq!(at(log_axis(-3.1..0.2, 6), |x| 10f64.powf(x)), "0.001 0.01 0.1 1");
        assert_eq!(at(log_axis(-1.2..0.4, 8), |x| 10f64.powf(x)), "0.1 0.2 0.5 1 2");
        assert_eq!(at(log_axis(-300.0..300.0, 6), |x| 10f64.powf(x)), "1e-300 1e-200 1e-100 1 1e100 1e200");
        let places =
            [-3.0, 0.30102999566398114, 2.0, 5.698970004336019, 6.0, 12.69897000433602, 308.0, 330.0, -4.0, -4.698970004336019, -330.0];
        let ticks = ["0.001", "2", "100", "500000", "1e6", "5e12", "1e308", "1e330", "0.0001", "2e-5", "1e-330"];
        assert_eq!(places.map(log_tick), ticks);
        assert_eq!([f64::INFINITY, f64::NAN, f64::MAX].map(tick), ["inf", "NaN", "1.797693e308"]);
    }
    #[test]
    fn places_far_outside_are_pixels() {
        let places = |range: Range<f64>, pixels| [f64::MIN, 0.25, f64::MAX].map(|x| axis(range.clone(), 5, 0.0).map(&x, pixels));
        assert_eq!(places(0.0..1.0, (100, 300)), [-19900, 150, 20100]);
        assert_eq!(places(0.0..1.0, (300, 100)), [20300, 250, -19700]);
        assert_eq!(places(-1e300..1e300, (0, 100)), [-10000, 50, 10000]);
        assert_eq!(places(f64::MIN..f64::MAX, (0, 100)), [0, 50, 100]);
    }
    #[test]
    fn ranges_are_never_empty() {
        assert_eq!(range([].into_iter(), 0.1), 0.0..1.0);
        assert_eq!(range([f64::NAN, f64::INFINITY].into_iter(), 0.1), 0.0..1.0);
        assert_eq!(range([1.0, f64::NAN, 3.0].into_iter(), 0.5), 0.0..4.0);
        for equal in [0.0, 5.0, -1e12, 1e300, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324] {
            let r = range([equal, equal].into_iter(), 0.0);
            assert!(r.start < r.end && r.start <= equal && equal <= r.end && r.start.is_finite() && r.end.is_finite(), "{r:?}");
        }
        for (low, high) in [(f64::MIN, f64::MAX), (0.0, f64::MAX), (0.0, 5e-324), (1e300, 1.7e308), (-1e-310, 1e-310), (1e-280, 2e-280)] {
            let r = range([low, high].into_iter(), 0.05);
            assert!(r.start <= low && high <= r.end && r.start < r.end, "{r:?}");
            let axis = axis(r.clone(), 8, 0.0);
            assert!(axis.at.len() >= 2 && axis.at.iter().all(|x| r.start <= *x && *x <= r.end), "{r:?}: {:?}", axis.at);
        }
    }
}
