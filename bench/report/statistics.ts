/** Middle value; the mean of both for an even count. NaN for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear interpolation between the neighbours; `q` from 0 to 1. NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Seconds with two decimals, from milliseconds: "1.87". */
export function seconds(ms: number): string {
  return Number.isNaN(ms) ? "–" : (ms / 1_000).toFixed(2);
}

export function mebibytes(bytes: number): string {
  return Number.isNaN(bytes) ? "–" : String(Math.round(bytes / 1_048_576));
}
