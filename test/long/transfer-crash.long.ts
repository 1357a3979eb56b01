/** kill -9 at 200 random points while domains are imported and exported and images converted: test/library/transfer/crash.test.ts, longer. */
process.env.XENARIUM_CRASH_POINTS ??= "200";
await import("../library/transfer/crash.test.ts");

export {};
