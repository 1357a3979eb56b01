/** How many snapshots there are, in words. */
export const snapshotsText = (count: number): string => (count === 1 ? "snapshot" : `${count} snapshots`);
