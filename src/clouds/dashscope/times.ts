/** The service writes times without a zone. Recorded replies only fit their links when read as UTC+8. */
const zoneMs = 8 * 3_600_000;

/** Reads `YYYY-MM-DD HH:mm:ss.SSS` as epoch milliseconds; undefined for anything else. */
export function beijingTime(text: string | undefined | null): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,3})?)$/.exec(text ?? '');
  const time = match ? Date.parse(`${match[1]}T${match[2]}Z`) - zoneMs : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Writes epoch milliseconds as `YYYYMMDDhhmmss`, as the list of tasks takes its bounds. */
export function compactBeijingTime(ms: number): string {
  return new Date(ms + zoneMs).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '');
}
