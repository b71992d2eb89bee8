//! Layers and networks.

mod layers;
mod modules;
mod segnet;
