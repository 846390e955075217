class FocusMotion:
    def __init__(self, *, steps, speed, acceleration, backlash, settle, start=0):
        self.lower = 0
        self.upper = steps - 1
        self.target = start
        self.done_at = 0.0
        self.speed = speed
        self.settle = settle
        self._from = start
        self._at = 0.0
        self._v = speed
        self.far_limit = 0
        self.near_limit = steps - 1

    def order(self, target, now, speed=0.0):
        p = self.position(now)
        self._from = p
        self._at = now
        self._v = speed or self.speed
        self.target = max(self.far_limit, min(self.near_limit, target))
        self.done_at = now + abs(self.target - p) / self._v + self.settle
        return self.done_at

    def run(self, velocity, now):
        return (
            self.order(self.upper if velocity > 0 else self.lower, now, abs(velocity)) if velocity else self.stop(now)
        )

    def stop(self, now):
        return self.order(self.position(now), now)

    def freeze(self, now):
        p = self.position(now)
        self._from = self.target = p
        self._at = now
        self.done_at = now

    def limit(self, far, near, now):
        self.far_limit = far
        self.near_limit = near

    def home(self, now):
        return self.order(0, now)

    def position(self, now):
        d = self.target - self._from
        m = (now - self._at) * self._v
        return self.target if m >= abs(d) else round(self._from + (m if d > 0 else -m))

    def velocity(self, now):
        return 0.0

    def moving(self, now):
        return now < self.done_at
