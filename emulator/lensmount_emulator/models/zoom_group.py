class ZoomMotion:
    def __init__(self, *, shortest_um, longest_um, seconds):
        self.s = shortest_um
        self.l = longest_um
        self.f = shortest_um
        self.done_at = 0.0

    def turn_to(self, focal_um, now, seconds=0.3):
        self.f = focal_um
        self.done_at = now + seconds
        return self.done_at

    def drive(self, r, now):
        return now

    def stop(self, now):
        return now

    def focal_um(self, now):
        return self.f

    def fraction(self, now):
        return (self.f - self.s) / (self.l - self.s) if self.l > self.s else 0.0

    def position(self, now):
        return round(255 * self.fraction(now))

    def moving(self, now):
        return now < self.done_at


def focus_shift(f, s):
    return round(f * s)
