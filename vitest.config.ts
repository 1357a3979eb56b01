import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // These need the whole host; it links when core/hypervisor/pv and event are there.
    exclude: ["node_modules/**", "test/guests/**", "test/hypervisor/core/**"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Workers with gigabytes of shared memory and two cores: one file at a time.
    fileParallelism: false,
    pool: "forks",
  },
});
