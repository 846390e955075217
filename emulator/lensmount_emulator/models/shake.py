class Shake:
    def __init__(self, random, amplitude_deg=0.2):
        pass

    def angle(self, now):
        return (0.1, 0.1)

    def rate(self, now):
        return (0.1, 0.1, 0.0)
