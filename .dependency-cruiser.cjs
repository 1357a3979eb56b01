/** Imports run one way: abi, cpu -> machine -> hypervisor -> dom0 -> toolstack -> library -> api -> cli, electron, renderer. */
const layer = (name, from, to, pathNot) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: to, ...(pathNot ? { pathNot } : {}) },
});

/**
 * What calls itself by its nature, file by file: the decoder, whose maps of opcodes come back for prefixes and groups, and page tables, of
 * which a valid one is made of valid ones.
 */
const NATURAL_RECURSIONS = [
  "^core/machine/cpu/decode/(decode|family|groups|hot_forms|map|map0f|map0f38|vex)\\.ts$",
  "^core/hypervisor/memory/page_(table|type)\\.ts$",
];

module.exports = {
  forbidden: [
    {
      // A circle that leaves these files is found at the files outside.
      name: "no-circular",
      severity: "error",
      from: { pathNot: NATURAL_RECURSIONS },
      to: { circular: true },
    },
    layer("abi-knows-nobody", "^core/abi/", "."),
    layer(
      "cpu-knows-only-x86",
      "^core/machine/cpu",
      "^(core/(abi|hypervisor|dom0|toolstack|library|api|cli)|electron|renderer)",
    ),
    layer(
      "machine-below-hypervisor",
      "^core/machine",
      "^(core/(hypervisor|dom0|toolstack|library|api|cli)|electron|renderer)",
    ),
    layer(
      "types-of-guests-by-their-structure",
      "^core/hypervisor/(?!guest/|core\\.ts$)",
      "^core/hypervisor/guest/[^/]+/",
    ),
    layer("hypervisor-below-dom0", "^core/hypervisor", "^(core/(dom0|toolstack|library|api|cli)|electron|renderer)"),
    layer("dom0-reaches-by-hypercall", "^core/(dom0|toolstack)", "^core/hypervisor", "^core/hypervisor/abi/"),
    layer("dom0-below-toolstack", "^core/dom0", "^(core/(toolstack|library|api|cli)|electron|renderer)"),
    layer("toolstack-below-library", "^core/toolstack", "^(core/(library|api|cli)|electron|renderer)"),
    layer("library-below-api", "^core/library", "^(core/(api|cli|hypervisor)|electron|renderer)"),
    layer("api-below-shells", "^core/api", "^(core/cli|electron|renderer)"),
    layer(
      "renderer-uses-api-schema-and-client",
      "^renderer",
      "^(core|electron)",
      "^(core/(library/downloads/kind|api/(schema|client|config-text|device-text|history/live|trace/|transport/websocket-browser))|electron/channels)",
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
