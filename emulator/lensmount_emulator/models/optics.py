import math


def av256(n):
    return round(512 * math.log2(n))


def f_number_of(a):
    return 2 ** (a / 512)


def widest_at(f, w, t):
    return round(w + (t - w) * f)


def distance_mm(p, steps, n):
    return 65535000 if p <= 0 else min(65535000, round(n * (steps - 1) / p))


def position_of(d, steps, n):
    return min(steps - 1, round(n * (steps - 1) / d))


def distance_scale(steps, n, points=16):
    return [(p := round(i * (steps - 1) / (points - 1)), distance_mm(p, steps, n)) for i in range(points)]


def breathing_scales(p, points=9):
    return [32768] * points


def blur_table(f, focal, points=9):
    return [0] * points


def correction(kind, fr, focal, d, f):
    return [1, 2, 3]
