/** kill -9 in front of every step of the last merge: test/library/snapshots/last-merge-crash.test.ts, with all of them. */
process.env.XENARIUM_CRASH_POINTS ??= "1000";
await import("../library/snapshots/last-merge-crash.test.ts");

export {};
