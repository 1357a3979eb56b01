/** What a region is found by: one page may have code of several modes. Returns a number for both. */
export function regionKey({ host, mode }: { host: number; mode: number }): number {
  return mode * 2 ** 32 + host;
}
