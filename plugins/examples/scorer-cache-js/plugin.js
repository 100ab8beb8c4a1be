// Finds caches that no longer hold what is asked of them: the share of hits has fallen and stays low, so what lies behind
// the cache gets the rest.
//
// A scorer gets one window of readings and says, for each thing that it looked at, how unusual it is: from 0 (as always)
// to 1 (never seen). What is normal is worth a finding too, because that is what rules a cause out. Start at `score`.

const NAME = "scorer-cache-js";
const HITS = "cache.hit_ratio"; // a share from 0 to 1; wit/signals.toml has all signals
const CLASS = "cache.thrash"; // wit/classes.toml has all classes

const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    worth: {
      type: "number",
      default: 0.1,
      minimum: 0.01,
      maximum: 1,
      description: "Share of hits that must be lost before it is worth a word",
    },
  },
};

let config = { worth: SCHEMA.properties.worth.default };

/** What the plugin is, and how it is configured. */
export const lifecycle = {
  describe() {
    return {
      name: NAME,
      version: "0.1.0",
      summary: "Finds caches whose share of hits has fallen.",
      signals: [HITS],
      classes: [CLASS],
      configSchema: JSON.stringify(SCHEMA),
      grants: [],
      ext: [],
    };
  },

  configure(text) {
    // The host has checked it against the schema.
    config = { worth: SCHEMA.properties.worth.default, ...JSON.parse(text || "{}") };
  },
};

/** The job. */
export const scoring = {
  score(batch) {
    try {
      return findings(batch);
    } catch (error) {
      // An exception that gets out would be a mere trap to the host. As an error of the contract it says what went wrong.
      throw { code: "internal", message: told(error), ext: [] };
    }
  },
};

/** What went wrong, and where. The host would take the engine's `name@file` for an address and blank it. */
function told(error) {
  return `${error}\n${error?.stack ?? ""}`.replaceAll("@", " at ").slice(0, 2000);
}

/** A finding for each cache of which enough is known. */
function findings(batch) {
  return batch.series.flatMap((series, handle) => {
    if (series.signal !== HITS) return [];
    const finding = judge(valuesOf(batch, series));
    // Too few readings to know what is usual: no finding is more honest than a guess.
    if (!finding) return [];
    const onsetMs = finding.since === undefined ? undefined : series.startMs + BigInt(finding.since) * series.stepMs;
    return [{
      node: series.node,
      signal: HITS,
      score: finding.score,
      magnitude: finding.magnitude,
      onsetMs,
      class: CLASS,
      observed: finding.now,
      expected: finding.usual,
      series: handle,
      logLine: undefined,
      statement: `${percent(finding.now)} of what is asked for is in the cache (before: ${percent(finding.usual)})`,
      ext: [],
    }];
  });
}

/** All readings stand in one column; a series says where its own begin. NaN is a missing one. */
export function valuesOf(batch, series) {
  return batch.values.subarray(series.first, series.first + series.count);
}

/** How far a share of hits has fallen below what it was in the first third of the window. */
export function judge(values) {
  const known = [...values.keys()].filter((place) => !Number.isNaN(values[place]));
  if (known.length < 24) return undefined;
  const past = known.slice(0, Math.floor(known.length / 3)).map((place) => values[place]);
  const usual = median(past);
  const spread = Math.max(1.4826 * median(past.map((value) => Math.abs(value - usual))), 0.01);
  const now = median(known.slice(-5).map((place) => values[place]));
  const lost = usual - now;
  const magnitude = (now - usual) / spread;
  if (!Number.isFinite(magnitude)) return undefined;
  // Both must be: unusual for this cache, and enough to matter.
  const score = lost < config.worth ? 0 : (magnitude ** 2 / (magnitude ** 2 + 25)) * Math.min(1, lost / (3 * config.worth));
  // It began after the last reading that was still usual; one that dips at the very end has not ended it.
  const lastUsual = known.slice(0, -5).findLast((place) => values[place] > usual - lost / 2);
  return { score, magnitude, now, usual, since: score > 0 && lastUsual !== undefined ? lastUsual + 1 : undefined };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
