//! Resampling of images.

use super::super::call::{Answer, Call, Unsupported, unsupported};
use super::super::format::Value;
use wengert::{GridSampleMode, GridSampleOptions, GridSamplePadding, InterpolateMode, InterpolateOptions, Scalar};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "F.interpolate" => {
            c.takes(
                "input, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None, antialias=False",
            )?;
            let (mode, axes) = match c.string("mode")?.as_str() {
                "nearest" => (InterpolateMode::Nearest, None),
                "nearest-exact" => (InterpolateMode::NearestExact, None),
                "linear" => (InterpolateMode::Linear, Some(3)),
                "bilinear" => (InterpolateMode::Linear, Some(4)),
                "trilinear" => (InterpolateMode::Linear, Some(5)),
                "bicubic" => (InterpolateMode::Bicubic, None),
                "area" => (InterpolateMode::Area, None),
                other => return unsupported(format!("mode '{other}'")),
            };
            if axes.is_some_and(|n| c.var("input").is_ok_and(|x| x.ndim() != n)) {
                return unsupported("a mode for another number of axes: ours has one name for all");
            }
            let recompute_scale_factor = c.opt_flag("recompute_scale_factor")?.unwrap_or(false);
            let align_corners = c.opt_flag("align_corners")?.unwrap_or(false);
            interpolate(c, InterpolateOptions { mode, align_corners, recompute_scale_factor, ..Default::default() })
        }
        "F.upsample_nearest" => {
            c.takes("input, size=None, scale_factor=None")?;
            interpolate(c, InterpolateOptions::default())
        }
        "F.upsample_bilinear" => {
            c.takes("input, size=None, scale_factor=None")?;
            interpolate(c, InterpolateOptions { mode: InterpolateMode::Linear, align_corners: true, ..Default::default() })
        }
        "F.grid_sample" => {
            c.takes("input, grid, mode='bilinear', padding_mode='zeros', align_corners=None")?;
            let mode = match c.string("mode")?.as_str() {
                "bilinear" => GridSampleMode::Bilinear,
                "nearest" => GridSampleMode::Nearest,
                "bicubic" => GridSampleMode::Bicubic,
                other => return unsupported(format!("mode '{other}'")),
            };
            let padding_mode = match c.string("padding_mode")?.as_str() {
                "zeros" => GridSamplePadding::Zeros,
                "border" => GridSamplePadding::Border,
                "reflection" => GridSamplePadding::Reflection,
                other => return unsupported(format!("padding_mode '{other}'")),
            };
            let align_corners = c.opt_flag("align_corners")?.unwrap_or(false);
            Ok(c.var("input")?.grid_sample(c.var("grid")?, GridSampleOptions { mode, padding_mode, align_corners }).into())
        }
        "F.pixel_shuffle" => {
            c.takes("input, upscale_factor")?;
            Ok(c.var("input")?.pixel_shuffle(c.size("upscale_factor")?).into())
        }
        "F.pixel_unshuffle" => {
            c.takes("input, downscale_factor")?;
            Ok(c.var("input")?.pixel_unshuffle(c.size("downscale_factor")?).into())
        }
        _ => Err(Unsupported::Op),
    }
}

/// With the size or the factor that the call has.
fn interpolate<'t, T: Scalar>(c: &Call<'t, T>, options: InterpolateOptions<'_>) -> Answer<'t, T> {
    let size = c.opt_sizes("size")?;
    let float = |v: &Value<_>| match v {
        Value::Int(i) => Ok(*i as f64),
        Value::Float(x) => Ok(*x),
        _ => unsupported("a `scale_factor` that is no number"),
    };
    let scale = match c.arg("scale_factor") {
        Value::None => None,
        Value::List(list) => Some(list.iter().map(float).collect::<Result<Vec<_>, _>>()?),
        one => Some(vec![float(&one)?]),
    };
    Ok(c.var("input")?.interpolate(InterpolateOptions { size: size.as_deref(), scale_factor: scale.as_deref(), ..options }).into())
}
