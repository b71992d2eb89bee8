//! Reinforcement learning: environments, replay memories, deep Q-learning. (Feature `rl`, on by default.)
//!
//! | to .. | take |
//! |---|---|
//! | have a task | [`CartPole`], [`Acrobot`], [`MountainCar`] (gymnasium's, step by step), [`Catch`] (pixels), or an [`Environment`] of your own |
//! | see what moves; act for longer | [`FrameStack`]; [`ActionRepeat`] |
//! | remember | [`ReplayMemory`], uniform or by priorities ([`SumTree`]) |
//! | learn | [`Dqn`]; by hand [`td_target`], [`double_td_target`], [`soft_update`] |
//! | value states and actions apart | [`DuelingHead`] |
//! | explore | [`Epsilon`] |
//! | measure | [`evaluate`] |

mod acrobot;
mod action_repeat;
mod cart_pole;
mod catch;
mod dqn;
mod dueling;
mod environment;
mod epsilon;
mod frame_stack;
mod mountain_car;
mod replay;
mod sum_tree;
mod target;

pub use acrobot::Acrobot;
pub use action_repeat::ActionRepeat;
pub use cart_pole::CartPole;
pub use catch::Catch;
pub use dqn::{Dqn, DqnOptions, Learned, TargetUpdate, TdLoss, evaluate};
pub use dueling::DuelingHead;
pub use environment::{Element, Environment, Episode, Step};
pub use epsilon::Epsilon;
pub use frame_stack::FrameStack;
pub use mountain_car::MountainCar;
pub use replay::{Batch, PriorityOptions, ReplayMemory};
pub use sum_tree::SumTree;
pub use target::{double_td_target, soft_update, td_target};
