import assert from "node:assert/strict";
import { test } from "node:test";
import { median, quantile, seconds } from "../../../bench/report/statistics.ts";
import { markdown } from "../../../bench/report/table.ts";

test("a median is the middle value, or the mean of the middle two, in any order", () => {
  assert.equal(median([30, 10, 20]), 20);
  assert.equal(median([40, 10, 20, 30]), 25);
  assert.equal(seconds(median([])), "–");
});

test("a quantile lies between its neighbours", () => {
  assert.equal(quantile([0, 100], 0.99), 99);
  assert.equal(quantile([5], 0.99), 5);
});

test("a table is Markdown with figures to the right", () => {
  const table = { title: "Times", columns: ["step", "s"], rows: [["a|b", "1.25"]], notes: ["Aim: 2 s."] };
  assert.equal(markdown(table), "### Times\n\n| step |    s |\n| ---- | ---: |\n| a\\|b | 1.25 |\n\nAim: 2 s.");
});
