// A USB host that asks a device for everything that an operating system asks, checks the order of data packets, and
// can leave the device waiting. The package's own asks for half of it, and polls with empty packets.

const SETUP_RECEIVED = 1 << 17, BUS_RESET = 1 << 19, SUSPENDED = 1 << 4, RESUMED = 1 << 11;
const FULL = 1 << 15, DATA1 = 1 << 13, STALL = 1 << 11, AVAILABLE = 1 << 10, SIZE = 0x3ff;
const SIE_STATUS = 0x50;
const EP0_BUFFER = 0x100, PACKET = 64, DATA_ENDPOINT = 2;
// 64 bytes at 12 Mbit/s, with token, handshake and gaps.
const PACKET_NS = 55_000;

const setup = (type, request, value, index, length) =>
  [type, request, value & 255, value >> 8, index & 255, index >> 8, length & 255, length >> 8];

export class UsbHost {
  constructor(mcu, deliver) {
    Object.assign(this, { mcu, deliver });
    this.controller = mcu.usbCtrl;
    this.reads = true;
    this.toDevice = [];
    this.armed = new Map();
    this.written = new Map();
    this.toggles = new Map();
    this.faults = [];
    this.found = {};
    this.steps = [];
    this.transfer = null;
    this.ready = false;
    this.inAlarm = mcu.clock.createAlarm(() => this.#takeIn());
    this.outAlarm = mcu.clock.createAlarm(() => this.#giveOut());
    this.stepAlarm = mcu.clock.createAlarm(() => this.#step());
    this.inBusy = this.outBusy = false;
    this.controller.DPRAMUpdated = (offset, value) => this.#bufferControl(offset, value);
    this.controller.onUSBEnabled = () => this.controller.resetDevice();
    this.controller.onResetReceived = () => this.#enumerate();
    const write = this.controller.writeUint32.bind(this.controller);
    this.controller.writeUint32 = (offset, value) => {
      write(offset, value);
      // The package never clears this bit.
      if (offset === SIE_STATUS && this.controller.rawWriteValue & SUSPENDED) this.#status(0, SUSPENDED);
    };
  }

  write(data) {
    this.toDevice.push(...data);
    this.#pumpOut();
  }

  setReads(reads) {
    this.reads = reads;
    this.#pumpIn();
  }

  setLines(value) {
    this.#do(setup(0x21, 0x22, value, 0, 0));
  }

  suspend(on) {
    this.#status(on ? SUSPENDED : RESUMED, 0);
  }

  reset() {
    this.ready = false;
    this.armed.clear();
    this.controller.resetDevice();
  }

  // A control transfer of the caller's; its answer goes to `found[name]`.
  ask(name, bytes, data) {
    this.#do(bytes, (answer) => (this.found[name] = answer), data);
  }

  #status(set, clear) {
    this.controller.sieStatus = (this.controller.sieStatus | set) & ~clear;
    this.controller.sieStatusUpdated();
  }

  #fault(text) {
    this.faults.push(`${Math.round(this.mcu.clock.nanos / 1000)} us: ${text}`);
  }

  #enumerate() {
    this.toggles.clear();
    this.transfer = null;
    const say = (name) => (answer) => (this.found[name] = answer);
    this.#do(setup(0x80, 6, 0x100, 0, 8), say('device8'));
    this.#do(setup(0x00, 5, 7, 0, 0), () => (this.found.address = this.controller.addrEndp));
    this.#do(setup(0x80, 6, 0x100, 0, 18), say('device'));
    this.#do(setup(0x80, 6, 0x600, 0, 10), say('qualifier'));
    this.#do(setup(0x80, 6, 0x200, 0, 9), say('configuration9'));
    this.#do(setup(0x80, 6, 0x200, 0, 255), say('configuration'));
    for (const index of [0, 1, 2, 3, 4]) this.#do(setup(0x80, 6, 0x300 | index, 0x409, 255), say(`string${index}`));
    this.#do(setup(0x00, 9, 1, 0, 0));
    this.#do(setup(0x21, 0x20, 0, 0, 7), say('coding'), [0x80, 0x84, 0x1e, 0, 0, 0, 8]);
    this.#do(setup(0xa1, 0x21, 0, 0, 7), say('coding_read'));
    this.#do(setup(0x21, 0x22, 3, 0, 0), () => {
      this.ready = true;
      this.#pumpOut();
      this.#pumpIn();
    });
  }

  #do(bytes, then = () => {}, data = []) {
    this.steps.push({ bytes, then, data, answer: [], wanted: bytes[6] | (bytes[7] << 8), in: !!(bytes[0] & 0x80) });
    if (!this.transfer) this.stepAlarm.schedule(20_000);
  }

  #step() {
    if (this.transfer || !this.steps.length) return;
    this.transfer = this.steps.shift();
    this.toggles.set('0in', DATA1).set('0out', DATA1);
    this.armed.delete('0in');
    this.armed.delete('0out');
    this.mcu.usbDPRAM.set(this.transfer.bytes);
    this.#status(SETUP_RECEIVED, 0);
  }

  #finish(answer) {
    const { then, bytes } = this.transfer;
    this.transfer = null;
    if (bytes[1] === 9 && !(bytes[0] & 0x60)) for (const key of ['2in', '2out']) this.toggles.set(key, 0);
    // Hosts begin again with DATA0 after CLEAR_FEATURE(ENDPOINT_HALT) and SET_INTERFACE.
    if (answer && bytes[0] === 0x02 && bytes[1] === 1) this.toggles.set(`${bytes[4] & 15}${bytes[4] & 0x80 ? 'in' : 'out'}`, 0);
    if (answer && bytes[0] === 0x01 && bytes[1] === 11 && bytes[4] === 1) for (const key of ['2in', '2out']) this.toggles.set(key, 0);
    then(answer);
    if (this.steps.length) this.stepAlarm.schedule(20_000);
  }

  #bufferControl(offset, value) {
    if (offset < 0x80 || offset >= 0x100) return;
    const endpoint = (offset - 0x80) >> 3, key = `${endpoint}${offset & 4 ? 'out' : 'in'}`;
    const before = this.written.get(key);
    this.written.set(key, value);
    if (value & STALL && endpoint === 0) {
      if (this.transfer && this.controller.epStallArm) {
        this.controller.epStallArm = 0;
        this.#finish(null);
      }
      return;
    }
    if (!(value & AVAILABLE)) return;
    if ((before | AVAILABLE) !== value) this.#fault(`${key} is made available in one write with the rest`);
    this.armed.set(key, value);
    if (endpoint === 0) this.controlAlarm().schedule(5_000);
    else if (key === '2in') this.#pumpIn();
    else if (key === '2out') this.#pumpOut();
  }

  controlAlarm() {
    this.control ??= this.mcu.clock.createAlarm(() => this.#control());
    return this.control;
  }

  // Takes an armed buffer for a packet; checks that it is the one of the pair that is due.
  #use(key) {
    const value = this.armed.get(key), toggle = this.toggles.get(key) ?? 0;
    this.armed.delete(key);
    if ((value & DATA1) !== toggle) this.#fault(`${key} has DATA${value & DATA1 ? 1 : 0} out of turn`);
    this.toggles.set(key, toggle ^ DATA1);
    return value;
  }

  #done(key, count) {
    const endpoint = Number(key[0]), out = key.endsWith('out');
    const offset = 0x80 + 8 * endpoint + (out ? 4 : 0);
    const view = this.mcu.usbDPRAMView;
    const value = view.getUint32(offset, true) & ~(AVAILABLE | SIZE | FULL);
    view.setUint32(offset, value | count | (out ? FULL : 0), true);
    this.controller.indicateBufferReady(endpoint, out);
  }

  #control() {
    const transfer = this.transfer;
    if (!transfer) return;
    if (transfer.in && !transfer.answered && this.armed.has('0in')) {
      const count = this.#use('0in') & SIZE;
      transfer.answer.push(...this.mcu.usbDPRAM.slice(EP0_BUFFER, EP0_BUFFER + count));
      transfer.answered = count < PACKET || transfer.answer.length >= transfer.wanted;
      this.#done('0in', count);
      this.controlAlarm().schedule(5_000);
    } else if (transfer.in && transfer.answered && this.armed.has('0out')) {
      // The status packet is always DATA1.
      this.toggles.set('0out', DATA1);
      this.#use('0out');
      this.#done('0out', 0);
      this.#finish(transfer.answer);
    } else if (!transfer.in && transfer.data.length && this.armed.has('0out')) {
      this.#use('0out');
      this.mcu.usbDPRAM.set(transfer.data, EP0_BUFFER);
      const count = transfer.data.length;
      transfer.data = [];
      this.#done('0out', count);
    } else if (!transfer.in && !transfer.data.length && this.armed.has('0in')) {
      this.toggles.set('0in', DATA1);
      if (this.#use('0in') & SIZE) this.#fault('a status packet that is not empty');
      this.#done('0in', 0);
      this.#finish([]);
    }
  }

  #buffer(out) {
    return this.mcu.usbDPRAMView.getUint32(8 * DATA_ENDPOINT + (out ? 4 : 0), true) & 0xffc0;
  }

  #pumpIn() {
    if (!this.ready || !this.reads || this.inBusy || !this.armed.has('2in')) return;
    this.inBusy = true;
    this.inAlarm.schedule(PACKET_NS);
  }

  #takeIn() {
    this.inBusy = false;
    if (!this.armed.has('2in')) return;
    const count = this.#use('2in') & SIZE;
    const data = this.mcu.usbDPRAM.slice(this.#buffer(false), this.#buffer(false) + count);
    this.#done('2in', count);
    this.deliver(data);
  }

  #pumpOut() {
    if (!this.ready || this.outBusy || !this.toDevice.length || !this.armed.has('2out')) return;
    this.outBusy = true;
    this.outAlarm.schedule(PACKET_NS);
  }

  #giveOut() {
    this.outBusy = false;
    if (!this.armed.has('2out')) return;
    const room = this.#use('2out') & SIZE;
    const data = this.toDevice.splice(0, room);
    this.mcu.usbDPRAM.set(data, this.#buffer(true));
    this.#done('2out', data.length);
  }
}
