/**
 * Plugins for Rollup: our own modules come into a bundle whole, or there is none.
 *
 * Rollup's tree shaking (every 4.x up to 4.68.8) drops calls that do something: of a property of an object that a promise was resolved with,
 * it takes the function that stood there first to be the only one, and where that is empty, the call to be nothing. So the call by which the
 * window learned that its connection was lost stood in no built application. Now the bundler is asked to shake libraries only, and afterwards
 * each module of ours is read again: its syntax tree must have as many nodes of every kind in the bundle as before.
 */

/** What a bundler puts in other words when it makes one file of many: names, and where they come from. */
const OF_MODULES = /^(Import|Export)|^(Identifier|MemberExpression|Literal|Program)$/;

function isOurs(id) {
  return /\.[jt]sx?$/.test(id) && !id.includes("node_modules") && !id.startsWith("\0");
}

/** How many nodes of each kind a syntax tree (ESTree) has. */
function countNodes(tree) {
  const counts = new Map();
  const visit = (node) => {
    if (!OF_MODULES.test(node.type)) counts.set(node.type, (counts.get(node.type) ?? 0) + 1);
    for (const part of Object.values(node).flat()) if (typeof part?.type === "string") visit(part);
  };
  visit(tree);
  return counts;
}

/** Of one module: "CallExpression 12 instead of 13", for each kind of node whose number is another. */
function differences(before, after) {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((kind) => ({ kind, had: before.get(kind) ?? 0, has: after.get(kind) ?? 0 }))
    .filter(({ had, has }) => had !== has)
    .map(({ kind, had, has }) => `${kind} ${has} instead of ${had}`);
}

/** Asks that our own modules be taken in whole. Libraries, most of whose code is of no use here, are shaken as always. */
export const KEEP_OWN_CODE = {
  name: "keep-own-code",
  // Said here, where Rollup has taken the module in: what `transform` says of it, it forgets.
  moduleParsed: (module) => {
    if (isOurs(module.id)) module.moduleSideEffects = "no-treeshake";
  },
};

/** Looks whether they were; the error names each module that was not, and what is missing in it. */
export const LOOK_FOR_OWN_CODE = {
  name: "look-for-own-code",
  generateBundle(_options, bundle) {
    const bundled = new Map(Object.values(bundle).flatMap(({ modules = {} }) => Object.entries(modules)));
    const lost = [];
    for (const id of [...this.getModuleIds()].filter(isOurs)) {
      const before = countNodes(this.parse(this.getModuleInfo(id).code));
      const differs = differences(before, countNodes(this.parse(bundled.get(id)?.code ?? "")));
      if (differs.length) lost.push(`${id}: ${differs.join(", ")}`);
    }
    if (lost.length) this.error(`the bundle has not all of our own code:\n${lost.join("\n")}`);
  },
};
