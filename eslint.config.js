import tseslint from "typescript-eslint";

/** AssemblyScript (core/machine/cpu, core/hypervisor) is checked by its own compiler, which is stricter than any lint rule. */
export default tseslint.config(
  {
    ignores: [
      "dist/**",
      ".cache/**",
      "core/machine/cpu/**",
      "core/hypervisor/**",
      "test/**/*-entry.ts",
      "test/**/entry/**",
    ],
  },
  ...tseslint.configs.recommended,
  {
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      eqeqeq: "error",
      "no-eval": "error",
    },
  },
  {
    // State is moved by files/whole.ts, so that it is on the disk under its new name. None: locks, which are of this moment only, and what
    // backends rename: guests' files, of which the guests decide what must reach the disk, logs and sockets.
    files: ["core/**/*.ts", "electron/**/*.ts"],
    ignores: ["core/files/whole.ts", "core/files/lock.ts", "core/dom0/backends/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: ["node:fs", "node:fs/promises", "fs", "fs/promises"].map((name) => ({
            name,
            importNames: ["default", "promises", "rename", "renameSync"],
            message: "A bare rename may be undone by a power failure: files/whole.ts has moveWhole.",
          })),
        },
      ],
    },
  },
);
