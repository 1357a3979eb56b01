import { defineConfig } from "vitest/config";

/** `npm run test:long`: tests that take minutes or hours. */
export default defineConfig({
  test: {
    include: ["test/long/**/*.long.ts"],
    globalSetup: ["test/build.ts"],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    fileParallelism: false,
    pool: "forks",
  },
});
