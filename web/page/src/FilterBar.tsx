// The filter: one line, with completion; a wrong one names the place and keeps the last good one.

import { useRef, useState } from "preact/hooks";
import { complete } from "./filter";
import * as state from "./state";

export function FilterBar() {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(state.filterText.value);
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(0);
  const timer = useRef(0);
  const language = state.dialect.value;
  const offers = language && open ? complete(text, language) : { start: 0, words: [] };
  const words = offers.words.slice(0, 12);
  const focus = state.info.value?.gauges.find((gauge) => gauge.part === "focus")?.fields.value;
  const example = focus ? `${focus} > 100` : "dir=lens gap>1ms";
  const error = state.filterError.value;

  const change = (value: string) => {
    setText(value);
    setChosen(0);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => void state.applyFilter(value), 180);
  };
  const take = (word: string) => {
    const value = `${text.slice(0, offers.start)}${word} `;
    change(value);
    input.current?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      if (open && words.length) setOpen(false);
      else {
        change("");
        input.current?.blur();
      }
      event.stopPropagation();
    } else if (event.key === "Enter") {
      if (open && words.length && chosen > 0) take(words[chosen - 1].text);
      else {
        clearTimeout(timer.current);
        void state.applyFilter(text).then(() => state.listed.value?.length && state.stepRow(1));
        setOpen(false);
      }
    } else if (event.key === "Tab" && open && words.length) {
      event.preventDefault();
      take(words[Math.max(0, chosen - 1)].text);
    } else if (event.key === "ArrowDown" && words.length) {
      event.preventDefault();
      setChosen(Math.min(words.length, chosen + 1));
    } else if (event.key === "ArrowUp" && words.length) {
      event.preventDefault();
      setChosen(Math.max(0, chosen - 1));
    }
    if (!["Enter", "Tab"].includes(event.key)) event.stopPropagation();
  };

  return (
    <div class={`filter${error && !words.length ? " wrong" : ""}`}>
      <label>
        <span class="hidden">filter</span>
        <input
          ref={input}
          id="filter"
          value={text}
          placeholder={`filter, such as ${example}, !routine   (press /)`}
          title="which messages to show: names, fields and comparisons; completion offers the words"
          spellcheck={false}
          autocomplete="off"
          role="combobox"
          aria-expanded={words.length > 0}
          aria-controls="filter-words"
          aria-invalid={!!error}
          aria-describedby="filter-note"
          onInput={(event) => {
            setOpen(true);
            change(event.currentTarget.value);
          }}
          onKeyDown={keys}
          onBlur={() => setTimeout(() => setOpen(false), 150)}
        />
      </label>
      <output id="filter-note" class="filter-note">
        {error && words.length ? (
          ""
        ) : error ? (
          <>
            {error.at !== null && <b>at character {error.at + 1}: </b>}
            {error.message.length > 180 ? `${error.message.slice(0, 120)} … ${error.message.slice(-50)}` : error.message}
          </>
        ) : state.found.value ? (
          `${state.found.value.count.toLocaleString("en")} of ${state.columns.value.rows.toLocaleString("en")}`
        ) : (
          ""
        )}
      </output>
      {words.length > 0 && (
        <ul id="filter-words" class="words" role="listbox">
          {words.map((word, index) => (
            <li
              key={word.text}
              role="option"
              aria-selected={index + 1 === chosen}
              class={index + 1 === chosen ? "chosen" : ""}
              onMouseDown={(event) => {
                event.preventDefault();
                take(word.text);
              }}
            >
              <b>{word.text}</b> <span>{word.about}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
