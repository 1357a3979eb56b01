/**
 * Builds dist/: core.wasm (AssemblyScript), the Node entries (esbuild), and the renderer (Vite). `node core/build.mjs [wasm|node|renderer ...]`
 * builds only those parts. core.wasm and the renderer, which take seconds, are built again only if a source has changed.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import { KEEP_OWN_CODE, LOOK_FOR_OWN_CODE } from "./bundled-whole.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const dist = path.join(root, "dist");

/** The options of asc for every AssemblyScript module of the project. */
export const ASC_OPTIONS = [
  ...["--runtime", "stub", "--importMemory", "--sharedMemory", "--initialMemory", "1024", "--maximumMemory", "65536"],
  ...["--memoryBase", "1024", "--enable", "threads", "--enable", "simd", "--enable", "bulk-memory"],
  ...["--enable", "sign-extension", "--enable", "nontrapping-f2i", "-O3", "--noAssert", "--use", "abort="],
  // Translated code is called through the table.
  "--exportTable",
  // Only functions of the same module pass vectors to each other.
  ...["--disableWarning", "112"],
];

/** What core.wasm is compiled from. */
export const CORE_FOLDERS = ["core/abi", "core/hypervisor", "core/machine"].map((folder) => path.join(root, folder));

function sourcesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Makes `output` by `make`, unless it was made from the same files and options before. The file beside it records these. */
export async function whenChanged(output, files, options, make) {
  const hash = createHash("sha256").update(JSON.stringify(options));
  for (const file of files) hash.update(file).update(readFileSync(file));
  const stamp = `${output}.sha256`;
  const digest = hash.digest("hex");
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  mkdirSync(path.dirname(output), { recursive: true });
  await make();
  writeFileSync(stamp, digest);
}

/** Compiles an AssemblyScript entry, unless `output` was made from the same sources before. */
export async function buildWasm(entry, output, folders, extra = []) {
  await whenChanged(output, [entry, ...folders.flatMap(sourcesBelow)], [ASC_OPTIONS, extra], async () => {
    const asc = await import("assemblyscript/asc");
    const { error, stderr } = await asc.main([entry, "-o", output, ...ASC_OPTIONS, ...extra]);
    if (error) throw new Error(`AssemblyScript: ${error.message}\n${stderr.toString()}`);
  });
}

/** What core/machine/layout.ts places after the image's constants, and after its functions in the table, must be there. */
function checkImage(core) {
  const layout = readFileSync(path.join(root, "core/machine/layout.ts"), "utf8");
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
  const env = { memory, now: () => 0, adopt: () => {}, wait: () => {}, trap: () => {} };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(core), { env });
  for (const [what, is, pattern] of [
    ["constants end at", exports.image_end(), /^export const (STATIC_END) = (\w+);$/m],
    ["functions in the table end at", exports.table.length, /^export const (ACTIVITY_REGIONS) = (\w+);$/m],
  ]) {
    const [, name, limit] = pattern.exec(layout) ?? [];
    if (!(is > 0 && is <= Number(limit)))
      throw new Error(`core.wasm's ${what} ${is}; core/machine/layout.ts has them end at ${limit} (${name})`);
  }
}

/** The options of esbuild for what Node and Electron run. */
const NODE = {
  bundle: true,
  platform: "node",
  target: "node20",
  sourcemap: true,
  logLevel: "warning",
  absWorkingDir: root,
  external: ["electron", "electron-builder"],
  write: false,
};

/**
 * Bundles by esbuild, with more of its options. A host may be starting from dist/ at the same time, so each file is whole at any time, and a file
 * that has not changed stays.
 */
export async function bundleWhole(options) {
  const { outputFiles } = await bundle({ ...NODE, ...options });
  for (const { path: file, contents } of outputFiles) {
    if (existsSync(file) && readFileSync(file).equals(contents)) continue;
    mkdirSync(path.dirname(file), { recursive: true });
    const part = `${file}.${process.pid}.part`;
    writeFileSync(part, contents);
    renameSync(part, file);
  }
}

/** For CommonJS libraries inside an ES module. */
const REQUIRE = {
  js: [
    "import { createRequire as xenariumRequire } from 'node:module'; const require = xenariumRequire(import.meta.url);",
    "const __dirname = import.meta.dirname;",
  ].join("\n"),
};

/** Vite's options for the renderer. `folder` has its index.html. */
export function rendererOptions(folder, outDir) {
  return {
    root: folder,
    base: "./",
    configFile: false,
    logLevel: "warn",
    esbuild: { jsx: "automatic" },
    plugins: [KEEP_OWN_CODE, LOOK_FOR_OWN_CODE],
    build: {
      outDir,
      emptyOutDir: true,
      target: "chrome123",
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 2000,
      rollupOptions: {
        // Comments and directives in libraries that the bundler does not need.
        onwarn: (warning, warn) => {
          if (!["MODULE_LEVEL_DIRECTIVE", "INVALID_ANNOTATION"].includes(warning.code)) warn(warning);
        },
      },
    },
  };
}

const parts = {
  async wasm() {
    const entry = path.join(root, "core/hypervisor/core.ts");
    await buildWasm(entry, path.join(dist, "core.wasm"), CORE_FOLDERS, ["--exportStart", "_start"]);
    checkImage(readFileSync(path.join(dist, "core.wasm")));
  },

  async node() {
    const entries = {
      cli: "core/cli/main.ts",
      dom0: "core/toolstack/dom0.ts",
      unpack: "core/dom0/builder/unpack-worker.ts",
      pcpu: "core/machine/pcpu.ts",
      translator: "core/machine/translator/thread.ts",
      profiler: "core/toolstack/profile/sampler.ts",
      tracer: "core/toolstack/trace/reader.ts",
      symbols: "core/toolstack/inspect/symbols-worker.ts",
    };
    await bundleWhole({ entryPoints: entries, outdir: dist, format: "esm", banner: REQUIRE });
    // iced-x86 looks for its WebAssembly module beside the script that contains it.
    cpSync(path.join(root, "node_modules/iced-x86/iced_x86_bg.wasm"), path.join(dist, "iced_x86_bg.wasm"));
    // In a package the threads' scripts are apart from the application's package.json, and must be ES modules there too.
    writeFileSync(path.join(dist, "package.json"), '{ "type": "module" }\n');
  },

  async electron() {
    const entries = {
      start: "electron/start.ts",
      package: "electron/package.ts",
      "electron/main": "electron/main.ts",
    };
    await bundleWhole({ entryPoints: entries, outdir: dist, format: "esm", banner: REQUIRE });
    await bundleWhole({
      entryPoints: ["electron/preload.ts"],
      outfile: path.join(dist, "electron/preload.cjs"),
      format: "cjs",
    });
  },

  /** What is started or shown without being built. */
  async assets() {
    mkdirSync(path.join(dist, "assets/guests"), { recursive: true });
    cpSync(path.join(root, "assets/guests/mini.elf"), path.join(dist, "assets/guests/mini.elf"));
    const icons = { "icon.png": "linux/256x256.png", "tray.png": "tray.png", "tray@2x.png": "tray@2x.png" };
    for (const [name, source] of Object.entries(icons))
      cpSync(path.join(root, "assets/icons", source), path.join(dist, "assets/icons", name));
  },

  async renderer() {
    // This holds whoever calls, also vitest, which sets "test": what is tested and measured must be what users get, and not React's development
    // build.
    process.env.NODE_ENV = "production";
    // What the renderer imports, and what that imports: everything except the engine and the hypervisor, of which it has only the numbers of the ABI.
    const folders = ["renderer", "core/api", "core/toolstack", "core/dom0", "core/abi", "core/hypervisor/abi"];
    const files = [
      ...folders.map((folder) => path.join(root, folder)).flatMap(sourcesBelow),
      ...["package-lock.json", "core/build.mjs", "core/bundled-whole.mjs"].map((file) => path.join(root, file)),
    ];
    await whenChanged(path.join(dist, "renderer"), files, [], async () => {
      const { build } = await import("vite");
      await build(rendererOptions(path.join(root, "renderer"), path.join(dist, "renderer")));
    });
  },
};

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2).length ? process.argv.slice(2) : Object.keys(parts);
  for (const name of wanted) {
    if (!parts[name]) throw new Error(`unknown part '${name}': ${Object.keys(parts).join(", ")}`);
    const start = performance.now();
    await parts[name]();
    console.log(`built ${name} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
}
