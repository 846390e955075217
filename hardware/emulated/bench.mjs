// Emulated boards and the wires between them, run in step with whoever writes orders to standard input: each line is an
// order in JSON, and is answered by one line.
//
//     start {image, serials}     run {until_us, unless_usb}   usb {board, data}      pin {board, pin, level}
//     feed {board, uart, data, baudrate, broken}              join {from, to}        wire {pins, pull}
//     clock {board, clock, inputs, output, bits, bit_rate, idle_high, sampled_on_rise, msb_first}
//     reads {board, on}   lines {board, value}   suspend {board, on}   unplug {board}   ask {board, name, setup, data}
//     reset {board, watchdog}     hang {board}     tell {board}

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { Board } from './board.mjs';

let boards = [], image, serials;
let joins = [], nets = [];
let said = {}, pins = [], outside = [], bytes = [], shifted = [], conflicts = [];

const us = (nanos) => Math.round(nanos) / 1000;

// The levels that a net's pins have; who drives it high while another drives it low is told.
function settle(net, at) {
  const states = net.pins.map(([board, pin]) => boards[board].states[pin]);
  const low = states.includes('low'), high = states.includes('high');
  if (low && high) conflicts.push([us(at), net.pins]);
  const level = low ? false : high ? true : net.pull;
  net.pins.forEach(([number, pin]) => {
    boards[number].skipTo(at);
    boards[number].setPin(pin, level);
  });
  for (const board of boards) board.woke = true;
}

const on = {
  outside(board, pin, level) {
    outside.push([us(board.now), board.number, pin, level]);
  },
  pin(board, pin, state) {
    pins.push([us(board.now), board.number, pin, state]);
    for (const net of nets)
      if (net.pins.some(([number, other]) => number === board.number && other === pin)) settle(net, board.now);
  },
  byte(board, uart, byte) {
    const whole = board.speaks(uart);
    const { origin } = board;
    bytes.push([us(origin + byte.begin), us(origin + byte.end), board.number, uart, byte.value, whole ? 0 : 1]);
    for (const { from, to } of joins) {
      if (!whole || from[0] !== board.number || from[1] !== uart) continue;
      const other = boards[to[0]];
      other.skipTo(board.now);
      board.woke = true;
      if (other.hears(to[1])) other.uarts[to[1]].receive(byte.value, byte.baudrate);
    }
  },
  usb(board, data) {
    (said[board.number] ??= []).push(Buffer.from(data));
  },
};

// Always the one that is behind; nothing that it does can reach the other in the other's past.
function run(untilNanos, unlessUsb) {
  for (;;) {
    if (unlessUsb && Object.keys(said).length) return;
    const [first, second] = [...boards].sort((one, other) => one.next - other.next);
    if (first.next >= untilNanos) break;
    first.runBefore(Math.min(untilNanos, Math.max(second ? second.next : Infinity, first.next) + 1));
  }
  boards.forEach((board) => board.stopped || board.skipTo(untilNanos));
}

function feed({ board: number, uart, data, baudrate, broken }) {
  const board = boards[number];
  const bits = 1e10 / (baudrate ?? board.uarts[uart].baudrate);
  const rate = baudrate ?? board.uarts[uart].baudrate;
  Buffer.from(data, 'base64').forEach((value, at) => {
    const alarm = board.mcu.clock.createAlarm(() => board.hears(uart) && board.uarts[uart].receive(value, rate, broken));
    alarm.schedule(bits * (at + 1));
  });
}

// The other end of a clocked link: so many bits of our clock, data of ours on pins, and what the board's pin has.
function clock({ board: number, clock: pin, inputs, output, bits, bit_rate, idle_high, sampled_on_rise, msb_first }) {
  const board = boards[number];
  const began = board.mcu.clock.nanos, half = 5e8 / bit_rate, lead = !idle_high;
  const sampledOnLead = sampled_on_rise === lead;
  const place = (bit) => (msb_first ? 7 - (bit % 8) : bit % 8);
  const data = inputs.map(([where, text]) => [where, Buffer.from(text, 'base64')]);
  const taken = Buffer.alloc(Math.ceil(bits / 8));
  const at = (nanos, act) => {
    const alarm = board.mcu.clock.createAlarm(act);
    alarm.schedule(nanos - (board.mcu.clock.nanos - began));
  };
  const present = (bit) => data.forEach(([where, bytes]) => board.setPin(where, !!((bytes[bit >> 3] >> place(bit)) & 1)));
  const sample = (bit) => {
    if (output !== null && board.states[output] === 'high') taken[bit >> 3] |= 1 << place(bit);
    if (bit === bits - 1)
      shifted.push([us(board.origin + began), us(board.now), number, taken.toString('base64')]);
  };
  const clocks = (bit, level, samples, presents) => () => {
    if (samples) sample(bit);
    if (presents) present(bit);
    board.setPin(pin, level);
    board.woke = true;
  };
  for (let bit = 0; bit < bits; bit++) {
    // A bit is presented half of its time before it is sampled.
    if (sampledOnLead) at(half * 2 * bit, () => present(bit));
    at(half * (2 * bit + 1), clocks(bit, lead, sampledOnLead, !sampledOnLead));
    at(half * (2 * bit + 2), clocks(bit, !lead, !sampledOnLead, false));
  }
}

const orders = {
  start(order) {
    image = readFileSync(order.image);
    serials = order.serials.map((serial) => Buffer.from(serial, 'hex'));
    boards = serials.map((serial, number) => new Board(number, image, serial, on));
    joins = [];
    nets = [];
  },
  run(order) {
    run(order.until_us * 1000, order.unless_usb);
    const usb = Object.fromEntries(
      Object.entries(said).map(([number, parts]) => [number, Buffer.concat(parts).toString('base64')]));
    const answer = { now_us: us(Math.max(...boards.map((board) => board.now))), usb, pins, outside, bytes, shifted, conflicts,
      ready: boards.map((board) => board.usb.ready) };
    said = {};
    pins = [];
    outside = [];
    bytes = [];
    shifted = [];
    conflicts = [];
    return answer;
  },
  usb: ({ board, data }) => boards[board].usb.write(Buffer.from(data, 'base64')),
  pin: ({ board, pin, level }) => boards[board].setPin(pin, !!level),
  feed,
  clock,
  join: ({ from, to }) => void joins.push({ from, to }),
  wire(order) {
    const net = { pins: order.pins, pull: !!order.pull };
    nets.push(net);
    settle(net, Math.max(...boards.map((board) => board.now)));
  },
  reads: ({ board, on: reads }) => boards[board].usb.setReads(reads),
  lines: ({ board, value }) => boards[board].usb.setLines(value),
  suspend: ({ board, on: suspended }) => boards[board].usb.suspend(suspended),
  unplug: ({ board }) => boards[board].usb.reset(),
  ask: ({ board, name, setup, data }) => boards[board].usb.ask(name, setup, data ?? []),
  // By RUN's pin, or by the watchdog; memory outlasts both, and what drives the pins from outside does.
  reset({ board: number, watchdog }) {
    const old = boards[number];
    old.states.forEach((state, pin) => {
      old.states[pin] = 'input';
      if (state !== 'input') on.pin(old, pin, 'input');
    });
    const board = (boards[number] = new Board(number, image, serials[number], on, old.mcu.sram));
    board.origin = old.now;
    for (let pin = 0; pin < old.states.length; pin++) board.setPin(pin, !!(old.levels & (1 << pin)));
    if (watchdog) board.watchdog.reason = 1;
  },
  hang: ({ board }) => boards[board].hang(),
  tell({ board: number }) {
    const board = boards[number];
    return { worst: board.worst(), instructions: board.instructions, faults: board.usb.faults, found: board.usb.found,
      address: board.mcu.usbCtrl.addrEndp, boot_mode: board.inBootMode, watchdog: board.watchdogBarked, warnings: board.warnings.slice(0, 20),
      baudrates: board.uarts.map((uart) => uart.baudrate), clk_sys: board.mcu.clkSys, states: board.states };
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  let answer;
  try {
    answer = orders[order.order](order) ?? {};
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}).on('close', () => process.exit(0));
