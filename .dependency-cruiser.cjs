/** Imports run one way: cpu -> machine -> hypervisor -> dom0 -> toolstack -> api -> cli, electron, renderer. */
const layer = (name, from, to, pathNot) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: to, ...(pathNot ? { pathNot } : {}) },
});
module.exports = {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      from: { pathNot: "^core/(machine/cpu|hypervisor)" },
      to: { circular: true },
    },
    layer("cpu-knows-only-x86", "^core/machine/cpu", "^(core/(hypervisor|dom0|toolstack|api|cli)|electron|renderer)"),
    layer("machine-below-hypervisor", "^core/machine", "^(core/(hypervisor|dom0|toolstack|api|cli)|electron|renderer)"),
    layer("hypervisor-below-dom0", "^core/hypervisor", "^(core/(dom0|toolstack|api|cli)|electron|renderer)"),
    layer("dom0-reaches-by-hypercall", "^core/(dom0|toolstack)", "^core/hypervisor", "^core/hypervisor/abi/"),
    layer("dom0-below-toolstack", "^core/dom0", "^(core/(toolstack|api|cli)|electron|renderer)"),
    layer("toolstack-below-api", "^core/toolstack", "^(core/(api|cli)|electron|renderer)"),
    layer("api-below-shells", "^core/api", "^(core/cli|electron|renderer)"),
    layer(
      "renderer-uses-api-schema-and-client",
      "^renderer",
      "^(core|electron)",
      "^(core/api/(schema|client|config-text|device-text|history/live|trace/|transport/websocket-browser)|electron/channels)",
    ),
    layer("electron-is-thin", "^electron", "^core", "^core/(api|files)/"),
    layer("files-know-nobody", "^core/files", "^(core/(?!files)|electron|renderer)"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".tsx", ".js", ".mjs", ".cjs"] },
  },
};
