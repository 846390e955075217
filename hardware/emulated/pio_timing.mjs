// Time for the package's PIO, which executes as fast as it can: one instruction after the other at the machine's clock,
// with delays, dividers and the two stages that synchronise a pin; and FIFOs that a change of their joining clears.

const SHIFTCTRL = 0xd0, MACHINE = 0x18;
const JOINS = 3 << 30;
// Cycles of the system's clock between a pin and a machine that waits for it.
const SYNCHRONISER = 2;

export class PioTiming {
  constructor(mcu, pio) {
    Object.assign(this, { mcu, pio });
    pio.run = () => {};
    this.machines = pio.machines.map((machine) => this.#keepTime(machine));
    const write = pio.writeUint32.bind(pio);
    pio.writeUint32 = (offset, value) => {
      const number = Math.floor((offset - SHIFTCTRL) / MACHINE);
      if (offset === SHIFTCTRL + MACHINE * number && number >= 0 && number < 4)
        if ((pio.machines[number].shiftCtrl ^ value) & JOINS) this.#clear(pio.machines[number]);
      write(offset, value);
      pio.checkChangedPins();
      for (const one of this.machines) one.start();
    };
  }

  #clear(machine) {
    while (!machine.rxFIFO.empty) machine.rxFIFO.pull();
    while (!machine.txFIFO.empty) machine.txFIFO.pull();
    this.pio.checkInterrupts();
  }

  #keepTime(machine) {
    const { mcu, pio } = this;
    let due = false, steps = false;
    const divisor = () => machine.clockDivInt + machine.clockDivFrac / 256 || 65536;
    const cycle = () => 1e9 / mcu.clkSys;
    const next = (cycles) => {
      due = true;
      alarm.schedule(cycles);
    };
    const start = (cycles = cycle() * divisor()) => {
      if (machine.enabled && !machine.waiting && !due && !steps) next(cycles);
    };
    const alarm = mcu.clock.createAlarm(() => {
      due = false;
      if (!machine.enabled || machine.waiting) return;
      const before = machine.cycles;
      steps = true;
      machine.step();
      steps = false;
      pio.checkChangedPins();
      start((machine.cycles - before) * cycle() * divisor());
    });
    const checkWait = machine.checkWait.bind(machine);
    machine.checkWait = () => {
      const waited = machine.waiting, before = machine.cycles;
      checkWait();
      if (!waited || machine.waiting || steps) return;
      pio.checkChangedPins();
      start((1 + SYNCHRONISER) * cycle() + (machine.cycles - before) * cycle() * divisor());
    };
    return { start };
  }
}
