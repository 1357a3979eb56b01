import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/build.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Workers with gigabytes of shared memory and two cores: one file at a time.
    fileParallelism: false,
    pool: "forks",
  },
});
