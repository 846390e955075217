// A UART as the PL011 is without its FIFOs: a holding and a shift register each way, at the true rate.
// The package's own takes no time to send, knows no errors and ignores which pins it is connected to.

const DR = 0x00, FR = 0x18, IBRD = 0x24, FBRD = 0x28, LCR_H = 0x2c, CR = 0x30, IMSC = 0x38, RIS = 0x3c, MIS = 0x40,
  ICR = 0x44;
const RX = 1 << 4, TX = 1 << 5;
const FRAMING = 1 << 8, OVERRUN = 1 << 11;
const BITS_PER_BYTE = 10;
// A receiver samples in the middle of the stop bit: half a bit in ten.
const MISMATCH = 0.05;

export class Pl011 {
  // `send` is told of each byte when it is on the wire: value, begin and end in ns, bits a second.
  constructor(mcu, irq, send) {
    Object.assign(this, { mcu, irq, send });
    this.registers = new Map([[IBRD, 0], [FBRD, 0], [LCR_H, 0], [CR, 0x300], [IMSC, 0]]);
    this.raised = 0;
    this.holding = this.shifting = this.received = null;
    this.overrun = false;
    this.alarm = mcu.clock.createAlarm(() => this.#shifted());
  }

  get baudrate() {
    const divisor = this.registers.get(IBRD) + this.registers.get(FBRD) / 64;
    return this.mcu.clkPeri / (16 * divisor);
  }

  readUint32(offset) {
    if (offset === DR) {
      const value = (this.received ?? 0) | (this.overrun ? OVERRUN : 0);
      this.received = null;
      this.overrun = false;
      this.#raise(this.raised & ~RX);
      return value;
    }
    if (offset === FR) {
      const empty = this.received === null;
      return (this.shifting ? 1 << 3 : 0) | (empty ? 1 << 4 : 1 << 6) | (this.holding === null ? 1 << 7 : 1 << 5);
    }
    if (offset === RIS) return this.raised;
    if (offset === MIS) return this.raised & this.registers.get(IMSC);
    return this.registers.get(offset) ?? 0;
  }

  writeUint32Atomic(offset, value, kind) {
    const was = this.registers.get(offset) ?? 0;
    this.writeUint32(offset, [value, was ^ value, was | value, was & ~value][kind]);
  }

  writeUint32(offset, value) {
    if (offset === DR) this.#load(value & 0xff);
    else if (offset === ICR) this.#raise(this.raised & ~value);
    else {
      this.registers.set(offset, value);
      if (offset === CR && !(value & 1)) this.#abort();
      this.#raise(this.raised);
    }
  }

  // A whole byte has come, at a rate; it was broken on its way, or is by a wrong rate.
  receive(value, baudrate, broken = false) {
    const control = this.registers.get(CR);
    if (!(control & 1) || !(control & (1 << 9))) return;
    if (this.received !== null) {
      this.overrun = true;
      return;
    }
    const wrong = broken || Math.abs(baudrate / this.baudrate - 1) > MISMATCH;
    this.received = value | (wrong ? FRAMING : 0);
    this.#raise(this.raised | RX);
  }

  #load(value) {
    const control = this.registers.get(CR);
    if (!(control & 1) || !(control & (1 << 8))) return;
    if (this.holding !== null) throw new Error('a byte is written over another in the UART');
    this.holding = value;
    this.#raise(this.raised & ~TX);
    if (!this.shifting) this.#shift();
  }

  #shift() {
    const begin = this.mcu.clock.nanos, baudrate = this.baudrate;
    const end = begin + (1e9 * BITS_PER_BYTE) / baudrate;
    this.shifting = { value: this.holding, begin, end, baudrate };
    this.holding = null;
    this.alarm.schedule(end - begin);
    this.#raise(this.raised | TX);
  }

  #shifted() {
    const byte = this.shifting;
    this.shifting = null;
    if (this.holding !== null) this.#shift();
    this.send(byte);
  }

  #abort() {
    this.alarm.cancel();
    this.holding = this.shifting = this.received = null;
    this.raised = 0;
  }

  #raise(raised) {
    this.raised = raised;
    this.mcu.setInterrupt(this.irq, !!(raised & this.registers.get(IMSC)));
  }
}
