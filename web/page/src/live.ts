// The socket of a running session: its state, and orders that are answered done or refused.

import { signal } from "@preact/signals";
import * as state from "./state";

/** What was noticed in a session, by whom. */
export interface Notice {
  t: number;
  dir: string;
  error: boolean;
  text: string;
}

export interface Running {
  now: number;
  paused: boolean;
  speed: number;
  body: string;
  lens: string;
  attached: boolean;
  violations: string[];
  error: string;
  held: string;
  notices: Notice[];
  orders: { t: number; kind: string; text: string }[];
  command: string;
  test: string;
  running?: boolean;
  /** Whether this page may give orders; another one that was there first may. */
  controls?: boolean;
  summary?: string | null;
  rows?: number;
  edges?: number;
  /** Deadlines met 0, 1, 2 to 3, 4 to 7 … µs late. */
  octaves?: number[];
  /** What the port lost, and how often. */
  troubles?: Record<string, number>;
  losses?: number;
  /** Bytes of the recording that the page does not show yet. */
  behind?: number;
}

export const running = signal<Running | null>(null);
export const connected = signal(false);

let socket: WebSocket | null = null;
let shown = "";
let number = 0;
const waiting = new Map<number, (error: string) => void>();

/** A name of this tab that outlives its pages: a page that comes back takes over the session that the tab controlled. */
function tab(): string {
  try {
    const known = sessionStorage.getItem("tab") ?? Math.random().toString(36).slice(2);
    sessionStorage.setItem("tab", known);
    return known;
  } catch {
    // The browser keeps nothing for this page.
    return "";
  }
}

if (typeof addEventListener !== "undefined") {
  // A page that the browser keeps for going back must not hold the session meanwhile.
  addEventListener("pagehide", () => {
    const id = shown;
    disconnect();
    shown = id;
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted && shown) connect(shown);
  });
}

export function connect(id: string): void {
  disconnect();
  shown = id;
  running.value = null;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const made = new WebSocket(`${scheme}://${location.host}/api/v1/live/${encodeURIComponent(id)}?tab=${tab()}`);
  socket = made;
  made.onopen = () => (connected.value = true);
  made.onmessage = (event) => {
    const data = JSON.parse(event.data);
    if (data.kind === "state") running.value = data;
    else if (data.kind === "answer") {
      waiting.get(data.id)?.(data.done ? "" : data.error);
      waiting.delete(data.id);
    } else if (data.kind === "end" && data.error) state.message.value = data.error;
  };
  made.onclose = () => {
    if (socket !== made) return;
    connected.value = false;
    for (const done of waiting.values()) done("the connection to the session was lost");
    waiting.clear();
  };
}

export function disconnect(): void {
  const old = socket;
  socket = null;
  shown = "";
  old?.close();
  running.value = null;
  connected.value = false;
}

/** Give an order; the result is the reason of a refusal, or nothing. */
export function order(what: string, text = ""): Promise<string> {
  if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.resolve("the session does not run");
  const id = ++number;
  const answer = new Promise<string>((done) => waiting.set(id, done));
  socket.send(JSON.stringify({ id, do: what, text }));
  return answer;
}
