//! The confusion matrix as a heat map.

use super::{GREY, INK, Picture, TITLE, colour, mix, picture, text, width_of};
use crate::metrics::ConfusionMatrix;
use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A heat map of the counts in a confusion matrix, with a row for each true class and a column for each predicted one. The colour of a cell
/// is its share of its row. With more than 40 classes there is no room for the counts.
///
/// ```
/// use wengert::metrics::ConfusionMatrix;
/// let mut matrix = ConfusionMatrix::with_names(["cat", "dog"]);
/// matrix.update(&[0, 0, 1, 1], &[0, 1, 1, 1]);
/// assert!(wengert::plot::confusion("pets", &matrix).svg().contains("accuracy 75.00 % of 4"));
/// ```
pub fn confusion(title: &str, matrix: &ConfusionMatrix) -> Picture {
    let n = matrix.classes() as i32;
    let cell = (440 / n).clamp(if n > 40 { 6 } else { 28 }, 64);
    let font = (cell * 2 / 5).clamp(6, 17);
    let widest = matrix.names().iter().map(|name| width_of(name, font)).max().unwrap_or(0);
    let upright = widest > cell - 4;
    let (left, below) = (44 + widest + 10, if upright { widest + 12 } else { font + 12 });
    let (top, side) = (TITLE + 24, n * cell);
    let size = [(left + side + 90).max(width_of(title, 20) + 20).max(340), top + side + below + 34];
    let blue = mix(colour(0), RGBColor(0, 0, 0), 0.25);
    let shade = |share: f64| mix(RGBColor(246, 249, 253), blue, share.sqrt()); // the square root makes single mistakes visible
    let accuracy = match matrix.total() {
        0 => "no samples".into(),
        total => format!("accuracy {:.2} % of {total}", 100.0 * matrix.accuracy()),
    };
    picture(title, size, |area| {
        area.draw(&Text::new(accuracy, (size[0] / 2, TITLE + 6), text(15, GREY, HPos::Center)))?;
        for (class, counts) in matrix.counts().rows().into_iter().enumerate() {
            let row = top + class as i32 * cell;
            let total = counts.sum().max(1) as f64;
            for (predicted, &count) in counts.iter().enumerate() {
                let (x, share) = (left + predicted as i32 * cell, count as f64 / total);
                area.draw(&Rectangle::new([(x, row), (x + cell, row + cell)], shade(share).filled()))?;
                area.draw(&Rectangle::new([(x, row), (x + cell, row + cell)], WHITE.stroke_width(1)))?;
                if count > 0 && n <= 40 {
                    let count = count.to_string();
                    let fitting = font.min(font * (cell - 4) / width_of(&count, font).max(1));
                    let ink = if share > 0.3 { WHITE } else { INK };
                    area.draw(&Text::new(count, (x + cell / 2, row + cell / 2), text(fitting, ink, HPos::Center)))?;
                }
            }
        }
        for (i, name) in matrix.names().iter().enumerate() {
            let middle = i as i32 * cell + cell / 2;
            area.draw(&Text::new(name.clone(), (left - 8, top + middle), text(font, INK, HPos::Right)))?;
            let (style, y) = if upright {
                (turned(font, INK, HPos::Right), top + side + 8)
            } else {
                (text(font, INK, HPos::Center), top + side + 6 + font / 2)
            };
            area.draw(&Text::new(name.clone(), (left + middle, y), style))?;
        }
        area.draw(&Text::new("true class", (20, top + side / 2), turned(16, INK, HPos::Center)))?;
        let under = (left + side / 2, top + side + below + 14);
        area.draw(&Text::new("predicted class", under, text(16, INK, HPos::Center)))?;
        // The colour scale, with 0 at the bottom.
        let (x, height) = (left + side + 22, side.min(200));
        let start = top + (side - height) / 2;
        for y in 0..height {
            let share = 1.0 - f64::from(y) / f64::from(height);
            area.draw(&Rectangle::new([(x, start + y), (x + 14, start + y + 1)], shade(share).filled()))?;
        }
        for (share, label) in [(0, "0 %"), (50, "50 %"), (100, "100 %")] {
            let y = start + height - height * share / 100;
            area.draw(&Text::new(label, (x + 20, y), text(13, GREY, HPos::Left)))?;
        }
        Ok(())
    })
}

/// Vertical text, read from the bottom up.
fn turned(size: i32, ink: RGBColor, h: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().transform(FontTransform::Rotate270).color(&ink).pos(Pos::new(h, VPos::Center))
}
