/** The tests of driver domains, with a driver domain that is PVH: Linux's backends map what is granted to them into its second stage. */
process.env.XENARIUM_DRIVER_TYPE = "pvh";
await import("../guests/driver-domain.test.ts");
export {};
