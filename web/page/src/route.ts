// The address: every view has one, and the key never stays in it.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

export const path = signal(typeof location === "undefined" ? "/" : location.pathname);
/** Bumped by a change of the address that the page itself makes. */
export const fragment = signal("");

export function go(to: Event | string): void {
  let target: string;
  if (typeof to === "string") target = to;
  else {
    const mouse = to as MouseEvent;
    if (mouse.ctrlKey || mouse.metaKey || mouse.button) return;
    to.preventDefault();
    target = (to.currentTarget as HTMLAnchorElement).getAttribute("href")!;
  }
  history.pushState(null, "", target);
  path.value = location.pathname;
}

/** A value of a view that the address keeps: going back, and a copied address, find it again. */
export function useKeptInAddress(name: string): [string, (value: string) => void] {
  const read = () => new URLSearchParams(location.hash.slice(1)).get(name) ?? "";
  const [value, set] = useState(read);
  useEffect(() => {
    const again = () => set(read());
    addEventListener("popstate", again);
    return () => removeEventListener("popstate", again);
  }, [name]);
  const keep = (next: string) => {
    const parts = new URLSearchParams(location.hash.slice(1));
    if (next) parts.set(name, next);
    else parts.delete(name);
    const text = parts.toString();
    history.replaceState(null, "", `${location.pathname}${text ? `#${text}` : ""}`);
    set(next);
  };
  return [value, keep];
}

export function listen(): void {
  addEventListener("popstate", () => (path.value = location.pathname));
  // The address of another start, pasted into this tab, differs only in its fragment.
  addEventListener("hashchange", () => {
    if (location.hash.includes("key=")) location.reload();
  });
}
