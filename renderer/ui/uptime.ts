/** Says how long ago that was, in the two largest units. */
export function uptimeText(since: number): string {
  return spanText(Date.now() - since);
}

/** Writes a time in milliseconds in the same way. */
export function spanText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [d, h, m, s] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  if (d) return `${d} d ${h} h`;
  return h ? `${h} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`;
}
