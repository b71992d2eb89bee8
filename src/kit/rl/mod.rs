//! Reinforcement learning: environments, replay memories, deep Q-learning.
