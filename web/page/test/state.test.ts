import { expect, it } from "vitest";
import type { Source } from "../src/source";
import * as state from "../src/state";
import type { Explanation, SessionInfo } from "../src/types";

it("asks for an explanation where the session has changed, and counts what came where that would take long", async () => {
  let asked = 0;
  const explanation = async () => ({ verdict: `number ${++asked}` }) as Explanation;
  state.columns.value.rows = 100;
  state.info.value = { reading: true } as SessionInfo;
  state.source.value = { explanation, state: async () => ({}) } as unknown as Source;
  await Promise.all([state.explain(), state.explain()]);
  await state.explainAgain();
  expect(asked).toBe(1);
  state.columns.value.rows = 150;
  await state.explainAgain();
  expect([asked, state.explanation.value?.verdict, state.unexplained.value]).toEqual([2, "number 2", 0]);
  state.columns.value.rows = 50_000;
  await state.explainAgain();
  expect([asked, state.unexplained.value]).toEqual([2, 49_850]);
  await state.explain();
  expect([asked, state.unexplained.value]).toEqual([3, 0]);
  // The session ended: what was missing is certain now.
  state.info.value = { reading: false } as SessionInfo;
  await state.explain();
  await state.explain();
  expect(asked).toBe(4);
});
