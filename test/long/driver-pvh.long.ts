/** The tests of driver domains with one that is PVH: Linux's backends map what they are granted into its second stage. */
process.env.XENARIUM_DRIVER_TYPE = "pvh";
await import("../guests/driver-domain.test.ts");
export {};
