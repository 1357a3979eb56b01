/** kill -9 at 60 random points while a host forks: test/library/snapshots/fork-crash.test.ts, longer. */
process.env.XENARIUM_CRASH_POINTS ??= "60";
await import("../library/snapshots/fork-crash.test.ts");

export {};
