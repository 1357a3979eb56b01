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
);
