// What the interface gives; the names are those of the server's answers.

export type Role = "body" | "lens";

export interface GaugeInfo {
  part: string;
  role: Role;
  label: string;
  fields: Record<string, string>;
}

/** How precise the times of a session are; `within_s` is 0 for exact ones, and null where no number is known. */
export interface Precision {
  text: string;
  within_s: number | null;
}

export interface SessionInfo {
  id: string;
  title: string;
  kind: "capture" | "virtual" | "replay" | "live";
  dialect: string;
  notice: string;
  rows: number;
  edges: number;
  first: number;
  last: number;
  reading: boolean;
  error: string;
  header: Record<string, unknown>;
  fields: string[];
  gauges: GaugeInfo[];
  /** Level of each line before its first edge, as far as it is known. */
  resting: Record<string, number>;
  about: Record<string, unknown> & { precision?: Precision };
}

export interface Evidence {
  level: string;
  source: string;
  note: string;
}

export interface FieldInfo {
  name: string;
  meaning: string;
  unit: string;
  evidence: Evidence | null;
  values: Record<string, number>;
}

export interface MessageInfo {
  type: number;
  name: string;
  sender: Role;
  meaning: string;
  evidence: Evidence;
  fields: FieldInfo[];
}

export interface FaultInfo {
  name: string;
  touches: string;
  meaning: string;
  keys: { name: string; legal: string; about: string; values: string[]; default: string }[];
}

export interface DialectInfo {
  name: string;
  title: string;
  notice: string;
  supply: string;
  lines: { name: string; driver: Role | null; kind: string }[];
  serial: { line: string; sender: Role; select: string }[];
  messages: MessageInfo[];
  verbs: string[];
  lens_verbs: string[];
  faults: FaultInfo[];
  sources: Record<string, string>;
}

export interface FieldDetail {
  name: string;
  start: number;
  end: number;
  value: unknown;
  text: string;
}

export interface MessageDetail {
  type: number;
  name: string;
  start: number;
  end: number;
  reason?: string;
  fields?: FieldDetail[];
}

export interface RowDetail {
  row: number;
  kind: string;
  t_us: number | null;
  end_us?: number | null;
  dir?: Role | null;
  baud?: number | null;
  hex?: string;
  pad?: string;
  class?: number;
  seq?: number;
  gap_us?: number;
  cs_us?: [number, number | null] | null;
  summary?: string;
  text?: string;
  reason?: string;
  messages?: MessageDetail[];
  payload?: [number, number];
  answers?: number;
  reply_us?: number | null;
}

export interface GaugeValue {
  value: number;
  number: number;
  text: string;
  row: number;
  field: string;
}

export interface GaugeState {
  part: string;
  role: Role;
  label: string;
  value?: GaugeValue;
  target?: GaugeValue;
  minimum?: GaugeValue;
  maximum?: GaugeValue;
}

/** What the optical model makes of the lens's settings; distances of null are infinite. */
export interface ViewfinderState {
  focal_mm: number;
  f_number: number;
  focused_mm: number | null;
  exposure_s: number | null;
  sensor_um: number;
  framing: number;
  subject_mm: number;
  planes: { name: string; distance_mm: number | null; blur_um: number }[];
  sharp_mm: [number, number | null];
  stops: number;
  contrast: number;
  breathing: number | null;
  distortion: number[];
  vignetting: number[];
}

export interface MountState {
  t: number;
  viewfinder?: ViewfinderState | null;
  lines: Record<string, number | null>;
  link: string;
  gauges: GaugeState[];
}

export interface Finding {
  kind: string;
  t: number | null;
  from?: number;
  row: number | null;
  text: string;
  /** The track that it concerns: an end, a line, `states`, or none. */
  track?: string;
}

export interface Findings {
  findings: Finding[];
  total: number;
  states: { t: number; state: string }[];
}

export interface Explanation {
  verdict: string;
  outcome?: string;
  paragraph: string;
  cause_t?: number | null;
  consequences: string[];
  /** How many of them, the last ones, close the list. */
  closing?: number;
  remarks: string[];
  symptoms?: string[];
  findings: { kind: string; t: number | null; text: string; count: number; track?: string }[];
}

export interface Composition {
  sender: Role;
  types: number[];
  names: string[];
  routine: boolean;
}

export interface PlotData {
  name: string;
  unit: string;
  meaning: string;
  at: Float64Array;
  value: Float64Array;
  row: Uint32Array;
}

/** A frame in which a field has another value than in the one that carried it before. */
export interface Change {
  t: number;
  row: number;
  /** The values of the field before it and from it on. */
  before: number;
  after: number;
}

export interface Found {
  bits: Uint8Array;
  count: number;
}

export class PageError extends Error {
  at: number | null;
  constructor(message: string, at: number | null = null) {
    super(message);
    this.at = at;
  }
}
