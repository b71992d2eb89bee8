//! Curves of losses and metrics.

use super::{
    Area, Axis, Drawn, GREY, GRID, INK, LEGEND_ROW, Picture, TITLE, axis, colour, legend, log_axis, log_tick, picture, range, tick,
};
use crate::Scalar;
use crate::refusal::require;
use plotters::prelude::*;

/// Points with a name, which may be joined by a line.
#[derive(Clone, Debug)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    joined: bool,
}

/// Curves of several named series over epochs (or steps).
///
/// Numbers that are not finite and, on a logarithmic scale, numbers that are not positive leave a gap; the legend shows how many.
#[derive(Clone, Debug)]
pub struct Curves {
    title: String,
    axes: [String; 2],
    series: Vec<Series>,
    log: bool,
    size: [i32; 2],
}

impl Curves {
    /// A picture without curves, with a title and the labels of the two axes.
    pub fn new(title: impl Into<String>, x: impl Into<String>, y: impl Into<String>) -> Curves {
        Curves { title: title.into(), axes: [x.into(), y.into()], series: Vec::new(), log: false, size: [640, 400] }
    }
    /// Adds a curve through values at 1, 2, 3, ...
    #[must_use]
    pub fn series<T: Scalar>(self, name: impl Into<String>, values: &[T]) -> Curves {
        let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(i, y)| ((i + 1) as f64, y.to_f64())).collect();
        self.points(name, &points)
    }
    /// Adds a curve through points, in the given order.
    #[must_use]
    pub fn points(mut self, name: impl Into<String>, points: &[(f64, f64)]) -> Curves {
        self.series.push(Series { name: name.into(), points: points.to_vec(), joined: true });
        self
    }
    /// Adds points that are not joined, such as measurements next to a curve through them.
    #[must_use]
    pub fn scatter(mut self, name: impl Into<String>, points: &[(f64, f64)]) -> Curves {
        self.series.push(Series { name: name.into(), points: points.to_vec(), joined: false });
        self
    }
    /// Uses a logarithmic vertical axis.
    #[must_use]
    pub fn log_scale(mut self) -> Curves {
        self.log = true;
        self
    }
    /// Sets width and height in pixels; the default is 640 x 400. Each further row of the legend makes the picture higher.
    ///
    /// # Panics
    /// If it is smaller than 240 x 180, which leaves no room for curves, or larger than 10,000 x 10,000.
    #[must_use]
    #[track_caller]
    pub fn size(mut self, width: u32, height: u32) -> Curves {
        let fits = (240..=10_000).contains(&width) && (180..=10_000).contains(&height);
        let message = || format!("Curves::size: {width} x {height} is not from 240 x 180 to 10000 x 10000 pixels");
        require(fits, message, "640 x 400 is the default");
        self.size = [width as i32, height as i32];
        self
    }
    /// Draws the picture.
    pub fn draw(&self) -> Picture {
        // A logarithmic vertical axis holds logarithms.
        let height = |y: f64| if self.log { y.log10() } else { y };
        let points = |points: &[(f64, f64)]| points.iter().map(|&(x, y)| (x, height(y))).collect::<Vec<_>>();
        let series: Vec<Vec<(f64, f64)>> = self.series.iter().map(|s| points(&s.points)).collect();
        let all = || series.iter().flatten().copied().filter(is_shown);
        let whole = all().all(|(x, _)| x.fract() == 0.0);
        let x = axis(range(all().map(|(x, _)| x), 0.02), 10, if whole { 1.0 } else { 0.0 });
        let mut y = range(all().map(|(_, y)| y), 0.05);
        if self.log {
            if let Some((_, first)) = all().next().filter(|(_, first)| all().all(|(_, y)| y == *first)) {
                y = first..first; // for equal numbers, a tenth of the logarithm would be many powers of ten
            }
            let missing = (0.7 - (y.end - y.start)).max(0.0) / 2.0; // a range of 0.7 contains two of 1, 2, 5, 10
            y = y.start - missing..y.end + missing;
        }
        let y = if self.log { log_axis(y, 8) } else { axis(y, 8, 0.0) };
        let rows = self.legend(None, &series).expect("nothing is drawn");
        picture(&self.title, [self.size[0], self.size[1] + (rows - LEGEND_ROW)], |area| self.chart(area, x, y, &series))
    }
    fn legend(&self, area: Option<&Area<'_>>, series: &[Vec<(f64, f64)>]) -> Result<i32, DrawingAreaErrorKind<std::io::Error>> {
        let name = |(s, points): (&Series, &Vec<(f64, f64)>)| match points.iter().filter(|p| !is_shown(p)).count() {
            0 => s.name.clone(),
            left_out => format!("{} ({left_out} of {} not shown)", s.name, points.len()),
        };
        let names: Vec<String> = self.series.iter().zip(series).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        legend(area, &names, [24, self.size[0] - 24, TITLE - 4], |i| !self.series[i].joined)
    }
    fn chart(&self, area: &Area<'_>, x: Axis, y: Axis, series: &[Vec<(f64, f64)>]) -> Drawn {
        let below_title = TITLE + self.legend(Some(area), series)?;
        let [x_labels, y_labels] = [&x, &y].map(|axis| axis.at.len());
        let mut chart = ChartBuilder::on(area)
            .margin_top(below_title + 2)
            .margin_right(24)
            .margin_bottom(8)
            .margin_left(10)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GRID)
            .axis_style(GREY)
            .x_labels(x_labels)
            .y_labels(y_labels)
            .x_desc(&self.axes[0])
            .y_desc(&self.axes[1])
            .label_style(("sans-serif", 14).into_font().color(&GREY))
            .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
            .x_label_formatter(&|x| tick(*x))
            .y_label_formatter(&|y| if self.log { log_tick(*y) } else { tick(*y) })
            .draw()?;
        for (i, points) in series.iter().enumerate() {
            let line = colour(i).stroke_width(2);
            if !self.series[i].joined {
                chart.draw_series(points.iter().filter(|p| is_shown(p)).map(|&p| Circle::new(p, 3, colour(i).mix(0.5).filled())))?;
                continue;
            }
            for piece in points.split(|p| !is_shown(p)) {
                match piece {
                    [] => {}
                    [alone] => {
                        chart.draw_series([Circle::new(*alone, 3, colour(i).filled())])?;
                    }
                    _ => {
                        chart.draw_series([PathElement::new(piece.to_vec(), line)])?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_shown(&(x, y): &(f64, f64)) -> bool {
    x.is_finite() && y.is_finite()
}
