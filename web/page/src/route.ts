// The address: every view has one, and the key never stays in it.

import { signal } from "@preact/signals";

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

export function listen(): void {
  addEventListener("popstate", () => (path.value = location.pathname));
  // The address of another start, pasted into this tab, differs only in its fragment.
  addEventListener("hashchange", () => {
    if (location.hash.includes("key=")) location.reload();
  });
}
