import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/build.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Some machines are ten times slower than others. Whatever comes is noticed at once all the same.
    expect: { poll: { timeout: 20_000 } },
    // Workers have gigabytes of shared memory, and there are two cores, so only one file runs at a time.
    fileParallelism: false,
    pool: "forks",
  },
});
