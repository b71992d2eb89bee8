#!/bin/sh
# gymnasium: what does a vector environment return when one of its episodes ends, and in the step after that?
#
# Guess (from gym, and from gymnasium 0.x): the step that ends the episode already returns the first observation of the next one, and the
# last observation lies in `info["final_observation"]`. Every step is a real transition.
# Seen: the step that ends returns the last observation, and no final observation lies in `info`. The next call ignores the action that it is
# given: it returns the first observation of the new episode with reward 0 and neither flag set. Whoever writes every step into a replay
# memory stores one transition per episode that never happened, from a fallen pole to an upright one, for reward 0 and without an end.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/episodes.py" <<'PYTHON'
import sys
import gymnasium
import numpy as np

def second_episode(action):
    """Pushes right until the pole falls, then calls step once more with this action."""
    envs = gymnasium.make_vec("CartPole-v1", num_envs=1, vectorization_mode="sync")
    envs.reset(seed=0)
    terminated = [False]
    while not terminated[0]:
        last, reward, terminated, _, info = envs.step(np.array([1]))
    after = envs.step(np.array([action]))
    return last[0], float(reward[0]), info, after

(last, reward, info, after), (_, _, _, other) = second_episode(0), second_episode(1)
fallen = abs(float(last[2])) > 0.2095
upright = bool(np.all(np.abs(after[0][0]) < 0.05))
ignored = bool(np.array_equal(after[0], other[0]))
print(gymnasium.__version__, "at the end: fallen", fallen, "reward", reward, "info", sorted(info))
print("one step later: upright", upright, "reward", float(after[1][0]), "ended", bool(after[2][0]), "the action is ignored", ignored)
sys.exit(0 if fallen and reward == 1 and not info and upright and after[1][0] == 0 and not after[2][0] and ignored else 1)
PYTHON

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
"$dir/venv/bin/python" "$dir/episodes.py"
# 1.4.0 at the end: fallen True reward 1.0 info []
# one step later: upright True reward 0.0 ended False the action is ignored True
