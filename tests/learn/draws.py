"""Random numbers by counter, once more from the description in src/learn/rng.h (SplitMix64's finaliser), for oracles on the same draws."""
MASK = (1 << 64) - 1


def mix(z):
    z = (z + 0x9e3779b97f4a7c15) & MASK
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & MASK
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & MASK
    return z ^ (z >> 31)


def stream(seed, purpose, at):
    return mix(mix(mix(seed) ^ purpose) ^ at)


def below(own, counter, n):
    return ((mix(own ^ mix(counter)) >> 32) * n) >> 32
