// `npm test`: natively, in a moment, no WebAssembly.
import assert from "node:assert/strict";
import test from "node:test";

import { judge, lifecycle, scoring } from "./plugin.js";

const minutes = (value) => Float64Array.from({ length: 120 }, (_, place) => value(place));

test("a cache that loses its hits is told, with the moment it began", () => {
  const found = judge(minutes((place) => (place < 80 ? 0.95 : 0.4)));
  assert.ok(found.score > 0.9, `${found.score}`);
  assert.equal(found.since, 80);
});

test("a cache that is as always is ruled out, and one without readings is not judged", () => {
  assert.equal(judge(minutes((place) => 0.9 + 0.01 * (place % 3))).score, 0);
  assert.equal(judge(minutes(() => NaN)), undefined);
  assert.equal(judge(new Float64Array()), undefined);
});

test("a finding points at the series that it rests on", () => {
  lifecycle.configure("");
  const other = { node: 0, signal: "scrape.up", startMs: 0n, stepMs: 15000n, first: 0, count: 0 };
  const cache = { node: 3, signal: "cache.hit_ratio", startMs: 1000n, stepMs: 15000n, first: 0, count: 120 };
  const values = minutes((place) => (place < 80 ? 0.95 : 0.4));
  const [finding] = scoring.score({ series: [other, cache], values });
  assert.deepEqual([finding.node, finding.series, finding.onsetMs], [3, 1, 1201000n]);
});

test("what goes wrong is an error that says so", () => {
  assert.throws(() => scoring.score({}), (error) => error.code === "internal" && error.message.includes("TypeError"));
});
