// One Raspberry Pi Pico: the package's processor with a UART, a USB host, a flash id, a boot ROM and counts of our own.

import { RP2040 } from 'rp2040js';

import { PioTiming } from './pio_timing.mjs';
import { Pl011 } from './pl011.mjs';
import { UsbHost } from './usb_host.mjs';

const FLASH = 0x10000000, RAM_END = 0x20042000, RAM = 0x20000000;
const IO_BANK0 = 0x40014, TIMER = 0x40054, WATCHDOG = 0x40058, SSI = 0x18000, UARTS = [0x40034, 0x40038];
const ENDLESS_LOOP = 0x42;
const UART_IRQS = [20, 21];
const UART_FUNCTION = 2;
const uartOf = (pin) => Math.floor((pin + 4) / 8) % 2;
const NAMES = { 16: 'frame signal', 17: 'mount alarm', 18: 'wake', 21: 'usb', 23: 'clocked link', 29: 'pins', 36: 'uart0', 37: 'uart1',
  47: 'mount kick' };

// Payloads of a UF2 file at their addresses.
function load(flash, uf2) {
  for (let at = 0; at < uf2.length; at += 512) {
    const address = uf2.readUInt32LE(at + 12), size = uf2.readUInt32LE(at + 16);
    if (uf2.readUInt32LE(at) !== 0x0a324655 || uf2.readUInt32LE(at + 28) !== 0xe48bff56)
      throw new Error('this is no UF2 file for an RP2040');
    flash.set(uf2.subarray(at + 32, at + 32 + size), address - FLASH);
  }
}

export class Board {
  // `on` has pin(board, pin, state), outside(board, pin, level), byte(board, uart, byte) and usb(board, data).
  constructor(number, uf2, serial, on, keptRam) {
    Object.assign(this, { number, uf2, serial, on });
    const mcu = (this.mcu = new RP2040());
    mcu.logger = { debug() {}, info() {}, warn: (who, text) => this.warnings.push(`${who}: ${text}`),
      error: (who, text) => this.warnings.push(`${who}: ${text}`) };
    this.origin = 0;
    this.warnings = [];
    this.inBootMode = this.watchdogBarked = false;
    if (keptRam) mcu.sram.set(keptRam);
    load(mcu.flash, uf2);
    this.#bootRom();
    this.#flashId();
    this.#timer();
    this.uarts = UARTS.map((base, uart) => {
      const model = new Pl011(mcu, UART_IRQS[uart], (byte) => on.byte(this, uart, byte));
      mcu.peripherals[base] = model;
      return model;
    });
    this.pio = new PioTiming(mcu, mcu.pio[0]);
    this.states = [];
    this.levels = 0;
    this.#pins();
    this.usb = new UsbHost(mcu, (data) => on.usb(this, data));
    mcu.onBreak = () => (this.inBootMode = true);
    this.watchdog = mcu.peripherals[WATCHDOG];
    this.watchdog.onWatchdogTrigger = () => {
      this.watchdogBarked = true;
      // The package's goes on, and finds no end.
      this.watchdog.alarm.enable = false;
    };
    this.irqs = new Map();
    this.active = [];
    this.instructions = 0;
    // The boot ROM copies the second stage to the end of RAM and starts it there.
    mcu.sram.set(mcu.flash.subarray(0, 256), RAM_END - 256 - RAM);
    mcu.core.SP = RAM_END;
    mcu.core.PC = RAM_END - 256;
  }

  // The bench's time; our own clock counts from our start.
  get now() {
    return this.origin + this.mcu.clock.nanos;
  }

  get stopped() {
    return this.inBootMode || this.watchdogBarked;
  }

  // When something happens here next: now, or at the next alarm of a processor that waits.
  get next() {
    const { core, clock } = this.mcu;
    if (this.stopped) return Infinity;
    if (!core.waiting) return this.now;
    return clock.nextAlarm ? this.origin + clock.nextAlarm.nanos : Infinity;
  }

  // Let time go by to a moment before which nothing happens here.
  skipTo(nanos) {
    if (nanos > this.now) this.mcu.clock.tick(nanos - this.now);
  }

  // Run while there is something to do before a moment, or until what we do has woken another board.
  runBefore(until) {
    const { core, clock } = this.mcu;
    const nanos = until - this.origin;
    const cycle = 1e9 / this.mcu.clkSys;
    this.woke = false;
    while (!this.stopped && !this.woke) {
      // A pending interrupt ends the sleep even where it is locked out.
      if (core.waiting && core.pendingInterrupts & core.enabledInterrupts) core.waiting = false;
      if (core.waiting) {
        const alarm = clock.nextAlarm;
        if (!alarm || alarm.nanos >= nanos) return;
        clock.tick(alarm.nanos - clock.nanos);
      } else {
        if (clock.nanos >= nanos) return;
        const cycles = core.executeInstruction();
        clock.tick(cycles * cycle);
        this.instructions++;
        this.#count(core.IPSR, cycles);
      }
    }
  }

  // Instructions of each visit to each interrupt, those that interrupted it not counted.
  #count(exception, cycles) {
    const active = this.active;
    while (active.length && active[active.length - 1].exception !== exception) {
      if (exception && !active.some((visit) => visit.exception === exception)) break;
      const visit = active.pop();
      const worst = this.irqs.get(visit.exception) ?? { visits: 0, instructions: 0, cycles: 0 };
      worst.visits++;
      worst.instructions = Math.max(worst.instructions, visit.instructions);
      worst.cycles = Math.max(worst.cycles, visit.cycles);
      this.irqs.set(visit.exception, worst);
    }
    if (!exception) return;
    if (!active.length || active[active.length - 1].exception !== exception)
      active.push({ exception, instructions: 0, cycles: 0 });
    const visit = active[active.length - 1];
    visit.instructions++;
    visit.cycles += cycles;
  }

  worst() {
    return Object.fromEntries([...this.irqs].map(([number, worst]) => [NAMES[number] ?? `exception ${number}`, worst]));
  }

  // The main loop goes round and round in the boot ROM from now on; interrupts come as before.
  hang() {
    const { core } = this.mcu;
    if (core.IPSR) throw new Error('an interrupt is at work: let it end first');
    core.PM = false;
    core.waiting = false;
    core.PC = ENDLESS_LOOP;
  }

  setPin(pin, level) {
    const bit = 1 << pin;
    if (!!(this.levels & bit) === level) return;
    this.levels ^= bit;
    this.on.outside(this, pin, level);
    this.mcu.gpio[pin].setInputValue(level);
  }

  // Whether a pin hears what comes for a UART.
  hears(uart) {
    return this.mcu.gpio.some(
      (gpio, pin) => pin % 4 === 1 && uartOf(pin) === uart && gpio.functionSelect === UART_FUNCTION);
  }

  speaks(uart) {
    return this.mcu.gpio.some(
      (gpio, pin) => pin % 4 === 0 && uartOf(pin) === uart && gpio.functionSelect === UART_FUNCTION);
  }

  #pins() {
    const { mcu } = this;
    mcu.gpio.forEach((gpio, pin) => {
      const changed = () => {
        const drives = gpio.outputEnable;
        const uart = gpio.functionSelect === UART_FUNCTION;
        const state = uart ? 'uart' : drives ? (gpio.outputValue ? 'high' : 'low') : 'input';
        if (state === this.states[pin]) return;
        this.states[pin] = state;
        this.on.pin(this, pin, state);
      };
      this.states[pin] = 'input';
      gpio.addListener(changed);
      gpio.changed = changed;
    });
    const io = mcu.peripherals[IO_BANK0];
    const write = io.writeUint32.bind(io);
    io.writeUint32 = (offset, value) => {
      write(offset, value);
      if (offset < 0xf0) mcu.gpio[offset >>> 3].changed();
    };
  }

  // The package rounds an alarm down to whole microseconds from now, so that it comes too early.
  #timer() {
    const timer = this.mcu.peripherals[TIMER];
    const write = timer.writeUint32.bind(timer);
    timer.writeUint32 = (offset, value) => {
      write(offset, value);
      if (offset < 0x10 || offset > 0x1c) return;
      const nanos = this.mcu.clock.nanos;
      const whole = Math.floor(nanos / 1000);
      const away = ((value >>> 0) - (whole >>> 0)) >>> 0;
      timer.alarms[(offset - 0x10) / 4].clockAlarm.schedule((whole + away) * 1000 - nanos);
    };
  }

  // Command 4Bh: four bytes of nothing, then eight of the id.
  #flashId() {
    const ssi = this.mcu.peripherals[SSI];
    const read = ssi.readUint32.bind(ssi), write = ssi.writeUint32.bind(ssi);
    let sent = [];
    ssi.writeUint32 = (offset, value) => {
      if (offset === 0x60) sent.push(value & 0xff);
      else if (offset === 0x08) sent = [];
      write(offset, value);
    };
    ssi.readUint32 = (offset) =>
      offset !== 0x60 ? read(offset) : sent[0] === 0x4b && sent.length > 5 ? this.serial[sent.length - 6] : 0;
  }

  // Its table of functions has one: the way to boot mode, at which we stop.
  #bootRom() {
    const rom = new DataView(this.mcu.bootrom.buffer);
    rom.setUint16(0x14, 0x100, true);
    rom.setUint16(0x18, 0x21, true);
    rom.setUint16(0x20, 0x2041, true); // movs r0, #0x41
    rom.setUint16(0x22, 0x4770, true); // bx lr
    rom.setUint16(0x40, 0xbe00, true); // bkpt
    rom.setUint16(ENDLESS_LOOP, 0xe7fe, true); // b .
  }
}
