//! Convolutions.

use super::super::call::{Answer, Call, Unsupported, unsupported};
use wengert::{ConvOptions, ConvTransposeOptions, Padding, Scalar};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    match op {
        "F.conv1d" => {
            let options = conv(c)?;
            Ok(c.var("input")?.conv1d(c.var("weight")?, c.opt_var("bias")?, options).into())
        }
        "F.conv2d" => {
            let options = conv(c)?;
            Ok(c.var("input")?.conv2d(c.var("weight")?, c.opt_var("bias")?, options).into())
        }
        "F.conv3d" => {
            let options = conv(c)?;
            Ok(c.var("input")?.conv3d(c.var("weight")?, c.opt_var("bias")?, options).into())
        }
        "F.conv_transpose1d" => {
            let options = conv_transpose(c)?;
            Ok(c.var("input")?.conv_transpose1d(c.var("weight")?, c.opt_var("bias")?, options).into())
        }
        "F.conv_transpose2d" => {
            let options = conv_transpose(c)?;
            Ok(c.var("input")?.conv_transpose2d(c.var("weight")?, c.opt_var("bias")?, options).into())
        }
        "F.conv_transpose3d" => {
            let options = conv_transpose(c)?;
            Ok(c.var("input")?.conv_transpose3d(c.var("weight")?, c.opt_var("bias")?, options).into())
        }
        "F.unfold" => {
            c.takes("input, kernel_size, dilation=1, padding=0, stride=1")?;
            let options = patches(c)?;
            Ok(c.var("input")?.im2col(each(c, "kernel_size")?, options).into())
        }
        "F.fold" => {
            c.takes("input, output_size, kernel_size, dilation=1, padding=0, stride=1")?;
            let options = patches(c)?;
            Ok(c.var("input")?.col2im(each(c, "output_size")?, each(c, "kernel_size")?, options).into())
        }
        _ => Err(Unsupported::Op),
    }
}

/// A number for each of `N` axes; a single one stands for all.
fn each<T: Scalar, const N: usize>(c: &Call<'_, T>, name: &str) -> Result<[usize; N], Unsupported> {
    match c.sizes(name)?[..] {
        [one] => Ok([one; N]),
        ref sizes => sizes.try_into().or_else(|_| unsupported(format!("`{name}` has {} entries, ours has {N}", sizes.len()))),
    }
}

fn conv<T: Scalar, const N: usize>(c: &Call<'_, T>) -> Result<ConvOptions<N>, Unsupported> {
    c.takes("input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1")?;
    let padding = match c.string("padding") {
        Ok(name) if name == "same" => Padding::Same,
        Ok(name) if name == "valid" => Padding::Valid,
        Ok(name) => return unsupported(format!("padding \"{name}\"")),
        Err(_) => Padding::Zeros(each(c, "padding")?),
    };
    Ok(ConvOptions { stride: each(c, "stride")?, padding, dilation: each(c, "dilation")?, groups: c.size("groups")? })
}

fn conv_transpose<T: Scalar, const N: usize>(c: &Call<'_, T>) -> Result<ConvTransposeOptions<N>, Unsupported> {
    c.takes("input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1")?;
    Ok(ConvTransposeOptions {
        stride: each(c, "stride")?,
        padding: each(c, "padding")?,
        output_padding: each(c, "output_padding")?,
        dilation: each(c, "dilation")?,
        groups: c.size("groups")?,
    })
}

fn patches<T: Scalar>(c: &Call<'_, T>) -> Result<ConvOptions<2>, Unsupported> {
    let padding = Padding::Zeros(each(c, "padding")?);
    Ok(ConvOptions { stride: each(c, "stride")?, padding, dilation: each(c, "dilation")?, groups: 1 })
}
