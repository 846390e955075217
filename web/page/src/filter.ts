// The filter in the page: the grammar of `decode --where`, for completion and for pages without a server.

import type { DialectInfo, FieldInfo, RowDetail } from "./types";
import { PageError } from "./types";

export const FLAGS: Record<string, string> = {
  body: "sent by the body",
  lens: "sent by the lens",
  frame: "a valid frame",
  garbage: "bytes that are no frame",
  window: "a select window without bytes",
  note: "a note, a loss or a defect of the capture",
  edge: "an edge of a line",
  routine: "a frame that repeats in every cycle",
  unknown: "a frame with a message that no declaration explains",
  answer: "a frame that answers a request",
};

export const ATTRIBUTES: Record<string, string> = {
  t: "time from the start of the capture",
  gap: "longest pause inside a frame",
  reply: "time from the end of a request to this answer",
  dir: "body or lens",
  type: "type byte of a message, in hexadecimal",
  name: "name of a message",
  class: "class of a frame",
  seq: "sequence number of a frame",
  size: "bytes of a frame or a run of garbage",
  baud: "bits a second",
  pad: "padding bytes after a frame",
  line: "the line of an edge",
  text: "text of a note",
};

const TIMES = new Set(["t", "gap", "reply"]);

export type Condition =
  | { kind: "flag"; name: string }
  | { kind: "test"; name: string; op: string; value: number | string }
  | { kind: "carries"; name: string }
  | { kind: "field"; fields: [string, string][]; op: string; value: number | string }
  | { kind: "not"; inner: Condition }
  | { kind: "all"; parts: Condition[] }
  | { kind: "any"; parts: Condition[] };

interface Token {
  kind: string;
  text: string;
  at: number;
}

const TOKEN =
  /\s*(?:(?<range>\.\.)|(?<string>"[^"]*")|(?<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?:us|µs|ms|s)?(?![\w.](?!\.)))|(?<word>[A-Za-z_][\w/]*(?:\.[A-Za-z_]\w*)*|[0-9A-Za-z_][\w/-]*)|(?<op>!=|<=|>=|==|=|<|>|~)|(?<sign>[!()])|(?<joint>&&|\|\|))/y;

/** A type byte, as lists show it. */
const TYPE = /^(?:0x)?[0-9a-f]{2}$/i;
/** Letters from which a word stands for every message with them in its name. */
const MIN_PART = 3;

export function parseFilter(text: string, dialect: DialectInfo, marks: Record<string, number>): Condition {
  return new Parser(text, dialect, marks).parse();
}

class Parser {
  private readonly tokens: Token[] = [];
  private place = 0;
  constructor(
    private readonly text: string,
    private readonly dialect: DialectInfo,
    private readonly marks: Record<string, number>,
  ) {
    const end = text.trimEnd().length;
    let at = 0;
    while (at < end) {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      if (!match?.groups) {
        const start = at + text.slice(at).length - text.slice(at).trimStart().length;
        throw new PageError(`'${text[start]}' is not expected here`, start);
      }
      const [kind, value] = Object.entries(match.groups).find(([, one]) => one !== undefined)!;
      this.tokens.push({ kind, text: value, at: match.index + match[0].length - value.length });
      at = TOKEN.lastIndex;
    }
  }

  parse(): Condition {
    if (!this.tokens.length) return { kind: "all", parts: [] };
    const found = this.either();
    const rest = this.peek();
    if (rest) this.fail(`'${rest.text}' is not expected here`, rest);
    return found;
  }

  private fail(reason: string, token?: Token): never {
    throw new PageError(reason, token ? token.at : this.text.length);
  }
  private peek(): Token | undefined {
    return this.tokens[this.place];
  }
  private take(): Token {
    const token = this.peek();
    if (!token) this.fail("something is missing at the end");
    this.place++;
    return token!;
  }
  private takeIf(...texts: string[]): boolean {
    const token = this.peek();
    if (!token || token.kind === "string" || !texts.includes(token.text)) return false;
    this.place++;
    return true;
  }
  private either(): Condition {
    const parts = [this.all()];
    while (this.takeIf("or", "||")) parts.push(this.all());
    return parts.length === 1 ? parts[0] : { kind: "any", parts };
  }
  private all(): Condition {
    const parts = [this.one()];
    for (;;) {
      this.takeIf("and", "&&");
      const token = this.peek();
      if (!token || [")", "or", "||"].includes(token.text)) {
        return parts.length === 1 ? parts[0] : { kind: "all", parts };
      }
      parts.push(this.one());
    }
  }
  private one(): Condition {
    if (this.takeIf("!", "not")) return { kind: "not", inner: this.one() };
    const opening = this.peek();
    if (this.takeIf("(")) {
      const inner = this.either();
      if (!this.takeIf(")")) this.fail("this bracket is not closed", opening);
      return inner;
    }
    return this.test();
  }
  private test(): Condition {
    const word = this.take();
    const follow = this.peek();
    if (TYPE.test(word.text) && follow?.kind !== "op" && follow?.text !== "in") {
      return { kind: "test", name: "type", op: "=", value: parseInt(word.text, 16) };
    }
    if (word.kind !== "word") {
      this.fail(`'${word.text}' is not expected here; write a type as 1d or type=1d, or begin with a name`, word);
    }
    if (follow && follow.text === "in") {
      this.place++;
      const low = this.value(word, this.take());
      if (!this.takeIf("..")) this.fail("a range is written low..high", this.peek());
      const high = this.value(word, this.take());
      return { kind: "all", parts: [this.make(word, ">=", low), this.make(word, "<=", high)] };
    }
    if (follow && follow.kind === "op") {
      this.place++;
      return this.make(word, follow.text === "==" ? "=" : follow.text, this.value(word, this.take()));
    }
    if (word.text in FLAGS) return { kind: "flag", name: word.text };
    if (word.text in ATTRIBUTES) this.fail(`${word.text} needs a comparison, such as ${word.text} = …`, follow);
    const named = this.dialect.messages.find((one) => one.name.toLowerCase() === word.text.toLowerCase());
    if (named) return { kind: "carries", name: named.name };
    const fields = this.owners(word);
    const part = word.text.toLowerCase();
    const parts = this.dialect.messages.filter((one) => part.length >= MIN_PART && one.name.toLowerCase().includes(part));
    if (!fields.length && parts.length) {
      return { kind: "any", parts: parts.map((one) => ({ kind: "carries", name: one.name })) };
    }
    return { kind: "field", fields: this.fields(word), op: "!=", value: 0 };
  }
  private make(word: Token, op: string, value: number | string): Condition {
    if (word.text in ATTRIBUTES) return { kind: "test", name: word.text, op, value };
    if (word.text in FLAGS) this.fail(`${word.text} takes no comparison`, word);
    return { kind: "field", fields: this.fields(word), op, value };
  }
  private value(word: Token, token: Token): number | string {
    if (!["number", "string", "word"].includes(token.kind)) this.fail(`'${token.text}' is no value`, token);
    const text = token.text.replace(/^"|"$/g, "");
    if (word.text === "type") {
      const type = /^(0x)?[0-9a-f]+$/i.test(text) ? parseInt(text, 16) : NaN;
      if (Number.isNaN(type)) this.fail(`a type is two hexadecimal digits such as 1d, not '${text}'`, token);
      return type;
    }
    if (TIMES.has(word.text)) {
      if (text in this.marks) return this.marks[text];
      const match = /^([+-]?[\d.eExX+-]+)(us|µs|ms|s)?$/.exec(text);
      const factor = { us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1 }[match?.[2] ?? "s"]!;
      const number = match ? Number(match[1]) * factor : NaN;
      if (Number.isNaN(number)) this.fail(`a time is a number with us, ms or s, not '${text}'`, token);
      return number;
    }
    if (word.text === "dir" && text !== "body" && text !== "lens") {
      this.fail(`a direction is body or lens, not '${text}'`, token);
    }
    if (["dir", "name", "text", "line"].includes(word.text) || token.kind === "string") return text;
    const number = Number(text);
    if (word.text in ATTRIBUTES) {
      if (Number.isNaN(number)) this.fail(`${word.text} is compared with a number, not '${text}'`, token);
      return number;
    }
    const spec = this.spec(this.fields(word)[0]);
    const members = Object.fromEntries(Object.entries(spec?.values ?? {}).map(([key, one]) => [key.toLowerCase(), one]));
    if (Number.isNaN(number) && text.toLowerCase() in members) return members[text.toLowerCase()];
    return Number.isNaN(number) ? text : number;
  }
  private spec([message, field]: [string, string]): FieldInfo | undefined {
    return this.dialect.messages.find((one) => one.name === message)?.fields.find((one) => one.name === field);
  }
  private fields(word: Token): [string, string][] {
    const found = this.owners(word);
    if (!found.length) this.fail(`unknown word '${word.text}'`, word);
    return found;
  }
  private owners(word: Token): [string, string][] {
    const place = word.text.indexOf(".");
    const [kind, name] = place < 0 ? ["", word.text] : [word.text.slice(0, place), word.text.slice(place + 1)];
    return this.dialect.messages
      .filter((one) => !kind || one.name.toLowerCase() === kind.toLowerCase())
      .filter((one) => one.fields.some((field) => field.name === name))
      .map((one) => [one.name, name] as [string, string]);
  }
}

function compare(value: unknown, op: string, wanted: number | string): boolean {
  if (Array.isArray(value)) return value.some((one) => compare(one, op, wanted));
  if (value === null || value === undefined) return false;
  if (op === "~") return String(value).toLowerCase().includes(String(wanted).toLowerCase());
  const left = typeof value === "boolean" ? Number(value) : (value as number | string);
  const right = typeof left === "string" ? String(wanted).toLowerCase() : wanted;
  switch (op) {
    case "=":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    default:
      return left >= right;
  }
}

/** Whether a row passes. */
export function evaluate(condition: Condition, row: RowDetail, routine: boolean): boolean {
  switch (condition.kind) {
    case "flag":
      return flag(condition.name, row, routine);
    case "carries":
      return (row.messages ?? []).some((one) => one.name === condition.name);
    case "test":
      return attribute(condition.name, condition.op, condition.value, row);
    case "field":
      return condition.fields.some(([message, name]) =>
        (row.messages ?? []).some(
          (one) =>
            one.name === message &&
            (one.fields ?? []).some((field) => field.name === name && compare(field.value, condition.op, condition.value)),
        ),
      );
    case "not":
      return !evaluate(condition.inner, row, routine);
    case "all":
      return condition.parts.every((part) => evaluate(part, row, routine));
    case "any":
      return condition.parts.some((part) => evaluate(part, row, routine));
  }
}

function flag(name: string, row: RowDetail, routine: boolean): boolean {
  if (name === "body" || name === "lens") return row.dir === name;
  if (name === "frame" || name === "garbage" || name === "window") return row.kind === name;
  if (name === "note") return ["note", "clock", "drop", "defect"].includes(row.kind);
  if (name === "routine") return routine;
  if (name === "unknown") return (row.messages ?? []).some((one) => one.name === "UnknownMessage");
  return name === "answer" && row.answers !== undefined;
}

function attribute(name: string, op: string, wanted: number | string, row: RowDetail): boolean {
  if (name === "type" || name === "name") {
    const values = (row.messages ?? []).map((one) => (name === "type" ? one.type : one.name));
    if (row.kind !== "frame") return false;
    if (op === "!=") return values.every((one) => one !== wanted);
    return values.some((one) => compare(one, op, wanted));
  }
  const frame = row.kind === "frame";
  const bytes = frame || row.kind === "garbage";
  const values: Record<string, unknown> = {
    t: row.t_us === null || row.t_us === undefined ? null : row.t_us / 1e6,
    gap: frame ? (row.gap_us ?? 0) / 1e6 : null,
    reply: row.reply_us === null || row.reply_us === undefined ? null : row.reply_us / 1e6,
    dir: row.dir,
    class: frame ? (row.class ?? 0) : null,
    seq: frame ? (row.seq ?? 0) : null,
    size: bytes ? (row.hex ?? "").length / 2 : null,
    baud: bytes ? row.baud : null,
    pad: frame ? (row.pad ?? "").length / 2 : null,
    text: row.text,
    line: null,
  };
  return compare(values[name], op, wanted);
}

export interface Completion {
  text: string;
  about: string;
}

/** What may follow in a filter, for the word at its end. */
export function complete(text: string, dialect: DialectInfo): { start: number; words: Completion[] } {
  const match = /[\w.]*$/.exec(text)!;
  const word = match[0];
  const start = match.index;
  if (/[=<>~]\s*$/.test(text.slice(0, start))) return { start, words: [] };
  const place = word.indexOf(".");
  if (place >= 0) {
    const message = dialect.messages.find((one) => one.name.toLowerCase() === word.slice(0, place).toLowerCase());
    const rest = word.slice(place + 1).toLowerCase();
    const words = (message?.fields ?? [])
      .filter((one) => one.name.includes(rest))
      .map((one) => ({ text: `${message!.name}.${one.name}`, about: one.meaning }));
    return { start, words };
  }
  if (!word) return { start, words: [] };
  const lower = word.toLowerCase();
  const known: Completion[] = [
    ...Object.entries(FLAGS).map(([name, about]) => ({ text: name, about })),
    ...Object.entries(ATTRIBUTES).map(([name, about]) => ({ text: name, about })),
    ...dialect.messages.map((one) => ({ text: one.name, about: one.meaning })),
  ];
  const seen = new Set<string>();
  return {
    start,
    words: known.filter(
      (one) => one.text.toLowerCase().startsWith(lower) && one.text !== word && !seen.has(one.text) && seen.add(one.text),
    ),
  };
}
