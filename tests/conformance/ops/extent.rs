//! More of the same elements, or fewer.

use super::super::call::{Answer, Call, Unsupported};
use super::super::format::Value;
use wengert::Scalar;

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "flip" => {
            c.takes("input, dims")?;
            Ok(c.var("input")?.flip(&c.axes("dims")?[..]).into())
        }
        "fliplr" | "flipud" => {
            c.takes("input")?;
            Ok(c.var("input")?.flip(if op == "fliplr" { 1 } else { 0 }).into())
        }
        "roll" => {
            c.takes("input, shifts, dims=()")?;
            Ok(c.var("input")?.roll(&c.axes("shifts")?, &c.axes("dims")?).into())
        }
        "repeat" => {
            c.takes("input, repeats")?;
            Ok(c.var("input")?.repeat(&c.sizes("repeats")?).into())
        }
        "tile" => {
            c.takes("input, dims")?;
            Ok(c.var("input")?.tile(&c.sizes("dims")?).into())
        }
        "chunk" => {
            c.takes("input, chunks, dim=0")?;
            Ok(c.var("input")?.chunk(c.size("chunks")?, c.axis("dim")?).into())
        }
        "split" | "split_with_sizes" => {
            c.takes(if op == "split" { "input, split_size_or_sections, dim=0" } else { "input, split_sizes, dim=0" })?;
            let (x, sizes, axis) = (c.var("input")?, if op == "split" { "split_size_or_sections" } else { "split_sizes" }, c.axis("dim")?);
            match c.arg(sizes) {
                Value::Int(_) => Ok(x.split(c.size(sizes)?, axis).into()),
                _ => Ok(x.split_with_sizes(&c.sizes(sizes)?, axis).into()),
            }
        }
        "tril" | "triu" => {
            c.takes("input, diagonal=0")?;
            let (x, diagonal) = (c.var("input")?, c.axis("diagonal")?);
            Ok(if op == "tril" { x.tril(diagonal) } else { x.triu(diagonal) }.into())
        }
        "diagonal" => {
            c.takes("input, offset=0, dim1=0, dim2=1")?;
            Ok(c.var("input")?.diagonal(c.axis("offset")?, c.axis("dim1")?, c.axis("dim2")?).into())
        }
        "diag_embed" => {
            c.takes("input, offset=0, dim1=-2, dim2=-1")?;
            Ok(c.var("input")?.diag_embed(c.axis("offset")?, c.axis("dim1")?, c.axis("dim2")?).into())
        }
        "trace" => {
            c.takes("input")?;
            Ok(c.var("input")?.trace().into())
        }
        "unfold" => {
            c.takes("input, dimension, size, step")?;
            Ok(c.var("input")?.unfold(c.axis("dimension")?, c.size("size")?, c.size("step")?).into())
        }
        _ => Err(Unsupported::Op),
    }
}
