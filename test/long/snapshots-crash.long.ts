/** kill -9 at 200 random points while snapshots are taken, reverted to and deleted: test/library/snapshots/crash.test.ts, longer. */
process.env.XENARIUM_CRASH_POINTS ??= "200";
await import("../library/snapshots/crash.test.ts");

export {};
