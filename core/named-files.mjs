/**
 * Comments and READMEs name only files that exist: each name of a source file stands for one below the folder of the file that names it, or for a
 * path from a folder around it, or from a folder beside such a folder. Tests may name files as the part of core does which they test. `node
 * core/named-files.mjs` prints the names that stand for none, and fails if there are any.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** The folders of this project's own files. Those in the root itself count too. */
const FOLDERS = ["assets", "core", "docs", "electron", "renderer", "test"];
/** Files of other projects. */
const FOREIGN = new Set(["protocol.md", "arch/x86/x86_64/entry.S"]);

/** C files and headers are those of Xen or Linux if this project names them, and files that users have are no source files. */
const NAMED = /(?<![\w./*<{$~-])[\w@.-]+(?:\/[\w@.-]+)*\.(?:tsx?|mjs|cjs|css|html|S|md|sh)(?![\w*])/g;
const NAMING = /\.(ts|tsx|mjs|c|S|h|css|md|sh)$|\/Makefile$/;

/** Returns the text that is written for people, as [offset, text] pairs. */
function proseOf(file, text) {
  if (file.endsWith(".md")) return [[0, text]];
  return [...text.matchAll(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*|(?<=^|\s)#\s.*$/gm)].map((found) => [found.index, found[0]]);
}

/** Returns the folders at which names in `file` may begin, the nearest first. */
function foldersAround(file) {
  const around = [];
  for (let folder = path.posix.dirname(file); ; folder = path.posix.dirname(folder)) {
    around.push(folder);
    if (folder.startsWith("test/")) around.push(folder.replace("test/", "core/"));
    if (folder === ".") return around;
  }
}

/** `sameNames`: the files whose last part is that of `name`. */
function isThere(file, name, sameNames) {
  const [nearest, ...around] = foldersAround(file);
  const inFolder = (folder, each) => folder === "." || each.startsWith(`${folder}/`);
  const ends = sameNames.filter((each) => each === name || each.endsWith(`/${name}`));
  if (ends.some((each) => inFolder(nearest, each))) return true;
  return ends.some((each) =>
    around.some((folder) => {
      const before = path.posix.relative(folder, each).slice(0, -name.length);
      return inFolder(folder, each) && before.split("/").length <= 2;
    }),
  );
}

/** `files`: all files that exist. `texts`: pairs of a file and its contents. */
export function missingNames(files, texts) {
  const byLastPart = new Map();
  for (const each of files) {
    const last = path.posix.basename(each);
    byLastPart.set(last, [...(byLastPart.get(last) ?? []), each]);
  }
  const named = (name) => byLastPart.get(path.posix.basename(name)) ?? [];
  return texts.flatMap(([file, text]) =>
    proseOf(file, text).flatMap(([at, prose]) =>
      [...prose.matchAll(NAMED)]
        .map((found) => ({ name: found[0].replace(/^(\.{1,2}\/)+/, ""), at: at + found.index }))
        .filter(({ name }) => !FOREIGN.has(name) && !isThere(file, name, named(name)))
        .map(({ name, at: index }) => `${file}:${text.slice(0, index).split("\n").length}: there is no ${name}`),
    ),
  );
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const below = (folder, recursive) =>
    readdirSync(path.join(root, folder), { recursive, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)).replaceAll(path.sep, "/"),
      );
  const files = [...below(".", false), ...FOLDERS.flatMap((folder) => below(folder, true))];
  const texts = files
    .filter((file) => NAMING.test(file))
    .map((file) => [file, readFileSync(path.join(root, file), "utf8")]);
  const found = missingNames(files, texts);
  for (const line of found) console.error(line);
  if (found.length) {
    console.error(`${found.length} names of files in comments and READMEs stand for no file`);
    process.exitCode = 1;
  }
}
