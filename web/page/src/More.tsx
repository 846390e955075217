// The first items of a list; a button shows the next ones in their place.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export function More<T>(props: {
  items: readonly T[];
  first: number;
  render: (item: T, index: number) => ComponentChildren;
}) {
  const { items, first } = props;
  const [asked, setShown] = useState(first);
  const shown = Math.max(asked, first);
  // Many items are shown in steps: each is an element of the page.
  const next = Math.min(items.length - shown, Math.max(first, STEP));
  return (
    <>
      {items.slice(0, shown).map(props.render)}
      {next > 0 && (
        <li class="more">
          <button class="link" onClick={() => setShown(shown + next)}>
            {next.toLocaleString("en")} more
          </button>
          {items.length > shown + next && ` of ${(items.length - shown).toLocaleString("en")}`}
        </li>
      )}
    </>
  );
}

const STEP = 400;
