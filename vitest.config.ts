import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/build.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Some machines are ten times slower than others; what comes is seen at once all the same.
    expect: { poll: { timeout: 20_000 } },
    // Workers with gigabytes of shared memory and two cores: one file at a time.
    fileParallelism: false,
    pool: "forks",
  },
});
