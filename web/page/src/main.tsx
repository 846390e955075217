// Starts the page: data inside the file, or the server's with the key from the address.

import { render } from "preact";
import { App } from "./App";
import { listen } from "./route";
import { EmbeddedSource, postJson } from "./source";
import * as state from "./state";
import { drawn } from "./Timeline";
import "./style.css";

declare global {
  interface Window {
    lensmount: { state: typeof state; drawn: typeof drawn };
  }
}

async function start(): Promise<void> {
  const root = document.getElementById("page")!;
  let problem = "";
  let fragment = "";
  const embedded = document.getElementById("embedded");
  try {
    if (embedded) {
      await state.open(await EmbeddedSource.open(embedded.textContent!.trim()));
      embedded.remove();
    } else {
      fragment = await enter();
    }
  } catch (error) {
    problem = (error as Error).message;
  }
  listen();
  // Tests and notebooks look at the state; the page itself does not use this.
  window.lensmount = { state, drawn };
  render(<App problem={problem} fragment={fragment} />, root);
}

/** Exchange the key in the address for the cookie, and take it out of the address. */
async function enter(): Promise<string> {
  const parts = new URLSearchParams(location.hash.slice(1));
  const key = parts.get("key");
  if (key === null) return "";
  parts.delete("key");
  const rest = parts.toString();
  history.replaceState(null, "", `${location.pathname}${rest ? `#${rest}` : ""}`);
  await postJson("/api/v1/login", { token: key });
  return rest;
}

void start();
