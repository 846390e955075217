class DiaphragmMotion:
    def __init__(self, *, widest, smallest, step, av_per_s):
        self.widest = widest
        self.smallest = smallest
        self.target = widest
        self.done_at = 0.0

    def order(self, target, now, duration=0.0):
        self.target = max(self.widest, min(self.smallest, target))
        self.done_at = now + 0.02 + duration
        return self.done_at

    def limits(self, widest, smallest, now):
        self.widest = widest
        self.smallest = smallest
        self.target = max(widest, min(smallest, self.target))
        return now

    def position(self, now):
        return self.target

    def moving(self, now):
        return now < self.done_at
